/* serve/sessions/session.h - one session in hand: the runs of one response, or one run of POST /runs,
 * each of which begins with the state that the one before has left.
 *
 *   begin ─▶ run ─▶ run ─▶ … ─▶ keep ─▶ end
 *
 * Nothing of it lasts before `keep`, which makes a snapshot of the newest state. Who stores what refers
 * to it does that between `keep` and `end`. A run that leaves no state (it was stopped from outside,
 * or there is no room) leaves that of the run before.
 *
 * Two sessions may begin with the same snapshot at once: each goes its own way. A session is used by
 * one thread at a time.
 */
#ifndef CLO_SERVE_SESSIONS_SESSION_H
#define CLO_SERVE_SESSIONS_SESSION_H

#include "agent/agent.h"
#include "serve/sessions/snapshots.h"

struct clo_serve_session {
    struct clo_snapshots *snapshots; /* NULL: there is none */
    struct clo_snapshot_hold hold;
    char found[CLO_ID_MAX]; /* the snapshot that it began with, also one that is gone; "": none */
    bool strict;            /* who cannot go on from there is told, and does not run */
    bool anew;              /* what it should have gone on from is gone, and nobody was told yet */
    bool left;              /* and a run began anew: what was found is of no use any more */
    char draft[CLO_ID_MAX]; /* the newest state, not kept yet; "": none */
    int descriptor;         /* its; -1 */
    uint64_t bytes;
    bool kept;  /* a snapshot was made */
    bool moved; /* its state is no longer the one that it began with */
};

/* Go on from that snapshot ("": a new session); `name`: in whose ceilings a new one counts. `strict`: see
 * above. CLO_ENOTFOUND: that snapshot is gone; CLO_ESYSTEM, CLO_ENOMEMORY: it cannot be told whether it
 * is, logged. The session may be gone on with all the same: anew. End it in any case. */
int clo_serve_session_begin(struct clo_serve_session *session, struct clo_snapshots *snapshots,
                            const char *name, const char *snapshot, bool strict);

/* As clo_agent_run. *anew, of CLO_TURN_ANEW_MAX bytes: why the session began anew with this run, though
 * there was one to go on from; "": it did not. */
int clo_serve_session_run(struct clo_serve_session *session, struct clo_agent *agent,
                          const struct clo_run *run, struct clo_run_result **result, char *anew,
                          struct clo_error *error);

/* Make a snapshot of the newest state, if there is one that is none yet. Where that fails, which is
 * logged, a strict session has the state of before; another one is told that its state is gone when it
 * goes on. */
int clo_serve_session_keep(struct clo_serve_session *session);

/* What refers to the session refers to that: what was kept last, else what it began with. "": to
 * nothing, it begins with the image's state. */
const char *clo_serve_session_snapshot(const struct clo_serve_session *session);

/* A run, of that user, has to be able to go on from: it makes a snapshot of the image's state, if there is none yet.
 * CLO_ESYSTEM, CLO_ENOMEMORY: it cannot be gone on from, logged. */
int clo_serve_session_name_run(struct clo_serve_session *session, const char *user,
                               const char *run);

/* A session that was not begun: nothing. */
void clo_serve_session_end(struct clo_serve_session *session);

#endif

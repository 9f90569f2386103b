/* session.c - see session.h. */
#include "serve/sessions/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "serve/log.h"

#define GONE "its snapshot is no longer kept"

int clo_serve_session_begin(struct clo_serve_session *session, struct clo_snapshots *snapshots,
                            const char *name, const char *snapshot, bool strict)
{
    *session =
        (struct clo_serve_session){.snapshots = snapshots, .strict = strict, .descriptor = -1};
    snprintf(session->found, sizeof session->found, "%s", snapshot);
    int status = clo_snapshots_hold(snapshots, name, snapshot, &session->hold);
    session->anew = status < 0;
    return status;
}

static void drop_draft(struct clo_serve_session *session)
{
    if (session->descriptor < 0)
        return;
    clo_snapshots_draft_drop(session->snapshots, session->draft);
    close(session->descriptor);
    session->descriptor = -1;
    session->draft[0] = '\0';
}

void clo_serve_session_end(struct clo_serve_session *session)
{
    if (!session->snapshots)
        return;
    drop_draft(session);
    clo_snapshots_release(session->snapshots, &session->hold, session->kept);
    session->snapshots = NULL;
}

/* ---- one run ---- */

/* A descriptor to read the newest state from, under *id, and whether the caller closes it. -1: it begins
 * with the image's; -2: it should not, and `why` says so. */
enum { FROM_NOTHING = -1, FROM_LOST = -2 };

static int open_from(struct clo_serve_session *session, const char **id, bool *owned)
{
    *owned = false;
    *id = session->draft;
    if (session->descriptor >= 0)
        return session->descriptor;
    *id = session->hold.row.id;
    if (session->anew)
        return FROM_LOST;
    if (!**id || !session->hold.row.bytes || session->left)
        return FROM_NOTHING;
    int descriptor = clo_snapshots_content(session->snapshots, &session->hold);
    *owned = descriptor >= 0;
    return descriptor >= 0 ? descriptor : FROM_LOST;
}

struct attempt {
    struct clo_serve_session *session;
    struct clo_agent *agent;
    const struct clo_run *run;
    char id[CLO_ID_MAX]; /* of what it leaves */
    int to;              /* -1: nowhere */
};

static int carry_out(const struct attempt *attempt, int from, const char *id,
                     struct clo_run_result **result, struct clo_error *error)
{
    const struct clo_snapshots *snapshots = attempt->session->snapshots;
    const struct clo_snapshot_options old = clo_snapshots_seal(snapshots, id, true);
    const struct clo_snapshot_options new = clo_snapshots_seal(snapshots, attempt->id, false);
    const struct clo_run_state state = {
        .from = from, .to = attempt->to, .from_options = &old, .to_options = &new};
    struct clo_run run = *attempt->run;
    run.state = &state;
    return clo_agent_run(attempt->agent, &run, result, error);
}

static int cannot_go_on(struct clo_error *error, const char *why)
{
    clo_fail(error, CLO_EINVALID, "the session cannot go on: %s", why);
    return clo_hint(error, CLO_EINVALID, "begin a new one");
}

/* For models and clients, who are told nothing of the host: the log has the rest. */
static const char *plainly(int status)
{
    return status == CLO_ELIMIT ? "it has more memory or files than a run may have now"
                                : "its snapshot is damaged, or was made with another image";
}

/* Is it the state that was refused, and not what the run itself asks for? */
static bool is_state_refused(const struct attempt *attempt, int from, const char *id,
                             const struct clo_error *error)
{
    const struct clo_run nothing = {.code = "", .no_tools = true, .cancel = attempt->run->cancel};
    const struct attempt look = {attempt->session, attempt->agent, &nothing, "", -1};
    struct clo_run_result *result = NULL;
    struct clo_error why = {0};
    int status = carry_out(&look, from, id, &result, &why);
    if (status == 0)
        clo_run_result_free(result);
    if (status != CLO_EINVALID && status != CLO_ELIMIT)
        return false;
    clo_log_event("warning", "sessions", "%s is of no use: %s", id, error->message);
    return true;
}

/* A state that is refused is refused for what it is, and no code has run. */
static int carry_out_from(const struct attempt *attempt, int from, const char *id,
                          struct clo_run_result **result, char *anew, struct clo_error *error)
{
    int status = carry_out(attempt, from, id, result, error);
    bool refused = (status == CLO_EINVALID || status == CLO_ELIMIT) && from >= 0;
    if (!refused || !is_state_refused(attempt, from, id, error))
        return status;
    if (attempt->session->strict)
        return cannot_go_on(error, plainly(status));
    snprintf(anew, CLO_TURN_ANEW_MAX, "%s", plainly(status));
    return carry_out(attempt, FROM_NOTHING, id, result, error);
}

static int carry_out_or_begin_anew(const struct attempt *attempt, struct clo_run_result **result,
                                   char *anew, struct clo_error *error)
{
    const char *id;
    bool owned;
    int from = open_from(attempt->session, &id, &owned);
    if (from == FROM_LOST && attempt->session->strict)
        return cannot_go_on(error, GONE);
    if (from == FROM_LOST)
        snprintf(anew, CLO_TURN_ANEW_MAX, GONE);
    int status = carry_out_from(attempt, from < 0 ? FROM_NOTHING : from, id, result, anew, error);
    if (owned)
        close(from);
    return status;
}

static void refuse(struct clo_run_result *result, const char *why)
{
    free(result->state_note);
    result->state_note = strdup(why); /* without memory it has no reason */
    result->state_bytes = 0;
    result->state = CLO_STATE_REFUSED;
}

/* What the run left becomes the newest state, if there is room for it. */
static void take(struct attempt *attempt, struct clo_run_result *result)
{
    struct clo_serve_session *session = attempt->session;
    const char *what;
    char why[160];
    if (attempt->to < 0) {
        refuse(result,
               "this server has no folder for the states of sessions, or cannot write there");
        return;
    }
    if (result->state != CLO_STATE_KEPT)
        return;
    int status =
        clo_snapshots_count(session->snapshots, &session->hold, result->state_bytes, &what);
    if (status < 0) {
        snprintf(why, sizeof why, "the server has no more room for the states of sessions%s%s%s",
                 what ? " (" : "", what ? what : "", what ? ")" : "");
        refuse(result, why);
        return;
    }
    drop_draft(session);
    snprintf(session->draft, sizeof session->draft, "%s", attempt->id);
    session->descriptor = attempt->to;
    session->bytes = result->state_bytes;
    attempt->to = -1;
}

int clo_serve_session_run(struct clo_serve_session *session, struct clo_agent *agent,
                          const struct clo_run *run, struct clo_run_result **result, char *anew,
                          struct clo_error *error)
{
    struct attempt attempt = {.session = session, .agent = agent, .run = run};
    *anew = '\0';
    attempt.to = clo_snapshots_draft(session->snapshots, attempt.id);
    attempt.to = attempt.to < 0 ? -1 : attempt.to;
    int status = carry_out_or_begin_anew(&attempt, result, anew, error);
    if (status == 0 && *anew) {
        session->anew = false;
        session->left = session->moved = true;
        drop_draft(session);
    }
    if (status == 0)
        take(&attempt, *result);
    if (attempt.to >= 0) {
        clo_snapshots_draft_drop(session->snapshots, attempt.id);
        close(attempt.to);
    }
    return status;
}

/* ---- what lasts ---- */

int clo_serve_session_keep(struct clo_serve_session *session)
{
    if (session->descriptor < 0)
        return 0;
    int status = clo_snapshots_publish(session->snapshots, &session->hold, session->draft,
                                       session->descriptor, session->bytes);
    if (status == 0 || !session->strict) { /* one that could not be made will be missed */
        snprintf(session->found, sizeof session->found, "%s", session->draft);
        session->left = false;
        session->anew = status < 0;
        session->moved = true;
    }
    session->kept |= status == 0;
    close(session->descriptor);
    session->descriptor = -1;
    session->draft[0] = '\0';
    return status;
}

const char *clo_serve_session_snapshot(const struct clo_serve_session *session)
{
    return session->left ? "" : session->found;
}

int clo_serve_session_name_run(struct clo_serve_session *session, const char *user, const char *run)
{
    int status = 0;
    if (session->anew)
        return CLO_ESYSTEM;
    if (!session->hold.row.id[0] || session->left)
        status = clo_snapshots_publish_beginning(session->snapshots, &session->hold);
    session->kept |= status == 0;
    return status < 0 ? status
                      : clo_snapshots_name_run(session->snapshots, &session->hold, user, run);
}

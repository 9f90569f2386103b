/* serve/sessions/snapshots.h - the states of sessions on the disk: their files, and what is counted.
 * Read this first.
 *
 *   a run ─▶ draft: part-ID ──counted──▶ the session's newest state ─┬─▶ the next run of the response
 *             (session.c)                                            │
 *                                  the response is over: sync, rename ─▶ ID ─▶ a row
 *                                                                             (store/store_snapshots.h)
 *
 * The content of a snapshot is one file of a folder, called after its id, for this user alone (0600 in
 * 0700): FILE-snapshots beside the store FILE, or a private folder of $TMPDIR, /tmp or /dev/shm for a
 * store in memory. It is sealed with the server's key (key.h), and bound to its id: no other file is
 * taken in its place.
 *
 * What is always true
 * - A row comes after its content, which is on the disk by then; content goes after its row. What a crash
 *   leaves (drafts, content without a row, rows without content or without anything that refers to them)
 *   is swept at the start.
 * - A snapshot's content never changes. Any number of runs go on from it at once.
 * - What a session in hand holds is not removed: not for its age, not for others' room, not because the
 *   response that it came from was deleted.
 * - Ceilings on number and bytes, of one session and of all: the oldest that nobody holds goes first.
 *   Drafts count from when the run that made one has ended. What does not fit then is refused.
 * - Any thread may call. The one lock is held for counting alone, the store's inside of it; a hold is
 *   used by one thread at a time.
 */
#ifndef CLO_SERVE_SESSIONS_SNAPSHOTS_H
#define CLO_SERVE_SESSIONS_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cloche/sandbox.h"
#include "serve/store/store_snapshots.h"

struct clo_snapshots;

struct clo_snapshots_config {
    const char *store;                     /* the store's file; NULL: in memory */
    uint64_t max_bytes;                    /* of one */
    uint64_t count;                        /* of all */
    uint64_t total_bytes;                  /* likewise, where each counts for 4 KiB at least */
    uint64_t keep_s;                       /* after which one is removed; 0: never */
    uint64_t session_count, session_bytes; /* of one session */
};

/* The folder is made, the key made or read, and what a crash has left removed. CLO_ESYSTEM,
 * CLO_EINVALID name what is wrong; without a store a folder that cannot be had is only logged: then
 * nothing lasts. */
int clo_snapshots_open(struct clo_snapshots **snapshots, struct clo_store *store,
                       const struct clo_snapshots_config *config, struct clo_error *error);
void clo_snapshots_close(struct clo_snapshots *snapshots); /* NULL is allowed */

/* Remove what is too old, what nothing refers to any more, and the content of what was removed. Cheap
 * where nothing is. */
void clo_snapshots_sweep(struct clo_snapshots *snapshots);

/* What a session in hand keeps from being removed, and its draft's part in what is counted. */
struct clo_snapshot_hold {
    struct clo_snapshot_row row; /* id "": none is held */
    char session[CLO_NAME_BYTES_MAX + 1];
    uint64_t draft; /* bytes that are counted for it; 0: none */
    LIST_ENTRY(clo_snapshot_hold) entry;
};

/* Take part in what is counted and hold the snapshot `id`, for its session; "": none, for a new session of
 * that name.
 * CLO_ENOTFOUND: that one is not there or too old; the hold is good all the same, and holds none. */
int clo_snapshots_hold(struct clo_snapshots *snapshots, const char *session, const char *id,
                       struct clo_snapshot_hold *hold);
/* `kept`: the one that it holds was published for it, and goes if nothing has come to refer to it. */
void clo_snapshots_release(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold,
                           bool kept);

/* The content of the one that is held, to read; the caller closes it. Negative: a status. */
int clo_snapshots_content(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold);

/* A new empty file, to write and to read, under a new id; the caller closes it. CLO_ESYSTEM, logged; or
 * there is no folder. */
int clo_snapshots_draft(struct clo_snapshots *snapshots, char id[CLO_ID_MAX]);
void clo_snapshots_draft_drop(struct clo_snapshots *snapshots, const char *id);

/* With what a draft or content of that id is sealed; it points into `snapshots` and `id`. Its ceiling is
 * that of a new one; `old`: of one that was let in before. */
struct clo_snapshot_options clo_snapshots_seal(const struct clo_snapshots *snapshots,
                                               const char *id, bool old);

/* Count a draft of so many bytes in the place of the hold's earlier one; the oldest of others go for
 * it. CLO_ELIMIT: there is no room; what was counted stays. *what: the setting that says so, static. */
int clo_snapshots_count(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold,
                        uint64_t bytes, const char **what);

/* Make a snapshot of the draft: on the disk, with a row. The hold holds it then, and no longer the one
 * before. On failure, logged, there is no draft any more. */
int clo_snapshots_publish(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold,
                          const char *id, int descriptor, uint64_t bytes);
/* The same of the state with which a session begins, which has no content. */
int clo_snapshots_publish_beginning(struct clo_snapshots *snapshots,
                                    struct clo_snapshot_hold *hold);

/* A run whose session goes on from what is held. */
int clo_snapshots_name_run(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold,
                           const char *user, const char *run);

#endif

/* serve/store/store_snapshots.h - what is known of the snapshots of sessions but their content: rows
 * of the store.
 *
 *   responses.snapshot ──┐
 *                        ├──▶ snapshots: id, size, age, whose session it is of
 *   session_runs.snapshot┘    (the content: a file of that name, serve/sessions/snapshots.h)
 *
 * A response or run refers to the snapshot that its session goes on from. What nothing refers to any
 * more waits in a list until it is looked at (a run may be using it), and a row that goes away leaves
 * its id in another, until its content is removed. A reference whose row is gone stays: so it is known
 * that there was a state.
 *
 * As everywhere in the store, functions return 0, CLO_ENOTFOUND, CLO_ESYSTEM or CLO_ENOMEMORY. Times are
 * seconds since 1970.
 */
#ifndef CLO_SERVE_STORE_STORE_SNAPSHOTS_H
#define CLO_SERVE_STORE_STORE_SNAPSHOTS_H

#include "serve/store/store.h"

struct clo_snapshot_row {
    char id[CLO_ID_MAX];
    int64_t created;
    uint64_t bytes;                       /* 0: the state of the image, which has no content */
    char session[CLO_NAME_BYTES_MAX + 1]; /* whose ceilings it counts in */
};

int clo_store_snapshot_add(struct clo_store *store, const struct clo_snapshot_row *row);
int clo_store_snapshot_get(struct clo_store *store, const char *id, struct clo_snapshot_row *row);
int clo_store_snapshot_delete(struct clo_store *store, const char *id);

/* From the oldest to the newest, of one session (NULL: of all): the first behind *after, which is 0
 * at the beginning and moves on. */
int clo_store_snapshot_next(struct clo_store *store, const char *session, int64_t *after,
                            struct clo_snapshot_row *row);

/* How many, and their bytes, where each counts for 4 KiB at least; of one session, or of all (NULL). */
int clo_store_snapshots_totals(struct clo_store *store, const char *session, uint64_t *count,
                               uint64_t *bytes);

/* The snapshot of: a response; the newest finished response of a conversation, but for those that were
 * cancelled, which change nothing; the newest response with
 * an output item of that id; a run. "": it has none. CLO_ENOTFOUND: there is no such response or run. */
int clo_store_snapshot_of_response(struct clo_store *store, const char *response,
                                   char id[CLO_ID_MAX]);
int clo_store_snapshot_of_conversation(struct clo_store *store, const char *user,
                                       const char *conversation, char id[CLO_ID_MAX]);
int clo_store_snapshot_of_item(struct clo_store *store, const char *user, const char *item,
                               char id[CLO_ID_MAX]);
int clo_store_snapshot_of_run(struct clo_store *store, const char *user, const char *run,
                              char id[CLO_ID_MAX]);

/* A run of POST /runs whose session goes on from there. Of one session at most `most` are kept, the
 * newest. It goes with its snapshot. */
int clo_store_session_run_add(struct clo_store *store, const char *user, const char *run,
                              const char *session, const char *snapshot, unsigned most);

/* The run has no state any more; its snapshot goes if nothing else refers to it. CLO_ENOTFOUND. */
int clo_store_session_run_delete(struct clo_store *store, const char *user, const char *run);

/* The next id behind `after` ("": the first) to which something referred that does no longer. */
int clo_store_snapshot_unused(struct clo_store *store, const char *after, char id[CLO_ID_MAX]);
/* It has been looked at, and goes, if nothing refers to it now. */
int clo_store_snapshot_drop(struct clo_store *store, const char *id);
/* All that nothing refers to are put into that list: as a crash leaves them. */
int clo_store_snapshots_orphans(struct clo_store *store);

/* An id whose row is gone and whose content is to be removed; CLO_ENOTFOUND: there is none. */
int clo_store_snapshots_gone(struct clo_store *store, char id[CLO_ID_MAX]);
/* The content is removed, too. */
int clo_store_snapshots_forget(struct clo_store *store, const char *id);

#endif

/* serve/files/turn_artifacts.h - what the runs of one turn leave in /output, as files.
 *
 *   a run has ended ─▶ keep: each artifact becomes a file of the response, and has a place below
 *                            /input for the runs that follow (places.h)
 *   a message ends  ─▶ announce: those that no message has named yet
 *
 * What was written anew with the same bytes is the same file. What a run of a session has let be is kept
 * already. The files of a response that is not
 * stored belong to nobody, and expire.
 * Any thread may call: several runs may end at once.
 */
#ifndef CLO_SERVE_FILES_TURN_ARTIFACTS_H
#define CLO_SERVE_FILES_TURN_ARTIFACTS_H

#include "serve/files/places.h"

#define CLO_TURN_ARTIFACTS_MAX 256 /* files that all runs of a response may leave */

struct clo_turn_artifacts {
    struct clo_places *places;
    const char *owner;    /* the response; borrowed */
    bool stored;          /* it will be */
    pthread_mutex_t lock; /* guards: */
    json_t *kept;         /* array of {file_id, path, sha256} */
    json_t *unnamed;      /* array of {file_id, path} */
};

/* After the history was gone through, as files of it may still be unnamed. */
void clo_turn_artifacts_init(struct clo_turn_artifacts *artifacts, struct clo_places *places,
                             const char *owner, bool stored);
void clo_turn_artifacts_clear(struct clo_turn_artifacts *artifacts);

/* For struct clo_turn_files; `context` is the artifacts. */
json_t *clo_turn_artifacts_keep(void *context, const struct clo_run_result *result, char **told);
json_t *clo_turn_artifacts_announce(void *context);

#endif

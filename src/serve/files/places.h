/* serve/files/places.h - the files of one turn: where each stands below /input, and what the model is
 * told of them.
 *
 *   history ─▶ clo_places_show ─▶ the same, with a line of text where a file was
 *                  │
 *                places ─▶ clo_places_mounts ─▶ each batch of runs
 *                  ▲
 *   a run's artifacts (turn_artifacts.c)
 *
 * A place is found by going through the history in its order, so that a file has the same place in all
 * turns of a conversation, and the model's text of an earlier turn stays true:
 * - what a client sent stands under its name; another file of that name under "name (2).csv", which
 *   the model is told with it. One file that is named twice stands once.
 * - what a run left stands under its path below /output. A later one of the same path takes its place,
 *   as the code has written it anew; what a client sent, and what the agent itself mounts, keeps its
 *   place before it.
 * - a file that was deleted or has expired is told as such, and stands nowhere.
 *
 * The history of the turn is gone through before it begins; from then on any thread may call.
 */
#ifndef CLO_SERVE_FILES_PLACES_H
#define CLO_SERVE_FILES_PLACES_H

#include <jansson.h>
#include <pthread.h>

#include "cloche/sandbox.h"
#include "serve/files/file_store.h"

#define CLO_PLACES_MAX CLO_RUN_MOUNTS_MAX
#define CLO_PLACES_IMAGE_MAX (20u << 20) /* bytes of an image that a model is sent */
#define CLO_PLACES_IMAGES_MAX                                                                      \
    (48u << 20) /* bytes of all in a turn; the newest, if there are more */
#define CLO_PLACE_MAX (CLO_FILE_NAME_MAX + 32)

struct clo_place {
    char id[CLO_ID_MAX];
    bool artifact;
    char *name;   /* the file's */
    char *target; /* "/input/sales.csv" */
    char *source; /* of the host */
};

struct clo_places {
    struct clo_file_store *files;
    const char *user;         /* whose files they are; borrowed */
    const char *const *taken; /* places of the agent's own mounts; borrowed */
    size_t taken_count;
    pthread_mutex_t lock;  /* guards: */
    struct clo_place *all; /* at most CLO_PLACES_MAX */
    size_t count, room;
    struct clo_mount *mounts; /* what was handed out last; it owns its strings */
    size_t mount_count;
    json_t *unnamed; /* {file_id, path} of a run whose turn has ended without a message; an array */
    uint64_t images_skipped; /* bytes of the oldest images, which the model is not sent any more */
    json_t *left;            /* lines on artifacts that the model has not been told as files yet */
};

void clo_places_init(struct clo_places *places, struct clo_file_store *files, const char *user,
                     const char *const *taken, size_t taken_count);
void clo_places_clear(struct clo_places *places);

/* Put a file there. False: there is no room for one more, or out of memory. *target: where it stands,
 * copied. */
bool clo_places_add(struct clo_places *places, const struct clo_file *file, bool artifact,
                    char target[CLO_PLACE_MAX]);

/* For clo_history_load: `context` is the places. */
int clo_places_show(void *context, json_t *items, struct clo_problem *problem);

/* The places so far, as mounts; they are good until the next call, on whatever thread. */
const struct clo_mount *clo_places_mounts(struct clo_places *places, size_t *count);

#endif

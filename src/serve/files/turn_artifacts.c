/* turn_artifacts.c - see turn_artifacts.h. */
#include "serve/files/turn_artifacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"
#include "serve/files/file_name.h"
#include "serve/log.h"

#define COPY_STEP (256u << 10) /* bytes */
#define TOLD_MAX (16u << 10)   /* bytes of what the model is told of one run's */
#define TOLD_LINES 20          /* of them, one for each file */

void clo_turn_artifacts_init(struct clo_turn_artifacts *artifacts, struct clo_places *places,
                             const char *owner, bool stored)
{
    memset(artifacts, 0, sizeof *artifacts);
    artifacts->places = places;
    artifacts->owner = owner;
    artifacts->stored = stored;
    artifacts->kept = json_array();
    artifacts->unnamed = json_incref(places->unnamed);
    pthread_mutex_init(&artifacts->lock, NULL);
}

void clo_turn_artifacts_clear(struct clo_turn_artifacts *artifacts)
{
    json_decref(artifacts->kept);
    json_decref(artifacts->unnamed);
    pthread_mutex_destroy(&artifacts->lock);
}

/* One that was kept already: the same bytes under the same name. */
static const json_t *find(const struct clo_turn_artifacts *artifacts, const char *path,
                          const char *sha256)
{
    const json_t *entry;
    size_t index;
    json_array_foreach(artifacts->kept, index, entry) {
        if (clo_json_is(entry, "path", path) && clo_json_is(entry, "sha256", sha256))
            return entry;
    }
    return NULL;
}

static int copy(const struct clo_run_result *result, size_t index, struct clo_file_draft *draft,
                struct clo_problem *problem)
{
    struct clo_error error = {0};
    uint64_t offset = 0, size = result->artifacts[index].size;
    char *buffer = malloc(COPY_STEP);
    int status = buffer ? 0 : clo_problem_internal(problem);
    while (status == 0 && offset < size) {
        size_t got = 0;
        if (clo_artifact_read(result, index, offset, buffer, COPY_STEP, &got, &error) || !got) {
            clo_log_event("error", "files", "an artifact cannot be read: %s", error.message);
            status = clo_problem_internal(problem);
            break;
        }
        status = clo_file_draft_write(draft, buffer, got, problem);
        offset += got;
    }
    free(buffer);
    if (status < 0)
        clo_file_draft_drop(draft);
    return status;
}

static int make_file(struct clo_turn_artifacts *artifacts, const struct clo_run_result *result,
                     size_t index, const char *path, struct clo_file *file,
                     struct clo_problem *problem)
{
    struct clo_file_draft draft;
    memset(file, 0, sizeof *file);
    int status =
        clo_file_draft_begin(artifacts->places->files, NULL, artifacts->owner, &draft, problem);
    if (status == 0)
        status = copy(result, index, &draft, problem);
    if (status < 0)
        return status;
    draft.fleeting = !artifacts->stored;
    snprintf(file->name, sizeof file->name, "%s", path);
    snprintf(file->user, sizeof file->user, "%s", artifacts->places->user);
    snprintf(file->purpose, sizeof file->purpose, "%s", CLO_FILE_PURPOSE_ARTIFACT);
    snprintf(file->media, sizeof file->media, "%s", result->artifacts[index].media_type);
    if (artifacts->stored)
        snprintf(file->owner, sizeof file->owner, "%s", artifacts->owner);
    else
        file->expires = clo_file_store_now() + CLO_FILES_UNSTORED_KEEP_S;
    return clo_file_draft_keep(&draft, file, problem);
}

/* What one artifact has become: a place, or why it is none. */
struct outcome {
    char target[CLO_PLACE_MAX];
    const char *why; /* NULL: it has a place; or in `problem` */
    struct clo_problem problem;
};

/* With the lock held. The entry of the item, {file_id, path}; NULL: not kept. */
static json_t *keep_one(struct clo_turn_artifacts *artifacts, const struct clo_run_result *result,
                        size_t index, struct outcome *outcome)
{
    const struct clo_artifact *artifact = &result->artifacts[index];
    char path[CLO_FILE_NAME_MAX + 1];
    struct clo_file file;
    outcome->why = outcome->problem.message;
    if (!clo_file_path_clean(path, sizeof path, artifact->path)) {
        outcome->why = "its name is too long, or nothing of it can be shown";
        return NULL;
    }
    const json_t *known = find(artifacts, path, artifact->sha256);
    if (known) {
        if (clo_file_store_get(artifacts->places->files, artifacts->places->user,
                               clo_json_text(known, "file_id"), &file))
            return NULL; /* it was deleted meanwhile */
    } else if (json_array_size(artifacts->kept) >= CLO_TURN_ARTIFACTS_MAX) {
        outcome->why = "the runs of one turn may leave 256 files";
        return NULL;
    } else if (make_file(artifacts, result, index, path, &file, &outcome->problem) < 0) {
        return NULL;
    }
    outcome->why = clo_places_add(artifacts->places, &file, true, outcome->target)
                       ? NULL
                       : "it is kept for the user, but /input has no room for it";
    json_t *entry = json_pack("{s:s, s:s}", "file_id", file.id, "path", path);
    if (known || !entry)
        return entry;
    json_t *full =
        json_pack("{s:s, s:s, s:s}", "file_id", file.id, "path", path, "sha256", artifact->sha256);
    if (!full || json_array_append_new(artifacts->kept, full) < 0 ||
        json_array_append(artifacts->unnamed, entry) < 0)
        clo_log_event("error", "files", "out of memory: file %s is not announced", file.id);
    return entry;
}

/* Only what differs from "/input/PATH" is told of each. */
static void tell(struct clo_buffer *told, size_t *lines, const struct clo_artifact *artifact,
                 const struct outcome *outcome)
{
    static const size_t skip = sizeof "/input/" - 1;
    if (!outcome->why && strcmp(outcome->target + skip, artifact->path) == 0)
        return;
    if (++*lines > TOLD_LINES)
        return;
    clo_buffer_text(told, "note: /output/");
    clo_text_clean(told, artifact->path, strlen(artifact->path));
    if (outcome->why)
        clo_buffer_format(told, " is not there: %s\n", outcome->why);
    else
        clo_buffer_format(told, " is %s there\n", outcome->target);
}

static bool any_changed(const struct clo_run_result *result)
{
    for (size_t i = 0; i < result->artifact_count; i++) {
        if (result->artifacts[i].changed)
            return true;
    }
    return false;
}

json_t *clo_turn_artifacts_keep(void *context, const struct clo_run_result *result, char **told)
{
    struct clo_turn_artifacts *artifacts = context;
    struct clo_buffer text = CLO_BUFFER(TOLD_MAX);
    json_t *entries = json_array();
    size_t lines = 0;
    *told = NULL;
    if (!any_changed(result)) {
        json_decref(entries);
        return NULL;
    }
    clo_buffer_text(&text, "note: later runs find these files in /input\n");
    pthread_mutex_lock(&artifacts->lock);
    for (size_t i = 0; i < result->artifact_count; i++) {
        struct outcome outcome = {.why = NULL};
        if (!result->artifacts[i].changed) /* it became a file when it was written */
            continue;
        json_t *entry = keep_one(artifacts, result, i, &outcome);
        if (outcome.why)
            clo_log_event("warning", "files", "an artifact of %s: %s", artifacts->owner,
                          outcome.why);
        tell(&text, &lines, &result->artifacts[i], &outcome);
        if (entry)
            json_array_append_new(entries, entry);
    }
    pthread_mutex_unlock(&artifacts->lock);
    *told = clo_buffer_take(&text, NULL);
    clo_buffer_free(&text);
    return entries;
}

json_t *clo_turn_artifacts_announce(void *context)
{
    struct clo_turn_artifacts *artifacts = context;
    pthread_mutex_lock(&artifacts->lock);
    json_t *unnamed = NULL;
    if (json_array_size(artifacts->unnamed) > 0) {
        unnamed = artifacts->unnamed;
        artifacts->unnamed = json_array();
    }
    pthread_mutex_unlock(&artifacts->lock);
    return unnamed;
}

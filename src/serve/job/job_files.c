/* job_files.c - the files of a response in the making. */
#include "serve/files/intake.h"
#include "serve/job/response_job.h"
#include "serve/store/history.h"
#include "serve/store/store_files.h"

static bool is_to_be_stored(const struct clo_response_job *job)
{
    return job->request.background || job->request.store;
}

void clo_job_files_begin(struct clo_response_job *job)
{
    size_t count;
    const char *const *taken = clo_agent_places(job->server->agent, &count);
    clo_places_init(&job->places, job->server->files, job->request.user, taken, count);
}

int clo_job_files_load(struct clo_response_job *job, json_t **input, struct clo_problem *problem)
{
    struct clo_server *server = job->server;
    const struct clo_history_view view = {clo_places_show, &job->places};
    job->has_files = job->request.inline_files != NULL;
    int status =
        clo_intake_write(server->files, &job->request, job->id, is_to_be_stored(job), problem);
    return status < 0 ? status
                      : clo_history_load(server->store, &job->request, &view, input, problem);
}

static const struct clo_mount *mounts(void *context, size_t *count)
{
    struct clo_response_job *job = context;
    return clo_places_mounts(&job->places, count);
}

static json_t *keep(void *context, const struct clo_run_result *result, char **told)
{
    struct clo_response_job *job = context;
    return clo_turn_artifacts_keep(&job->artifacts, result, told);
}

static json_t *announce(void *context)
{
    struct clo_response_job *job = context;
    return clo_turn_artifacts_announce(&job->artifacts);
}

struct clo_turn_files clo_job_files_turn(struct clo_response_job *job)
{
    clo_turn_artifacts_init(&job->artifacts, &job->places, job->id, is_to_be_stored(job));
    return (struct clo_turn_files){mounts, keep, announce, job};
}

void clo_job_files_turn_end(struct clo_response_job *job)
{
    job->has_files |= json_array_size(job->artifacts.kept) > 0;
    clo_turn_artifacts_clear(&job->artifacts);
}

void clo_job_files_end(struct clo_response_job *job)
{
    clo_places_clear(&job->places);
    if (!job->has_files || job->stored)
        return;
    clo_store_files_drop(job->server->store, job->id);
    clo_server_stale(job->server);
}

/* job_session.c - the session of a response in the making. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "serve/job/response_job.h"
#include "serve/protocol/output_filter.h"
#include "serve/store/store_snapshots.h"

#define UNKNOWN                                                                                    \
    "unknown" /* no snapshot has that id, so that a session is told that its own is gone */
#define LOOKED_AT_MAX 64 /* items of a request, from its end, that may tell what it goes on from */

static bool wants_session(const struct clo_response_job *job)
{
    return job->request.state == CLO_REQUEST_STATE_AGENT
               ? clo_agent_has_sessions(job->server->agent)
               : job->request.state == CLO_REQUEST_STATE_SESSION;
}

/* As it is stored: a run that a client was shown has the id of its function_call (output_filter.h). */
static const char *stored_id(const char *id, char text[CLO_NAME_BYTES_MAX + 1])
{
    static const size_t skip = sizeof CLO_OUTPUT_FILTER_MCP_PREFIX - 1;
    if (strncmp(id, CLO_OUTPUT_FILTER_MCP_PREFIX, skip) != 0 || strlen(id) > CLO_NAME_BYTES_MAX)
        return id;
    snprintf(text, CLO_NAME_BYTES_MAX + 1, CLO_OUTPUT_FILTER_CALL_PREFIX "%s", id + skip);
    return text;
}

/* A client that sends the items back itself goes on from the response that the last of them is of. */
static int find_by_items(const struct clo_response_job *job, char id[CLO_ID_MAX])
{
    const json_t *input = job->request.input;
    char text[CLO_NAME_BYTES_MAX + 1];
    size_t end = json_array_size(input);
    int status = CLO_ENOTFOUND;
    for (size_t i = end; i > 0 && end - i < LOOKED_AT_MAX && status == CLO_ENOTFOUND; i--) {
        const char *item = clo_json_text(json_array_get(input, i - 1), "id");
        if (item)
            status = clo_store_snapshot_of_item(job->server->store, job->request.user,
                                                stored_id(item, text), id);
    }
    return status;
}

void clo_job_session_find(struct clo_response_job *job)
{
    const struct clo_request *request = &job->request;
    struct clo_store *store = job->server->store;
    char id[CLO_ID_MAX] = "";
    int status =
        request->previous ? clo_store_snapshot_of_response(store, request->previous, id)
        : request->conversation[0]
            ? clo_store_snapshot_of_conversation(store, request->user, request->conversation, id)
            : find_by_items(job, id);
    if (status < 0)
        snprintf(id, sizeof id, "%s", status == CLO_ENOTFOUND ? "" : UNKNOWN);
    pthread_mutex_lock(&job->lock);
    memcpy(job->snapshot, id, sizeof id);
    pthread_mutex_unlock(&job->lock);
}

void clo_job_session_begin(struct clo_response_job *job)
{
    clo_job_session_find(job);
    if (wants_session(job))
        clo_serve_session_begin(&job->session, job->server->snapshots, job->request.session,
                                job->snapshot, false);
}

static int run(void *context, const struct clo_run *run, struct clo_run_result **result, char *anew,
               struct clo_error *error)
{
    struct clo_response_job *job = context;
    return clo_serve_session_run(&job->session, job->server->agent, run, result, anew, error);
}

struct clo_turn_session clo_job_session_turn(struct clo_response_job *job)
{
    return job->session.snapshots ? (struct clo_turn_session){run, job}
                                  : (struct clo_turn_session){NULL, NULL};
}

void clo_job_session_keep(struct clo_response_job *job)
{
    if (job->session.snapshots && (job->request.background || job->request.store))
        clo_serve_session_keep(&job->session);
    /* others may have gone on with the conversation, of which this one has changed nothing */
    if (job->request.conversation[0] && !job->session.moved)
        clo_job_session_find(job);
}

const char *clo_job_session_snapshot(const struct clo_response_job *job, const char *status)
{
    return strcmp(status, "cancelled") != 0 && job->session.moved
               ? clo_serve_session_snapshot(&job->session)
               : job->snapshot;
}

void clo_job_session_end(struct clo_response_job *job)
{
    clo_serve_session_end(&job->session);
}

/* handle_create.c - POST /responses: everything up to handing the job to the executor. */
#include <string.h>

#include "agent/agent.h"
#include "base/id.h"
#include "serve/files/intake.h"
#include "serve/handlers.h"
#include "serve/hosted/lifecycle.h"
#include "serve/job/response_job.h"
#include "serve/protocol/invocation.h"
#include "serve/protocol/response.h"
#include "serve/store/history.h"
#include "serve/store/store.h"

/* The response's id: the caller's, if it is well-formed, else a new one. */
static int choose_id(struct clo_exchange *exchange, const struct clo_request *request,
                     char id[CLO_NAME_BYTES_MAX + 1], struct clo_problem *problem)
{
    const char *wanted = clo_exchange_header(exchange, "x-agent-response-id");
    if (!wanted) {
        if (exchange->server->lifecycle)
            clo_lifecycle_response_id(id, request->previous);
        else
            clo_id_make(id, "resp");
        return 0;
    }
    if (!clo_name_ok(wanted))
        return clo_problem_set(
            problem, 400, "invalid_value", "x-agent-response-id",
            "'x-agent-response-id' is '%.128s'; it may hold up to %d letters, digits, '_', '-', '.' and ':'.",
            wanted, CLO_NAME_BYTES_MAX);
    clo_name_copy(id, wanted);
    return 0;
}

/* The session of an invocation: the query's, else the container's, else a new one. */
static int parse_invocation(struct clo_exchange *exchange, struct clo_request *request,
                            const char *text, struct clo_problem *problem)
{
    char session[CLO_NAME_BYTES_MAX + 1] = "";
    const char *given = clo_exchange_query(exchange, "agent_session_id");
    if (given && !clo_name_ok(given))
        return clo_problem_set(
            problem, 400, "invalid_value", "agent_session_id",
            "'agent_session_id' is '%.128s'; it may hold up to %d letters, digits, '_', '-', '.' and ':'.",
            given, CLO_NAME_BYTES_MAX);
    if (given)
        clo_name_copy(session, given);
    else if (exchange->server->lifecycle)
        clo_lifecycle_session(exchange->server->lifecycle, session);
    if (!session[0])
        clo_id_make(session, "sess");
    return clo_invocation_parse(request, session, text, exchange->body.length, problem);
}

static int parse(struct clo_exchange *exchange, struct clo_request *request, const char *text,
                 struct clo_problem *problem)
{
    return exchange->invocation ? parse_invocation(exchange, request, text, problem)
                                : clo_request_parse(request, text, exchange->body.length, problem);
}

static struct clo_response_job *accept_request(struct clo_exchange *exchange,
                                               struct clo_problem *problem)
{
    struct clo_request request = {0};
    struct clo_response_job *job = NULL;
    char id[CLO_NAME_BYTES_MAX + 1];
    const char *text = exchange->body.data ? exchange->body.data : "";
    snprintf(request.user, sizeof request.user, "%s", exchange->user);
    if (clo_exchange_items(exchange, &request.items, problem) == 0 &&
        parse(exchange, &request, text, problem) == 0 &&
        clo_request_check_hosted(&request, clo_agent_without_tools(exchange->server->agent),
                                 problem) == 0 &&
        clo_lifecycle_settle(exchange->server, &request, problem) == 0 &&
        clo_history_check(exchange->server->store, &request, problem) == 0 &&
        clo_intake_check(exchange->server->files, &request, problem) == 0 &&
        choose_id(exchange, &request, id, problem) == 0) {
        memcpy(request.traceparent, exchange->traceparent, sizeof request.traceparent);
        if (!request.session[0])
            clo_id_make(request.session, "sess");
        clo_name_copy(exchange->session, request.session);
        clo_name_copy(exchange->response_id, id);
        job = clo_response_job_create(exchange->server, id, &request, exchange->charge);
        exchange->charge = 0;
        if (job)
            job->named = clo_exchange_header(exchange, "x-agent-response-id") != NULL;
        else
            clo_problem_internal(problem);
    }
    if (clo_name_ok(request.session)) /* also where the request is refused */
        clo_name_copy(exchange->session, request.session);
    clo_request_clear(&request);
    clo_buffer_free(&exchange->body);
    return job;
}

static void start_foreground(struct clo_exchange *exchange, struct clo_response_job *job)
{
    struct clo_problem problem;
    job->exchange = exchange;
    clo_exchange_suspend(exchange);
    if (clo_response_job_start(job, &problem) == 0)
        return; /* the exchange is the job's now */
    clo_exchange_refuse(exchange, &problem);
    clo_exchange_resume(exchange);
}

static void start_background(struct clo_exchange *exchange, struct clo_response_job *job)
{
    struct clo_problem problem;
    if (clo_response_job_start(job, &problem) < 0) {
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    if (!job->request.stream) {
        clo_exchange_text(exchange, 200, clo_response_text(job->base));
        return;
    }
    struct clo_event_stream *stream =
        clo_response_job_replay(exchange->server, job, job->id, 0, exchange->connection);
    if (stream)
        clo_exchange_stream(exchange, stream);
    else
        clo_exchange_text(exchange, 500, NULL);
}

void clo_handle_create(struct clo_exchange *exchange, const char *id)
{
    struct clo_problem problem;
    (void)id;
    struct clo_response_job *job = accept_request(exchange, &problem);
    if (!job) {
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    exchange->answerer = clo_response_job_answerer(job); /* the reference goes with it */
    if (job->request.background)
        start_background(exchange, job);
    else
        start_foreground(exchange, job);
}

/* ---- the invocations protocol ---- */

void clo_handle_invocation(struct clo_exchange *exchange, const char *id)
{
    const char *given = clo_exchange_header(exchange, "x-agent-invocation-id");
    exchange->invocation = true;
    if (given && clo_name_ok(given))
        clo_name_copy(exchange->invocation_id, given);
    else
        clo_id_make(exchange->invocation_id, "inv");
    clo_handle_create(exchange, id);
}

/* handle_runs.c - POST /runs: everything up to handing the job to the executor; the end of a run's state. */
#include "agent/agent.h"
#include "base/id.h"
#include "serve/handlers.h"
#include "serve/job/run_job.h"
#include "serve/store/store_snapshots.h"

static struct clo_run_job *refuse(struct clo_exchange *exchange, struct clo_problem *problem)
{
    clo_buffer_free(&exchange->body);
    clo_problem_set(
        problem, 403, "runs_not_allowed", NULL,
        "This server runs no code of its clients' own (serve.runs: refuse); ask its model "
        "by POST /responses.");
    return NULL;
}

static struct clo_run_job *accept_run(struct clo_exchange *exchange, struct clo_problem *problem)
{
    const struct clo_agent *agent = exchange->server->agent;
    const char *text = exchange->body.data ? exchange->body.data : "", *what = NULL;
    struct clo_run_request request = {0};
    struct clo_run_job *job = NULL;
    struct clo_error error = {0};
    char id[CLO_NAME_BYTES_MAX + 1];
    if (exchange->server->config.no_runs)
        return refuse(exchange, problem);
    int status = clo_run_request_parse(&request, text, exchange->body.length,
                                       clo_isolation_name(clo_agent_isolation(agent)), problem);
    clo_buffer_free(&exchange->body);
    if (status)
        return NULL;
    if (clo_agent_check_run(agent, &request.run, &what, &error)) {
        clo_problem_set(problem, 400, "invalid_value", what, "%s%s%s.", error.message,
                        error.hint[0] ? "; " : "", error.hint);
        clo_run_request_clear(&request);
        return NULL;
    }
    snprintf(request.user, sizeof request.user, "%s", exchange->user);
    clo_id_make(id, "run");
    clo_name_copy(exchange->response_id, id);
    job = clo_run_job_create(exchange->server, id, &request, exchange->charge);
    exchange->charge = 0;
    if (!job)
        clo_problem_internal(problem);
    return job;
}

void clo_handle_run(struct clo_exchange *exchange, const char *id)
{
    struct clo_problem problem;
    (void)id;
    struct clo_run_job *job = accept_run(exchange, &problem);
    if (!job) {
        clo_exchange_refuse(exchange, &problem);
        return;
    }
    exchange->answerer = clo_run_job_answerer(job); /* the reference goes with it */
    clo_exchange_suspend(exchange);
    if (clo_run_job_start(job, exchange, &problem) == 0)
        return; /* the exchange is the job's now */
    clo_exchange_refuse(exchange, &problem);
    clo_exchange_resume(exchange);
}

/* Of a run nothing is stored but its state. Whoever goes on from it just now holds it. */
void clo_handle_run_delete(struct clo_exchange *exchange, const char *id)
{
    struct clo_problem problem;
    int status = clo_store_session_run_delete(exchange->server->store, exchange->user, id);
    if (status == 0) {
        clo_exchange_json(exchange, 200,
                          json_pack("{s:s, s:s, s:b}", "id", id, "object", "run", "deleted", 1));
        clo_server_stale(exchange->server);
        return;
    }
    if (status == CLO_ENOTFOUND)
        clo_problem_set(&problem, 404, "not_found", NULL,
                        "Run with id '%.128s' has no state: it began clean, or its state is gone.",
                        id);
    else
        clo_problem_internal(&problem);
    clo_exchange_refuse(exchange, &problem);
}

/* serve/job/run_job.h - one run for a client, from its acceptance to its answer. Read
 * response_job.h first: this is the same with less. There is no model, nothing is stored, and the
 * exchange is always answered by the job.
 *
 *   POST /runs ──▶ waiting (in the lane of turns) ──▶ clo_agent_run ──▶ one JSON object
 *                                                          │
 *                                         output ──▶ pieces ──▶ the client's stream takes them
 *
 * What is always true
 * - It is carried out by one task of the executor, and counts as one turn there.
 * - A stream never makes the run wait: what was printed and not yet sent is kept, as much as the
 *   run's limit on output lets it print, and is sent as the client reads.
 * - A client that is gone, and the end of the server, cancel it: clo_run_job_cancel.
 * - Counted: by the executor's task, the exchange, the watch and its stream. It leaves the register
 *   before the task lets it go.
 * - Locks: the register's, a job's; then, alone or under a stream's, that of its output.
 */
#ifndef CLO_SERVE_JOB_RUN_JOB_H
#define CLO_SERVE_JOB_RUN_JOB_H

#include "serve/http/exchange.h"
#include "serve/job/response_job.h"
#include "serve/protocol/run_request.h"

struct clo_run_job;
struct clo_run_jobs; /* the register: those that are accepted and not over */

int clo_run_jobs_create(struct clo_run_jobs **jobs, struct clo_error *error);
void clo_run_jobs_destroy(struct clo_run_jobs *jobs);
void clo_run_jobs_cancel_all(struct clo_run_jobs *jobs, enum clo_job_reason reason);

/* Takes the request (the caller's is empty then) and the charge, also on failure. NULL: no memory. */
struct clo_run_job *clo_run_job_create(struct clo_server *server, const char *id,
                                       struct clo_run_request *request, size_t charge);
void clo_run_job_release(struct clo_run_job *job); /* NULL is allowed */

/* Queue it for the exchange, which is suspended. On failure nothing was started; the problem says
 * why (429 when the queue is full). */
int clo_run_job_start(struct clo_run_job *job, struct clo_exchange *exchange,
                      struct clo_problem *problem);

/* End it for that reason, if it is not over; the first reason counts. Any thread. */
void clo_run_job_cancel(struct clo_run_job *job, enum clo_job_reason reason);

/* The job as its exchange and the watch know it; the caller's reference goes with it. */
struct clo_answerer clo_run_job_answerer(struct clo_run_job *job);

#endif

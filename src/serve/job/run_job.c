/* run_job.c - see run_job.h. What the executor carries out is execute(), at the end. */
#include "serve/job/run_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "agent/run_json.h"
#include "base/error.h"
#include "base/json.h"
#include "serve/files/file_name.h"
#include "serve/files/places.h"
#include "serve/files/turn_artifacts.h"
#include "serve/log.h"
#include "serve/protocol/run_events.h"
#include "serve/sessions/session.h"

struct clo_run_job {
    struct clo_task task; /* first: the executor hands this back */
    struct clo_server *server;
    /* Fixed once created. */
    char id[CLO_NAME_BYTES_MAX + 1];
    struct clo_run_request request;
    int64_t created; /* seconds since 1970 */
    struct clo_cancel *cancel;
    size_t charge; /* bytes counted in the server's bodies until the job is freed */
    /* Used by the thread that carries it out. */
    struct clo_exchange *exchange; /* until it is answered */
    struct clo_event_stream *stream;
    struct clo_places places;         /* of the request's files */
    struct clo_serve_session session; /* snapshots NULL: the run is clean */
    json_t *files; /* what the client is told of them: [{"file_id", "path"}]; NULL: none */
    /* Guarded by the lock. */
    pthread_mutex_t lock;
    unsigned references;
    enum clo_job_reason reason;
    bool over;
    const char *outcome;           /* static, for the log; NULL before */
    const char *isolation;         /* static: the wall around the code that ran; NULL: none */
    LIST_ENTRY(clo_run_job) entry; /* the register's, under its lock */
    /* Guarded by a lock of its own. */
    pthread_mutex_t output_lock;
    struct clo_run_events events;
};

struct clo_run_jobs {
    pthread_mutex_t lock;
    LIST_HEAD(, clo_run_job) jobs;
};

static void execute(struct clo_task *task);

/* ---- the register ---- */

int clo_run_jobs_create(struct clo_run_jobs **jobs, struct clo_error *error)
{
    *jobs = calloc(1, sizeof **jobs);
    if (!*jobs)
        return clo_fail_memory(error);
    pthread_mutex_init(&(*jobs)->lock, NULL);
    LIST_INIT(&(*jobs)->jobs);
    return 0;
}

void clo_run_jobs_destroy(struct clo_run_jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

void clo_run_jobs_cancel_all(struct clo_run_jobs *jobs, enum clo_job_reason reason)
{
    struct clo_run_job *job;
    pthread_mutex_lock(&jobs->lock);
    LIST_FOREACH(job, &jobs->jobs, entry)
        clo_run_job_cancel(job, reason);
    pthread_mutex_unlock(&jobs->lock);
}

/* ---- the life of a job ---- */

struct clo_run_job *clo_run_job_create(struct clo_server *server, const char *id,
                                       struct clo_run_request *request, size_t charge)
{
    struct clo_run_job *job = calloc(1, sizeof *job);
    if (!job) {
        clo_run_request_clear(request);
        atomic_fetch_sub(&server->bodies, charge);
        return NULL;
    }
    job->task.run = execute;
    job->server = server;
    job->request = *request;
    *request = (struct clo_run_request){0};
    job->charge = charge;
    job->references = 1;
    job->created = time(NULL);
    pthread_mutex_init(&job->lock, NULL);
    pthread_mutex_init(&job->output_lock, NULL);
    clo_name_copy(job->id, id);
    clo_run_events_start(&job->events, id, job->created);
    job->cancel = clo_cancel_create();
    if (!job->cancel) {
        clo_run_job_release(job);
        return NULL;
    }
    return job;
}

static void retain(void *context)
{
    struct clo_run_job *job = context;
    pthread_mutex_lock(&job->lock);
    job->references++;
    pthread_mutex_unlock(&job->lock);
}

void clo_run_job_release(struct clo_run_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&job->lock);
    bool last = --job->references == 0;
    pthread_mutex_unlock(&job->lock);
    if (!last)
        return;
    atomic_fetch_sub(&job->server->bodies, job->charge);
    json_decref(job->files);
    clo_run_events_clear(&job->events);
    clo_run_request_clear(&job->request);
    clo_cancel_free(job->cancel);
    pthread_mutex_destroy(&job->output_lock);
    pthread_mutex_destroy(&job->lock);
    free(job);
}

int clo_run_job_start(struct clo_run_job *job, struct clo_exchange *exchange,
                      struct clo_problem *problem)
{
    struct clo_server *server = job->server;
    job->exchange = exchange;
    pthread_mutex_lock(&server->runs->lock);
    LIST_INSERT_HEAD(&server->runs->jobs, job, entry);
    pthread_mutex_unlock(&server->runs->lock);
    retain(job); /* the task's */
    if (clo_lane_add(server->turns, &job->task, NULL) == 0)
        return 0;
    clo_problem_set(problem, 429, "rate_limit_exceeded", NULL,
                    "%u turns and runs are in progress and %u more are waiting; try again in a "
                    "moment.",
                    server->config.turns, server->config.queue);
    problem->retry_after = 1;
    pthread_mutex_lock(&server->runs->lock);
    LIST_REMOVE(job, entry);
    pthread_mutex_unlock(&server->runs->lock);
    clo_run_job_release(job);
    return CLO_EBUSY;
}

void clo_run_job_cancel(struct clo_run_job *job, enum clo_job_reason reason)
{
    pthread_mutex_lock(&job->lock);
    bool acts = !job->over && job->reason == CLO_JOB_NONE;
    if (acts) {
        job->reason = reason;
        clo_cancel_trigger(job->cancel);
    }
    pthread_mutex_unlock(&job->lock);
    if (acts)
        clo_task_move(&job->task, job->server->cancelled);
}

/* ---- as an answerer ---- */

static void release(void *context)
{
    clo_run_job_release(context);
}

static void client_gone(void *context)
{
    clo_run_job_cancel(context, CLO_JOB_CLIENT_GONE);
}

static const char *outcome(void *context)
{
    struct clo_run_job *job = context;
    pthread_mutex_lock(&job->lock);
    const char *ended = job->outcome;
    pthread_mutex_unlock(&job->lock);
    return ended ? ended : "client_gone";
}

static const char *isolation(void *context)
{
    struct clo_run_job *job = context;
    pthread_mutex_lock(&job->lock);
    const char *wall = job->isolation;
    pthread_mutex_unlock(&job->lock);
    return wall;
}

struct clo_answerer clo_run_job_answerer(struct clo_run_job *job)
{
    static const struct clo_answerer_calls calls = {retain, release, client_gone, outcome,
                                                    isolation};
    return (struct clo_answerer){&calls, job};
}

/* ---- its output, on the way to the client ---- */

static enum clo_event_stream_next next(void *context, char **text, size_t *length)
{
    struct clo_run_job *job = context;
    bool over;
    pthread_mutex_lock(&job->output_lock);
    *text = clo_run_events_next(&job->events, &over);
    pthread_mutex_unlock(&job->output_lock);
    *length = *text ? strlen(*text) : 0;
    return *text ? CLO_EVENT_STREAM_EVENT : over ? CLO_EVENT_STREAM_OVER : CLO_EVENT_STREAM_QUIET;
}

/* On the run's thread. */
static void on_output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct clo_run_job *job = context;
    pthread_mutex_lock(&job->output_lock);
    clo_run_events_output(&job->events, stream, data, length);
    pthread_mutex_unlock(&job->output_lock);
    if (!clo_event_stream_wake(job->stream))
        clo_run_job_cancel(job, CLO_JOB_CLIENT_GONE);
}

/* From now on the exchange is a stream, and no longer the job's. False: no memory. */
static bool open_stream(struct clo_run_job *job)
{
    struct clo_event_stream_source source = {next, release, job};
    job->stream = clo_event_stream_create(job->exchange->connection, CLO_SERVE_STALL_MS, &source);
    if (!job->stream)
        return false;
    retain(job);                          /* the source's */
    clo_event_stream_retain(job->stream); /* the exchange's */
    clo_exchange_stream(job->exchange, job->stream);
    clo_exchange_resume(job->exchange);
    job->exchange = NULL;
    return true;
}

/* ---- the run and its answer ---- */

static enum clo_job_reason reason_of(struct clo_run_job *job)
{
    pthread_mutex_lock(&job->lock);
    enum clo_job_reason reason = job->reason;
    pthread_mutex_unlock(&job->lock);
    return reason;
}

/* Over, and off the register: before the client hears of it. */
static void end(struct clo_run_job *job, const char *ended, const char *wall)
{
    struct clo_run_jobs *runs = job->server->runs;
    pthread_mutex_lock(&job->lock);
    job->over = true;
    job->outcome = ended;
    job->isolation = wall;
    pthread_mutex_unlock(&job->lock);
    pthread_mutex_lock(&runs->lock);
    LIST_REMOVE(job, entry);
    pthread_mutex_unlock(&runs->lock);
}

static void fail(struct clo_run_job *job, const struct clo_problem *problem)
{
    end(job, "failed", NULL);
    if (job->exchange) {
        clo_exchange_refuse(job->exchange, problem);
        clo_exchange_resume(job->exchange);
        return;
    }
    pthread_mutex_lock(&job->output_lock);
    clo_run_events_fail(&job->events, problem);
    pthread_mutex_unlock(&job->output_lock);
    clo_event_stream_wake(job->stream);
}

static json_t *id_of(const json_t *kept, const char *path)
{
    char clean[CLO_FILE_NAME_MAX + 1];
    const json_t *entry;
    size_t index;
    if (path && clo_file_path_clean(clean, sizeof clean, path)) {
        json_array_foreach(kept, index, entry) {
            if (clo_json_is(entry, "path", clean))
                return json_incref(json_object_get(entry, "file_id"));
        }
    }
    return json_null(); /* it did not change, or the log says why */
}

/* What the code left in /output becomes files of the server that belong to nobody, and their ids stand
 * in the answer. Where there is nobody to read it, none is made. The answer, or NULL: no memory. */
static json_t *keep_artifacts(struct clo_run_job *job, const struct clo_run_result *result,
                              json_t *told)
{
    struct clo_turn_artifacts artifacts;
    char *text = NULL;
    json_t *one;
    size_t index;
    bool whole = true;
    if (!told || !result->artifact_count || reason_of(job) == CLO_JOB_CLIENT_GONE)
        return told;
    clo_turn_artifacts_init(&artifacts, &job->places, job->id, false);
    json_t *kept = clo_turn_artifacts_keep(&artifacts, result, &text);
    json_array_foreach(json_object_get(told, "artifacts"), index, one) {
        whole &= !json_object_set_new(one, "file_id", id_of(kept, clo_json_text(one, "path")));
        if (job->session.snapshots)
            whole &= !json_object_set_new(one, "changed",
                                          json_boolean(result->artifacts[index].changed));
    }
    json_decref(kept);
    free(text);
    clo_turn_artifacts_clear(&artifacts);
    if (!whole)
        json_decref(told);
    return whole ? told : NULL;
}

/* The state that the run has left becomes a snapshot, under the run's id, before its client hears of it.
 * NULL: no memory. */
static json_t *keep_state(struct clo_run_job *job, const struct clo_run_result *result)
{
    static const char lost[] = "the snapshot could not be written; the server's log says why";
    bool kept = result->state == CLO_STATE_KEPT;
    const char *note = result->state_note;
    if (kept && clo_serve_session_keep(&job->session) < 0) {
        kept = false;
        note = lost;
    }
    if (clo_serve_session_name_run(&job->session, job->request.user, job->id) < 0) {
        kept = false;
        note = lost;
    }
    return json_pack("{s:s, s:s?, s:I}", "outcome", kept ? "kept" : "as_before", "note", note,
                     "bytes", (json_int_t)(kept ? result->state_bytes : 0));
}

static void complete(struct clo_run_job *job, const struct clo_run_result *result)
{
    const char *ended = result->error.kind == CLO_RUN_OK && !result->exit_code ? "completed"
                        : result->error.kind == CLO_RUN_CANCELLED              ? "cancelled"
                                                                               : "failed";
    json_t *run = json_pack("{s:s, s:s, s:I}", "id", job->id, "object", "run", "created_at",
                            (json_int_t)job->created);
    json_t *told = keep_artifacts(job, result, clo_run_json(result));
    if (job->files)
        clo_json_put(&told, "files", json_incref(job->files));
    if (job->session.snapshots)
        clo_json_put(&told, "state", keep_state(job, result));
    if (run && (!told || json_object_update(run, told))) {
        json_decref(run);
        run = NULL;
    }
    json_decref(told);
    end(job, ended, clo_isolation_name(result->usage.isolation));
    if (job->exchange) {
        clo_exchange_json(job->exchange, 200, run);
        clo_exchange_resume(job->exchange);
        return;
    }
    pthread_mutex_lock(&job->output_lock);
    clo_run_events_complete(&job->events, run);
    pthread_mutex_unlock(&job->output_lock);
    clo_event_stream_wake(job->stream);
}

static void shutting_down(struct clo_problem *problem)
{
    clo_problem_set(problem, 503, "shutting_down", NULL,
                    "The server shut down before the run began; try again.");
}

/* Why there was no run, as its client may know it. */
static void explain(struct clo_run_job *job, const struct clo_error *error,
                    struct clo_problem *problem)
{
    const char *gap = error->hint[0] ? "; " : "";
    switch (error->code) {
    case CLO_EINVALID:
    case CLO_ELIMIT:
        clo_problem_set(problem, 400, "invalid_value", NULL, "%s%s%s.", error->message, gap,
                        error->hint);
        return;
    case CLO_EBUSY:
        clo_problem_set(problem, 503, "sandbox_busy", NULL,
                        "The sandboxes are busy and the code did not run: %s. Try again later.",
                        error->message);
        problem->retry_after = 1;
        return;
    case CLO_ECANCELLED: shutting_down(problem); return; /* or nobody is there to read it */
    default:
        clo_log_event("error", "run", "run %s: %s: %s%s%s", job->id, clo_status_name(error->code),
                      error->message, gap, error->hint);
        clo_problem_internal(problem);
    }
}

/* Put a file of the request where the code shall find it. */
static int place(struct clo_run_job *job, const struct clo_run_file *wanted, const char *param,
                 struct clo_problem *problem)
{
    struct clo_file file;
    char target[CLO_PLACE_MAX], due[CLO_PLACE_MAX] = "";
    int status = clo_file_store_get(job->server->files, job->request.user, wanted->id, &file);
    if (status == CLO_ENOTFOUND)
        return clo_problem_file_missing(problem, wanted->id, param);
    if (status < 0)
        return clo_problem_internal(problem);
    if (wanted->path) {
        const char *path = wanted->path;
        path += strncmp(path, "/input/", 7) == 0 ? 7 : 0;
        if (*path == '/' || !clo_file_path_clean(file.name, sizeof file.name, path) ||
            strcmp(file.name, path) != 0)
            return clo_problem_set(
                problem, 400, "invalid_value", param,
                "'%s.path' is '%.200s', which is no path below /input; write e.g. "
                "tables/prices.csv.",
                param, wanted->path);
        snprintf(due, sizeof due, "/input/%s", file.name);
    }
    if (!clo_places_add(&job->places, &file, false, target) || (*due && strcmp(target, due) != 0))
        return clo_problem_set(
            problem, 400, "invalid_value", param,
            "The file '%.64s' cannot stand at '%.200s': another one does, or it is "
            "named twice, or there are more than %d with the agent's own mounts.",
            wanted->id, *due ? due : file.name, CLO_SANDBOX_MOUNTS_MAX);
    if (!job->files)
        job->files = json_array();
    return json_array_append_new(job->files,
                                 json_pack("{s:s, s:s}", "file_id", file.id, "path", target))
               ? clo_problem_internal(problem)
               : 0;
}

static int place_files(struct clo_run_job *job, struct clo_problem *problem)
{
    char param[24];
    for (size_t i = 0; i < job->request.file_count; i++) {
        snprintf(param, sizeof param, "files[%u]", (unsigned)i);
        if (place(job, &job->request.files[i], param, problem))
            return CLO_EINVALID;
    }
    return 0;
}

static int begin_session(struct clo_run_job *job, struct clo_problem *problem)
{
    const char *previous = job->request.previous;
    char snapshot[CLO_ID_MAX] = "";
    if (!job->request.session)
        return 0;
    int status = previous ? clo_store_snapshot_of_run(job->server->store, job->request.user,
                                                      previous, snapshot)
                          : 0;
    if (status == 0)
        status =
            clo_serve_session_begin(&job->session, job->server->snapshots, job->id, snapshot, true);
    if (status == 0)
        return 0;
    if (status != CLO_ENOTFOUND)
        return clo_problem_internal(problem);
    return clo_problem_set(
        problem, 404, "not_found", "previous_run_id",
        "There is no state of a run with id '%.64s'. It had no session (\"state\": \"session\"), is too "
        "old or gave way to newer ones (serve.snapshots), or belongs to another server; leave "
        "'previous_run_id' out to begin a new session.",
        previous);
}

static int carry_out_run(struct clo_run_job *job, const struct clo_run *run,
                         struct clo_run_result **result, struct clo_error *error)
{
    char anew[CLO_TURN_ANEW_MAX];
    struct clo_agent *agent = job->server->agent;
    return job->session.snapshots
               ? clo_serve_session_run(&job->session, agent, run, result, anew, error)
               : clo_agent_run(agent, run, result, error);
}

static void carry_out(struct clo_run_job *job)
{
    struct clo_run_result *result = NULL;
    struct clo_problem problem;
    struct clo_error error = {0};
    if (reason_of(job) != CLO_JOB_NONE) {
        shutting_down(&problem);
        fail(job, &problem);
        return;
    }
    if (place_files(job, &problem) || begin_session(job, &problem)) {
        fail(job, &problem);
        return;
    }
    if (job->request.stream && !open_stream(job)) {
        clo_problem_internal(&problem);
        fail(job, &problem);
        return;
    }
    struct clo_run run = job->request.run;
    run.mounts = clo_places_mounts(&job->places, &run.mount_count);
    run.cancel = job->cancel;
    run.context = job;
    run.on_output = job->stream ? on_output : NULL;
    if (carry_out_run(job, &run, &result, &error)) {
        explain(job, &error, &problem);
        fail(job, &problem);
        return;
    }
    complete(job, result);
    clo_run_result_free(result);
}

static void execute(struct clo_task *task)
{
    struct clo_run_job *job = (struct clo_run_job *)task;
    size_t count;
    const char *const *taken = clo_agent_places(job->server->agent, &count);
    clo_places_init(&job->places, job->server->files, job->request.user, taken, count);
    carry_out(job);
    clo_serve_session_end(&job->session);
    clo_places_clear(&job->places);
    clo_event_stream_release(job->stream);
    job->stream = NULL;
    clo_run_job_release(job);
}

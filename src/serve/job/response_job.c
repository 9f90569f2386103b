/* response_job.c - a response from its acceptance to its end: the glue between request, history,
 * agent, events and store. What the executor carries out is execute(), at the end of this file. */
#include "serve/job/response_job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "serve/log.h"
#include "serve/protocol/events.h"
#include "serve/protocol/response.h"
#include "serve/store/store.h"

#define SHUTDOWN_MESSAGE "The server shut down before the response was complete."

static void execute(struct clo_task *task);

struct clo_response_job *clo_response_job_create(struct clo_server *server, const char *id,
                                                 struct clo_request *request, size_t charge)
{
    struct clo_response_job *job = calloc(1, sizeof *job);
    if (!job) {
        clo_request_clear(request);
        atomic_fetch_sub(&server->bodies, charge);
        return NULL;
    }
    job->task.run = execute;
    job->server = server;
    job->request = *request;
    memset(request, 0, sizeof *request);
    job->charge = charge;
    job->references = 1;
    pthread_mutex_init(&job->lock, NULL);
    LIST_INIT(&job->subscribers);
    clo_name_copy(job->id, id);
    job->cancel = clo_cancel_create();
    job->base =
        clo_response_base(&job->request, id, time(NULL), clo_agent_model_name(server->agent));
    if (server->config.hosted && job->base)
        clo_json_put(&job->base, "agent_session_id", json_string(job->request.session));
    if (!job->cancel || !job->base) {
        clo_response_job_release(job);
        return NULL;
    }
    return job;
}

void clo_response_job_retain(struct clo_response_job *job)
{
    pthread_mutex_lock(&job->lock);
    job->references++;
    pthread_mutex_unlock(&job->lock);
}

void clo_response_job_release(struct clo_response_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&job->lock);
    bool last = --job->references == 0;
    pthread_mutex_unlock(&job->lock);
    if (!last)
        return;
    atomic_fetch_sub(&job->server->bodies, job->charge);
    clo_events_clear(&job->events);
    clo_request_clear(&job->request);
    clo_cancel_free(job->cancel);
    json_decref(job->base);
    pthread_mutex_destroy(&job->lock);
    free(job);
}

/* ---- as an answerer ---- */

static void retain(void *context)
{
    clo_response_job_retain(context);
}

static void release(void *context)
{
    clo_response_job_release(context);
}

static void client_gone(void *context)
{
    clo_response_job_cancel(context, CLO_JOB_CLIENT_GONE);
}

/* One that goes on without its client is either in the background or about to be cancelled. */
static const char *outcome(void *context)
{
    struct clo_response_job *job = context;
    pthread_mutex_lock(&job->lock);
    const char *ended = job->outcome;
    pthread_mutex_unlock(&job->lock);
    return ended ? ended : job->request.background ? "in_background" : "client_gone";
}

static const char *isolation(void *context)
{
    struct clo_response_job *job = context;
    pthread_mutex_lock(&job->lock);
    const char *wall = job->isolation;
    pthread_mutex_unlock(&job->lock);
    return wall;
}

struct clo_answerer clo_response_job_answerer(struct clo_response_job *job)
{
    static const struct clo_answerer_calls calls = {retain, release, client_gone, outcome,
                                                    isolation};
    return (struct clo_answerer){&calls, job};
}

static void record_of(const struct clo_response_job *job, json_t *response, const char *snapshot,
                      struct clo_record *record)
{
    memset(record, 0, sizeof *record);
    snprintf(record->snapshot, sizeof record->snapshot, "%s", snapshot);
    clo_name_copy(record->id, job->id);
    if (job->request.previous)
        clo_name_copy(record->previous, job->request.previous);
    clo_name_copy(record->conversation, job->request.conversation);
    clo_name_copy(record->session, job->request.session);
    snprintf(record->user, sizeof record->user, "%s", job->request.user);
    snprintf(record->status, sizeof record->status, "%s",
             json_string_value(json_object_get(response, "status")));
    record->background = job->request.background;
    record->response = response;
}

/* A background response is in the store before anybody can ask for it. */
static int store_queued(struct clo_response_job *job)
{
    struct clo_record record;
    clo_job_session_find(job);
    record_of(job, job->base, job->snapshot, &record);
    int status = clo_store_put(job->server->store, &record, job->request.input, NULL);
    if (status == 0) {
        clo_events_response(&job->events, "created", job->base);
        clo_events_response(&job->events, "queued", job->base);
    }
    return status;
}

static int write_event(void *context, uint64_t sequence, const char *text, size_t length)
{
    struct clo_response_job *job = context;
    int status = clo_store_event_add(job->server->store, job->id, sequence, text, length);
    clo_response_job_notify(job);
    return status;
}

/* Make the id this job's. A job that ends is in the store before it leaves the register, so who
 * holds the place in the register and finds nothing in the store is alone. */
static int claim_id(struct clo_response_job *job, struct clo_problem *problem)
{
    struct clo_server *server = job->server;
    if (clo_in_flight_add(server->in_flight, job) < 0)
        return clo_problem_set(problem, 400, "invalid_value", "x-agent-response-id",
                               "A response with id '%s' is in progress; ids must differ.", job->id);
    int found = job->named ? clo_store_has(server->store, job->id) : CLO_ENOTFOUND;
    if (found == CLO_ENOTFOUND)
        return 0;
    clo_in_flight_remove(server->in_flight, job);
    if (found < 0)
        return clo_problem_internal(problem);
    return clo_problem_set(problem, 400, "invalid_value", "x-agent-response-id",
                           "A response with id '%s' exists already; ids must differ.", job->id);
}

int clo_response_job_start(struct clo_response_job *job, struct clo_problem *problem)
{
    struct clo_server *server = job->server;
    int status = claim_id(job, problem);
    if (status < 0)
        return status;
    if (job->request.background) {
        clo_events_init(&job->events, write_event, job);
        status = store_queued(job) < 0 ? clo_problem_internal(problem) : 0;
    }
    clo_response_job_retain(job); /* the task's */
    if (status == 0 && clo_lane_add(server->turns, &job->task, NULL) == 0)
        return 0;
    if (status == 0) {
        status = clo_problem_set(
            problem, 429, "rate_limit_exceeded", NULL,
            "%u responses are in progress and %u more are waiting; try again in a moment.",
            server->config.turns, server->config.queue);
        problem->retry_after = 1;
    }
    if (job->request.background)
        clo_store_delete(server->store, job->id);
    clo_in_flight_remove(server->in_flight, job);
    clo_response_job_release(job);
    return status;
}

/* What is known at the end of a job, as a state of its response. */
static void judge(const struct clo_response_job *job, const struct clo_turn_result *result,
                  struct clo_response_state *state)
{
    memset(state, 0, sizeof *state);
    bool stopped = result->status == CLO_TURN_CANCELLED ||
                   (result->status == CLO_TURN_FAILED && job->reason != CLO_JOB_NONE);
    state->usage = &result->usage;
    state->service_tier = result->service_tier;
    if (stopped && (job->reason == CLO_JOB_CLIENT_GONE || job->reason == CLO_JOB_CANCELLED)) {
        state->status = "cancelled"; /* with no output, by the protocol */
        return;
    }
    state->output = result->output;
    if (result->status == CLO_TURN_COMPLETED) {
        state->status = "completed";
    } else if (result->status == CLO_TURN_INCOMPLETE) {
        state->status = "incomplete";
        state->incomplete = result->incomplete ? result->incomplete : "max_output_tokens";
    } else {
        state->status = "failed";
        state->error_code = stopped || !result->error_code[0] ? "server_error" : result->error_code;
        state->error_message = stopped ? SHUTDOWN_MESSAGE : result->error_message;
    }
}

static const char *outcome_of(const char *status)
{
    static const char *const finals[] = {"completed", "incomplete", "failed", "cancelled"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(finals[i], status) == 0)
            return finals[i];
    }
    return NULL;
}

/* Of what was to be kept and was not the client is told so, with what it came to; else the client
 * would rely on it. In the place of `response`. */
static json_t *as_lost(struct clo_response_job *job, json_t *response,
                       const struct clo_response_state *state)
{
    struct clo_response_state lost = *state;
    if (!response || strcmp(state->status, "cancelled") == 0)
        return response;
    lost.status = "failed";
    lost.incomplete = NULL;
    lost.error_code = "server_error";
    lost.error_message = CLO_RESPONSE_NOT_STORED;
    job->outcome = outcome_of(lost.status);
    json_decref(response);
    return clo_response_at(job->base, &lost);
}

/* With the job's lock held: it is over, and stored. NULL: no memory. */
static json_t *settle(struct clo_response_job *job, const struct clo_response_state *state)
{
    struct clo_store *store = job->server->store;
    json_t *response = clo_response_at(job->base, state);
    const char *snapshot = clo_job_session_snapshot(job, state->status);
    struct clo_record record;
    int stored = 0;
    job->over = true;
    job->outcome = outcome_of(state->status);
    if (response && job->request.background) {
        stored = clo_store_update(store, job->id, response, state->output, snapshot);
    } else if (response && job->request.store) {
        record_of(job, response, snapshot, &record);
        stored = clo_store_put(store, &record, job->request.input, state->output);
    }
    job->stored = response && stored == 0 && (job->request.background || job->request.store);
    bool lost = !response || (stored < 0 && stored != CLO_ENOTFOUND);
    if (lost)
        clo_log_event("error", "job", "response %s could not be stored (%s)", job->id,
                      response ? clo_status_name(stored) : "out of memory");
    return lost ? as_lost(job, response, state) : response;
}

void clo_response_job_cancel(struct clo_response_job *job, enum clo_job_reason reason)
{
    pthread_mutex_lock(&job->lock);
    bool acts = !job->over && job->reason == CLO_JOB_NONE;
    if (acts) {
        job->reason = reason;
        clo_cancel_trigger(job->cancel);
    }
    if (acts && reason == CLO_JOB_CANCELLED) /* who asks next sees it, whenever the turn ends */
        json_decref(settle(job, &(struct clo_response_state){.status = "cancelled"}));
    pthread_mutex_unlock(&job->lock);
    if (acts)
        clo_task_move(&job->task, job->server->cancelled);
}

static struct clo_output_filter_view view_of(const struct clo_response_job *job)
{
    return (struct clo_output_filter_view){job->request.items, job->server->label,
                                           job->request.client_tools};
}

/* The end: the final object, stored, and the job off the register. NULL: no memory. */
static json_t *finish(struct clo_response_job *job, const struct clo_turn_result *result)
{
    struct clo_response_state state = {.status = "cancelled"};
    clo_job_session_keep(job);
    pthread_mutex_lock(&job->lock);
    json_t *response;
    job->isolation = result->isolation;
    if (job->over) {
        response = clo_response_at(job->base, &state);
    } else {
        judge(job, result, &state);
        response = settle(job, &state);
    }
    pthread_mutex_unlock(&job->lock);
    struct clo_output_filter_view view = view_of(job);
    if (response && state.output)
        clo_json_put(&response, "output", clo_output_filter_output(&view, state.output));
    return response;
}

/* For hooks: where a platform says whose requests are, nobody else is asked. */
static const char *user_of(const struct clo_response_job *job)
{
    if (job->server->config.hosted)
        return job->request.user;
    const char *user = clo_json_text(job->request.body, "safety_identifier");
    return user ? user : clo_json_text(job->request.body, "user");
}

/* The items go to the sink (NULL: to none). False: out of memory on the way there. */
static bool turn(struct clo_response_job *job, const json_t *input,
                 const struct clo_item_sink *sink, struct clo_turn_result *result)
{
    struct clo_turn turn = {
        .about = {.response = job->id,
                  .conversation = job->request.conversation,
                  .session = job->request.session,
                  .user = user_of(job)},
        .input = input,
        .instructions = job->request.instructions,
        .options = job->request.options,
        .client_tools = job->request.client_tools,
        .max_tool_calls = job->request.max_tool_calls,
        .traceparent = job->request.traceparent[0] ? job->request.traceparent : NULL,
        .files = clo_job_files_turn(job),
        .session = clo_job_session_turn(job),
        .cancel = job->cancel,
    };
    static const struct clo_item_sink none;
    struct clo_output_filter filter;
    struct clo_output_filter_view view = view_of(job);
    clo_output_filter_init(&filter, &view, sink ? sink : &none);
    if (sink)
        turn.sink = (struct clo_item_sink){clo_output_filter_item, &filter};
    clo_agent_turn(job->server->agent, &turn, result);
    clo_output_filter_end(&filter);
    clo_job_files_turn_end(job);
    if (*result->notice)
        clo_log_event(result->notice_level, "model", "%s", result->notice);
    if (result->trouble.code != CLO_OK && !clo_cancel_is_set(job->cancel))
        clo_log_event(result->status == CLO_TURN_FAILED ? "error" : "warning", "turn",
                      "response %s: %s: %s%s%s", job->id, clo_status_name(result->trouble.code),
                      result->trouble.message, result->trouble.hint[0] ? "; " : "",
                      result->trouble.hint);
    else if (result->status == CLO_TURN_FAILED)
        clo_log_event("error", "turn", "response %s failed: %s: %s", job->id, result->error_code,
                      result->error_message);
    return !filter.failed;
}

static void turn_of_events(struct clo_response_job *job, const json_t *input,
                           struct clo_turn_result *result)
{
    const struct clo_item_sink sink = {clo_events_item, &job->events};
    if (!turn(job, input, &sink, result))
        job->events.failed = true;
}

/* The terminal event. A cancelled response ends its stream as a failed one, with its own status. */
static void end_events(struct clo_events *events, const json_t *response)
{
    const char *status = json_string_value(json_object_get(response, "status"));
    clo_events_close(events);
    if (response)
        clo_events_response(events, strcmp(status, "cancelled") ? status : "failed", response);
}

static int push_event(void *context, uint64_t sequence, const char *text, size_t length)
{
    (void)sequence;
    return clo_event_stream_push(context, text, length);
}

static void begin_events(struct clo_response_job *job, struct clo_events *events)
{
    struct clo_response_state state = {.status = "in_progress"};
    json_t *response = clo_response_at(job->base, &state);
    if (!job->request.background) /* which began when it was queued */
        clo_events_response(events, "created", response);
    clo_events_response(events, "in_progress", response);
    json_decref(response);
}

static void send_error(struct clo_event_stream *stream, uint64_t sequence)
{
    struct clo_problem problem;
    clo_problem_internal(&problem);
    char *text = clo_events_error(sequence, &problem);
    if (text)
        clo_event_stream_push(stream, text, strlen(text));
    free(text);
}

static void stream_invocation(struct clo_response_job *job, const json_t *input,
                              struct clo_event_stream *stream)
{
    const struct clo_item_sink sink = {clo_job_invocation_item, stream};
    struct clo_turn_result result = {0};
    turn(job, input, &sink, &result);
    json_t *response = finish(job, &result);
    clo_in_flight_remove(job->server->in_flight, job);
    clo_job_invocation_end(job, stream, response);
    clo_event_stream_end(stream, false);
    json_decref(response);
    clo_turn_result_clear(&result);
}

static void stream_events(struct clo_response_job *job, const json_t *input,
                          struct clo_event_stream *stream)
{
    struct clo_turn_result result = {0};
    clo_events_init(&job->events, push_event, stream);
    begin_events(job, &job->events);
    turn_of_events(job, input, &result);
    json_t *response = finish(job, &result);
    clo_in_flight_remove(job->server->in_flight, job);
    end_events(&job->events, response);
    if (!response || job->events.failed)
        send_error(stream, job->events.sequence);
    clo_event_stream_end(stream, true);
    json_decref(response);
    clo_turn_result_clear(&result);
}

static void answer_streaming(struct clo_response_job *job, const json_t *input)
{
    struct clo_event_stream *stream =
        clo_event_stream_create(job->exchange->connection, CLO_SERVE_STALL_MS, NULL);
    struct clo_problem problem;
    if (!stream) {
        clo_problem_internal(&problem);
        clo_exchange_refuse(job->exchange, &problem);
        clo_in_flight_remove(job->server->in_flight, job);
        clo_exchange_resume(job->exchange);
        return;
    }
    clo_event_stream_retain(stream); /* the exchange's */
    clo_exchange_stream(job->exchange, stream);
    clo_exchange_resume(job->exchange);
    job->exchange = NULL;
    if (job->request.invocation)
        stream_invocation(job, input, stream);
    else
        stream_events(job, input, stream);
    clo_event_stream_release(stream);
}

static void answer_whole(struct clo_response_job *job, const json_t *input)
{
    struct clo_turn_result result = {.status = CLO_TURN_CANCELLED};
    if (input)
        turn(job, input, NULL, &result);
    json_t *response = finish(job, &result);
    clo_turn_result_clear(&result);
    clo_in_flight_remove(job->server->in_flight, job);
    if (job->request.invocation && response) {
        clo_job_invocation_answer(job->exchange, response);
        json_decref(response);
    } else {
        clo_exchange_json(job->exchange, 200, response);
    }
    clo_exchange_resume(job->exchange);
}

static void refuse(struct clo_response_job *job, const struct clo_problem *problem)
{
    pthread_mutex_lock(&job->lock);
    job->over = true;
    pthread_mutex_unlock(&job->lock);
    clo_in_flight_remove(job->server->in_flight, job);
    clo_exchange_refuse(job->exchange, problem);
    clo_exchange_resume(job->exchange);
}

static void carry_out_foreground(struct clo_response_job *job)
{
    struct clo_problem problem;
    json_t *input = NULL;
    pthread_mutex_lock(&job->lock);
    enum clo_job_reason reason = job->reason;
    pthread_mutex_unlock(&job->lock);
    if (reason == CLO_JOB_SHUTDOWN) {
        clo_problem_set(&problem, 503, "shutting_down", NULL,
                        "The server shut down before the request's turn came; try again.");
        refuse(job, &problem);
    } else if (reason != CLO_JOB_NONE) {
        answer_whole(job, NULL);
    } else if (clo_job_files_load(job, &input, &problem) < 0) {
        refuse(job, &problem);
    } else if (job->request.stream) {
        answer_streaming(job, input);
    } else {
        answer_whole(job, input);
    }
    json_decref(input);
}

static void mark_in_progress(struct clo_response_job *job)
{
    struct clo_response_state state = {.status = "in_progress"};
    pthread_mutex_lock(&job->lock);
    if (!job->over) {
        json_t *response = clo_response_at(job->base, &state);
        if (response)
            clo_store_update(job->server->store, job->id, response, NULL, NULL);
        json_decref(response);
    }
    pthread_mutex_unlock(&job->lock);
}

static void carry_out_background(struct clo_response_job *job)
{
    struct clo_turn_result result = {.status = CLO_TURN_CANCELLED};
    struct clo_problem problem;
    json_t *input = NULL;
    mark_in_progress(job);
    begin_events(job, &job->events);
    if (clo_cancel_is_set(job->cancel)) {
        /* cancelled while it waited: nothing is run */
    } else if (clo_job_files_load(job, &input, &problem) < 0) {
        result.status = CLO_TURN_FAILED;
        clo_text_copy(result.error_code, sizeof result.error_code, problem.code);
        clo_text_copy(result.error_message, sizeof result.error_message, problem.message);
    } else {
        turn_of_events(job, input, &result);
    }
    json_t *response = finish(job, &result);
    end_events(&job->events, response);
    atomic_store(&job->ended, true);
    clo_response_job_notify(job);
    clo_in_flight_remove(job->server->in_flight, job);
    json_decref(response);
    json_decref(input);
    clo_turn_result_clear(&result);
}

static void execute(struct clo_task *task)
{
    struct clo_response_job *job = (struct clo_response_job *)task;
    clo_job_files_begin(job);
    clo_job_session_begin(job);
    if (job->request.background)
        carry_out_background(job);
    else
        carry_out_foreground(job);
    clo_job_session_end(job);
    clo_job_files_end(job);
    clo_response_job_release(job);
}

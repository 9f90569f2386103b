/* response_job.c - a response from its acceptance to its end: the glue between request, history, agent,
 * events and store. The worker's path is execute(), at the end of this file. */
#include "serve/job/response_job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "serve/protocol/output_filter.h"
#include "serve/protocol/events.h"
#include "serve/store/history.h"
#include "serve/http/http.h"
#include "serve/log.h"
#include "serve/protocol/response.h"
#include "serve/store/store.h"

#define SHUTDOWN_MESSAGE "The server shut down before the response was complete."

static void execute(struct clo_job *job);

struct clo_reply *clo_reply_create(struct clo_server *server, const char *id,
                                   struct clo_request *request, size_t charge)
{
    struct clo_reply *reply = calloc(1, sizeof *reply);
    if (!reply) {
        clo_request_clear(request);
        atomic_fetch_sub(&server->bodies, charge);
        return NULL;
    }
    reply->job.run = execute;
    reply->server = server;
    reply->request = *request;
    memset(request, 0, sizeof *request);
    reply->charge = charge;
    reply->references = 1;
    pthread_mutex_init(&reply->lock, NULL);
    clo_name_copy(reply->id, id);
    reply->cancel = clo_cancel_create();
    reply->base =
        clo_response_base(&reply->request, id, time(NULL), clo_agent_model_name(server->agent));
    if (!reply->cancel || !reply->base) {
        clo_reply_release(reply);
        return NULL;
    }
    return reply;
}

void clo_reply_retain(struct clo_reply *reply)
{
    pthread_mutex_lock(&reply->lock);
    reply->references++;
    pthread_mutex_unlock(&reply->lock);
}

void clo_reply_release(struct clo_reply *reply)
{
    if (!reply)
        return;
    pthread_mutex_lock(&reply->lock);
    bool last = --reply->references == 0;
    pthread_mutex_unlock(&reply->lock);
    if (!last)
        return;
    atomic_fetch_sub(&reply->server->bodies, reply->charge);
    clo_events_clear(&reply->events);
    clo_request_clear(&reply->request);
    clo_cancel_free(reply->cancel);
    json_decref(reply->base);
    pthread_mutex_destroy(&reply->lock);
    free(reply);
}

const char *clo_reply_outcome(struct clo_reply *reply)
{
    pthread_mutex_lock(&reply->lock);
    const char *outcome = reply->outcome;
    pthread_mutex_unlock(&reply->lock);
    return outcome;
}

static void record_of(const struct clo_reply *reply, json_t *response, struct clo_record *record)
{
    memset(record, 0, sizeof *record);
    clo_name_copy(record->id, reply->id);
    if (reply->request.previous)
        clo_name_copy(record->previous, reply->request.previous);
    clo_name_copy(record->conversation, reply->request.conversation);
    clo_name_copy(record->session, reply->request.session);
    snprintf(record->status, sizeof record->status, "%s",
             json_string_value(json_object_get(response, "status")));
    record->background = reply->request.background;
    record->response = response;
}

/* A background response is in the store before anybody can ask for it. */
static int store_queued(struct clo_reply *reply)
{
    struct clo_record record;
    record_of(reply, reply->base, &record);
    int status = clo_store_put(reply->server->store, &record, reply->request.input, NULL);
    if (status == 0)
        clo_events_response(&reply->events, "queued", reply->base);
    return status;
}

static int write_event(void *context, uint64_t sequence, const char *text, size_t length)
{
    struct clo_reply *reply = context;
    int status = clo_store_event_add(reply->server->store, reply->id, sequence, text, length);
    clo_reply_notify(reply);
    return status;
}

int clo_reply_start(struct clo_reply *reply, struct clo_problem *problem)
{
    struct clo_server *server = reply->server;
    if (clo_replies_add(server->replies, reply) < 0)
        return clo_problem_set(problem, 400, "invalid_value", "x-agent-response-id",
                               "A response with id '%s' is in progress; ids must differ.",
                               reply->id);
    int status = 0;
    if (reply->request.background) {
        clo_events_init(&reply->events, write_event, reply);
        status = store_queued(reply) < 0 ? clo_problem_internal(problem) : 0;
    }
    clo_reply_retain(reply); /* the worker's */
    if (status == 0 && clo_turns_submit(server->turns, &reply->job) == 0)
        return 0;
    if (status == 0) {
        status = clo_problem_set(problem, 429, "rate_limit_exceeded", NULL,
                                 "%u responses are in progress and %u more are waiting; try again "
                                 "in a moment.",
                                 server->config.turns, server->config.queue);
        problem->retry_after = 1;
    }
    if (reply->request.background)
        clo_store_delete(server->store, reply->id);
    clo_replies_remove(server->replies, reply);
    clo_reply_release(reply);
    return status;
}

/* What is known at the end of a reply, as a state of its response. */
static void judge(const struct clo_reply *reply, const struct clo_turn_result *result,
                  struct clo_response_state *state)
{
    memset(state, 0, sizeof *state);
    bool stopped = result->status == CLO_TURN_CANCELLED ||
                   (result->status == CLO_TURN_FAILED && reply->reason != CLO_REPLY_NONE);
    state->usage = &result->usage;
    if (stopped &&
        (reply->reason == CLO_REPLY_CLIENT_GONE || reply->reason == CLO_REPLY_CANCELLED)) {
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

/* With the reply's lock held: it is over, and stored. NULL: no memory. */
static json_t *settle(struct clo_reply *reply, const struct clo_response_state *state)
{
    struct clo_store *store = reply->server->store;
    json_t *response = clo_response_at(reply->base, state);
    struct clo_record record;
    int stored = 0;
    reply->over = true;
    reply->outcome = outcome_of(state->status);
    if (response && reply->request.background) {
        stored = clo_store_update(store, reply->id, response, state->output);
    } else if (response && reply->request.store) {
        record_of(reply, response, &record);
        stored = clo_store_put(store, &record, reply->request.input, state->output);
    }
    if (!response || (stored < 0 && stored != CLO_ENOTFOUND))
        clo_log_event("error", "reply", "response %s could not be stored (%s)", reply->id,
                      response ? clo_status_name(stored) : "out of memory");
    return response;
}

void clo_reply_cancel(struct clo_reply *reply, enum clo_reply_reason reason)
{
    pthread_mutex_lock(&reply->lock);
    bool acts = !reply->over && reply->reason == CLO_REPLY_NONE;
    if (acts) {
        reply->reason = reason;
        clo_cancel_trigger(reply->cancel);
    }
    if (acts && reason == CLO_REPLY_CANCELLED) /* who asks next sees it, whenever the turn ends */
        json_decref(settle(reply, &(struct clo_response_state){.status = "cancelled"}));
    pthread_mutex_unlock(&reply->lock);
    if (acts)
        clo_turns_hurry(reply->server->turns, &reply->job);
}

/* The end: the final object, stored, and the reply off the register. NULL: no memory. */
static json_t *finish(struct clo_reply *reply, const struct clo_turn_result *result)
{
    struct clo_response_state state = {.status = "cancelled"};
    pthread_mutex_lock(&reply->lock);
    json_t *response;
    if (reply->over) {
        response = clo_response_at(reply->base, &state);
    } else {
        judge(reply, result, &state);
        response = settle(reply, &state);
    }
    pthread_mutex_unlock(&reply->lock);
    if (response && reply->request.answer_only)
        clo_doc_put(&response, "output",
                    clo_audience_output(state.output, reply->request.client_tools));
    return response;
}

static void turn(struct clo_reply *reply, const json_t *input, struct clo_events *events,
                 struct clo_turn_result *result)
{
    struct clo_turn turn = {
        .input = input,
        .instructions = reply->request.instructions,
        .options = reply->request.options,
        .client_tools = reply->request.client_tools,
        .max_tool_calls = reply->request.max_tool_calls,
        .cancel = reply->cancel,
    };
    struct clo_audience audience = {{clo_events_item, events}, reply->request.client_tools, false};
    if (events)
        turn.sink = reply->request.answer_only
                        ? (struct clo_item_sink){clo_audience_item, &audience}
                        : audience.next;
    clo_agent_turn(reply->server->agent, &turn, result);
    if (result->trouble.code != CLO_OK && !clo_cancel_is_set(reply->cancel))
        clo_log_event(result->status == CLO_TURN_FAILED ? "error" : "warning", "turn",
                      "response %s: %s: %s%s%s", reply->id, clo_status_name(result->trouble.code),
                      result->trouble.message, result->trouble.hint[0] ? "; " : "",
                      result->trouble.hint);
    else if (result->status == CLO_TURN_FAILED)
        clo_log_event("error", "turn", "response %s failed: %s: %s", reply->id, result->error_code,
                      result->error_message);
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
    return clo_feed_push(context, text, length);
}

static void begin_events(struct clo_reply *reply, struct clo_events *events)
{
    struct clo_response_state state = {.status = "in_progress"};
    json_t *response = clo_response_at(reply->base, &state);
    clo_events_response(events, "created", response);
    clo_events_response(events, "in_progress", response);
    json_decref(response);
}

static void send_error(struct clo_feed *stream, uint64_t sequence)
{
    struct clo_problem problem;
    clo_problem_internal(&problem);
    char *text = clo_events_error(sequence, &problem);
    if (text)
        clo_feed_push(stream, text, strlen(text));
    free(text);
}

static void reply_streaming(struct clo_reply *reply, const json_t *input)
{
    struct clo_feed *stream =
        clo_feed_create(reply->exchange->connection, CLO_SERVE_STALL_MS, NULL);
    struct clo_turn_result result = {0};
    struct clo_problem problem;
    if (!stream) {
        clo_problem_internal(&problem);
        clo_exchange_refuse(reply->exchange, &problem);
        clo_replies_remove(reply->server->replies, reply);
        clo_exchange_resume(reply->exchange);
        return;
    }
    clo_feed_retain(stream); /* the exchange's */
    clo_exchange_stream(reply->exchange, stream);
    clo_exchange_resume(reply->exchange);
    reply->exchange = NULL;
    clo_events_init(&reply->events, push_event, stream);
    begin_events(reply, &reply->events);
    turn(reply, input, &reply->events, &result);
    json_t *response = finish(reply, &result);
    clo_replies_remove(reply->server->replies, reply);
    end_events(&reply->events, response);
    if (!response || reply->events.failed)
        send_error(stream, reply->events.sequence);
    clo_feed_end(stream);
    json_decref(response);
    clo_turn_result_clear(&result);
    clo_feed_release(stream);
}

static void reply_whole(struct clo_reply *reply, const json_t *input)
{
    struct clo_turn_result result = {.status = CLO_TURN_CANCELLED};
    if (input)
        turn(reply, input, NULL, &result);
    json_t *response = finish(reply, &result);
    clo_turn_result_clear(&result);
    clo_replies_remove(reply->server->replies, reply);
    clo_exchange_json(reply->exchange, 200, response);
    clo_exchange_resume(reply->exchange);
}

static void refuse(struct clo_reply *reply, const struct clo_problem *problem)
{
    pthread_mutex_lock(&reply->lock);
    reply->over = true;
    pthread_mutex_unlock(&reply->lock);
    clo_replies_remove(reply->server->replies, reply);
    clo_exchange_refuse(reply->exchange, problem);
    clo_exchange_resume(reply->exchange);
}

static void reply_foreground(struct clo_reply *reply)
{
    struct clo_problem problem;
    json_t *input = NULL;
    pthread_mutex_lock(&reply->lock);
    enum clo_reply_reason reason = reply->reason;
    pthread_mutex_unlock(&reply->lock);
    if (reason == CLO_REPLY_SHUTDOWN) {
        clo_problem_set(&problem, 503, "shutting_down", NULL,
                        "The server shut down before the "
                        "request's turn came; try again.");
        refuse(reply, &problem);
    } else if (reason != CLO_REPLY_NONE) {
        reply_whole(reply, NULL);
    } else if (clo_history_load(reply->server->store, &reply->request, &input, &problem) < 0) {
        refuse(reply, &problem);
    } else if (reply->request.stream) {
        reply_streaming(reply, input);
    } else {
        reply_whole(reply, input);
    }
    json_decref(input);
}

static void mark_in_progress(struct clo_reply *reply)
{
    struct clo_response_state state = {.status = "in_progress"};
    pthread_mutex_lock(&reply->lock);
    if (!reply->over) {
        json_t *response = clo_response_at(reply->base, &state);
        if (response)
            clo_store_update(reply->server->store, reply->id, response, NULL);
        json_decref(response);
    }
    pthread_mutex_unlock(&reply->lock);
}

static void reply_background(struct clo_reply *reply)
{
    struct clo_turn_result result = {.status = CLO_TURN_CANCELLED};
    struct clo_problem problem;
    json_t *input = NULL;
    mark_in_progress(reply);
    begin_events(reply, &reply->events);
    if (clo_cancel_is_set(reply->cancel)) {
        /* cancelled while it waited: nothing is run */
    } else if (clo_history_load(reply->server->store, &reply->request, &input, &problem) < 0) {
        result.status = CLO_TURN_FAILED;
        snprintf(result.error_code, sizeof result.error_code, "%.31s", problem.code);
        snprintf(result.error_message, sizeof result.error_message, "%.511s", problem.message);
    } else {
        turn(reply, input, &reply->events, &result);
    }
    json_t *response = finish(reply, &result);
    end_events(&reply->events, response);
    atomic_store(&reply->ended, true);
    clo_reply_notify(reply);
    clo_replies_remove(reply->server->replies, reply);
    json_decref(response);
    json_decref(input);
    clo_turn_result_clear(&result);
}

static void execute(struct clo_job *job)
{
    struct clo_reply *reply = (struct clo_reply *)job;
    if (reply->request.background)
        reply_background(reply);
    else
        reply_foreground(reply);
    clo_reply_release(reply);
}

/* responses.c - the client for OpenAI's Responses API and servers like it.
 *
 * Nothing is stored on the server: the whole history goes with each request. Items go without the
 * ids they have here; reasoning goes back only in its encrypted form, which is the only one a
 * server that stored nothing can read.
 */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/client.h"
#include "model/hosted_tool.h"
#include "model/http/json_call.h"

#define PATH "/responses"

static const char *const passed_on[] = {
    "temperature",
    "top_p",
    "max_output_tokens",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "top_logprobs",
    "truncation",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "user",
    NULL,
};

/* The reply as it is being read. Servers send one item after the other; an item that ends while
 * another is open, which the protocol allows, waits in `later`. */
struct reading {
    const struct clo_model *model;
    struct clo_item_builder *builder;
    struct clo_model_reply *reply;
    json_t *later;
    json_int_t open; /* output_index of the open item; -1: none */
    size_t seen;     /* items that ended or were skipped */
    bool hosted;     /* the request has tools of the maker's own: what they did is shown */
    bool complete;
};

static json_t *input_item(const json_t *item)
{
    json_t *copy = clo_json_copy(item), *value;
    const char *type = clo_json_text(item, "type"), *name;
    if (!copy)
        return NULL;
    json_object_foreach((json_t *)item, name, value) {
        if (json_is_null(value)) /* what a client left open, not every server takes so */
            json_object_del(copy, name);
    }
    bool hosted = clo_hosted_tool_item(item); /* the protocol wants its id and status */
    if (!hosted && (!type || strcmp(type, "reasoning") != 0))
        json_object_del(copy, "id");
    if (!hosted)
        json_object_del(copy, "status");
    json_object_del(copy, "failed"); /* ours, see agent.h */
    json_object_del(copy, "artifacts");
    if (type && strcmp(type, "reasoning") == 0 && !json_object_get(copy, "summary") &&
        json_object_set_new(copy, "summary", json_array())) { /* the protocol demands it */
        json_decref(copy);
        return NULL;
    }
    if (type && strcmp(type, "function_call") == 0) {
        json_t *arguments = clo_client_arguments(item);
        if (!arguments || json_object_set_new(copy, "arguments", arguments)) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

static bool is_for_model(const json_t *item)
{
    const char *type = clo_json_text(item, "type");
    if (!type || strcmp(type, "message") == 0 || strcmp(type, "function_call") == 0 ||
        strcmp(type, "function_call_output") == 0 || clo_hosted_tool_item(item))
        return true;
    const char *hidden = clo_json_text(item, "encrypted_content");
    return strcmp(type, "reasoning") == 0 && hidden &&
           strncmp(hidden, "messages.", strlen("messages.")) != 0; /* of another maker's model */
}

static json_t *make_input(const json_t *items)
{
    json_t *input = json_array();
    size_t index;
    const json_t *item;
    json_array_foreach(items, index, item) {
        if (!input || (is_for_model(item) && json_array_append_new(input, input_item(item)))) {
            json_decref(input);
            return NULL;
        }
    }
    return input;
}

/* What comes back besides the items themselves: reasoning in its encrypted form, and of what the client asked for
 * the parts of hosted tools. */
static json_t *make_include(const struct clo_model_request *request, bool encrypted)
{
    json_t *include = json_array(), *wanted = json_object_get(request->options, "include"), *word;
    size_t index;
    if (include && encrypted &&
        json_array_append_new(include, json_string("reasoning.encrypted_content"))) {
        json_decref(include);
        return NULL;
    }
    if (!clo_hosted_tool_in(request->tools, NULL))
        return include;
    json_array_foreach(wanted, index, word) {
        if (clo_hosted_tool_part(json_string_value(word)) && json_array_append(include, word)) {
            json_decref(include);
            return NULL;
        }
    }
    return include;
}

static json_t *make_body(const struct clo_model *model, const struct clo_model_request *request)
{
    json_t *body = json_pack("{s:s, s:o, s:b, s:b}", "model", model->name, "input",
                             make_input(request->input), "stream", 1, "store", 0);
    int bad = !body || clo_client_options(body, request->options, passed_on);
    if (!bad && request->instructions)
        bad |= json_object_set_new(body, "instructions", json_string(request->instructions));
    if (!bad && json_array_size(request->tools))
        bad |= json_object_set(body, "tools", (json_t *)request->tools);
    else if (!bad) {
        json_object_del(body, "tool_choice");
        json_object_del(body, "parallel_tool_calls");
    }
    json_t *include =
        bad ? NULL : make_include(request, model->encrypted || json_object_get(body, "reasoning"));
    bad |= !include || (json_array_size(include) && json_object_set(body, "include", include));
    json_decref(include);
    if (bad) {
        json_decref(body);
        return NULL;
    }
    return body;
}

/* Open it, unless it is of a kind that is not shown. */
static bool open_as(struct reading *reading, const json_t *item)
{
    return (reading->hosted || !clo_hosted_tool_item(item)) &&
           clo_item_builder_open_as(reading->builder, item);
}

static void take_whole(struct reading *reading, const json_t *item)
{
    if (open_as(reading, item))
        clo_item_builder_finish_as(reading->builder, item);
}

static void on_added(struct reading *reading, json_int_t index, const json_t *item)
{
    if (reading->open < 0 && open_as(reading, item))
        reading->open = index;
}

static void on_done(struct reading *reading, json_int_t index, const json_t *item)
{
    reading->seen++;
    if (reading->open >= 0 && reading->open != index) {
        if (!reading->later)
            reading->later = json_array();
        if (json_array_append(reading->later, (json_t *)item))
            reading->builder->status = CLO_ENOMEMORY;
        return;
    }
    if (reading->open == index)
        clo_item_builder_finish_as(reading->builder, item);
    else
        take_whole(reading, item);
    reading->open = -1;
    size_t at;
    const json_t *waiting;
    json_array_foreach(reading->later, at, waiting) {
        take_whole(reading, waiting);
    }
    json_array_clear(reading->later);
}

static void on_delta(struct reading *reading, json_int_t index, enum clo_item_event_kind kind,
                     const json_t *event)
{
    const json_t *delta = json_object_get(event, "delta");
    if (index == reading->open && json_is_string(delta))
        clo_item_builder_add(reading->builder, kind, json_string_value(delta),
                             json_string_length(delta));
}

/* The last event's response, or a plain answer: what was not streamed, usage, and why it ended.
 * `cut`: the event says that it is incomplete. */
static int take_response(struct reading *reading, const json_t *response, bool cut,
                         struct clo_error *error)
{
    struct clo_model_reply *reply = reading->reply;
    const json_t *output = json_object_get(response, "output");
    const json_t *usage = json_object_get(response, "usage");
    if (clo_json_is(response, "status", "failed") || clo_json_is(response, "status", "cancelled"))
        return clo_client_failed(reading->model, reply, response, error);
    if (!json_is_array(output) && !reading->seen)
        return clo_fail(error, CLO_EMODEL, "the model's server sent an answer without output");
    if (reading->open >= 0 && json_array_get(output, (size_t)reading->open))
        on_done(reading, reading->open, json_array_get(output, (size_t)reading->open));
    for (size_t i = reading->seen; i < json_array_size(output); i++)
        take_whole(reading, json_array_get(output, i));
    reply->usage.input = clo_json_count(usage, "input_tokens");
    reply->usage.output = clo_json_count(usage, "output_tokens");
    reply->usage.cached =
        clo_json_count(json_object_get(usage, "input_tokens_details"), "cached_tokens");
    reply->usage.reasoning =
        clo_json_count(json_object_get(usage, "output_tokens_details"), "reasoning_tokens");
    if (cut || clo_json_is(response, "status", "incomplete")) {
        const json_t *details = json_object_get(response, "incomplete_details");
        reply->incomplete = clo_json_is(details, "reason", "content_filter") ? "content_filter"
                                                                             : "max_output_tokens";
    }
    clo_client_served(reply, response);
    reading->complete = true;
    return 0;
}

static int on_event(void *context, const char *name, const json_t *event, struct clo_error *error)
{
    static const struct {
        const char *type;
        enum clo_item_event_kind kind;
    } deltas[] = {
        {"response.output_text.delta", CLO_ITEM_TEXT},
        {"response.refusal.delta", CLO_ITEM_REFUSAL},
        {"response.function_call_arguments.delta", CLO_ITEM_ARGUMENTS},
        {"response.reasoning_summary_text.delta", CLO_ITEM_REASONING},
    };
    struct reading *reading = context;
    const char *type = clo_json_text(event, "type");
    type = type ? type : name;
    const json_t *position = json_object_get(event, "output_index");
    json_int_t index = json_is_integer(position) ? json_integer_value(position) : 0;
    for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++)
        if (strcmp(type, deltas[i].type) == 0) {
            on_delta(reading, index, deltas[i].kind, event);
            return clo_item_builder_check(reading->builder, error);
        }
    if (strcmp(type, "response.output_item.added") == 0) {
        on_added(reading, index, json_object_get(event, "item"));
    } else if (strcmp(type, "response.output_item.done") == 0) {
        on_done(reading, index, json_object_get(event, "item"));
    } else if (strcmp(type, "response.reasoning_summary_part.added") == 0) {
        if (index == reading->open && clo_json_count(event, "summary_index") > 0)
            clo_item_builder_add(reading->builder, CLO_ITEM_REASONING, "\n\n", 2);
    } else if (strcmp(type, "response.completed") == 0 ||
               strcmp(type, "response.incomplete") == 0) {
        bool cut = strcmp(type, "response.incomplete") == 0;
        int status = take_response(reading, json_object_get(event, "response"), cut, error);
        return status ? status : 1;
    } else if (strcmp(type, "response.failed") == 0) {
        return clo_client_failed(reading->model, reading->reply, json_object_get(event, "response"),
                                 error);
    } else if (strcmp(type, "error") == 0) {
        return clo_client_failed(reading->model, reading->reply, event, error);
    }
    return clo_item_builder_check(reading->builder, error);
}

static int on_whole(void *context, const json_t *answer, struct clo_error *error)
{
    struct reading *reading = context;
    const json_t *failure = json_object_get(answer, "error");
    if (failure && !json_is_null(failure))
        return clo_client_failed(reading->model, reading->reply, answer, error);
    return take_response(reading, answer, false, error);
}

int clo_responses_call(struct clo_model *model, const struct clo_model_request *request,
                       struct clo_item_builder *builder, struct clo_model_reply *reply,
                       struct clo_error *error)
{
    json_t *body = make_body(model, request);
    if (!body)
        return clo_fail_memory(error);
    struct reading reading = {.model = model,
                              .builder = builder,
                              .reply = reply,
                              .open = -1,
                              .hosted = clo_hosted_tool_in(request->tools, NULL) != NULL};
    struct clo_http_client_told told = {0};
    struct clo_json_call reader = {on_event, on_whole, &reading, &told, request->traceparent};
    int status = clo_json_call(model->http, PATH, body, request->cancel, &reader, error);
    clo_client_told(reply, &told);
    if (!status && !reading.complete)
        status = clo_fail(error, CLO_EMODEL,
                          "the model's server ended its answer before it was complete");
    json_decref(reading.later);
    json_decref(body);
    return status;
}

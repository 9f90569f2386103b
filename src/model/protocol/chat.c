/* chat.c - the client for chat-completions servers: OpenAI's older protocol, which most local model
 * servers speak.
 *
 * Pieces of several calls may arrive mixed, but items must not overlap: the first unfinished call
 * is told as it comes, the others wait until the end of the reply. So does text that comes after a
 * call has begun.
 */
#include "model/protocol/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "model/client.h"
#include "model/http/json_call.h"

#define PATH "/chat/completions"
#define CALLS_MAX 128 /* in one reply */
#define NAME_MAX_BYTES 256

struct call {
    json_int_t index; /* as the server numbers them */
    char id[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
    struct clo_buffer waiting; /* arguments not told yet */
};

struct reading {
    const struct clo_model *model;
    struct clo_item_builder *builder;
    struct clo_model_reply *reply;
    const json_t *input;
    enum { NOTHING, REASONING, MESSAGE, CALL } open;
    struct call calls[CALLS_MAX];
    size_t count;
    struct clo_buffer late; /* text that came after the first call */
    bool finished;          /* a finish_reason has come */
};

static bool is_openai(const char *host)
{
    static const char *const ends[] = {"openai.com", "openai.azure.com"};
    size_t length = strlen(host);
    for (size_t i = 0; i < 2; i++) {
        size_t end = strlen(ends[i]);
        if (length >= end && strcasecmp(host + length - end, ends[i]) == 0)
            return true;
    }
    return false;
}

static int fail_buffer(const struct clo_buffer *buffer, struct clo_error *error)
{
    if (buffer->no_memory)
        return clo_fail_memory(error);
    return clo_fail(error, CLO_ELIMIT, "the model's reply is larger than %u MiB",
                    CLO_MODEL_REPLY_MAX >> 20);
}

static void on_text(struct reading *reading, const json_t *text, enum clo_item_event_kind kind)
{
    if (!json_is_string(text) || !json_string_length(text))
        return;
    const char *bytes = json_string_value(text);
    size_t length = json_string_length(text);
    if (reading->open == CALL) {
        if (kind != CLO_ITEM_REASONING)
            clo_buffer_append(&reading->late, bytes, length);
        return;
    }
    if (kind == CLO_ITEM_REASONING && reading->open != REASONING) {
        clo_item_builder_reasoning(reading->builder, NULL);
        reading->open = REASONING;
    } else if (kind != CLO_ITEM_REASONING && reading->open != MESSAGE) {
        clo_item_builder_message(reading->builder, NULL);
        reading->open = MESSAGE;
    }
    clo_item_builder_add(reading->builder, kind, bytes, length);
}

/* Some servers write content as a list of parts. */
static void on_content(struct reading *reading, const json_t *content)
{
    size_t index;
    const json_t *part;
    on_text(reading, content, CLO_ITEM_TEXT);
    json_array_foreach(content, index, part) {
        on_text(reading, json_object_get(part, "text"), CLO_ITEM_TEXT);
    }
}

/* The call that a piece belongs to. A server that does not number its calls, or gives all of them
 * the same number, tells them apart by their ids. NULL: too many. */
static struct call *find_call(struct reading *reading, const json_t *piece)
{
    const json_t *number = json_object_get(piece, "index");
    const char *id = clo_json_text(piece, "id");
    bool begins = clo_json_text(json_object_get(piece, "function"), "name") != NULL;
    struct call *found = NULL;
    for (size_t i = 0; i < reading->count; i++)
        if (json_is_integer(number) ? reading->calls[i].index == json_integer_value(number)
                                    : i + 1 == reading->count)
            found = &reading->calls[i];
    bool other = found && begins && id && *id && *found->id && strcmp(id, found->id) != 0;
    if (found && !other)
        return found;
    if (reading->count == CALLS_MAX)
        return NULL;
    found = &reading->calls[reading->count++];
    *found = (struct call){.index = json_integer_value(number),
                           .waiting = CLO_BUFFER(CLO_MODEL_REPLY_MAX)};
    return found;
}

/* A call whose server gave it no id: unique in the conversation and the same when repeated. */
static void make_id(struct reading *reading, struct call *call)
{
    if (!*call->id)
        snprintf(call->id, sizeof call->id, "call_%zu_%zu", json_array_size(reading->input),
                 (size_t)(call - reading->calls));
}

/* Tell what can be told of a call: all of it if it is the one that is open. */
static void tell_call(struct reading *reading, struct call *call)
{
    if (reading->open != CALL && *call->name) {
        make_id(reading, call);
        clo_item_builder_call(reading->builder, NULL, call->id, call->name);
        reading->open = CALL;
    }
    if (reading->open == CALL) {
        clo_item_builder_add(reading->builder, CLO_ITEM_ARGUMENTS, call->waiting.data,
                             call->waiting.length);
        clo_buffer_reset(&call->waiting);
    }
}

static int on_call(struct reading *reading, const json_t *piece, struct clo_error *error)
{
    const json_t *function = json_object_get(piece, "function");
    const json_t *arguments = json_object_get(function, "arguments");
    const char *id = clo_json_text(piece, "id"), *name = clo_json_text(function, "name");
    struct call *call = find_call(reading, piece);
    if (!call)
        return clo_fail(error, CLO_ELIMIT, "the model made more than %d calls at once", CALLS_MAX);
    if (id && *id)
        clo_text_copy(call->id, sizeof call->id, id);
    if (name && *name)
        clo_text_copy(call->name, sizeof call->name, name);
    if (json_is_string(arguments)) {
        clo_buffer_append(&call->waiting, json_string_value(arguments),
                          json_string_length(arguments));
    } else if (json_is_object(arguments)) { /* against the protocol, but what is meant is plain */
        char *dump = clo_json_dump(arguments, JSON_COMPACT);
        if (!dump)
            return clo_fail_memory(error);
        clo_buffer_text(&call->waiting, dump);
        free(dump);
    }
    if (call->waiting.failed)
        return fail_buffer(&call->waiting, error);
    if (call == reading->calls)
        tell_call(reading, call);
    return 0;
}

/* A delta of a stream or the message of a whole answer: they have the same members. */
static int on_message(struct reading *reading, const json_t *message, struct clo_error *error)
{
    const json_t *thought = json_object_get(message, "reasoning_content");
    on_text(reading, thought ? thought : json_object_get(message, "reasoning"), CLO_ITEM_REASONING);
    on_content(reading, json_object_get(message, "content"));
    on_text(reading, json_object_get(message, "refusal"), CLO_ITEM_REFUSAL);
    size_t index;
    const json_t *piece;
    int status = 0;
    json_array_foreach(json_object_get(message, "tool_calls"), index, piece) {
        if (!status)
            status = on_call(reading, piece, error);
    }
    return status;
}

static void on_usage(struct reading *reading, const json_t *usage)
{
    struct clo_usage_tokens *tokens = &reading->reply->usage;
    if (!json_is_object(usage))
        return;
    tokens->input = clo_json_count(usage, "prompt_tokens");
    tokens->output = clo_json_count(usage, "completion_tokens");
    tokens->cached =
        clo_json_count(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
    tokens->reasoning =
        clo_json_count(json_object_get(usage, "completion_tokens_details"), "reasoning_tokens");
}

static int on_answer(struct reading *reading, const json_t *answer, const char *member,
                     struct clo_error *error)
{
    const json_t *failure = json_object_get(answer, "error");
    if (failure && !json_is_null(failure))
        return clo_client_failed(reading->model, reading->reply, answer, error);
    const json_t *choice = json_array_get(json_object_get(answer, "choices"), 0);
    const char *reason = clo_json_text(choice, "finish_reason");
    if (reason && strcmp(reason, "error") == 0)
        return clo_client_failed(reading->model, reading->reply, choice, error);
    clo_client_served(reading->reply, answer);
    on_usage(reading, json_object_get(answer, "usage"));
    int status = on_message(reading, json_object_get(choice, member), error);
    if (reason) {
        reading->finished = true;
        if (strcmp(reason, "length") == 0)
            reading->reply->incomplete = "max_output_tokens";
        else if (strcmp(reason, "content_filter") == 0)
            reading->reply->incomplete = "content_filter";
    }
    if (!status && reading->late.failed)
        status = fail_buffer(&reading->late, error);
    return status ? status : clo_item_builder_check(reading->builder, error);
}

static int on_event(void *context, const char *name, const json_t *event, struct clo_error *error)
{
    struct reading *reading = context;
    if (strcmp(name, "error") == 0)
        return clo_client_failed(reading->model, reading->reply, event, error);
    int status = on_answer(reading, event, "delta", error);
    if (status)
        return status;
    /* usage is the last that comes; not every server says [DONE] after it */
    return reading->finished && json_is_object(json_object_get(event, "usage"));
}

static int on_whole(void *context, const json_t *answer, struct clo_error *error)
{
    struct reading *reading = context;
    int status = on_answer(reading, answer, "message", error);
    if (!status && !json_array_size(json_object_get(answer, "choices")))
        return clo_fail(error, CLO_EMODEL, "the model's server sent an answer without choices");
    reading->finished = true;
    return status;
}

/* Everything that had to wait. A reply that was cut is cut in its last call. */
static void finish(struct reading *reading)
{
    bool cut = reading->reply->incomplete != NULL;
    for (size_t i = 0; i < reading->count; i++) {
        struct call *call = &reading->calls[i];
        if (i > 0 || reading->open != CALL) {
            clo_item_builder_close(reading->builder, true);
            reading->open = NOTHING;
            tell_call(reading, call);
        }
        clo_item_builder_close(reading->builder, !cut || i + 1 < reading->count);
    }
    if (reading->late.length) {
        clo_item_builder_message(reading->builder, NULL);
        clo_item_builder_add(reading->builder, CLO_ITEM_TEXT, reading->late.data,
                             reading->late.length);
    }
}

static int make_body(json_t **body, const struct clo_model *model,
                     const struct clo_model_request *request, struct clo_error *error)
{
    json_t *messages;
    int status = clo_chat_messages(&messages, request, error);
    if (status)
        return status;
    *body = json_pack("{s:s, s:o, s:b, s:{s:b}}", "model", model->name, "messages", messages,
                      "stream", 1, "stream_options", "include_usage", 1);
    if (*body && !clo_chat_options(*body, request, is_openai(clo_http_client_host(model->http))))
        return 0;
    json_decref(*body);
    return clo_fail_memory(error);
}

static void clear(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        clo_buffer_free(&reading->calls[i].waiting);
    clo_buffer_free(&reading->late);
    free(reading);
}

int clo_chat_call(struct clo_model *model, const struct clo_model_request *request,
                  struct clo_item_builder *builder, struct clo_model_reply *reply,
                  struct clo_error *error)
{
    json_t *body;
    int status = make_body(&body, model, request, error);
    if (status)
        return status;
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading) {
        json_decref(body);
        return clo_fail_memory(error);
    }
    *reading = (struct reading){.model = model,
                                .builder = builder,
                                .reply = reply,
                                .input = request->input,
                                .late = CLO_BUFFER(CLO_MODEL_REPLY_MAX)};
    struct clo_http_client_told told = {0};
    struct clo_json_call reader = {on_event, on_whole, reading, &told, request->traceparent};
    status = clo_json_call(model->http, model->chat_path ? model->chat_path : PATH, body,
                           request->cancel, &reader, error);
    clo_client_told(reply, &told);
    if (!status && !reading->finished)
        status = clo_fail(error, CLO_EMODEL,
                          "the model's server ended its answer before it was complete");
    if (!status)
        finish(reading);
    clear(reading);
    json_decref(body);
    return status;
}

/* messages.c - the client for Anthropic's Messages API.
 *
 * Its stream is of blocks that never overlap, each an item here: text a message's, tool_use a call,
 * thinking and redacted_thinking reasoning, whose signature stands in encrypted_content, so that
 * the block can go back. */
#include "model/protocol/messages.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "model/client.h"
#include "model/error_code.h"
#include "model/http/json_call.h"

#define PATH "/messages"
#define SIGNATURE_MAX (1u << 20)
#define REFUSED "The model declined to answer."

struct reading {
    const struct clo_model *model;
    struct clo_item_builder *builder;
    struct clo_model_reply *reply;
    enum { NOTHING, MESSAGE, CALL, REASONING } open;
    struct clo_buffer hidden; /* of a reasoning item: what becomes its encrypted_content */
    bool began;               /* of a call: arguments have come */
    bool finished;
};

static void add(struct reading *reading, enum clo_item_event_kind kind, const json_t *text)
{
    if (json_is_string(text))
        clo_item_builder_add(reading->builder, kind, json_string_value(text),
                             json_string_length(text));
}

static int hide(struct reading *reading, const char *mark, const json_t *text,
                struct clo_error *error)
{
    if (!reading->hidden.length)
        clo_buffer_text(&reading->hidden, mark);
    if (json_is_string(text))
        clo_buffer_append(&reading->hidden, json_string_value(text), json_string_length(text));
    if (!reading->hidden.failed)
        return 0;
    return reading->hidden.no_memory
               ? clo_fail_memory(error)
               : clo_fail(error, CLO_ELIMIT, "a thinking block's signature is larger than %u MiB",
                          SIGNATURE_MAX >> 20);
}

/* The end of a block. A call without arguments has none. */
static int close_block(struct reading *reading, struct clo_error *error)
{
    int status = 0;
    if (reading->open == CALL && !reading->began)
        clo_item_builder_add(reading->builder, CLO_ITEM_ARGUMENTS, "{}", 2);
    if (reading->open == REASONING && reading->hidden.length) {
        json_t *item =
            json_pack("{s:s%}", "encrypted_content", reading->hidden.data, reading->hidden.length);
        if (item)
            clo_item_builder_finish_as(reading->builder, item);
        else
            status = clo_fail_memory(error);
        json_decref(item);
    }
    if (reading->open != MESSAGE) /* texts in a row are one message */
        clo_item_builder_close(reading->builder, true);
    if (reading->open != MESSAGE)
        reading->open = NOTHING;
    return status;
}

static int open_block(struct reading *reading, const json_t *block, struct clo_error *error)
{
    const char *type = clo_json_text(block, "type"), *id = clo_json_text(block, "id");
    const char *name = clo_json_text(block, "name");
    type = type ? type : "";
    clo_buffer_reset(&reading->hidden);
    reading->began = false;
    if (strcmp(type, "text") == 0) {
        if (reading->open != MESSAGE)
            clo_item_builder_message(reading->builder, NULL);
        reading->open = MESSAGE;
        add(reading, CLO_ITEM_TEXT, json_object_get(block, "text"));
    } else if (strcmp(type, "tool_use") == 0) {
        clo_item_builder_call(reading->builder, NULL, id && *id ? id : "call", name ? name : "");
        reading->open = CALL;
    } else if (strcmp(type, "thinking") == 0 || strcmp(type, "redacted_thinking") == 0) {
        clo_item_builder_reasoning(reading->builder, NULL);
        reading->open = REASONING;
        add(reading, CLO_ITEM_REASONING, json_object_get(block, "thinking"));
        if (*type == 'r')
            return hide(reading, CLO_CLIENT_REDACTED, json_object_get(block, "data"), error);
    } else {
        reading->open = NOTHING; /* of tools that are the server's own: none was asked for */
        clo_item_builder_close(reading->builder, true);
    }
    return 0;
}

static int on_delta(struct reading *reading, const json_t *delta, struct clo_error *error)
{
    const char *type = clo_json_text(delta, "type");
    const json_t *part = json_object_get(delta, "partial_json");
    type = type ? type : "";
    if (strcmp(type, "text_delta") == 0) {
        add(reading, CLO_ITEM_TEXT, json_object_get(delta, "text"));
    } else if (strcmp(type, "input_json_delta") == 0) {
        reading->began = reading->began || json_string_length(part);
        add(reading, CLO_ITEM_ARGUMENTS, part);
    } else if (strcmp(type, "thinking_delta") == 0) {
        add(reading, CLO_ITEM_REASONING, json_object_get(delta, "thinking"));
    } else if (strcmp(type, "signature_delta") == 0 && reading->open == REASONING) {
        return hide(reading, CLO_CLIENT_THINKING, json_object_get(delta, "signature"), error);
    }
    return 0;
}

/* Numbers are the whole so far; an event leaves out what does not change. */
static void on_usage(struct reading *reading, const json_t *usage)
{
    struct clo_usage_tokens *tokens = &reading->reply->usage;
    clo_client_tier(reading->reply, usage);
    if (json_is_integer(json_object_get(usage, "input_tokens"))) {
        tokens->cached = clo_json_count(usage, "cache_read_input_tokens");
        tokens->input = clo_json_count(usage, "input_tokens") + tokens->cached +
                        clo_json_count(usage, "cache_creation_input_tokens");
    }
    if (json_is_integer(json_object_get(usage, "output_tokens")))
        tokens->output = clo_json_count(usage, "output_tokens");
    const json_t *details = json_object_get(usage, "output_tokens_details");
    if (json_is_object(details))
        tokens->reasoning = clo_json_count(details, "thinking_tokens");
}

/* Why it stopped: {"stop_reason", "stop_details"}. */
static void on_stop(struct reading *reading, const json_t *why)
{
    const char *reason = clo_json_text(why, "stop_reason");
    if (!reason)
        return;
    if (strcmp(reason, "max_tokens") == 0 || strcmp(reason, "model_context_window_exceeded") == 0)
        reading->reply->incomplete = "max_output_tokens";
    if (strcmp(reason, "refusal") != 0)
        return;
    const char *words = clo_json_text(json_object_get(why, "stop_details"), "explanation");
    words = words && *words ? words : REFUSED;
    if (reading->open != MESSAGE)
        clo_item_builder_message(reading->builder, NULL);
    reading->open = MESSAGE;
    clo_item_builder_add(reading->builder, CLO_ITEM_REFUSAL, words, strlen(words));
}

static int on_event(void *context, const char *name, const json_t *event, struct clo_error *error)
{
    struct reading *reading = context;
    const char *type = clo_json_text(event, "type");
    int status = 0;
    type = type ? type : name;
    if (strcmp(type, "content_block_start") == 0) {
        status = open_block(reading, json_object_get(event, "content_block"), error);
    } else if (strcmp(type, "content_block_delta") == 0) {
        status = on_delta(reading, json_object_get(event, "delta"), error);
    } else if (strcmp(type, "content_block_stop") == 0) {
        status = close_block(reading, error);
    } else if (strcmp(type, "message_start") == 0) {
        clo_client_served(reading->reply, json_object_get(event, "message"));
        on_usage(reading, json_object_get(json_object_get(event, "message"), "usage"));
    } else if (strcmp(type, "message_delta") == 0) {
        on_usage(reading, json_object_get(event, "usage"));
        on_stop(reading, json_object_get(event, "delta"));
    } else if (strcmp(type, "message_stop") == 0) {
        reading->finished = true;
    } else if (strcmp(type, "error") == 0) {
        return clo_client_failed(reading->model, reading->reply, event, error);
    }
    status = status ? status : clo_item_builder_check(reading->builder, error);
    return status ? status : reading->finished;
}

/* The arguments of a whole call. */
static int add_input(struct reading *reading, const json_t *block, struct clo_error *error)
{
    const json_t *input = json_object_get(block, "input");
    char *text = json_is_object(input) ? clo_json_dump(input, JSON_COMPACT) : NULL;
    if (json_is_object(input) && !text)
        return clo_fail_memory(error);
    reading->began = text != NULL;
    if (text)
        clo_item_builder_add(reading->builder, CLO_ITEM_ARGUMENTS, text, strlen(text));
    free(text);
    return 0;
}

/* The same blocks at once, from a server that does not stream. */
static int on_whole(void *context, const json_t *answer, struct clo_error *error)
{
    struct reading *reading = context;
    const json_t *content = json_object_get(answer, "content"), *block;
    size_t index;
    int status = 0;
    if (clo_json_is(answer, "type", "error"))
        return clo_client_failed(reading->model, reading->reply, answer, error);
    if (!json_is_array(content))
        return clo_fail(error, CLO_EMODEL, "the model's server sent an answer without content");
    clo_client_served(reading->reply, answer);
    on_usage(reading, json_object_get(answer, "usage"));
    json_array_foreach(content, index, block) {
        status = status ? status : open_block(reading, block, error);
        if (!status && reading->open == CALL)
            status = add_input(reading, block, error);
        if (!status && clo_json_is(block, "type", "thinking"))
            status = hide(reading, CLO_CLIENT_THINKING, json_object_get(block, "signature"), error);
        status = status ? status : close_block(reading, error);
    }
    on_stop(reading, answer);
    reading->finished = true;
    return status ? status : clo_item_builder_check(reading->builder, error);
}

static int make_body(json_t **body, const struct clo_model *model,
                     const struct clo_model_request *request, struct clo_error *error)
{
    json_t *messages, *system;
    int status = clo_messages_input(&messages, &system, request, error);
    if (status)
        return status;
    *body = json_pack("{s:s, s:o, s:o*, s:b}", "model", model->name, "messages", messages, "system",
                      system, "stream", 1);
    if (*body && !clo_messages_options(*body, request))
        return 0;
    json_decref(*body);
    return clo_fail_memory(error);
}

int clo_messages_call(struct clo_model *model, const struct clo_model_request *request,
                      struct clo_item_builder *builder, struct clo_model_reply *reply,
                      struct clo_error *error)
{
    json_t *body;
    int status = make_body(&body, model, request, error);
    if (status)
        return status;
    struct reading reading = {
        .model = model, .builder = builder, .reply = reply, .hidden = CLO_BUFFER(SIGNATURE_MAX)};
    struct clo_http_client_told told = {0};
    struct clo_json_call reader = {on_event, on_whole, &reading, &told, request->traceparent};
    status = clo_json_call(model->http, PATH, body, request->cancel, &reader, error);
    clo_client_told(reply, &told);
    if (told.refusal.status == 404) /* it has this path: what is missing is the model */
        reply->error_code = CLO_ERROR_CODE_MODEL;
    if (!status && !reading.finished)
        status = clo_fail(error, CLO_EMODEL,
                          "the model's server ended its answer before it was complete");
    clo_buffer_free(&reading.hidden);
    json_decref(body);
    return status;
}

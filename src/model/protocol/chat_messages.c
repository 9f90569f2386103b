/* chat_messages.c - a history of items as chat messages, in the form that the strictest servers
 * take: no field is null, no list is empty, and only what a client itself left empty is "". The
 * content beside tool_calls is "": some servers refuse null there, others its absence. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/client.h"
#include "model/protocol/chat.h"

#define NO_RESULT "(no result: the call was not carried out)"
#define NO_TEXT "(no text)" /* an answer or a result that is empty: servers refuse "" there */
#define TEXT_MAX (64u << 20)

struct writing {
    const json_t *input;
    json_t *messages;
    bool *used;             /* per input item: its content has been placed already */
    struct clo_buffer text; /* of the assistant message being gathered */
    bool has_text;
    json_t *calls;     /* its tool_calls */
    size_t first_call; /* where in the input the first of them stands */
    bool failed;       /* out of memory */
};

static void keep(struct writing *writing, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value))
        writing->failed = true;
}

/* Text of a string, or of the text parts of a list, joined by line breaks. */
static json_t *plain_text(const json_t *content)
{
    if (json_is_string(content))
        return json_incref((json_t *)content);
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    size_t index;
    const json_t *part;
    json_array_foreach(content, index, part) {
        const json_t *value = json_object_get(part, "text");
        value = value ? value : json_object_get(part, "refusal");
        if (!json_is_string(value))
            continue;
        if (text.length)
            clo_buffer_text(&text, "\n");
        clo_buffer_append(&text, json_string_value(value), json_string_length(value));
    }
    json_t *string = text.failed ? NULL : json_stringn(text.data ? text.data : "", text.length);
    clo_buffer_free(&text);
    return string;
}

/* Of a call's result: never empty. */
static json_t *result_text(const json_t *output)
{
    json_t *text = plain_text(output);
    if (!text || json_string_length(text))
        return text;
    json_decref(text);
    return json_string(NO_TEXT);
}

/* The result of the call at `from`: the next unused function_call_output with its id. */
static json_t *find_result(struct writing *writing, size_t from, const char *call_id)
{
    for (size_t i = from + 1; i < json_array_size(writing->input); i++) {
        const json_t *item = json_array_get(writing->input, i);
        if (writing->used[i] || !clo_json_is(item, "type", "function_call_output") ||
            !clo_json_is(item, "call_id", call_id))
            continue;
        writing->used[i] = true;
        return result_text(json_object_get(item, "output"));
    }
    return json_string(NO_RESULT);
}

/* The gathered assistant message, and the result of each of its calls. */
static void flush(struct writing *writing)
{
    size_t count = json_array_size(writing->calls), index;
    if ((!writing->has_text && !count) || writing->text.failed) /* which is told at the end */
        return;
    json_t *message = json_pack("{s:s}", "role", "assistant");
    json_t *text = writing->has_text && writing->text.length
                       ? json_stringn(writing->text.data, writing->text.length)
                       : json_string(count ? "" : NO_TEXT);
    if (json_object_set_new(message, "content", text) ||
        (count && json_object_set(message, "tool_calls", writing->calls)))
        writing->failed = true;
    keep(writing, writing->messages, message);
    const json_t *call;
    json_array_foreach(writing->calls, index, call) {
        const char *id = clo_json_text(call, "id");
        keep(writing, writing->messages,
             json_pack("{s:s, s:s, s:o}", "role", "tool", "tool_call_id", id, "content",
                       find_result(writing, writing->first_call, id)));
    }
    json_decref(writing->calls);
    writing->calls = json_array();
    clo_buffer_reset(&writing->text);
    writing->has_text = false;
}

static void add_call(struct writing *writing, const json_t *item, size_t at)
{
    const char *id = clo_json_text(item, "call_id"), *name = clo_json_text(item, "name");
    if (!id || !name)
        return;
    if (json_array_size(writing->calls) == 0)
        writing->first_call = at;
    keep(writing, writing->calls,
         json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", id, "type", "function", "function", "name",
                   name, "arguments", clo_client_arguments(item)));
}

static void add_assistant(struct writing *writing, const json_t *item)
{
    json_t *text = plain_text(json_object_get(item, "content"));
    if (!text)
        writing->failed = true;
    if (writing->text.length && json_string_length(text))
        clo_buffer_text(&writing->text, "\n\n");
    clo_buffer_append(&writing->text, json_string_value(text), json_string_length(text));
    writing->has_text = true;
    json_decref(text);
}

static bool is_text(const json_t *part)
{
    return clo_json_is(part, "type", "input_text") || clo_json_is(part, "type", "output_text") ||
           clo_json_is(part, "type", "text");
}

/* One content part of a user's message. NULL with *status 0: out of memory. */
static json_t *user_part(const json_t *part, int *status, struct clo_error *error)
{
    const char *type = clo_json_text(part, "type"), *text = clo_json_text(part, "text");
    json_t *url = json_object_get(part, "image_url");
    type = type ? type : "";
    if (is_text(part))
        return text ? json_pack("{s:s, s:O}", "type", "text", "text", json_object_get(part, "text"))
                    : json_pack("{s:s, s:s}", "type", "text", "text", "");
    if (strcmp(type, "input_image") == 0 && json_is_string(url))
        return json_pack("{s:s, s:{s:O, s:O*}}", "type", "image_url", "image_url", "url", url,
                         "detail", clo_client_member(part, "detail"));
    if (strcmp(type, "input_file") == 0)
        return json_pack("{s:s, s:{s:O*, s:O*, s:O*}}", "type", "file", "file", "file_id",
                         clo_client_member(part, "file_id"), "filename",
                         clo_client_member(part, "filename"), "file_data",
                         clo_client_member(part, "file_data"));
    if (strcmp(type, "input_audio") == 0)
        return clo_json_copy(part);
    *status =
        clo_fail(error, CLO_EINVALID,
                 "a content part of type \"%.40s\"%s cannot be sent to a chat-completions server",
                 type, strcmp(type, "input_image") == 0 ? " without image_url" : "");
    return NULL;
}

static int add_user(struct writing *writing, const json_t *content, struct clo_error *error)
{
    int status = 0;
    json_t *parts = json_array(), *whole = NULL;
    size_t index;
    const json_t *part;
    bool text_only = true;
    json_array_foreach(content, index, part) {
        text_only = text_only && is_text(part);
        json_t *copy = user_part(part, &status, error);
        if (status)
            break;
        keep(writing, parts, copy);
    }
    if (!status && text_only) /* every server takes a string */
        whole = plain_text(content);
    else if (!status)
        whole = json_incref(parts);
    if (!status)
        keep(writing, writing->messages, json_pack("{s:s, s:o}", "role", "user", "content", whole));
    json_decref(parts);
    return status;
}

/* Two strings with a blank line between them. */
static json_t *join(const json_t *first, const json_t *second)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    clo_buffer_append(&text, json_string_value(first), json_string_length(first));
    clo_buffer_text(&text, "\n\n");
    clo_buffer_append(&text, json_string_value(second), json_string_length(second));
    json_t *string = text.failed ? NULL : json_stringn(text.data, text.length);
    clo_buffer_free(&text);
    return string;
}

/* Text of the system (stolen). At the start of the conversation it is one message: some models'
 * templates take no second. */
static void add_system(struct writing *writing, json_t *text)
{
    json_t *first = json_array_get(writing->messages, 0);
    bool joins = json_array_size(writing->messages) == 1 && clo_json_is(first, "role", "system");
    if (text && !json_string_length(text)) {
        json_decref(text);
    } else if (text && joins) {
        json_t *both = join(json_object_get(first, "content"), text);
        if (json_object_set_new(first, "content", both))
            writing->failed = true;
        json_decref(text);
    } else {
        keep(writing, writing->messages,
             json_pack("{s:s, s:o}", "role", "system", "content", text));
    }
}

static int add_message(struct writing *writing, const json_t *item, struct clo_error *error)
{
    const char *role = clo_json_text(item, "role");
    const json_t *content = json_object_get(item, "content");
    role = role ? role : "user";
    if (strcmp(role, "assistant") == 0) {
        add_assistant(writing, item);
        return 0;
    }
    flush(writing);
    if (strcmp(role, "user") == 0)
        return add_user(writing, content, error);
    add_system(writing, plain_text(content));
    return 0;
}

static int add_item(struct writing *writing, size_t at, struct clo_error *error)
{
    const json_t *item = json_array_get(writing->input, at);
    const char *type = clo_json_text(item, "type");
    if (!type || strcmp(type, "message") == 0)
        return add_message(writing, item, error);
    if (strcmp(type, "function_call") == 0) {
        add_call(writing, item, at);
    } else if (strcmp(type, "function_call_output") == 0) {
        flush(writing);
        const char *id = clo_json_text(item, "call_id");
        if (!writing->used[at] && id) /* answers no call that is here: let the server judge */
            keep(writing, writing->messages,
                 json_pack("{s:s, s:s, s:o}", "role", "tool", "tool_call_id", id, "content",
                           result_text(json_object_get(item, "output"))));
    }
    return 0; /* reasoning and items that are the host's own affair are not for this protocol */
}

int clo_chat_messages(json_t **messages, const struct clo_model_request *request,
                      struct clo_error *error)
{
    size_t count = json_array_size(request->input);
    struct writing writing = {.input = request->input,
                              .messages = json_array(),
                              .calls = json_array(),
                              .used = calloc(count + 1, sizeof(bool)),
                              .text = CLO_BUFFER(TEXT_MAX)};
    int status = 0;
    *messages = NULL;
    if (!writing.messages || !writing.calls || !writing.used)
        writing.failed = true;
    if (!writing.failed && request->instructions)
        add_system(&writing, json_string(request->instructions));
    for (size_t i = 0; i < count && !status && !writing.failed; i++)
        status = add_item(&writing, i, error);
    if (!status && !writing.failed)
        flush(&writing);
    if (!status && writing.text.failed && !writing.text.no_memory)
        status = clo_fail(error, CLO_ELIMIT,
                          "the assistant's messages in a row are larger than %u MiB together",
                          TEXT_MAX >> 20);
    if (!status && (writing.failed || writing.text.failed))
        status = clo_fail_memory(error);
    if (!status)
        *messages = json_incref(writing.messages);
    json_decref(writing.messages);
    json_decref(writing.calls);
    clo_buffer_free(&writing.text);
    free(writing.used);
    return status;
}

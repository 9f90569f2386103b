/* messages_input.c - a history of items as messages of the Messages API.
 *
 * What it wants: the user begins; the two speak in turn; each tool_use is answered by a tool_result
 * at the start of the very next message; no text is empty; a thinking block goes back as it
 * came. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/client.h"
#include "model/protocol/messages.h"

#define NO_RESULT "(no result: the call was not carried out)"
#define NO_TEXT "(no text)"
#define TEXT_MAX (64u << 20)

struct writing {
    const json_t *input;
    json_t *messages;
    struct clo_buffer system;
    bool *used;      /* per input item: its content has been placed already */
    json_t *waiting; /* ids of the last message's calls that have no result yet */
    size_t first;    /* where in the input the first of these calls stands */
    bool failed;     /* out of memory */
};

static void keep(struct writing *writing, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value))
        writing->failed = true;
}

/* The content of the last message if it is by that role, else of a new one. */
static json_t *content_by(struct writing *writing, const char *role)
{
    size_t count = json_array_size(writing->messages);
    json_t *last = count ? json_array_get(writing->messages, count - 1) : NULL;
    if (!last || !clo_json_is(last, "role", role)) {
        last = json_pack("{s:s, s:[]}", "role", role, "content");
        if (json_array_append(writing->messages, last))
            writing->failed = true;
        json_decref(last);
        last = json_array_get(writing->messages, count);
    }
    return json_object_get(last, "content");
}

static json_t *text_block(const char *text, size_t length)
{
    return json_pack("{s:s, s:s%}", "type", "text", "text", text, length);
}

/* ---- results of calls ---- */

static json_t *result_text(const json_t *output)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    size_t index;
    const json_t *part;
    if (json_is_string(output))
        clo_buffer_append(&text, json_string_value(output), json_string_length(output));
    json_array_foreach(output, index, part) {
        const json_t *words = json_object_get(part, "text");
        if (text.length && json_is_string(words))
            clo_buffer_text(&text, "\n");
        if (json_is_string(words))
            clo_buffer_append(&text, json_string_value(words), json_string_length(words));
    }
    json_t *string = text.failed   ? NULL
                     : text.length ? json_stringn(text.data, text.length)
                                   : json_string(NO_TEXT);
    clo_buffer_free(&text);
    return string;
}

/* The item that answers the call, from `from` on; NULL: none does. */
static const json_t *find_result(struct writing *writing, const char *call_id)
{
    for (size_t i = writing->first; i < json_array_size(writing->input); i++) {
        const json_t *item = json_array_get(writing->input, i);
        if (writing->used[i] || !clo_json_is(item, "type", "function_call_output") ||
            !clo_json_is(item, "call_id", call_id))
            continue;
        writing->used[i] = true;
        return item;
    }
    return NULL;
}

/* What the protocol takes for an id: letters, digits, "_" and "-". */
static json_t *id_of(const char *call_id)
{
    char *id = strdup(*call_id ? call_id : "call");
    for (char *at = id; at && *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *at))
            *at = '_';
    json_t *made = id ? json_string(id) : NULL;
    free(id);
    return made;
}

static void answer_calls(struct writing *writing)
{
    size_t index;
    const json_t *waiting;
    if (!json_array_size(writing->waiting))
        return;
    json_t *content = content_by(writing, "user");
    json_array_foreach(writing->waiting, index, waiting) {
        const char *call_id = json_string_value(waiting);
        const json_t *item = find_result(writing, call_id);
        json_t *text = item ? result_text(json_object_get(item, "output")) : json_string(NO_RESULT);
        json_t *block = json_pack("{s:s, s:o, s:o}", "type", "tool_result", "tool_use_id",
                                  id_of(call_id), "content", text);
        if ((!item || json_is_true(json_object_get(item, "failed"))) &&
            json_object_set_new(block, "is_error", json_true()))
            writing->failed = true;
        keep(writing, content, block);
    }
    json_array_clear(writing->waiting);
}

/* ---- the assistant's ---- */

static void add_call(struct writing *writing, const json_t *item, size_t at)
{
    const char *call_id = clo_json_text(item, "call_id"), *name = clo_json_text(item, "name");
    if (!call_id || !name)
        return;
    json_t *text = clo_client_arguments(item);
    json_t *input =
        text ? clo_json_load(json_string_value(text), json_string_length(text), NULL) : NULL;
    json_decref(text);
    if (!json_array_size(writing->waiting))
        writing->first = at;
    keep(writing, writing->waiting, json_string(call_id));
    keep(writing, content_by(writing, "assistant"),
         json_pack("{s:s, s:o, s:s, s:o}", "type", "tool_use", "id", id_of(call_id), "name", name,
                   "input", input));
}

static void add_assistant(struct writing *writing, const json_t *item)
{
    const json_t *content = json_object_get(item, "content"), *part;
    json_t *blocks = content_by(writing, "assistant");
    size_t index;
    if (json_string_length(content))
        keep(writing, blocks, text_block(json_string_value(content), json_string_length(content)));
    json_array_foreach(content, index, part) {
        const json_t *text = json_object_get(part, "text");
        text = text ? text : json_object_get(part, "refusal");
        if (json_string_length(text))
            keep(writing, blocks, text_block(json_string_value(text), json_string_length(text)));
    }
}

/* Only what this protocol's server sent can be shown to it again. */
static void add_reasoning(struct writing *writing, const json_t *item)
{
    const char *hidden = clo_json_text(item, "encrypted_content");
    const json_t *summary = json_array_get(json_object_get(item, "summary"), 0);
    const char *thought = clo_json_text(summary, "text");
    size_t thinking = strlen(CLO_CLIENT_THINKING), redacted = strlen(CLO_CLIENT_REDACTED);
    if (hidden && strncmp(hidden, CLO_CLIENT_THINKING, thinking) == 0)
        keep(writing, content_by(writing, "assistant"),
             json_pack("{s:s, s:s, s:s}", "type", "thinking", "thinking", thought ? thought : "",
                       "signature", hidden + thinking));
    else if (hidden && strncmp(hidden, CLO_CLIENT_REDACTED, redacted) == 0)
        keep(writing, content_by(writing, "assistant"),
             json_pack("{s:s, s:s}", "type", "redacted_thinking", "data", hidden + redacted));
}

/* ---- the user's ---- */

/* "data:TYPE;base64,DATA": the type's length, and where the data begins; 0: it is none. */
static size_t data_url(const char *url, const char **data)
{
    const char *comma = url ? strstr(url, ";base64,") : NULL;
    if (!comma || strncmp(url, "data:", 5) != 0)
        return 0;
    *data = comma + strlen(";base64,");
    return strcspn(url + 5, ";,");
}

static json_t *source_of(const char *url)
{
    const char *data;
    size_t type = data_url(url, &data);
    return type ? json_pack("{s:s, s:s%, s:s}", "type", "base64", "media_type", url + 5, type,
                            "data", data)
                : json_pack("{s:s, s:s}", "type", "url", "url", url);
}

static bool is_url(const char *text)
{
    return text && (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0);
}

/* A PDF, in it or by its URL. NULL: it is none of these. */
static json_t *document_of(const json_t *part)
{
    const char *data = clo_json_text(part, "file_data"), *url = clo_json_text(part, "file_url");
    const char *name = clo_json_text(part, "filename"), *rest;
    size_t type = data_url(data, &rest);
    if (type && strncmp(data + 5, "application/pdf", type) == 0)
        url = data;
    else if (!is_url(url))
        return NULL;
    return json_pack("{s:s, s:o, s:s*}", "type", "document", "source", source_of(url), "title",
                     name);
}

static int add_part(struct writing *writing, json_t *content, const json_t *part,
                    struct clo_error *error)
{
    const char *type = clo_json_text(part, "type"), *url = clo_json_text(part, "image_url"), *data;
    const json_t *text = json_object_get(part, "text");
    type = type ? type : "";
    if (strcmp(type, "input_text") == 0 || strcmp(type, "output_text") == 0 ||
        strcmp(type, "text") == 0) {
        if (json_string_length(text))
            keep(writing, content, text_block(json_string_value(text), json_string_length(text)));
        return 0;
    }
    if (strcmp(type, "input_image") == 0 && (is_url(url) || data_url(url, &data))) {
        keep(writing, content, json_pack("{s:s, s:o}", "type", "image", "source", source_of(url)));
        return 0;
    }
    json_t *document = strcmp(type, "input_file") == 0 ? document_of(part) : NULL;
    if (document) {
        keep(writing, content, document);
        return 0;
    }
    return clo_fail(
        error, CLO_EINVALID,
        "a content part of type \"%.40s\" cannot be sent to Anthropic's server; images and "
        "PDF files can, in the request or by their URL",
        type);
}

static int add_user(struct writing *writing, const json_t *item, struct clo_error *error)
{
    const json_t *content = json_object_get(item, "content"), *part;
    json_t *blocks = content_by(writing, "user");
    size_t index;
    int status = 0;
    if (json_string_length(content))
        keep(writing, blocks, text_block(json_string_value(content), json_string_length(content)));
    json_array_foreach(content, index, part) {
        if (!status)
            status = add_part(writing, blocks, part, error);
    }
    return status;
}

/* ---- all of it ---- */

static void add_system(struct writing *writing, const char *text, size_t length)
{
    if (writing->system.length && length)
        clo_buffer_text(&writing->system, "\n\n");
    clo_buffer_append(&writing->system, text, length);
}

static void add_system_item(struct writing *writing, const json_t *item)
{
    json_t *text = result_text(json_object_get(item, "content"));
    if (!text)
        writing->failed = true;
    else if (strcmp(json_string_value(text), NO_TEXT) != 0)
        add_system(writing, json_string_value(text), json_string_length(text));
    json_decref(text);
}

static int add_item(struct writing *writing, size_t at, struct clo_error *error)
{
    const json_t *item = json_array_get(writing->input, at);
    const char *type = clo_json_text(item, "type"), *role = clo_json_text(item, "role");
    if (type && strcmp(type, "function_call") == 0) {
        add_call(writing, item, at);
        return 0;
    }
    bool message = !type || strcmp(type, "message") == 0;
    if (message && role && (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0)) {
        add_system_item(writing, item);
        return 0;
    }
    bool reasoning = !message && strcmp(type, "reasoning") == 0;
    if (!message && !reasoning)
        return 0; /* results go with their calls; others are the host's own affair */
    answer_calls(writing);
    if (reasoning)
        add_reasoning(writing, item);
    else if (role && strcmp(role, "assistant") == 0)
        add_assistant(writing, item);
    else
        return add_user(writing, item, error);
    return 0;
}

/* Nobody says nothing, and the user begins. */
static void tidy(struct writing *writing)
{
    json_t *message;
    size_t index;
    json_array_foreach(writing->messages, index, message) {
        json_t *content = json_object_get(message, "content");
        if (!json_array_size(content))
            keep(writing, content, text_block(NO_TEXT, strlen(NO_TEXT)));
    }
    if (clo_json_is(json_array_get(writing->messages, 0), "role", "user"))
        return;
    json_t *first =
        json_pack("{s:s, s:[o]}", "role", "user", "content", text_block(NO_TEXT, strlen(NO_TEXT)));
    if (json_array_insert_new(writing->messages, 0, first))
        writing->failed = true;
}

/* The system's text, for the server to keep with the tools before it. */
static int take_system(struct writing *writing, json_t **system)
{
    if (!writing->system.length)
        return 0;
    *system = json_pack("[{s:s, s:s%, s:{s:s}}]", "type", "text", "text", writing->system.data,
                        writing->system.length, "cache_control", "type", "ephemeral");
    return *system ? 0 : CLO_ENOMEMORY;
}

int clo_messages_input(json_t **messages, json_t **system, const struct clo_model_request *request,
                       struct clo_error *error)
{
    size_t count = json_array_size(request->input);
    struct writing writing = {.input = request->input,
                              .messages = json_array(),
                              .waiting = json_array(),
                              .system = CLO_BUFFER(TEXT_MAX),
                              .used = calloc(count + 1, sizeof(bool))};
    int status = 0;
    *messages = *system = NULL;
    writing.failed = !writing.messages || !writing.waiting || !writing.used;
    if (request->instructions)
        add_system(&writing, request->instructions, strlen(request->instructions));
    for (size_t i = 0; i < count && !status && !writing.failed; i++)
        status = add_item(&writing, i, error);
    if (!status && !writing.failed) {
        answer_calls(&writing);
        tidy(&writing);
    }
    if (!status && writing.system.failed && !writing.system.no_memory)
        status = clo_fail(error, CLO_ELIMIT,
                          "the system's messages are larger than %u MiB together", TEXT_MAX >> 20);
    if (!status && (writing.failed || writing.system.failed || take_system(&writing, system)))
        status = clo_fail_memory(error);
    if (!status)
        *messages = json_incref(writing.messages);
    json_decref(writing.messages);
    json_decref(writing.waiting);
    clo_buffer_free(&writing.system);
    free(writing.used);
    return status;
}

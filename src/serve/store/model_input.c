/* model_input.c - one item, from the form in which a client or the store has it to that of models.
 */
#include "serve/store/model_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "codeact/codeact.h"
#include "model/hosted_tool.h"
#include "serve/protocol/output_filter.h"

#define OUTPUT_MAX (64u << 20)
#define CALL_ID_MAX 64 /* bytes; what servers of models allow */
#define NO_OUTPUT "(what this run put out is not known any more)"

static int append(json_t *to, json_t *item)
{
    return !item || json_array_append_new(to, item) < 0 ? CLO_ENOMEMORY : 0;
}

static bool is(const json_t *item, const char *type)
{
    return clo_json_is(item, "type", type);
}

/* The members that the four kinds have, those that are there and not null. Others are a server's
 * own, and another server would refuse them. */
static json_t *known_members(const json_t *item)
{
    static const char *const names[] = {
        "type",    "id",        "status", "role",      "phase",   "content",           "name",
        "call_id", "arguments", "output", "namespace", "summary", "encrypted_content", "artifacts"};
    json_t *clean = json_object();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *value = json_object_get(item, names[i]);
        if (value && !json_is_null(value))
            clo_json_put(&clean, names[i], json_incref(value));
    }
    return clean;
}

/* Base64 and its like: ASCII without blanks. Many scripts have no blanks either. */
static bool is_blob(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return length > CLO_MODEL_INPUT_BLOB_MAX;
}

static json_t *legible_string(const json_t *value)
{
    struct clo_buffer cut = CLO_BUFFER(CLO_MODEL_INPUT_TEXT_MAX + 64);
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    bool blob = is_blob(text, length);
    if (!blob && length <= CLO_MODEL_INPUT_TEXT_MAX)
        return json_incref((json_t *)value);
    size_t head = blob ? 0 : clo_text_head(text, length, CLO_MODEL_INPUT_TEXT_MAX);
    clo_buffer_append(&cut, text, head);
    clo_buffer_format(&cut, blob ? "(%zu bytes)" : " (and %zu bytes more)", length - head);
    json_t *string = cut.failed ? NULL : json_stringn(cut.data, cut.length);
    clo_buffer_free(&cut);
    return string;
}

/* A copy to read: without nulls, long text cut, encoded data left out. NULL: out of memory. The
 * depth of `value` is bounded by the parser that it came through. */
static json_t *legible(const json_t *value)
{
    json_t *copy, *entry;
    const char *name;
    size_t index;
    if (json_is_string(value))
        return legible_string(value);
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, index, entry) {
            if (json_array_append_new(copy, legible(entry)) < 0) {
                json_decref(copy);
                return NULL;
            }
        }
        return copy;
    }
    if (!json_is_object(value))
        return json_incref((json_t *)value);
    copy = json_object();
    json_object_foreach((json_t *)value, name, entry) {
        if (!json_is_null(entry))
            clo_json_put(&copy, name, legible(entry));
    }
    return copy;
}

/* "[type] {…}": a text that says what the value says. NULL: out of memory. */
static json_t *as_text(const json_t *value)
{
    const char *type = clo_json_text(value, "type");
    json_t *copy = legible(value);
    json_object_del(copy, "type");
    json_object_del(copy, "id");
    json_object_del(copy, "status");
    char *dump = clo_json_dump(copy, JSON_COMPACT), *text = NULL;
    json_decref(copy);
    int length = dump ? asprintf(&text, "[%.64s] %s", type ? type : "item", dump) : -1;
    free(dump);
    json_t *string = length < 0 ? NULL : json_stringn(text, (size_t)length);
    if (length >= 0)
        free(text);
    return string;
}

static bool is_known_part(const json_t *part)
{
    static const char *const types[] = {"input_text",  "output_text", "text",       "refusal",
                                        "input_image", "input_file",  "input_audio"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (is(part, types[i]))
            return true;
    }
    return false;
}

/* The parts, those of kinds that models do not know as text. NULL: out of memory. */
static json_t *known_parts(const json_t *parts, bool assistant)
{
    json_t *known = json_array(), *part;
    size_t index;
    json_array_foreach(parts, index, part) {
        json_t *text = json_object_get(part, "text"), *entry = NULL;
        if (is_known_part(part))
            entry = json_incref(part);
        else
            entry = json_pack("{s:s, s:o}", "type", assistant ? "output_text" : "input_text",
                              "text", json_is_string(text) ? json_incref(text) : as_text(part));
        if (!entry || json_array_append_new(known, entry) < 0) {
            json_decref(known);
            return NULL;
        }
    }
    return known;
}

static int add_message(const json_t *item, json_t *to)
{
    json_t *clean = known_members(item), *content = json_object_get(item, "content");
    if (json_is_array(content))
        clo_json_put(&clean, "content",
                     known_parts(content, clo_json_is(item, "role", "assistant")));
    return append(to, clean);
}

json_t *clo_model_input_joined(json_t *parts)
{
    struct clo_buffer text = CLO_BUFFER(OUTPUT_MAX);
    bool all = parts != NULL;
    json_t *part, *string = NULL;
    size_t index;
    json_array_foreach(parts, index, part) {
        const json_t *value = json_object_get(part, "text");
        all = all && json_is_string(value);
        if (index > 0)
            clo_buffer_text(&text, "\n");
        clo_buffer_append(&text, json_string_value(value), json_string_length(value));
    }
    if (all && !text.failed)
        string = json_stringn(text.data ? text.data : "", text.length);
    clo_buffer_free(&text);
    if (!all)
        return parts;
    json_decref(parts);
    return string;
}

static int add_output(const json_t *item, json_t *to)
{
    json_t *clean = known_members(item), *output = json_object_get(item, "output");
    if (json_is_array(output))
        clo_json_put(&clean, "output", clo_model_input_joined(known_parts(output, false)));
    return append(to, clean);
}

static int add_reasoning(const json_t *item, json_t *to)
{
    json_t *clean = known_members(item);
    if (!clean)
        return CLO_ENOMEMORY;
    if (!json_object_get(clean, "encrypted_content") &&
        json_array_size(json_object_get(clean, "summary")) == 0 &&
        json_array_size(json_object_get(clean, "content")) == 0) {
        json_decref(clean);
        return 0;
    }
    if (!json_is_array(json_object_get(clean, "summary")))
        clo_json_put(&clean, "summary", json_array());
    return append(to, clean);
}

/* Something that models have no kind for. What answers a call comes from the client. */
static int add_text(const json_t *item, json_t *to)
{
    const char *type = clo_json_text(item, "type");
    size_t length = strlen(type);
    bool answer = (length > 7 && strcmp(type + length - 7, "_output") == 0) ||
                  strcmp(type, "mcp_approval_response") == 0;
    json_t *text = as_text(item);
    if (answer)
        return append(to, json_pack("{s:s, s:s, s:[{s:s, s:o}]}", "type", "message", "role", "user",
                                    "content", "type", "input_text", "text", text));
    return append(to, json_pack("{s:s, s:s, s:[{s:s, s:o, s:[]}]}", "type", "message", "role",
                                "assistant", "content", "type", "output_text", "text", text,
                                "annotations"));
}

int clo_model_input_run(struct clo_store *store, const char *user, const char *id, json_t **call,
                        json_t **output)
{
    static const size_t skip = sizeof CLO_OUTPUT_FILTER_MCP_PREFIX - 1;
    char call_id[sizeof CLO_OUTPUT_FILTER_CALL_PREFIX + CLO_NAME_BYTES_MAX];
    *call = *output = NULL;
    if (!id || strncmp(id, CLO_OUTPUT_FILTER_MCP_PREFIX, skip) != 0 ||
        strlen(id) > CLO_NAME_BYTES_MAX)
        return 0;
    snprintf(call_id, sizeof call_id, CLO_OUTPUT_FILTER_CALL_PREFIX "%s", id + skip);
    int status = clo_store_item(store, user, call_id, call);
    if (status == 0 && is(*call, "function_call")) {
        status = clo_store_call_output(store, user, call_id, output);
    } else {
        json_decref(*call); /* an id that a client has chosen */
        *call = NULL;
    }
    return status == CLO_ENOTFOUND ? 0 : status;
}

/* A value that should have been a string. */
static json_t *dumped(const json_t *value)
{
    char *dump = clo_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_t *string = dump ? json_string(dump) : NULL;
    free(dump);
    return string;
}

/* The text as the model wrote it, where a client has only written the same value in another way. */
static json_t *choose_arguments(const json_t *item, const json_t *call)
{
    json_t *given = json_object_get(item, "arguments"),
           *stored = json_object_get(call, "arguments");
    if (json_is_object(given))
        return dumped(given);
    if (!json_is_string(given) || json_string_length(given) == 0)
        return stored ? json_incref(stored) : json_string("{}");
    if (!stored)
        return json_incref(given);
    json_t *a = clo_json_load(json_string_value(given), json_string_length(given), NULL);
    json_t *b = clo_json_load(json_string_value(stored), json_string_length(stored), NULL);
    bool same = a && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return json_incref(same ? stored : given);
}

/* What came of it: as the client has it, as it is stored, or the error alone. */
static json_t *choose_output(const json_t *item, const json_t *stored)
{
    json_t *output = json_object_get(item, "output"), *error = json_object_get(item, "error");
    if (json_is_string(output))
        return json_incref(output);
    if (output && !json_is_null(output))
        return dumped(output);
    output = json_object_get(stored, "output");
    if (json_is_string(output))
        return json_incref(output);
    if (json_is_string(error))
        return json_incref(error);
    return json_is_object(error) ? as_text(error) : json_string(NO_OUTPUT);
}

/* Under which the call and its output find each other: as stored, else made of the item's id. */
static json_t *choose_call_id(const json_t *item, const json_t *call, size_t place)
{
    char made[CALL_ID_MAX + 1];
    const char *id = clo_json_text(item, "id");
    if (call)
        return json_incref(json_object_get(call, "call_id"));
    if (id && strlen(id) <= CALL_ID_MAX - 5)
        snprintf(made, sizeof made, "call_%s", id);
    else
        snprintf(made, sizeof made, "call_at_%zu", place);
    return json_string(made);
}

static int add_run(const json_t *item, const json_t *call, const json_t *output, json_t *to)
{
    json_t *name = json_object_get(call ? call : item, "name");
    json_t *call_id = choose_call_id(item, call, json_array_size(to));
    int status =
        append(to, json_pack("{s:s, s:O, s:O, s:o}", "type", "function_call", "call_id", call_id,
                             "name", name, "arguments", choose_arguments(item, call)));
    if (status == 0)
        status = append(to, json_pack("{s:s, s:O, s:o, s:O*}", "type", "function_call_output",
                                      "call_id", call_id, "output", choose_output(item, output),
                                      "artifacts", json_object_get(output, "artifacts")));
    json_decref(call_id);
    return status;
}

/* The store says whose work it was, or else the name: another server's tools are not known here. */
static int add_mcp_call(struct clo_store *store, const char *user, const json_t *item, json_t *to)
{
    json_t *call, *output;
    int status = clo_model_input_run(store, user, clo_json_text(item, "id"), &call, &output);
    if (status == 0)
        status = call || clo_json_is(item, "name", CLO_CODEACT_TOOL)
                     ? add_run(item, call, output, to)
                     : add_text(item, to);
    json_decref(call);
    json_decref(output);
    return status;
}

/* A call of the agent's own brings its output, which may not be referred to; twice does no harm. */
static int add_stored(struct clo_store *store, const char *user, const char *id, bool hosted,
                      json_t *to)
{
    json_t *item, *output = NULL;
    int status = clo_store_item(store, user, id, &item);
    if (status < 0)
        return status;
    status = clo_model_input_add(store, user, item, hosted,
                                 to); /* no reference: the store does not find those */
    if (status == 0 && is(item, "function_call"))
        status = clo_store_call_output(store, user, id, &output);
    if (output)
        status = add_output(output, to);
    json_decref(item);
    json_decref(output);
    return status == CLO_ENOTFOUND ? 0 : status;
}

static int add_reference(struct clo_store *store, const char *user, const char *id, bool hosted,
                         json_t *to)
{
    json_t *call, *output;
    int status = clo_model_input_run(store, user, id, &call, &output);
    if (status == 0)
        status = call ? add_run(NULL, call, output, to) : add_stored(store, user, id, hosted, to);
    json_decref(call);
    json_decref(output);
    return status;
}

int clo_model_input_add(struct clo_store *store, const char *user, const json_t *item, bool hosted,
                        json_t *to)
{
    if (is(item, "message"))
        return add_message(item, to);
    if (is(item, "function_call"))
        return append(to, known_members(item));
    if (is(item, "function_call_output"))
        return add_output(item, to);
    if (is(item, "reasoning"))
        return add_reasoning(item, to);
    if (is(item, "item_reference"))
        return add_reference(store, user, clo_json_text(item, "id"), hosted, to);
    if (is(item, "mcp_call"))
        return add_mcp_call(store, user, item, to);
    if (hosted && clo_hosted_tool_item(item))
        return append(to, json_incref((json_t *)item));
    if (is(item, "mcp_list_tools") || is(item, "compaction") || !clo_json_text(item, "type"))
        return 0;
    return add_text(item, to);
}

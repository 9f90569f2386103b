/* request_input.c - `input`: a string or items, each brought to its full form.
 *
 * The full form has a type, and a message's content is an array of parts. The model and the store
 * see nothing else. Items are checked as far as the server itself relies on them.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "serve/protocol/field.h"
#include "serve/protocol/request.h"

static int fail_item(struct clo_problem *problem, const char *code, size_t index, const char *field,
                     const json_t *value, const char *wanted)
{
    char param[64], shown[CLO_FIELD_SHOW];
    snprintf(param, sizeof param, "input[%zu]%s%s", index, *field ? "." : "", field);
    return clo_problem_set(problem, 400, code, param, "'%s' is %s; it must be %s.", param,
                           value ? clo_field_show(value, shown) : "missing", wanted);
}

static int want_id(const json_t *item, const char *name, size_t index, struct clo_problem *problem)
{
    const json_t *value = json_object_get(item, name);
    size_t length = json_string_length(value);
    if (length >= 1 && length <= CLO_REQUEST_ID_MAX)
        return 0;
    return fail_item(problem, "invalid_value", index, name, value, "a string of 1 to 256 bytes");
}

static int want_string(const json_t *item, const char *name, size_t index,
                       struct clo_problem *problem)
{
    const json_t *value = json_object_get(item, name);
    return json_is_string(value)
               ? 0
               : fail_item(problem, "invalid_type", index, name, value, "a string");
}

/* The parts of a message, or of a function's output where that is an array. */
static int check_parts(const json_t *parts, size_t index, const char *field,
                       struct clo_problem *problem)
{
    json_t *part;
    size_t at;
    if (json_array_size(parts) > CLO_REQUEST_PARTS_MAX)
        return fail_item(problem, "array_above_max_length", index, field, parts,
                         "an array of at most 1024 parts");
    json_array_foreach(parts, at, part) {
        char name[48];
        const char *type = json_string_value(json_object_get(part, "type"));
        snprintf(name, sizeof name, "%s[%zu].type", field, at);
        if (!type)
            return fail_item(problem, "invalid_type", index, name, json_object_get(part, "type"),
                             "a string: input_text, input_image, input_file …");
        const char *text_field = NULL;
        if (!strcmp(type, "input_text") || !strcmp(type, "output_text") || !strcmp(type, "text"))
            text_field = "text";
        else if (!strcmp(type, "refusal"))
            text_field = "refusal";
        if (text_field && !json_is_string(json_object_get(part, text_field))) {
            snprintf(name, sizeof name, "%s[%zu].%s", field, at, text_field);
            return fail_item(problem, "invalid_type", index, name,
                             json_object_get(part, text_field), "a string");
        }
    }
    return 0;
}

static json_t *text_parts(const char *role, const json_t *text)
{
    if (strcmp(role, "assistant") == 0)
        return json_pack("[{s:s, s:O, s:[]}]", "type", "output_text", "text", text, "annotations");
    return json_pack("[{s:s, s:O}]", "type", "input_text", "text", text);
}

static int message(json_t *item, size_t index, struct clo_problem *problem)
{
    static const struct clo_field roles = {"role", CLO_FIELD_CHOICE, 0, 0,
                                           "user|assistant|system|developer"};
    const json_t *role = clo_field_get(item, "role");
    char param[48];
    snprintf(param, sizeof param, "input[%zu].role", index);
    if (!role)
        return fail_item(problem, "missing_required_parameter", index, "role", NULL,
                         "user, assistant, system or developer");
    if (clo_field_check(role, &roles, param, problem) < 0)
        return CLO_EINVALID;
    json_t *content = json_object_get(item, "content");
    /* an assistant that said nothing, as in histories of chat completions; not shown to models */
    if (!clo_field_get(item, "content") && strcmp(json_string_value(role), "assistant") == 0)
        return json_object_set_new(item, "content", json_array()) ? clo_problem_internal(problem)
                                                                  : 0;
    if (json_is_string(content)) {
        json_t *parts = text_parts(json_string_value(role), content);
        if (!parts || json_object_set_new(item, "content", parts) < 0)
            return clo_problem_internal(problem);
        return 0;
    }
    if (!json_is_array(content))
        return fail_item(problem, "invalid_type", index, "content", content,
                         "a string or an array of parts");
    return check_parts(content, index, "content", problem);
}

static int function_call_output(const json_t *item, size_t index, struct clo_problem *problem)
{
    const json_t *output = json_object_get(item, "output");
    if (want_id(item, "call_id", index, problem) < 0)
        return CLO_EINVALID;
    if (json_is_array(output))
        return check_parts(output, index, "output", problem);
    return want_string(item, "output", index, problem);
}

static int function_call(const json_t *item, size_t index, struct clo_problem *problem)
{
    if (want_id(item, "call_id", index, problem) < 0 || want_id(item, "name", index, problem) < 0)
        return CLO_EINVALID;
    return want_string(item, "arguments", index, problem);
}

static int reasoning(const json_t *item, size_t index, struct clo_problem *problem)
{
    const json_t *summary = clo_field_get(item, "summary");
    return !summary || json_is_array(summary)
               ? 0
               : fail_item(problem, "invalid_type", index, "summary", summary, "an array");
}

static int check_item(json_t *item, size_t index, struct clo_problem *problem)
{
    const json_t *type = clo_field_get(item, "type");
    if (!json_is_object(item))
        return fail_item(problem, "invalid_type", index, "", item, "an object");
    if (!type && (clo_field_get(item, "role") || !clo_field_get(item, "id"))) {
        if (json_object_set_new(item, "type", json_string("message")))
            return clo_problem_internal(problem);
        return message(item, index, problem);
    }
    if (!type) {
        if (json_object_set_new(item, "type", json_string("item_reference")))
            return clo_problem_internal(problem);
        return want_id(item, "id", index, problem);
    }
    const char *name = json_string_value(type);
    if (clo_field_get(item, "id") && want_id(item, "id", index, problem) < 0)
        return CLO_EINVALID;
    if (name && !strcmp(name, "message"))
        return message(item, index, problem);
    if (name && !strcmp(name, "function_call"))
        return function_call(item, index, problem);
    if (name && !strcmp(name, "function_call_output"))
        return function_call_output(item, index, problem);
    if (name && !strcmp(name, "reasoning"))
        return reasoning(item, index, problem);
    if (name && !strcmp(name, "item_reference"))
        return want_id(item, "id", index, problem);
    /* What other servers do for their clients comes here in resent histories, with kinds that may
     * be new: models are told of it as text. What has a role was meant to be a message. */
    if (name && *name && !clo_field_get(item, "role"))
        return 0;
    return fail_item(
        problem, "invalid_value", index, "type", type,
        "message, function_call, function_call_output, reasoning, item_reference or the kind of a hosted tool's item");
}

static int check_items(const json_t *input, json_t *items, struct clo_problem *problem)
{
    json_t *entry;
    size_t index;
    if (json_array_size(input) == 0)
        return clo_problem_set(problem, 400, "invalid_value", "input",
                               "'input' is an empty array; it must hold at least one item.");
    if (json_array_size(input) > CLO_REQUEST_ITEMS_MAX)
        return clo_problem_set(problem, 400, "array_above_max_length", "input",
                               "'input' has %zu items; at most %d are allowed.",
                               json_array_size(input), CLO_REQUEST_ITEMS_MAX);
    json_array_foreach(input, index, entry) {
        json_t *item = clo_json_copy(entry); /* shallow: only top-level fields are rewritten */
        if (json_array_append_new(items, item) < 0)
            return clo_problem_internal(problem);
        if (check_item(item, index, problem) < 0)
            return CLO_EINVALID;
    }
    return 0;
}

int clo_request_input(const json_t *body, json_t **items, struct clo_problem *problem)
{
    const json_t *input = clo_field_get(body, "input");
    char shown[CLO_FIELD_SHOW];
    if (!input)
        return clo_problem_set(problem, 400, "missing_required_parameter", "input",
                               "'input' is missing; send a string or an array of items.");
    if (json_is_string(input)) {
        *items = json_pack("[{s:s, s:s, s:o}]", "type", "message", "role", "user", "content",
                           text_parts("user", input));
        return *items ? 0 : clo_problem_internal(problem);
    }
    if (!json_is_array(input))
        return clo_problem_set(problem, 400, "invalid_type", "input",
                               "'input' is %s; it must be a string or an array of items.",
                               clo_field_show(input, shown));
    *items = json_array();
    return *items ? check_items(input, *items, problem) : clo_problem_internal(problem);
}

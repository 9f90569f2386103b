/* request.c - a request's JSON into struct clo_request. The table below is the protocol's scalar
 * fields; what has structure is checked by a function of its own. */
#include "serve/protocol/request.h"

#include <limits.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/utf8.h"
#include "serve/protocol/field.h"

static const struct clo_field fields[] = {
    {"model", CLO_FIELD_STRING, 0, 256, NULL},
    {"instructions", CLO_FIELD_STRING, 0, 0, NULL},
    {"previous_response_id", CLO_FIELD_STRING, 0, CLO_NAME_BYTES_MAX, NULL},
    {"stream", CLO_FIELD_BOOL, 0, 0, NULL},
    {"stream_options", CLO_FIELD_OBJECT, 0, 0, NULL},
    {"store", CLO_FIELD_BOOL, 0, 0, NULL},
    {"background", CLO_FIELD_BOOL, 0, 0, NULL},
    {"parallel_tool_calls", CLO_FIELD_BOOL, 0, 0, NULL},
    {"temperature", CLO_FIELD_NUMBER, 0, 2, NULL},
    {"top_p", CLO_FIELD_NUMBER, 0, 1, NULL},
    {"presence_penalty", CLO_FIELD_NUMBER, -2, 2, NULL},
    {"frequency_penalty", CLO_FIELD_NUMBER, -2, 2, NULL},
    {"top_logprobs", CLO_FIELD_INTEGER, 0, 20, NULL},
    {"max_output_tokens", CLO_FIELD_INTEGER, 1, INT_MAX, NULL},
    {"max_tool_calls", CLO_FIELD_INTEGER, 1, INT_MAX, NULL},
    {"truncation", CLO_FIELD_CHOICE, 0, 0, "auto|disabled"},
    {"service_tier", CLO_FIELD_STRING, 0, 64, NULL},
    {"user", CLO_FIELD_STRING, 0, 512, NULL},
    {"safety_identifier", CLO_FIELD_STRING, 0, 512, NULL},
    {"prompt_cache_key", CLO_FIELD_STRING, 0, 512, NULL},
    {"prompt_cache_retention", CLO_FIELD_STRING, 0, 64, NULL},
    {"metadata", CLO_FIELD_OBJECT, 0, 0, NULL},
    {"text", CLO_FIELD_OBJECT, 0, 0, NULL},
    {"reasoning", CLO_FIELD_OBJECT, 0, 0, NULL},
    {"include", CLO_FIELD_ARRAY, 0, 64, NULL},
    {"sandbox", CLO_FIELD_OBJECT, 0, 0, NULL}, /* ours, as the one before */
    {"agent_session_id", CLO_FIELD_STRING, 0, CLO_NAME_BYTES_MAX, NULL},
};

/* What the agent hands to the model's client, which passes on what its protocol knows. */
static const char *const passed_on[] = {
    "temperature",
    "top_p",
    "max_output_tokens",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "top_logprobs",
    "presence_penalty",
    "frequency_penalty",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "service_tier",
    "include",
};

static bool given_true(const json_t *body, const char *name)
{
    return json_is_true(json_object_get(body, name));
}

static int parse_json(const char *text, size_t length, json_t **body, struct clo_problem *problem)
{
    json_error_t where;
    if (length == 0)
        return clo_problem_set(problem, 400, "invalid_json", NULL,
                               "The request has no body; send a JSON object with \"input\".");
    *body = clo_json_parse(text, length, 0, &where);
    if (!*body && clo_json_no_memory(&where))
        return clo_problem_internal(problem);
    if (!*body)
        return clo_problem_set(problem, 400, "invalid_json", NULL,
                               "The body is not valid JSON: line %d, column %d: %s.", where.line,
                               where.column, where.text);
    if (!json_is_object(*body)) {
        char shown[CLO_FIELD_SHOW];
        return clo_problem_set(problem, 400, "invalid_type", NULL,
                               "The body is %s; it must be a JSON object with \"input\".",
                               clo_field_show(*body, shown));
    }
    return 0;
}

static int check_fields(const json_t *body, struct clo_problem *problem)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const json_t *value = json_object_get(body, fields[i].name);
        if (clo_field_check(value, &fields[i], fields[i].name, problem) < 0)
            return CLO_EINVALID;
    }
    return 0;
}

static size_t characters(const char *text)
{
    return clo_utf8_count(text, strlen(text));
}

static int check_metadata(const json_t *body, struct clo_problem *problem)
{
    json_t *metadata = clo_field_get(body, "metadata"), *value;
    const char *key;
    if (json_object_size(metadata) > CLO_REQUEST_METADATA_MAX)
        return clo_problem_set(problem, 400, "object_above_max_properties", "metadata",
                               "'metadata' has %zu pairs; at most %d are allowed.",
                               json_object_size(metadata), CLO_REQUEST_METADATA_MAX);
    json_object_foreach(metadata, key, value) {
        if (characters(key) > 64)
            return clo_problem_set(
                problem, 400, "string_above_max_length", "metadata",
                "A key of 'metadata' has %zu characters; at most 64 are allowed.", characters(key));
        if (!json_is_string(value)) {
            char shown[CLO_FIELD_SHOW];
            return clo_problem_set(problem, 400, "invalid_type", "metadata",
                                   "'metadata.%s' is %s; values must be strings.", key,
                                   clo_field_show(value, shown));
        }
        if (characters(json_string_value(value)) > 512)
            return clo_problem_set(problem, 400, "string_above_max_length", "metadata",
                                   "'metadata.%s' has %zu characters; at most 512 are allowed.",
                                   key, characters(json_string_value(value)));
    }
    return 0;
}

static int check_text_format(const json_t *body, struct clo_problem *problem)
{
    static const struct clo_field format_field = {"format", CLO_FIELD_OBJECT, 0, 0, NULL};
    static const struct clo_field type_field = {"type", CLO_FIELD_CHOICE, 0, 0,
                                                "text|json_object|json_schema"};
    static const struct clo_field verbosity = {"verbosity", CLO_FIELD_CHOICE, 0, 0,
                                               "low|medium|high"};
    const json_t *text = clo_field_get(body, "text");
    const json_t *format = clo_field_get(text, "format");
    if (clo_field_check(clo_field_get(text, "verbosity"), &verbosity, "text.verbosity", problem) <
            0 ||
        clo_field_check(format, &format_field, "text.format", problem) < 0)
        return CLO_EINVALID;
    if (!format)
        return 0;
    const json_t *type = clo_field_get(format, "type");
    if (!type)
        return clo_problem_set(
            problem, 400, "missing_required_parameter", "text.format.type",
            "'text.format.type' is missing; give text, json_object or json_schema.");
    if (clo_field_check(type, &type_field, "text.format.type", problem) < 0)
        return CLO_EINVALID;
    if (strcmp(json_string_value(type), "json_schema") != 0)
        return 0;
    if (!json_is_string(json_object_get(format, "name")))
        return clo_problem_set(problem, 400, "missing_required_parameter", "text.format.name",
                               "'text.format.name' is missing; a json_schema format needs a name.");
    if (!json_is_object(json_object_get(format, "schema")))
        return clo_problem_set(problem, 400, "missing_required_parameter", "text.format.schema",
                               "'text.format.schema' is missing; it must be a JSON Schema object.");
    return 0;
}

static int check_include(const json_t *body, struct clo_problem *problem)
{
    json_t *include = clo_field_get(body, "include"), *entry;
    size_t index;
    json_array_foreach(include, index, entry) {
        char shown[CLO_FIELD_SHOW];
        if (!json_is_string(entry))
            return clo_problem_set(problem, 400, "invalid_type", "include",
                                   "'include[%zu]' is %s; it must be a string.", index,
                                   clo_field_show(entry, shown));
    }
    return 0;
}

static int take_conversation(struct clo_request *request, struct clo_problem *problem)
{
    const json_t *value = clo_field_get(request->body, "conversation");
    if (!value)
        return 0;
    const char *id =
        json_string_value(json_is_object(value) ? json_object_get(value, "id") : value);
    if (!id || !clo_name_ok(id)) {
        char shown[CLO_FIELD_SHOW];
        return clo_problem_set(
            problem, 400, "invalid_value", "conversation",
            "'conversation' is %s; it must be an id, or {\"id\": …}, of 1 to %d letters, digits, '_', '-', '.' or ':'.",
            clo_field_show(value, shown), CLO_NAME_BYTES_MAX);
    }
    if (request->previous)
        return clo_problem_set(
            problem, 400, "mutually_exclusive_parameters", "conversation",
            "'conversation' and 'previous_response_id' exclude each other; send one of them.");
    clo_name_copy(request->conversation, id);
    return 0;
}

/* Ours, so what is not known is refused: it is misspelt. */
static int take_sandbox(struct clo_request *request, struct clo_problem *problem)
{
    static const struct clo_field state_field = {"state", CLO_FIELD_CHOICE, 0, 0, "clean|session"};
    const char *key;
    json_t *value;
    json_object_foreach(clo_field_get(request->body, "sandbox"), key, value) {
        if (strcmp(key, "state") != 0)
            return clo_problem_set(problem, 400, "unknown_parameter", "sandbox",
                                   "Unknown parameter: 'sandbox.%.100s'. There is: state.", key);
        if (clo_field_check(value, &state_field, "sandbox.state", problem) < 0)
            return CLO_EINVALID;
        const char *text = json_string_value(value); /* NULL: null, as if it were left out */
        if (text)
            request->state =
                strcmp(text, "session") == 0 ? CLO_REQUEST_STATE_SESSION : CLO_REQUEST_STATE_CLEAN;
    }
    return 0;
}

static int check_combinations(const struct clo_request *request, struct clo_problem *problem)
{
    if (request->background && !request->store)
        return clo_problem_set(
            problem, 400, "unsupported_parameter", "background",
            "'background' needs the response to be stored; leave 'store' out or set it to true.");
    if (!request->stream && clo_field_get(request->body, "stream_options"))
        return clo_problem_set(problem, 400, "invalid_value", "stream_options",
                               "'stream_options' is only allowed together with \"stream\": true.");
    if (clo_field_get(request->body, "prompt"))
        return clo_problem_set(
            problem, 400, "unsupported_parameter", "prompt",
            "'prompt' names a template that another server keeps; it is not known here. Send its text as 'instructions' or in 'input'.");
    if (request->session[0] && !clo_name_ok(request->session))
        return clo_problem_set(
            problem, 400, "invalid_value", "agent_session_id",
            "'agent_session_id' is '%.40s'; it may hold letters, digits, '_', '-', '.' and ':'.",
            request->session);
    return 0;
}

static int take_options(struct clo_request *request)
{
    request->options = json_object();
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        json_t *value = clo_field_get(request->body, passed_on[i]);
        if (value && json_object_set(request->options, passed_on[i], value) < 0)
            return CLO_ENOMEMORY;
    }
    return request->options ? 0 : CLO_ENOMEMORY;
}

static void take_fields(struct clo_request *request)
{
    const json_t *body = request->body;
    const char *truncation = json_string_value(json_object_get(body, "truncation"));
    const char *session = json_string_value(json_object_get(body, "agent_session_id"));
    request->instructions = json_string_value(json_object_get(body, "instructions"));
    request->previous = json_string_value(json_object_get(body, "previous_response_id"));
    request->stream = given_true(body, "stream");
    request->background = given_true(body, "background");
    request->store = !json_is_false(json_object_get(body, "store"));
    request->truncate = truncation && strcmp(truncation, "auto") == 0;
    request->max_tool_calls = (unsigned)json_integer_value(json_object_get(body, "max_tool_calls"));
    if (session)
        clo_name_copy(request->session, session);
}

int clo_request_parse(struct clo_request *request, const char *text, size_t length,
                      struct clo_problem *problem)
{
    if (parse_json(text, length, &request->body, problem) < 0 ||
        check_fields(request->body, problem) < 0 || check_metadata(request->body, problem) < 0 ||
        check_text_format(request->body, problem) < 0 || check_include(request->body, problem) < 0)
        return CLO_EINVALID;
    take_fields(request);
    if (take_conversation(request, problem) < 0 || take_sandbox(request, problem) < 0 ||
        check_combinations(request, problem) < 0 ||
        clo_request_input(request->body, &request->input, problem) < 0 ||
        clo_request_tools(request->body, &request->client_tools, problem) < 0 ||
        clo_request_tool_choice(request->body, request->client_tools, problem) < 0)
        return CLO_EINVALID;
    return take_options(request) < 0 ? clo_problem_internal(problem) : 0;
}

void clo_request_clear(struct clo_request *request)
{
    json_decref(request->body);
    json_decref(request->input);
    json_decref(request->options);
    json_decref(request->inline_files);
    json_decref(request->client_tools);
    memset(request, 0, sizeof *request);
}

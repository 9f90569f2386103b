/* run_request.c - see run_request.h. */
#include "serve/protocol/run_request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/instant.h"
#include "base/id.h"
#include "base/json.h"
#include "serve/protocol/field.h"

static const struct clo_field fields[] = {
    {"code", CLO_FIELD_STRING, 0, CLO_RUN_CODE_MAX, NULL},
    {"name", CLO_FIELD_STRING, 0, CLO_RUN_NAME_MAX, NULL},
    {"arguments", CLO_FIELD_ARRAY, 0, CLO_ARGUMENTS_MAX, NULL},
    {"stdin", CLO_FIELD_STRING, 0, 0, NULL},
    {"files", CLO_FIELD_ARRAY, 0, CLO_RUN_FILES_MAX, NULL},
    {"limits", CLO_FIELD_OBJECT, 0, 0, NULL},
    {"tools", CLO_FIELD_BOOL, 0, 0, NULL},
    {"isolation", CLO_FIELD_STRING, 0, 64, NULL},
    {"repair", CLO_FIELD_BOOL, 0, 0, NULL},
    {"seed", CLO_FIELD_INTEGER, 0, (double)INT64_MAX, NULL},
    {"clock", CLO_FIELD_STRING, 0, 64, NULL},
    {"timezone", CLO_FIELD_STRING, 0, 256, NULL},
    {"stream", CLO_FIELD_BOOL, 0, 0, NULL},
    {"state", CLO_FIELD_CHOICE, 0, 0, "clean|session"},
    {"previous_run_id", CLO_FIELD_STRING, 1, CLO_NAME_BYTES_MAX, NULL},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const struct limit_field {
    const char *name;
    size_t at;
} limit_fields[] = {
    {"wall_ms", offsetof(struct clo_limits, wall_ms)},
    {"cpu_ms", offsetof(struct clo_limits, cpu_ms)},
    {"memory", offsetof(struct clo_limits, memory)},
    {"output", offsetof(struct clo_limits, output)},
    {"host_calls", offsetof(struct clo_limits, host_calls)},
    {"host_call_bytes", offsetof(struct clo_limits, host_call_bytes)},
    {"tool_ms", offsetof(struct clo_limits, tool_ms)},
    {"artifact_file_bytes", offsetof(struct clo_limits, artifact_file_bytes)},
    {"artifact_total_bytes", offsetof(struct clo_limits, artifact_total_bytes)},
    {"artifact_files", offsetof(struct clo_limits, artifact_files)},
};
enum { LIMITS = sizeof limit_fields / sizeof *limit_fields };

static int unknown(const char *what, const char *names, struct clo_problem *problem)
{
    return clo_problem_set(problem, 400, "unknown_parameter", what,
                           "Unknown parameter: '%.100s'. There are: %s.", what, names);
}

static int parse_json(const char *text, size_t length, json_t **body, struct clo_problem *problem)
{
    json_error_t where;
    char shown[CLO_FIELD_SHOW];
    if (length == 0)
        return clo_problem_set(problem, 400, "invalid_json", NULL,
                               "The request has no body; send a JSON object with \"code\".");
    *body = clo_json_parse(text, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &where);
    if (!*body && clo_json_no_memory(&where))
        return clo_problem_internal(problem);
    if (!*body)
        return clo_problem_set(problem, 400, "invalid_json", NULL,
                               "The body is not valid JSON: line %d, column %d: %s.", where.line,
                               where.column, where.text);
    if (!json_is_object(*body))
        return clo_problem_set(problem, 400, "invalid_type", NULL,
                               "The body is %s; it must be a JSON object with \"code\".",
                               clo_field_show(*body, shown));
    return 0;
}

static int check_fields(json_t *body, struct clo_problem *problem)
{
    const char *key;
    json_t *value;
    json_object_foreach(body, key, value) {
        size_t i = 0;
        while (i < FIELDS && strcmp(fields[i].name, key) != 0)
            i++;
        if (i == FIELDS)
            return unknown(
                key,
                "code, name, arguments, stdin, files, limits, tools, isolation, repair, seed, "
                "clock, timezone, stream, state, previous_run_id",
                problem);
        bool number = strcmp(key, "clock") == 0 && json_is_number(value);
        if (!number && clo_field_check(value, &fields[i], key, problem) < 0)
            return CLO_EINVALID;
    }
    if (clo_field_get(body, "code"))
        return 0;
    return clo_problem_set(problem, 400, "missing_required_parameter", "code",
                           "Missing required parameter: 'code', a string of Python.");
}

/* A text that becomes a C string. *text is NULL where it is not given. */
static int take_plain(const json_t *value, const char *param, const char **text,
                      struct clo_problem *problem)
{
    *text = json_string_value(value);
    if (!*text || strlen(*text) == json_string_length(value))
        return 0;
    return clo_problem_set(problem, 400, "invalid_value", param,
                           "'%s' holds a NUL character, which it may not.", param);
}

static int take_arguments(struct clo_run_request *request, struct clo_problem *problem)
{
    const json_t *list = clo_field_get(request->body, "arguments");
    size_t count = json_array_size(list), bytes = 0;
    char param[32], shown[CLO_FIELD_SHOW];
    if (!count)
        return 0;
    request->arguments = calloc(count, sizeof *request->arguments);
    if (!request->arguments)
        return clo_problem_internal(problem);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        snprintf(param, sizeof param, "arguments[%zu]", i);
        if (!json_is_string(value))
            return clo_problem_set(problem, 400, "invalid_type", param,
                                   "'%s' is %s; it must be a string.", param,
                                   clo_field_show(value, shown));
        if (take_plain(value, param, &request->arguments[i], problem))
            return CLO_EINVALID;
        bytes += json_string_length(value) + 1;
    }
    if (bytes > CLO_ARGUMENT_BYTES_MAX)
        return clo_problem_set(problem, 400, "invalid_value", "arguments",
                               "'arguments' have %zu bytes; at most %u are allowed: send the data "
                               "as 'stdin'.",
                               bytes, CLO_ARGUMENT_BYTES_MAX);
    request->run.arguments = request->arguments;
    request->run.argument_count = count;
    return 0;
}

static int take_file(const json_t *value, const char *param, struct clo_run_file *file,
                     struct clo_problem *problem)
{
    static const struct clo_field text = {NULL, CLO_FIELD_STRING, 0, 4096, NULL};
    char name[48], shown[CLO_FIELD_SHOW];
    const char *key;
    json_t *member;
    if (json_is_string(value))
        return take_plain(value, param, &file->id, problem);
    if (!json_is_object(value))
        return clo_problem_set(problem, 400, "invalid_type", param,
                               "'%s' is %s; it must be a file's id, or an object with \"id\" and "
                               "\"path\".",
                               param, clo_field_show(value, shown));
    json_object_foreach((json_t *)value, key, member) {
        bool is_id = strcmp(key, "id") == 0;
        snprintf(name, sizeof name, "%s.%.20s", param, key);
        if (!is_id && strcmp(key, "path") != 0)
            return unknown(name, "id, path", problem);
        if (clo_field_check(member, &text, name, problem) ||
            take_plain(member, name, is_id ? &file->id : &file->path, problem))
            return CLO_EINVALID;
    }
    if (file->id)
        return 0;
    return clo_problem_set(problem, 400, "missing_required_parameter", param,
                           "'%s' lacks \"id\", that of a file that was uploaded by POST /files.",
                           param);
}

static int take_files(struct clo_run_request *request, struct clo_problem *problem)
{
    const json_t *list = clo_field_get(request->body, "files");
    size_t count = json_array_size(list);
    char param[24];
    request->files = count ? calloc(count, sizeof *request->files) : NULL;
    if (count && !request->files)
        return clo_problem_internal(problem);
    for (; request->file_count < count; request->file_count++) {
        size_t i = request->file_count;
        snprintf(param, sizeof param, "files[%u]", (unsigned)i);
        if (take_file(json_array_get(list, i), param, &request->files[i], problem))
            return CLO_EINVALID;
    }
    return 0;
}

static int take_limits(struct clo_run_request *request, struct clo_problem *problem)
{
    json_t *limits = clo_field_get(request->body, "limits"), *value;
    const char *key;
    json_object_foreach(limits, key, value) {
        struct clo_field field = {key, CLO_FIELD_INTEGER, 1, (double)INT64_MAX, NULL};
        char param[128];
        size_t i = 0;
        snprintf(param, sizeof param, "limits.%.100s", key);
        while (i < LIMITS && strcmp(limit_fields[i].name, key) != 0)
            i++;
        if (i == LIMITS)
            return unknown(param,
                           "limits.wall_ms, cpu_ms, memory, output, host_calls, host_call_bytes, "
                           "tool_ms, artifact_file_bytes, artifact_total_bytes, artifact_files",
                           problem);
        if (clo_field_check(value, &field, param, problem) < 0)
            return CLO_EINVALID;
        *(uint64_t *)((char *)&request->run.limits + limit_fields[i].at) =
            (uint64_t)json_integer_value(value);
    }
    return 0;
}

static int take_clock(struct clo_fixed *fixed, const json_t *value, struct clo_problem *problem)
{
    char number[64];
    const char *text = number;
    struct clo_error error;
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof number, "%.6f", fmin(json_real_value(value), 1e12));
    else if (take_plain(value, "clock", &text, problem))
        return CLO_EINVALID;
    if (!clo_instant_parse(text, &fixed->clock_ns, &error)) {
        fixed->has_clock = true;
        return 0;
    }
    return clo_problem_set(problem, 400, "invalid_value", "clock", "'clock': %s.", error.message);
}

static int take_fixed(struct clo_run_request *request, struct clo_problem *problem)
{
    struct clo_fixed *fixed = &request->run.fixed;
    const json_t *seed = clo_field_get(request->body, "seed");
    const json_t *clock = clo_field_get(request->body, "clock");
    if (seed) {
        fixed->has_seed = true;
        fixed->seed = (uint64_t)json_integer_value(seed);
    }
    if (clock && take_clock(fixed, clock, problem))
        return CLO_EINVALID;
    return take_plain(clo_field_get(request->body, "timezone"), "timezone", &fixed->timezone,
                      problem);
}

static int check_isolation(const json_t *body, const char *isolation, struct clo_problem *problem)
{
    const char *wanted = json_string_value(clo_field_get(body, "isolation"));
    if (!wanted || strcmp(wanted, isolation) == 0)
        return 0;
    return clo_problem_set(
        problem, 400, "invalid_value", "isolation",
        "'isolation' is '%.40s', and this server runs code by '%s' alone: leave it "
        "out, or use a server that was started with --isolation=%.40s.",
        wanted, isolation, wanted);
}

static int take_state(struct clo_run_request *request, struct clo_problem *problem)
{
    const char *state = json_string_value(clo_field_get(request->body, "state"));
    if (take_plain(clo_field_get(request->body, "previous_run_id"), "previous_run_id",
                   &request->previous, problem))
        return CLO_EINVALID;
    request->session = state ? strcmp(state, "session") == 0 : request->previous != NULL;
    if (request->session || !request->previous)
        return 0;
    return clo_problem_set(
        problem, 400, "invalid_value", "previous_run_id",
        "'previous_run_id' goes on with the state of another run, which \"state\": \"clean\" leaves "
        "out; leave that out.");
}

static int take(struct clo_run_request *request, const char *isolation, struct clo_problem *problem)
{
    const json_t *body = request->body, *code = json_object_get(body, "code");
    const json_t *input = clo_field_get(body, "stdin");
    struct clo_run *run = &request->run;
    run->code = json_string_value(code);
    run->code_length = json_string_length(code);
    run->input = json_string_value(input);
    run->input_length = json_string_length(input);
    run->wants_result = true;
    run->no_tools = json_is_false(json_object_get(body, "tools"));
    run->repair = json_is_true(json_object_get(body, "repair")) ? CLO_REPAIR_CODE : CLO_REPAIR_NONE;
    request->stream = json_is_true(json_object_get(body, "stream"));
    if (check_isolation(body, isolation, problem) ||
        take_plain(clo_field_get(body, "name"), "name", &run->name, problem) ||
        take_arguments(request, problem) || take_files(request, problem) ||
        take_limits(request, problem) || take_state(request, problem))
        return CLO_EINVALID;
    return take_fixed(request, problem);
}

int clo_run_request_parse(struct clo_run_request *request, const char *text, size_t length,
                          const char *isolation, struct clo_problem *problem)
{
    *request = (struct clo_run_request){0};
    if (parse_json(text, length, &request->body, problem) || check_fields(request->body, problem) ||
        take(request, isolation, problem)) {
        clo_run_request_clear(request);
        return CLO_EINVALID;
    }
    return 0;
}

void clo_run_request_clear(struct clo_run_request *request)
{
    json_decref(request->body);
    free(request->arguments);
    free(request->files);
    *request = (struct clo_run_request){0};
}

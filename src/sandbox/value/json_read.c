/* json_read.c - from JSON to a value. jansson parses; ceilings are checked while copying. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "sandbox/value/value.h"
#include "sandbox/value/value_json.h"

static int copy(struct clo_value *value, const json_t *json, int depth, size_t *nodes,
                struct clo_error *error);

static int copy_array(struct clo_value *value, const json_t *json, int depth, size_t *nodes,
                      struct clo_error *error)
{
    clo_value_set_list(value);
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct clo_value *item = clo_value_append(value);
        int status = item ? copy(item, json_array_get(json, i), depth + 1, nodes, error)
                          : clo_fail_memory(error);
        if (status)
            return status;
    }
    return 0;
}

static int copy_object(struct clo_value *value, const json_t *json, int depth, size_t *nodes,
                       struct clo_error *error)
{
    clo_value_set_map(value);
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)json, name, member) {
        struct clo_value *place = clo_value_add(value, name, strlen(name));
        int status = place ? copy(place, member, depth + 1, nodes, error) : clo_fail_memory(error);
        if (status)
            return status;
    }
    return 0;
}

static int copy(struct clo_value *value, const json_t *json, int depth, size_t *nodes,
                struct clo_error *error)
{
    if ((*nodes)++ == CLO_VALUE_NODES_MAX)
        return clo_fail(error, CLO_ELIMIT, "JSON has more than %u parts", CLO_VALUE_NODES_MAX);
    if (depth > CLO_VALUE_DEPTH_MAX && (json_is_array(json) || json_is_object(json)))
        return clo_fail(error, CLO_ELIMIT, "JSON is nested more than %d levels deep",
                        CLO_VALUE_DEPTH_MAX);
    switch (json_typeof(json)) {
    case JSON_OBJECT: return copy_object(value, json, depth, nodes, error);
    case JSON_ARRAY: return copy_array(value, json, depth, nodes, error);
    case JSON_STRING:
        if (clo_value_set_text_n(value, json_string_value(json), json_string_length(json)))
            return clo_fail_memory(error);
        return 0;
    case JSON_INTEGER: clo_value_set_integer(value, json_integer_value(json)); return 0;
    case JSON_REAL: clo_value_set_number(value, json_real_value(json)); return 0;
    case JSON_TRUE: clo_value_set_bool(value, true); return 0;
    case JSON_FALSE: clo_value_set_bool(value, false); return 0;
    case JSON_NULL: clo_value_clear(value); return 0;
    }
    return clo_fail(error, CLO_EINTERNAL, "unknown JSON type %d", json_typeof(json));
}

static int from_json(struct clo_value *value, const json_t *json, struct clo_error *error)
{
    size_t nodes = 0;
    *value = (struct clo_value){0};
    int status = copy(value, json, 1, &nodes, error);
    if (status)
        clo_value_clear(value);
    return status;
}

int clo_value_parse_json(struct clo_value *value, const char *text, size_t length,
                         struct clo_error *error)
{
    json_error_t problem;
    *value = (struct clo_value){0};
    json_t *json = clo_json_parse(
        text, length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (!json) {
        if (clo_json_no_memory(&problem))
            return clo_fail_memory(error);
        if (json_error_code(&problem) == json_error_numeric_overflow)
            return clo_fail(
                error, CLO_EINVALID,
                "JSON, line %d, column %d: a number is out of range; integers beyond 64 bits cannot be read from JSON",
                problem.line, problem.column);
        return clo_fail(error, CLO_EINVALID, "JSON, line %d, column %d: %s", problem.line,
                        problem.column, problem.text);
    }
    int status = from_json(value, json, error);
    json_decref(json);
    return status;
}

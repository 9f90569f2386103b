/* field.c - checking one field of a request against its kind and range. */
#include "serve/protocol/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "sandbox/value/value_json.h"

json_t *clo_field_get(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

const char *clo_field_show(const json_t *value, char text[CLO_FIELD_SHOW])
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    case JSON_INTEGER:
        snprintf(text, CLO_FIELD_SHOW, "%" PRId64, (int64_t)json_integer_value(value));
        return text;
    case JSON_REAL: clo_number_format(text, json_real_value(value)); return text;
    case JSON_STRING:
        snprintf(text, CLO_FIELD_SHOW, "'%.40s'", json_string_value(value));
        return text;
    }
    return "a value";
}

static int wrong_type(const json_t *value, const char *param, const char *wanted,
                      struct clo_problem *problem)
{
    char shown[CLO_FIELD_SHOW];
    return clo_problem_set(problem, 400, "invalid_type", param, "'%s' is %s; it must be %s.", param,
                           clo_field_show(value, shown), wanted);
}

/* An integer is compared as such: near 2^53 and beyond a double would round it. */
static bool in_range(const json_t *value, double min, double max)
{
    double number = json_number_value(value);
    if (!json_is_integer(value))
        return number >= min && number <= max;
    int64_t integer = json_integer_value(value);
    return clo_integer_order(integer, min) >= 0 && clo_integer_order(integer, max) <= 0;
}

static int check_number(const json_t *value, const struct clo_field *field, const char *param,
                        struct clo_problem *problem)
{
    bool whole = field->kind == CLO_FIELD_INTEGER;
    if (whole ? !json_is_integer(value) : !json_is_number(value))
        return wrong_type(value, param, whole ? "an integer" : "a number", problem);
    if (in_range(value, field->min, field->max))
        return 0;
    char shown[CLO_FIELD_SHOW];
    return clo_problem_set(problem, 400, "invalid_value", param,
                           "'%s' is %s; it must be from %.15g to %.15g.", param,
                           clo_field_show(value, shown), field->min, field->max);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = choices; *at;) {
        size_t span = strcspn(at, "|");
        if (span == length && memcmp(at, text, span) == 0)
            return true;
        at += span + (at[span] == '|');
    }
    return false;
}

static int check_string(const json_t *value, const struct clo_field *field, const char *param,
                        struct clo_problem *problem)
{
    if (!json_is_string(value))
        return wrong_type(value, param, "a string", problem);
    if (field->kind == CLO_FIELD_CHOICE) {
        if (is_choice(field->choices, json_string_value(value)))
            return 0;
        char shown[CLO_FIELD_SHOW];
        return clo_problem_set(problem, 400, "invalid_value", param,
                               "'%s' is %s; it must be one of %s.", param,
                               clo_field_show(value, shown), field->choices);
    }
    if (field->max > 0 && (double)json_string_length(value) > field->max)
        return clo_problem_set(problem, 400, "string_above_max_length", param,
                               "'%s' has %zu bytes; at most %.0f are allowed.", param,
                               json_string_length(value), field->max);
    return 0;
}

int clo_field_check(const json_t *value, const struct clo_field *field, const char *param,
                    struct clo_problem *problem)
{
    if (!value || json_is_null(value))
        return 0;
    switch (field->kind) {
    case CLO_FIELD_BOOL:
        return json_is_boolean(value) ? 0 : wrong_type(value, param, "true or false", problem);
    case CLO_FIELD_INTEGER:
    case CLO_FIELD_NUMBER: return check_number(value, field, param, problem);
    case CLO_FIELD_STRING:
    case CLO_FIELD_CHOICE: return check_string(value, field, param, problem);
    case CLO_FIELD_OBJECT:
        return json_is_object(value) ? 0 : wrong_type(value, param, "an object", problem);
    case CLO_FIELD_ARRAY:
        if (!json_is_array(value))
            return wrong_type(value, param, "an array", problem);
        if ((double)json_array_size(value) > field->max)
            return clo_problem_set(problem, 400, "array_above_max_length", param,
                                   "'%s' has %zu entries; at most %.0f are allowed.", param,
                                   json_array_size(value), field->max);
        return 0;
    }
    return 0;
}

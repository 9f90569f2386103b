/* arguments.c - reading what the model passed to execute_code. Its errors are read by the model. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "codeact/codeact.h"

#define WANTED "call " CLO_CODEACT_TOOL " with {\"code\": \"...\"}"

/* Is there more than white space? */
static bool holds_something(const char *text, size_t length)
{
    static const char white[] = " \t\r\n\f\v";
    for (size_t i = 0; i < length; i++)
        if (!memchr(white, text[i], sizeof white - 1))
            return true;
    return false;
}

/* Can there be no code in it? */
static bool is_scalar(const json_t *value)
{
    return json_is_number(value) || json_is_boolean(value) || json_is_null(value);
}

static int copy(char **code, size_t *length, const json_t *text, struct clo_error *error)
{
    *length = json_string_length(text);
    *code = malloc(*length + 1);
    if (!*code)
        return clo_fail_memory(error);
    memcpy(*code, json_string_value(text), *length + 1);
    return 0;
}

int clo_codeact_arguments(const json_t *arguments, char **code, size_t *length, bool *plain,
                          struct clo_error *error)
{
    *code = NULL;
    *plain = false;
    if (!json_is_string(arguments) ||
        !holds_something(json_string_value(arguments), json_string_length(arguments)))
        return clo_fail(error, CLO_EINVALID, "the call has no arguments; " WANTED);
    json_error_t why;
    json_t *object =
        clo_json_load(json_string_value(arguments), json_string_length(arguments), &why);
    if (!object && clo_json_no_memory(&why))
        return clo_fail_memory(error);
    const json_t *value = json_object_get(object, "code");
    int status;
    if (is_scalar(object)) {
        status = clo_fail(error, CLO_EINVALID, "the arguments are not a JSON object; " WANTED);
    } else if (json_is_object(object) && json_object_size(object) == 0) {
        status = clo_fail(error, CLO_EINVALID, "\"code\" is missing from the arguments; " WANTED);
    } else if (is_scalar(value)) {
        status = clo_fail(error, CLO_EINVALID, "\"code\" is not a string; " WANTED);
    } else if (json_is_string(value)) {
        *plain = true;
        status = holds_something(json_string_value(value), json_string_length(value))
                     ? copy(code, length, value, error)
                     : clo_fail(error, CLO_EINVALID, "the code is empty, nothing ran; " WANTED);
    } else {
        status = copy(code, length, arguments, error);
    }
    json_decref(object);
    return status;
}

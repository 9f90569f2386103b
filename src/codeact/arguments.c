/* arguments.c - reading what the model passed to execute_code. Its errors are read by the model. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "codeact/codeact.h"

#define WANTED "call " CLO_CODEACT_TOOL " with {\"code\": \"...\"}"

int clo_codeact_arguments(const json_t *arguments, char **code, size_t *length,
                          struct clo_error *error)
{
    *code = NULL;
    if (!json_is_string(arguments))
        return clo_fail(error, CLO_EINVALID, "the call has no arguments; " WANTED);
    json_error_t why;
    json_t *object =
        clo_json_load(json_string_value(arguments), json_string_length(arguments), &why);
    if (!object && clo_json_no_memory(&why))
        return clo_fail_memory(error);
    if (!object)
        return clo_fail(error, CLO_EINVALID,
                        "the arguments are not JSON (line %d, column %d: %s); " WANTED
                        ", with line breaks in the code as \\n and quotes as \\\"",
                        why.line, why.column, why.text);
    const json_t *value = json_object_get(object, "code");
    int status = 0;
    if (!json_is_object(object))
        status = clo_fail(error, CLO_EINVALID, "the arguments are not a JSON object; " WANTED);
    else if (!value)
        status = clo_fail(error, CLO_EINVALID, "\"code\" is missing from the arguments; " WANTED);
    else if (!json_is_string(value))
        status = clo_fail(error, CLO_EINVALID, "\"code\" is not a string; " WANTED);
    if (!status) {
        *length = json_string_length(value);
        *code = malloc(*length + 1);
        if (*code)
            memcpy(*code, json_string_value(value), *length + 1);
        else
            status = clo_fail_memory(error);
    }
    json_decref(object);
    return status;
}

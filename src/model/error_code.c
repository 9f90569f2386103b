/* error_code.c - tables from servers' codes and types to the protocol's codes. */
#include "model/error_code.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

struct translation {
    const char *name, *code;
};

/* Names that say what happened, whatever the status. Those of the protocol stand for themselves. */
static const struct translation exact[] = {
    {"server_error", CLO_ERROR_CODE_SERVER},
    {"rate_limit_exceeded", CLO_ERROR_CODE_RATE},
    {"invalid_prompt", CLO_ERROR_CODE_PROMPT},
    {"vector_store_timeout", "vector_store_timeout"},
    {"invalid_image", "invalid_image"},
    {"invalid_image_format", "invalid_image_format"},
    {"invalid_base64_image", "invalid_base64_image"},
    {"invalid_image_url", "invalid_image_url"},
    {"image_too_large", "image_too_large"},
    {"image_too_small", "image_too_small"},
    {"image_parse_error", "image_parse_error"},
    {"image_content_policy_violation", "image_content_policy_violation"},
    {"invalid_image_mode", "invalid_image_mode"},
    {"image_file_too_large", "image_file_too_large"},
    {"unsupported_image_media_type", "unsupported_image_media_type"},
    {"empty_image_file", "empty_image_file"},
    {"failed_to_download_image", "failed_to_download_image"},
    {"image_file_not_found", "image_file_not_found"},
    /* not in the list, but sent by its author, and looked for by clients */
    {"context_length_exceeded", CLO_ERROR_CODE_LENGTH},
    {"insufficient_quota", CLO_ERROR_CODE_QUOTA},
    {"model_not_found", CLO_ERROR_CODE_MODEL},
    {"content_filter", "content_filter"},
    {"content_policy_violation", "content_policy_violation"},
    {"server_is_overloaded", "server_is_overloaded"},
    {"slow_down", "slow_down"},
    /* other makers' names for the same */
    {"exceed_context_size_error", CLO_ERROR_CODE_LENGTH},
    {"context_exceeded", CLO_ERROR_CODE_LENGTH},
    {"rate_limit_error", CLO_ERROR_CODE_RATE},
    {"RateLimitError", CLO_ERROR_CODE_RATE},
    {"request_too_large", CLO_ERROR_CODE_LENGTH},
    {"too_many_requests", CLO_ERROR_CODE_RATE},
    {"RESOURCE_EXHAUSTED", CLO_ERROR_CODE_RATE},
    {"billing_error", CLO_ERROR_CODE_QUOTA},
    {"DeploymentNotFound", CLO_ERROR_CODE_MODEL},
};

/* Names for whole families, given with any status: they count where there is none. */
static const struct translation rough[] = {
    {"invalid_request_error", CLO_ERROR_CODE_PROMPT},
    {"invalid_request", CLO_ERROR_CODE_PROMPT},
    {"BadRequestError", CLO_ERROR_CODE_PROMPT},
    {"INVALID_ARGUMENT", CLO_ERROR_CODE_PROMPT},
    {"validation", CLO_ERROR_CODE_PROMPT},
};

static const char *look_up(const struct translation *table, size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcasecmp(table[i].name, name) == 0)
            return table[i].code;
    return NULL;
}

static const char *by_status(long status)
{
    switch (status) {
    case 400:
    case 422: return CLO_ERROR_CODE_PROMPT;
    case 402: return CLO_ERROR_CODE_QUOTA;
    case 413: return CLO_ERROR_CODE_LENGTH;
    case 429: return CLO_ERROR_CODE_RATE;
    default: return CLO_ERROR_CODE_SERVER;
    }
}

/* A code that is a status, as a number or in digits; 0: it is none. */
static long status_of(const json_t *code)
{
    if (json_is_integer(code))
        return json_integer_value(code) >= 400 && json_integer_value(code) < 600
                   ? (long)json_integer_value(code)
                   : 0;
    const char *text = json_string_value(code);
    return text && strlen(text) == 3 && (*text == '4' || *text == '5') &&
                   strspn(text, "0123456789") == 3
               ? strtol(text, NULL, 10)
               : 0;
}

/* The object that holds code, type and param. */
static const json_t *find_error(const json_t *body)
{
    if (json_is_array(body))
        body = json_array_get(body, 0);
    const json_t *inner = json_object_get(body, "error");
    return json_is_object(inner) ? inner : body;
}

const char *clo_error_code(long status, const json_t *body)
{
    const json_t *error = find_error(body);
    const json_t *code = json_object_get(error, "code");
    const char *names[] = {json_string_value(code), clo_json_text(error, "type"),
                           clo_json_text(error, "status"), clo_json_text(error, "error_type")};
    const char *found = NULL;
    for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++)
        found = look_up(exact, sizeof exact / sizeof *exact, names[i]);
    if (found)
        return found;
    status = status ? status : status_of(code);
    if (status == 404 && clo_json_is(error, "param", "model"))
        return CLO_ERROR_CODE_MODEL;
    for (size_t i = 0; !status && !found && i < sizeof names / sizeof *names; i++)
        found = look_up(rough, sizeof rough / sizeof *rough, names[i]);
    return found ? found : by_status(status);
}

bool clo_error_no_path(long status, const json_t *body)
{
    return (status == 404 || status == 405) && !clo_json_text(find_error(body), "param") &&
           strcmp(clo_error_code(status, body), CLO_ERROR_CODE_MODEL) != 0;
}

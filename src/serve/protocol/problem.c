/* problem.c - a problem and its JSON body. A value quoted in a message may be cut in the middle of
 * a character; the body is made valid UTF-8 again here. */
#include "serve/protocol/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

int clo_problem_set(struct clo_problem *problem, unsigned status, const char *code,
                    const char *param, const char *format, ...)
{
    va_list arguments;
    memset(problem, 0, sizeof *problem);
    problem->status = status;
    snprintf(problem->code, sizeof problem->code, "%s", code ? code : "");
    snprintf(problem->param, sizeof problem->param, "%s", param ? param : "");
    va_start(arguments, format);
    vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    return CLO_EINVALID;
}

int clo_problem_response_missing(struct clo_problem *problem, const char *id)
{
    return clo_problem_set(problem, 404, "not_found", NULL, "Response with id '%.128s' not found.",
                           id);
}

int clo_problem_internal(struct clo_problem *problem)
{
    return clo_problem_set(problem, 500, "server_error", NULL,
                           "The server failed to handle the request; its log says why.");
}

static const char *type_of(unsigned status)
{
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    case 503: return "service_unavailable";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

/* A JSON string of `text`, repaired where it is not UTF-8. */
static json_t *lenient_string(const char *text)
{
    char repaired[3 * sizeof((struct clo_problem *)0)->message + 4];
    clo_text_copy(repaired, sizeof repaired, text);
    return json_string(repaired);
}

json_t *clo_problem_json(const struct clo_problem *problem)
{
    json_t *code = problem->code[0] ? json_string(problem->code) : json_null();
    json_t *param = problem->param[0] ? lenient_string(problem->param) : json_null();
    return json_pack("{s:{s:o, s:s, s:o, s:o}}", "error", "message",
                     lenient_string(problem->message), "type", type_of(problem->status), "code",
                     code, "param", param);
}

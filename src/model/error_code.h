/* model/error_code.h - the code of the Responses protocol for a failure of a model's server.
 *
 * A failed response's error.code is one of the protocol's list or one that clients act upon; what
 * servers of many makes write instead is translated here, at one place, from the members of their
 * error objects and the HTTP status, never from the words of a message. Thread-safe; codes are
 * static strings of at most CLO_ERROR_CODE_MAX bytes.
 */
#ifndef CLO_MODEL_ERROR_CODE_H
#define CLO_MODEL_ERROR_CODE_H

#include <jansson.h>
#include <stdbool.h>

#define CLO_ERROR_CODE_MAX 31
#define CLO_ERROR_CODE_SERVER "server_error"   /* nothing better is known */
#define CLO_ERROR_CODE_PROMPT "invalid_prompt" /* the request cannot be answered as it is */
#define CLO_ERROR_CODE_LENGTH "context_length_exceeded" /* it is too long */
#define CLO_ERROR_CODE_RATE "rate_limit_exceeded"
#define CLO_ERROR_CODE_QUOTA "insufficient_quota"
#define CLO_ERROR_CODE_MODEL "model_not_found"

/* `status`: HTTP's, or 0 within a stream. `body`: the object that the server sent, an array of one
 * of those, or NULL: {"error": {"code", "type", "param"}}, the same without "error", {"error": "",
 * "error_type"}. A code may be a number or its digits: then it is taken for a status. */
const char *clo_error_code(long status, const json_t *body);

/* Whether it means that the server has nothing at this path: 404 or 405, and the body names neither
 * a model that is missing nor a parameter, which only what had read the request could do. */
bool clo_error_no_path(long status, const json_t *body);

#endif

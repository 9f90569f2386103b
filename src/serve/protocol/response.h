/* serve/protocol/response.h - the Response object: 31 fields, always all of them, in one order.
 *
 * A base object is made once from the request and never changes; every state of the response is a
 * shallow copy of it with the fields of that state set, so that threads may copy it at once.
 */
#ifndef CLO_SERVE_PROTOCOL_RESPONSE_H
#define CLO_SERVE_PROTOCOL_RESPONSE_H

#include <jansson.h>
#include <stdint.h>

#include "agent/agent.h"
#include "serve/protocol/request.h"

#define CLO_RESPONSE_FIELDS 31

struct clo_response_state {
    const char *status;     /* queued, in_progress, completed, incomplete, failed, cancelled */
    const json_t *output;   /* array or NULL: empty */
    const char *incomplete; /* reason, or NULL */
    const char *error_code; /* or NULL */
    const char *error_message;
    const struct clo_usage_tokens *usage; /* or NULL */
    const char *service_tier;             /* that the model's server said it used; or NULL */
};

/* NULL when out of memory. `model` is what is shown where the request names none. */
json_t *clo_response_base(const struct clo_request *request, const char *id, int64_t created,
                          const char *model);
json_t *clo_response_at(const json_t *base, const struct clo_response_state *state);

/* The object's text as it goes to clients and into the store; the caller frees it. */
char *clo_response_text(const json_t *value);

#endif

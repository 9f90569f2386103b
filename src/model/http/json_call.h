/* model/http/json_call.h - one call of a JSON protocol: a JSON request, and as its answer either a
 * stream of events with JSON in them or, from servers that do not stream, one JSON object. */
#ifndef CLO_MODEL_HTTP_JSON_CALL_H
#define CLO_MODEL_HTTP_JSON_CALL_H

#include <jansson.h>

#include "cloche/cancel.h"
#include "cloche/error.h"
#include "model/http/http_client.h"

#define CLO_JSON_CALL_MAX (64u << 20) /* bytes of one request */

struct clo_json_call {
    /* One event of a stream; `type` is the event's own name, "" if it had none. 0: go on, 1: that
     * was the last, negative: end with this status and `error`. */
    int (*event)(void *context, const char *type, const json_t *event, struct clo_error *error);
    /* The whole answer of a server that did not stream. 0 or negative. */
    int (*whole)(void *context, const json_t *answer, struct clo_error *error);
    void *context;
    struct clo_http_client_told *told; /* as in struct clo_http_client_call */
    const char *traceparent;           /* a header of the request; or NULL */
};

/* 0 also when a stream ended without its last event: the protocol knows whether it was complete. */
int clo_json_call(struct clo_http_client *http, const char *path, const json_t *request,
                  struct clo_cancel *cancel, const struct clo_json_call *reader,
                  struct clo_error *error);

#endif

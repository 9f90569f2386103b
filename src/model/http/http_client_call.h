/* model/http/http_client_call.h - what one call of a model's server is, and its limits in time. */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_CALL_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/cancel.h"
#include "cloche/error.h"
#include "model/http/http_client_told.h"

#define CLO_HTTP_CLIENT_CONNECT_MS 10000
#define CLO_HTTP_CLIENT_IDLE_MS 120000
#define CLO_HTTP_CLIENT_TOTAL_MS 1800000
#define CLO_HTTP_CLIENT_TRACE_MAX 64         /* bytes of a traceparent */
#define CLO_HTTP_CLIENT_ERROR_BODY_MAX 65536 /* bytes that are looked at of a refusal */

/* ms; 0: what stands in brackets. */
struct clo_http_client_times {
    unsigned connect; /* [CLO_HTTP_CLIENT_CONNECT_MS] to connect, TLS included */
    unsigned first;   /* [idle] until the answer's first byte; a request that is still going out is
                         no silence */
    unsigned idle;    /* [CLO_HTTP_CLIENT_IDLE_MS] between two bytes of it */
    unsigned total;   /* [CLO_HTTP_CLIENT_TOTAL_MS] of a call with all its attempts */
    unsigned retry;   /* [CLO_RETRY_BUDGET_MS] until which another attempt may begin */
};

struct clo_http_client_call {
    const char *path; /* "/responses", appended to the base URL's path */
    const char *body; /* JSON */
    size_t body_length;
    const char *traceparent; /* at most CLO_HTTP_CLIENT_TRACE_MAX bytes are sent; or NULL */
    struct clo_cancel *cancel;
    /* Bytes of a 2xx answer as they come. content_type is "" if the server gave none. Return 0 to
     * go on, 1 when the answer is complete (the rest is waited for only briefly), or a negative
     * status with `error` filled to end the call with it. */
    int (*data)(void *context, const char *content_type, const char *bytes, size_t length,
                struct clo_error *error);
    void *context;
    struct clo_http_client_told *told; /* filled; or NULL */
};

#endif

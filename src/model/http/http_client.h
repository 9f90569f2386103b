/* model/http/http_client.h - one POST to a model's server, its answer handed on as it arrives. Read
 * this first.
 *
 *   json_call.h ─▶ http_client.c ─▶ server         http_client_url.h  where it is
 *        ▲              │   └─ retry.h: again?     http_client_error.h  what it refused, in words
 *        └── sse.h ◀────┘ bytes
 *
 * What is always true
 * - A struct clo_http_client is used from many threads; each call blocks its own, and is ended by
 *   its cancellation token, by CLO_HTTP_CLIENT_CALL_MAX_MS and by a time without a byte.
 * - Connections are kept and reused. One lock guards the idle ones, and is not held during a call.
 * - TLS certificates are always checked; redirects are never followed, because the key must not
 *   travel to another host; proxies are those of the environment.
 * - What was wrong goes into the error's message without host names and keys, so that it may be
 *   shown to a client; the hint holds what only the operator should see. No text of either holds
 *   the key.
 * - An attempt is repeated only where nothing of its answer was handed on.
 */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/cancel.h"
#include "cloche/error.h"
#include "model/http/http_client_refusal.h"
#include "model/redact.h"

#define CLO_HTTP_CLIENT_CONNECT_MS 10000     /* to connect, TLS included */
#define CLO_HTTP_CLIENT_CALL_MAX_MS 1800000u /* one attempt from start to end */
#define CLO_HTTP_CLIENT_TRACE_MAX 64         /* bytes of a traceparent */
#define CLO_HTTP_CLIENT_ERROR_BODY_MAX 65536 /* bytes that are looked at of a refusal */

struct clo_http_client;

/* `base_url` is http:// or https://, with or without a path; a query in it is kept. `key`
 * may be NULL or empty: then no Authorization is sent. CLO_EINVALID names what is wrong. */
int clo_http_client_create(struct clo_http_client **out, const char *base_url, const char *key,
                           unsigned timeout_ms, struct clo_error *error);
void clo_http_client_destroy(struct clo_http_client *http);

/* The base URL without user and password, for people; lives as long as the client. */
const char *clo_http_client_address(const struct clo_http_client *http);
const char *clo_http_client_host(const struct clo_http_client *http);

/* What must not stand in messages about this server. */
const struct clo_redact *clo_http_client_hidden(const struct clo_http_client *http);

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
    struct clo_http_client_refusal *refusal; /* filled if that is why the call fails; or NULL */
};

/* Errors: CLO_EMODEL, CLO_ECANCELLED, CLO_ELIMIT (CLO_MODEL_REPLY_MAX), CLO_ENOMEMORY, CLO_ESYSTEM,
 * what `data` returned. What may pass by itself is tried again (retry.h). */
int clo_http_client_post(struct clo_http_client *http, const struct clo_http_client_call *call,
                         struct clo_error *error);

#endif

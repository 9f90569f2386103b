/* model/http/http_client.h - one POST to a model's server, its answer handed on as it arrives. Read
 * this first.
 *
 *   json_call.h ─▶ http_client.c ─▶ http_attempt.c ─▶ server   http_client_url.h    where it is
 *        ▲              └─ retry.h: again?  │                  http_client_error.h  refusals in words
 *        └── sse.h ◀────────────────────────┘ bytes
 *
 * What is always true
 * - A struct clo_http_client is used from many threads; each call blocks its own, and is ended by
 *   its cancellation token and by the limits of struct clo_http_client_times.
 * - The server knows us by a key, or by tokens of a credential (model/credential/credential.h):
 *   then a token that it refuses with 401 is replaced once in a call, and the request made again.
 * - Connections are kept and reused. One lock guards the idle ones, and is not held during a call.
 * - TLS certificates are always checked; redirects are never followed, because the key must not
 *   travel to another host; proxies are those of the environment.
 * - What was wrong goes into the error's message without host names and keys, so that it may be
 *   shown to a client; the hint holds what only the operator should see. No text of either holds
 *   the key.
 * - An attempt is repeated only where nothing of its answer was handed on, within the budget.
 */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_H

#include "model/http/http_client_call.h"
#include "model/redact.h"

struct clo_http_client;

enum clo_http_client_auth {
    CLO_HTTP_CLIENT_BEARER = 0, /* Authorization: Bearer KEY */
    CLO_HTTP_CLIENT_API_KEY,    /* api-key: KEY, as Azure wants it */
    CLO_HTTP_CLIENT_X_API_KEY,  /* x-api-key: KEY, as Anthropic wants it */
};

struct clo_http_client_config {
    const char *base_url; /* http:// or https://, with or without a path; a query in it is kept */
    enum clo_http_client_auth auth;
    const char *key;                   /* NULL or "": none is sent */
    const char *key_from;              /* static: what people set it by, for messages */
    struct clo_credential *credential; /* whose tokens are sent in place of a key; lives longer than
                                          the client. Then the server has to speak https, or be this
                                          machine. NULL: none */
    const char *header;                /* static: one more header of each request; or NULL */
    struct clo_http_client_times times;
};

/* CLO_EINVALID names what is wrong. */
int clo_http_client_create(struct clo_http_client **out,
                           const struct clo_http_client_config *config, struct clo_error *error);
void clo_http_client_destroy(struct clo_http_client *http);

/* The base URL without user and password, for people; lives as long as the client. */
const char *clo_http_client_address(const struct clo_http_client *http);
const char *clo_http_client_host(const struct clo_http_client *http);

/* What must not stand in messages about this server. */
const struct clo_redact *clo_http_client_hidden(const struct clo_http_client *http);

/* Errors: CLO_EMODEL, CLO_ECANCELLED, CLO_ELIMIT (CLO_MODEL_REPLY_MAX), CLO_ENOMEMORY, CLO_ESYSTEM,
 * what `data` returned. What may pass by itself is tried again (retry.h). */
int clo_http_client_post(struct clo_http_client *http, const struct clo_http_client_call *call,
                         struct clo_error *error);

#endif

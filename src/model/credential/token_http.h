/* model/credential/token_http.h - one exchange with a server that hands out tokens: small, bounded
 * in time and size, never redirected, certificates always checked. Any thread. */
#ifndef CLO_MODEL_CREDENTIAL_TOKEN_HTTP_H
#define CLO_MODEL_CREDENTIAL_TOKEN_HTTP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cloche/cancel.h"
#include "cloche/error.h"

#define CLO_TOKEN_HTTP_MS 15000        /* one attempt, unless it says otherwise */
#define CLO_TOKEN_HTTP_CONNECT_MS 5000 /* to connect, TLS included */
#define CLO_TOKEN_HTTP_TRIES 3         /* attempts of one exchange, 410 apart */

struct clo_token_http {
    const char *url;
    const char *form;    /* the body of a POST, application/x-www-form-urlencoded; NULL: a GET */
    const char *header;  /* one more header, "NAME: VALUE"; or NULL */
    unsigned timeout_ms; /* 0: CLO_TOKEN_HTTP_MS */
    bool direct;         /* past all proxies: an address of this machine or its link */
    bool once;           /* no second attempt */
    const int
        *pass; /* statuses after which it is tried again besides 408, 429 and 5xx, 0 ends them */
    unsigned gone_ms; /* how long after the start a 410 is tried again; 0: not at all */
    const struct clo_cancel *cancel;
};

/* The answer's status with its body in `body`, which the caller has started with a ceiling and
 * wipes; a longer body is CLO_EMODEL. CLO_ENOTFOUND: no answer, `error` says why; CLO_ECANCELLED,
 * CLO_ENOMEMORY. */
int clo_token_http(const struct clo_token_http *exchange, long *status, struct clo_buffer *body,
                   struct clo_error *error);

/* Append "&NAME=VALUE" (without the "&" at the start), escaped. Failures stay in the buffer. */
void clo_token_http_field(struct clo_buffer *form, const char *name, const char *value);

/* Whether a secret may go there: https, or this machine. */
bool clo_token_http_is_safe(const char *url);

#endif

/* model/http/http_attempt.h - one attempt of a call: a transfer by libcurl, watched by the clock.
 *
 * Connections live in multi handles; a free one is taken for each attempt and given back after it,
 * so no connection is shared by two threads (sharing them through CURLSH is not safe).
 */
#ifndef CLO_MODEL_HTTP_HTTP_ATTEMPT_H
#define CLO_MODEL_HTTP_HTTP_ATTEMPT_H

#include <curl/curl.h>
#include <pthread.h>

#include "model/http/ca_bundle.h"
#include "model/http/http_client_call.h"
#include "model/http/http_client_error.h"
#include "model/http/http_client_url.h"
#include "model/http/retry.h"

#define CLO_HTTP_CLIENT_IDLE_MAX 16 /* multi handles kept with their connections */

struct clo_http_client {
    struct clo_http_client_url url;
    struct clo_ca_bundle trusted;
    struct clo_http_client_times times; /* resolved */
    const char *key_from;
    char *key;                         /* "" for none */
    struct clo_credential *credential; /* NULL: none */
    struct clo_redact hidden;          /* what no message shows */
    struct curl_slist *headers;
    pthread_mutex_t lock; /* guards idle */
    CURLM *idle[CLO_HTTP_CLIENT_IDLE_MAX];
    size_t idle_count;
};

enum clo_http_verdict {
    CLO_HTTP_ANSWERED,
    CLO_HTTP_FAILED,  /* for good */
    CLO_HTTP_REFUSED, /* nothing was handed on: retry.h knows whether it is made again */
};

struct clo_http_attempt {
    struct clo_http_client *http;
    const struct clo_http_client_call *call;
    const char *url;
    const char *token;    /* of the credential; or NULL */
    uint64_t deadline_ns; /* of the whole call */
    struct clo_error *error;
    /* what came of it */
    int status;                      /* where it was not answered */
    struct clo_retry_attempt *retry; /* of one that was refused: status, after_ms, word */
};

enum clo_http_verdict clo_http_attempt_run(struct clo_http_attempt *attempt);

#endif

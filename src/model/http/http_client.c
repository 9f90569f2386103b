/* http_client.c - clo_http_client_post: attempts, each on a libcurl handle of its own, until one is
 * answered.
 *
 * Connections live in multi handles; a free one is taken for each attempt and given back after it,
 * so no connection is shared by two threads (sharing them through CURLSH is not safe).
 */
#include "model/http/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/poll.h"
#include "model/http/ca_bundle.h"
#include "model/http/curl_start.h"
#include "model/http/http_client_error.h"
#include "model/http/http_client_url.h"
#include "model/http/retry.h"
#include "model/model.h"

#define IDLE_MAX 16   /* multi handles kept with their connections */
#define LINGER_MS 500 /* for the end of a stream whose last event has come */
#define POLL_MS 1000  /* the longest sleep between two looks at the clock */
#define HEADER_MAX 8192
#define USER_AGENT ("User-Agent: cloche/" CLO_VERSION)

struct clo_http_client {
    struct clo_http_client_url url;
    struct clo_ca_bundle trusted;
    char *key;                /* "" for none */
    struct clo_redact hidden; /* what no message shows */
    struct curl_slist *headers;
    unsigned timeout_ms;
    pthread_mutex_t lock; /* guards idle */
    CURLM *idle[IDLE_MAX];
    size_t idle_count;
};

struct attempt {
    struct clo_http_client *http;
    const struct clo_http_client_call *call;
    struct clo_error *error;
    CURL *easy;
    CURLM *multi;
    struct curl_slist first; /* the call's own header, before the client's */
    char trace[sizeof "traceparent: " + CLO_HTTP_CLIENT_TRACE_MAX];
    int status;                          /* what `data` returned, or a ceiling: ends the transfer */
    bool complete;                       /* `data` said so */
    bool delivered;                      /* bytes have reached `data`: no retry any more */
    uint64_t started, active, completed; /* ns; active: when a byte last moved */
    curl_off_t sent;
    size_t received;
    struct clo_buffer refusal; /* the body of an answer that is not 2xx */
    char reason[CURL_ERROR_SIZE];
};

enum verdict { ANSWERED, FAILED, REFUSED };

static int add_header(struct clo_http_client *http, const char *text)
{
    struct curl_slist *list = curl_slist_append(http->headers, text);
    if (!list)
        return CLO_ENOMEMORY;
    http->headers = list;
    return 0;
}

static int make_headers(struct clo_http_client *http, struct clo_error *error)
{
    static const char *const fixed[] = {
        "Content-Type: application/json",
        "Accept: text/event-stream, application/json",
        "Expect:",
        USER_AGENT,
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (add_header(http, fixed[i]))
            return clo_fail_memory(error);
    if (!*http->key)
        return 0;
    char line[HEADER_MAX];
    int length = snprintf(line, sizeof line, "Authorization: Bearer %s", http->key);
    int status = (size_t)length < sizeof line ? add_header(http, line) : CLO_EINVALID;
    explicit_bzero(line, sizeof line);
    if (status == CLO_EINVALID)
        return clo_fail(error, status, "the model's API key is longer than %d bytes", HEADER_MAX);
    return status ? clo_fail_memory(error) : 0;
}

static int check_key(const char *key, struct clo_error *error)
{
    for (const char *at = key; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            return clo_hint(
                error,
                clo_fail(error, CLO_EINVALID,
                         "the model's API key has a character at place %zu that no key has",
                         (size_t)(at - key) + 1),
                "Look for a line break, a blank or a quote in OPENAI_API_KEY.");
    return 0;
}

/* A proxy may speak TLS where the server does not; then what is missing is told when it is needed. */
static int find_trusted(struct clo_http_client *http, struct clo_error *error)
{
    struct clo_error ignored = {0};
    int status = clo_ca_bundle_find(&http->trusted, http->url.secure ? error : &ignored);
    return http->url.secure ? status : 0;
}

int clo_http_client_create(struct clo_http_client **out, const char *base_url, const char *key,
                           unsigned timeout_ms, struct clo_error *error)
{
    *out = NULL;
    clo_curl_start();
    struct clo_http_client *http = calloc(1, sizeof *http);
    if (!http)
        return clo_fail_memory(error);
    pthread_mutex_init(&http->lock, NULL);
    http->timeout_ms = timeout_ms;
    http->key = strdup(key ? key : "");
    int status = http->key ? check_key(http->key, error) : clo_fail_memory(error);
    if (!status)
        status = clo_http_client_url_read(&http->url, base_url, error);
    if (!status)
        status = find_trusted(http, error);
    if (!status)
        status = make_headers(http, error);
    http->hidden = (struct clo_redact){http->key, http->url.password, http->url.host};
    if (status) {
        clo_http_client_destroy(http);
        return status;
    }
    *out = http;
    return 0;
}

void clo_http_client_destroy(struct clo_http_client *http)
{
    if (!http)
        return;
    for (size_t i = 0; i < http->idle_count; i++)
        curl_multi_cleanup(http->idle[i]);
    curl_slist_free_all(http->headers);
    clo_http_client_url_clear(&http->url);
    if (http->key)
        explicit_bzero(http->key, strlen(http->key));
    free(http->key);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

const char *clo_http_client_address(const struct clo_http_client *http)
{
    return http->url.address;
}

const char *clo_http_client_host(const struct clo_http_client *http)
{
    return http->url.host;
}

const struct clo_redact *clo_http_client_hidden(const struct clo_http_client *http)
{
    return &http->hidden;
}

static CURLM *take_multi(struct clo_http_client *http)
{
    pthread_mutex_lock(&http->lock);
    CURLM *multi = http->idle_count ? http->idle[--http->idle_count] : NULL;
    pthread_mutex_unlock(&http->lock);
    return multi ? multi : curl_multi_init();
}

static void give_multi(struct clo_http_client *http, CURLM *multi)
{
    pthread_mutex_lock(&http->lock);
    if (http->idle_count < IDLE_MAX) {
        http->idle[http->idle_count++] = multi;
        multi = NULL;
    }
    pthread_mutex_unlock(&http->lock);
    if (multi)
        curl_multi_cleanup(multi);
}

static long http_status(CURL *easy)
{
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static size_t on_data(char *bytes, size_t one, size_t length, void *context)
{
    struct attempt *attempt = context;
    (void)one;
    attempt->active = clo_monotonic_ns();
    if (http_status(attempt->easy) / 100 != 2) {
        size_t room = CLO_HTTP_CLIENT_ERROR_BODY_MAX - attempt->refusal.length;
        clo_buffer_append(&attempt->refusal, bytes, length < room ? length : room);
        return length;
    }
    if (length > CLO_MODEL_REPLY_MAX - attempt->received) {
        attempt->status =
            clo_fail(attempt->error, CLO_ELIMIT, "the model's reply is larger than %u MiB",
                     CLO_MODEL_REPLY_MAX >> 20);
        return 0;
    }
    attempt->received += length;
    if (attempt->complete)
        return length;
    const char *type = NULL;
    curl_easy_getinfo(attempt->easy, CURLINFO_CONTENT_TYPE, &type);
    attempt->delivered = true;
    int status = attempt->call->data(attempt->call->context, type ? type : "", bytes, length,
                                     attempt->error);
    if (status < 0) {
        attempt->status = status;
        return 0;
    }
    if (status > 0) {
        attempt->complete = true;
        attempt->completed = attempt->active;
    }
    return length;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *bytes, size_t one, size_t length, void *context)
{
    (void)bytes;
    (void)one;
    ((struct attempt *)context)->active = clo_monotonic_ns();
    return length;
}

/* A long request that is still going out is no silence. */
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct attempt *attempt = context;
    (void)down_total;
    (void)down;
    (void)up_total;
    if (up != attempt->sent) {
        attempt->sent = up;
        attempt->active = clo_monotonic_ns();
    }
    return 0;
}

static bool set_options(struct attempt *attempt, const char *url)
{
    const struct clo_http_client *http = attempt->http;
    CURL *easy = attempt->easy;
    unsigned connect = http->timeout_ms < CLO_HTTP_CLIENT_CONNECT_MS ? http->timeout_ms
                                                                     : CLO_HTTP_CLIENT_CONNECT_MS;
    bool bad = false;
#define SET(option, value) bad |= curl_easy_setopt(easy, option, value) != CURLE_OK
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, http->trusted.file);
    SET(CURLOPT_CAPATH, http->trusted.folder);
    SET(CURLOPT_PROXY_CAINFO, http->trusted.file);
    SET(CURLOPT_PROXY_CAPATH, http->trusted.folder);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, attempt->call->body);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)attempt->call->body_length);
    SET(CURLOPT_HTTPHEADER, attempt->call->traceparent ? &attempt->first : http->headers);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_ERRORBUFFER, attempt->reason);
    SET(CURLOPT_WRITEFUNCTION, on_data);
    SET(CURLOPT_WRITEDATA, attempt);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, attempt);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, attempt);
    SET(CURLOPT_NOPROGRESS, 0L);
#undef SET
    return !bad;
}

/* Whether to stop waiting, with the reason in `error`; CLO_OK: the answer is complete but the
 * server does not end it; 1: go on. */
static int look_at_clock(struct attempt *attempt)
{
    uint64_t now = clo_monotonic_ns();
    if (clo_cancel_is_set(attempt->call->cancel))
        return clo_fail(attempt->error, CLO_ECANCELLED, "the model's call was cancelled");
    if (attempt->complete && now - attempt->completed > LINGER_MS * UINT64_C(1000000))
        return CLO_OK;
    if (now - attempt->active > attempt->http->timeout_ms * UINT64_C(1000000))
        return clo_hint(
            attempt->error,
            clo_fail(attempt->error, CLO_EMODEL, "the model's server was silent for %u ms",
                     attempt->http->timeout_ms),
            "The server is %s; the model's timeout can be raised.", attempt->http->url.address);
    if (now - attempt->started > CLO_HTTP_CLIENT_CALL_MAX_MS * UINT64_C(1000000))
        return clo_fail(attempt->error, CLO_ELIMIT, "the model's reply took longer than %u minutes",
                        CLO_HTTP_CLIENT_CALL_MAX_MS / 60000);
    return 1;
}

static int sleep_length(const struct attempt *attempt)
{
    unsigned most = attempt->complete ? LINGER_MS : POLL_MS;
    unsigned timeout = attempt->http->timeout_ms / 4 + 1;
    return (int)(timeout < most ? timeout : most);
}

/* Drive the transfer to its end. *result is curl's word on it. */
static int transfer(struct attempt *attempt, CURLcode *result)
{
    struct curl_waitfd cancel = {clo_cancel_fd(attempt->call->cancel), CURL_WAIT_POLLIN, 0};
    *result = CURLE_OK;
    for (;;) {
        int running = 0, left;
        if (curl_multi_perform(attempt->multi, &running) != CURLM_OK)
            return clo_fail(attempt->error, CLO_ESYSTEM, "libcurl cannot run a transfer");
        if (!running) {
            CURLMsg *message = curl_multi_info_read(attempt->multi, &left);
            *result = message ? message->data.result : CURLE_RECV_ERROR;
            return attempt->status;
        }
        int status = look_at_clock(attempt);
        if (status <= 0)
            return status;
        curl_multi_poll(attempt->multi, &cancel, cancel.fd >= 0, sleep_length(attempt), NULL);
    }
}

/* What an attempt that got to its end means. */
static enum verdict judge(struct attempt *attempt, CURLcode result,
                          struct clo_retry_attempt *refused)
{
    struct clo_http_client *http = attempt->http;
    long code = http_status(attempt->easy);
    curl_off_t after = 0;
    if (attempt->complete)
        return ANSWERED;
    if (result != CURLE_OK) {
        attempt->status = clo_http_client_error_transport(attempt->error, result, attempt->reason,
                                                          http->url.address, attempt->delivered);
        refused->status = CLO_RETRY_NO_CONNECTION;
        return result == CURLE_COULDNT_CONNECT ? REFUSED : FAILED;
    }
    if (code / 100 == 2)
        return ANSWERED;
    curl_easy_getinfo(attempt->easy, CURLINFO_RETRY_AFTER, &after);
    refused->status = code;
    refused->after_s = after;
    struct clo_http_client_refusal said;
    attempt->status = clo_http_client_error_status(attempt->error, code, &attempt->refusal,
                                                   &http->hidden, http->url.address, &said);
    if (attempt->call->refusal)
        *attempt->call->refusal = said;
    return REFUSED;
}

static enum verdict try_once(struct attempt *attempt, const char *url,
                             struct clo_retry_attempt *refused)
{
    enum verdict verdict = FAILED;
    CURLcode result;
    attempt->easy = curl_easy_init();
    attempt->multi = take_multi(attempt->http);
    if (!attempt->easy || !attempt->multi || !set_options(attempt, url) ||
        curl_multi_add_handle(attempt->multi, attempt->easy) != CURLM_OK) {
        attempt->status = clo_fail_memory(attempt->error);
        goto out;
    }
    attempt->started = attempt->active = clo_monotonic_ns();
    int status = transfer(attempt, &result);
    if (status)
        attempt->status = status;
    else
        verdict = judge(attempt, result, refused);
    curl_multi_remove_handle(attempt->multi, attempt->easy);
out:
    if (attempt->multi)
        give_multi(attempt->http, attempt->multi);
    curl_easy_cleanup(attempt->easy);
    clo_buffer_free(&attempt->refusal);
    return verdict;
}

static uint8_t roll_dice(void)
{
    uint8_t dice = 0;
    return getrandom(&dice, sizeof dice, GRND_NONBLOCK) < 0 ? 0 : dice;
}

/* False: cancelled meanwhile. */
static bool pause_for(int ms, const struct clo_cancel *cancel)
{
    struct pollfd trigger = {clo_cancel_fd(cancel), POLLIN, 0};
    clo_poll_until(&trigger, 1, clo_after_ms((uint64_t)ms));
    return !clo_cancel_is_set(cancel);
}

int clo_http_client_post(struct clo_http_client *http, const struct clo_http_client_call *call,
                         struct clo_error *error)
{
    struct clo_error local = {0};
    error = error ? error : &local;
    char *url = clo_http_client_url_join(&http->url, call->path);
    if (!url)
        return clo_fail_memory(error);
    int status = 0;
    for (unsigned number = 0;; number++) {
        struct attempt attempt = {.http = http,
                                  .call = call,
                                  .error = error,
                                  .refusal = CLO_BUFFER(CLO_HTTP_CLIENT_ERROR_BODY_MAX),
                                  .first = {attempt.trace, http->headers}};
        snprintf(attempt.trace, sizeof attempt.trace, "traceparent: %s",
                 call->traceparent ? call->traceparent : "");
        struct clo_retry_attempt refused = {.number = number};
        if (call->refusal)
            *call->refusal = (struct clo_http_client_refusal){0};
        enum verdict verdict = try_once(&attempt, url, &refused);
        status = verdict == ANSWERED ? 0 : attempt.status;
        if (verdict != REFUSED)
            break;
        refused.dice = roll_dice();
        int wait = clo_retry_wait(&refused);
        if (wait < 0)
            break;
        if (!pause_for(wait, call->cancel)) {
            status = clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
            break;
        }
    }
    curl_free(url);
    return status;
}

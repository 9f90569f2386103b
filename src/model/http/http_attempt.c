/* http_attempt.c - one transfer, from its headers to what its end means. */
#include "model/http/http_attempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread/cancel.h"
#include "model/model.h"

#define LINGER_MS 500 /* for the end of a stream whose last event has come */
#define POLL_MS 1000  /* the longest sleep between two looks at the clock */
#define MS UINT64_C(1000000)

struct transfer {
    struct clo_http_attempt *attempt;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers; /* the client's, after those of this attempt alone */
    struct curl_slist own[2];
    char trace[sizeof "traceparent: " + CLO_HTTP_CLIENT_TRACE_MAX];
    int status;                 /* what `data` returned, or a ceiling: ends the transfer */
    bool complete;              /* `data` said so */
    bool begun;                 /* a byte of the answer has come */
    bool delivered;             /* bytes have reached `data`: no retry any more */
    bool silent;                /* nothing came in time */
    uint64_t active, completed; /* ns; active: when a byte last moved */
    curl_off_t sent;
    size_t received;
    struct clo_buffer refusal; /* the body of an answer that is not 2xx */
    char reason[CURL_ERROR_SIZE];
};

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
    if (http->idle_count < CLO_HTTP_CLIENT_IDLE_MAX) {
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
    struct transfer *transfer = context;
    const struct clo_http_client_call *call = transfer->attempt->call;
    (void)one;
    transfer->active = clo_monotonic_ns();
    transfer->begun = true;
    if (http_status(transfer->easy) / 100 != 2) {
        size_t room = CLO_HTTP_CLIENT_ERROR_BODY_MAX - transfer->refusal.length;
        clo_buffer_append(&transfer->refusal, bytes, length < room ? length : room);
        return length;
    }
    if (length > CLO_MODEL_REPLY_MAX - transfer->received) {
        transfer->status =
            clo_fail(transfer->attempt->error, CLO_ELIMIT,
                     "the model's reply is larger than %u MiB", CLO_MODEL_REPLY_MAX >> 20);
        return 0;
    }
    transfer->received += length;
    if (transfer->complete)
        return length;
    const char *type = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    transfer->delivered = true;
    int status =
        call->data(call->context, type ? type : "", bytes, length, transfer->attempt->error);
    if (status < 0) {
        transfer->status = status;
        return 0;
    }
    if (status > 0) {
        transfer->complete = true;
        transfer->completed = transfer->active;
    }
    return length;
}

/* The value of the header if it is that one, without blanks around it; NULL. */
static const char *value_of(char text[128], const char *line, size_t length, const char *name)
{
    size_t size = strlen(name);
    if (length <= size || line[size] != ':' || strncasecmp(line, name, size) != 0)
        return NULL;
    const char *from = line + size + 1, *end = line + length;
    while (from < end && strchr(" \t", *from))
        from++;
    while (end > from && strchr(" \t\r\n", end[-1]))
        end--;
    if (end - from >= 128 || memchr(from, '\0', (size_t)(end - from)))
        return NULL;
    memcpy(text, from, (size_t)(end - from));
    text[end - from] = '\0';
    return text;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *bytes, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    struct clo_http_client_told *told = transfer->attempt->call->told;
    char text[128];
    const char *value;
    (void)one;
    if (transfer->begun) /* a trailer */
        transfer->active = clo_monotonic_ns();
    if ((value = value_of(text, bytes, length, "retry-after-ms")) && strlen(value) < 10 &&
        strspn(value, "0123456789") == strlen(value))
        transfer->attempt->retry->after_ms = strtol(value, NULL, 10);
    else if ((value = value_of(text, bytes, length, "x-should-retry")))
        transfer->attempt->retry->word = strcasecmp(value, "true") == 0    ? CLO_RETRY_YES
                                         : strcasecmp(value, "false") == 0 ? CLO_RETRY_NO
                                                                           : CLO_RETRY_SILENT;
    else if (told && (value = value_of(text, bytes, length, "x-ms-served-model")))
        clo_text_copy(told->served, sizeof told->served, value);
    return length;
}

/* A long request that is still going out is no silence. */
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *transfer = context;
    (void)down_total;
    (void)down;
    (void)up_total;
    if (up != transfer->sent) {
        transfer->sent = up;
        transfer->active = clo_monotonic_ns();
    }
    return 0;
}

/* The headers of this attempt before those of the client. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the list is libcurl's */
static void put_headers(struct transfer *transfer, char *authorization)
{
    const struct clo_http_attempt *attempt = transfer->attempt;
    transfer->headers = attempt->http->headers;
    if (authorization) {
        transfer->own[0] = (struct curl_slist){authorization, transfer->headers};
        transfer->headers = &transfer->own[0];
    }
    if (attempt->call->traceparent) {
        snprintf(transfer->trace, sizeof transfer->trace, "traceparent: %s",
                 attempt->call->traceparent);
        transfer->own[1] = (struct curl_slist){transfer->trace, transfer->headers};
        transfer->headers = &transfer->own[1];
    }
}

static bool set_options(struct transfer *transfer)
{
    const struct clo_http_attempt *attempt = transfer->attempt;
    const struct clo_http_client *http = attempt->http;
    CURL *easy = transfer->easy;
    bool bad = false;
#define SET(option, value) bad |= curl_easy_setopt(easy, option, value) != CURLE_OK
    SET(CURLOPT_URL, attempt->url);
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
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->times.connect);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_ERRORBUFFER, transfer->reason);
    SET(CURLOPT_WRITEFUNCTION, on_data);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
#undef SET
    return !bad;
}

/* Whether to stop waiting, with the reason in `error`; CLO_OK: the answer is complete but the
 * server does not end it; 1: go on. */
static int look_at_clock(struct transfer *transfer)
{
    const struct clo_http_attempt *attempt = transfer->attempt;
    const struct clo_http_client_times *times = &attempt->http->times;
    uint64_t now = clo_monotonic_ns();
    unsigned most = transfer->begun ? times->idle : times->first;
    if (clo_cancel_is_set(attempt->call->cancel))
        return clo_fail(attempt->error, CLO_ECANCELLED, "the model's call was cancelled");
    if (transfer->complete && now - transfer->completed > LINGER_MS * MS)
        return CLO_OK;
    if (now >= attempt->deadline_ns)
        return clo_hint(attempt->error,
                        clo_fail(attempt->error, CLO_ELIMIT,
                                 "the model's reply took longer than %u ms", times->total),
                        "model.total_timeout can be raised.");
    if (now - transfer->active <= most * MS)
        return 1;
    transfer->silent = true;
    return clo_hint(
        attempt->error,
        clo_fail(attempt->error, CLO_EMODEL, "the model's server was silent for %u ms", most),
        "The server is %s; model.%s can be raised.", attempt->http->url.address,
        transfer->begun || times->first == times->idle ? "timeout" : "first_byte_timeout");
}

static int sleep_length(const struct transfer *transfer)
{
    const struct clo_http_client_times *times = &transfer->attempt->http->times;
    unsigned most = transfer->complete ? LINGER_MS : POLL_MS;
    unsigned timeout = (times->first < times->idle ? times->first : times->idle) / 4 + 1;
    unsigned total = times->total / 4 + 1;
    timeout = timeout < total ? timeout : total;
    return (int)(timeout < most ? timeout : most);
}

/* Drive the transfer to its end. *result is curl's word on it. */
static int drive(struct transfer *transfer, CURLcode *result)
{
    const struct clo_http_attempt *attempt = transfer->attempt;
    struct curl_waitfd cancel = {clo_cancel_fd(attempt->call->cancel), CURL_WAIT_POLLIN, 0};
    *result = CURLE_OK;
    for (;;) {
        int running = 0, left;
        if (curl_multi_perform(transfer->multi, &running) != CURLM_OK)
            return clo_fail(attempt->error, CLO_ESYSTEM, "libcurl cannot run a transfer");
        if (!running) {
            CURLMsg *message = curl_multi_info_read(transfer->multi, &left);
            *result = message ? message->data.result : CURLE_RECV_ERROR;
            return transfer->status;
        }
        int status = look_at_clock(transfer);
        if (status <= 0)
            return status;
        curl_multi_poll(transfer->multi, &cancel, cancel.fd >= 0, sleep_length(transfer), NULL);
    }
}

/* No answer has begun, and the next attempt may find the server in a better state. */
static bool may_connect_later(CURLcode result)
{
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    default: return false;
    }
}

/* What an attempt that got to its end means. */
static enum clo_http_verdict judge(struct transfer *transfer, CURLcode result)
{
    struct clo_http_attempt *attempt = transfer->attempt;
    const struct clo_http_client *http = attempt->http;
    long code = http_status(transfer->easy);
    curl_off_t after = 0;
    if (transfer->complete)
        return CLO_HTTP_ANSWERED;
    if (result != CURLE_OK) {
        attempt->status = clo_http_client_error_transport(attempt->error, result, transfer->reason,
                                                          http->url.address, transfer->delivered);
        attempt->retry->status = CLO_RETRY_NO_CONNECTION;
        return !transfer->delivered && may_connect_later(result) ? CLO_HTTP_REFUSED
                                                                 : CLO_HTTP_FAILED;
    }
    if (code / 100 == 2)
        return CLO_HTTP_ANSWERED;
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &after); /* both forms, in seconds */
    attempt->retry->status = code;
    if (attempt->retry->after_ms <= 0 && after > 0 && after < INT32_MAX)
        attempt->retry->after_ms = (int64_t)after * 1000;
    else if (after >= INT32_MAX)
        attempt->retry->after_ms = INT64_MAX;
    struct clo_redact hidden = http->hidden;
    if (attempt->token)
        hidden.key = attempt->token;
    struct clo_http_client_refusal said;
    struct clo_http_client_server server = {http->url.address, http->key_from, &hidden};
    attempt->status =
        clo_http_client_error_status(attempt->error, code, &transfer->refusal, &server, &said);
    if (attempt->call->told)
        attempt->call->told->refusal = said;
    return CLO_HTTP_REFUSED;
}

/* "Authorization: Bearer TOKEN", to be wiped; NULL: out of memory. */
static char *authorization_of(const char *token)
{
    size_t size = sizeof "Authorization: Bearer " + strlen(token);
    char *line = malloc(size);
    if (line)
        snprintf(line, size, "Authorization: Bearer %s", token);
    return line;
}

enum clo_http_verdict clo_http_attempt_run(struct clo_http_attempt *attempt)
{
    enum clo_http_verdict verdict = CLO_HTTP_FAILED;
    struct transfer transfer = {.attempt = attempt,
                                .refusal = CLO_BUFFER(CLO_HTTP_CLIENT_ERROR_BODY_MAX)};
    CURLcode result;
    char *authorization = attempt->token ? authorization_of(attempt->token) : NULL;
    transfer.easy = curl_easy_init();
    transfer.multi = take_multi(attempt->http);
    put_headers(&transfer, authorization);
    if (!transfer.easy || !transfer.multi || (attempt->token && !authorization) ||
        !set_options(&transfer) ||
        curl_multi_add_handle(transfer.multi, transfer.easy) != CURLM_OK) {
        attempt->status = clo_fail_memory(attempt->error);
        goto out;
    }
    transfer.active = clo_monotonic_ns();
    int status = drive(&transfer, &result);
    if (status) {
        attempt->status = status;
        if (transfer.silent && !transfer.begun)
            verdict = CLO_HTTP_REFUSED;
        attempt->retry->status = CLO_RETRY_NO_CONNECTION;
    } else {
        verdict = judge(&transfer, result);
    }
    curl_multi_remove_handle(transfer.multi, transfer.easy);
out:
    if (transfer.multi)
        give_multi(attempt->http, transfer.multi);
    curl_easy_cleanup(transfer.easy);
    clo_buffer_free(&transfer.refusal);
    clo_credential_token_free(authorization);
    return verdict;
}

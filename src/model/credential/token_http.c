/* token_http.c - exchanges with token servers. */
#include "model/credential/token_http.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/poll.h"
#include "model/http/ca_bundle.h"
#include "model/http/curl_start.h"

#define PAUSE_MS                                                                                   \
    800u /* before the second attempt; then doubled each time, PAUSE_DOUBLED times at most */
#define PAUSE_DOUBLED 4
#define RETRY_AFTER_MAX_S 20

struct transfer {
    const struct clo_token_http *exchange;
    struct clo_buffer *body;
};

static size_t on_data(char *bytes, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    (void)one;
    return clo_buffer_append(transfer->body, bytes, length) ? 0 : length;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = context;
    (void)a, (void)b, (void)c, (void)d;
    return clo_cancel_is_set(transfer->exchange->cancel); /* not 0: ends it */
}

static bool set_options(CURL *easy, struct transfer *transfer, struct curl_slist *headers,
                        const struct clo_ca_bundle *trusted, char *reason)
{
    const struct clo_token_http *exchange = transfer->exchange;
    long most = exchange->timeout_ms ? (long)exchange->timeout_ms : CLO_TOKEN_HTTP_MS;
    bool bad = false;
#define SET(option, value) bad |= curl_easy_setopt(easy, option, value) != CURLE_OK
    SET(CURLOPT_URL, exchange->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, trusted->file);
    SET(CURLOPT_CAPATH, trusted->folder);
    SET(CURLOPT_PROXY_CAINFO, trusted->file);
    SET(CURLOPT_PROXY_CAPATH, trusted->folder);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, most);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        most < CLO_TOKEN_HTTP_CONNECT_MS ? most : CLO_TOKEN_HTTP_CONNECT_MS);
    if (exchange->direct)
        SET(CURLOPT_NOPROXY, "*");
    if (exchange->form)
        SET(CURLOPT_POSTFIELDS, exchange->form);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_USERAGENT, "cloche/" CLO_VERSION);
    SET(CURLOPT_ERRORBUFFER, reason);
    SET(CURLOPT_WRITEFUNCTION, on_data);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
#undef SET
    return !bad;
}

static int explain(const struct transfer *transfer, CURLcode result, const char *reason,
                   struct clo_error *error)
{
    if (clo_cancel_is_set(transfer->exchange->cancel))
        return clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
    if (transfer->body->no_memory || result == CURLE_OUT_OF_MEMORY)
        return clo_fail_memory(error);
    if (transfer->body->failed)
        return clo_fail(error, CLO_EMODEL, "its answer is larger than %zu bytes",
                        transfer->body->limit);
    return clo_fail(error, result == CURLE_PEER_FAILED_VERIFICATION ? CLO_EMODEL : CLO_ENOTFOUND,
                    "no answer: %.200s", *reason ? reason : curl_easy_strerror(result));
}

static int try_once(struct transfer *transfer, long *status, int64_t *after_s,
                    struct clo_error *error)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct clo_ca_bundle trusted = {0};
    struct clo_error ignored = {0};
    curl_off_t after = 0;
    bool secure = strncasecmp(transfer->exchange->url, "https:", 6) == 0;
    int found = clo_ca_bundle_find(&trusted, secure ? error : &ignored);
    if (found && secure)
        return found == CLO_ENOTFOUND ? CLO_EINVALID : found;
    struct curl_slist header = {(char *)transfer->exchange->header, NULL};
    CURL *easy = curl_easy_init();
    *status = 0;
    clo_buffer_wipe(transfer->body);
    if (!easy || !set_options(easy, transfer, transfer->exchange->header ? &header : NULL, &trusted,
                              reason)) {
        curl_easy_cleanup(easy);
        return clo_fail_memory(error);
    }
    CURLcode result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after);
    *after_s = after;
    int outcome = result == CURLE_OK ? 0 : explain(transfer, result, reason, error);
    curl_easy_cleanup(easy);
    return outcome;
}

/* A service that is being updated says 410 until it is there again. */
static bool is_back_soon(const struct clo_token_http *exchange, int outcome, long status,
                         uint64_t start_ns, uint64_t pause_ms)
{
    return !outcome && status == 410 &&
           (clo_monotonic_ns() - start_ns) / 1000000 + pause_ms <= exchange->gone_ms;
}

static bool may_pass(const struct clo_token_http *exchange, int outcome, long status)
{
    if (outcome == CLO_ENOTFOUND || status == 408 || status == 429 || status >= 500)
        return true;
    for (const int *pass = exchange->pass; pass && *pass; pass++)
        if (*pass == status)
            return true;
    return false;
}

int clo_token_http(const struct clo_token_http *exchange, long *status, struct clo_buffer *body,
                   struct clo_error *error)
{
    struct transfer transfer = {exchange, body};
    struct pollfd trigger = {clo_cancel_fd(exchange->cancel), POLLIN, 0};
    uint64_t start_ns = clo_monotonic_ns();
    clo_curl_start();
    for (unsigned number = 1;; number++) {
        int64_t after_s = 0;
        int outcome = try_once(&transfer, status, &after_s, error);
        unsigned doubled = number - 1 < PAUSE_DOUBLED ? number - 1 : PAUSE_DOUBLED;
        uint64_t pause_ms = after_s > 0 ? (uint64_t)after_s * 1000 : PAUSE_MS << doubled;
        if (exchange->once || (outcome && outcome != CLO_ENOTFOUND) || after_s > RETRY_AFTER_MAX_S)
            return outcome;
        if (!is_back_soon(exchange, outcome, *status, start_ns, pause_ms) &&
            (number >= CLO_TOKEN_HTTP_TRIES || !may_pass(exchange, outcome, *status)))
            return outcome;
        clo_poll_until(&trigger, 1, clo_after_ms(pause_ms));
        if (clo_cancel_is_set(exchange->cancel))
            return clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
    }
}

void clo_token_http_field(struct clo_buffer *form, const char *name, const char *value)
{
    static const char digits[] = "0123456789ABCDEF";
    clo_buffer_format(form, "%s%s=", form->length ? "&" : "", name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            strchr("-._~", c))
            clo_buffer_append(form, value, 1);
        else
            clo_buffer_append(form, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}

bool clo_token_http_is_safe(const char *url)
{
    static const char *const here[] = {"127.0.0.1", "localhost", "[::1]"};
    char *scheme = NULL, *host = NULL;
    bool safe = false;
    CURLU *parts = curl_url();
    if (parts && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
        !curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) &&
        !curl_url_get(parts, CURLUPART_HOST, &host, 0)) {
        safe = strcmp(scheme, "https") == 0;
        for (size_t i = 0; i < sizeof here / sizeof *here && strcmp(scheme, "http") == 0; i++)
            safe = safe || strcasecmp(host, here[i]) == 0;
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return safe;
}

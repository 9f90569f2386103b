/* http_client.c - the client of one server, and clo_http_client_post: attempts until one is
 * answered. */
#include "model/http/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/poll.h"
#include "model/http/curl_start.h"
#include "model/http/http_attempt.h"

#define HEADER_MAX 8192
#define USER_AGENT ("User-Agent: cloche/" CLO_VERSION)
#define MS UINT64_C(1000000)

static int add_header(struct clo_http_client *http, const char *text)
{
    struct curl_slist *list = curl_slist_append(http->headers, text);
    if (!list)
        return CLO_ENOMEMORY;
    http->headers = list;
    return 0;
}

static int add_key(struct clo_http_client *http, enum clo_http_client_auth auth,
                   struct clo_error *error)
{
    static const char *const names[] = {[CLO_HTTP_CLIENT_BEARER] = "Authorization: Bearer",
                                        [CLO_HTTP_CLIENT_API_KEY] = "api-key:",
                                        [CLO_HTTP_CLIENT_X_API_KEY] = "x-api-key:"};
    char line[HEADER_MAX];
    int length = snprintf(line, sizeof line, "%s %s", names[auth], http->key);
    int status = (size_t)length < sizeof line ? add_header(http, line) : CLO_EINVALID;
    explicit_bzero(line, sizeof line);
    if (status == CLO_EINVALID)
        return clo_fail(error, status, "the model's API key is longer than %d bytes", HEADER_MAX);
    return status ? clo_fail_memory(error) : 0;
}

static int make_headers(struct clo_http_client *http, const struct clo_http_client_config *config,
                        struct clo_error *error)
{
    const char *const fixed[] = {
        "Content-Type: application/json",
        "Accept: text/event-stream, application/json",
        "Expect:",
        USER_AGENT,
        config->header,
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i] && add_header(http, fixed[i]))
            return clo_fail_memory(error);
    return *http->key ? add_key(http, config->auth, error) : 0;
}

static int check_key(const struct clo_http_client *http, struct clo_error *error)
{
    for (const char *at = http->key; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            return clo_hint(
                error,
                clo_fail(error, CLO_EINVALID,
                         "the model's API key has a character at place %zu that no key has",
                         (size_t)(at - http->key) + 1),
                "Look for a line break, a blank or a quote in %s.", http->key_from);
    return 0;
}

/* A token opens more than this server. */
static int check_tokens(const struct clo_http_client *http, struct clo_error *error)
{
    if (!http->credential || http->url.secure || http->url.here)
        return 0;
    return clo_hint(
        error,
        clo_fail(error, CLO_EINVALID,
                 "tokens of Microsoft Entra ID are sent by https alone, and the model's "
                 "server is %.200s",
                 http->url.address),
        "Write https:// in its URL.");
}

/* A proxy may speak TLS where the server does not; then what is missing is told when it
 * is needed. */
static int find_trusted(struct clo_http_client *http, struct clo_error *error)
{
    struct clo_error ignored = {0};
    int status = clo_ca_bundle_find(&http->trusted, http->url.secure ? error : &ignored);
    return http->url.secure ? status : 0;
}

static void resolve_times(struct clo_http_client_times *times,
                          const struct clo_http_client_times *given)
{
    *times = *given;
    times->idle = times->idle ? times->idle : CLO_HTTP_CLIENT_IDLE_MS;
    times->first = times->first ? times->first : times->idle;
    times->total = times->total ? times->total : CLO_HTTP_CLIENT_TOTAL_MS;
    times->retry = times->retry ? times->retry : CLO_RETRY_BUDGET_MS;
    if (!times->connect)
        times->connect =
            times->first < CLO_HTTP_CLIENT_CONNECT_MS ? times->first : CLO_HTTP_CLIENT_CONNECT_MS;
}

int clo_http_client_create(struct clo_http_client **out,
                           const struct clo_http_client_config *config, struct clo_error *error)
{
    *out = NULL;
    clo_curl_start();
    struct clo_http_client *http = calloc(1, sizeof *http);
    if (!http)
        return clo_fail_memory(error);
    pthread_mutex_init(&http->lock, NULL);
    resolve_times(&http->times, &config->times);
    http->key_from = config->key_from;
    http->credential = config->credential;
    http->key = strdup(config->key ? config->key : "");
    int status = http->key ? check_key(http, error) : clo_fail_memory(error);
    if (!status)
        status = clo_http_client_url_read(&http->url, config->base_url, error);
    if (!status)
        status = check_tokens(http, error);
    if (!status)
        status = find_trusted(http, error);
    if (!status)
        status = make_headers(http, config, error);
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

static uint8_t roll_dice(void)
{
    uint8_t dice = 0;
    return getrandom(&dice, sizeof dice, GRND_NONBLOCK) < 0 ? 0 : dice;
}

/* False: cancelled meanwhile. */
static bool pause_for(int64_t ms, const struct clo_cancel *cancel)
{
    struct pollfd trigger = {clo_cancel_fd(cancel), POLLIN, 0};
    clo_poll_until(&trigger, 1, clo_after_ms((uint64_t)ms));
    return !clo_cancel_is_set(cancel);
}

/* Where tokens are wanted, put one into `attempt`; the one before, which was refused, is released.
 * What the credential says for the log stays until the call's end. */
static int take_token(struct clo_http_attempt *attempt, char **token, struct clo_error *error)
{
    const struct clo_http_client_call *call = attempt->call;
    char notice[CLO_CREDENTIAL_NOTICE_MAX], *fresh;
    int status = clo_credential_token(attempt->http->credential, *token, call->cancel, &fresh,
                                      notice, error);
    if (call->told && *notice) {
        snprintf(call->told->notice, sizeof call->told->notice, "%s", notice);
        call->told->no_token = status != 0;
    }
    clo_credential_token_free(*token);
    attempt->token = *token = fresh;
    return status;
}

/* ms that are left of the time in which another attempt may begin */
static uint64_t left_of_budget(const struct clo_http_client *http, uint64_t started)
{
    uint64_t spent = (clo_monotonic_ns() - started) / MS;
    unsigned most = http->times.retry < http->times.total ? http->times.retry : http->times.total;
    return spent < most ? most - spent : 0;
}

static int post(struct clo_http_client *http, const struct clo_http_client_call *call,
                const char *url, char **token, struct clo_error *error)
{
    uint64_t started = clo_monotonic_ns(), deadline = clo_after_ms(http->times.total);
    bool renewed = false, wanted = http->credential != NULL; /* a token, or another one */
    for (unsigned number = 0;;) {
        struct clo_retry_attempt retry = {.number = number};
        struct clo_http_attempt attempt = {.http = http,
                                           .call = call,
                                           .url = url,
                                           .token = *token,
                                           .deadline_ns = deadline,
                                           .error = error,
                                           .retry = &retry};
        int status = wanted ? take_token(&attempt, token, error) : 0;
        if (status)
            return status;
        if (call->told)
            call->told->refusal = (struct clo_http_client_refusal){0};
        enum clo_http_verdict verdict = clo_http_attempt_run(&attempt);
        if (verdict != CLO_HTTP_REFUSED)
            return verdict == CLO_HTTP_ANSWERED ? 0 : attempt.status;
        wanted = retry.status == 401 && http->credential && !renewed;
        if (wanted) {
            renewed = true;
            continue;
        }
        retry.dice = roll_dice();
        retry.left_ms = left_of_budget(http, started);
        int64_t wait = clo_retry_wait(&retry);
        if (wait < 0)
            return attempt.status;
        if (!pause_for(wait, call->cancel))
            return clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
        number++;
    }
}

int clo_http_client_post(struct clo_http_client *http, const struct clo_http_client_call *call,
                         struct clo_error *error)
{
    struct clo_error local = {0};
    char *url = clo_http_client_url_join(&http->url, call->path), *token = NULL;
    error = error ? error : &local;
    if (!url)
        return clo_fail_memory(error);
    int status = post(http, call, url, &token, error);
    clo_credential_token_free(token);
    curl_free(url);
    return status;
}

/* http_client_test.c - the limits in time of a call, when it is made again, and tokens in place of a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../model_server.h"
#include "base/clock.h"
#include "model/http/http_client.h"

#define STATUS(line, body)                                                                         \
    "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define GOOD STATUS("200 OK\r\nX-MS-Served-Model:  big-1 ", "{}")
#define TOKEN(text) STATUS("200 OK", "{\"access_token\":\"" text "\",\"expires_in\":3600}")
#define LATE_MS 60000 /* what is never waited for here */

struct posted {
    int status;
    struct clo_error error;
    struct clo_http_client_told told;
    unsigned requests;
    uint64_t ms;
};

static int take_all(void *context, const char *type, const char *bytes, size_t length,
                    struct clo_error *error)
{
    (void)context, (void)type, (void)bytes, (void)length, (void)error;
    return 0;
}

/* One call, with these times. */
static void post(struct posted *posted, const struct act *acts, size_t count,
                 struct clo_http_client_times times)
{
    struct server server;
    struct clo_http_client *http;
    char url[64];
    *posted = (struct posted){0};
    server_start(&server, acts, count);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1", server.port);
    struct clo_http_client_config config = {.base_url = url, .key_from = "KEY", .times = times};
    assert_int_equal(clo_http_client_create(&http, &config, &posted->error), 0);
    struct clo_http_client_call call = {
        .path = "/x", .body = "{}", .body_length = 2, .data = take_all, .told = &posted->told};
    uint64_t start = clo_monotonic_ns();
    posted->status = clo_http_client_post(http, &call, &posted->error);
    posted->ms = (clo_monotonic_ns() - start) / 1000000;
    posted->requests = atomic_load(&server.requests);
    clo_http_client_destroy(http);
    server_stop(&server);
}

static void the_first_byte_has_a_limit_of_its_own(void **state)
{
    (void)state;
    struct posted posted;
    struct act acts[] = {{"", HANG, 0, 0}};
    post(&posted, acts, 1,
         (struct clo_http_client_times){.first = 200, .idle = LATE_MS, .retry = 1});
    assert_int_equal(posted.status, CLO_EMODEL);
    assert_string_equal(posted.error.message, "the model's server was silent for 200 ms");
    assert_non_null(strstr(posted.error.hint, "model.first_byte_timeout"));
    /* headers are no answer yet: a server sends them before its model thinks */
    acts[0].answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    post(&posted, acts, 1,
         (struct clo_http_client_times){.first = 200, .idle = LATE_MS, .retry = 1});
    assert_string_equal(posted.error.message, "the model's server was silent for 200 ms");
    /* and once it has begun, it may be silent for longer */
    struct act slow = {GOOD, CLOSE, sizeof GOOD - 2, 600};
    post(&posted, &slow, 1, (struct clo_http_client_times){.first = LATE_MS, .idle = LATE_MS});
    assert_int_equal(posted.status, 0);
}

static void a_server_that_says_nothing_is_asked_again(void **state)
{
    (void)state;
    struct posted posted;
    struct act acts[] = {{"", HANG, 0, 0}, {"", CLOSE, 0, 0}, {GOOD, CLOSE, 0, 0}};
    post(&posted, acts, 3, (struct clo_http_client_times){.first = 300, .idle = LATE_MS});
    assert_int_equal(posted.status, 0);
    assert_int_equal(posted.requests, 3);
    assert_string_equal(posted.told.served, "big-1");
}

static void all_attempts_have_a_limit_together(void **state)
{
    (void)state;
    struct posted posted;
    struct act drip = {
        STATUS("200 OK", "{                                                        }"), CLOSE, 1,
        50};
    post(&posted, &drip, 1, (struct clo_http_client_times){.idle = LATE_MS, .total = 500});
    assert_int_equal(posted.status, CLO_ELIMIT);
    assert_string_equal(posted.error.message, "the model's reply took longer than 500 ms");
    assert_true(posted.ms < LATE_MS);
    struct act busy = {STATUS("503 Busy", "{}"), CLOSE, 0, 0};
    post(&posted, &busy, 1, (struct clo_http_client_times){.total = 300});
    assert_int_equal(posted.status, CLO_EMODEL);
    assert_int_equal(posted.requests, 1); /* the pause would not end in time */
}

static void a_server_says_when_it_wants_to_be_asked_again(void **state)
{
    (void)state;
    char date[200];
    time_t soon = time(NULL) + 3;
    struct tm parts;
    gmtime_r(&soon, &parts);
    strftime(
        date, sizeof date,
        "HTTP/1.1 429 Busy\r\nRetry-After: %a, %d %b %Y %H:%M:%S GMT\r\nConnection: close\r\n\r\n",
        &parts);
    const struct {
        const char *answer;
        unsigned requests, least_ms, retry_ms;
    } cases[] = {
        {STATUS("429 Busy\r\nRetry-After: 1", "{}"), 2, 1000, 0},
        {date, 2, 1000, 0}, /* a moment, as a date */
        {STATUS("429 Busy\r\nRetry-After: 100\r\nRetry-After-Ms: 30", "{}"), 2, 30, 0},
        {STATUS("429 Busy\r\nRetry-After: 100", "{}"), 1, 0, 0},
        {STATUS("429 Busy\r\nRetry-After: 2", "{}"), 1, 0, 1500}, /* not within the budget */
        {STATUS("429 Busy\r\nx-should-retry: false", "{}"), 1, 0, 0},
        {STATUS("400 Bad\r\nx-should-retry: true", "{}"), 2, 400, 0},
        {STATUS("408 Late", "{}"), 2, 400, 0},
        {STATUS("409 Conflict", "{}"), 2, 400, 0},
        {STATUS("504 Late", "{}"), 2, 400, 0},
        {STATUS("529 Overloaded", "{}"), 2, 400, 0},
        {STATUS("501 Never", "{}"), 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct posted posted;
        struct act acts[] = {{cases[i].answer, CLOSE, 0, 0}, {GOOD, CLOSE, 0, 0}};
        post(&posted, acts, 2, (struct clo_http_client_times){.retry = cases[i].retry_ms});
        if (posted.requests != cases[i].requests || (posted.status == 0) != (posted.requests == 2))
            fail_msg("%zu: %u requests: %s", i, posted.requests, posted.error.message);
        if (posted.ms < cases[i].least_ms)
            fail_msg("%zu: %llu ms", i, (unsigned long long)posted.ms);
    }
}

/* ---- tokens ---- */

struct signed_call {
    struct server tokens, model;
    struct clo_credential *credential;
    struct clo_http_client *http;
};

static void open_signed(struct signed_call *call, const struct act *tokens, size_t token_count,
                        const struct act *answers, size_t answer_count)
{
    struct clo_error error;
    char url[64];
    server_start(&call->tokens, tokens, token_count);
    server_start(&call->model, answers, answer_count);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", call->tokens.port);
    setenv("AZURE_AUTHORITY_HOST", url, 1);
    setenv("AZURE_TENANT_ID", "t", 1);
    setenv("AZURE_CLIENT_ID", "c", 1);
    setenv("AZURE_CLIENT_SECRET", "s", 1);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", call->model.port);
    assert_int_equal(clo_credential_create(&call->credential, "https://x/.default", &error), 0);
    struct clo_http_client_config config = {.base_url = url, .credential = call->credential};
    assert_int_equal(clo_http_client_create(&call->http, &config, &error), 0);
}

static int post_signed(struct signed_call *call, struct clo_http_client_told *told,
                       struct clo_error *error)
{
    struct clo_http_client_call wish = {
        .path = "/x", .body = "{}", .body_length = 2, .data = take_all, .told = told};
    *told = (struct clo_http_client_told){0};
    return clo_http_client_post(call->http, &wish, error);
}

static void close_signed(struct signed_call *call)
{
    clo_http_client_destroy(call->http);
    clo_credential_destroy(call->credential);
    server_stop(&call->model);
    server_stop(&call->tokens);
}

static void a_refused_token_is_replaced_once_in_a_call(void **state)
{
    (void)state;
    struct act tokens[] = {{TOKEN("one"), CLOSE, 0, 0}, {TOKEN("two"), CLOSE, 0, 0}};
    struct act answers[] = {
        {STATUS("401 No", "{}"), CLOSE, 0, 0}, {GOOD, CLOSE, 0, 0}, {GOOD, CLOSE, 0, 0}};
    struct signed_call call;
    struct clo_http_client_told told;
    struct clo_error error = {0};
    open_signed(&call, tokens, 2, answers, 3);
    assert_int_equal(post_signed(&call, &told, &error), 0);
    assert_non_null(strstr(told.notice, "EnvironmentCredential"));
    assert_int_equal(told.refusal.status, 0); /* the last attempt was not refused */
    assert_non_null(strstr(call.model.heads[0], "Authorization: Bearer one\r\n"));
    assert_non_null(strstr(call.model.heads[1], "Authorization: Bearer two\r\n"));
    assert_int_equal(post_signed(&call, &told, &error), 0);
    assert_string_equal(told.notice, "");
    assert_non_null(strstr(call.model.heads[2], "Authorization: Bearer two\r\n"));
    assert_int_equal(atomic_load(&call.tokens.requests), 2);
    close_signed(&call);
}

static void a_token_that_stays_refused_is_told_without_it(void **state)
{
    (void)state;
    struct act tokens[] = {{TOKEN("token-0123456789-one"), CLOSE, 0, 0},
                           {TOKEN("token-0123456789-two"), CLOSE, 0, 0}};
    struct act answer = {STATUS("401 No", "{\"message\":\"token-0123456789-two is not mine\"}"),
                         CLOSE, 0, 0};
    struct signed_call call;
    struct clo_http_client_told told;
    struct clo_error error = {0};
    open_signed(&call, tokens, 2, &answer, 1);
    assert_int_equal(post_signed(&call, &told, &error), CLO_EMODEL);
    assert_int_equal(atomic_load(&call.model.requests), 2);
    assert_string_equal(error.message, "the model's server refused the credentials (HTTP 401)");
    assert_non_null(strstr(error.hint, "The identity needs a role"));
    assert_non_null(strstr(error.hint, "[key] is not mine"));
    assert_null(strstr(error.hint, "0123456789"));
    close_signed(&call);
}

static void without_a_token_nothing_is_sent(void **state)
{
    (void)state;
    struct act tokens[] = {{STATUS("400 Bad", "{\"error\":\"invalid_client\"}"), CLOSE, 0, 0}};
    struct act answer = {GOOD, CLOSE, 0, 0};
    struct signed_call call;
    struct clo_http_client_told told;
    struct clo_error error = {0};
    open_signed(&call, tokens, 1, &answer, 1);
    assert_int_equal(post_signed(&call, &told, &error), CLO_EMODEL);
    assert_true(told.no_token);
    assert_int_equal(atomic_load(&call.model.requests), 0);
    close_signed(&call);
}

static void tokens_go_by_https_alone(void **state)
{
    (void)state;
    struct clo_credential *credential;
    struct clo_http_client *http;
    struct clo_error error;
    assert_int_equal(clo_credential_create(&credential, "https://x/.default", &error), 0);
    struct clo_http_client_config config = {.base_url = "http://example.org/v1",
                                            .credential = credential};
    assert_int_equal(clo_http_client_create(&http, &config, &error), CLO_EINVALID);
    assert_string_equal(error.message,
                        "tokens of Microsoft Entra ID are sent by https alone, and the "
                        "model's server is http://example.org/v1");
    clo_credential_destroy(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_byte_has_a_limit_of_its_own),
        cmocka_unit_test(a_server_that_says_nothing_is_asked_again),
        cmocka_unit_test(all_attempts_have_a_limit_together),
        cmocka_unit_test(a_server_says_when_it_wants_to_be_asked_again),
        cmocka_unit_test(a_refused_token_is_replaced_once_in_a_call),
        cmocka_unit_test(a_token_that_stays_refused_is_told_without_it),
        cmocka_unit_test(without_a_token_nothing_is_sent),
        cmocka_unit_test(tokens_go_by_https_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

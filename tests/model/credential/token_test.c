/* token_test.c - reading tokens out of the answers of each source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "model/credential/token.h"

#define SECOND UINT64_C(1000000000)

static const struct {
    const char *json; /* %lld: an hour from now, in seconds since 1970 */
    int status;
    const char *text;     /* the token, or a part of the message */
    uint64_t life, after; /* s */
} cases[] = {
    /* Entra: an hour, renewed five minutes before its end */
    {"{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"t.o.k\"}", 0, "t.o.k", 3600,
     3300},
    {"{\"expires_in\":3600,\"refresh_in\":1800,\"access_token\":\"t\"}", 0, "t", 3600, 1800},
    {"{\"expires_in\":3600,\"refresh_in\":9999,\"access_token\":\"t\"}", 0, "t", 3600, 3300},
    /* IMDS: a day, in texts, renewed after half of it */
    {"{\"access_token\":\"t\",\"expires_in\":\"86400\",\"expires_on\":\"1\"}", 0, "t", 86400,
     43200},
    /* App Service: the moment alone */
    {"{\"access_token\":\"t\",\"expires_on\":\"%lld\"}", 0, "t", 3600, 3300},
    {"{\"access_token\":\"t\",\"expires_on\":%lld.5}", 0, "t", 3600, 3300},
    /* az */
    {"{\"accessToken\":\"t\",\"expiresOn\":\"1999-01-01 00:00:00.000000\",\"expires_on\":%lld}", 0,
     "t", 3600, 3300},
    {"{\"accessToken\":\"t\",\"expiresOn\":\"1999-01-01 00:00:00.000000\"}", CLO_EMODEL,
     "already expired", 0, 0},
    /* short and unknown lives, and one beyond all sense */
    {"{\"access_token\":\"t\",\"expires_in\":60}", 0, "t", 60, 30},
    {"{\"access_token\":\"t\"}", 0, "t", 300, 150},
    {"{\"access_token\":\"t\",\"expires_in\":\"soon\"}", 0, "t", 300, 150},
    {"{\"access_token\":\"t\",\"expires_in\":9223372036854775807}", 0, "t", 2592000, 1296000},
    {"{\"access_token\":\"t\",\"expires_on\":\"99999999999999999999999\"}", 0, "t", 300, 150},
    {"{\"access_token\":\"t\",\"expires_in\":0}", CLO_EMODEL, "already expired", 0, 0},
    {"{\"access_token\":\"t\",\"expires_on\":1000}", CLO_EMODEL, "already expired", 0, 0},
    /* what is none */
    {"{\"access_token\":\"\"}", CLO_EMODEL, "empty", 0, 0},
    {"{\"access_token\":\"a\\r\\nX: y\"}", CLO_EMODEL, "not of characters", 0, 0},
    {"{\"access_token\":7}", CLO_EMODEL, "no access token", 0, 0},
    {"{\"error\":\"secret\"}", CLO_EMODEL, "no access token", 0, 0},
    {"[]", CLO_EMODEL, "not a JSON object", 0, 0},
    {"", CLO_EMODEL, "not a JSON object", 0, 0},
    {"<html>", CLO_EMODEL, "not a JSON object", 0, 0},
};

/* A second may pass meanwhile, of which the answer knows whole ones alone. */
static void check_near(size_t number, const char *what, uint64_t got, uint64_t wanted_s)
{
    uint64_t wanted = clo_token_now() + wanted_s * SECOND;
    if (got > wanted + SECOND || got + 60 * SECOND < wanted)
        fail_msg("%zu: %s %llu is not about %llu", number, what, (unsigned long long)got,
                 (unsigned long long)wanted);
}

static void every_answer_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[512];
        struct clo_token token;
        struct clo_error error = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(json, sizeof json, cases[i].json, (long long)time(NULL) + 3600);
#pragma GCC diagnostic pop
        int status = clo_token_read(&token, json, strlen(json), &error);
        if (status != cases[i].status)
            fail_msg("%zu: %d %s", i, status, error.message);
        if (status) {
            assert_null(token.text);
            if (!strstr(error.message, cases[i].text))
                fail_msg("%zu: %s", i, error.message);
            assert_null(strstr(error.message, "secret"));
            continue;
        }
        assert_string_equal(token.text, cases[i].text);
        check_near(i, "end", token.ends, cases[i].life);
        check_near(i, "renewal", token.renews, cases[i].after);
        clo_token_clear(&token);
        assert_null(token.text);
    }
}

static void a_token_has_a_ceiling(void **state)
{
    (void)state;
    struct clo_error error;
    struct clo_token token;
    for (size_t length = CLO_TOKEN_MAX; length <= CLO_TOKEN_MAX + 1; length++) {
        static char json[CLO_TOKEN_MAX + 64], text[CLO_TOKEN_MAX + 2];
        memset(text, 'x', length);
        snprintf(json, sizeof json, "{\"access_token\":\"%s\"}", text);
        int status = clo_token_read(&token, json, strlen(json), &error);
        assert_int_equal(status, length > CLO_TOKEN_MAX ? CLO_EMODEL : 0);
        clo_token_clear(&token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_read),
        cmocka_unit_test(a_token_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

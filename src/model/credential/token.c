/* token.c - reading tokens. */
#include "model/credential/token.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

#define NS UINT64_C(1000000000)
#define USUAL_S 300  /* of a token that says nothing of its life */
#define BEFORE_S 300 /* the end of one that lives for less than LONG_S */
#define LONG_S 7200
#define LIFE_MAX_S (30 * 86400) /* what is longer is cut to that */

void clo_token_clear(struct clo_token *token)
{
    if (token->text)
        explicit_bzero(token->text, strlen(token->text));
    free(token->text);
    *token = (struct clo_token){0};
}

/* A member that is a number, or a text of one; -1: it is not there, or something else. */
static int64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 1e15)
        return (int64_t)json_real_value(value);
    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return -1;
    errno = 0;
    int64_t number = strtoll(text, NULL, 10);
    return errno ? -1 : number;
}

/* "2026-11-30 12:34:56.000000", local time; -1: not that. */
static int64_t local_time(const char *text)
{
    struct tm parts = {.tm_isdst = -1};
    if (!text || sscanf(text, "%4d-%2d-%2d%*1[ T]%2d:%2d:%2d", &parts.tm_year, &parts.tm_mon,
                        &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
        return -1;
    parts.tm_year -= 1900;
    parts.tm_mon--;
    return mktime(&parts);
}

/* Seconds that it has left, negative: none; LIFE_MAX_S + 1 and more are cut by the caller. */
static int64_t life_of(const json_t *answer)
{
    int64_t left = number_of(answer, "expires_in"), end = number_of(answer, "expires_on");
    if (left >= 0)
        return left;
    if (end < 0)
        end = local_time(clo_json_text(answer, "expiresOn"));
    if (end < 0)
        end = local_time(clo_json_text(answer, "expires_on"));
    return end < 0 ? USUAL_S : end - (int64_t)time(NULL);
}

/* Only what can stand in a header. */
static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return length > 0 && length <= CLO_TOKEN_MAX;
}

static int take(struct clo_token *token, const json_t *answer, struct clo_error *error)
{
    const json_t *text = json_object_get(answer, "access_token");
    text = text ? text : json_object_get(answer, "accessToken");
    if (!json_is_string(text))
        return clo_fail(error, CLO_EMODEL, "the answer holds no access token");
    if (!is_token(json_string_value(text), json_string_length(text)))
        return clo_fail(error, CLO_EMODEL,
                        "the access token in the answer is empty, longer than %d bytes, or not of "
                        "characters that tokens have",
                        CLO_TOKEN_MAX);
    int64_t life = life_of(answer), after = number_of(answer, "refresh_in");
    if (life <= 0)
        return clo_fail(error, CLO_EMODEL, "the access token in the answer has already expired");
    life = life < LIFE_MAX_S ? life : LIFE_MAX_S;
    if (after <= 0 || after > life)
        after = life >= LONG_S || life <= 2 * BEFORE_S ? life / 2 : life - BEFORE_S;
    uint64_t now = clo_token_now();
    token->ends = now + (uint64_t)life * NS;
    token->renews = now + (uint64_t)after * NS;
    token->text = strdup(json_string_value(text));
    return token->text ? 0 : clo_fail_memory(error);
}

int clo_token_read(struct clo_token *token, const char *json, size_t length,
                   struct clo_error *error)
{
    json_error_t why;
    *token = (struct clo_token){0};
    json_t *answer = clo_json_load(json, length, &why);
    if (!answer && clo_json_no_memory(&why))
        return clo_fail_memory(error);
    int status = json_is_object(answer)
                     ? take(token, answer, error)
                     : clo_fail(error, CLO_EMODEL, "the answer is not a JSON object");
    json_decref(answer);
    return status;
}

/* entra.c - the token endpoint of Microsoft Entra ID. */
#include "model/credential/entra.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "model/credential/token_http.h"
#include "model/redact.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define FORM_MAX (256u << 10) /* a federated token and a certificate's chain stand in it */
#define SAID_MAX 220          /* bytes that are shown of what the server says */
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

int clo_entra_client_init(struct clo_entra_client *client, const char *tenant, const char *id,
                          struct clo_error *error)
{
    const char *host = clo_source_variable("AZURE_AUTHORITY_HOST");
    *client = (struct clo_entra_client){.tenant = tenant, .client = id};
    for (const char *at = tenant; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *at))
            return clo_fail(error, CLO_EINVALID,
                            "AZURE_TENANT_ID is \"%.80s\": a tenant's id or domain is letters, "
                            "digits, dots and hyphens",
                            tenant);
    host = host ? host : AUTHORITY;
    size_t length = strlen(host);
    while (length && host[length - 1] == '/')
        length--;
    int written = snprintf(client->url, sizeof client->url, "%s%.*s/%s/oauth2/v2.0/token",
                           strstr(host, "://") ? "" : "https://", (int)length, host, tenant);
    if (length > INT16_MAX || (size_t)written >= sizeof client->url ||
        !clo_token_http_is_safe(client->url))
        return clo_fail(error, CLO_EINVALID,
                        "AZURE_AUTHORITY_HOST is \"%.120s\": it has to be an https URL, since a "
                        "secret goes there",
                        host);
    return 0;
}

/* One line of what the server says went wrong, without the secret. */
static void said(char text[SAID_MAX + 4], const struct clo_buffer *body, const char *secret)
{
    json_t *answer = body->length ? clo_json_load(body->data, body->length, NULL) : NULL;
    const char *words = clo_json_text(answer, "error_description");
    words = words ? words : clo_json_text(answer, "error");
    struct clo_buffer shown = CLO_BUFFER(CLO_TOKEN_ANSWER_MAX);
    struct clo_redact hidden = {.key = secret};
    size_t length = words ? strcspn(words, "\r\n") : 0;
    text[0] = '\0';
    if (words && !clo_redact(&shown, words, length < 2048 ? length : 2048, &hidden) && shown.data)
        clo_text_copy(text, SAID_MAX, shown.data);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    clo_buffer_free(&shown);
    json_decref(answer);
}

static int read_answer(const struct clo_entra_client *client, long status,
                       const struct clo_buffer *body, const char *secret, struct clo_token *token,
                       struct clo_error *error)
{
    struct clo_error why = {0};
    char words[SAID_MAX + 4];
    if (status != 200) {
        said(words, body, secret);
        return clo_fail(error, CLO_EMODEL, "%.160s refused the client %.60s (HTTP %ld)%s%s",
                        client->url, client->client, status, *words ? ": " : "", words);
    }
    int outcome = clo_token_read(token, body->data ? body->data : "", body->length, &why);
    return outcome ? clo_fail(error, outcome, "%.160s: %s", client->url, why.message) : 0;
}

int clo_entra_token(const struct clo_entra_client *client, const char *secret,
                    const char *assertion, const struct clo_token_wish *wish,
                    struct clo_token *token, struct clo_error *error)
{
    struct clo_buffer form = CLO_BUFFER(FORM_MAX), body = CLO_BUFFER(CLO_TOKEN_ANSWER_MAX);
    struct clo_error why = {0};
    long status;
    clo_token_http_field(&form, "grant_type", "client_credentials");
    clo_token_http_field(&form, "client_id", client->client);
    clo_token_http_field(&form, "scope", wish->scope);
    if (secret)
        clo_token_http_field(&form, "client_secret", secret);
    if (assertion) {
        clo_token_http_field(&form, "client_assertion_type", ASSERTION_TYPE);
        clo_token_http_field(&form, "client_assertion", assertion);
    }
    int outcome = form.no_memory ? clo_fail_memory(error)
                  : form.failed
                      ? clo_fail(error, CLO_EINVALID,
                                 "the secret or assertion is larger than %u KiB", FORM_MAX >> 10)
                      : 0;
    if (!outcome) {
        struct clo_token_http exchange = {
            .url = client->url, .form = form.data, .cancel = wish->cancel};
        outcome = clo_token_http(&exchange, &status, &body, &why);
        if (outcome)
            outcome = clo_fail(error, outcome == CLO_ENOTFOUND ? CLO_EMODEL : outcome, "%.200s: %s",
                               client->url, why.message);
        else
            outcome = read_answer(client, status, &body, secret, token, error);
    }
    clo_buffer_wipe(&form);
    clo_buffer_wipe(&body);
    clo_buffer_free(&form);
    clo_buffer_free(&body);
    return outcome;
}

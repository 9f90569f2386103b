/* managed.c - the managed identity of a machine or a service in Azure, by the two forms that hand
 * out tokens to whoever runs there:
 *
 *   App Service    IDENTITY_ENDPOINT?api-version=2019-08-01&resource=…
 *   (Functions,    X-IDENTITY-HEADER: IDENTITY_HEADER
 *   Container Apps)
 *
 *   IMDS           http://169.254.169.254/metadata/identity/oauth2/token
 *   (machines,           ?api-version=2018-02-01&resource=…
 *   AKS nodes)     Metadata: true
 *
 * Where IMDS is not, the address answers nothing, or something else answers: so it is tried first
 * with a request that it refuses at once, within PROBE_MS.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "model/credential/source.h"
#include "model/credential/token_http.h"

#define IMDS "http://169.254.169.254"
#define IMDS_PATH "/metadata/identity/oauth2/token"
#define PROBE_MS 2000
#define GONE_MS 70000 /* as long as an update of IMDS may take, by Azure's documents */
#define URL_MAX 8192
#define HEADER_MAX 8192
#define SAID_MAX 200

/* Not the words of an answer that may hold a token: those of its error. */
static void said(char text[SAID_MAX], const struct clo_buffer *body)
{
    json_t *answer = body->length ? clo_json_load(body->data, body->length, NULL) : NULL;
    const char *words = clo_json_text(answer, "error_description");
    words = words ? words : clo_json_text(answer, "message");
    words = words ? words : clo_json_text(answer, "error");
    clo_text_copy(text, SAID_MAX, words ? words : "");
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    json_decref(answer);
}

static void put_query(struct clo_buffer *url, const char *base, const char *version,
                      const char *resource)
{
    struct clo_buffer query = CLO_BUFFER(URL_MAX);
    const char *client = clo_source_variable("AZURE_CLIENT_ID");
    clo_token_http_field(&query, "api-version", version);
    clo_token_http_field(&query, "resource", resource);
    if (client) /* which of several identities */
        clo_token_http_field(&query, "client_id", client);
    clo_buffer_format(url, "%s%s%s", base, strchr(base, '?') ? "&" : "?",
                      query.data ? query.data : "");
    url->failed |= query.failed;
    url->no_memory |= query.no_memory;
    clo_buffer_free(&query);
}

static int fail_url(const struct clo_buffer *url, const char *name, struct clo_error *why)
{
    return url->no_memory ? clo_fail_memory(why)
                          : clo_fail(why, CLO_EMODEL, "%s is longer than %d bytes", name, URL_MAX);
}

/* ---- App Service ---- */

static int app_service(const struct clo_token_wish *wish, const char *endpoint, const char *secret,
                       struct clo_token *token, struct clo_error *why)
{
    struct clo_buffer url = CLO_BUFFER(URL_MAX), body = CLO_BUFFER(CLO_TOKEN_ANSWER_MAX);
    char header[HEADER_MAX], words[SAID_MAX];
    struct clo_error reason = {0};
    long status = 0;
    int length = snprintf(header, sizeof header, "X-IDENTITY-HEADER: %s", secret), outcome;
    put_query(&url, endpoint, "2019-08-01", wish->resource);
    struct clo_token_http exchange = {
        .url = url.data, .header = header, .direct = true, .cancel = wish->cancel};
    if (url.failed)
        outcome = fail_url(&url, "IDENTITY_ENDPOINT", why);
    else if ((size_t)length >= sizeof header || strpbrk(secret, "\r\n"))
        outcome = clo_fail(why, CLO_EMODEL, "IDENTITY_HEADER cannot stand in a header");
    else if ((outcome = clo_token_http(&exchange, &status, &body, &reason)) != 0)
        outcome = clo_fail(why, outcome == CLO_ENOTFOUND ? CLO_EMODEL : outcome,
                           "App Service, IDENTITY_ENDPOINT: %s", reason.message);
    else if (status != 200) {
        said(words, &body);
        outcome = clo_fail(why, CLO_EMODEL, "App Service: HTTP %ld%s%s", status, *words ? ": " : "",
                           words);
    } else if ((outcome =
                    clo_token_read(token, body.data ? body.data : "", body.length, &reason)) != 0)
        outcome = clo_fail(why, outcome, "App Service: %s", reason.message);
    explicit_bzero(header, sizeof header);
    clo_buffer_wipe(&body);
    clo_buffer_free(&body);
    clo_buffer_free(&url);
    return outcome;
}

/* ---- IMDS ---- */

static int read_imds(long status, const struct clo_buffer *body, struct clo_token *token,
                     struct clo_error *why)
{
    char words[SAID_MAX];
    struct clo_error reason = {0};
    if (status == 200) {
        int outcome = clo_token_read(token, body->data ? body->data : "", body->length, &reason);
        if (!outcome || outcome == CLO_ENOMEMORY)
            return outcome;
        /* something else answers at this address */
        return clo_fail(why, CLO_ENOTFOUND, "IMDS: %s", reason.message);
    }
    said(words, body);
    if (status == 400) /* there is IMDS, but no identity of that name */
        return clo_fail(why, CLO_ENOTFOUND, "IMDS: this machine has no such identity%s%s",
                        *words ? ": " : "", words);
    if (status == 403 || status == 404)
        return clo_fail(why, CLO_ENOTFOUND, "IMDS: HTTP %ld%s%s", status, *words ? ": " : "",
                        words);
    return clo_fail(why, CLO_EMODEL, "IMDS: HTTP %ld%s%s", status, *words ? ": " : "", words);
}

static int imds(const struct clo_token_wish *wish, struct clo_token *token, struct clo_error *why)
{
    static const int pass[] = {404, 0}; /* while it is being updated */
    const char *host = clo_source_variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct clo_buffer base = CLO_BUFFER(URL_MAX), url = CLO_BUFFER(URL_MAX);
    struct clo_buffer body = CLO_BUFFER(CLO_TOKEN_ANSWER_MAX);
    struct clo_error reason = {0};
    long status = 0;
    host = host ? host : IMDS;
    size_t length = strlen(host);
    while (length && host[length - 1] == '/')
        length--;
    clo_buffer_append(&base, host, length);
    clo_buffer_text(&base, IMDS_PATH);
    if (!base.failed)
        put_query(&url, base.data, "2018-02-01", wish->resource);
    int outcome = base.failed || url.failed ? fail_url(base.failed ? &base : &url,
                                                       "AZURE_POD_IDENTITY_AUTHORITY_HOST", why)
                                            : 0;
    if (!outcome && !wish->sure) {
        struct clo_token_http probe = {.url = base.data,
                                       .direct = true,
                                       .once = true,
                                       .timeout_ms = PROBE_MS,
                                       .cancel = wish->cancel};
        outcome = clo_token_http(&probe, &status, &body, &reason);
        if (outcome)
            outcome = clo_fail(why, outcome == CLO_EMODEL ? CLO_ENOTFOUND : outcome,
                               "IMDS is not here (%.120s): %s", host, reason.message);
    }
    struct clo_token_http exchange = {.url = url.data,
                                      .header = "Metadata: true",
                                      .direct = true,
                                      .pass = pass,
                                      .gone_ms = GONE_MS,
                                      .cancel = wish->cancel};
    if (!outcome) {
        outcome = clo_token_http(&exchange, &status, &body, &reason);
        outcome = outcome ? clo_fail(why, outcome == CLO_EMODEL ? CLO_ENOTFOUND : outcome,
                                     "IMDS: %s", reason.message)
                          : read_imds(status, &body, token, why);
    }
    clo_buffer_wipe(&body);
    clo_buffer_free(&body);
    clo_buffer_free(&base);
    clo_buffer_free(&url);
    return outcome;
}

int clo_source_managed(const struct clo_token_wish *wish, struct clo_token *token,
                       struct clo_error *why)
{
    const char *endpoint = clo_source_variable("IDENTITY_ENDPOINT");
    const char *header = clo_source_variable("IDENTITY_HEADER");
    const char *other =
        endpoint && header && clo_source_variable("IDENTITY_SERVER_THUMBPRINT") ? "Service Fabric's"
        : endpoint && !header && clo_source_variable("IMDS_ENDPOINT")           ? "Azure Arc's"
        : !endpoint && clo_source_variable("MSI_ENDPOINT")
            ? "Cloud Shell's and Azure ML's (MSI_ENDPOINT)"
            : NULL;
    if (other)
        return clo_fail(
            why, CLO_ENOTFOUND,
            "%s form of managed identities is not supported; App Service's and IMDS' are", other);
    if (endpoint && header)
        return app_service(wish, endpoint, header, token, why);
    return imds(wish, token, why);
}

/* environment.c - an application's own identity, by variables of the environment: with a secret, or
 * with a certificate. */
#include <strings.h>

#include "base/error.h"
#include "model/credential/assertion.h"
#include "model/credential/entra.h"

static bool is_yes(const char *text)
{
    return text && (strcasecmp(text, "1") == 0 || strcasecmp(text, "true") == 0);
}

static int by_certificate(const struct clo_entra_client *client, const char *path,
                          const struct clo_token_wish *wish, struct clo_token *token,
                          struct clo_error *why)
{
    struct clo_assertion_wish signed_for = {
        .path = path,
        .password = clo_source_variable("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
        .audience = client->url,
        .client = client->client,
        .chain = is_yes(clo_source_variable("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"))};
    struct clo_buffer assertion = CLO_BUFFER(CLO_ASSERTION_MAX);
    int status = clo_assertion_sign(&assertion, &signed_for, why);
    if (!status)
        status = clo_entra_token(client, NULL, assertion.data, wish, token, why);
    clo_buffer_wipe(&assertion);
    clo_buffer_free(&assertion);
    return status;
}

int clo_source_environment(const struct clo_token_wish *wish, struct clo_token *token,
                           struct clo_error *why)
{
    const char *tenant = clo_source_variable("AZURE_TENANT_ID");
    const char *id = clo_source_variable("AZURE_CLIENT_ID");
    const char *secret = clo_source_variable("AZURE_CLIENT_SECRET");
    const char *path = clo_source_variable("AZURE_CLIENT_CERTIFICATE_PATH");
    struct clo_entra_client client;
    if (!tenant || !id || (!secret && !path))
        return clo_fail(why, CLO_ENOTFOUND, "not set:%s%s%s%s", tenant ? "" : " AZURE_TENANT_ID",
                        id ? "" : " AZURE_CLIENT_ID",
                        secret || path ? ""
                                       : " AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH)",
                        clo_source_variable("AZURE_USERNAME")
                            ? "; AZURE_USERNAME with a password is not supported"
                            : "");
    int status = clo_entra_client_init(&client, tenant, id, why);
    if (status)
        return status;
    return secret ? clo_entra_token(&client, secret, NULL, wish, token, why)
                  : by_certificate(&client, path, wish, token, why);
}

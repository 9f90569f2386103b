/* model/credential/entra.h - asking Microsoft Entra ID for a token as an application (OAuth 2.0
 * client credentials, RFC 6749 section 4.4), by a secret or by a signed assertion (RFC 7523). Any
 * thread. */
#ifndef CLO_MODEL_CREDENTIAL_ENTRA_H
#define CLO_MODEL_CREDENTIAL_ENTRA_H

#include "model/credential/source.h"

#define CLO_ENTRA_URL_MAX 1024

struct clo_entra_client {
    const char *tenant, *client;
    char url[CLO_ENTRA_URL_MAX]; /* of the token endpoint */
};

/* The endpoint of the tenant at AZURE_AUTHORITY_HOST. CLO_EINVALID: the tenant or the host cannot
 * be one, or the host is neither https nor this machine. */
int clo_entra_client_init(struct clo_entra_client *client, const char *tenant, const char *id,
                          struct clo_error *error);

/* One of secret and assertion is given. CLO_EMODEL with Entra's own words where it refuses. */
int clo_entra_token(const struct clo_entra_client *client, const char *secret,
                    const char *assertion, const struct clo_token_wish *wish,
                    struct clo_token *token, struct clo_error *error);

#endif

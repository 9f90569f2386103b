/* ca_bundle.c - looking for the certificates of authorities. */
#include "model/http/ca_bundle.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static const char *const places[] = {
    "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",                  /* RHEL, Fedora, Amazon Linux */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* the same, what the first one leads to */
    "/etc/ssl/ca-bundle.pem",                            /* openSUSE, SLES */
    "/var/lib/ca-certificates/ca-bundle.pem",            /* the same, what that leads to */
    "/etc/ssl/cert.pem",                                 /* of OpenSSL's own layout */
};

/* What a variable names, which has to be readable; an empty one counts as not set. */
static int named(const char *variable, const char **path, struct clo_error *error)
{
    const char *value = getenv(variable);
    *path = value && *value ? value : NULL;
    if (!*path || access(*path, R_OK) == 0)
        return 0;
    const char *why = strerror(errno);
    return clo_hint(error,
                    clo_fail(error, CLO_EINVALID, "%s is %.200s, which cannot be read: %s",
                             variable, *path, why),
                    "It names the certificates that the model's server is checked against. Correct "
                    "it, or unset it to use the system's.");
}

int clo_ca_bundle_find(struct clo_ca_bundle *bundle, struct clo_error *error)
{
    *bundle = (struct clo_ca_bundle){0};
    int status = named("CURL_CA_BUNDLE", &bundle->file, error);
    if (status || bundle->file)
        return status;
    status = named("SSL_CERT_FILE", &bundle->file, error);
    if (!status)
        status = named("SSL_CERT_DIR", &bundle->folder, error);
    if (status || bundle->file || bundle->folder)
        return status;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], R_OK) == 0) {
            bundle->file = places[i];
            return 0;
        }
    return clo_hint(error,
                    clo_fail(error, CLO_ENOTFOUND,
                             "no certificates of authorities were found to check the model's "
                             "server against"),
                    "Install the package ca-certificates, or set SSL_CERT_FILE to a PEM file with "
                    "them (looked at: %s, %s, %s and %zu more).",
                    places[0], places[1], places[3], sizeof places / sizeof *places - 3);
}

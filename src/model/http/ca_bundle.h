/* model/http/ca_bundle.h - which certificates a model's server is checked against.
 *
 * Every distribution keeps those of the authorities that it trusts in one file, each somewhere else, and
 * libcurl knows the place of the system that it was compiled for alone. So it is told: what the
 * environment names (CURL_CA_BUNDLE, or SSL_CERT_FILE and SSL_CERT_DIR), or the first place that has one.
 */
#ifndef CLO_MODEL_HTTP_CA_BUNDLE_H
#define CLO_MODEL_HTTP_CA_BUNDLE_H

#include "cloche/error.h"

/* NULL: none; then libcurl must be told that, too. The texts are the environment's or constants. */
struct clo_ca_bundle {
    const char *file;   /* PEM, one certificate after the other */
    const char *folder; /* files named after the hash of the certificate in them */
};

/* CLO_EINVALID with the variable and its value where that cannot be read; CLO_ENOTFOUND with what to set
 * where the environment names nothing and no place has a file. */
int clo_ca_bundle_find(struct clo_ca_bundle *bundle, struct clo_error *error);

#endif

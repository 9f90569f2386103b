/* model/credential/assertion.h - a client assertion (RFC 7523) signed with a certificate's key, as
 * Microsoft Entra ID takes it: a JWT by PS256 with the certificate's SHA-256 in its header. */
#ifndef CLO_MODEL_CREDENTIAL_ASSERTION_H
#define CLO_MODEL_CREDENTIAL_ASSERTION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cloche/error.h"

#define CLO_ASSERTION_MAX 131072       /* bytes of an assertion with its chain */
#define CLO_ASSERTION_FILE_MAX 1048576 /* bytes of a certificate's file */
#define CLO_ASSERTION_LIFE_S 600

struct clo_assertion_wish {
    const char *path;     /* PEM with key and certificate, or PKCS #12 */
    const char *password; /* of the key; or NULL */
    const char *audience, *client;
    bool chain; /* put the certificates into it: issuer and subject name are checked instead of a
                  thumbprint */
};

/* Append it. CLO_EMODEL with the file and what is wrong with it; CLO_ENOMEMORY. Any thread. */
int clo_assertion_sign(struct clo_buffer *assertion, const struct clo_assertion_wish *wish,
                       struct clo_error *error);

#endif

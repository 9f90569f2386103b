/* model/http/http_client_told.h - what a call tells besides its answer. */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_TOLD_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_TOLD_H

#include <stdbool.h>

#include "model/credential/credential.h"

#define CLO_HTTP_CLIENT_SERVED_MAX 128

/* What the server refused the last attempt with. */
struct clo_http_client_refusal {
    long status;      /* of HTTP; 0: it did not refuse */
    const char *code; /* static, see error_code.h; NULL: nothing is known */
    bool no_path;     /* it has nothing at this path */
};

struct clo_http_client_told {
    struct clo_http_client_refusal refusal;
    char served[CLO_HTTP_CLIENT_SERVED_MAX]; /* the model, by the header x-ms-served-model; or "" */
    char notice
        [CLO_CREDENTIAL_NOTICE_MAX]; /* what the operator's log should say of credentials; or "" */
    bool no_token;                   /* and there were none */
};

#endif

/* model/http/http_client_refusal.h - what a model's server refused a call with. */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_REFUSAL_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_REFUSAL_H

#include <stdbool.h>

struct clo_http_client_refusal {
    long status;      /* of HTTP; 0: it did not refuse */
    const char *code; /* static, see error_code.h; NULL: nothing is known */
    bool no_path;     /* it has nothing at this path */
};

#endif

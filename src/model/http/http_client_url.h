/* model/http/http_client_url.h - the base URL of a model's server, and URLs below it. */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_URL_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_URL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "cloche/error.h"

struct clo_http_client_url {
    CURLU *base; /* read only once made */
    char *path;  /* without a slash at the end; "" for none */
    char *host;
    char *password; /* NULL: none */
    char *address;  /* without user and password, for people */
    bool secure;    /* https */
    bool here;      /* it is this machine: 127.0.0.1, ::1, localhost */
};

/* CLO_EINVALID unless http or https with a host; CLO_ENOMEMORY. */
int clo_http_client_url_read(struct clo_http_client_url *url, const char *text,
                             struct clo_error *error);
void clo_http_client_url_clear(struct clo_http_client_url *url);

/* The URL of `path` ("/responses") below the base, query kept; freed by curl_free. NULL: memory. */
char *clo_http_client_url_join(const struct clo_http_client_url *url, const char *path);

#endif

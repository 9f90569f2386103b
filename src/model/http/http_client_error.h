/* model/http/http_client_error.h - what went wrong with a model's server, in words for clients
 * (message) and for the operator (hint), never with the key; what the server says goes through
 * redact.h. */
#ifndef CLO_MODEL_HTTP_HTTP_CLIENT_ERROR_H
#define CLO_MODEL_HTTP_HTTP_CLIENT_ERROR_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "cloche/error.h"
#include "model/http/http_client_told.h"
#include "model/redact.h"

#define CLO_HTTP_CLIENT_SAID_MAX 300 /* bytes that are passed on of what a server says */

/* `begun`: a part of the answer had come. */
int clo_http_client_error_transport(struct clo_error *error, CURLcode result, const char *reason,
                                    const char *address, bool begun);
struct clo_http_client_server {
    const char *address;  /* for the operator */
    const char *key_from; /* what the key is set by; NULL: it wants tokens of an identity */
    const struct clo_redact *hidden;
};

/* Fills the refusal as well. */
int clo_http_client_error_status(struct clo_error *error, long code, const struct clo_buffer *body,
                                 const struct clo_http_client_server *server,
                                 struct clo_http_client_refusal *refusal);

/* The message in an error object as the OpenAI protocols and their kin write it: {"error":
 * {"message"}}, {"error": ""}, {"message"}, {"detail"}. "" if there is none. Made of one line, well
 * formed and cut. */
void clo_http_client_error_said(char said[CLO_HTTP_CLIENT_SAID_MAX + 4], const json_t *body,
                                const struct clo_redact *hidden);

#endif

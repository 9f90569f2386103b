/* serve/http/http.h - libmicrohttpd behind a small interface: it makes exchanges (exchange.h) of
 * what clients send, and hands them to the server's `dispatch`. */
#ifndef CLO_SERVE_HTTP_HTTP_H
#define CLO_SERVE_HTTP_HTTP_H

#include "serve/serve.h"

int clo_http_start(struct clo_server *server, uint16_t *port, struct clo_error *error);
/* No new connections; those open go on. */
void clo_http_quiesce(struct clo_http *http);
/* Wait until no exchange is under way, at most so long. */
void clo_http_drain(struct clo_http *http, unsigned milliseconds);
/* Every exchange must have been answered or its stream cut. */
void clo_http_stop(struct clo_http *http);

#endif

/* serve/http/http.h - libmicrohttpd behind a small interface. Read this first.
 *
 *   bytes ─▶ http.c: exchange, body ─▶ server->dispatch ─▶ answered at once
 *                                              │
 *   disconnect.h ◀─ watched while suspended ◀──┴─▶ handed to an answerer, who resumes it later
 *                                                  with a text, or with a stream (event_stream.h)
 *
 * What is always true
 * - The HTTP threads are the library's, CLO_SERVE_HTTP_THREADS of them: nothing on them waits for
 *   anything but a lock. A connection, its exchange and that exchange's body are one thread's until
 *   the exchange is suspended, and again once it is resumed.
 * - Bodies of all requests together, connections, an event stream's queue and the time that a
 *   client may take to read are bounded (serve.h).
 * - This room knows no job and no handler: it asks the server's `refuses` and `dispatch`, and an
 *   answerer (disconnect.h).
 * - Locks: the watch's, then a stream's. Exchanges have none.
 */
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

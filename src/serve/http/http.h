/* serve/http/http.h - libmicrohttpd behind a small interface: exchanges.
 *
 * An exchange is one request and its one answer. A handler answers it at once, or suspends it and
 * hands it to a job, which answers and resumes it from another thread; see serve.h for who may
 * touch it when.
 */
#ifndef CLO_SERVE_HTTP_HTTP_H
#define CLO_SERVE_HTTP_HTTP_H

#include <jansson.h>
#include <microhttpd.h>

#include "base/buffer.h"
#include "serve/http/disconnect.h"
#include "serve/http/event_stream.h"
#include "serve/job/response_job.h"
#include "serve/protocol/problem.h"
#include "serve/serve.h"

struct clo_exchange {
    struct clo_server *server;
    struct MHD_Connection *connection;
    char *method, *path; /* the path without a /v1 prefix */
    char request_id[CLO_SERVE_NAME_MAX + 1];
    uint64_t started_ns;
    struct clo_buffer body;
    size_t charge;   /* bytes of the body counted in the server's total */
    size_t received; /* bytes, also of those read away */
    bool dispatched; /* the router has seen it */
    bool suspended;  /* a job will answer */
    clo_disconnect_watch_id watch;
    struct clo_response_job *job; /* reference, for the log; NULL: none */
    /* The answer. */
    unsigned status;                 /* 0: none yet */
    char *text;                      /* JSON */
    struct clo_event_stream *stream; /* reference */
    const char *allow;               /* static, for 405 */
    unsigned retry_after;
    char session[CLO_SERVE_NAME_MAX + 1];
    char response_id[CLO_SERVE_NAME_MAX + 1];
};

int clo_http_start(struct clo_server *server, uint16_t *port, struct clo_error *error);
/* No new connections; those open go on. */
void clo_http_quiesce(struct clo_http *http);
/* Wait until no exchange is under way, at most so long. */
void clo_http_drain(struct clo_http *http, unsigned milliseconds);
/* Every exchange must have been answered or its stream cut. */
void clo_http_stop(struct clo_http *http);

const char *clo_exchange_header(const struct clo_exchange *exchange, const char *name);
/* The form of items that the client asks for, see audience.h. */
int clo_exchange_items(const struct clo_exchange *exchange, enum clo_serve_items *items,
                       struct clo_problem *problem);
const char *clo_exchange_query(const struct clo_exchange *exchange, const char *name);

/* Answer. The JSON and text are taken; NULL answers 500. */
void clo_exchange_json(struct clo_exchange *exchange, unsigned status, json_t *json);
void clo_exchange_text(struct clo_exchange *exchange, unsigned status, char *text);
void clo_exchange_refuse(struct clo_exchange *exchange, const struct clo_problem *problem);
/* The stream's reference is taken; it is given to the watch as well. */
void clo_exchange_stream(struct clo_exchange *exchange, struct clo_event_stream *stream);

/* Hand it over: suspend, and from now on watch the client. Before the job starts. */
void clo_exchange_suspend(struct clo_exchange *exchange, struct clo_response_job *job);
/* The job has answered. The exchange must not be touched afterwards. */
void clo_exchange_resume(struct clo_exchange *exchange);

/* router.c: find the handler and call it. */
void clo_router_dispatch(struct clo_exchange *exchange);
/* Why this request is refused before its body is read: NULL, or the problem filled. */
bool clo_router_refuses(const struct clo_exchange *exchange, struct clo_problem *problem);

/* handle_create.c, handle_stored.c and handle_models.c: the handlers. `id` is the path's. */
void clo_handle_create(struct clo_exchange *exchange, const char *id);
void clo_handle_get(struct clo_exchange *exchange, const char *id);
void clo_handle_delete(struct clo_exchange *exchange, const char *id);
void clo_handle_cancel(struct clo_exchange *exchange, const char *id);
void clo_handle_input_items(struct clo_exchange *exchange, const char *id);
void clo_handle_models(struct clo_exchange *exchange, const char *id);
void clo_handle_model(struct clo_exchange *exchange, const char *id);

#endif

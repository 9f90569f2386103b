/* serve/http/exchange.h - one request and its one answer.
 *
 * A handler answers an exchange at once, or suspends it: then its answerer, which works on another
 * thread, answers and resumes it. serve.h says who may touch it when.
 */
#ifndef CLO_SERVE_HTTP_EXCHANGE_H
#define CLO_SERVE_HTTP_EXCHANGE_H

#include <jansson.h>
#include <microhttpd.h>

#include "base/buffer.h"
#include "base/id.h"
#include "serve/http/disconnect.h"
#include "serve/http/event_stream.h"
#include "serve/protocol/problem.h"
#include "serve/protocol/trace.h"
#include "serve/protocol/user.h"
#include "serve/serve.h"

struct clo_exchange;

/* What takes a body piece by piece as it comes, in the place of clo_exchange.body. On the HTTP
 * thread. */
struct clo_body_sink {
    const struct clo_body_sink_calls {
        /* Take of *length bytes what it can; *length becomes what is left, with which it is called
         * again once the connection, which it has suspended, is resumed. It may refuse the exchange:
         * then the rest is read away. False: close the connection. */
        bool (*take)(void *context, struct clo_exchange *exchange, const char *data,
                     size_t *length);
        void (*release)(void *context);
    } * calls; /* NULL: there is none */
    void *context;
    uint64_t max; /* bytes of a body */
    /* Refuse a body that is longer. */
    void (*too_long)(struct clo_exchange *exchange);
};

/* The content of a file, or a range of it, as an answer. */
struct clo_content {
    int descriptor; /* taken */
    uint64_t from, length, whole;
    char media[128];
    char *disposition; /* taken */
    char tag[CLO_ID_MAX];
};

struct clo_exchange {
    struct clo_server *server;
    struct MHD_Connection *connection;
    char *method, *path; /* the path without a /v1 prefix */
    char request_id[CLO_NAME_BYTES_MAX + 1];
    char user[CLO_USER_MAX + 1];                /* see user.h */
    char traceparent[CLO_TRACE_PARENT_MAX + 1]; /* see trace.h */
    uint64_t started_ns;
    struct clo_buffer body;
    size_t charge;     /* bytes of the body counted in the server's total */
    uint64_t received; /* bytes, also of those read away */
    uint64_t drained;  /* bytes read away after it was refused */
    struct clo_body_sink sink;
    bool dispatched; /* the router has seen it */
    bool suspended;  /* a job will answer */
    clo_disconnect_watch_id watch;
    struct clo_answerer answerer; /* reference; no calls: there is none */
    /* The answer. */
    unsigned status;                 /* 0: none yet */
    char *text;                      /* JSON */
    struct clo_event_stream *stream; /* reference */
    struct clo_content *content;     /* owned */
    const char *allow;               /* static, for 405 */
    unsigned retry_after;
    const char *error_source; /* static: whose fault an error is; NULL: by the status */
    char *error_detail;       /* or NULL */
    bool invocation;          /* errors are told as that protocol has them */
    char invocation_id[CLO_NAME_BYTES_MAX + 1]; /* "": none */
    char session[CLO_NAME_BYTES_MAX + 1];
    char response_id[CLO_NAME_BYTES_MAX + 1];
};

const char *clo_exchange_header(const struct clo_exchange *exchange, const char *name);
/* The form of items that the client asks for, see protocol/output_filter.h. */
int clo_exchange_items(const struct clo_exchange *exchange, enum clo_serve_items *items,
                       struct clo_problem *problem);
const char *clo_exchange_query(const struct clo_exchange *exchange, const char *name);

/* Answer. The JSON and text are taken; NULL answers 500. */
void clo_exchange_json(struct clo_exchange *exchange, unsigned status, json_t *json);
void clo_exchange_text(struct clo_exchange *exchange, unsigned status, char *text);
void clo_exchange_refuse(struct clo_exchange *exchange, const struct clo_problem *problem);
/* 200, or 206 where it is a part. The content is copied; what it owns is taken. */
void clo_exchange_content(struct clo_exchange *exchange, const struct clo_content *content);
/* The stream's reference is taken; it is given to the watch as well. */
void clo_exchange_stream(struct clo_exchange *exchange, struct clo_event_stream *stream);

/* Hand it over to its answerer: suspend, and from now on watch the client. Before the work
 * starts. */
void clo_exchange_suspend(struct clo_exchange *exchange);
/* It was answered. The exchange must not be touched afterwards. */
void clo_exchange_resume(struct clo_exchange *exchange);

#endif

/* serve/job/response_job.h - one response in the making, from its acceptance to its last event.
 *
 *   accepted ──▶ queued ──▶ in progress ──▶ over (completed, incomplete, failed, cancelled)
 *                   └───────────┴── clo_reply_cancel: the turn's token is triggered ──▶ over
 *
 * A foreground reply answers its exchange: a whole object, or a stream of events with backpressure.
 * A background reply writes its events into the store, where any number of clients read them.
 * Counted; every function is thread-safe except where it says otherwise.
 */
#ifndef CLO_SERVE_REPLY_H
#define CLO_SERVE_REPLY_H

#include <pthread.h>

#include "agent/agent.h"
#include "serve/protocol/events.h"
#include "serve/http/event_stream.h"
#include "serve/protocol/request.h"
#include "serve/serve.h"
#include "serve/job/executor.h"

struct clo_exchange;

enum clo_reply_reason {
    CLO_REPLY_NONE,
    CLO_REPLY_CLIENT_GONE,
    CLO_REPLY_CANCELLED, /* by request */
    CLO_REPLY_SHUTDOWN,
};

struct clo_subscriber; /* a stream that replays a background reply */

struct clo_reply {
    struct clo_job job; /* first: the queue hands this back */
    struct clo_server *server;
    /* Fixed once created. */
    char id[CLO_SERVE_NAME_MAX + 1];
    struct clo_request request;
    json_t *base; /* see response.h */
    struct clo_cancel *cancel;
    size_t charge; /* bytes counted in the server's bodies until the reply is freed */
    /* Used by the worker only. */
    struct clo_exchange *exchange; /* foreground, until it is answered */
    struct clo_events events;      /* background: first by whoever starts it */
    atomic_bool ended;             /* background: the last event is written; any thread may look */
    /* Guarded by the lock. */
    pthread_mutex_t lock;
    unsigned references;
    enum clo_reply_reason reason;
    bool over;           /* final state reached (and stored); events may still be on their way */
    const char *outcome; /* static: the final status, for the log; NULL before */
    struct clo_subscriber *subscribers;
    struct clo_reply *next, *previous; /* the register's, under its lock */
};

/* Takes the request (the caller's is cleared) and the charge, also on failure. NULL: no memory. */
struct clo_reply *clo_reply_create(struct clo_server *server, const char *id,
                                   struct clo_request *request, size_t charge);
void clo_reply_retain(struct clo_reply *reply);
void clo_reply_release(struct clo_reply *reply); /* NULL is allowed */

/* Register, for background store, and queue. A foreground reply has its exchange set and suspended.
 * On failure nothing was started; the problem says why (429 when the queue is full). */
int clo_reply_start(struct clo_reply *reply, struct clo_problem *problem);

/* End it for that reason, if it is not over; the first reason counts. */
void clo_reply_cancel(struct clo_reply *reply, enum clo_reply_reason reason);

const char *clo_reply_outcome(struct clo_reply *reply); /* NULL while it is not over */

/* A stream of the events of a stored background response with sequence numbers >= from. `reply` is
 * NULL when it is not in flight. NULL when out of memory. */
struct clo_feed *clo_reply_replay(struct clo_server *server, struct clo_reply *reply,
                                  const char *id, uint64_t from, struct MHD_Connection *connection);

/* replay.c: tell the readers of a background reply. */
void clo_reply_notify(struct clo_reply *reply);

/* in_flight.c: the register of what is in flight. */
int clo_replies_create(struct clo_replies **replies, struct clo_error *error);
void clo_replies_destroy(struct clo_replies *replies);
/* CLO_EBUSY: that id is in flight. Holds a reference. */
int clo_replies_add(struct clo_replies *replies, struct clo_reply *reply);
void clo_replies_remove(struct clo_replies *replies, struct clo_reply *reply);
struct clo_reply *clo_replies_find(struct clo_replies *replies,
                                   const char *id); /* with a reference */
void clo_replies_cancel_all(struct clo_replies *replies, enum clo_reply_reason reason);

#endif

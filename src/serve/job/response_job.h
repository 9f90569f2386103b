/* serve/job/response_job.h - one response in the making, from its acceptance to its last event.
 * Read this first.
 *
 *   accepted ──▶ queued ──▶ in progress ──▶ over (completed, incomplete, failed, cancelled)
 *                   └───────────┴── clo_response_job_cancel: the turn's token is triggered ──▶ over
 *
 * A foreground job answers its exchange: a whole object, or a stream of events with backpressure.
 * A background job writes its events into the store, where any number of clients read them.
 *
 * What is always true
 * - A job is in the register (in_flight.c) from before it is queued until it is over and stored:
 *   who finds an id neither there nor in the store has it for himself.
 * - It is carried out by one task of the executor, in the lane of turns; one that is cancelled
 *   while it waits moves to a lane of its own, where nothing holds it up.
 * - It is over once: who first finds it so under the lock sets `over` and stores it.
 * - Counted. Every function is thread-safe except where it says otherwise.
 * - Locks: the register's, a job's, then a stream's or the store's. A job's is held while its turn
 *   is cancelled.
 */
#ifndef CLO_SERVE_JOB_RESPONSE_JOB_H
#define CLO_SERVE_JOB_RESPONSE_JOB_H

#include <pthread.h>
#include <sys/queue.h>

#include "agent/agent.h"
#include "base/id.h"
#include "base/thread/executor.h"
#include "serve/files/places.h"
#include "serve/files/turn_artifacts.h"
#include "serve/http/exchange.h"
#include "serve/protocol/events.h"
#include "serve/protocol/request.h"
#include "serve/serve.h"
#include "serve/sessions/session.h"

enum clo_job_reason {
    CLO_JOB_NONE,
    CLO_JOB_CLIENT_GONE,
    CLO_JOB_CANCELLED, /* by request */
    CLO_JOB_SHUTDOWN,
};

struct clo_subscriber; /* a stream that replays a background job */

struct clo_response_job {
    struct clo_task task; /* first: the executor hands this back */
    struct clo_server *server;
    /* Fixed once created. */
    char id[CLO_NAME_BYTES_MAX + 1];
    bool named; /* the id is the caller's: another response may have it */
    struct clo_request request;
    json_t *base; /* see response.h */
    struct clo_cancel *cancel;
    size_t charge; /* bytes counted in the server's bodies until the job is freed */
    /* Used by the thread that carries it out. */
    struct clo_exchange *exchange; /* foreground, until it is answered */
    struct clo_events events;      /* background: first by whoever starts it */
    atomic_bool ended;             /* background: the last event is written; any thread may look */
    struct clo_places places;      /* of its files, while it is carried out */
    struct clo_turn_artifacts artifacts;
    bool has_files;                   /* files belong to it, which go where it is not stored */
    struct clo_serve_session session; /* while it is carried out; snapshots NULL: runs are clean */
    /* Guarded by the lock. */
    pthread_mutex_t lock;
    unsigned references;
    enum clo_job_reason reason;
    char snapshot[CLO_ID_MAX]; /* of the state that it goes on from; "": none */
    bool over;             /* final state reached (and stored); events may still be on their way */
    bool stored;           /* and it is in the store */
    const char *outcome;   /* static: the final status, for the log; NULL before */
    const char *isolation; /* static: the wall around the code that ran; NULL: none */
    LIST_HEAD(, clo_subscriber) subscribers;
    LIST_ENTRY(clo_response_job) entry; /* the register's, under its lock */
};

/* Takes the request (the caller's is cleared) and the charge, also on failure. NULL: no memory. */
struct clo_response_job *clo_response_job_create(struct clo_server *server, const char *id,
                                                 struct clo_request *request, size_t charge);
void clo_response_job_retain(struct clo_response_job *job);
void clo_response_job_release(struct clo_response_job *job); /* NULL is allowed */

/* Register, for background store, and queue. A foreground job has its exchange set and suspended.
 * On failure nothing was started; the problem says why (429 when the queue is full). */
int clo_response_job_start(struct clo_response_job *job, struct clo_problem *problem);

/* What a client is told of a response that was to be kept and was not. */
#define CLO_RESPONSE_NOT_STORED                                                                    \
    "The response could not be stored: it cannot be read again or continued. The server's log "    \
    "says why."

/* End it for that reason, if it is not over; the first reason counts. */
void clo_response_job_cancel(struct clo_response_job *job, enum clo_job_reason reason);

/* The job as its exchange and the watch know it; the caller's reference goes with it. */
struct clo_answerer clo_response_job_answerer(struct clo_response_job *job);

/* A stream of the events of a stored background response with sequence numbers >= from. `job` is
 * NULL when it is not in flight. NULL when out of memory. */
struct clo_event_stream *clo_response_job_replay(struct clo_server *server,
                                                 struct clo_response_job *job, const char *id,
                                                 uint64_t from, struct MHD_Connection *connection);

/* replay.c: tell the readers of a background job. */
void clo_response_job_notify(struct clo_response_job *job);

/* job_files.c: the files that a request brings, where they stand for its runs, and those that these
 * leave. All on the thread that carries the job out; begin first, end last. */
void clo_job_files_begin(struct clo_response_job *job);
/* What came with the request becomes files, and the model's input is put together: the caller's. */
int clo_job_files_load(struct clo_response_job *job, json_t **input, struct clo_problem *problem);
struct clo_turn_files clo_job_files_turn(struct clo_response_job *job); /* as the turn begins */
void clo_job_files_turn_end(struct clo_response_job *job);
/* Files of a response that is not stored go: nobody could ask for them. */
void clo_job_files_end(struct clo_response_job *job);

/* job_session.c: the state that its runs go on from, and the one that they leave. A response of which no
 * run took place has that of the one before; so has one that was cancelled, as its output is not kept
 * either. On the thread that carries the job out, but for `find` and `snapshot`. */
void clo_job_session_find(
    struct clo_response_job *job); /* what it goes on from; may wait for the store */
void clo_job_session_begin(struct clo_response_job *job);
struct clo_turn_session clo_job_session_turn(struct clo_response_job *job);
void clo_job_session_keep(struct clo_response_job *job); /* before the response is stored */
/* What the response refers to, with that final status. With the job's lock held. */
const char *clo_job_session_snapshot(const struct clo_response_job *job, const char *status);
void clo_job_session_end(struct clo_response_job *job);

/* job_invocation.c: for a client of the invocations protocol. The first is for struct clo_item_sink,
 * with the stream as its context. */
void clo_job_invocation_item(void *context, const struct clo_item_event *event);
void clo_job_invocation_end(struct clo_response_job *job, struct clo_event_stream *stream,
                            const json_t *response);
void clo_job_invocation_answer(struct clo_exchange *exchange, const json_t *response);

/* in_flight.c: the register of what is in flight. */
int clo_in_flight_create(struct clo_in_flight **in_flight, struct clo_error *error);
void clo_in_flight_destroy(struct clo_in_flight *in_flight);
/* CLO_EBUSY: that id is in flight. Holds a reference. */
int clo_in_flight_add(struct clo_in_flight *in_flight, struct clo_response_job *job);
void clo_in_flight_remove(struct clo_in_flight *in_flight, struct clo_response_job *job);
/* With a reference; NULL: there is none. */
struct clo_response_job *clo_in_flight_find(struct clo_in_flight *in_flight, const char *id);
void clo_in_flight_cancel_all(struct clo_in_flight *in_flight, enum clo_job_reason reason);

#endif

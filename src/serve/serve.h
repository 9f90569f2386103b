/* serve/serve.h - an agent behind HTTP, by the Responses protocol. Read this first.
 *
 *   client        HTTP threads (2)          the executor's threads              watch (1)
 *     │                  │                  (one a turn, made on demand)            │
 *     │  POST            │                             │                            │
 *     ├─────────────────▶│ router → handle_create      │                            │
 *     │                  │ the request is checked      │                            │
 *     │                  │ the connection suspended    │                            │
 *     │                  ├─────────── job ────────────▶│ history → clo_agent_turn   │
 *     │                  │                             │   items as they happen     │
 *     │        SSE       │     event stream (bounded)  │   → output_filter → events │
 *     │◀─────────────────┤◀────────────────────────────┤                            │
 *     │                  │                             │ the response → the store   │
 *     │        JSON      │     resumed with its text   │                            │
 *     │◀─────────────────┤◀────────────────────────────┤                            │
 *     │                  │                             │                            │
 *     │  goes away: RDHUP│                             │        cancels the job     │
 *     ├──────────────────┼─────────────────────────────┼───────────────────────────▶│
 *     │                  │     a comment, where a stream has been quiet             │
 *     │◀─────────────────┤◀─────────────────────────────────────────────────────────┤
 *
 * Rooms
 *   http/      connections: the exchange, its event stream, the watch over clients that go away
 *   protocol/  what requests, responses and events are: JSON to JSON; no thread, no socket
 *   store/     responses in SQLite, and the history that is made of them
 *   sessions/  the state that lasts from run to run: one session in hand, and snapshots on the disk
 *   files/     files that clients send and runs leave: uploads, content, what stands below /input
 *   hosted/    the container that a platform hosts: its session, hooks around snapshots of it
 *   job/       a response in the making, the register of those, readers of background ones
 * Arrows: hosted → http, store; job → files, sessions → http, store → protocol. http knows a job as an answerer (disconnect.h) alone.
 *
 * Words
 *   exchange   one HTTP request and its answer         job       one response in the making
 *   turn       the agent's work for a job              in flight accepted, and not yet over
 *   items      what a response consists of             stream    events on their way to one client
 *
 * What is always true
 * - An exchange belongs to its connection. While the connection is suspended and unanswered,
 *   exactly one job holds the exchange, and only that job answers and resumes it. Once answered,
 *   nobody but the HTTP thread and the watch (under its lock) touches it.
 * - A job is counted: by the executor's task, the register, the exchange, the watch and each stream
 *   that replays it. Its request and its base response never change.
 * - A foreground response enters the store once, finished, before its client hears of the end; a
 *   background response enters it before its POST is answered.
 * - Everything has a ceiling, named below or in struct clo_serve_config.
 *
 * Locks, in the order in which they are taken: the watch's, the register's, a job's, a stream's,
 * the store's. Under a job's its turn is cancelled (base/thread/cancel.h; sandbox/sandbox.h says what
 * follows); the executor's comes last. None is held during a turn.
 */
#ifndef CLO_SERVE_SERVE_H
#define CLO_SERVE_SERVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/serve.h"
#include "serve/protocol/output_filter.h"

#define CLO_SERVE_BODY_MAX (32u << 20)    /* bytes of one request body; beyond it 413 */
#define CLO_SERVE_BODIES_MAX (256u << 20) /* bytes of all bodies held at once; beyond it 503 */
#define CLO_SERVE_DRAIN_MAX (128u << 20)  /* bytes of a refused body that are read away */
/* Bytes; also the ceiling of an event in one chunk. */
#define CLO_SERVE_CONNECTION_MEMORY (128u << 10)
#define CLO_SERVE_HTTP_THREADS 2
#define CLO_SERVE_STALL_MS 60000u /* a client that reads nothing for so long is cut */
#define CLO_SERVE_PROBE_S 30 /* of silence, then the kernel asks whether a client is still there */
#define CLO_SERVE_FLUSH_MS 2000u    /* at the end: for last events to reach clients */
#define CLO_SERVE_UPLOADS_MAX 64    /* at once; beyond it 503 */
#define CLO_SERVE_UPLOADS_WRITING 4 /* of them, whose bytes go to the disk at a time */
#define CLO_SERVE_SWEEP_MS 60000u   /* between two looks for files that have expired */

struct clo_lifecycle;
struct clo_store;
struct clo_file_store;
struct clo_snapshots;
struct clo_executor;
struct clo_lane;
struct clo_disconnect_watch;
struct clo_in_flight;
struct clo_run_jobs;
struct clo_http;
struct clo_exchange;
struct clo_problem;

struct clo_server {
    struct clo_agent *agent;
    struct clo_serve_config config;              /* with the defaults filled in */
    char label[CLO_OUTPUT_FILTER_LABEL_MAX + 1]; /* server_label, of the agent's name */
    int64_t started;                             /* seconds since 1970 */
    /* What the HTTP side asks, set by clo_serve (router.c): why a request is refused before its
     * body is read (true: the problem is filled); and to find a whole request's handler and call
     * it. */
    bool (*refuses)(const struct clo_exchange *exchange, struct clo_problem *problem);
    void (*begin)(struct clo_exchange *exchange); /* before the body: set a sink, or refuse */
    void (*dispatch)(struct clo_exchange *exchange);
    struct clo_http *http;
    struct clo_lifecycle *lifecycle; /* of a container that is hosted; NULL: this is none */
    struct clo_store *store;
    struct clo_file_store *files;
    struct clo_snapshots *snapshots;
    struct clo_executor *executor; /* its threads: one a turn, and one for what was cancelled */
    struct clo_lane *turns;        /* first come, first served */
    struct clo_lane *cancelled;    /* jobs cancelled while they waited, which only have to end */
    struct clo_lane *disk;         /* uploads being written */
    struct clo_disconnect_watch *watch;
    struct clo_in_flight *in_flight;
    struct clo_run_jobs *runs;
    atomic_uint uploads;    /* under way */
    atomic_bool no_uploads; /* their next piece is refused */
    int wake;               /* an eventfd, which clo_server_stale counts up; -1: none */
    atomic_size_t bodies;   /* bytes of request bodies held */
    atomic_bool stopping;   /* no new turns; /readiness answers 503 */
};

/* Files or responses were deleted: content is removed by a thread that may wait. Thread-safe. */
void clo_server_stale(struct clo_server *server);

#endif

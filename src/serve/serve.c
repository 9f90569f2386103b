/* serve.c - clo_serve: set up, wait for a signal, end well.
 *
 * The end, in order: no new turns (POST answers 503, /readiness too); turns in progress get the
 * grace time; then they are cancelled and their clients told; last events get a moment to reach
 * their clients; then connections are closed. A second signal ends the process at once.
 */
#include "serve/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/thread/executor.h"
#include "base/thread/poll.h"
#include "serve/files/file_store.h"
#include "serve/handlers.h"
#include "serve/hosted/lifecycle.h"
#include "serve/http/disconnect.h"
#include "serve/http/http.h"
#include "serve/job/response_job.h"
#include "serve/job/run_job.h"
#include "serve/log.h"
#include "serve/sessions/snapshots.h"
#include "serve/store/store.h"

/* The handlers' only way to the server; one server a process handles signals at a time. */
static atomic_int signal_event = -1;

static void on_signal(int number)
{
    int saved = errno;
    uint64_t one = 1;
    (void)number;
    if (write(atomic_load(&signal_event), &one, sizeof one) < 0) {
        /* only a full counter refuses, and then the end is on its way */
    }
    errno = saved;
}

struct handlers {
    struct sigaction term, interrupt, pipe, too_large;
    int event;
};

static int install_handlers(struct handlers *saved, struct clo_error *error)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int none = -1;
    saved->event = eventfd(0, EFD_CLOEXEC);
    if (saved->event < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "signals cannot be handled");
    if (!atomic_compare_exchange_strong(&signal_event, &none, saved->event)) {
        close(saved->event);
        return clo_fail(error, CLO_EINVALID, "clo_serve is running already in this process");
    }
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGTERM, &action, &saved->term);
    sigaction(SIGINT, &action, &saved->interrupt);
    sigaction(SIGPIPE, &ignore, &saved->pipe);
    sigaction(SIGXFSZ, &ignore, &saved->too_large); /* a write that fails is enough */
    return 0;
}

static void give_back_signals(const struct handlers *saved)
{
    sigaction(SIGTERM, &saved->term, NULL);
    sigaction(SIGINT, &saved->interrupt, NULL);
}

static void remove_handlers(const struct handlers *saved)
{
    give_back_signals(saved);
    sigaction(SIGPIPE, &saved->pipe, NULL);
    sigaction(SIGXFSZ, &saved->too_large, NULL);
    atomic_store(&signal_event, -1);
    close(saved->event);
}

static int default_port(uint16_t *port, struct clo_error *error)
{
    const char *text = getenv("PORT");
    char *end;
    *port = 8088;
    if (!text || !*text)
        return 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value > UINT16_MAX) {
        clo_fail(error, CLO_EINVALID, "the environment's PORT is '%.32s', which is not a port",
                 text);
        return clo_hint(error, CLO_EINVALID, "set it to a number from 1 to 65535, or unset it");
    }
    *port = (uint16_t)value; /* 0: any free one */
    return 0;
}

static int check(const char *what, unsigned *value, unsigned otherwise, unsigned low, unsigned high,
                 struct clo_error *error)
{
    if (*value == 0)
        *value = otherwise;
    if (*value >= low && *value <= high)
        return 0;
    return clo_fail(error, CLO_EINVALID, "%s is %u; it must be from %u to %u", what, *value, low,
                    high);
}

static int fill_files(struct clo_serve_config *config, struct clo_error *error)
{
    uint64_t one = 512ull << 20, all = config->store ? 10ull << 30 : 1ull << 30;
    if (!config->file_bytes) /* what is given goes before the default of the other */
        config->file_bytes =
            config->files_bytes && config->files_bytes < one ? config->files_bytes : one;
    if (!config->files_bytes)
        config->files_bytes = config->file_bytes > all ? config->file_bytes : all;
    if (config->file_bytes <= config->files_bytes && config->files_bytes <= INT64_MAX)
        return 0;
    return clo_fail(
        error, CLO_EINVALID, "a file may have %llu bytes, but all files together only %llu",
        (unsigned long long)config->file_bytes, (unsigned long long)config->files_bytes);
}

static uint64_t least_of(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

static int fill_snapshots(struct clo_serve_config *config, struct clo_error *error)
{
    struct clo_serve_snapshots *snapshots = &config->snapshots;
    uint64_t all = config->store ? 10ull << 30 : 1ull << 30, most = snapshots->max_bytes;
    snapshots->count = snapshots->count ? snapshots->count : 10000;
    snapshots->keep_s = snapshots->keep_s ? snapshots->keep_s : (uint64_t)30 * 24 * 3600;
    if (!snapshots->conversation_count)
        snapshots->conversation_count = least_of(100, snapshots->count);
    if (!snapshots->total_bytes)
        snapshots->total_bytes = most > all ? most : all;
    if (!snapshots->conversation_bytes)
        snapshots->conversation_bytes =
            least_of(most > 1ull << 30 ? most : 1ull << 30, snapshots->total_bytes);
    if (!snapshots->max_bytes)
        snapshots->max_bytes =
            least_of(256ull << 20, least_of(snapshots->total_bytes, snapshots->conversation_bytes));
    most = least_of(snapshots->total_bytes, snapshots->conversation_bytes);
    if (snapshots->max_bytes <= most && snapshots->total_bytes <= INT64_MAX)
        return 0;
    return clo_fail(error, CLO_EINVALID,
                    "a snapshot may have %llu bytes, but all together, or those of a conversation, "
                    "only %llu",
                    (unsigned long long)snapshots->max_bytes, (unsigned long long)most);
}

static int fill_config(struct clo_server *server, const struct clo_serve_config *given,
                       struct clo_error *error)
{
    struct clo_serve_config *config = &server->config;
    if (given)
        *config = *given;
    if (!config->address || !*config->address)
        config->address = "127.0.0.1";
    if (config->port == 0 && !config->any_port && default_port(&config->port, error) < 0)
        return CLO_EINVALID;
    if (check("the number of turns", &config->turns, 64, 1, CLO_SERVE_TURNS_MAX, error) < 0 ||
        check("the number of waiting turns", &config->queue, 1024, 1, CLO_SERVE_QUEUE_MAX, error) <
            0 ||
        check("the number of connections", &config->connections, 1024, CLO_SERVE_CONNECTIONS_MIN,
              CLO_SERVE_CONNECTIONS_MAX, error) < 0 ||
        check("grace_ms", &config->grace_ms, 10000, 1, CLO_SERVE_TIME_MS_MAX, error) < 0 ||
        check("keepalive_ms", &config->keepalive_ms, 15000, CLO_SERVE_KEEPALIVE_MS_MIN,
              CLO_SERVE_TIME_MS_MAX, error) < 0)
        return CLO_EINVALID;
    if (fill_files(config, error) < 0 || fill_snapshots(config, error) < 0)
        return CLO_EINVALID;
    if (config->session && *config->session && !clo_name_ok(config->session))
        return clo_fail(
            error, CLO_EINVALID,
            "the session is '%.64s'; it may hold up to %d letters, digits, '_', '-', '.' "
            "and ':'",
            config->session, CLO_NAME_BYTES_MAX);
    if ((unsigned)config->items > CLO_SERVE_ITEMS_ANSWER)
        return clo_fail(error, CLO_EINVALID, "items is %u, which is no enum clo_serve_items",
                        (unsigned)config->items);
    return 0;
}

/* Each connection and each turn takes a descriptor or two; the usual soft limit is 1,024. */
static void raise_descriptors(const struct clo_serve_config *config)
{
    struct rlimit limit;
    rlim_t wanted = config->connections + (rlim_t)4 * config->turns + config->queue +
                    CLO_SERVE_UPLOADS_MAX + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
        clo_log_event(
            "warning", "serve",
            "only %llu file descriptors are allowed, %llu may be needed; raise the limit or allow fewer connections",
            (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static void thread_failed(int code)
{
    clo_log_event("error", "executor", "a thread for a turn cannot be started: %s", strerror(code));
}

static int start_executor(struct clo_server *server, struct clo_error *error)
{
    unsigned turns = server->config.turns;
    int status = clo_executor_create(&server->executor, turns + 1 + CLO_SERVE_UPLOADS_WRITING,
                                     thread_failed, error);
    if (status == 0)
        status =
            clo_lane_create(&server->turns, server->executor, turns, server->config.queue, error);
    if (status == 0)
        status = clo_lane_create(&server->cancelled, server->executor, 1, 0, error);
    if (status == 0)
        status = clo_lane_create(&server->disk, server->executor, CLO_SERVE_UPLOADS_WRITING,
                                 CLO_SERVE_UPLOADS_MAX, error);
    return status;
}

static int start(struct clo_server *server, uint16_t *port, struct clo_error *error)
{
    const struct clo_serve_config *config = &server->config;
    server->refuses = clo_router_refuses;
    server->begin = clo_router_begin;
    server->dispatch = clo_router_dispatch;
    const struct clo_file_store_config files = {.store = config->store,
                                                .max_bytes = config->file_bytes,
                                                .total_bytes = config->files_bytes,
                                                .keep_s = config->files_keep_s};
    const struct clo_snapshots_config snapshots = {
        .store = config->store,
        .max_bytes = config->snapshots.max_bytes,
        .count = config->snapshots.count,
        .total_bytes = config->snapshots.total_bytes,
        .keep_s = config->snapshots.keep_s,
        .session_count = config->snapshots.conversation_count,
        .session_bytes = config->snapshots.conversation_bytes};
    int status = clo_store_open(&server->store, config->store, error);
    if (status == 0 && config->hosted &&
        !(server->lifecycle = clo_lifecycle_create(config->session)))
        status = clo_fail_memory(error);
    if (status == 0)
        status = clo_file_store_open(&server->files, server->store, &files, error);
    if (status == 0)
        status = clo_snapshots_open(&server->snapshots, server->store, &snapshots, error);
    if (status == 0)
        status = clo_in_flight_create(&server->in_flight, error);
    if (status == 0)
        status = clo_run_jobs_create(&server->runs, error);
    if (status == 0)
        status = start_executor(server, error);
    if (status == 0)
        status = clo_disconnect_watch_create(&server->watch, config->connections,
                                             config->keepalive_ms, error);
    if (status == 0)
        status = clo_http_start(server, port, error);
    return status;
}

/* Those under way come to their end, as turns do. */
static void wait_for_uploads(struct clo_server *server, uint64_t end)
{
    struct timespec pause = {.tv_nsec = 10000000};
    while (atomic_load(&server->uploads) > 0 && clo_monotonic_ns() < end)
        nanosleep(&pause, NULL);
}

static void cancel_all(struct clo_server *server)
{
    clo_in_flight_cancel_all(server->in_flight, CLO_JOB_SHUTDOWN);
    clo_run_jobs_cancel_all(server->runs, CLO_JOB_SHUTDOWN);
}

static void finish_turns(struct clo_server *server)
{
    uint64_t end = clo_after_ms(server->config.grace_ms);
    atomic_store(&server->stopping, true);
    wait_for_uploads(server, end);
    if (clo_executor_wait_idle(server->executor, end))
        return;
    clo_log_event("warning", "serve", "the grace time of %u ms is over; turns are cancelled",
                  server->config.grace_ms);
    cancel_all(server);
    if (!clo_executor_wait_idle(server->executor, clo_after_ms(CLO_SERVE_FLUSH_MS))) {
        clo_disconnect_watch_cut(
            server->watch); /* a turn may be waiting for a client that does not read */
        clo_executor_wait_idle(server->executor, clo_after_ms(CLO_SERVE_FLUSH_MS));
    }
}

static void stop_executor(struct clo_server *server)
{
    struct clo_task_list none;
    clo_lane_leave(server->turns, &none);
    clo_lane_leave(server->cancelled, &none);
    clo_lane_leave(server->disk, &none);
    clo_executor_destroy(server->executor);
}

/* No thread of the HTTP library is left afterwards. One may have let a request in just before
 * `stopping` was set: its turn ends here, and the executor must be there for it until then. */
static void stop_http(struct clo_server *server)
{
    clo_http_quiesce(server->http);
    clo_http_drain(server->http, CLO_SERVE_FLUSH_MS);
    cancel_all(server);
    clo_disconnect_watch_cut(server->watch);
    atomic_store(&server->no_uploads, true);
    clo_executor_wait_idle(server->executor, UINT64_MAX);
    clo_http_stop(server->http);
}

static void sweep(struct clo_server *server)
{
    if (server->files)
        clo_file_store_sweep(server->files);
    if (server->snapshots)
        clo_snapshots_sweep(server->snapshots);
}

static void stop(struct clo_server *server)
{
    if (server->executor)
        clo_executor_wait_idle(server->executor, UINT64_MAX);
    if (server->http)
        stop_http(server);
    stop_executor(server);
    clo_disconnect_watch_destroy(server->watch);
    clo_run_jobs_destroy(server->runs);
    clo_in_flight_destroy(server->in_flight);
    sweep(server);
    clo_snapshots_close(server->snapshots);
    clo_file_store_close(server->files);
    clo_store_close(server->store);
    clo_lifecycle_destroy(server->lifecycle);
    close(server->wake);
}

void clo_server_stale(struct clo_server *server)
{
    uint64_t one = 1;
    if (server->wake >= 0 && write(server->wake, &one, sizeof one) < 0) {
        /* only a full counter refuses, and then it is awake */
    }
}

/* Meanwhile files and snapshots go that were deleted or have expired: this is the thread that may wait for it. */
static void wait_for_signal(struct clo_server *server, int event)
{
    struct pollfd ready[] = {{.fd = event, .events = POLLIN},
                             {.fd = server->wake, .events = POLLIN}};
    for (;;) {
        uint64_t count;
        clo_poll_until(ready, 2, clo_after_ms(CLO_SERVE_SWEEP_MS));
        if (ready[0].revents)
            return;
        if (ready[1].revents && read(server->wake, &count, sizeof count) < 0) {
            /* it is non-blocking: nothing was there */
        }
        sweep(server);
    }
}

int clo_serve(struct clo_agent *agent, const struct clo_serve_config *given,
              struct clo_error *error)
{
    struct clo_server server = {.agent = agent, .wake = -1};
    struct handlers handlers;
    uint16_t port = 0;
    if (!agent)
        return clo_fail(error, CLO_EINVALID, "there is no agent to serve");
    int status = fill_config(&server, given, error);
    if (status == 0)
        status = install_handlers(&handlers, error);
    if (status < 0)
        return status;
    raise_descriptors(&server.config);
    clo_output_filter_label(server.label, clo_agent_name(agent));
    server.started = time(NULL);
    server.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* -1: the next look comes later */
    status = start(&server, &port, error);
    if (status == 0) {
        if (server.config.on_ready)
            server.config.on_ready(server.config.context, server.config.address, port);
        wait_for_signal(&server, handlers.event);
        give_back_signals(&handlers);
        clo_log_event("info", "serve", "stopping: turns in progress have %u ms to finish",
                      server.config.grace_ms);
        finish_turns(&server);
    }
    stop(&server);
    remove_handlers(&handlers);
    return status;
}

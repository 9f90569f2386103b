/* backend.c - a run from the caller's struct to its result, on this thread or by a worker. */
#include "sandbox/backend.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread/cancel.h"
#include "sandbox/artifacts/artifacts.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/capture.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/runner.h"
#include "sandbox/snapshot/session.h"
#include "sandbox/snapshot/worker_port.h"
#include "sandbox/worker_client.h"

enum { NS_PER_US = 1000 };

#define EXIT_WORKER 139
#define EXIT_NOT_KEPT 74

struct clo_backend {
    const struct clo_config *config;
    struct clo_worker_client *client; /* CLO_PLACEMENT_WORKER, else NULL */
    struct clo_runner *runner;        /* CLO_PLACEMENT_THREAD, with what answers its calls */
    struct clo_host_calls *calls;
    struct clo_artifact_tree *output; /* /output of the run; of a session it stays */
};

static int create_here(struct clo_backend *backend, struct clo_error *error)
{
    const struct clo_config *config = backend->config;
    size_t length;
    const char *manifest = clo_tool_set_manifest(config->tools, &length);
    int status = clo_host_calls_create(&backend->calls, config->tools, config->threads, error);
    if (!status)
        status = clo_runner_create(&backend->runner, config->image, config->isolation,
                                   config->limits.memory, manifest, length, error);
    return status;
}

int clo_backend_create(struct clo_backend **result, const struct clo_config *config,
                       struct clo_zygote *zygote, struct clo_error *error)
{
    *result = NULL;
    struct clo_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return clo_fail_memory(error);
    backend->config = config;
    int status = clo_artifact_tree_create(&backend->output, error);
    if (!status)
        status = config->placement == CLO_PLACEMENT_WORKER
                     ? clo_worker_client_create(&backend->client, config, zygote, error)
                     : create_here(backend, error);
    if (status) {
        clo_backend_destroy(backend);
        return status;
    }
    *result = backend;
    return 0;
}

void clo_backend_destroy(struct clo_backend *backend)
{
    if (!backend)
        return;
    clo_worker_client_destroy(backend->client);
    clo_runner_destroy(backend->runner);
    clo_host_calls_free(backend->calls);
    clo_artifact_tree_free(backend->output);
    free(backend);
}

/* ---- a run on this thread ---- */

struct run_here {
    struct clo_host_calls *calls;
    struct clo_reservation *memory;
    uint64_t limit; /* of its memory */
    struct clo_capture capture;
    struct clo_cancel *cancel;
};

static int answer(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error)
{
    struct run_here *here = context;
    int status = clo_host_calls_call(here->calls, call, reply, error);
    if (reply->descriptor >= 0) /* -1 where there are no more: then reads ask for their bytes */
        reply->descriptor = fcntl(reply->descriptor, F_DUPFD_CLOEXEC, 0);
    return status;
}

static void output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct run_here *here = context;
    clo_capture_take(&here->capture, stream, data, length);
}

static int reserve(void *context, uint64_t bytes, bool may_wait, struct clo_grant *grant,
                   struct clo_error *error)
{
    struct run_here *here = context;
    struct clo_wish wish = {
        .bytes = bytes, .limit = here->limit, .may_wait = may_wait, .cancel = here->cancel};
    return clo_reservation_ask(here->memory, &wish, grant, error);
}

static bool cancelled(void *context)
{
    struct run_here *here = context;
    return clo_cancel_is_set(here->cancel);
}

static void kick(void *context)
{
    clo_runner_kick(context);
}

static int go_on_here(struct run_here *here, const struct clo_run *run,
                      const struct clo_suspended *suspended, struct clo_error *error)
{
    int status = clo_capture_go_on(&here->capture, suspended->out, suspended->out_length,
                                   suspended->err, suspended->err_length, error);
    return status ? status : clo_suspended_go_on(suspended, here->calls, run, error);
}

static int run_here(struct clo_backend *backend, const struct clo_run *run,
                    const struct clo_mounts *mounts, const struct clo_order *order,
                    struct clo_suspended *suspended, struct clo_reservation *memory,
                    struct clo_run_result *result, struct clo_error *error)
{
    struct run_here here = {.calls = backend->calls,
                            .memory = memory,
                            .limit = order->limits.memory,
                            .cancel = run->cancel};
    struct clo_run_host host = {.answer = answer,
                                .output = output,
                                .cancelled = cancelled,
                                .reserve = reserve,
                                .context = &here,
                                .own_thread = backend->config->pooled};
    struct clo_cancel_watch watch = {.wake = kick, .context = backend->runner};
    clo_capture_begin(&here.capture, run, order->limits.output);
    clo_host_calls_begin(here.calls, &order->limits, run->cancel, -1);
    clo_host_calls_input(here.calls, run);
    clo_host_calls_files(here.calls, mounts, backend->output);
    clo_cancel_add(run->cancel, &watch);
    int status = order->resume ? go_on_here(&here, run, suspended, error) : 0;
    if (!status)
        status = clo_runner_run(backend->runner, order, &host, result, error);
    clo_cancel_remove(run->cancel, &watch);
    if (!status && result->error.kind == CLO_RUN_SUSPENDED)
        clo_suspended_collect(suspended, here.calls, order, mounts, NULL);
    result->usage.host_calls = clo_host_calls_count(here.calls);
    clo_host_calls_end(here.calls);
    if (!status)
        status = clo_capture_finish(&here.capture, result, error);
    clo_capture_clear(&here.capture);
    return status;
}

/* ---- either ---- */

void clo_run_result_free(struct clo_run_result *result)
{
    if (!result)
        return;
    clo_artifacts_free(result);
    clo_suspended_calls_forget(result);
    clo_result_free(result);
}

/* All other times of /output are told by the run. */
static void set_clock(struct clo_backend *backend, uint64_t ns)
{
    struct clo_artifact_node *root = clo_artifact_tree_root(backend->output);
    root->accessed_ns = root->modified_ns = root->changed_ns = ns;
}

/* A run and what it consists of on this side. */
struct turn {
    struct clo_backend *backend;
    const struct clo_run *run;
    const struct clo_mounts *mounts;
    struct clo_order order;
    struct clo_reservation *memory;
    struct clo_suspended suspended; /* what goes on, and what is suspended then */
    struct clo_run_result *result;
};

/* The run itself, once its state is there, if it has one. */
static int carry_out(struct turn *turn, struct clo_error *error)
{
    struct clo_backend *backend = turn->backend;
    struct clo_order *order = &turn->order;
    bool keep = turn->run->keep_state || order->goes_on;
    int status = clo_artifact_tree_begin(backend->output, &order->limits, keep, error);
    if (status)
        return status;
    if (order->fixed.has_clock && !keep)
        set_clock(backend, order->fixed.clock_ns);
    order->reserved = turn->memory->bytes;
    return backend->client
               ? clo_worker_client_run(backend->client, turn->run, turn->mounts, backend->output,
                                       order, &turn->suspended, turn->memory, turn->result, error)
               : run_here(backend, turn->run, turn->mounts, order, &turn->suspended, turn->memory,
                          turn->result, error);
}

/* ---- state ---- */

/* What hands the state out and takes it in; clo_worker_port_close(*of_worker) when it is done. */
static int open_port(struct clo_backend *backend, struct clo_state_port *port,
                     struct clo_worker_port **of_worker, struct clo_error *error)
{
    *of_worker = NULL;
    if (!backend->client) {
        *port = clo_runner_port(backend->runner);
        return 0;
    }
    int status = clo_worker_port_open(of_worker, backend->client, error);
    if (!status)
        *port = clo_worker_port(*of_worker);
    return status;
}

static int bring(struct clo_backend *backend, int fd, const struct clo_snapshot_options *options,
                 const struct clo_snapshot_terms *terms, struct clo_error *error)
{
    struct clo_state_port port;
    struct clo_worker_port *of_worker;
    int status = open_port(backend, &port, &of_worker, error);
    if (!status)
        status = clo_snapshot_read(&port, backend->config->image, backend->output, terms, fd,
                                   options, error);
    clo_worker_port_close(of_worker);
    return status;
}

static int put_run(void *context, const struct clo_run_used *claimed, clo_keep_put put, void *to,
                   struct clo_error *error)
{
    struct turn *turn = context;
    struct clo_suspended *suspended = &turn->suspended;
    const struct clo_usage *told = &turn->result->usage;
    if (!suspended->accounted)
        suspended->used = *claimed;
    if (suspended->used.wall_ns < told->wall_us * NS_PER_US) /* it was told after the claim */
        suspended->used.wall_ns = told->wall_us * NS_PER_US;
    if (suspended->used.cpu_ns < told->cpu_us * NS_PER_US) /* with what its files took */
        suspended->used.cpu_ns = told->cpu_us * NS_PER_US;
    suspended->used.refused = claimed->refused; /* they explain its end, and decide nothing */
    suspended->used.memory_refused = claimed->memory_refused;
    suspended->out = turn->result->out;
    suspended->out_length = turn->result->out_length;
    suspended->err = turn->result->err;
    suspended->err_length = turn->result->err_length;
    int status = clo_suspended_put(suspended, put, to, error);
    suspended->out = suspended->err = NULL; /* they are the result's */
    return status;
}

/* A suspended run's file tells what the order lacks; it is refused before anything is given up. */
static int get_run(void *context, struct clo_run_used *used, clo_keep_get get, void *from,
                   struct clo_error *error)
{
    struct turn *turn = context;
    struct clo_order *order = &turn->order;
    struct clo_suspended *suspended = &turn->suspended;
    uint64_t memory = turn->backend->config->limits.memory;
    clo_suspended_clear(suspended);
    int status = clo_suspended_get(suspended, get, from, error);
    if (!status)
        status = clo_suspended_check(suspended, turn->run, error);
    if (status)
        return status;
    *used = suspended->used;
    order->limits = suspended->limits;
    if (order->limits.memory > memory)
        order->limits.memory = memory;
    order->has_input = suspended->has_input && (turn->run->input || turn->run->on_input);
    order->no_tools = suspended->no_tools;
    order->fixed.has_clock = suspended->has_clock;
    order->elsewhere = clo_suspended_elsewhere(suspended, turn->mounts);
    return 0;
}

/* With the state that it goes on from. */
static int carry_on(struct turn *turn, struct clo_error *error)
{
    const struct clo_run *run = turn->run;
    const struct clo_run_resume *resume = run->resume;
    const struct clo_run_state *state = run->state;
    int from = resume ? resume->from : state ? state->from : -1;
    const struct clo_snapshot_options *options = resume  ? resume->options
                                                 : state ? state->from_options
                                                         : NULL;
    struct clo_snapshot_run in_run = {.get = get_run, .context = turn};
    struct clo_snapshot_terms terms = {.limits = &turn->order.limits,
                                       .reservation = turn->memory,
                                       .cancel = run->cancel,
                                       .run = resume ? &in_run : NULL};
    int status = bring(turn->backend, from, options, &terms, error);
    return status ? status : carry_out(turn, error);
}

/* A worker that dies before the run has begun is no reason for it to fail: once more with another. */
static int begin(struct turn *turn, struct clo_error *error)
{
    struct clo_backend *backend = turn->backend;
    int status = turn->run->state ? clo_session_check(turn->run->state, error) : 0;
    if (status)
        return status;
    if (!turn->order.goes_on)
        return carry_out(turn, error);
    status = carry_on(turn, error);
    if (status == CLO_ESYSTEM && backend->client && !clo_worker_client_is_there(backend->client))
        status = carry_on(turn, error);
    return status;
}

static void write_id(char text[65], const uint8_t id[CLO_SNAPSHOT_ID_SIZE])
{
    for (int i = 0; i < CLO_SNAPSHOT_ID_SIZE; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", id[i]);
}

/* A run that waits for answers: into its file. */
static int write_suspended(struct turn *turn, struct clo_error *error)
{
    const struct clo_run_suspend *to = turn->run->suspend;
    struct clo_run_result *result = turn->result;
    struct clo_snapshot_run in_run = {.put = put_run, .context = turn};
    struct clo_snapshot_made made;
    struct clo_state_port port;
    struct clo_worker_port *of_worker;
    int status = open_port(turn->backend, &port, &of_worker, error);
    if (!status)
        status = clo_snapshot_write(&port, turn->backend->config->image, turn->backend->output,
                                    to->to, to->options, &in_run, &made, error);
    clo_worker_port_close(of_worker);
    if (status && ftruncate(to->to, 0))
        return clo_hint(error, status, "what was written of the run's file could not be removed");
    if (status)
        return status;
    result->suspended_bytes = made.bytes;
    write_id(result->suspended_id, made.id);
    return 0;
}

/* It could not be written, and is gone with what it waited for: its result says so. */
static int give_up(struct turn *turn, const struct clo_error *why, struct clo_error *error)
{
    struct clo_backend *backend = turn->backend;
    struct clo_run_result *result = turn->result;
    bool lost = backend->client && !clo_worker_client_is_there(backend->client);
    char text[sizeof why->message + sizeof why->hint + 64];
    snprintf(text, sizeof text, "the run could not be kept until its calls are answered: %s%s%s",
             why->message, why->hint[0] ? ": " : "", why->hint);
    clo_suspended_calls_forget(result);
    int status = lost ? clo_result_set_error(result, CLO_RUN_WORKER, "WorkerLost", text)
                      : clo_result_set_error(result, CLO_RUN_NOT_KEPT, "RunNotKept", text);
    if (status)
        return clo_fail_memory(error);
    result->exit_code = lost ? EXIT_WORKER : EXIT_NOT_KEPT;
    status = clo_capture_add_note(turn->run, &turn->order.limits, text, result, error);
    return status || !turn->run->state ? status : clo_session_lose(turn->run->state, result, error);
}

static int suspend(struct turn *turn, struct clo_error *error)
{
    struct clo_error why = turn->suspended.failure;
    int status =
        why.code ? (int)why.code : clo_suspended_tell(&turn->suspended, turn->result, &why);
    if (!status)
        status = write_suspended(turn, &why);
    return status ? give_up(turn, &why, error) : 0;
}

static int keep(struct clo_backend *backend, const struct clo_run_state *state,
                struct clo_run_result *result, struct clo_error *error)
{
    struct clo_state_port port;
    struct clo_worker_port *of_worker;
    int status = open_port(backend, &port, &of_worker, NULL);
    status = clo_session_keep(status ? NULL : &port, backend->config->image, backend->output, state,
                              result, error);
    clo_worker_port_close(of_worker);
    return status;
}

/* ---- the public side ---- */

int clo_backend_run(struct clo_backend *backend, const struct clo_run *run,
                    struct clo_reservation *memory, struct clo_run_result **result,
                    struct clo_error *error)
{
    struct turn turn = {
        .backend = backend, .run = run, .mounts = backend->config->mounts, .memory = memory};
    struct clo_mounts *own = NULL; /* with those of the run */
    *result = NULL;
    int status = clo_order_make(backend->config, run, &turn.order, error);
    if (!status && run->mount_count) {
        status = clo_mounts_add(&own, turn.mounts, run->mounts, run->mount_count, error);
        turn.mounts = own;
    }
    if (status)
        return status;
    turn.result = calloc(1, sizeof *turn.result);
    status = turn.result ? begin(&turn, error) : clo_fail_memory(error);
    bool suspended = !status && turn.result->error.kind == CLO_RUN_SUSPENDED;
    if (!status)
        status = clo_artifacts_collect(backend->output, turn.result, error);
    if (!status && suspended)
        status = suspend(&turn, error);
    else if (!status && run->state)
        status = keep(backend, run->state, turn.result, error);
    clo_mounts_close(own);
    clo_suspended_clear(&turn.suspended);
    if (backend->config->pooled && turn.order.keep_state && backend->client)
        clo_worker_client_clean(backend->client);
    if (backend->config->pooled)
        clo_artifact_tree_clear(backend->output);
    if (status)
        clo_run_result_free(turn.result);
    else
        *result = turn.result;
    return status;
}

int clo_backend_snapshot(struct clo_backend *backend, int fd,
                         const struct clo_snapshot_options *options, uint64_t *bytes,
                         struct clo_error *error)
{
    struct clo_snapshot_made made = {0};
    struct clo_state_port port;
    struct clo_worker_port *of_worker;
    int status = open_port(backend, &port, &of_worker, error);
    if (!status)
        status = clo_snapshot_write(&port, backend->config->image, backend->output, fd, options,
                                    NULL, &made, error);
    if (bytes)
        *bytes = status ? 0 : made.bytes;
    clo_worker_port_close(of_worker);
    return status;
}

int clo_backend_save(struct clo_backend *backend, const struct clo_state_sink *sink,
                     struct clo_error *error)
{
    struct clo_state_port port;
    struct clo_worker_port *of_worker;
    int status = open_port(backend, &port, &of_worker, error);
    if (!status)
        status = port.save(port.context, sink, error);
    clo_worker_port_close(of_worker);
    return status;
}

int clo_backend_restore(struct clo_backend *backend, int fd,
                        const struct clo_snapshot_options *options, struct clo_reservation *memory,
                        struct clo_error *error)
{
    struct clo_snapshot_terms terms = {.limits = &backend->config->limits, .reservation = memory};
    return bring(backend, fd, options, &terms, error);
}

unsigned clo_backend_layers(const struct clo_backend *backend)
{
    return backend->client ? clo_worker_client_layers(backend->client) : 0;
}

void clo_backend_warm(struct clo_backend *backend)
{
    if (backend->runner) /* a worker does it by itself when it is born */
        clo_runner_warm(backend->runner);
}

void clo_backend_settle(struct clo_backend *backend)
{
    if (backend->client)
        clo_worker_client_settle(backend->client);
    else
        clo_runner_settle(backend->runner);
}

bool clo_backend_is_clean(struct clo_backend *backend)
{
    return clo_worker_client_is_clean(backend->client);
}

bool clo_backend_is_there(const struct clo_backend *backend)
{
    return clo_worker_client_is_there(backend->client);
}

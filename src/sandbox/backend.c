/* backend.c - a run from the caller's struct to its result, on this thread or by a worker. */
#include "sandbox/backend.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/utf8.h"
#include "sandbox/artifacts/artifacts.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/capture.h"
#include "sandbox/run/fixed.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/runner.h"
#include "sandbox/snapshot/session.h"
#include "sandbox/snapshot/worker_port.h"
#include "sandbox/worker_client.h"

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

static int run_here(struct clo_backend *backend, const struct clo_run *run,
                    const struct clo_mounts *mounts, const struct clo_order *order,
                    struct clo_reservation *memory, struct clo_run_result *result,
                    struct clo_error *error)
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
    int status = clo_runner_run(backend->runner, order, &host, result, error);
    clo_cancel_remove(run->cancel, &watch);
    result->usage.host_calls = clo_host_calls_count(here.calls);
    clo_host_calls_end(here.calls);
    if (!status)
        status = clo_capture_finish(&here.capture, result, error);
    clo_capture_clear(&here.capture);
    return status;
}

/* ---- either ---- */

static int check_arguments(const struct clo_run *run, struct clo_error *error)
{
    size_t bytes = 0;
    if (!run->arguments && run->argument_count)
        return clo_fail(error, CLO_EINVALID, "arguments is NULL, but there are %zu",
                        run->argument_count);
    if (run->argument_count > CLO_ARGUMENTS_MAX)
        return clo_fail(error, CLO_EINVALID, "%zu arguments; at most %d are allowed",
                        run->argument_count, CLO_ARGUMENTS_MAX);
    for (size_t i = 0; i < run->argument_count; i++) {
        if (!run->arguments[i])
            return clo_fail(error, CLO_EINVALID, "argument %zu is NULL", i);
        bytes += strlen(run->arguments[i]) + 1;
    }
    if (bytes > CLO_ARGUMENT_BYTES_MAX)
        return clo_fail(
            error, CLO_EINVALID,
            "the arguments have %zu bytes; at most %u are allowed: give the data as standard input",
            bytes, CLO_ARGUMENT_BYTES_MAX);
    return 0;
}

/* Check a run and make the order for it. */
static int make_order(const struct clo_backend *backend, const struct clo_run *run,
                      struct clo_order *order, struct clo_error *error)
{
    if (!run->code && run->code_length)
        return clo_fail(error, CLO_EINVALID, "code is NULL, but its length is %zu",
                        run->code_length);
    if (!clo_utf8_strict(run->code, run->code_length))
        return clo_fail(error, CLO_EINVALID, "the code is not UTF-8");
    if (run->name && !clo_utf8_strict(run->name, strlen(run->name)))
        return clo_fail(error, CLO_EINVALID, "the run's name is not UTF-8");
    if (!run->input && run->input_length)
        return clo_fail(error, CLO_EINVALID, "input is NULL, but its length is %zu",
                        run->input_length);
    int status = check_arguments(run, error);
    if (status)
        return status;
    if (clo_cancel_is_set(run->cancel))
        return clo_fail(error, CLO_ECANCELLED, "the run was cancelled before it began");
    *order = (struct clo_order){.code = run->code,
                                .code_length = run->code_length,
                                .name = run->name ? run->name : "main.py",
                                .keep_state = run->keep_state || run->state,
                                .goes_on = run->state && run->state->from >= 0,
                                .write_through = run->on_output != NULL,
                                .arguments = run->arguments,
                                .argument_count = run->argument_count,
                                .has_input = run->input || run->on_input,
                                .has_files = true,
                                .wants_result = run->wants_result,
                                .repair = run->repair,
                                .no_tools = run->no_tools};
    status = clo_fixed_check(&run->fixed, error);
    if (status)
        return status;
    clo_fixed_resolve(&order->fixed, &run->fixed, &backend->config->fixed);
    return clo_limits_resolve(&order->limits, &run->limits, &backend->config->limits, error);
}

void clo_run_result_free(struct clo_run_result *result)
{
    if (!result)
        return;
    clo_artifacts_free(result);
    clo_result_free(result);
}

/* All other times of /output are told by the run. */
static void set_clock(struct clo_backend *backend, uint64_t ns)
{
    struct clo_artifact_node *root = clo_artifact_tree_root(backend->output);
    root->accessed_ns = root->modified_ns = root->changed_ns = ns;
}

/* The run itself, once its state is there, if it has one. */
static int carry_out(struct clo_backend *backend, const struct clo_run *run,
                     const struct clo_mounts *mounts, struct clo_order *order,
                     struct clo_reservation *memory, struct clo_run_result *result,
                     struct clo_error *error)
{
    bool keep = run->keep_state || order->goes_on;
    int status = clo_artifact_tree_begin(backend->output, &order->limits, keep, error);
    if (status)
        return status;
    if (order->fixed.has_clock && !keep)
        set_clock(backend, order->fixed.clock_ns);
    order->reserved = memory->bytes;
    return backend->client ? clo_worker_client_run(backend->client, run, mounts, backend->output,
                                                   order, memory, result, error)
                           : run_here(backend, run, mounts, order, memory, result, error);
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

/* With the state that it goes on from. */
static int carry_on(struct clo_backend *backend, const struct clo_run *run,
                    const struct clo_mounts *mounts, struct clo_order *order,
                    struct clo_reservation *memory, struct clo_run_result *result,
                    struct clo_error *error)
{
    const struct clo_run_state *state = run->state;
    struct clo_snapshot_terms terms = {
        .limits = &order->limits, .reservation = memory, .cancel = run->cancel};
    int status = bring(backend, state->from, state->from_options, &terms, error);
    return status ? status : carry_out(backend, run, mounts, order, memory, result, error);
}

/* A worker that dies before the run has begun is no reason for it to fail: once more with another. */
static int run_session(struct clo_backend *backend, const struct clo_run *run,
                       const struct clo_mounts *mounts, struct clo_order *order,
                       struct clo_reservation *memory, struct clo_run_result *result,
                       struct clo_error *error)
{
    int status = clo_session_check(run->state, error);
    if (status)
        return status;
    if (!order->goes_on)
        return carry_out(backend, run, mounts, order, memory, result, error);
    status = carry_on(backend, run, mounts, order, memory, result, error);
    if (status == CLO_ESYSTEM && backend->client && !clo_worker_client_is_there(backend->client))
        status = carry_on(backend, run, mounts, order, memory, result, error);
    return status;
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
    struct clo_order order;
    struct clo_mounts *own = NULL; /* with those of the run */
    const struct clo_mounts *mounts = backend->config->mounts;
    *result = NULL;
    int status = make_order(backend, run, &order, error);
    if (!status && run->mount_count) {
        status = clo_mounts_add(&own, mounts, run->mounts, run->mount_count, error);
        mounts = own;
    }
    if (status)
        return status;
    struct clo_run_result *made = calloc(1, sizeof *made);
    if (!made)
        status = clo_fail_memory(error);
    if (!status)
        status = (run->state ? run_session : carry_out)(backend, run, mounts, &order, memory, made,
                                                        error);
    clo_mounts_close(own);
    if (!status)
        status = clo_artifacts_collect(backend->output, made, error);
    if (!status && run->state)
        status = keep(backend, run->state, made, error);
    if (run->state && backend->client)
        clo_worker_client_clean(backend->client);
    if (backend->config->pooled)
        clo_artifact_tree_clear(backend->output);
    if (status)
        clo_run_result_free(made);
    else
        *result = made;
    return status;
}

int clo_backend_snapshot(struct clo_backend *backend, int fd,
                         const struct clo_snapshot_options *options, uint64_t *bytes,
                         struct clo_error *error)
{
    struct clo_state_port port;
    struct clo_worker_port *of_worker;
    int status = open_port(backend, &port, &of_worker, error);
    if (!status)
        status = clo_snapshot_write(&port, backend->config->image, backend->output, fd, options,
                                    bytes, error);
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

/* thread_backend.c - runs in this process: a runner and a service on one thread. */
#include <stdlib.h>

#include "base/cancel.h"
#include "base/error.h"
#include "sandbox/backend.h"
#include "sandbox/capture.h"
#include "sandbox/run/runner.h"

struct clo_thread_backend {
    struct clo_runner *runner;
    struct clo_host_calls *calls;
};

struct local_run {
    struct clo_thread_backend *local;
    struct clo_capture capture;
    struct clo_cancel *cancel;
};

int clo_thread_backend_create(struct clo_thread_backend **result, const struct clo_config *config,
                              struct clo_error *error)
{
    size_t length;
    *result = NULL;
    struct clo_thread_backend *local = calloc(1, sizeof *local);
    if (!local)
        return clo_fail_memory(error);
    const char *descriptor = clo_tool_set_manifest(config->tools, &length);
    int status = clo_host_calls_create(&local->calls, config->tools, config->threads, error);
    if (!status)
        status = clo_runner_create(&local->runner, config->image, config->limits.memory, descriptor,
                                   length, error);
    if (status) {
        clo_thread_backend_destroy(local);
        return status;
    }
    *result = local;
    return 0;
}

void clo_thread_backend_destroy(struct clo_thread_backend *local)
{
    if (!local)
        return;
    clo_runner_destroy(local->runner);
    clo_host_calls_free(local->calls);
    free(local);
}

static int answer(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error)
{
    struct local_run *run = context;
    return clo_host_calls_call(run->local->calls, call, reply, error);
}

static void output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct local_run *run = context;
    clo_capture_take(&run->capture, stream, data, length);
}

static bool cancelled(void *context)
{
    struct local_run *run = context;
    return clo_cancel_is_set(run->cancel);
}

static void kick(void *context)
{
    clo_runner_kick(context);
}

int clo_thread_backend_run(struct clo_thread_backend *local, const struct clo_run *run,
                           const struct clo_limits *limits, struct clo_run_result *result,
                           struct clo_error *error)
{
    struct local_run here = {.local = local, .cancel = run->cancel};
    struct clo_run_host host = {
        .answer = answer, .output = output, .cancelled = cancelled, .context = &here};
    struct clo_order order = {.code = run->code,
                              .code_length = run->code_length,
                              .name = run->name ? run->name : "main.py",
                              .limits = *limits,
                              .keep_state = run->keep_state,
                              .write_through = run->on_output != NULL};
    struct clo_cancel_watch watch = {.wake = kick, .context = local->runner};
    clo_capture_begin(&here.capture, run, limits->output);
    clo_host_calls_begin(local->calls, limits, run->cancel, -1);
    clo_cancel_add(run->cancel, &watch);
    int status = clo_runner_run(local->runner, &order, &host, result, error);
    clo_cancel_remove(run->cancel, &watch);
    clo_host_calls_end(local->calls);
    if (!status)
        status = clo_capture_finish(&here.capture, result, error);
    clo_capture_clear(&here.capture);
    return status;
}

void clo_thread_backend_warm(struct clo_thread_backend *local)
{
    clo_runner_warm(local->runner);
}

void clo_thread_backend_settle(struct clo_thread_backend *local)
{
    clo_runner_settle(local->runner);
}

/* thread_backend.c - runs in this process: a runner and a service on one thread. */
#include <stdlib.h>

#include "base/cancel.h"
#include "base/error.h"
#include "sandbox/capture.h"
#include "sandbox/backend.h"
#include "sandbox/run/runner.h"

struct clo_local {
    struct clo_runner *runner;
    struct clo_service *service;
};

struct local_run {
    struct clo_local *local;
    struct clo_collector collector;
    struct clo_cancel *cancel;
};

int clo_local_create(struct clo_local **result, const struct clo_setup *setup,
                     struct clo_error *error)
{
    size_t length;
    *result = NULL;
    struct clo_local *local = calloc(1, sizeof *local);
    if (!local)
        return clo_fail_memory(error);
    const char *descriptor = clo_tools_descriptor(setup->tools, &length);
    int status = clo_service_create(&local->service, setup->tools, setup->crew, error);
    if (!status)
        status = clo_runner_create(&local->runner, setup->image, setup->limits.memory, descriptor,
                                   length, error);
    if (status) {
        clo_local_destroy(local);
        return status;
    }
    *result = local;
    return 0;
}

void clo_local_destroy(struct clo_local *local)
{
    if (!local)
        return;
    clo_runner_destroy(local->runner);
    clo_service_free(local->service);
    free(local);
}

static int answer(void *context, const struct clo_call *call, struct clo_reply *reply,
                  struct clo_error *error)
{
    struct local_run *run = context;
    return clo_service_call(run->local->service, call, reply, error);
}

static void output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct local_run *run = context;
    clo_collector_take(&run->collector, stream, data, length);
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

int clo_local_run(struct clo_local *local, const struct clo_run *run,
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
    clo_collector_begin(&here.collector, run, limits->output);
    clo_service_begin(local->service, limits, run->cancel, -1);
    clo_cancel_add(run->cancel, &watch);
    int status = clo_runner_run(local->runner, &order, &host, result, error);
    clo_cancel_remove(run->cancel, &watch);
    clo_service_end(local->service);
    if (!status)
        status = clo_collector_finish(&here.collector, result, error);
    clo_collector_clear(&here.collector);
    return status;
}

void clo_local_warm(struct clo_local *local)
{
    clo_runner_warm(local->runner);
}

void clo_local_settle(struct clo_local *local)
{
    clo_runner_settle(local->runner);
}

/* sandbox.c - the public functions of a sandbox by itself. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/backend.h"
#include "sandbox/reservation.h"
#include "sandbox/sandbox.h"
#include "sandbox/snapshot/snapshot.h"
#include "sandbox/worker/jail.h"

struct clo_sandbox {
    struct clo_config config;
    struct clo_zygote *zygote;
    struct clo_backend *backend;
    struct clo_reservation memory; /* the most it had, for its whole life */
    pid_t owner;                   /* thread id: a micro-VM belongs to the thread that made it */
};

static pid_t this_thread(void)
{
    static __thread pid_t cached, process;
    if (process != getpid()) { /* a forked child is another thread */
        process = getpid();
        cached = (pid_t)syscall(SYS_gettid);
    }
    return cached;
}

static int hold_memory(struct clo_sandbox *sandbox, struct clo_error *error)
{
    uint64_t limit = sandbox->config.limits.memory;
    uint64_t start = clo_config_start(&sandbox->config, limit);
    int status = clo_memory_budget_hold(limit, start, error);
    if (!status)
        sandbox->memory.bytes = start;
    return status;
}

int clo_sandbox_create(struct clo_sandbox **result, const struct clo_sandbox_config *config,
                       struct clo_error *error)
{
    *result = NULL;
    struct clo_sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return clo_fail_memory(error);
    sandbox->owner = this_thread();
    int status = clo_config_open(&sandbox->config, config, false, error);
    if (!status)
        status = hold_memory(sandbox, error);
    if (!status && config->placement == CLO_PLACEMENT_WORKER)
        status = clo_zygote_create(&sandbox->zygote, &sandbox->config, error);
    if (!status)
        status = clo_backend_create(&sandbox->backend, &sandbox->config, sandbox->zygote, error);
    if (status) {
        clo_sandbox_destroy(sandbox);
        return status;
    }
    *result = sandbox;
    return 0;
}

void clo_sandbox_destroy(struct clo_sandbox *sandbox)
{
    if (!sandbox)
        return;
    clo_backend_destroy(sandbox->backend);
    clo_zygote_destroy(sandbox->zygote);
    if (sandbox->memory.bytes)
        clo_memory_budget_release(sandbox->memory.bytes);
    clo_config_close(&sandbox->config);
    free(sandbox);
}

void clo_sandbox_jail_missing(const struct clo_sandbox *sandbox, char text[CLO_JAIL_TEXT_MAX])
{
    unsigned missing = CLO_JAIL_ALL & ~clo_backend_layers(sandbox->backend);
    text[0] = '\0';
    if (missing && sandbox->config.placement == CLO_PLACEMENT_WORKER)
        clo_jail_describe(missing, text);
}

static int check_thread(const struct clo_sandbox *sandbox, struct clo_error *error)
{
    if (this_thread() == sandbox->owner)
        return 0;
    return clo_fail(error, CLO_EINVALID,
                    "a sandbox runs only on the thread that made it (%d); this is thread %d",
                    (int)sandbox->owner, (int)this_thread());
}

int clo_sandbox_run(struct clo_sandbox *sandbox, const struct clo_run *run,
                    struct clo_run_result **result, struct clo_error *error)
{
    *result = NULL;
    int status = check_thread(sandbox, error);
    if (!status && run->state) {
        clo_fail(error, CLO_EINVALID, "a run with `state` is a pool's, and this sandbox is none");
        return clo_hint(error, CLO_EINVALID,
                        "use clo_sandbox_restore, keep_state and clo_sandbox_snapshot, or a pool");
    }
    return status ? status
                  : clo_backend_run(sandbox->backend, run, &sandbox->memory, result, error);
}

int clo_sandbox_snapshot(struct clo_sandbox *sandbox, int fd,
                         const struct clo_snapshot_options *options, uint64_t *bytes,
                         struct clo_error *error)
{
    int status = check_thread(sandbox, error);
    return status ? status : clo_backend_snapshot(sandbox->backend, fd, options, bytes, error);
}

int clo_sandbox_save(struct clo_sandbox *sandbox, const struct clo_state_sink *sink,
                     struct clo_error *error)
{
    int status = check_thread(sandbox, error);
    return status ? status : clo_backend_save(sandbox->backend, sink, error);
}

int clo_sandbox_restore(struct clo_sandbox *sandbox, int fd,
                        const struct clo_snapshot_options *options, struct clo_error *error)
{
    int status = check_thread(sandbox, error);
    return status ? status
                  : clo_backend_restore(sandbox->backend, fd, options, &sandbox->memory, error);
}

/* worker.c - a worker's life: make a micro-VM, say hello, run what comes, never more than one run.
 *
 * A worker decides nothing that matters to its host: tools, limits on host calls and the bounds of
 * what is kept of its output are the host's. When its micro-VM is spent it ends, and the host gets
 * another one: by then it may not be able to make one itself.
 */
#include "sandbox/worker/worker.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/runner.h"
#include "sandbox/worker/frames.h"
#include "sandbox/worker/jail.h"
#include "sandbox/worker/state_frames.h"
#include "vm/vm.h"

/* Bytes that a worker may map beyond its guest's limit: image, window, messages, its own heap. */
#define CLO_WORKER_MEMORY (256ull << 20)

#define STACK_DEPTH (32u << 10) /* bytes of stack that a run's functions use, about */

struct worker {
    const struct clo_bootstrap *bootstrap;
    struct clo_frame_socket frames;
    struct clo_runner *runner;
    unsigned layers;   /* of its jail */
    uint32_t sequence; /* of the run in progress */
    bool cancelled;    /* told by a reply */
};

/* For the signal handler. */
static struct clo_runner *_Atomic running;
static atomic_uint cancel_sequence;

static void on_cancel(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    struct clo_runner *runner = atomic_load(&running);
    atomic_store(&cancel_sequence, (unsigned)info->si_value.sival_int);
    if (runner)
        clo_runner_kick(runner);
}

static void listen_for_cancel(void)
{
    struct sigaction action = {.sa_sigaction = on_cancel,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask); /* an alarm waits until the guest goes on */
    sigaction(CLO_WORKER_CANCEL, &action, NULL);
}

static _Noreturn void leave(void)
{
    _exit(0); /* nothing here is worth an orderly end; the kernel takes all back */
}

static void send_all(struct worker *worker)
{
    if (clo_frame_socket_flush(&worker->frames, UINT64_MAX, NULL))
        leave();
}

/* ---- what the runner asks of its host ---- */

static int answer(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error)
{
    struct worker *worker = context;
    struct clo_frame frame;
    clo_frame_put_call(&worker->frames, call);
    send_all(worker);
    if (clo_frame_socket_receive(&worker->frames, UINT64_MAX, &frame, NULL) ||
        frame.type != CLO_FRAME_REPLY)
        leave();
    bool cancelled = false;
    int status = clo_frame_read_reply(&worker->frames, &frame, reply, &cancelled, error);
    worker->cancelled |= cancelled;
    return status;
}

static int reserve(void *context, uint64_t bytes, bool may_wait, struct clo_grant *grant,
                   struct clo_error *error)
{
    struct worker *worker = context;
    struct clo_frame frame;
    clo_frame_put_grow(&worker->frames, bytes, may_wait);
    send_all(worker);
    if (clo_frame_socket_receive(&worker->frames, UINT64_MAX, &frame, NULL) ||
        frame.type != CLO_FRAME_GRANT)
        leave();
    bool cancelled = false;
    int status = clo_frame_read_grant(&frame, grant, &cancelled, error);
    worker->cancelled |= cancelled;
    return status;
}

static void output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct worker *worker = context;
    clo_frame_put_output(&worker->frames, stream, data, length);
}

/* What is printed last goes with the result, what is printed before a call with the call: each
 * message costs the host a wake. */
static void flush(void *context)
{
    struct worker *worker = context;
    if (worker->frames.out.length)
        send_all(worker);
}

static bool cancelled(void *context)
{
    const struct worker *worker = context;
    return worker->cancelled || atomic_load(&cancel_sequence) == worker->sequence;
}

/* ---- runs ---- */

static void say_hello(struct worker *worker, int status, const struct clo_error *error)
{
    clo_frame_put_status(&worker->frames, CLO_FRAME_HELLO, status, worker->layers, error);
    send_all(worker);
}

/* In a pool, and when it is told: back to the image's state, and say so. The run's memory is its host's
 * again. */
static void settle(struct worker *worker)
{
    clo_runner_settle(worker->runner);
    say_hello(worker, 0, NULL);
}

static void run(struct worker *worker, const struct clo_frame *frame)
{
    struct clo_order order = {0};
    struct clo_error error = {0};
    struct clo_run_host host = {.answer = answer,
                                .output = output,
                                .flush = flush,
                                .cancelled = cancelled,
                                .reserve = reserve,
                                .context = worker,
                                .own_thread = true};
    struct clo_run_result *result = calloc(1, sizeof *result);
    worker->cancelled = false;
    struct clo_frame own = *frame;
    uint8_t *copy = malloc(frame->length + 1); /* the frame's room is reused */
    int status = copy && result ? 0 : clo_fail_memory(&error);
    if (!status) {
        __builtin_memcpy(copy, frame->data, frame->length);
        own.data = copy;
        status = clo_frame_read_run(&own, &order, &worker->sequence, &error);
    }
    if (!status)
        status = clo_runner_run(worker->runner, &order, &host, result, &error);
    bool last = clo_runner_is_broken(worker->runner);
    bool keep = !worker->bootstrap->pooled || order.keep_state;
    if (status)
        clo_frame_put_status(&worker->frames, CLO_FRAME_FAILED, status, 0, &error);
    else
        clo_frame_put_result(&worker->frames, result, last);
    send_all(worker);
    clo_result_free(result);
    free(copy);
    if (last)
        leave();
    if (keep)
        clo_runner_rest(worker->runner);
    else
        settle(worker);
}

/* What the run's functions left below this one's frame. The heap's part is in heap_wipe.c, the
 * messages' in the buffers. */
static __attribute__((noinline)) void wipe_stack(void)
{
    uint8_t below[STACK_DEPTH];
    explicit_bzero(below, sizeof below);
}

static void begin(struct worker *worker, const struct clo_jail_shared *shared, unsigned layers)
{
    struct clo_error error = {0};
    const struct clo_bootstrap *bootstrap = worker->bootstrap;
    int status = clo_vm_prepare(bootstrap->isolation, NULL,
                                &error); /* opens what lies in /proc: before the door shuts */
    clo_jail_enter(shared, bootstrap->memory + CLO_WORKER_MEMORY,
                   worker->runner ? 0 : clo_vm_reserves(bootstrap->isolation), &layers);
    if (!status)
        status = worker->runner ? clo_runner_inherit(worker->runner, &error)
                                : clo_bootstrap_map(bootstrap, &worker->runner, &error);
    if (!status)
        status = clo_runner_prime(worker->runner, &error);
    if (!status)
        clo_jail_seal(shared, &layers); /* all that a run needs has been opened */
    worker->layers = layers;
    if (!status)
        atomic_store(&running, worker->runner);
    say_hello(worker, status, &error);
    if (status)
        leave();
}

/* While nobody wants anything: most of what it takes to have a worker is its first page faults. Who
 * comes meanwhile waits for one step at most. */
static void warm(struct worker *worker)
{
    for (unsigned step = 0;
         !clo_frame_socket_has_more(&worker->frames) && clo_runner_warm_step(worker->runner, step);
         step++)
        ;
    if (clo_runner_is_broken(worker->runner))
        leave(); /* idle: the host takes another one */
}

static void take(struct worker *worker, const struct clo_frame *frame)
{
    int status = 0;
    switch (frame->type) {
    case CLO_FRAME_RUN: run(worker, frame); return;
    case CLO_FRAME_CLEAN: settle(worker); return;
    case CLO_FRAME_SAVE: status = clo_worker_save(&worker->frames, worker->runner); break;
    case CLO_FRAME_LOAD: status = clo_worker_load(&worker->frames, worker->runner, frame); break;
    default: leave();
    }
    if (status || clo_runner_is_broken(worker->runner))
        leave();
}

_Noreturn void clo_worker_main(const struct clo_bootstrap *bootstrap,
                               const struct clo_jail_shared *shared, struct clo_runner *mapped,
                               int socket, pid_t zygote, unsigned layers)
{
    static struct worker worker;
    prctl(PR_SET_NAME, "cloche-worker");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pid_t parent = getppid(); /* 0: in another process namespace, which has no parent to show */
    if (parent && parent != zygote) /* it ended before that took effect */
        leave();
    listen_for_cancel();
    worker.bootstrap = bootstrap;
    worker.runner = mapped;
    clo_frame_socket_open(&worker.frames, socket, CLO_TO_WORKER);
    begin(&worker, shared, layers);
    warm(&worker);
    for (;;) {
        struct clo_frame frame;
        if (clo_frame_socket_receive(&worker.frames, UINT64_MAX, &frame, NULL))
            leave();
        take(&worker, &frame);
        wipe_stack();
    }
}

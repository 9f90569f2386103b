/* worker_client.c - the host's side of a worker: send a run, serve its calls, take its output and result.
 *
 * A worker may be dead, stuck or taken over at any moment. Whatever it does costs the run in
 * progress at most; the worker is then killed, and the next run gets a new one.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "sandbox/capture.h"
#include "sandbox/backend.h"
#include "sandbox/worker/frames.h"
#include "sandbox/run/grace.h"
#include "sandbox/worker/jail.h"
#include "sandbox/run/outcome.h"
#include "sandbox/worker/worker.h"

#define NS_PER_MS 1000000u
#define HELLO_NS (20000ull * NS_PER_MS)  /* a worker that takes longer to be born is given up */
#define BURIAL_NS (20000ull * NS_PER_MS) /* a killed process that takes longer is let be */
#define SLACK_NS (2000ull * NS_PER_MS)   /* beyond wall time and grace, then a worker is killed */
#define EXIT_WORKER 139

struct clo_remote {
    const struct clo_setup *setup;
    struct clo_nursery *nursery;
    struct clo_service *service;
    struct clo_wire wire; /* fd -1: there is no worker */
    int pidfd, dying;     /* dying: the last that was killed and may still have memory, or -1 */
    bool greeted;         /* it has said hello, and is ready for a run */
    unsigned layers;      /* of its jail, as it said */
    uint32_t sequence;
};

struct remote_run {
    struct clo_remote *remote;
    const struct clo_run *run;
    const struct clo_limits *limits;
    struct clo_collector collector;
    struct clo_run_result *result;
    uint64_t start_ns, deadline_ns; /* deadline: when the worker is killed */
    bool cancel_sent;
};

/* ---- the worker itself ---- */

/* Wait until the worker that was killed is gone, with all its memory. */
static void bury(struct clo_remote *remote)
{
    struct pollfd gone = {.fd = remote->dying, .events = POLLIN};
    uint64_t until = clo_monotonic_ns() + BURIAL_NS;
    if (remote->dying < 0)
        return;
    while (poll(&gone, 1, 100) <= 0 && clo_monotonic_ns() < until)
        ;
    close(remote->dying);
    remote->dying = -1;
}

static void drop_worker(struct clo_remote *remote)
{
    if (remote->pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, remote->pidfd, SIGKILL, NULL, 0);
        bury(remote);
        remote->dying = remote->pidfd;
    }
    remote->pidfd = -1;
    remote->greeted = false;
    clo_wire_close(&remote->wire);
}

/* Does an idle worker say or close something? Then it is not one to give a run to. */
static bool has_gone(struct clo_remote *remote)
{
    struct clo_frame frame;
    return remote->greeted &&
           clo_wire_receive(&remote->wire, clo_monotonic_ns(), -1, &frame, NULL) != CLO_EBUSY;
}

static int ensure_worker(struct clo_remote *remote, struct clo_error *error)
{
    if (remote->wire.fd >= 0 && has_gone(remote))
        drop_worker(remote);
    if (remote->wire.fd >= 0)
        return 0;
    int socket;
    int status = clo_nursery_spawn(remote->nursery, &socket, &remote->pidfd, error);
    if (!status)
        clo_wire_open(&remote->wire, socket, CLO_TO_HOST);
    return status;
}

static int check_layers(unsigned layers, struct clo_error *error)
{
    char missing[CLO_JAIL_TEXT_MAX];
    if (layers == CLO_JAIL_ALL)
        return 0;
    clo_jail_describe(CLO_JAIL_ALL & ~layers, missing);
    clo_fail(error, CLO_ESYSTEM, "the jail around worker processes lacks: %s", missing);
    return clo_hint(error, CLO_ESYSTEM,
                    "allow it here (user namespaces and seccomp in a container), "
                    "or accept less with jail: best");
}

static int await_hello(struct clo_remote *remote, struct clo_error *error)
{
    struct clo_frame frame;
    struct clo_error why;
    if (remote->greeted)
        return 0;
    int status = clo_wire_receive(&remote->wire, clo_monotonic_ns() + HELLO_NS, -1, &frame, &why);
    if (status)
        status = clo_fail(error, CLO_ESYSTEM, "a worker process did not start: %s", why.message);
    else if (frame.type != CLO_FRAME_HELLO)
        status = clo_fail(error, CLO_ESYSTEM, "a worker process began with a frame of type %d",
                          frame.type);
    else
        status = clo_frame_read_status(&frame, &remote->layers, error);
    if (!status && remote->setup->jail == CLO_JAIL_STRICT)
        status = check_layers(remote->layers, error);
    if (status)
        drop_worker(remote);
    else
        remote->greeted = true;
    return status;
}

int clo_remote_create(struct clo_remote **result, const struct clo_setup *setup,
                      struct clo_nursery *nursery, struct clo_error *error)
{
    *result = NULL;
    struct clo_remote *remote = calloc(1, sizeof *remote);
    if (!remote)
        return clo_fail_memory(error);
    remote->setup = setup;
    remote->nursery = nursery;
    remote->wire.fd = remote->pidfd = remote->dying = -1;
    int status = clo_service_create(&remote->service, setup->tools, setup->crew, error);
    if (!status)
        status = ensure_worker(remote, error);
    if (!status)
        status = await_hello(remote, error);
    if (status) {
        clo_remote_destroy(remote);
        return status;
    }
    *result = remote;
    return 0;
}

void clo_remote_destroy(struct clo_remote *remote)
{
    if (!remote)
        return;
    drop_worker(remote);
    bury(remote);
    clo_service_free(remote->service);
    free(remote);
}

unsigned clo_remote_layers(const struct clo_remote *remote)
{
    return remote->layers;
}

void clo_remote_settle(struct clo_remote *remote)
{
    if (remote->wire.fd >= 0)
        (void)await_hello(remote, NULL); /* it has restored its micro-VM */
    bury(remote);
    ensure_worker(remote, NULL); /* born and warmed while nobody waits; trouble shows in the run */
}

/* ---- a run ---- */

/* The worker is lost: the run ends with what is known of it. */
static int end_without_worker(struct remote_run *run, const char *reason, struct clo_error *error)
{
    struct clo_error text;
    drop_worker(run->remote);
    if (clo_cancel_is_set(run->run->cancel)) {
        if (clo_result_set_error(run->result, CLO_RUN_CANCELLED, "Cancelled",
                                 "the run was cancelled"))
            return clo_fail_memory(error);
        run->result->exit_code = 130;
    } else {
        clo_fail(&text, CLO_ESYSTEM, "the worker process of this run is lost: %s", reason);
        if (clo_result_set_error(run->result, CLO_RUN_WORKER, "WorkerLost", text.message))
            return clo_fail_memory(error);
        run->result->exit_code = EXIT_WORKER;
    }
    clo_collector_note(&run->collector, run->result->error.message);
    run->result->usage.wall_us = (clo_monotonic_ns() - run->start_ns) / 1000;
    run->result->usage.host_calls = clo_service_calls(run->remote->service);
    run->result->usage.output_bytes = run->collector.out.length + run->collector.err.length;
    return 0;
}

static void send_cancel(struct remote_run *run)
{
    siginfo_t info = {.si_signo = CLO_WORKER_CANCEL, .si_code = SI_QUEUE};
    if (run->cancel_sent)
        return;
    info.si_value.sival_int = (int)run->remote->sequence;
    run->cancel_sent = true;
    syscall(SYS_pidfd_send_signal, run->remote->pidfd, CLO_WORKER_CANCEL, &info, 0);
    uint64_t soon = clo_monotonic_ns() + SLACK_NS;
    if (soon < run->deadline_ns)
        run->deadline_ns = soon;
}

static void put_answer(struct remote_run *run, const struct clo_frame *frame)
{
    struct clo_remote *remote = run->remote;
    struct clo_call call;
    struct clo_error why;
    struct clo_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    uint64_t before = clo_monotonic_ns();
    int status = clo_frame_read_call(frame, &call, &why);
    if (!status) {
        if (call.deadline_ns > run->deadline_ns)
            call.deadline_ns = run->deadline_ns;
        status = clo_service_call(remote->service, &call, &reply, &why);
    }
    bool cancelled = clo_cancel_is_set(run->run->cancel);
    if (status)
        clo_frame_put_violation(&remote->wire, why.message);
    else
        clo_frame_put_reply(&remote->wire, &reply, cancelled);
    clo_buffer_free(&reply.data);
    /* A tool on this thread may take longer than the run may, and the worker still gets its time to
     * end. Waits do not count: they end by themselves, and a worker could go on with them for ever.
     */
    if (!status && (call.flags & CLO_CALL_SUBMIT) && call.wait_id == call.id)
        run->deadline_ns += clo_monotonic_ns() - before;
}

static int pass_on(int status, const struct clo_error *why, struct clo_error *error)
{
    if (error)
        *error = *why;
    return status;
}

/* One frame. 1: the run has ended; 0: go on; negative: it could not be run. */
static int on_frame(struct remote_run *run, const struct clo_frame *frame, struct clo_error *error)
{
    struct clo_error why;
    int status = 0;
    if (frame->type == CLO_FRAME_OUTPUT) {
        enum clo_stream stream;
        const char *data;
        size_t length;
        status = clo_frame_read_output(frame, &stream, &data, &length, &why);
        if (!status)
            clo_collector_take(&run->collector, stream, data, length);
        if (!status && run->collector.overflow)
            status = clo_fail(&why, CLO_EGUEST, "it sent more output than the limit");
    } else if (frame->type == CLO_FRAME_CALL) {
        put_answer(run, frame);
        status = clo_wire_flush(&run->remote->wire, run->deadline_ns, &why);
    } else if (frame->type == CLO_FRAME_RESULT) {
        bool last = false;
        status = clo_frame_read_result(frame, run->limits, run->result, &last, &why);
        if (status != CLO_EGUEST) {
            if (last)
                drop_worker(run->remote);
            return status ? pass_on(status, &why, error) : 1;
        }
    } else if (frame->type == CLO_FRAME_FAILED) {
        unsigned layers;
        status = clo_frame_read_status(frame, &layers, &why);
        if (status && status != CLO_EGUEST)
            return pass_on(status, &why, error);
        if (!status)
            status = clo_fail(&why, CLO_EGUEST, "it failed without a reason");
    } else {
        status = clo_fail(&why, CLO_EGUEST, "a second hello");
    }
    if (!status)
        return 0;
    status = end_without_worker(run, why.message, error);
    return status ? status : 1;
}

static int serve(struct remote_run *run, struct clo_error *error)
{
    struct clo_remote *remote = run->remote;
    for (;;) {
        struct clo_frame frame;
        struct clo_error why;
        int wake = run->cancel_sent ? -1 : clo_cancel_fd(run->run->cancel);
        int status = clo_wire_receive(&remote->wire, run->deadline_ns, wake, &frame, &why);
        if (status == CLO_ECANCELLED) {
            send_cancel(run);
            continue;
        }
        if (status == CLO_EBUSY)
            return end_without_worker(run, "it did not end in time and was killed", error);
        if (status == CLO_ESYSTEM)
            return end_without_worker(run, "it died", error);
        if (status)
            return end_without_worker(run, why.message, error);
        status = on_frame(run, &frame, error);
        if (status)
            return status < 0 ? status : 0;
    }
}

/* A worker that died while idle is no reason for a run to fail: once more with a new one. */
static int send_run(struct remote_run *run, const struct clo_order *order, struct clo_error *error)
{
    struct clo_remote *remote = run->remote;
    int status = CLO_ESYSTEM;
    for (int attempt = 0; attempt < 2 && status; attempt++) {
        status = ensure_worker(remote, error);
        if (!status)
            status = await_hello(remote, error);
        if (status)
            continue;
        clo_frame_put_run(&remote->wire, order, ++remote->sequence);
        remote->greeted = !remote->setup->pooled; /* in a pool it says hello after each run */
        status = clo_wire_flush(&remote->wire, clo_monotonic_ns() + SLACK_NS, error);
        if (status)
            drop_worker(remote);
    }
    return status;
}

static int check_size(const struct clo_order *order, struct clo_error *error)
{
    if (order->code_length <= CLO_MESSAGE_MAX)
        return 0;
    return clo_fail(error, CLO_EINVALID, "the code has %zu bytes; at most %llu are allowed",
                    order->code_length, CLO_MESSAGE_MAX);
}

int clo_remote_run(struct clo_remote *remote, const struct clo_run *run,
                   const struct clo_limits *limits, struct clo_run_result *result,
                   struct clo_error *error)
{
    struct remote_run here = {.remote = remote, .run = run, .limits = limits, .result = result};
    struct clo_order order = {.code = run->code,
                              .code_length = run->code_length,
                              .name = run->name ? run->name : "main.py",
                              .limits = *limits,
                              .keep_state = run->keep_state,
                              .write_through = run->on_output != NULL};
    int status = check_size(&order, error);
    if (!status)
        status = send_run(&here, &order, error);
    if (status)
        return status;
    clo_collector_begin(&here.collector, run, limits->output);
    clo_service_begin(remote->service, limits, run->cancel, remote->wire.fd);
    here.start_ns = clo_monotonic_ns();
    here.deadline_ns = here.start_ns + limits->wall_ms * NS_PER_MS + clo_grace_most_ns() + SLACK_NS;
    status = serve(&here, error);
    clo_service_end(remote->service);
    if (!status)
        status = clo_collector_finish(&here.collector, result, error);
    clo_collector_clear(&here.collector);
    return status;
}

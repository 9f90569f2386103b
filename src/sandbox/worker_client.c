/* worker_client.c - the host's side of a worker: send a run, serve its calls, take its output and result.
 *
 * A worker may be dead, stuck or taken over at any moment. Whatever it does costs the run in
 * progress at most; the worker is then killed, and the next run gets a new one.
 */
#include "sandbox/worker_client.h"

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
#include "sandbox/call/host_calls.h"
#include "sandbox/capture.h"
#include "sandbox/run/grace.h"
#include "sandbox/run/outcome.h"
#include "sandbox/worker/frames.h"
#include "sandbox/worker/jail.h"
#include "sandbox/worker/worker.h"

#define NS_PER_MS 1000000u
#define HELLO_NS (20000ull * NS_PER_MS)  /* a worker that takes longer to be born is given up */
#define BURIAL_NS (20000ull * NS_PER_MS) /* a killed process that takes longer is let be */
#define SLACK_NS (2000ull * NS_PER_MS)   /* beyond wall time and grace, then a worker is killed */
#define EXIT_WORKER 139

struct clo_worker_client {
    const struct clo_config *config;
    struct clo_zygote *zygote;
    struct clo_host_calls *calls;
    struct clo_frame_socket frames; /* fd -1: there is no worker */
    int pidfd, dying; /* dying: the last that was killed and may still have memory, or -1 */
    bool greeted;     /* it has said hello, and is ready for a run */
    unsigned layers;  /* of its jail, as it said */
    uint32_t sequence;
};

struct client_run {
    struct clo_worker_client *client;
    const struct clo_run *run;
    const struct clo_limits *limits;
    struct clo_capture capture;
    struct clo_run_result *result;
    uint64_t start_ns, deadline_ns; /* deadline: when the worker is killed */
    bool cancel_sent;
};

/* ---- the worker itself ---- */

/* Wait until the worker that was killed is gone, with all its memory. */
static void bury(struct clo_worker_client *client)
{
    struct pollfd gone = {.fd = client->dying, .events = POLLIN};
    uint64_t until = clo_monotonic_ns() + BURIAL_NS;
    if (client->dying < 0)
        return;
    while (poll(&gone, 1, 100) <= 0 && clo_monotonic_ns() < until)
        ;
    close(client->dying);
    client->dying = -1;
}

static void drop_worker(struct clo_worker_client *client)
{
    if (client->pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, client->pidfd, SIGKILL, NULL, 0);
        bury(client);
        client->dying = client->pidfd;
    }
    client->pidfd = -1;
    client->greeted = false;
    clo_frame_socket_close(&client->frames);
}

/* Does an idle worker say or close something? Then it is not one to give a run to. */
static bool has_gone(struct clo_worker_client *client)
{
    struct clo_frame frame;
    return client->greeted && clo_frame_socket_receive(&client->frames, clo_monotonic_ns(), -1,
                                                       &frame, NULL) != CLO_EBUSY;
}

static int ensure_worker(struct clo_worker_client *client, struct clo_error *error)
{
    if (client->frames.fd >= 0 && has_gone(client))
        drop_worker(client);
    if (client->frames.fd >= 0)
        return 0;
    int socket;
    int status = clo_zygote_spawn(client->zygote, &socket, &client->pidfd, error);
    if (!status)
        clo_frame_socket_open(&client->frames, socket, CLO_TO_HOST);
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

static int await_hello(struct clo_worker_client *client, struct clo_error *error)
{
    struct clo_frame frame;
    struct clo_error why;
    if (client->greeted)
        return 0;
    int status =
        clo_frame_socket_receive(&client->frames, clo_monotonic_ns() + HELLO_NS, -1, &frame, &why);
    if (status)
        status = clo_fail(error, CLO_ESYSTEM, "a worker process did not start: %s", why.message);
    else if (frame.type != CLO_FRAME_HELLO)
        status = clo_fail(error, CLO_ESYSTEM, "a worker process began with a frame of type %d",
                          frame.type);
    else
        status = clo_frame_read_status(&frame, &client->layers, error);
    if (!status && client->config->jail == CLO_JAIL_STRICT)
        status = check_layers(client->layers, error);
    if (status)
        drop_worker(client);
    else
        client->greeted = true;
    return status;
}

int clo_worker_client_create(struct clo_worker_client **result, const struct clo_config *config,
                             struct clo_zygote *zygote, struct clo_error *error)
{
    *result = NULL;
    struct clo_worker_client *client = calloc(1, sizeof *client);
    if (!client)
        return clo_fail_memory(error);
    client->config = config;
    client->zygote = zygote;
    client->frames.fd = client->pidfd = client->dying = -1;
    int status = clo_host_calls_create(&client->calls, config->tools, config->threads, error);
    if (!status)
        status = ensure_worker(client, error);
    if (!status)
        status = await_hello(client, error);
    if (status) {
        clo_worker_client_destroy(client);
        return status;
    }
    *result = client;
    return 0;
}

void clo_worker_client_destroy(struct clo_worker_client *client)
{
    if (!client)
        return;
    drop_worker(client);
    bury(client);
    clo_host_calls_free(client->calls);
    free(client);
}

unsigned clo_worker_client_layers(const struct clo_worker_client *client)
{
    return client->layers;
}

void clo_worker_client_settle(struct clo_worker_client *client)
{
    if (client->frames.fd >= 0)
        (void)await_hello(client, NULL); /* it has restored its micro-VM */
    bury(client);
    ensure_worker(client, NULL); /* born and warmed while nobody waits; trouble shows in the run */
}

/* ---- a run ---- */

/* The worker is lost: the run ends with what is known of it. */
static int end_without_worker(struct client_run *run, const char *reason, struct clo_error *error)
{
    struct clo_error text;
    drop_worker(run->client);
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
    clo_capture_note(&run->capture, run->result->error.message);
    run->result->usage.wall_us = (clo_monotonic_ns() - run->start_ns) / 1000;
    run->result->usage.host_calls = clo_host_calls_count(run->client->calls);
    run->result->usage.output_bytes = run->capture.out.length + run->capture.err.length;
    return 0;
}

static void send_cancel(struct client_run *run)
{
    siginfo_t info = {.si_signo = CLO_WORKER_CANCEL, .si_code = SI_QUEUE};
    if (run->cancel_sent)
        return;
    info.si_value.sival_int = (int)run->client->sequence;
    run->cancel_sent = true;
    syscall(SYS_pidfd_send_signal, run->client->pidfd, CLO_WORKER_CANCEL, &info, 0);
    uint64_t soon = clo_monotonic_ns() + SLACK_NS;
    if (soon < run->deadline_ns)
        run->deadline_ns = soon;
}

static void put_answer(struct client_run *run, const struct clo_frame *frame)
{
    struct clo_worker_client *client = run->client;
    struct clo_call call;
    struct clo_error why;
    struct clo_call_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    uint64_t before = clo_monotonic_ns();
    int status = clo_frame_read_call(frame, &call, &why);
    if (!status) {
        if (call.deadline_ns > run->deadline_ns)
            call.deadline_ns = run->deadline_ns;
        status = clo_host_calls_call(client->calls, &call, &reply, &why);
    }
    bool cancelled = clo_cancel_is_set(run->run->cancel);
    if (status)
        clo_frame_put_violation(&client->frames, why.message);
    else
        clo_frame_put_reply(&client->frames, &reply, cancelled);
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
static int on_frame(struct client_run *run, const struct clo_frame *frame, struct clo_error *error)
{
    struct clo_error why;
    int status = 0;
    if (frame->type == CLO_FRAME_OUTPUT) {
        enum clo_stream stream;
        const char *data;
        size_t length;
        status = clo_frame_read_output(frame, &stream, &data, &length, &why);
        if (!status)
            clo_capture_take(&run->capture, stream, data, length);
        if (!status && run->capture.overflow)
            status = clo_fail(&why, CLO_EGUEST, "it sent more output than the limit");
    } else if (frame->type == CLO_FRAME_CALL) {
        put_answer(run, frame);
        status = clo_frame_socket_flush(&run->client->frames, run->deadline_ns, &why);
    } else if (frame->type == CLO_FRAME_RESULT) {
        bool last = false;
        status = clo_frame_read_result(frame, run->limits, run->result, &last, &why);
        if (status != CLO_EGUEST) {
            if (last)
                drop_worker(run->client);
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

static int serve(struct client_run *run, struct clo_error *error)
{
    struct clo_worker_client *client = run->client;
    for (;;) {
        struct clo_frame frame;
        struct clo_error why;
        int wake = run->cancel_sent ? -1 : clo_cancel_fd(run->run->cancel);
        int status =
            clo_frame_socket_receive(&client->frames, run->deadline_ns, wake, &frame, &why);
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
static int send_run(struct client_run *run, const struct clo_order *order, struct clo_error *error)
{
    struct clo_worker_client *client = run->client;
    int status = CLO_ESYSTEM;
    for (int attempt = 0; attempt < 2 && status; attempt++) {
        status = ensure_worker(client, error);
        if (!status)
            status = await_hello(client, error);
        if (status)
            continue;
        clo_frame_put_run(&client->frames, order, ++client->sequence);
        client->greeted = !client->config->pooled; /* in a pool it says hello after each run */
        status = clo_frame_socket_flush(&client->frames, clo_monotonic_ns() + SLACK_NS, error);
        if (status)
            drop_worker(client);
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

int clo_worker_client_run(struct clo_worker_client *client, const struct clo_run *run,
                          const struct clo_order *order, struct clo_run_result *result,
                          struct clo_error *error)
{
    const struct clo_limits *limits = &order->limits;
    struct client_run here = {.client = client, .run = run, .limits = limits, .result = result};
    int status = check_size(order, error);
    if (!status)
        status = send_run(&here, order, error);
    if (status)
        return status;
    clo_capture_begin(&here.capture, run, limits->output);
    clo_host_calls_begin(client->calls, limits, run->cancel, client->frames.fd);
    here.start_ns = clo_monotonic_ns();
    here.deadline_ns = here.start_ns + limits->wall_ms * NS_PER_MS + clo_grace_most_ns() + SLACK_NS;
    status = serve(&here, error);
    clo_host_calls_end(client->calls);
    if (!status)
        status = clo_capture_finish(&here.capture, result, error);
    clo_capture_clear(&here.capture);
    return status;
}

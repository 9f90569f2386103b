/* worker_run.c - a run in a worker: send it, answer its calls, take its output and result.
 *
 * A worker may be dead, stuck or taken over at any moment. Whatever it does costs the run in
 * progress at most; the worker is then killed, and the next run gets a new one.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "sandbox/capture.h"
#include "sandbox/client/worker_accounts.h"
#include "sandbox/run/outcome.h"
#include "sandbox/worker/keeper.h"
#include "sandbox/worker/worker.h"
#include "sandbox/worker_client.h"

#define NS_PER_MS 1000000u
#define CANCEL_LOOK_NS (250ull * NS_PER_MS) /* a run is looked at for its cancellation so often */
#define EXIT_WORKER 139

struct client_run {
    struct clo_worker_client *client;
    const struct clo_run *run;
    const struct clo_limits *limits;
    struct clo_reservation *memory;
    struct clo_worker_accounts accounts;
    struct clo_capture capture;
    struct clo_run_result *result;
    bool cancel_seen;
    bool suspended; /* its worker was told that it is: it has nothing to do but to say so */
};

/* For the thread that cancels a run: the descriptor stays open beyond the run (clo_worker_client_drop). */
struct cancel_signal {
    int handle;
    uint32_t sequence;
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The worker is lost: the run ends with what is known of it. */
static int end_without_worker(struct client_run *run, const char *reason, struct clo_error *error)
{
    struct clo_error text;
    clo_accounts_fill(&run->accounts, &run->result->usage);
    clo_worker_client_drop(run->client);
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
    return 0;
}

/* On the thread that cancels: the worker ends the run and says so. */
static void send_cancel(void *context)
{
    const struct cancel_signal *signal = context;
    clo_keeper_signal(signal->handle, CLO_WORKER_CANCEL, (int)signal->sequence);
}

static void look_at_cancel(struct client_run *run)
{
    if (run->cancel_seen || !clo_cancel_is_set(run->run->cancel))
        return;
    run->cancel_seen = true;
    clo_accounts_cut(&run->accounts);
}

/* What the worker asks for. CLO_EGUEST: it may not ask any more. */
static int put_answer(struct client_run *run, const struct clo_frame *frame,
                      struct clo_error *error)
{
    struct clo_worker_client *client = run->client;
    struct clo_call call;
    struct clo_error why;
    struct clo_call_reply reply = {.descriptor = -1, .data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    uint64_t start = clo_monotonic_ns();
    clo_accounts_begin_call(&run->accounts);
    if (start > run->accounts.calls_end_ns)
        return clo_fail(error, CLO_EGUEST, "it called the host after its time was up");
    int status = clo_frame_read_call(frame, &call, &why);
    if (!status) {
        clo_accounts_bound_wait(&run->accounts, start, &call);
        call.may_suspend &= run->run->suspend != NULL;
        status = clo_host_calls_call(client->calls, &call, &reply, &why);
    }
    bool cancelled = clo_cancel_is_set(run->run->cancel);
    uint64_t now = clo_monotonic_ns();
    clo_accounts_count_call(&run->accounts, now - start);
    reply.cpu_ns = clo_accounts_host_cpu_ns(&run->accounts);
    clo_accounts_count_tools(&run->accounts, start, reply.tool_ns);
    if (reply.on_thread)
        clo_accounts_outlast(&run->accounts, start, now);
    clo_accounts_check_host(&run->accounts, now);
    run->suspended = !status && reply.status == CLO_CALL_SUSPENDED;
    if (status)
        clo_frame_put_violation(&client->frames, why.message);
    else
        clo_frame_put_reply(&client->frames, &reply, cancelled);
    clo_buffer_free(&reply.data);
    return clo_frame_socket_flush(&client->frames, run->accounts.deadline_ns, error);
}

/* A worker that waits for memory says nothing, unless it is gone, or no honest one. */
static bool says_more(void *client)
{
    return clo_frame_socket_has_more(&((struct clo_worker_client *)client)->frames);
}

/* It asks for memory: within its limit it gets what is there. */
static int put_grant(struct client_run *run, const struct clo_frame *frame, struct clo_error *error)
{
    struct clo_worker_client *client = run->client;
    struct clo_cancel *cancel = run->run->cancel;
    struct clo_grant grant;
    uint64_t bytes, start = clo_monotonic_ns();
    bool may_wait;
    clo_accounts_begin_call(&run->accounts);
    if (start > run->accounts.calls_end_ns)
        return clo_fail(error, CLO_EGUEST, "it asked for memory after its time was up");
    int status = clo_frame_read_grow(frame, &bytes, &may_wait, error);
    if (!status)
        status = clo_reservation_ask(
            run->memory,
            &(struct clo_wish){.bytes = bytes,
                               .limit = run->limits->memory,
                               .may_wait = may_wait && start <= run->accounts.wall_end_ns,
                               .cancel = cancel,
                               .gone = says_more,
                               .context = client},
            &grant, error);
    if (status)
        return status;
    uint64_t now = clo_monotonic_ns();
    clo_accounts_stand_still(&run->accounts, grant.waited_ns);
    run->accounts.ceiling = grant.bytes < bytes ? grant.ceiling : 0;
    clo_accounts_count_call(&run->accounts, now - start - earlier(grant.waited_ns, now - start));
    clo_accounts_check_host(&run->accounts, now);
    clo_frame_put_grant(&client->frames, &grant, clo_cancel_is_set(cancel));
    return clo_frame_socket_flush(&client->frames, run->accounts.deadline_ns, error);
}

static int pass_on(int status, const struct clo_error *why, struct clo_error *error)
{
    if (error)
        *error = *why;
    return status;
}

static int take_result(struct client_run *run, const struct clo_frame *frame, bool *last,
                       struct clo_error *why)
{
    struct clo_run_result *result = run->result;
    int status = clo_frame_read_result(frame, run->limits, result, last, why);
    if (!status && result->error.kind == CLO_RUN_CANCELLED && !clo_cancel_is_set(run->run->cancel))
        status = clo_fail(why, CLO_EGUEST, "it says that the run was cancelled, and it was not");
    if (!status && (result->error.kind == CLO_RUN_SUSPENDED) && !run->suspended)
        status = clo_fail(why, CLO_EGUEST, "it says that the run is suspended, and it is not");
    if (!status && result->error.limit == CLO_LIMIT_TOTAL_MEMORY && !run->accounts.ceiling)
        status = clo_fail(why, CLO_EGUEST, "it says that it was refused memory, and it was not");
    if (!status && result->error.limit == CLO_LIMIT_TOTAL_MEMORY)
        result->error.limit_value = run->accounts.ceiling;
    if (!status)
        clo_accounts_fill(&run->accounts, &result->usage);
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
        status = put_answer(run, frame, &why);
    } else if (frame->type == CLO_FRAME_GROW) {
        status = put_grant(run, frame, &why);
    } else if (frame->type == CLO_FRAME_RESULT) {
        bool last = false;
        status = take_result(run, frame, &last, &why);
        if (status != CLO_EGUEST) {
            if (last)
                clo_worker_client_drop(run->client);
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
        status = frame->type == CLO_FRAME_HELLO
                     ? clo_fail(&why, CLO_EGUEST, "a second hello")
                     : clo_fail(&why, CLO_EGUEST, "a frame of type %d during a run", frame->type);
    }
    if (!status)
        return 0;
    status = end_without_worker(run, why.message, error);
    return status ? status : 1;
}

/* The next frame, unless the worker has had its time. */
static int next_frame(struct client_run *run, struct clo_frame *frame, struct clo_error *why)
{
    struct clo_worker_client *client = run->client;
    for (;;) {
        look_at_cancel(run);
        uint64_t until = clo_accounts_next_look(&run->accounts);
        if (run->run->cancel && !run->cancel_seen)
            until = earlier(until, clo_monotonic_ns() + CANCEL_LOOK_NS);
        int status = clo_frame_socket_receive(&client->frames, until, frame, why);
        if (status == CLO_ESYSTEM)
            return clo_fail(why, CLO_ESYSTEM, "it died");
        if (status && status != CLO_EBUSY)
            return status;
        uint64_t now = clo_monotonic_ns(); /* a frame that was there is no reason to go on */
        if (now >= run->accounts.deadline_ns)
            return clo_fail(why, CLO_EBUSY, "it did not end in time and was killed");
        if (now >= run->accounts.cpu_look_ns && !clo_accounts_look_at_cpu(&run->accounts))
            return clo_fail(why, CLO_EBUSY,
                            "it used more processor time than its limit and was killed");
        if (now >= run->accounts.memory_look_ns && !clo_accounts_look_at_memory(&run->accounts))
            return clo_fail(why, CLO_EBUSY,
                            "it had more memory than is reserved for it and was killed");
        if (!status)
            return 0;
    }
}

static int serve(struct client_run *run, struct clo_error *error)
{
    for (;;) {
        struct clo_frame frame;
        struct clo_error why;
        if (next_frame(run, &frame, &why))
            return end_without_worker(run, why.message, error);
        int status = on_frame(run, &frame, error);
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
        status = clo_worker_client_ensure(client, error);
        if (!status)
            status = clo_worker_client_await(client, error);
        if (!status && order->goes_on && !client->has_state)
            return clo_fail(error, CLO_ESYSTEM,
                            "the worker process was lost before the run of its state began");
        if (status)
            continue;
        clo_accounts_start_clock(&run->accounts);
        clo_frame_put_run(&client->frames, order, ++client->sequence);
        /* in a pool it says hello after each run that keeps no state */
        client->greeted = !client->config->pooled || order->keep_state;
        client->has_state = false;
        status = clo_frame_socket_flush(&client->frames, clo_monotonic_ns() + CLO_WORKER_SLACK_NS,
                                        error);
        if (status)
            clo_worker_client_drop(client);
    }
    return status;
}

static int check_size(const struct clo_order *order, struct clo_error *error)
{
    size_t arguments = order->more_tools_length;
    for (size_t i = 0; i < order->argument_count; i++)
        arguments += strlen(order->arguments[i]) + 1;
    if (order->code_length <= CLO_MESSAGE_MAX && arguments <= CLO_MESSAGE_MAX - order->code_length)
        return 0;
    return clo_fail(
        error, CLO_EINVALID,
        "the code has %zu bytes, its arguments and tools have %zu; at most %llu are allowed",
        order->code_length, arguments, CLO_MESSAGE_MAX);
}

static int go_on(struct client_run *run, const struct clo_suspended *suspended,
                 struct clo_error *error)
{
    int status = clo_capture_go_on(&run->capture, suspended->out, suspended->out_length,
                                   suspended->err, suspended->err_length, error);
    return status ? status : clo_suspended_go_on(suspended, run->client->calls, run->run, error);
}

int clo_worker_client_run(struct clo_worker_client *client, const struct clo_run *run,
                          const struct clo_mounts *mounts, struct clo_artifact_tree *output,
                          const struct clo_order *order, struct clo_suspended *suspended,
                          struct clo_reservation *memory, struct clo_run_result *result,
                          struct clo_error *error)
{
    const struct clo_limits *limits = &order->limits;
    struct client_run here = {.client = client,
                              .run = run,
                              .limits = limits,
                              .memory = memory,
                              .accounts = {.client = client, .limits = limits, .memory = memory},
                              .result = result};
    struct clo_run_used fresh = {.wall_end_ns = limits->wall_ms * NS_PER_MS};
    int status = check_size(order, error);
    if (!status)
        status = send_run(&here, order, error);
    if (status)
        return status;
    clo_capture_begin(&here.capture, run, limits->output);
    clo_host_calls_begin(client->calls, limits, run->cancel, client->frames.fd);
    clo_host_calls_input(client->calls, run);
    clo_host_calls_files(client->calls, mounts, output);
    clo_accounts_begin(&here.accounts, order->resume ? &suspended->used : &fresh);
    struct cancel_signal signal = {.handle = client->handle, .sequence = client->sequence};
    struct clo_cancel_watch watch = {.wake = send_cancel, .context = &signal};
    clo_cancel_add(run->cancel, &watch);
    if (order->resume)
        status = go_on(&here, suspended, error);
    if (status) /* it waits for its first answer */
        clo_worker_client_drop(client);
    else
        status = serve(&here, error);
    clo_cancel_remove(run->cancel, &watch);
    if (!status && result->error.kind == CLO_RUN_SUSPENDED) {
        uint64_t printed = here.capture.out.length + here.capture.err.length;
        struct clo_run_used used = clo_accounts_used(&here.accounts, &result->usage, printed);
        clo_suspended_collect(suspended, client->calls, order, mounts, &used);
    }
    clo_host_calls_end(client->calls);
    if (!status)
        status = clo_capture_finish(&here.capture, result, error);
    clo_capture_clear(&here.capture);
    return status;
}

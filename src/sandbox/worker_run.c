/* worker_run.c - a run in a worker: send it, answer its calls, take its output and result.
 *
 * A worker may be dead, stuck or taken over at any moment. Whatever it does costs the run in
 * progress at most; the worker is then killed, and the next run gets a new one.
 *
 * Nothing that a worker says moves its deadline or the account of what it used. An honest worker
 * ends its run within the grace once the time is up, wall time or processor time; a call that comes
 * later than that, or no result, has it killed. Only a tool that runs on this thread puts that off,
 * by as long as it outlasts the time: once if it began within the wall time, for Python raises only
 * when it is back, and then for no longer than the worker takes to end.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "sandbox/capture.h"
#include "sandbox/run/grace.h"
#include "sandbox/run/outcome.h"
#include "sandbox/worker/keeper.h"
#include "sandbox/worker/worker.h"
#include "sandbox/worker_client.h"
#include "sandbox/worker_client_state.h"

#define NS_PER_MS 1000000u
#define SLACK_NS (2000ull * NS_PER_MS) /* beyond wall time and grace, then a worker is killed */
#define CPU_LOOKS 4 /* times that the account is looked at on the way to its limit */
#define CPU_LOOK_MIN_NS (10ull * NS_PER_MS)
#define HOST_GUESS_MOST_NS NS_PER_MS        /* of calls, before this thread's clock is looked at */
#define CANCEL_LOOK_NS (250ull * NS_PER_MS) /* a run is looked at for its cancellation so often */
#define MEMORY_LOOK_NS (100ull * NS_PER_MS) /* so often its memory is looked at */
/* What an honest worker may have in a run beside what is counted: messages, in the guest's window, in
 * the worker's buffers and in those of its socket. */
#ifdef __SANITIZE_ADDRESS__ /* which keeps what was freed, 256 MiB of it, and more for each block */
#define MESSAGES_MOST (64 * CLO_MESSAGE_MAX)
#else
#define MESSAGES_MOST (6 * CLO_MESSAGE_MAX)
#endif
#define EXIT_WORKER 139

struct client_run {
    struct clo_worker_client *client;
    const struct clo_run *run;
    const struct clo_limits *limits;
    struct clo_reservation *memory;
    uint64_t ceiling; /* if that was why memory was last refused */
    struct clo_capture capture;
    struct clo_run_result *result;
    uint64_t start_ns, wall_end_ns; /* wall_end: when the run's time is up */
    uint64_t calls_end_ns;          /* a call that comes later has the worker killed */
    uint64_t deadline_ns;           /* when it is killed */
    uint64_t tool_ns;               /* waited for tools, where that counts apart */
    uint64_t cpu_look_ns;           /* when to look at its processor time again */
    uint64_t memory_look_ns;        /* and at its memory */
    uint64_t cpu_start_ns;          /* of the worker's clock */
    /* On this thread since the first call: as its clock said last, and what may have come since. */
    uint64_t host_start_ns, host_known_ns, host_guess_ns;
    uint64_t before_cpu_ns; /* that it had used when it was suspended */
    bool cancel_seen;
    bool suspended; /* its worker was told that it is: it has nothing to do but to say so */
};

/* For the thread that cancels a run: the descriptor stays open beyond the run (clo_worker_client_drop). */
struct cancel_signal {
    int handle;
    uint32_t sequence;
};

/* ---- accounts ---- */

/* 0 where it cannot be told: the kernel has no such clock, or the worker is gone and buried. */
static uint64_t worker_clock(const struct clo_worker_client *client)
{
    struct timespec time;
    if (!client->has_clock || clock_gettime(client->clock, &time))
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t worker_cpu_ns(const struct client_run *run)
{
    uint64_t now = worker_clock(run->client);
    return run->before_cpu_ns + (now > run->cpu_start_ns ? now - run->cpu_start_ns : 0);
}

/* What it has may not be more than what is reserved for it, whatever it said that it needs. */
static bool look_at_memory(struct client_run *run)
{
    const struct clo_worker_client *client = run->client;
    run->memory_look_ns = clo_monotonic_ns() + MEMORY_LOOK_NS;
    if (!client->own_bytes)
        return true;
    return clo_worker_client_resident(client) <=
           client->own_bytes + run->memory->bytes + CLO_MEMORY_BUDGET_OWN + MESSAGES_MOST;
}

/* What this process did for the run: on this thread and on the tool threads. */
static uint64_t host_cpu_ns(const struct client_run *run)
{
    return run->host_known_ns + run->host_guess_ns + clo_host_calls_cpu_ns(run->client->calls);
}

static void look_at_host(struct client_run *run)
{
    if (run->host_start_ns)
        run->host_known_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - run->host_start_ns;
    run->host_guess_ns = 0;
}

/* A call took so long: at most so much processor time, and seldom worth a look at the clock. */
static void count_call(struct client_run *run, uint64_t ns)
{
    run->host_guess_ns += ns;
    if (run->host_guess_ns >= HOST_GUESS_MOST_NS)
        look_at_host(run);
}

static uint64_t cpu_limit_ns(const struct client_run *run)
{
    return run->limits->cpu_ms * NS_PER_MS;
}

/* The time is up: no worker that stops Python then needs longer than this. */
static uint64_t end_after(uint64_t time)
{
    return time + clo_grace_most_ns() + SLACK_NS;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void end_by(struct client_run *run, uint64_t time)
{
    if (time < run->wall_end_ns)
        run->wall_end_ns = time;
    if (end_after(time) < run->calls_end_ns)
        run->calls_end_ns = end_after(time);
    if (end_after(time) < run->deadline_ns)
        run->deadline_ns = end_after(time);
}

/* A tool ran on this thread from `start` until now. */
static void outlast(struct client_run *run, uint64_t start, uint64_t now)
{
    if (start <= run->wall_end_ns && now > run->wall_end_ns)
        run->calls_end_ns = run->deadline_ns = end_after(now);
    else if (run->deadline_ns < now + SLACK_NS)
        run->deadline_ns = now + SLACK_NS;
}

/* Processor time of the worker alone: it has a thread for the guest, and may have made others. */
static bool look_at_cpu(struct client_run *run)
{
    uint64_t most = cpu_limit_ns(run) + clo_grace_most_ns() + SLACK_NS;
    uint64_t used = worker_cpu_ns(run);
    if (used >= most)
        return false;
    uint64_t wait = (most - used) / CPU_LOOKS;
    run->cpu_look_ns = clo_monotonic_ns() + (wait > CPU_LOOK_MIN_NS ? wait : CPU_LOOK_MIN_NS);
    return true;
}

/* The host's own counts in place of what the worker says. */
static void fill_usage(struct client_run *run, struct clo_usage *usage)
{
    look_at_host(run);
    const struct clo_worker_client *client = run->client;
    usage->wall_us = (clo_monotonic_ns() - run->start_ns) / 1000;
    usage->isolation = client->config->isolation;
    if (client->has_clock)
        usage->cpu_us = (worker_cpu_ns(run) + host_cpu_ns(run)) / 1000;
    else if (usage->cpu_us > usage->wall_us)
        usage->cpu_us = usage->wall_us;
    if (usage->memory_peak > run->limits->memory)
        usage->memory_peak = run->limits->memory;
    usage->host_calls = clo_host_calls_count(client->calls);
}

/* ---- a run ---- */

/* The worker is lost: the run ends with what is known of it. */
static int end_without_worker(struct client_run *run, const char *reason, struct clo_error *error)
{
    struct clo_error text;
    fill_usage(run, &run->result->usage);
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

/* A worker that was told to end the run has little time for it. */
static void look_at_cancel(struct client_run *run)
{
    if (run->cancel_seen || !clo_cancel_is_set(run->run->cancel))
        return;
    run->cancel_seen = true;
    uint64_t now = clo_monotonic_ns();
    end_by(run, now);
    if (now + SLACK_NS < run->deadline_ns)
        run->deadline_ns = run->calls_end_ns = now + SLACK_NS;
}

static uint64_t tool_left_ns(const struct client_run *run)
{
    uint64_t limit = run->limits->tool_ms * NS_PER_MS;
    return limit > run->tool_ns ? limit - run->tool_ns : 0;
}

/* The worker may name an earlier end of a wait than the host's, not a later one. */
static void bound_wait(const struct client_run *run, uint64_t now, struct clo_call *call)
{
    uint64_t end = now <= run->wall_end_ns ? run->wall_end_ns : run->calls_end_ns;
    if (call->deadline_ns > end)
        call->deadline_ns = end;
    if (run->limits->tool_ms && now <= run->wall_end_ns)
        end = now + tool_left_ns(run);
    if (call->tool_deadline_ns > end)
        call->tool_deadline_ns = end;
}

/* The run's time stands still for so long. */
static void stand_still(struct client_run *run, uint64_t ns)
{
    run->wall_end_ns += ns;
    run->calls_end_ns += ns;
    run->deadline_ns += ns;
}

/* Where tools have a time of their own the run's stands still meanwhile, by this process's clock. */
static void count_tools(struct client_run *run, uint64_t start, uint64_t ns)
{
    if (!run->limits->tool_ms || start > run->wall_end_ns)
        return;
    ns = earlier(ns, tool_left_ns(run));
    run->tool_ns += ns;
    stand_still(run, ns);
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
    if (!run->host_start_ns)
        run->host_start_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (start > run->calls_end_ns)
        return clo_fail(error, CLO_EGUEST, "it called the host after its time was up");
    int status = clo_frame_read_call(frame, &call, &why);
    if (!status) {
        bound_wait(run, start, &call);
        call.may_suspend &= run->run->suspend != NULL;
        status = clo_host_calls_call(client->calls, &call, &reply, &why);
    }
    bool cancelled = clo_cancel_is_set(run->run->cancel);
    uint64_t now = clo_monotonic_ns();
    count_call(run, now - start);
    reply.cpu_ns = host_cpu_ns(run);
    count_tools(run, start, reply.tool_ns);
    if (reply.on_thread)
        outlast(run, start, now);
    if (reply.cpu_ns >= cpu_limit_ns(run))
        end_by(run, now);
    run->suspended = !status && reply.status == CLO_CALL_SUSPENDED;
    if (status)
        clo_frame_put_violation(&client->frames, why.message);
    else
        clo_frame_put_reply(&client->frames, &reply, cancelled);
    clo_buffer_free(&reply.data);
    return clo_frame_socket_flush(&client->frames, run->deadline_ns, error);
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
    if (!run->host_start_ns)
        run->host_start_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (start > run->calls_end_ns)
        return clo_fail(error, CLO_EGUEST, "it asked for memory after its time was up");
    int status = clo_frame_read_grow(frame, &bytes, &may_wait, error);
    if (!status)
        status = clo_reservation_ask(
            run->memory,
            &(struct clo_wish){.bytes = bytes,
                               .limit = run->limits->memory,
                               .may_wait = may_wait && start <= run->wall_end_ns,
                               .cancel = cancel,
                               .gone = says_more,
                               .context = client},
            &grant, error);
    if (status)
        return status;
    uint64_t now = clo_monotonic_ns();
    stand_still(run, grant.waited_ns);
    run->ceiling = grant.bytes < bytes ? grant.ceiling : 0;
    count_call(run, now - start - earlier(grant.waited_ns, now - start));
    if (host_cpu_ns(run) >= cpu_limit_ns(run))
        end_by(run, now);
    clo_frame_put_grant(&client->frames, &grant, clo_cancel_is_set(cancel));
    return clo_frame_socket_flush(&client->frames, run->deadline_ns, error);
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
    if (!status && result->error.limit == CLO_LIMIT_TOTAL_MEMORY && !run->ceiling)
        status = clo_fail(why, CLO_EGUEST, "it says that it was refused memory, and it was not");
    if (!status && result->error.limit == CLO_LIMIT_TOTAL_MEMORY)
        result->error.limit_value = run->ceiling;
    if (!status)
        fill_usage(run, &result->usage);
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
        uint64_t until = earlier(earlier(run->cpu_look_ns, run->memory_look_ns), run->deadline_ns);
        if (run->run->cancel && !run->cancel_seen)
            until = earlier(until, clo_monotonic_ns() + CANCEL_LOOK_NS);
        int status = clo_frame_socket_receive(&client->frames, until, frame, why);
        if (status == CLO_ESYSTEM)
            return clo_fail(why, CLO_ESYSTEM, "it died");
        if (status && status != CLO_EBUSY)
            return status;
        uint64_t now = clo_monotonic_ns(); /* a frame that was there is no reason to go on */
        if (now >= run->deadline_ns)
            return clo_fail(why, CLO_EBUSY, "it did not end in time and was killed");
        if (now >= run->cpu_look_ns && !look_at_cpu(run))
            return clo_fail(why, CLO_EBUSY,
                            "it used more processor time than its limit and was killed");
        if (now >= run->memory_look_ns && !look_at_memory(run))
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
        run->cpu_start_ns = worker_clock(client);
        clo_frame_put_run(&client->frames, order, ++client->sequence);
        /* in a pool it says hello after each run that keeps no state */
        client->greeted = !client->config->pooled || order->keep_state;
        client->has_state = false;
        status = clo_frame_socket_flush(&client->frames, clo_monotonic_ns() + SLACK_NS, error);
        if (status)
            clo_worker_client_drop(client);
    }
    return status;
}

static int check_size(const struct clo_order *order, struct clo_error *error)
{
    size_t arguments = 0;
    for (size_t i = 0; i < order->argument_count; i++)
        arguments += strlen(order->arguments[i]) + 1;
    if (order->code_length <= CLO_MESSAGE_MAX && arguments <= CLO_MESSAGE_MAX - order->code_length)
        return 0;
    return clo_fail(error, CLO_EINVALID,
                    "the code has %zu bytes and its arguments %zu; at most %llu are allowed",
                    order->code_length, arguments, CLO_MESSAGE_MAX);
}

/* By this side's account. */
static struct clo_run_used used_by(const struct client_run *run, const struct clo_capture *capture)
{
    return (struct clo_run_used){.wall_ns = clo_monotonic_ns() - run->start_ns,
                                 .wall_end_ns = run->wall_end_ns - run->start_ns,
                                 .tool_ns = run->tool_ns,
                                 .cpu_ns = run->result->usage.cpu_us * 1000,
                                 .output = capture->out.length + capture->err.length,
                                 .ceiling = run->ceiling};
}

/* The accounts of a run that begins, or goes on as if it had begun so long ago. */
static void begin_accounts(struct client_run *run, const struct clo_run_used *used)
{
    uint64_t now = clo_monotonic_ns();
    run->start_ns = now - used->wall_ns;
    run->wall_end_ns = run->start_ns + used->wall_end_ns;
    run->tool_ns = used->tool_ns;
    run->before_cpu_ns = used->cpu_ns;
    run->ceiling = used->ceiling;
    run->calls_end_ns = run->deadline_ns =
        end_after(run->wall_end_ns > now ? run->wall_end_ns : now);
    run->memory_look_ns = now + MEMORY_LOOK_NS;
    run->cpu_look_ns = now + cpu_limit_ns(run) / CPU_LOOKS;
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
    struct client_run here = {
        .client = client, .run = run, .limits = limits, .memory = memory, .result = result};
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
    begin_accounts(&here, order->resume ? &suspended->used : &fresh);
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
        struct clo_run_used used = used_by(&here, &here.capture);
        clo_suspended_collect(suspended, client->calls, order, mounts, &used);
    }
    clo_host_calls_end(client->calls);
    if (!status)
        status = clo_capture_finish(&here.capture, result, error);
    clo_capture_clear(&here.capture);
    return status;
}

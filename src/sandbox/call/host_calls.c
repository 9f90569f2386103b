/* host_calls.c - answering host calls: what is refused, what runs here, what is submitted. */
#include "sandbox/call/host_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/poll.h"
#include "sandbox/call/pending_calls.h"
#include "sandbox/call/tool_call.h"
#include "sandbox/files/files.h"

#define NAP_NS 1000000000u
#define NS_PER_MS 1000000u
#define INPUT_WAIT_MS 100u /* between two looks at deadline and cancel */

struct clo_host_calls {
    const struct clo_tool_set *tools;
    struct clo_files *files;
    bool has_files; /* something is mounted in this run */
    struct clo_pending_calls *pending_calls;
    struct clo_limits limits;
    struct clo_cancel *cancel;
    int abort_fd;
    uint64_t submitted;
    const struct clo_run *run; /* where standard input comes from; NULL: there is none */
    size_t input_taken;        /* bytes of run->input */
    bool no_tools;             /* this run reaches none */
    struct clo_run_tools *own; /* of this run; NULL: it has none */
};

int clo_host_calls_create(struct clo_host_calls **result, const struct clo_tool_set *tools,
                          struct clo_executor *threads, struct clo_error *error)
{
    struct clo_host_calls *calls = calloc(1, sizeof *calls);
    *result = calls;
    if (!calls)
        return clo_fail_memory(error);
    calls->tools = tools;
    calls->abort_fd = -1;
    int status = clo_files_create(&calls->files, error);
    if (!status)
        status = clo_pending_calls_create(&calls->pending_calls, threads, error);
    if (status) {
        clo_files_free(calls->files);
        free(calls);
        *result = NULL;
    }
    return status;
}

void clo_host_calls_free(struct clo_host_calls *calls)
{
    if (!calls)
        return;
    clo_pending_calls_free(calls->pending_calls);
    clo_files_free(calls->files);
    free(calls);
}

void clo_host_calls_begin(struct clo_host_calls *calls, const struct clo_limits *limits,
                          struct clo_cancel *cancel, int abort_fd)
{
    calls->limits = *limits;
    calls->cancel = cancel;
    calls->abort_fd = abort_fd;
    calls->submitted = 0;
    calls->run = NULL;
    calls->no_tools = false;
    calls->own = NULL;
    calls->has_files = false;
}

void clo_host_calls_files(struct clo_host_calls *calls, const struct clo_mounts *mounts,
                          struct clo_artifact_tree *output)
{
    calls->has_files = mounts->count > 0 || output;
    clo_files_begin(calls->files, mounts, output);
}

void clo_host_calls_input(struct clo_host_calls *calls, const struct clo_run *run)
{
    calls->no_tools = run->no_tools;
    calls->own = run->tools;
    calls->run = run->input || run->on_input ? run : NULL;
    calls->input_taken = 0;
}

void clo_host_calls_keep(const struct clo_host_calls *calls, struct clo_host_calls_kept *kept)
{
    *kept = (struct clo_host_calls_kept){.submitted = calls->submitted,
                                         .input_taken = calls->input_taken,
                                         .pending_calls = calls->pending_calls,
                                         .files = calls->files};
}

void clo_host_calls_go_on(struct clo_host_calls *calls, const struct clo_host_calls_kept *kept)
{
    calls->submitted = kept->submitted;
    calls->input_taken = (size_t)kept->input_taken;
}

uint64_t clo_host_calls_count(const struct clo_host_calls *calls)
{
    return calls->submitted;
}

uint64_t clo_host_calls_cpu_ns(const struct clo_host_calls *calls)
{
    return clo_pending_calls_cpu_ns(calls->pending_calls);
}

static void refuse_limit(struct clo_host_calls *calls, struct clo_call_reply *reply,
                         enum clo_limit limit)
{
    char text[CLO_LIMIT_TEXT_MAX];
    clo_limit_text(text, limit, clo_limit_value(&calls->limits, limit));
    clo_tool_call_message(&reply->data, text);
    reply->status = CLO_CALL_REFUSED;
    reply->limit = limit;
}

/* Somebody else has to answer: the call is in flight, as one that was submitted. */
static void await_other(struct clo_host_calls *calls, const struct clo_call *call,
                        struct clo_tool_call *arguments, struct clo_call_reply *reply)
{
    struct clo_error error;
    struct clo_pending_call *pending =
        clo_pending_call_create(calls->pending_calls, call->id, &error);
    if (pending) {
        pending->arguments = *arguments;
        *arguments = (struct clo_tool_call){0};
        if (clo_pending_call_suspend(pending, &error) == 0)
            return;
        clo_pending_call_drop(pending);
    }
    reply->status = clo_tool_call_error(&reply->data, &error);
}

static void call_now(struct clo_host_calls *calls, const struct clo_call *call,
                     struct clo_call_reply *reply)
{
    struct clo_tool_call arguments;
    struct clo_error error;
    if (clo_tool_call_read(calls->tools, calls->own, call->message, call->length, &arguments,
                           &error)) {
        reply->status = clo_tool_call_error(&reply->data, &error);
        return;
    }
    reply->on_thread = true;
    arguments.may_suspend = call->may_suspend;
    uint64_t start = calls->limits.tool_ms ? clo_monotonic_ns() : 0;
    reply->data.limit = calls->limits.host_call_bytes;
    reply->status =
        clo_tool_call_run(&arguments, call->tool_deadline_ns, calls->cancel, &reply->data);
    if (start)
        reply->tool_ns = clo_monotonic_ns() - start;
    reply->data.limit = CLO_MESSAGE_MAX;
    if (reply->status == CLO_CALL_SUSPENDED)
        await_other(calls, call, &arguments, reply);
    clo_tool_call_clear(&arguments);
}

/* To be answered by a tool thread, and fetched by a wait. What is wrong with the call itself is
 * such an answer too; only what there is no room for is refused now. */
static void submit(struct clo_host_calls *calls, const struct clo_call *call,
                   struct clo_call_reply *reply)
{
    struct clo_error error;
    struct clo_pending_call *pending =
        clo_pending_call_create(calls->pending_calls, call->id, &error);
    int status = pending ? 0 : (int)error.code;
    if (pending) {
        pending->deadline_ns =
            call->tool_deadline_ns > call->deadline_ns ? call->tool_deadline_ns : call->deadline_ns;
        pending->reply = CLO_BUFFER(calls->limits.host_call_bytes);
        status = clo_tool_call_read(calls->tools, calls->own, call->message, call->length,
                                    &pending->arguments, &error);
        pending->arguments.may_suspend = call->may_suspend;
        if (!status)
            status = clo_pending_call_start(pending, &error);
    }
    if (!status)
        return;
    if (pending && status != CLO_EBUSY) {
        clo_pending_call_finish(pending, &error);
        return;
    }
    if (pending)
        clo_pending_call_drop(pending);
    clo_tool_call_message(&reply->data, error.message);
    reply->status = CLO_CALL_REFUSED;
}

int clo_host_calls_again(struct clo_host_calls *calls, const struct clo_host_call_again *again,
                         struct clo_error *error)
{
    struct clo_error why;
    struct clo_pending_call *pending =
        clo_pending_call_create(calls->pending_calls, again->id, &why);
    if (!pending)
        return clo_fail(error, why.code, "%s", why.message);
    pending->deadline_ns = again->deadline_ns;
    pending->reply = CLO_BUFFER(calls->limits.host_call_bytes);
    int status = clo_tool_call_reread(calls->tools, calls->own, again->tool, again->arguments,
                                      again->length, &pending->arguments, &why);
    pending->arguments.may_suspend = again->may_suspend;
    if (!status)
        status = clo_pending_call_start(pending, &why);
    if (!status)
        return 0;
    clo_tool_call_clear(&pending->arguments);
    clo_pending_call_finish(pending, &why);
    return 0;
}

/* ---- standard input ---- */

static bool must_end(const struct clo_host_calls *calls, const struct clo_call *call, uint64_t now)
{
    struct pollfd abort = {.fd = calls->abort_fd, .events = POLLIN};
    return now >= call->deadline_ns || clo_cancel_is_set(calls->cancel) ||
           (calls->abort_fd >= 0 && poll(&abort, 1, 0) > 0);
}

/* Up to `wanted` bytes of the caller's function into `data`; negative: the wait must end. */
static ptrdiff_t ask_caller(const struct clo_host_calls *calls, const struct clo_call *call,
                            char *data, size_t wanted)
{
    const struct clo_run *run = calls->run;
    for (;;) {
        uint64_t now = clo_monotonic_ns();
        if (must_end(calls, call, now))
            return -1;
        uint64_t left = (call->deadline_ns - now) / NS_PER_MS + 1;
        ptrdiff_t length =
            run->on_input(run->context, data, wanted, left < INPUT_WAIT_MS ? left : INPUT_WAIT_MS);
        if (length >= 0)
            return (size_t)length <= wanted ? length : (ptrdiff_t)wanted;
    }
}

static void read_input(struct clo_host_calls *calls, const struct clo_call *call,
                       struct clo_call_reply *reply, size_t wanted)
{
    const struct clo_run *run = calls->run;
    char data[CLO_INPUT_MAX];
    uint64_t before = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (run->on_input) {
        ptrdiff_t length = ask_caller(calls, call, data, wanted);
        if (length < 0)
            reply->status = CLO_CALL_INTERRUPTED;
        else
            clo_buffer_append(&reply->data, data, (size_t)length);
    } else {
        size_t left = run->input_length - calls->input_taken;
        if (wanted > left)
            wanted = left;
        clo_buffer_append(&reply->data, run->input + calls->input_taken, wanted);
        calls->input_taken += wanted;
    }
    if (reply->data.failed) {
        reply->status = CLO_CALL_ERROR;
        clo_tool_call_message(&reply->data, "the host is out of memory");
    }
    reply->cpu_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
}

/* The call asks for the next bytes of input: how many, or 0 where it is not well-formed. */
static size_t input_wanted(const struct clo_host_calls *calls, const struct clo_call *call)
{
    uint32_t wanted;
    if (call->length != sizeof wanted)
        return 0;
    memcpy(&wanted, call->message, sizeof wanted);
    if (wanted > CLO_INPUT_MAX)
        return 0;
    return wanted < calls->limits.host_call_bytes ? wanted : calls->limits.host_call_bytes;
}

/* ---- waiting ---- */

static bool fetch(struct clo_host_calls *calls, uint32_t wait_id, struct clo_call_reply *reply)
{
    struct clo_pending_call *pending =
        wait_id == CLO_WAIT_NONE ? NULL : clo_pending_calls_fetch(calls->pending_calls, wait_id);
    if (!pending)
        return false;
    reply->status = pending->status;
    reply->id = pending->id;
    clo_buffer_reset(&reply->data);
    clo_buffer_append(&reply->data, pending->reply.data, pending->reply.length);
    if (reply->data.failed) {
        reply->status = CLO_CALL_ERROR;
        clo_tool_call_message(&reply->data, "the host is out of memory");
    }
    clo_pending_call_drop(pending);
    return true;
}

/* Sleep until something may have changed or `until`, but not for long: a call whose end could not
 * be signalled must still be found. True: the wait must end. */
static bool sleep_until(struct clo_host_calls *calls, uint64_t now, uint64_t until)
{
    struct pollfd fds[3] = {{.fd = clo_pending_calls_event(calls->pending_calls), .events = POLLIN},
                            {.fd = clo_cancel_fd(calls->cancel), .events = POLLIN},
                            {.fd = calls->abort_fd, .events = POLLIN}};
    if (clo_poll_until(fds, 3, until - now < NAP_NS ? until : now + NAP_NS) <= 0)
        return false;
    uint64_t count;
    if (fds[0].revents && read(fds[0].fd, &count, sizeof count) < 0)
        return errno != EAGAIN && errno != EINTR;
    return fds[1].revents || fds[2].revents;
}

static int check_wait(struct clo_host_calls *calls, const struct clo_call *call,
                      struct clo_error *error)
{
    uint32_t id = call->wait_id;
    if (!id || id == CLO_WAIT_NONE || clo_pending_calls_have(calls->pending_calls, id))
        return 0;
    return clo_fail(error, CLO_EGUEST, "a wait for call %" PRIu32 ", which is not in flight", id);
}

static void wait_until(struct clo_host_calls *calls, const struct clo_call *call, uint64_t deadline,
                       struct clo_call_reply *reply)
{
    uint64_t now = clo_monotonic_ns();
    uint64_t timeout = call->timeout_ns < UINT64_MAX - now ? now + call->timeout_ns : UINT64_MAX;
    for (;;) {
        if (fetch(calls, call->wait_id, reply))
            return;
        bool timed_out = now >= timeout;
        if (timed_out || now >= deadline || clo_cancel_is_set(calls->cancel)) {
            reply->status = timed_out ? CLO_CALL_PENDING : CLO_CALL_INTERRUPTED;
            return;
        }
        /* a time-out that the run lives to see is something to wait for */
        if (call->may_suspend && timeout >= deadline &&
            clo_pending_calls_rest(calls->pending_calls, call->wait_id)) {
            reply->status = CLO_CALL_SUSPENDED;
            return;
        }
        uint64_t until = timeout < deadline ? timeout : deadline;
        if (sleep_until(calls, now, until)) {
            reply->status = CLO_CALL_INTERRUPTED;
            return;
        }
        now = clo_monotonic_ns();
    }
}

static int wait_for(struct clo_host_calls *calls, const struct clo_call *call,
                    struct clo_call_reply *reply, struct clo_error *error)
{
    int status = check_wait(calls, call, error);
    if (status)
        return status;
    bool tools = calls->limits.tool_ms && call->wait_id != CLO_WAIT_NONE &&
                 clo_pending_calls_any(calls->pending_calls);
    uint64_t start = clo_monotonic_ns();
    wait_until(calls, call, tools ? call->tool_deadline_ns : call->deadline_ns, reply);
    if (tools)
        reply->tool_ns += clo_monotonic_ns() - start;
    return 0;
}

/* ---- the public side ---- */

static int check_call(struct clo_host_calls *calls, const struct clo_call *call,
                      struct clo_error *error)
{
    if (!call->flags || (call->flags & ~(CLO_CALL_SUBMIT | CLO_CALL_WAIT)))
        return clo_fail(error, CLO_EGUEST, "a host call with the flags 0x%" PRIx32, call->flags);
    if (!(call->flags & CLO_CALL_SUBMIT))
        return 0;
    if (!call->id || call->id == CLO_WAIT_NONE)
        return clo_fail(error, CLO_EGUEST, "a host call with the id %" PRIu32, call->id);
    if (clo_pending_calls_have(calls->pending_calls, call->id))
        return clo_fail(error, CLO_EGUEST, "a host call with the id %" PRIu32 ", which is in use",
                        call->id);
    return 0;
}

/* True: the submitted call is refused, and reply says why. */
static bool refuse(struct clo_host_calls *calls, const struct clo_call *call,
                   struct clo_call_reply *reply)
{
    if (call->kind != CLO_CALL_FILE && calls->submitted >= calls->limits.host_calls) {
        refuse_limit(calls, reply, CLO_LIMIT_HOST_CALLS);
        return true;
    }
    calls->submitted += call->kind != CLO_CALL_FILE;
    if (call->kind == CLO_CALL_FILE && calls->has_files)
        return false; /* files.c has ceilings of its own */
    if (call->length > calls->limits.host_call_bytes) {
        refuse_limit(calls, reply, CLO_LIMIT_HOST_CALL_BYTES);
        return true;
    }
    if (call->kind == CLO_CALL_FILE) {
        clo_tool_call_message(&reply->data, "this run has nothing mounted");
        reply->status = CLO_CALL_REFUSED;
        return true;
    }
    if (call->kind != CLO_CALL_TOOL && call->kind != CLO_CALL_INPUT) {
        clo_tool_call_message(&reply->data, "this host knows no such kind of call");
        reply->status = CLO_CALL_REFUSED;
        return true;
    }
    if (call->kind == CLO_CALL_TOOL && calls->no_tools) {
        clo_tool_call_message(&reply->data, "this run has no tools");
        reply->status = CLO_CALL_REFUSED;
        return true;
    }
    if (call->kind == CLO_CALL_INPUT && !calls->run) {
        clo_tool_call_message(&reply->data, "this run has no standard input");
        reply->status = CLO_CALL_REFUSED;
        return true;
    }
    return false;
}

static int serve(struct clo_host_calls *calls, const struct clo_call *call,
                 struct clo_call_reply *reply, struct clo_error *error)
{
    int status = check_call(calls, call, error);
    if (status)
        return status;
    if (call->flags & CLO_CALL_SUBMIT) {
        if (refuse(calls, call, reply))
            return 0;
        bool synchronous = (call->flags & CLO_CALL_WAIT) && call->wait_id == call->id &&
                           call->timeout_ns == CLO_TIMEOUT_NONE;
        if (call->kind == CLO_CALL_INPUT) {
            size_t wanted = synchronous ? input_wanted(calls, call) : 0;
            if (!wanted)
                return clo_fail(error, CLO_EGUEST,
                                "a reading of input that is not a wait for 1 to 65536 bytes");
            read_input(calls, call, reply, wanted);
            return 0;
        }
        if (call->kind == CLO_CALL_FILE) {
            if (!synchronous)
                return clo_fail(error, CLO_EGUEST, "a look at a file that is not waited for");
            return clo_files_answer(calls->files, call->message, call->length, &reply->data,
                                    &reply->descriptor, error);
        }
        if (synchronous) {
            call_now(calls, call, reply);
            if (reply->status != CLO_CALL_SUSPENDED)
                return 0;
            reply->status = CLO_CALL_OK; /* until that wait says otherwise */
            return wait_for(calls, call, reply, error);
        }
        submit(calls, call, reply);
        if (reply->status != CLO_CALL_OK)
            return 0;
    }
    return call->flags & CLO_CALL_WAIT ? wait_for(calls, call, reply, error) : 0;
}

int clo_host_calls_call(struct clo_host_calls *calls, const struct clo_call *call,
                        struct clo_call_reply *reply, struct clo_error *error)
{
    reply->status = CLO_CALL_OK;
    reply->id = call->id;
    reply->limit = CLO_LIMIT_NONE;
    reply->on_thread = false;
    reply->tool_ns = 0;
    reply->descriptor = -1;
    reply->data.limit = CLO_MESSAGE_MAX;
    clo_buffer_reset(&reply->data);
    int status = serve(calls, call, reply, error);
    reply->cpu_ns = clo_host_calls_cpu_ns(calls);
    return status;
}

void clo_host_calls_end(struct clo_host_calls *calls)
{
    clo_pending_calls_end(calls->pending_calls);
    clo_files_end(calls->files);
    calls->run = NULL;
    calls->has_files = false;
}

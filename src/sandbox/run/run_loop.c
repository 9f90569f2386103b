/* run_loop.c - the run loop: one switch over why the guest stopped, one over what it asks. */
#include "sandbox/run/run_loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define NS_PER_MS 1000000u
#define CPU_NOTICE_NS (10u * NS_PER_MS) /* used elsewhere: then the alarm is set anew */
#define LOOK_MIN_NS NS_PER_MS           /* between two looks at processor time */

/* What an exit leads to: go on (0), the run has ended (1), or a negative status. */
enum { GO_ON = 0, ENDED = 1 };

/* Processor time that was used by the guest and for it so far. */
static uint64_t cpu_ns(const struct clo_run_loop *run)
{
    return clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - run->cpu_start_ns + run->cpu_elsewhere_ns;
}

static int ended(int status)
{
    return status ? status : ENDED;
}

static int broken_contract(struct clo_run_loop *run, const char *reason, struct clo_error *error)
{
    return ended(clo_run_end_guest(run, reason, error));
}

static struct clo_grace_left grace_left(const struct clo_run_loop *run)
{
    return clo_grace_left(&run->grace, clo_monotonic_ns(), cpu_ns(run));
}

/* A limit is reached: let Python raise, and stop it if it has not ended when the grace is over. */
static int interrupt(struct clo_run_loop *run, enum clo_limit limit, struct clo_error *error)
{
    char text[CLO_LIMIT_TEXT_MAX];
    clo_limit_text(text, limit, clo_limit_value(&run->order->limits, limit));
    run->reached = limit;
    struct clo_control *control = clo_vm_control(run->vm);
    snprintf(control->interrupt_reason, sizeof control->interrupt_reason, "%s: %s",
             clo_limit_type(limit), text);
    if (!clo_vm_interrupt(run->vm))
        return ended(clo_run_end_stopped(run, error));
    clo_grace_begin(&run->grace, &run->order->limits, clo_monotonic_ns(), cpu_ns(run));
    struct clo_grace_left left = grace_left(run);
    return clo_vm_alarm(run->vm, left.wall_ns, left.cpu_ns, error);
}

/* ---- host calls ---- */

static uint64_t wait_deadline(const struct clo_run_loop *run)
{
    return run->reached ? clo_monotonic_ns() + grace_left(run).wait_ns : run->deadline_ns;
}

/* The end of a wait for tools: where they have a time of their own, the wall time stands still. */
static uint64_t tool_deadline(const struct clo_run_loop *run, uint64_t now, uint64_t deadline)
{
    uint64_t limit = run->order->limits.tool_ms * NS_PER_MS;
    if (!limit || run->reached)
        return deadline;
    return run->tool_ns < limit ? now + (limit - run->tool_ns) : now;
}

/* What the host says of a call's wait for tools; true: their time is up. */
static bool count_tools(struct clo_run_loop *run, uint64_t ns)
{
    uint64_t limit = run->order->limits.tool_ms * NS_PER_MS;
    if (!limit || run->reached)
        return false;
    run->tool_ns += ns;
    run->deadline_ns += ns;
    return run->tool_ns >= limit;
}

/* Copy the guest's message out of the call area. */
static int take_message(struct clo_run_loop *run, const struct clo_control *control,
                        struct clo_error *error)
{
    uint64_t offset = control->message_offset, length = control->message_length;
    if (offset > CLO_MESSAGE_MAX || length > CLO_MESSAGE_MAX - offset)
        return clo_fail(error, CLO_EGUEST,
                        "a message of %" PRIu64 " bytes at %" PRIu64 " in an area of %llu", length,
                        offset, CLO_MESSAGE_MAX);
    clo_vm_used_call(run->vm, offset + length);
    clo_buffer_wipe(&run->runner->message);
    if (clo_buffer_append(&run->runner->message, clo_vm_call_area(run->vm) + offset, length))
        return clo_fail_memory(error);
    return 0;
}

static void write_reply(struct clo_run_loop *run, const struct clo_call_reply *reply)
{
    struct clo_control *control = clo_vm_control(run->vm);
    if (reply->data.length) {
        memcpy(clo_vm_reply_area(run->vm), reply->data.data, reply->data.length);
        clo_vm_used_reply(run->vm, reply->data.length);
    }
    control->status = reply->status;
    control->reply_id = reply->id;
    control->reply_length = (uint32_t)reply->data.length;
}

/* Look again when the next limit can be reached: processor time passes no faster than time. */
static int set_alarm(struct clo_run_loop *run, uint64_t now, uint64_t cpu_left,
                     struct clo_error *error)
{
    uint64_t look = now + (cpu_left > LOOK_MIN_NS ? cpu_left : LOOK_MIN_NS);
    run->cpu_armed_ns = run->cpu_elsewhere_ns;
    return clo_vm_alarm_by(run->vm, now, look < run->deadline_ns ? look : run->deadline_ns, error);
}

/* Go on until the next limit in time; or it is reached. */
static int watch_limits(struct clo_run_loop *run, struct clo_error *error)
{
    uint64_t now = clo_monotonic_ns();
    if (now >= run->deadline_ns)
        return interrupt(run, CLO_LIMIT_WALL, error);
    uint64_t cpu = cpu_ns(run);
    uint64_t cpu_limit = run->order->limits.cpu_ms * NS_PER_MS;
    if (cpu >= cpu_limit)
        return interrupt(run, CLO_LIMIT_CPU, error);
    return set_alarm(run, now, cpu_limit - cpu, error);
}

/* What other threads did for the run, its alarm does not count. */
static int look_elsewhere(struct clo_run_loop *run, struct clo_error *error)
{
    if (run->reached || run->cpu_elsewhere_ns - run->cpu_armed_ns < CPU_NOTICE_NS)
        return GO_ON;
    return watch_limits(run, error);
}

/* A call that was made in the grace: its time counts once, as processor time or as a wait. */
static void count_grace(struct clo_run_loop *run, uint64_t start, uint64_t cpu_start)
{
    uint64_t passed = clo_monotonic_ns() - start, cpu = cpu_ns(run) - cpu_start;
    clo_grace_waited(&run->grace, passed > cpu ? passed - cpu : 0);
}

/* A look at a mounted file that is answered here. 1: it was; 0: the host is to be asked. */
static int on_read(struct clo_run_loop *run, const struct clo_call *call, struct clo_error *error)
{
    struct clo_control *control = clo_vm_control(run->vm);
    size_t length;
    int status = clo_run_files_take(&run->runner->files, run->vm, call->message, call->length,
                                    &length, error);
    if (status > 0) {
        control->status = CLO_CALL_OK;
        control->reply_id = call->id;
        control->reply_length = (uint32_t)length;
    }
    return status;
}

/* Before the guest learns of it: it goes on at this very call. */
static int on_suspended(struct clo_run_loop *run, const struct clo_call *call,
                        struct clo_error *error)
{
    if (!call->may_suspend)
        return clo_fail(error, CLO_EINTERNAL, "a run that cannot be suspended was");
    return ended(run->host->cancelled(run->host->context) ? clo_run_end_cancelled(run, error)
                                                          : clo_run_end_suspended(run, error));
}

static int on_call(struct clo_run_loop *run, const struct clo_control *control,
                   struct clo_error *error)
{
    struct clo_call_reply *reply = &run->runner->reply;
    struct clo_call call = {.flags = control->flags,
                            .kind = control->kind,
                            .id = control->call_id,
                            .wait_id = control->wait_id,
                            .timeout_ns = control->timeout_ns,
                            .deadline_ns = wait_deadline(run),
                            .may_suspend = run->order->may_suspend && !run->reached};
    uint64_t before = clo_monotonic_ns(), cpu_before = run->reached ? cpu_ns(run) : 0;
    call.tool_deadline_ns = tool_deadline(run, before, call.deadline_ns);
    int status = 0;
    if (call.flags & CLO_CALL_SUBMIT) {
        status = take_message(run, control, error);
        call.message = (const uint8_t *)run->runner->message.data;
        call.length = run->runner->message.length;
    }
    if (!status && call.kind == CLO_CALL_FILE && (call.flags & CLO_CALL_SUBMIT)) {
        status = on_read(run, &call, error);
        if (status > 0)
            return GO_ON;
    }
    reply->descriptor = -1;
    if (!status)
        status = run->host->answer(run->host->context, &call, reply, error);
    clo_run_files_keep(&run->runner->files, reply);
    if (status == CLO_EGUEST)
        return broken_contract(run, error->message, error);
    if (status)
        return status;
    run->cpu_elsewhere_ns = reply->cpu_ns;
    if (run->reached)
        count_grace(run, before, cpu_before);
    bool tools_over = count_tools(run, reply->tool_ns);
    if (reply->status == CLO_CALL_SUSPENDED)
        return on_suspended(run, &call, error);
    /* A wait for tools ends by their time alone. The host counts it from when it heard of it, which
     * may be too late for all of that time to be counted. */
    tools_over |= reply->status == CLO_CALL_INTERRUPTED && reply->tool_ns;
    enum clo_limit limit = tools_over ? CLO_LIMIT_TOOL : CLO_LIMIT_WALL;
    if (reply->status == CLO_CALL_REFUSED || reply->status == CLO_CALL_ERROR) {
        run->refused = reply->limit;
        if (call.kind != CLO_CALL_TOOL &&
            reply->limit) { /* who reads a file takes no message: Python raises */
            reply->status = CLO_CALL_INTERRUPTED;
            limit = reply->limit;
        }
    }
    if (reply->status == CLO_CALL_INTERRUPTED) {
        if (run->host->cancelled(run->host->context))
            return ended(clo_run_end_cancelled(run, error));
        if (run->reached)
            return ended(clo_run_end_stopped(run, error));
        status = interrupt(run, limit, error);
    } else if (tools_over) {
        status = interrupt(run, CLO_LIMIT_TOOL, error);
    } else {
        status = look_elsewhere(run, error);
    }
    write_reply(run, reply);
    return status;
}

/* Memory beyond what is reserved: the host is asked, who may let the run wait for it. */
static int reserve(struct clo_run_loop *run, uint64_t bytes, struct clo_error *error)
{
    struct clo_grant grant = {.bytes = run->reserved};
    int status = run->host->reserve(run->host->context, bytes, !run->reached, &grant, error);
    if (status == CLO_EGUEST)
        return broken_contract(run, error->message, error);
    if (status)
        return status;
    run->reserved = grant.bytes;
    if (!run->reached)
        run->deadline_ns += grant.waited_ns;
    if (grant.bytes < bytes)
        run->ceiling = grant.ceiling;
    return run->host->cancelled(run->host->context) ? ended(clo_run_end_cancelled(run, error))
                                                    : GO_ON;
}

static int on_grow(struct clo_run_loop *run, const struct clo_control *control,
                   struct clo_error *error)
{
    uint64_t region = control->args[0], size = control->args[1];
    char reason[160];
    if (region >= CLO_REGION_COUNT) {
        snprintf(reason, sizeof reason, "growth of memory region %" PRIu64 ", which is unknown",
                 region);
        return broken_contract(run, reason, error);
    }
    uint64_t now = clo_vm_region_size(run->vm, (enum clo_region)region);
    uint64_t other = clo_vm_region_size(run->vm, region == CLO_REGION_LINEAR ? CLO_REGION_HEAP
                                                                             : CLO_REGION_LINEAR);
    if (size <= now || size % CLO_WASM_PAGE_SIZE) {
        snprintf(reason, sizeof reason,
                 "growth of memory region %" PRIu64 " to %" PRIu64 " bytes, where it has %" PRIu64
                 " and grows by multiples of 64 KiB",
                 region, size, now);
        return broken_contract(run, reason, error);
    }
    uint64_t limit = run->order->limits.memory;
    bool granted = size <= limit && other <= limit - size;
    run->ceiling = 0;
    if (granted && run->host->reserve && size + other > run->reserved) {
        int status = reserve(run, size + other, error);
        if (status)
            return status;
        granted = run->ceiling == 0;
    }
    granted = granted && clo_vm_grow(run->vm, (enum clo_region)region, size, error) == 0;
    run->memory_refused |= !granted;
    clo_vm_control(run->vm)->status = granted ? 0 : 1;
    return GO_ON;
}

static int on_done(struct clo_run_loop *run, const struct clo_control *control,
                   struct clo_error *error)
{
    struct clo_error why;
    if (take_message(run, control, &why))
        return broken_contract(run, why.message, error);
    const struct clo_buffer *message = &run->runner->message;
    int status = clo_run_end_done(run, (const uint8_t *)message->data, message->length, &why);
    if (status == CLO_EGUEST)
        return broken_contract(run, why.message, error);
    if (status)
        *error = why;
    return status ? status : ENDED;
}

static int on_trap(struct clo_run_loop *run, const struct clo_control *control,
                   struct clo_error *error)
{
    char text[CLO_FAULT_TEXT_MAX];
    const char *type = clo_trap_describe(control->args[0], text);
    if (!type) {
        snprintf(text, sizeof text, "an unknown Wasm trap, %" PRIu64, control->args[0]);
        return broken_contract(run, text, error);
    }
    if (control->args[0] == CLO_TRAP_UNREACHABLE && run->memory_refused)
        return ended(
            clo_run_end_out_of_memory(run, error)); /* the program aborted for want of it */
    return ended(clo_run_end_fault(run, type, text, error));
}

static int on_unknown(struct clo_run_loop *run, const struct clo_control *control,
                      struct clo_error *error)
{
    char reason[64];
    snprintf(reason, sizeof reason, "the host call operation %" PRIu32, control->op);
    return broken_contract(run, reason, error);
}

/* Take the output that is there; the host's zero keeps a later look from taking it again. */
static int take_output(struct clo_run_loop *run, uint32_t length, struct clo_error *error)
{
    if (!length)
        return 0;
    int status =
        clo_output_records_take(&run->runner->output, clo_vm_output_area(run->vm), length, error);
    clo_vm_control(run->vm)->output_length = 0;
    return status;
}

static int on_host_call(struct clo_run_loop *run, struct clo_error *error)
{
    struct clo_control control;
    struct clo_error why;
    memcpy(&control, clo_vm_control(run->vm), offsetof(struct clo_control, status));
    if (take_output(run, control.output_length, &why))
        return broken_contract(run, why.message, error);
    bool over = clo_output_records_over(&run->runner->output) && !run->reached;
    if (over && (control.op == CLO_OP_DONE || control.op == CLO_OP_EXIT))
        run->reached = CLO_LIMIT_OUTPUT;
    else if (over) {
        int status = interrupt(run, CLO_LIMIT_OUTPUT, error);
        if (status)
            return status;
    }
    switch (control.op) {
    case CLO_OP_FLUSH: return GO_ON;
    case CLO_OP_CALL: return on_call(run, &control, error);
    case CLO_OP_GROW: return on_grow(run, &control, error);
    case CLO_OP_DONE: return on_done(run, &control, error);
    case CLO_OP_EXIT: return ended(clo_run_end_exit(run, control.args[0], error));
    case CLO_OP_TRAP: return on_trap(run, &control, error);
    default: return on_unknown(run, &control, error);
    }
}

/* ---- the other exits ---- */

/* What the guest had printed when it was stopped in mid-run. A record that is not whole is lost. */
static void take_last_output(struct clo_run_loop *run)
{
    uint32_t length = clo_vm_control(run->vm)->output_length;
    take_output(run, length <= CLO_OUTPUT_AREA_SIZE ? length : 0, NULL);
    if (clo_output_records_over(&run->runner->output) && !run->reached)
        run->reached = CLO_LIMIT_OUTPUT;
}

static int on_kick(struct clo_run_loop *run, struct clo_error *error)
{
    if (run->host->cancelled(run->host->context)) {
        take_last_output(run);
        return ended(clo_run_end_cancelled(run, error));
    }
    if (run->reached) {
        struct clo_grace_left left = grace_left(run);
        if (left.wall_ns)
            return clo_vm_alarm(run->vm, left.wall_ns, left.cpu_ns, error);
        take_last_output(run);
        return ended(clo_run_end_stopped(run, error));
    }
    return watch_limits(run, error);
}

static int on_fault(struct clo_run_loop *run, const struct clo_vm_exit *exit,
                    struct clo_error *error)
{
    char text[CLO_FAULT_TEXT_MAX];
    take_last_output(run);
    const char *type = clo_fault_describe(exit, text);
    return ended(clo_run_end_fault(run, type, text, error));
}

static int on_violation(struct clo_run_loop *run, const struct clo_vm_exit *exit,
                        struct clo_error *error)
{
    take_last_output(run);
    return broken_contract(run, exit->reason, error);
}

static int step(struct clo_run_loop *run, struct clo_error *error)
{
    struct clo_vm_exit exit;
    int status = clo_vm_resume(run->vm, &exit, error);
    if (status)
        return status;
    switch (exit.kind) {
    case CLO_VM_HOST_CALL: return on_host_call(run, error);
    case CLO_VM_KICKED: return on_kick(run, error);
    case CLO_VM_FAULT: return on_fault(run, &exit, error);
    case CLO_VM_VIOLATION: return on_violation(run, &exit, error);
    }
    return clo_fail(error, CLO_EINTERNAL, "unknown exit %d of the micro-VM", exit.kind);
}

static void fill_usage(struct clo_run_loop *run)
{
    struct clo_usage *usage = &run->result->usage;
    usage->wall_us = (clo_monotonic_ns() - run->start_ns) / 1000;
    usage->cpu_us = cpu_ns(run) / 1000;
    usage->isolation = run->runner->isolation;
    usage->memory_peak = clo_vm_region_size(run->vm, CLO_REGION_LINEAR) +
                         clo_vm_region_size(run->vm, CLO_REGION_HEAP);
}

/* ---- from the start, or from where it was suspended ---- */

static int begin(struct clo_run_loop *run, struct clo_error *error)
{
    const struct clo_limits *limits = &run->order->limits;
    run->start_ns = clo_monotonic_ns();
    run->deadline_ns = run->start_ns + limits->wall_ms * NS_PER_MS;
    run->cpu_start_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int status = set_alarm(run, run->start_ns, limits->cpu_ms * NS_PER_MS, error);
    if (!status)
        clo_vm_start(run->vm);
    return status;
}

/* Its limits go on counting where they were, as if it had begun so long ago. */
static int begin_again(struct clo_run_loop *run, struct clo_error *error)
{
    const struct clo_run_used *used = &run->runner->stand.used;
    uint64_t cpu_limit = run->order->limits.cpu_ms * NS_PER_MS, now = clo_monotonic_ns();
    run->start_ns = now - used->wall_ns;
    run->deadline_ns = run->start_ns + used->wall_end_ns;
    run->tool_ns = used->tool_ns;
    run->cpu_start_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - used->cpu_ns;
    run->refused = (enum clo_limit)used->refused;
    run->memory_refused = used->memory_refused != 0;
    run->ceiling = used->ceiling;
    run->runner->output.produced = used->output;
    int status =
        set_alarm(run, now, cpu_limit > used->cpu_ns ? cpu_limit - used->cpu_ns : 0, error);
    return status ? status : clo_vm_start_at(run->vm, &run->runner->stand.registers, error);
}

/* The call at which it was suspended: what was submitted then is with the host, and is waited for. */
static int answer_first(struct clo_run_loop *run, struct clo_error *error)
{
    struct clo_control control;
    memcpy(&control, clo_vm_control(run->vm), offsetof(struct clo_control, status));
    if (control.op != CLO_OP_CALL || !(control.flags & CLO_CALL_WAIT))
        return broken_contract(run, "it was suspended at no call that waits", error);
    control.flags = CLO_CALL_WAIT;
    int status = on_call(run, &control, error);
    if (status == GO_ON && !run->reached)
        status = watch_limits(run, error);
    return status;
}

int clo_run_loop_enter(struct clo_runner *runner, const struct clo_order *order,
                       const struct clo_run_host *host, struct clo_run_result *result,
                       struct clo_error *error)
{
    struct clo_error own;
    if (!error)
        error = &own;
    struct clo_run_loop run = {
        .runner = runner, .vm = runner->vm, .order = order, .host = host, .result = result};
    clo_output_records_begin(&runner->output, host->output, host->context, order->limits.output);
    run.reserved = order->reserved;
    int status = order->resume ? begin_again(&run, error) : begin(&run, error);
    if (status)
        return status;
    if (host->cancelled(host->context)) /* a kick before the start is forgotten by it */
        status = ended(clo_run_end_cancelled(&run, error));
    else if (order->resume)
        status = answer_first(&run, error);
    while (status == GO_ON) {
        status = step(&run, error);
        if (status == GO_ON && host->flush)
            host->flush(host->context);
    }
    clo_output_end(&runner->output);
    fill_usage(&run);
    if ((run.reached || !host->own_thread) && clo_vm_alarm(run.vm, 0, 0, NULL))
        runner->broken = true; /* its timer could hit a later run */
    return status == ENDED ? 0 : status;
}

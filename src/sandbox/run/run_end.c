/* run_end.c - how a run ended: from the last exit to the error, the exit code and the last line. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "sandbox/run/fixed.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/run_loop.h"

#define EXIT_FAULT 139     /* as a shell reports a segmentation fault */
#define EXIT_CANCELLED 130 /* and an interrupt */
#define EXIT_SUSPENDED 75  /* EX_TEMPFAIL of sysexits.h */

static int set_limit(struct clo_run_loop *run, enum clo_limit limit, struct clo_error *error)
{
    struct clo_run_result *result = run->result;
    char text[CLO_LIMIT_TEXT_MAX];
    uint64_t value = limit == CLO_LIMIT_TOTAL_MEMORY ? run->ceiling
                                                     : clo_limit_value(&run->order->limits, limit);
    clo_limit_text(text, limit, value);
    if (clo_result_set_error(result, CLO_RUN_LIMIT, clo_limit_type(limit), text))
        return clo_fail_memory(error);
    result->error.limit = limit;
    result->error.limit_value = value;
    result->exit_code = clo_limit_exit_code(limit);
    return 0;
}

/* Where Python printed no traceback that says it, the reader of stderr is told. */
static void note(struct clo_run_loop *run)
{
    clo_output_records_note(&run->runner->output, run->result->error.message);
}

/* What refused the memory that was asked for last. */
static enum clo_limit memory_behind(const struct clo_run_loop *run)
{
    return run->ceiling ? CLO_LIMIT_TOTAL_MEMORY : CLO_LIMIT_MEMORY;
}

/* The limit that an uncaught exception comes of. A limit on calls is a ToolError in Python, as
 * every call that fails: it is that one if no other has failed since. */
static enum clo_limit limit_behind(const struct clo_run_loop *run, const char *type)
{
    if (run->memory_refused && strcmp(type, "MemoryError") == 0)
        return memory_behind(run);
    return strcmp(type, "ToolError") == 0 ? run->refused : CLO_LIMIT_NONE;
}

int clo_run_end_done(struct clo_run_loop *run, const uint8_t *message, size_t length,
                     struct clo_error *error)
{
    struct clo_run_result *result = run->result;
    bool refused;
    int status = clo_outcome_decode(result, message, length, &refused, error);
    if (status)
        return status;
    run->runner->lasting = true;
    if (refused && run->order->fixed.timezone)
        return clo_fixed_refuse(&run->order->fixed, error);
    bool raised = result->error.kind == CLO_RUN_EXCEPTION;
    if (run->reached) {
        status = set_limit(run, run->reached, error);
        if (!status && (!raised || run->reached == CLO_LIMIT_OUTPUT))
            note(run);
        return status;
    }
    enum clo_limit limit = raised ? limit_behind(run, result->error.type) : CLO_LIMIT_NONE;
    return limit ? set_limit(run, limit, error) : 0;
}

int clo_run_end_exit(struct clo_run_loop *run, uint64_t code, struct clo_error *error)
{
    if (run->reached)
        return clo_run_end_stopped(run, error);
    run->result->exit_code = code > INT_MAX ? 1 : (int)code;
    return 0;
}

int clo_run_end_stopped(struct clo_run_loop *run, struct clo_error *error)
{
    int status = set_limit(run, run->reached, error);
    if (!status)
        note(run);
    return status;
}

int clo_run_end_cancelled(struct clo_run_loop *run, struct clo_error *error)
{
    if (clo_result_set_error(run->result, CLO_RUN_CANCELLED, "Cancelled", "the run was cancelled"))
        return clo_fail_memory(error);
    run->result->exit_code = EXIT_CANCELLED;
    note(run);
    return 0;
}

/* What it has had so far; clo_run_loop_enter goes on from there. */
static struct clo_run_used used_by(const struct clo_run_loop *run)
{
    uint64_t now = clo_monotonic_ns();
    return (struct clo_run_used){.wall_ns = now - run->start_ns,
                                 .wall_end_ns = run->deadline_ns - run->start_ns,
                                 .tool_ns = run->tool_ns,
                                 .cpu_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) -
                                           run->cpu_start_ns + run->cpu_elsewhere_ns,
                                 .output = run->runner->output.produced,
                                 .ceiling = run->ceiling,
                                 .refused = run->refused,
                                 .memory_refused = run->memory_refused};
}

int clo_run_end_suspended(struct clo_run_loop *run, struct clo_error *error)
{
    struct clo_runner *runner = run->runner;
    struct clo_error why;
    runner->stand = (struct clo_state_head){.in_run = 1, .used = used_by(run)};
    int status = clo_vm_registers(run->vm, &runner->stand.registers, &why);
    if (status == CLO_EINVALID)
        return clo_run_end_guest(run, why.message, error);
    if (status) {
        if (error)
            *error = why;
        return status;
    }
    runner->frozen = true;
    if (clo_result_set_error(run->result, CLO_RUN_SUSPENDED, "Suspended",
                             "the run goes on when its calls have been answered"))
        return clo_fail_memory(error);
    run->result->exit_code = EXIT_SUSPENDED;
    return 0;
}

static int end_broken(struct clo_run_loop *run, enum clo_run_error_kind kind, const char *type,
                      const char *message, struct clo_error *error)
{
    run->runner->broken = true;
    if (clo_result_set_error(run->result, kind, type, message))
        return clo_fail_memory(error);
    run->result->exit_code = EXIT_FAULT;
    note(run);
    return 0;
}

int clo_run_end_fault(struct clo_run_loop *run, const char *type, const char *message,
                      struct clo_error *error)
{
    return end_broken(run, CLO_RUN_FAULT, type, message, error);
}

int clo_run_end_out_of_memory(struct clo_run_loop *run, struct clo_error *error)
{
    run->runner->broken = true;
    int status = set_limit(run, memory_behind(run), error);
    if (!status)
        note(run);
    return status;
}

int clo_run_end_guest(struct clo_run_loop *run, const char *reason, struct clo_error *error)
{
    struct clo_error text;
    clo_fail(&text, CLO_EGUEST, "the guest broke its contract with the host: %s", reason);
    return end_broken(run, CLO_RUN_GUEST, "ContractViolation", text.message, error);
}

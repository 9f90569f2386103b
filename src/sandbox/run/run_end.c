/* run_end.c - how a run ended: from the last exit to the error, the exit code and the last line. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/run/outcome.h"
#include "sandbox/run/run_loop.h"

#define EXIT_FAULT 139     /* as a shell reports a segmentation fault */
#define EXIT_CANCELLED 130 /* and an interrupt */

static int set_limit(struct clo_run_loop *run, enum clo_limit limit, struct clo_error *error)
{
    struct clo_run_result *result = run->result;
    char text[CLO_LIMIT_TEXT_MAX];
    uint64_t value = clo_limit_value(&run->order->limits, limit);
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

/* Did the uncaught exception come of a host call that was refused for a limit? */
static bool is_refusal(const struct clo_run_loop *run, const char *message)
{
    char text[CLO_LIMIT_TEXT_MAX];
    if (!run->refused)
        return false;
    clo_limit_text(text, run->refused, clo_limit_value(&run->order->limits, run->refused));
    return strstr(message, text) != NULL;
}

int clo_run_end_done(struct clo_run_loop *run, const uint8_t *message, size_t length,
                     struct clo_error *error)
{
    struct clo_run_result *result = run->result;
    int status = clo_outcome_decode(result, message, length, error);
    if (status)
        return status;
    run->runner->lasting = true;
    bool raised = result->error.kind == CLO_RUN_EXCEPTION;
    if (run->reached) {
        status = set_limit(run, run->reached, error);
        if (!status && (!raised || run->reached == CLO_LIMIT_OUTPUT))
            note(run);
        return status;
    }
    if (!raised)
        return 0;
    if (run->memory_refused && strcmp(result->error.type, "MemoryError") == 0)
        return set_limit(run, CLO_LIMIT_MEMORY, error);
    if (is_refusal(run, result->error.message))
        return set_limit(run, run->refused, error);
    return 0;
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

static int finish_broken(struct clo_run_loop *run, enum clo_run_error_kind kind, const char *type,
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
    return finish_broken(run, CLO_RUN_FAULT, type, message, error);
}

int clo_run_end_out_of_memory(struct clo_run_loop *run, struct clo_error *error)
{
    run->runner->broken = true;
    int status = set_limit(run, CLO_LIMIT_MEMORY, error);
    if (!status)
        note(run);
    return status;
}

int clo_run_end_guest(struct clo_run_loop *run, const char *reason, struct clo_error *error)
{
    struct clo_error text;
    clo_fail(&text, CLO_EGUEST, "the guest broke its contract with the host: %s", reason);
    return finish_broken(run, CLO_RUN_GUEST, "ContractViolation", text.message, error);
}

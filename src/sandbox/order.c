/* order.c - what the caller says of a run, checked, and the order that is made of it (config.h). */
#include "sandbox/config.h"

#include <string.h>

#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/utf8.h"
#include "sandbox/run/fixed.h"
#include "sandbox/snapshot/session.h"
#include "sandbox/tool/run_tools.h"

static int check_arguments(const struct clo_run *run, struct clo_error *error)
{
    size_t bytes = 0;
    if (!run->arguments && run->argument_count)
        return clo_fail(error, CLO_EINVALID, "arguments is NULL, but there are %zu",
                        run->argument_count);
    if (run->argument_count > CLO_ARGUMENTS_MAX)
        return clo_fail(error, CLO_EINVALID, "%zu arguments; at most %d are allowed",
                        run->argument_count, CLO_ARGUMENTS_MAX);
    for (size_t i = 0; i < run->argument_count; i++) {
        if (!run->arguments[i])
            return clo_fail(error, CLO_EINVALID, "argument %zu is NULL", i);
        bytes += strlen(run->arguments[i]) + 1;
    }
    if (bytes > CLO_ARGUMENT_BYTES_MAX)
        return clo_fail(
            error, CLO_EINVALID,
            "the arguments have %zu bytes; at most %u are allowed: give the data as standard input",
            bytes, CLO_ARGUMENT_BYTES_MAX);
    return 0;
}

/* In a pool: a worker that shall be asked for its state waits for that. */
static bool keeps_state(const struct clo_config *config, const struct clo_run *run)
{
    return run->keep_state || run->state || (config->pooled && (run->suspend || run->resume));
}

/* Of a run that goes on: the rest is known when its file has been read (get_run). */
static int make_resume(const struct clo_config *config, const struct clo_run *run,
                       struct clo_order *order, struct clo_error *error)
{
    if (run->code || run->code_length)
        return clo_fail(error, CLO_EINVALID,
                        "a run that goes on with a suspended one brings no code of its own");
    if (run->state && run->state->from >= 0)
        return clo_fail(error, CLO_EINVALID,
                        "a run that goes on with a suspended one has that one's state, and takes "
                        "none `from` elsewhere");
    if (clo_cancel_is_set(run->cancel))
        return clo_fail(error, CLO_ECANCELLED, "the run was cancelled before it went on");
    *order = (struct clo_order){.code = "",
                                .name = "",
                                .limits = config->limits,
                                .keep_state = keeps_state(config, run),
                                .goes_on = true,
                                .resume = true,
                                .write_through = run->on_output != NULL,
                                .has_files = true,
                                .may_suspend = run->suspend != NULL};
    return clo_session_check_file(run->resume->from, false, run->resume->options, error);
}

static int make_new(const struct clo_config *config, const struct clo_run *run,
                    struct clo_order *order, struct clo_error *error)
{
    if (!run->code && run->code_length)
        return clo_fail(error, CLO_EINVALID, "code is NULL, but its length is %zu",
                        run->code_length);
    if (!clo_utf8_strict(run->code, run->code_length))
        return clo_fail(error, CLO_EINVALID, "the code is not UTF-8");
    if (run->name && !clo_utf8_strict(run->name, strlen(run->name)))
        return clo_fail(error, CLO_EINVALID, "the run's name is not UTF-8");
    if (!run->input && run->input_length)
        return clo_fail(error, CLO_EINVALID, "input is NULL, but its length is %zu",
                        run->input_length);
    int status = check_arguments(run, error);
    if (status)
        return status;
    if (clo_cancel_is_set(run->cancel))
        return clo_fail(error, CLO_ECANCELLED, "the run was cancelled before it began");
    *order = (struct clo_order){.code = run->code,
                                .code_length = run->code_length,
                                .name = run->name ? run->name : "main.py",
                                .keep_state = keeps_state(config, run),
                                .goes_on = run->state && run->state->from >= 0,
                                .write_through = run->on_output != NULL,
                                .arguments = run->arguments,
                                .argument_count = run->argument_count,
                                .has_input = run->input || run->on_input,
                                .has_files = true,
                                .wants_result = run->wants_result,
                                .repair = run->repair,
                                .no_tools = run->no_tools,
                                .may_suspend = run->suspend != NULL};
    if (run->tools && !run->no_tools)
        order->more_tools = clo_tool_set_manifest(run->tools->set, &order->more_tools_length);
    status = clo_fixed_check(&run->fixed, error);
    if (status)
        return status;
    clo_fixed_resolve(&order->fixed, &run->fixed, &config->fixed);
    return clo_limits_resolve(&order->limits, &run->limits, &config->limits, error);
}

int clo_order_make(const struct clo_config *config, const struct clo_run *run,
                   struct clo_order *order, struct clo_error *error)
{
    int status = clo_run_tools_check(run->tools, config->tools, error);
    if (!status)
        status = (run->resume ? make_resume : make_new)(config, run, order, error);
    if (!status && run->suspend)
        status = clo_session_check_file(run->suspend->to, true, run->suspend->options, error);
    return status;
}

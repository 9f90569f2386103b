/* run_tools.c - tools of some runs, and the way of a call to its tool through what stands around
 * it. */
#include "sandbox/tool/run_tools.h"

#include <stdlib.h>

#include "base/error.h"

int clo_run_tools_create(struct clo_run_tools **result, const struct clo_run_tools_config *config,
                         struct clo_error *error)
{
    *result = NULL;
    struct clo_run_tools *tools = calloc(1, sizeof *tools);
    if (!tools)
        return clo_fail_memory(error);
    int status = clo_tool_set_create(&tools->set, config->tools, config->tool_count, error);
    if (status) {
        free(tools);
        return status;
    }
    tools->config = *config;
    tools->config.tools = NULL;
    atomic_init(&tools->references, 1);
    *result = tools;
    return 0;
}

struct clo_run_tools *clo_run_tools_retain(struct clo_run_tools *tools)
{
    atomic_fetch_add(&tools->references, 1);
    return tools;
}

void clo_run_tools_release(struct clo_run_tools *tools)
{
    if (!tools || atomic_fetch_sub(&tools->references, 1) != 1)
        return;
    clo_tool_set_free(tools->set);
    if (tools->config.release)
        tools->config.release(tools->config.context);
    free(tools);
}

int clo_run_tools_check(const struct clo_run_tools *tools, const struct clo_tool_set *sandbox,
                        struct clo_error *error)
{
    return tools ? clo_tool_set_check_beside(tools->set, sandbox, error) : 0;
}

/* ---- a call ---- */

const char *clo_tool_step_name(const struct clo_tool_step *step)
{
    return step->name;
}

bool clo_tool_step_runs_code(const struct clo_tool_step *step)
{
    return step->runs_code;
}

int clo_tool_go_on(struct clo_tool_step *step, struct clo_value *arguments,
                   struct clo_value *result, struct clo_error *error)
{
    clo_value_clear(result);
    return step->next(step, arguments, result, error);
}

struct tool_call {
    struct clo_tool_step step; /* first: what is around it is given this address */
    const struct clo_tool_entry *entry;
    const struct clo_value *arguments;
    uint64_t deadline_ns;
    const struct clo_cancel *cancel;
    int waited_in_vain; /* the last time: CLO_EBUSY, CLO_ECANCELLED; 0: it did not */
};

static int call_tool(struct clo_tool_step *step, struct clo_value *arguments,
                     struct clo_value *result, struct clo_error *error)
{
    struct tool_call *call = (struct tool_call *)step;
    call->waited_in_vain = 0;
    int status = arguments ? clo_tool_check_arguments(call->entry, arguments, error) : 0;
    if (status)
        return status;
    status = clo_tool_entry_call(call->entry, arguments ? arguments : call->arguments,
                                 call->deadline_ns, call->cancel, result, error);
    if (status == CLO_EBUSY || status == CLO_ECANCELLED)
        call->waited_in_vain = status;
    return status;
}

int clo_run_tools_call(const struct clo_run_tools *tools, const struct clo_tool_entry *entry,
                       const struct clo_value *arguments, uint64_t deadline_ns,
                       const struct clo_cancel *cancel, struct clo_value *result,
                       struct clo_error *error)
{
    const struct clo_run_tools_config *config = tools ? &tools->config : NULL;
    if (!config || !config->around)
        return clo_tool_entry_call(entry, arguments, deadline_ns, cancel, result, error);
    const char *name = clo_tool_entry_name(entry);
    struct tool_call call = {.step = {.name = name, .next = call_tool},
                             .entry = entry,
                             .arguments = arguments,
                             .deadline_ns = deadline_ns,
                             .cancel = cancel};
    struct clo_error why = {0};
    int status = config->around(config->context, &call.step, arguments, result, &why);
    if (!status || status == CLO_TOOL_SUSPEND)
        return status;
    if (status == call.waited_in_vain) /* the codes of waiting are nobody else's to use */
        return clo_fail(error, status, "%s", why.message);
    if (why.message[0])
        return clo_fail(error, CLO_EINVALID, "%s", why.message);
    return clo_fail(error, CLO_EINVALID, "the call of tool '%s' was refused (%s)", name,
                    clo_status_name((enum clo_status)status));
}

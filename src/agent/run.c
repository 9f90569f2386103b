/* run.c - a run of somebody's own code by the agent's sandboxes. */
#include <inttypes.h>

#include "agent/internal.h"
#include "base/error.h"
#include "sandbox/run/fixed.h"
#include "sandbox/run/limits.h"

/* Names of limits as fields of a request. */
static const char *const fields[CLO_LIMIT_FIELDS] = {
    [CLO_LIMIT_WALL] = "limits.wall_ms",
    [CLO_LIMIT_CPU] = "limits.cpu_ms",
    [CLO_LIMIT_MEMORY] = "limits.memory",
    [CLO_LIMIT_OUTPUT] = "limits.output",
    [CLO_LIMIT_HOST_CALLS] = "limits.host_calls",
    [CLO_LIMIT_HOST_CALL_BYTES] = "limits.host_call_bytes",
    [CLO_LIMIT_TOOL] = "limits.tool_ms",
    [CLO_LIMIT_ARTIFACT_FILE_BYTES] = "limits.artifact_file_bytes",
    [CLO_LIMIT_ARTIFACT_TOTAL_BYTES] = "limits.artifact_total_bytes",
    [CLO_LIMIT_ARTIFACT_FILES] = "limits.artifact_files",
};

static int check_limit(const struct clo_agent *agent, const struct clo_run *run,
                       enum clo_limit limit, const char **what, struct clo_error *error)
{
    uint64_t wanted = clo_limit_value(&run->limits, limit);
    uint64_t most = clo_limit_value(&agent->limits, limit);
    if (wanted <= most)
        return 0;
    *what = fields[limit];
    clo_fail(error, CLO_EINVALID, "'%s' is %" PRIu64 ", more than this agent's %" PRIu64, *what,
             wanted, most);
    return clo_hint(error, CLO_EINVALID, "lower it, or leave it out");
}

int clo_agent_check_run(const struct clo_agent *agent, const struct clo_run *run, const char **what,
                        struct clo_error *error)
{
    struct clo_fixed clock = run->fixed;
    struct clo_limits limits;
    int status = 0;
    for (int i = 1; i < CLO_LIMIT_FIELDS && !status; i++)
        status = check_limit(agent, run, (enum clo_limit)i, what, error);
    if (status)
        return status;
    *what = "limits";
    status = clo_limits_resolve(&limits, &run->limits, &agent->limits, error);
    if (status)
        return status;
    clock.timezone = NULL;
    *what = "clock";
    status = clo_fixed_check(&clock, error);
    if (status)
        return status;
    *what = "timezone";
    return clo_fixed_check(&run->fixed, error);
}

int clo_agent_run(struct clo_agent *agent, const struct clo_run *run,
                  struct clo_run_result **result, struct clo_error *error)
{
    /* of a turn these are there already */
    bool alone = !run->tools && !run->no_tools && clo_hooks_stand_around(agent->hooks);
    if (!alone)
        return clo_pool_run(agent->pool, run, agent->wait_ms, result, error);
    struct clo_hook_turn *hooks;
    *result = NULL;
    struct clo_run guarded = *run;
    int status =
        clo_hooks_begin(&hooks, agent->hooks, &(struct clo_turn){.cancel = run->cancel}, error);
    guarded.tools = clo_hooks_tools(hooks);
    if (!status)
        status = clo_pool_run(agent->pool, &guarded, agent->wait_ms, result, error);
    clo_hooks_end(hooks, NULL, NULL, NULL);
    return status;
}

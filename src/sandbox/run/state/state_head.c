/* state_head.c - see state_head.h. */
#include "sandbox/run/state/state_head.h"

#include "base/error.h"
#include "sandbox/run/limits.h"

int clo_state_check(const struct clo_state_head *head, struct clo_error *error)
{
    const struct clo_run_used *used = &head->used;
    if (head->monotonic_ns > CLO_STATE_MONOTONIC_MAX)
        return clo_fail(error, CLO_EINVALID, "the state's clock says %llu ns",
                        (unsigned long long)head->monotonic_ns);
    if (head->in_run > 1 || used->wall_ns > CLO_STATE_MONOTONIC_MAX ||
        used->wall_end_ns > CLO_STATE_MONOTONIC_MAX || used->tool_ns > CLO_STATE_MONOTONIC_MAX ||
        used->cpu_ns > CLO_STATE_MONOTONIC_MAX || used->refused >= CLO_LIMIT_COUNT ||
        used->memory_refused > 1)
        return clo_fail(error, CLO_EINVALID, "what the state says of its run's limits cannot be");
    return 0;
}

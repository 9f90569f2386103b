/* sandbox/run/state/state_head.h - what a state (state.h) begins with: sizes, clock, and of a run in
 * its middle where it stands. */
#ifndef CLO_SANDBOX_RUN_STATE_HEAD_H
#define CLO_SANDBOX_RUN_STATE_HEAD_H

#include "sandbox/run/run.h"
#include "vm/vm.h"

struct clo_state_head {
    uint64_t region_size[CLO_REGION_COUNT]; /* bytes granted */
    uint64_t monotonic_ns; /* the session's clock: it stands still until the state is back */
    uint64_t in_run;       /* 1: what follows counts; 0: between two runs */
    struct clo_run_used used;
    struct clo_vm_registers registers;
};

/* What its memory is looked at with (vm.h). */
static inline const struct clo_vm_registers *clo_state_registers_of(
    const struct clo_state_head *head)
{
    return head->in_run ? &head->registers : NULL;
}

/* Could a run stand so? Registers are checked by the guest's memory (vm.h). CLO_EINVALID. */
int clo_state_check(const struct clo_state_head *head, struct clo_error *error);

#define CLO_STATE_MONOTONIC_MAX (1ull << 62) /* ns; more than a century */

#endif

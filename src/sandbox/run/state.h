/* sandbox/run/state.h - the state that a session has between two runs, or a run in its middle,
 * out of a runner and into one.
 *
 * Between runs it is what the next run with keep_state would begin with: how much memory is granted,
 * the pages that differ from the image's, and the time on the monotonic clock. Registers, stack and
 * messages are none of it: every run starts with its own (src/vm/pages.c).
 *
 * A run that is suspended stands at a host call that waits. Then registers, stack and control page
 * are a part of it, and what the run has had of its limits. It goes on by an order that says `resume`;
 * what it was promised, its output and its calls are the host's to keep (sandbox/suspend/suspend.h).
 *
 * What comes in is hostile: sizes pass the checks of growth, each page must lie in memory that was
 * granted, and pages come by ascending number. Whatever fails on the way leaves the runner clean,
 * as after a run that was stopped: never with a part of a state.
 */
#ifndef CLO_SANDBOX_RUN_STATE_H
#define CLO_SANDBOX_RUN_STATE_H

#include "sandbox/run/runner.h"
#include "sandbox/run/state/state_head.h"

struct
    clo_state_sink { /* a page's bytes are in place: they stay while the runner does nothing else */
    int (*head)(void *context, const struct clo_state_head *head, struct clo_error *error);
    clo_page_fn page;
    void *context;
};

/* Hand out the state; the runner keeps it. CLO_EINVALID: there is none, as the last run did not
 * end by itself and is not suspended, or there was none. */
int clo_runner_save(struct clo_runner *runner, const struct clo_state_sink *sink,
                    struct clo_error *error);

/* Into a runner, whatever it had before: begin, the pages, end. After a failure of one of them the
 * runner is clean, and there is nothing to end. Errors: CLO_EINVALID, CLO_ELIMIT (it has grown
 * beyond this runner's memory), CLO_ESYSTEM, CLO_ENOMEMORY. */
int clo_runner_load_begin(struct clo_runner *runner, const struct clo_state_head *head,
                          struct clo_error *error);
int clo_runner_load_page(struct clo_runner *runner, uint32_t number,
                         const uint8_t bytes[CLO_PAGE_SIZE], struct clo_error *error);
void clo_runner_load_end(struct clo_runner *runner);
void clo_runner_load_drop(struct clo_runner *runner); /* no more of it comes */

#endif

/* sandbox/run/state.h - the state that a session has between two runs, out of a runner and into
 * one.
 *
 * It is what the next run with keep_state would begin with: how much memory is granted, the pages
 * that differ from the image's, and the time on the monotonic clock. Registers, stack and messages
 * are none of it: every run starts with its own (src/vm/pages.c).
 *
 * What comes in is hostile: sizes pass the checks of growth, each page must lie in memory that was
 * granted, and pages come by ascending number. Whatever fails on the way leaves the runner clean,
 * as after a run that was stopped: never with a part of a state.
 */
#ifndef CLO_SANDBOX_RUN_STATE_H
#define CLO_SANDBOX_RUN_STATE_H

#include "sandbox/run/runner.h"
#include "vm/vm.h"

struct clo_state_head {
    uint64_t region_size[CLO_REGION_COUNT]; /* bytes granted */
    uint64_t monotonic_ns; /* the session's clock: it stands still until the state is back */
};

#define CLO_STATE_MONOTONIC_MAX (1ull << 62) /* ns; more than a century */

struct
    clo_state_sink { /* a page's bytes are in place: they stay while the runner does nothing else */
    int (*head)(void *context, const struct clo_state_head *head, struct clo_error *error);
    clo_page_fn page;
    void *context;
};

/* Hand out the state; the runner keeps it. CLO_EINVALID: there is none, as the last run did not
 * end by itself, or there was none. */
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

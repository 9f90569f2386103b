/* sandbox/run/run_loop.h - a run in progress: shared by runner.c, run_loop.c and run_end.c only. */
#ifndef CLO_SANDBOX_ACTIVE_H
#define CLO_SANDBOX_ACTIVE_H

#include <stdatomic.h>

#include "sandbox/run/fault.h"
#include "sandbox/run/grace.h"
#include "sandbox/run/runner.h"
#include "vm/vm.h"

struct clo_runner {
    const struct clo_image *image;
    uint64_t memory;
    const char *descriptor;
    size_t descriptor_length;
    struct clo_vm *_Atomic vm; /* atomic for clo_runner_kick; NULL: to be made */
    bool used;                 /* has run since it was made or restored */
    bool broken;               /* must not run again */
    bool lasting;              /* the last run ended by itself: its state may be kept */
    struct clo_buffer message; /* copy of the guest's; also where the request is built */
    struct clo_reply reply;
    struct clo_output output;
};

struct clo_active {
    struct clo_runner *runner;
    struct clo_vm *vm;
    const struct clo_order *order;
    const struct clo_run_host *host;
    struct clo_run_result *result;

    uint64_t start_ns, deadline_ns;          /* monotonic; the end of the wall time */
    uint64_t cpu_start_ns, cpu_elsewhere_ns; /* elsewhere: tools on this thread */
    uint64_t host_calls;
    enum clo_limit reached; /* the guest was interrupted because of it */
    struct clo_grace grace; /* once it was */
    enum clo_limit refused; /* the last host call that was refused for a limit */
    bool memory_refused;
};

/* Enter the guest and answer its exits until the run ends. 0 with the result filled, or negative.
 */
int clo_active_run(struct clo_runner *runner, const struct clo_order *order,
                   const struct clo_run_host *host, struct clo_run_result *result,
                   struct clo_error *error);

uint64_t clo_active_cpu_ns(const struct clo_active *run); /* used by the guest so far */

/* run_end.c: the ways in which a run ends. Each fills the result. */
int clo_finish_done(struct clo_active *run, const uint8_t *message, size_t length,
                    struct clo_error *error);
int clo_finish_exit(struct clo_active *run, uint64_t code, struct clo_error *error);
int clo_finish_stopped(struct clo_active *run, struct clo_error *error); /* the grace is over */
int clo_finish_cancelled(struct clo_active *run, struct clo_error *error);
int clo_finish_fault(struct clo_active *run, const char *type, const char *message,
                     struct clo_error *error);
int clo_finish_out_of_memory(struct clo_active *run, struct clo_error *error); /* aborted by it */
int clo_finish_guest(struct clo_active *run, const char *reason, struct clo_error *error);

#endif

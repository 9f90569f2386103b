/* sandbox/run/run_loop.h - a run in progress: shared by runner.c, run_loop.c and run_end.c only. */
#ifndef CLO_SANDBOX_RUN_RUN_LOOP_H
#define CLO_SANDBOX_RUN_RUN_LOOP_H

#include <stdatomic.h>

#include "sandbox/run/fault.h"
#include "sandbox/run/grace.h"
#include "sandbox/run/output_records.h"
#include "sandbox/run/run.h"
#include "sandbox/run/run_files.h"
#include "sandbox/run/state/state_head.h"
#include "vm/vm.h"

struct clo_runner {
    const struct clo_image *image;
    enum clo_isolation isolation;
    uint64_t memory;
    const char *manifest;
    size_t manifest_length;
    struct clo_vm *_Atomic vm; /* atomic for clo_runner_kick; NULL: to be made */
    bool used;                 /* has run since it was made or restored */
    bool broken;               /* must not run again */
    bool lasting;              /* the last run ended by itself: its state may be kept */
    bool frozen;               /* it stands in the middle of a run, at `stand` */
    struct clo_state_head stand;
    struct clo_buffer message; /* copy of the guest's; also where the request is built */
    struct clo_call_reply reply;
    struct clo_output_records output;
    struct clo_run_files files;
    uint64_t
        monotonic_shift_ns; /* of a session that was away: its clock less the host's, modulo 2^64 */
    uint64_t load_next;     /* while a state comes in: the next page must not be below it */
    bool has_seed;          /* for the next run: drawn when none is in progress */
    uint8_t seed[sizeof((struct clo_control *)0)->seed];
};

struct clo_run_loop {
    struct clo_runner *runner;
    struct clo_vm *vm;
    const struct clo_order *order;
    const struct clo_run_host *host;
    struct clo_run_result *result;

    uint64_t start_ns, deadline_ns;          /* monotonic; the end of the wall time */
    uint64_t tool_ns;                        /* waited for tools, where that counts apart */
    uint64_t cpu_start_ns, cpu_elsewhere_ns; /* elsewhere: on other threads, for its calls */
    uint64_t cpu_armed_ns;                   /* elsewhere, when the alarm was last set */
    enum clo_limit reached;                  /* the guest was interrupted because of it */
    struct clo_grace grace;                  /* once it was */
    enum clo_limit refused; /* why the last call that failed did: the limit, or none */
    bool memory_refused;
    uint64_t reserved; /* bytes of guest memory that it need not ask for, where it has to */
    uint64_t ceiling;  /* if that was why memory was last refused: on that of all sandboxes */
};

/* runner.c, for state.c: a micro-VM in the image's state, or a new one. */
int clo_runner_clean(struct clo_runner *runner, struct clo_error *error);
/* The same, where a failure shows at the next run. */
void clo_runner_forget_state(struct clo_runner *runner);

/* Enter the guest and answer its exits until the run ends. 0 with the result filled, or
 * negative. */
int clo_run_loop_enter(struct clo_runner *runner, const struct clo_order *order,
                       const struct clo_run_host *host, struct clo_run_result *result,
                       struct clo_error *error);

/* state/thaw.c: what the guest finds in the control page when it goes on. */
void clo_thaw_control(struct clo_runner *runner, const struct clo_order *order);

/* run_end.c: the ways in which a run ends. Each fills the result. */
/* It goes on when its calls have been answered, here or elsewhere. */
int clo_run_end_suspended(struct clo_run_loop *run, struct clo_error *error);
int clo_run_end_done(struct clo_run_loop *run, const uint8_t *message, size_t length,
                     struct clo_error *error);
int clo_run_end_exit(struct clo_run_loop *run, uint64_t code, struct clo_error *error);
int clo_run_end_stopped(struct clo_run_loop *run, struct clo_error *error); /* the grace is over */
int clo_run_end_cancelled(struct clo_run_loop *run, struct clo_error *error);
int clo_run_end_fault(struct clo_run_loop *run, const char *type, const char *message,
                      struct clo_error *error);
/* Aborted because the host gave no more memory. */
int clo_run_end_out_of_memory(struct clo_run_loop *run, struct clo_error *error);
int clo_run_end_guest(struct clo_run_loop *run, const char *reason, struct clo_error *error);

#endif

/* sandbox/client/worker_accounts.h - what a run in a worker has had of its limits, by this process's
 * account. Read this first.
 *
 *   worker_run.c: frames, calls, the result ──▶ worker_accounts.c: time, processor time, memory
 *
 * What is always true
 * - Nothing that a worker says moves an end or lowers a count: clocks are this process's and the
 *   kernel's, waits and grants are this side's own.
 * - calls_end_ns <= deadline_ns: after the one a call has the worker killed, after the other it is
 *   killed in any case.
 * - One thread, the run's. Nothing is allocated.
 */
#ifndef CLO_SANDBOX_CLIENT_WORKER_ACCOUNTS_H
#define CLO_SANDBOX_CLIENT_WORKER_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/reservation.h"
#include "sandbox/run/run.h"
#include "sandbox/worker_client_state.h"

#define CLO_WORKER_SLACK_NS 2000000000ull /* beyond wall time and grace, then a worker is killed */

/* Times are ns of the monotonic clock, or durations. The first three are given, the rest zero. */
struct clo_worker_accounts {
    const struct clo_worker_client *client;
    const struct clo_limits *limits;
    const struct clo_reservation *memory;
    uint64_t ceiling;               /* if that was why memory was last refused; else 0 */
    uint64_t start_ns, wall_end_ns; /* wall_end: when the run's time is up */
    uint64_t calls_end_ns;          /* a call that comes later has the worker killed */
    uint64_t deadline_ns;           /* when it is killed */
    uint64_t tool_ns;               /* waited for tools, where that counts apart */
    uint64_t cpu_look_ns;           /* when to look at its processor time again */
    uint64_t memory_look_ns;        /* and at its memory */
    uint64_t cpu_start_ns;          /* of the worker's clock */
    /* On this thread since the first call: as its clock said last, and what may have come since. */
    uint64_t host_start_ns, host_known_ns, host_guess_ns;
    uint64_t before_cpu_ns; /* that it had used when it was suspended */
};

/* Just before the worker is told of its run: its processor time counts from here. */
void clo_accounts_start_clock(struct clo_worker_accounts *accounts);
/* The run begins, or goes on as if it had begun so long ago. */
void clo_accounts_begin(struct clo_worker_accounts *accounts, const struct clo_run_used *used);
/* For a run that is suspended with that usage. */
struct clo_run_used clo_accounts_used(const struct clo_worker_accounts *accounts,
                                      const struct clo_usage *usage, uint64_t output);
/* This side's counts in place of what the worker says. */
void clo_accounts_fill(struct clo_worker_accounts *accounts, struct clo_usage *usage);

/* ---- the worker is looked at: when next; false: it has more than it may ---- */

uint64_t clo_accounts_next_look(const struct clo_worker_accounts *accounts);
bool clo_accounts_look_at_cpu(struct clo_worker_accounts *accounts);
bool clo_accounts_look_at_memory(struct clo_worker_accounts *accounts);

/* ---- it asks for something ---- */

/* This thread begins to answer; the worker has no more time for calls where `now` is behind calls_end_ns. */
void clo_accounts_begin_call(struct clo_worker_accounts *accounts);
/* The worker may name an earlier end of a wait than the host's, not a later one. */
void clo_accounts_bound_wait(const struct clo_worker_accounts *accounts, uint64_t now,
                             struct clo_call *call);
/* An answer took so long on this thread. */
void clo_accounts_count_call(struct clo_worker_accounts *accounts, uint64_t ns);
/* What this process did for the run: on this thread and on the tool threads. */
uint64_t clo_accounts_host_cpu_ns(const struct clo_worker_accounts *accounts);
/* If that alone is the limit, the run's time is up at `now`. */
void clo_accounts_check_host(struct clo_worker_accounts *accounts, uint64_t now);
/* Where tools have a time of their own the run's stands still meanwhile, by this process's clock. */
void clo_accounts_count_tools(struct clo_worker_accounts *accounts, uint64_t start, uint64_t ns);
/* The run's time stands still for so long. */
void clo_accounts_stand_still(struct clo_worker_accounts *accounts, uint64_t ns);
/* A tool ran on this thread from `start` until now. */
void clo_accounts_outlast(struct clo_worker_accounts *accounts, uint64_t start, uint64_t now);

/* The run was cancelled: a worker that was told to end it has little time for it. */
void clo_accounts_cut(struct clo_worker_accounts *accounts);

#endif

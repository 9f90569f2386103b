/* sandbox/run/runner.h - one micro-VM, and running code in it: restore, request, start, answer
 * exits.
 *
 * Invariants
 * - A runner is used by one thread for its life (a micro-VM is); only clo_runner_kick may be called
 *   from elsewhere.
 * - Every run begins in the image's state unless keep_state asks for the last run's and that one
 *   ended by itself. After a fault, a broken contract or a failure of KVM the micro-VM is thrown
 *   away, and the next run gets a new one.
 * - Whatever the guest writes is copied once, checked, then used.
 * - A runner does not know who answers host calls and takes output: struct clo_run_host. It is the
 *   same in this process and in a worker.
 */
#ifndef CLO_SANDBOX_RUN_RUNNER_H
#define CLO_SANDBOX_RUN_RUNNER_H

#include "cloche/image.h"
#include "sandbox/run/run.h"

struct clo_runner;

/* Makes the micro-VM too. `manifest`: the tools' (clo_tool_set_manifest), kept by the caller. */
int clo_runner_create(struct clo_runner **runner, const struct clo_image *image,
                      enum clo_isolation isolation, uint64_t memory, const char *manifest,
                      size_t manifest_length, struct clo_error *error);
void clo_runner_destroy(struct clo_runner *runner);

/* In the child of a fork: clo_vm_inherit of its guest. */
int clo_runner_inherit(struct clo_runner *runner, struct clo_error *error);

/* Run to the end. Fills everything in *result (zeroed by the caller) but out and err, which go to
 * the host's `output`, and what the host counts itself: calls and output. Negative: it could not be
 * run. */
int clo_runner_run(struct clo_runner *runner, const struct clo_order *order,
                   const struct clo_run_host *host, struct clo_run_result *result,
                   struct clo_error *error);

/* Have KVM do what it does at the first entry, before limits forbid it. */
int clo_runner_prime(struct clo_runner *runner, struct clo_error *error);

/* Run small typical programs and throw away what they say, so that the first real run finds its
 * pages present. `step` counts from 0: the next of them; false: there are no more. Failures show in
 * the first real run. */
bool clo_runner_warm_step(struct clo_runner *runner, unsigned step);
void clo_runner_warm(struct clo_runner *runner); /* all of them */

/* Restore now rather than at the start of the next run, or make and warm a new micro-VM where the
 * last is broken. Do not use where a session goes on. */
void clo_runner_settle(struct clo_runner *runner);

/* Between runs, whether or not a session goes on: do what the next run would have to. */
void clo_runner_rest(struct clo_runner *runner);

/* Will the next run need a new micro-VM? */
bool clo_runner_is_broken(const struct clo_runner *runner);

/* Stop the guest so that `cancelled` is asked again. Any thread; async-signal-safe. Between runs it
 * does nothing. */
void clo_runner_kick(struct clo_runner *runner);

#endif

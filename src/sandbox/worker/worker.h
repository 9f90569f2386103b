/* sandbox/worker/worker.h - a worker process: one micro-VM for its life, on its one thread. Read
 * this first.
 *
 *   zygote_main.c ─ fork ─▶ clo_worker_main: jail ─▶ runner ─▶ seal ─▶ HELLO ─▶ warm
 *   (bootstrap_read.c)                                                           │
 *                        frame_socket.h: the only way out       RUN ─▶ run ─▶ RESULT ─▶ clean again
 *
 * What is always true
 * - A worker may be taken over by the code that it runs. Therefore it holds nothing worth having:
 *   no key, no file, no tool, nothing of another run, and the jail (jail.h) lets it reach nothing.
 * - It decides nothing that matters to its host. worker_run.c checks what it sends and kills it.
 * - It is linked of the jail's library alone (src/meson.build, tests/sandbox/wall_test.sh).
 * - It has one thread: nothing waits for a lock. Only the handler of CLO_WORKER_CANCEL comes in
 *   between, which kicks the micro-VM.
 * - It has at most one run at a time. It ends when its socket does, when its micro-VM is spent and
 *   when the zygote ends.
 */
#ifndef CLO_SANDBOX_WORKER_WORKER_H
#define CLO_SANDBOX_WORKER_WORKER_H

#include <sys/types.h>

#include "sandbox/run/runner.h"
#include "sandbox/worker/bootstrap.h"
#include "sandbox/worker/jail.h"

/* With SI_QUEUE and a run's sequence number: end that run. */
#define CLO_WORKER_CANCEL SIGUSR1

/* What a fork of the zygote does until its socket closes. `layers`: of the jail, put up by the
 * fork itself. `mapped`: a guest by process isolation from clo_bootstrap_map in the zygote, or NULL. */
_Noreturn void clo_worker_main(const struct clo_bootstrap *bootstrap,
                               const struct clo_jail_shared *shared, struct clo_runner *mapped,
                               int socket, pid_t zygote, unsigned layers);

#endif

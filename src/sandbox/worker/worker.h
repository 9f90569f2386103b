/* sandbox/worker/worker.h - a worker process: one micro-VM for its life, on its one thread. */
#ifndef CLO_SANDBOX_WORKER_WORKER_H
#define CLO_SANDBOX_WORKER_WORKER_H

#include <sys/types.h>

#include "sandbox/worker/bootstrap.h"

/* With SI_QUEUE and a run's sequence number: end that run. */
#define CLO_WORKER_CANCEL SIGUSR1

/* What a fork of the zygote does until its socket closes. `layers`: of the jail, put up by the
 * fork itself. */
_Noreturn void clo_worker_main(const struct clo_bootstrap *bootstrap, int socket, pid_t zygote,
                               unsigned layers);

#endif

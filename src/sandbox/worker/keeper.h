/* sandbox/worker/keeper.h - reaching a worker's process from the host, with pidfds or without.
 *
 * A number of a process is used again once its parent has waited for it: a signal by number may hit
 * another one. A pidfd names one process for ever (Linux 5.3). Where it is missing (old kernels,
 * filters of system calls, gVisor before 2023) a process of its own, the keeper, stands between
 * zygote and worker:
 *
 *   zygote ──fork──▶ keeper ──fork into the jail──▶ worker
 *   host ◀──socket──▶ keeper: signals to send; one message when the worker has ended
 *
 * The keeper is the worker's parent and waits for it only when the host has closed the socket. Until
 * then the number is the worker's, dead or alive, and no signal goes astray. When the zygote ends the
 * keeper is killed, and with it its worker.
 *
 * Either way the host holds one descriptor, the handle: it becomes readable when the worker's memory
 * is gone.
 */
#ifndef CLO_SANDBOX_WORKER_KEEPER_H
#define CLO_SANDBOX_WORKER_KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "sandbox/worker/jail.h"

/* In the zygote, once: are there pidfds that signals can be sent by? */
bool clo_keeper_is_needed(void);

/* In the zygote, instead of clo_jail_fork: a keeper with a worker. `channel`: the worker's to the
 * host, which the keeper closes for itself. In the worker the result is 0, *parent is its keeper's
 * number and *layers is set. In the zygote: the worker's number and its handle, close-on-exec; or
 * -1, and errno. */
pid_t clo_keeper_fork(const struct clo_jail_shared *shared, int channel, unsigned *layers,
                      pid_t *parent, int *handle);

/* On the host: a signal with a number (SI_QUEUE). Thread-safe; nothing happens when the worker has
 * ended. */
void clo_keeper_signal(int handle, int signal, int value);

#endif

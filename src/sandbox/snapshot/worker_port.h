/* sandbox/snapshot/worker_port.h - a state out of a worker process, and into it: the host's side of
 * worker/state_frames.h.
 *
 * A worker that fails in the middle, says what it may not say or takes too long is killed: the
 * sandbox is clean then. One that has no state to hand out, or refuses one, lives on.
 */
#ifndef CLO_SANDBOX_SNAPSHOT_WORKER_PORT_H
#define CLO_SANDBOX_SNAPSHOT_WORKER_PORT_H

#include "sandbox/snapshot/snapshot.h"
#include "sandbox/worker_client.h"

struct clo_worker_port;

/* Errors: CLO_ENOMEMORY. */
int clo_worker_port_open(struct clo_worker_port **port, struct clo_worker_client *client,
                         struct clo_error *error);
void clo_worker_port_close(struct clo_worker_port *port); /* NULL is allowed */

/* Good while `port` is open. */
struct clo_state_port clo_worker_port(struct clo_worker_port *port);

#endif

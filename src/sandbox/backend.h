/* sandbox/backend.h - where code runs: a micro-VM on this thread, or one in a worker process.
 *
 * A backend with a micro-VM of this process is used by one thread for its life, one with a worker
 * process by one thread at a time. What is above it is the same for both placements:
 * this is the one switch between them.
 */
#ifndef CLO_SANDBOX_BACKEND_H
#define CLO_SANDBOX_BACKEND_H

#include "sandbox/config.h"
#include "sandbox/reservation.h"
#include "sandbox/run/state.h"
#include "sandbox/zygote.h"

struct clo_backend;

/* Makes the micro-VM, so that what is wrong shows now. `config` stays as it is while the backend
 * lives. `zygote` is for CLO_PLACEMENT_WORKER. */
int clo_backend_create(struct clo_backend **backend, const struct clo_config *config,
                       struct clo_zygote *zygote, struct clo_error *error);
void clo_backend_destroy(struct clo_backend *backend); /* waits for tools still in work for it */

/* clo_sandbox_run's contract; of a pool's backend clo_pool_run's. After a run of a session it is to
 * be settled as after any other. What it has of the memory budget is `memory`; it may get more. */
int clo_backend_run(struct clo_backend *backend, const struct clo_run *run,
                    struct clo_reservation *memory, struct clo_run_result **result,
                    struct clo_error *error);

/* clo_sandbox_snapshot's and clo_sandbox_restore's contract. Between runs, and not where the
 * backend is a pool's: there a run brings its state along, and takes it away. */
int clo_backend_snapshot(struct clo_backend *backend, int fd,
                         const struct clo_snapshot_options *options, uint64_t *bytes,
                         struct clo_error *error);
int clo_backend_restore(struct clo_backend *backend, int fd,
                        const struct clo_snapshot_options *options, struct clo_reservation *memory,
                        struct clo_error *error);

/* Hand out the state itself (run/state.h). Errors: clo_sandbox_snapshot's, and the sink's. */
int clo_backend_save(struct clo_backend *backend, const struct clo_state_sink *sink,
                     struct clo_error *error);

/* Layers of the jail around it; 0: there is none. */
unsigned clo_backend_layers(const struct clo_backend *backend);

/* Run something small, so that all that a run needs is present. */
void clo_backend_warm(struct clo_backend *backend);

/* Make ready for the next run, ahead of it. */
void clo_backend_settle(struct clo_backend *backend);

/* Of a worker process, between runs, without waiting: has it said that it is ready for the next, so
 * that clo_backend_settle does not wait for it? A worker that is found to be dead is. */
bool clo_backend_is_clean(struct clo_backend *backend);
/* Is there a worker process, as far as is known? False: settling starts another one. */
bool clo_backend_is_there(const struct clo_backend *backend);

#endif

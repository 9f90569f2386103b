/* sandbox/worker_client.h - the host's side of a worker process: gives it runs, answers its calls.
 *
 * A client is used by one thread for its life. It has one worker at a time, which may be dead,
 * stuck or taken over at any moment: what it sends is checked, what it says of itself is not
 * believed where the host can know better, and it is killed when it does not end in time.
 */
#ifndef CLO_SANDBOX_WORKER_CLIENT_H
#define CLO_SANDBOX_WORKER_CLIENT_H

#include "sandbox/config.h"
#include "sandbox/run/run.h"
#include "sandbox/zygote.h"

struct clo_worker_client;

/* Starts a worker too, so that what is wrong shows now. */
int clo_worker_client_create(struct clo_worker_client **client, const struct clo_config *config,
                             struct clo_zygote *zygote, struct clo_error *error);
void clo_worker_client_destroy(struct clo_worker_client *client);

/* One run; `order` is made from `run`. Fills *result (zeroed by the caller), output included. */
int clo_worker_client_run(struct clo_worker_client *client, const struct clo_run *run,
                          const struct clo_order *order, struct clo_run_result *result,
                          struct clo_error *error);

/* Between runs: wait until the worker's micro-VM is restored, or have another worker started. */
void clo_worker_client_settle(struct clo_worker_client *client);

/* Of the worker's jail. */
unsigned clo_worker_client_layers(const struct clo_worker_client *client);

#endif

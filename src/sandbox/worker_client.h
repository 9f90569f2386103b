/* sandbox/worker_client.h - the host's side of a worker process: gives it runs, answers its calls.
 *
 * A client is used by one thread at a time. It has one worker at a time, which may be dead,
 * stuck or taken over at any moment: what it sends is checked, what it says of itself is not
 * believed where the host can know better, and it is killed when it does not end in time.
 */
#ifndef CLO_SANDBOX_WORKER_CLIENT_H
#define CLO_SANDBOX_WORKER_CLIENT_H

#include "sandbox/artifacts/artifact_tree.h"
#include "sandbox/config.h"
#include "sandbox/reservation.h"
#include "sandbox/run/run.h"
#include "sandbox/suspend/suspend.h"
#include "sandbox/zygote.h"

struct clo_worker_client;

/* A worker that takes longer to be born, or to restore its micro-VM, is given up. */
#define CLO_WORKER_HELLO_NS 20000000000ull

/* Starts a worker too, so that what is wrong shows now. */
int clo_worker_client_create(struct clo_worker_client **client, const struct clo_config *config,
                             struct clo_zygote *zygote, struct clo_error *error);
void clo_worker_client_destroy(struct clo_worker_client *client);

/* One run, which sees `mounts` and writes to `output`; `order` is made from `run`. Where that goes on
 * with one that was suspended, `suspended` is what is known of it; where it is suspended at its end, it
 * is what is known of it then.
 * What it has of the memory budget is `memory`, whatever the worker says. Fills *result (zeroed by the caller), output included. */
int clo_worker_client_run(struct clo_worker_client *client, const struct clo_run *run,
                          const struct clo_mounts *mounts, struct clo_artifact_tree *output,
                          const struct clo_order *order, struct clo_suspended *suspended,
                          struct clo_reservation *memory, struct clo_run_result *result,
                          struct clo_error *error);

/* After a run of a session in a pool, or where its state came in and no run followed: tell the worker
 * to give that up. It says when it has: clo_worker_client_settle. */
void clo_worker_client_clean(struct clo_worker_client *client);

/* Between runs: wait until the worker's micro-VM is restored, or have another worker started. */
void clo_worker_client_settle(struct clo_worker_client *client);

/* Without waiting: clo_backend_is_clean and clo_backend_is_there (backend.h). */
bool clo_worker_client_is_clean(struct clo_worker_client *client);
bool clo_worker_client_is_there(const struct clo_worker_client *client);

/* Of the worker's jail. */
unsigned clo_worker_client_layers(const struct clo_worker_client *client);

#endif

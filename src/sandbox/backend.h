/* sandbox/backend.h - where code runs: a micro-VM on this thread, or one in a worker process.
 *
 * An backend is used by one thread for its life. backend.c only chooses; thread_backend.c and worker_client.c are the
 * two kinds.
 */
#ifndef CLO_SANDBOX_BACKEND_H
#define CLO_SANDBOX_BACKEND_H

#include "sandbox/config.h"
#include "sandbox/zygote.h"

struct clo_backend;

/* Makes the micro-VM, so that what is wrong shows now. `zygote` is for CLO_ISOLATION_WORKER. */
int clo_backend_create(struct clo_backend **backend, const struct clo_config *config,
                       struct clo_zygote *zygote, struct clo_error *error);
void clo_backend_destroy(struct clo_backend *backend); /* waits for tools still in work for it */

/* clo_sandbox_run's contract. */
int clo_backend_run(struct clo_backend *backend, const struct clo_run *run,
                    struct clo_run_result **result, struct clo_error *error);

unsigned clo_backend_layers(const struct clo_backend *backend); /* of the jail; none: 0 */
void clo_backend_warm(
    struct clo_backend *backend); /* run something small, so that all is present */
void clo_backend_settle(struct clo_backend *backend); /* make ready for the next run, ahead of it */

/* ---- the two kinds, for backend.c ---- */

struct clo_thread_backend;
int clo_thread_backend_create(struct clo_thread_backend **local, const struct clo_config *config,
                              struct clo_error *error);
void clo_thread_backend_destroy(struct clo_thread_backend *local);
int clo_thread_backend_run(struct clo_thread_backend *local, const struct clo_run *run,
                           const struct clo_limits *limits, struct clo_run_result *result,
                           struct clo_error *error);
void clo_thread_backend_warm(struct clo_thread_backend *local);
void clo_thread_backend_settle(struct clo_thread_backend *local);

struct clo_worker_client;
int clo_worker_client_create(struct clo_worker_client **client, const struct clo_config *config,
                             struct clo_zygote *zygote, struct clo_error *error);
void clo_worker_client_destroy(struct clo_worker_client *client);
int clo_worker_client_run(struct clo_worker_client *client, const struct clo_run *run,
                          const struct clo_limits *limits, struct clo_run_result *result,
                          struct clo_error *error);
void clo_worker_client_settle(struct clo_worker_client *client);
unsigned clo_worker_client_layers(
    const struct clo_worker_client *client); /* of the jail around its worker */

#endif

/* sandbox/backend.h - where code runs: a micro-VM on this thread, or one in a worker process.
 *
 * An engine is used by one thread for its life. backend.c only chooses; thread_backend.c and worker_client.c are the
 * two kinds.
 */
#ifndef CLO_SANDBOX_ENGINE_H
#define CLO_SANDBOX_ENGINE_H

#include "sandbox/zygote.h"
#include "sandbox/config.h"

struct clo_engine;

/* Makes the micro-VM, so that what is wrong shows now. `nursery` is for CLO_ISOLATION_WORKER. */
int clo_engine_create(struct clo_engine **engine, const struct clo_setup *setup,
                      struct clo_nursery *nursery, struct clo_error *error);
void clo_engine_destroy(struct clo_engine *engine); /* waits for tools still in work for it */

/* clo_sandbox_run's contract. */
int clo_engine_run(struct clo_engine *engine, const struct clo_run *run,
                   struct clo_run_result **result, struct clo_error *error);

unsigned clo_engine_layers(const struct clo_engine *engine); /* of the jail; none: 0 */
void clo_engine_warm(struct clo_engine *engine);   /* run something small, so that all is present */
void clo_engine_settle(struct clo_engine *engine); /* make ready for the next run, ahead of it */

/* ---- the two kinds, for backend.c ---- */

struct clo_local;
int clo_local_create(struct clo_local **local, const struct clo_setup *setup,
                     struct clo_error *error);
void clo_local_destroy(struct clo_local *local);
int clo_local_run(struct clo_local *local, const struct clo_run *run,
                  const struct clo_limits *limits, struct clo_run_result *result,
                  struct clo_error *error);
void clo_local_warm(struct clo_local *local);
void clo_local_settle(struct clo_local *local);

struct clo_remote;
int clo_remote_create(struct clo_remote **remote, const struct clo_setup *setup,
                      struct clo_nursery *nursery, struct clo_error *error);
void clo_remote_destroy(struct clo_remote *remote);
int clo_remote_run(struct clo_remote *remote, const struct clo_run *run,
                   const struct clo_limits *limits, struct clo_run_result *result,
                   struct clo_error *error);
void clo_remote_settle(struct clo_remote *remote);
unsigned clo_remote_layers(const struct clo_remote *remote); /* of the jail around its worker */

#endif

/* sandbox/config.h - a configuration, checked and copied: what a sandbox or a pool is made from. */
#ifndef CLO_SANDBOX_CONFIG_H
#define CLO_SANDBOX_CONFIG_H

#include "base/thread/executor.h"
#include "sandbox/files/mounts.h"
#include "sandbox/run/fixed.h"
#include "sandbox/run/limits.h"
#include "sandbox/run/run.h"
#include "sandbox/tool/tool_set.h"

#define CLO_POOL_IDLE_MS_MAX (24ull * 3600 * 1000)

struct clo_config { /* immutable after clo_config_open */
    const struct clo_image *image;
    struct clo_limits limits;
    enum clo_placement placement;
    enum clo_isolation isolation;
    enum clo_jail jail;
    enum clo_admission admission;
    bool pooled; /* runs share no state: backends restore ahead */
    struct clo_tool_set *tools;
    struct clo_mounts *mounts;
    struct clo_fixed fixed;
    char timezone[CLO_TIMEZONE_MAX + 1]; /* of `fixed` */
    struct clo_executor *threads;        /* of tools, for all runs */
};

/* What a run with this limit is let in with (reservation.h). */
uint64_t clo_config_start(const struct clo_config *config, uint64_t limit);

/* Errors: CLO_EINVALID, CLO_ENOHYPERVISOR, CLO_ENOMEMORY. */
int clo_config_open(struct clo_config *config, const struct clo_sandbox_config *wanted, bool pooled,
                    struct clo_error *error);

void clo_config_close(struct clo_config *config); /* after all backends */

/* order.c: what the caller says of a run, checked. *order is good as long as `run` is; of a run that goes
 * on with a suspended one the file tells the rest later. Errors: CLO_EINVALID, CLO_ELIMIT,
 * CLO_ECANCELLED, CLO_ENOMEMORY. */
int clo_order_make(const struct clo_config *config, const struct clo_run *run,
                   struct clo_order *order, struct clo_error *error);

#endif

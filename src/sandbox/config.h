/* sandbox/config.h - a configuration, checked and copied: what a sandbox or a pool is made from. */
#ifndef CLO_SANDBOX_SETUP_H
#define CLO_SANDBOX_SETUP_H

#include "sandbox/call/tool_threads.h"
#include "sandbox/run/limits.h"
#include "sandbox/tool/tool_set.h"

struct clo_setup { /* immutable after clo_setup_open */
    const struct clo_image *image;
    struct clo_limits limits;
    enum clo_isolation isolation;
    enum clo_jail jail;
    bool pooled; /* runs share no state: engines restore ahead */
    struct clo_tools *tools;
    struct clo_crew *crew;
};

/* Errors: CLO_EINVALID, CLO_ENOHYPERVISOR, CLO_ENOMEMORY. */
int clo_setup_open(struct clo_setup *setup, const struct clo_sandbox_config *config, bool pooled,
                   struct clo_error *error);

void clo_setup_close(struct clo_setup *setup); /* after all engines */

#endif

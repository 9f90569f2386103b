/* sandbox/tool/run_tools.h - tools of some runs, and what stands around calls of tools
 * (cloche/sandbox.h). */
#ifndef CLO_SANDBOX_TOOL_RUN_TOOLS_H
#define CLO_SANDBOX_TOOL_RUN_TOOLS_H

#include <stdatomic.h>

#include "cloche/sandbox.h"
#include "sandbox/tool/tool_set.h"

struct clo_run_tools {
    atomic_uint references;
    struct clo_tool_set *set;           /* maybe of no tools */
    struct clo_run_tools_config config; /* its tools are the set's */
};

/* What a function that stands around a call is given. `next` gets what clo_tool_go_on is given. */
struct clo_tool_step {
    const char *name;
    bool runs_code;
    int (*next)(struct clo_tool_step *step, struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error);
};

/* No tool of `tools` (NULL: there are none) has the name of one of the sandbox's, and together they
 * are not too many. */
int clo_run_tools_check(const struct clo_run_tools *tools, const struct clo_tool_set *sandbox,
                        struct clo_error *error);

/* Call the tool as clo_tool_entry_call does, by way of what stands around it; `tools` may be NULL.
 * A failure that is not one of waiting is CLO_EINVALID. */
int clo_run_tools_call(const struct clo_run_tools *tools, const struct clo_tool_entry *entry,
                       const struct clo_value *arguments, uint64_t deadline_ns,
                       const struct clo_cancel *cancel, struct clo_value *result,
                       struct clo_error *error);

#endif

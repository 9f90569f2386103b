/* sandbox/tool/tool_set.h - the tools of a sandbox: checked once, then immutable and shared by threads. */
#ifndef CLO_SANDBOX_TOOL_TOOL_SET_H
#define CLO_SANDBOX_TOOL_TOOL_SET_H

#include <stdint.h>

#include "cloche/cancel.h"
#include "cloche/tool.h"

struct clo_tool_set;
struct clo_tool_entry;

/* Copy and check tools: names, schemas, no name twice. CLO_EINVALID names the tool and the place.
 */
int clo_tool_set_create(struct clo_tool_set **tools, const struct clo_tool *list, size_t count,
                        struct clo_error *error);
void clo_tool_set_free(
    struct clo_tool_set *tools); /* NULL is allowed; no call may be in progress */

/* Check one tool without keeping it; for libraries of tools. */
int clo_tool_check(const struct clo_tool *tool, struct clo_error *error);

/* The "tools" of a run request (abi/hostcall.h), as CBOR; owned by the set. */
const char *clo_tool_set_manifest(const struct clo_tool_set *tools, size_t *length);

/* NULL, with a message that lists the tools there are. */
const struct clo_tool_entry *clo_tool_set_find(const struct clo_tool_set *tools,
                                               const struct clo_value *name,
                                               struct clo_error *error);

/* Check the arguments (an integral number may become an integer). */
int clo_tool_check_arguments(const struct clo_tool_entry *entry, struct clo_value *arguments,
                             struct clo_error *error);

/* Call the tool on this thread. A serial tool is waited for until `deadline_ns` of the monotonic
 * clock: CLO_EBUSY, or CLO_ECANCELLED. Any other failure is the tool's own. */
int clo_tool_entry_call(const struct clo_tool_entry *entry, const struct clo_value *arguments,
                        uint64_t deadline_ns, const struct clo_cancel *cancel,
                        struct clo_value *result, struct clo_error *error);

const char *clo_tool_entry_name(const struct clo_tool_entry *entry);

#endif

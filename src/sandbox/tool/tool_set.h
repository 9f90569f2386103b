/* sandbox/tool/tool_set.h - what call_tool reaches. Read this first.
 *
 *   struct clo_tool[] ─▶ tool_set: names, schemas ─▶ manifest: what the guest is told of them
 *        ▲                  │  (schema_compile.c, pattern.c)
 *    plugin.c: of a         ▼
 *    shared library     a call: find, check the arguments (schema_check.c, schema_message.c), call
 *
 * What is always true
 * - This room is the host's: nothing of it is in a worker process.
 * - A set is checked once and does not change afterwards: threads share it without locks. It
 *   outlives every call.
 * - A tool sees arguments that fit its schema, or is not called. The schema is its author's, the
 *   arguments are the guest's: checking them is bounded in steps, depth and memory (schema.h).
 * - A tool is called on the run's thread or on a tool thread (sandbox.h), several at once. One that
 *   is `serial` has a gate of its own, the only lock here, which is not held while the tool runs.
 */
#ifndef CLO_SANDBOX_TOOL_TOOL_SET_H
#define CLO_SANDBOX_TOOL_TOOL_SET_H

#include <stdint.h>

#include "cloche/cancel.h"
#include "cloche/tool.h"

struct clo_tool_set;
struct clo_tool_entry;

/* Copy and check tools: names, schemas, no name twice. CLO_EINVALID names the tool and the
 * place. */
int clo_tool_set_create(struct clo_tool_set **tools, const struct clo_tool *list, size_t count,
                        struct clo_error *error);
/* NULL is allowed; no call may be in progress. */
void clo_tool_set_free(struct clo_tool_set *tools);

/* Check one tool without keeping it; for libraries of tools. */
int clo_tool_check(const struct clo_tool *tool, struct clo_error *error);

/* The "tools" of a run request (abi/hostcall.h), as CBOR; owned by the set. */
const char *clo_tool_set_manifest(const struct clo_tool_set *tools, size_t *length);

/* The tool of that name in `tools` or, if not NULL, in `beside`. NULL, with a message that lists the tools
 * there are. */
const struct clo_tool_entry *clo_tool_set_find(const struct clo_tool_set *tools,
                                               const struct clo_tool_set *beside,
                                               const struct clo_value *name,
                                               struct clo_error *error);

/* Both may be those of one run: CLO_EINVALID, a name is in both; CLO_ELIMIT, they are too many. */
int clo_tool_set_check_beside(const struct clo_tool_set *tools, const struct clo_tool_set *beside,
                              struct clo_error *error);

/* Check the arguments (an integral number may become an integer). */
int clo_tool_check_arguments(const struct clo_tool_entry *entry, struct clo_value *arguments,
                             struct clo_error *error);

/* Call the tool on this thread. A serial tool is waited for until `deadline_ns` of the monotonic
 * clock: CLO_EBUSY, or CLO_ECANCELLED. Any other failure is the tool's own.
 * CLO_TOOL_SUSPEND: somebody has to answer first. */
int clo_tool_entry_call(const struct clo_tool_entry *entry, const struct clo_value *arguments,
                        uint64_t deadline_ns, const struct clo_cancel *cancel,
                        struct clo_value *result, struct clo_error *error);

const char *clo_tool_entry_name(const struct clo_tool_entry *entry);

#endif

/* sandbox/call/host_calls.h - answering host calls: a message in, a reply out. Read this first.
 *
 *   struct clo_call ─▶ what breaks the contract ends the run: CLO_EGUEST
 *                   ─▶ what a limit forbids is refused
 *                   ─▶ input: the next bytes of standard input
 *                   ─▶ file: a look at what is mounted (files/files.h), here and now
 *                   ─▶ tool, waited for at once and without a time-out: read, checked
 *                      (tool_call.h) and called on this thread
 *                   ─▶ tool, any other: pending (pending_calls.h) until it is waited for, and
 *                      called on one of the tool threads
 *
 * What is always true
 * - Messages are copies, never guest memory. It makes no difference whether the run is in this
 *   process or in a worker.
 * - A struct clo_host_calls answers one run at a time, on the run's thread, and every function
 *   below is called there. Several share the tool threads.
 * - The guest chooses how many calls there are and how large: each has a ceiling, of the run
 *   (struct clo_limits) or of the process (tool_call.h).
 * - Locks: that of the pending calls, under which the executor's may be taken. None is held while a
 *   tool runs.
 */
#ifndef CLO_SANDBOX_CALL_HOST_CALLS_H
#define CLO_SANDBOX_CALL_HOST_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread/executor.h"
#include "cloche/cancel.h"
#include "cloche/sandbox.h"
#include "sandbox/artifacts/artifact_tree.h"
#include "sandbox/files/mounts.h"
#include "sandbox/run/run.h"
#include "sandbox/tool/tool_set.h"

#define CLO_TOOL_THREADS_MAX 64 /* of all runs with one configuration */

struct clo_host_calls;

int clo_host_calls_create(struct clo_host_calls **calls, const struct clo_tool_set *tools,
                          struct clo_executor *threads, struct clo_error *error);
void clo_host_calls_free(struct clo_host_calls *calls); /* waits for tools still in work for it */

/* A run begins. `cancel` (may be NULL) and readability of `abort_fd` (-1: none) end its waits. */
void clo_host_calls_begin(struct clo_host_calls *calls, const struct clo_limits *limits,
                          struct clo_cancel *cancel, int abort_fd);

/* Take from `run`, which stays until its end, the standard input of the run that has begun, whether it
 * has tools, and those of its own. */
void clo_host_calls_input(struct clo_host_calls *calls, const struct clo_run *run);

/* The run that has begun sees `mounts` and writes to `output` (NULL: it has none), which stay until its
 * end; without this it sees nothing. */
void clo_host_calls_files(struct clo_host_calls *calls, const struct clo_mounts *mounts,
                          struct clo_artifact_tree *output);

/* What goes along when the run is suspended; the last two are lent, until its end. */
struct clo_host_calls_kept {
    uint64_t submitted, input_taken; /* calls; bytes of standard input */
    struct clo_pending_calls *pending_calls;
    struct clo_files *files;
};
void clo_host_calls_keep(const struct clo_host_calls *calls, struct clo_host_calls_kept *kept);
/* After the run's input was given, which is long enough, and before its first call. */
void clo_host_calls_go_on(struct clo_host_calls *calls, const struct clo_host_calls_kept *kept);

/* A call that had not begun when its run was suspended is submitted anew, behind what was put into the
 * pending calls. What is wrong with it now (the resumer lacks the tool, say) is its answer. `arguments`:
 * CBOR. Errors: CLO_EBUSY: there are too many; CLO_ENOMEMORY. */
struct clo_host_call_again {
    uint32_t id;
    const char *tool;
    const uint8_t *arguments;
    size_t length;
    uint64_t deadline_ns; /* of the monotonic clock */
    bool may_suspend;
};
int clo_host_calls_again(struct clo_host_calls *calls, const struct clo_host_call_again *again,
                         struct clo_error *error);

/* Answer one call. 0, or CLO_EGUEST: the call breaks the contract, and the run must end. A wait
 * that is cut by deadline, cancel or abort_fd is answered with CLO_CALL_INTERRUPTED, one that nobody
 * here can end with CLO_CALL_SUSPENDED, where the call says that it may. */
int clo_host_calls_call(struct clo_host_calls *calls, const struct clo_call *call,
                        struct clo_call_reply *reply, struct clo_error *error);

void clo_host_calls_end(struct clo_host_calls *calls);

uint64_t clo_host_calls_count(const struct clo_host_calls *calls); /* submitted in this run */

/* Processor time that the tool threads used for the calls of this run that have ended. */
uint64_t clo_host_calls_cpu_ns(const struct clo_host_calls *calls);

#endif

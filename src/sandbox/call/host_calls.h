/* sandbox/call/host_calls.h - the host-call service: a message in, a reply out.
 *
 * It sees copies of messages, never guest memory, and does not care whether the run is in this
 * process or in a worker. One service answers one run at a time, on one thread; several services
 * share the tool threads. A synchronous call runs its tool on that thread: one that is submitted and waited
 * for at once, without a time-out. The others are in flight (sandbox/pending_calls.h) until they are
 * waited for.
 */
#ifndef CLO_SANDBOX_CALL_HOST_CALLS_H
#define CLO_SANDBOX_CALL_HOST_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread/executor.h"
#include "cloche/cancel.h"
#include "cloche/sandbox.h"
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

/* Take the standard input of the run that has begun from `run`, which stays until its end. */
void clo_host_calls_input(struct clo_host_calls *calls, const struct clo_run *run);

/* Answer one call. 0, or CLO_EGUEST: the call breaks the contract, and the run must end. A wait
 * that is cut by deadline, cancel or abort_fd is answered with CLO_CALL_INTERRUPTED. */
int clo_host_calls_call(struct clo_host_calls *calls, const struct clo_call *call,
                        struct clo_call_reply *reply, struct clo_error *error);

void clo_host_calls_end(struct clo_host_calls *calls);

uint64_t clo_host_calls_count(const struct clo_host_calls *calls); /* submitted in this run */

/* Processor time of the tool threads' threads for this run's calls that have ended. */
uint64_t clo_host_calls_cpu_ns(const struct clo_host_calls *calls);

#endif

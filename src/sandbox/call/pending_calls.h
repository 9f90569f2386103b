/* sandbox/call/pending_calls.h - the calls of one run in flight: submitted, and not yet waited for.
 *
 * One whose tool says that somebody has to answer first (CLO_TOOL_SUSPEND) is suspended: nothing
 * happens to it any more in this process. When nothing else is in work, the run is: calls that have
 * not begun, because too many replies wait, go along as they are and are submitted anew.
 *
 * The guest chooses how many there are and how large, so both have a ceiling, in the bytes that
 * they take of the host: arguments beyond it are refused; while results beyond it wait, no further
 * call is begun. A run that ends waits for none of its calls: those not begun are dropped, the
 * results of the others are thrown away. One thread uses it, the run's; calls run on the tool
 * threads, an executor for all runs, in which each run has a lane: slow calls hold up no other run.
 */
#ifndef CLO_SANDBOX_CALL_PENDING_CALLS_H
#define CLO_SANDBOX_CALL_PENDING_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "base/thread/executor.h"
#include "sandbox/call/tool_call.h"

/* Of one run. */
#define CLO_PENDING_RUNNING_MAX 16               /* calls in work at a time */
#define CLO_PENDING_CALLS_MAX 1024               /* calls */
#define CLO_PENDING_ARGUMENTS_MAX (128ull << 20) /* bytes of arguments */
#define CLO_PENDING_REPLIES_MAX                                                                    \
    (16ull << 20) /* bytes of replies that wait; on top of them come
                                                    those of the calls that are in work then */

struct clo_pending_calls;

struct clo_pending_call { /* one call */
    struct clo_task task; /* first: a tool thread is given this address */
    struct clo_pending_calls *pending_calls;
    TAILQ_ENTRY(clo_pending_call) entry;
    struct clo_tool_call arguments;
    uint32_t id, status; /* status: enum clo_call_status; CLO_CALL_PENDING: it has not ended */
    bool orphan;         /* its run has ended */
    uint64_t deadline_ns;
    struct clo_buffer reply;
};

int clo_pending_calls_create(struct clo_pending_calls **pending_calls, struct clo_executor *threads,
                             struct clo_error *error);
/* Waits for the tools that are in work. */
void clo_pending_calls_free(struct clo_pending_calls *pending_calls);

/* A call to be filled in: arguments, deadline, the reply's limit. NULL: CLO_EBUSY, there are too
 * many; CLO_ENOMEMORY. It is in flight once it was started or finished; else
 * clo_pending_call_drop. */
struct clo_pending_call *clo_pending_call_create(struct clo_pending_calls *pending_calls,
                                                 uint32_t id, struct clo_error *error);
void clo_pending_call_drop(struct clo_pending_call *pending);

/* Hand the call to the tool threads. CLO_EBUSY: the arguments are too large now; CLO_ENOMEMORY,
 * CLO_ESYSTEM. After an error it is still the caller's. */
int clo_pending_call_start(struct clo_pending_call *pending, struct clo_error *error);

/* It has ended already: its reply, an error, is to be fetched like any other. */
void clo_pending_call_finish(struct clo_pending_call *pending, const struct clo_error *why);

/* It is suspended from the start: for a call that was tried on the run's own thread. CLO_EBUSY: its
 * arguments are too large now; it is still the caller's then. */
int clo_pending_call_suspend(struct clo_pending_call *pending, struct clo_error *error);

/* It has ended elsewhere: its status and reply are filled in. */
void clo_pending_call_put(struct clo_pending_call *pending);

/* Would a wait for `id` (0: any) last until somebody answers a suspended call? No tool thread has a
 * call then, nor gets one before replies are fetched. */
bool clo_pending_calls_rest(struct clo_pending_calls *pending_calls, uint32_t id);

/* Each call of a run at rest: those that are suspended in the order in which they came to be, those
 * that have ended, those that have not begun (status says which). The first failure of `each` ends it. */
int clo_pending_calls_each(struct clo_pending_calls *pending_calls,
                           int (*each)(void *context, struct clo_pending_call *pending,
                                       struct clo_error *error),
                           void *context, struct clo_error *error);

bool clo_pending_calls_have(struct clo_pending_calls *pending_calls, uint32_t id);
bool clo_pending_calls_any(struct clo_pending_calls *pending_calls);

/* The call of that id, of 0 the one that ended first, if it has ended: the caller's, to drop. */
struct clo_pending_call *clo_pending_calls_fetch(struct clo_pending_calls *pending_calls,
                                                 uint32_t id);

/* Processor time that the tool threads used for the calls of this run that have ended. */
uint64_t clo_pending_calls_cpu_ns(struct clo_pending_calls *pending_calls);

/* Readable when a call has ended since it was last read; -1 until one was started. */
int clo_pending_calls_event(const struct clo_pending_calls *pending_calls);

void clo_pending_calls_end(struct clo_pending_calls *pending_calls); /* the run has ended */

#endif

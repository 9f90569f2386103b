/* sandbox/call/tool_threads.h - a small bounded set of threads that run tools for many sandboxes.
 *
 * Each run has a lane of its own: its jobs in order, of which at most CLO_LANE_RUNNING_MAX are in
 * work at a time. Lanes take turns, so a run with many slow calls holds up nobody else. A run that
 * ends leaves its lane at once; what is still in work there goes on, and the lane goes away with
 * the last of it. Threads are made when there is more work than idle threads, and stay until the
 * tool threads is freed, which waits for all that is in work.
 */
#ifndef CLO_SANDBOX_CALL_TOOL_THREADS_H
#define CLO_SANDBOX_CALL_TOOL_THREADS_H

#include <stdbool.h>

#include "cloche/error.h"

#define CLO_TOOL_THREADS_MAX 64
#define CLO_LANE_RUNNING_MAX 16

struct clo_tool_threads;
struct clo_lane;

struct clo_tool_job { /* embedded in the caller's own struct; the tool threads owns none of it */
    void (*work)(struct clo_tool_job *job); /* on a thread of the tool threads; may free the job */
    struct clo_tool_job *next;
};

struct clo_tool_threads *clo_tool_threads_create(void); /* NULL: out of memory */
void clo_tool_threads_free(
    struct clo_tool_threads *threads); /* NULL is allowed; every lane has been left */

struct clo_lane *clo_lane_create(void); /* NULL: out of memory */

/* Leave the lane. Returns the jobs that nobody has begun, a list by `next`; they are the caller's
 * again. NULL lane: none. */
struct clo_tool_job *clo_tool_threads_leave(struct clo_tool_threads *threads,
                                            struct clo_lane *lane);

/* While a lane is held, none of its jobs is begun; those in work go on. */
void clo_tool_threads_hold(struct clo_tool_threads *threads, struct clo_lane *lane, bool held);

/* 0, or CLO_ESYSTEM when not even one thread can be made: the job is not taken. */
int clo_tool_threads_add(struct clo_tool_threads *threads, struct clo_lane *lane,
                         struct clo_tool_job *job, struct clo_error *error);

#endif

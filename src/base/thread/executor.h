/* base/thread/executor.h - a bounded set of threads that carry out tasks, in lanes.
 *
 *      lane   ◀ task ◀ task ◀ task     3 wait, 2 of at most 2 are in work ┐
 *      lane   ◀ task                   1 waits, 5 of at most 16 are       ├──▶ threads
 *      lane                            0 wait, 1 of at most 1 is          ┘
 *
 * What is always true
 * - A lane begins its tasks in the order in which they came, and has no more in work than its
 *   running_max. Lanes that could begin a task take turns, a task each: a lane with much to do
 *   holds up no other, as long as there are threads.
 * - A thread is made when a task could begin and no thread is idle, up to the executor's ceiling.
 *   It lives as long as the executor and takes no signals. Where no further thread can be had,
 *   those that live do the work. A task may block as long as it likes.
 * - A task is embedded in a struct of its submitter, who owns it. It must live until its `run` has
 *   begun, or until its lane was left; `run` may free it.
 * - Every function is thread-safe. The executor's lock is held by none of the submitter's code but
 *   thread_failed, and may be taken under any other lock.
 */
#ifndef CLO_BASE_THREAD_EXECUTOR_H
#define CLO_BASE_THREAD_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cloche/error.h"

struct clo_executor;
struct clo_lane;

struct clo_task { /* zeroed but for `run` before it is added; added to one lane at a time */
    void (*run)(struct clo_task *task);
    struct clo_lane *lane; /* where it waits; NULL: nowhere */
    TAILQ_ENTRY(clo_task) entry;
};

TAILQ_HEAD(clo_task_list, clo_task);

/* `threads`: the ceiling, at least 1. `thread_failed` (may be NULL) is told the number of errno
 * each time that a thread is wanted and cannot be started; it must not call back. Errors:
 * CLO_ENOMEMORY. */
int clo_executor_create(struct clo_executor **executor, size_t threads,
                        void (*thread_failed)(int code), struct clo_error *error);

/* Waits for the tasks that are in work. Every lane has been left. NULL is allowed. */
void clo_executor_destroy(struct clo_executor *executor);

/* True once no task waits or runs in any lane; false when the deadline has passed (ns of the
 * monotonic clock; UINT64_MAX: none). */
bool clo_executor_wait_idle(struct clo_executor *executor, uint64_t deadline_ns);

/* At most `running_max` tasks are in work at a time, and at most `waiting_max` wait while so many
 * are. Errors: CLO_ENOMEMORY. */
int clo_lane_create(struct clo_lane **lane, struct clo_executor *executor, size_t running_max,
                    size_t waiting_max, struct clo_error *error);

/* The task is taken, or CLO_EBUSY: the lane is full; CLO_ESYSTEM: not even one thread can be
 * had. */
int clo_lane_add(struct clo_lane *lane, struct clo_task *task, struct clo_error *error);

/* While a lane is held, none of its tasks is begun; those in work go on. */
void clo_lane_hold(struct clo_lane *lane, bool held);

/* How many of its tasks wait: none of them begins while the lane is held. */
size_t clo_lane_waiting(struct clo_lane *lane);

/* Give the lane up. Tasks in work go on, and the lane is freed with the last of them; those that
 * were not begun are put into `rest`, the submitter's again. NULL lane: none. */
void clo_lane_leave(struct clo_lane *lane, struct clo_task_list *rest);

/* If the task still waits, put it at the end of another lane of its executor, which takes it even
 * if it is full. Else nothing; the task must not be gone. */
void clo_task_move(struct clo_task *task, struct clo_lane *to);

#endif

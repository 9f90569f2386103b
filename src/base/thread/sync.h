/* base/thread/sync.h - waits that end at a moment of the monotonic clock, and threads.
 *
 * A deadline is in ns as clo_monotonic_ns counts; UINT64_MAX: none. Conditions and locks are plain
 * pthread ones, with no attributes: the wait names its clock. Every function is thread-safe.
 */
#ifndef CLO_BASE_THREAD_SYNC_H
#define CLO_BASE_THREAD_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Wait with the lock held for a signal to the condition, as pthread_cond_wait: it may return
 * without one. False: the deadline has passed. */
bool clo_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline_ns);

/* Start a thread with all signals blocked: the program's signals are for the program's own threads.
 * 0, or a number of errno. */
int clo_thread_start(pthread_t *thread, void *(*body)(void *), void *context);

#endif

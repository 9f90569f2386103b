/* base/thread/poll.h - waiting for descriptors until a moment of the monotonic clock. Thread-safe. */
#ifndef CLO_BASE_THREAD_POLL_H
#define CLO_BASE_THREAD_POLL_H

#include <poll.h>
#include <stdint.h>

/* As poll, begun again after a signal: > 0 descriptors are ready; 0, the deadline has passed, also
 * if it had already; < 0, errno says why. The deadline is in ns; UINT64_MAX: none. */
int clo_poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline_ns);

#endif

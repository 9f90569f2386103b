/* poll.c - a file of its own: the jailed program needs this, and nothing of base/thread/sync.h. */
#include "base/thread/poll.h"

#include <errno.h>

#include "base/clock.h"

int clo_poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = clo_monotonic_ns();
        if (now >= deadline_ns)
            return 0;
        struct timespec left = clo_timespec(deadline_ns - now);
        int ready = ppoll(fds, count, deadline_ns == UINT64_MAX ? NULL : &left, NULL);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready;
    }
}

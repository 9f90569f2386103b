/* base/clock.h - monotonic time in the units the rest of the code counts in. */
#ifndef CLO_BASE_CLOCK_H
#define CLO_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clo_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t clo_monotonic_ns(void)
{
    return clo_clock_ns(CLOCK_MONOTONIC);
}

#endif

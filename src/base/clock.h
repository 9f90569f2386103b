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

/* The moment that many ms from now; UINT64_MAX, no deadline, beyond what the clock can count. */
static inline uint64_t clo_after_ms(uint64_t ms)
{
    uint64_t now = clo_monotonic_ns();
    return ms < (UINT64_MAX - now) / 1000000u ? now + ms * 1000000u : UINT64_MAX;
}

static inline struct timespec clo_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

#endif

/* clock.c - time without a host call: the host's clocks at the start of the run plus the
 * time-stamp counter since then.
 */
#include "runtime.h"

static uint64_t start_ticks; /* of the run */
static uint64_t waited_ns;   /* of the run: the time in which the vCPU stood still on purpose */

static inline uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static uint64_t elapsed(void)
{
    unsigned __int128 scaled =
        (unsigned __int128)(ticks() - start_ticks) * CLO_CONTROL->ns_per_tick;
    return (uint64_t)(scaled >> 32);
}

void clo_clock_start(void)
{
    start_ticks = ticks();
    waited_ns = 0;
}

void clo_clock_forget(void)
{
    start_ticks = waited_ns = 0;
}

uint64_t clo_clock_realtime(void)
{
    return CLO_CONTROL->realtime_ns + elapsed();
}

uint64_t clo_clock_monotonic(void)
{
    return CLO_CONTROL->monotonic_ns + elapsed();
}

uint64_t clo_clock_cpu(void)
{
    uint64_t all = elapsed();
    return all > waited_ns ? all - waited_ns : 0;
}

void clo_clock_waited(uint64_t since_monotonic)
{
    waited_ns += clo_clock_monotonic() - since_monotonic;
}

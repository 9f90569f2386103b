/* clock.c - time without a host call: the host's clocks at the start of the run plus the
 * time-stamp counter since then.
 *
 * A run that was frozen goes on with another counter, at another time, maybe on another machine:
 * what had passed until then stands in the control page, and the ticks are counted from there.
 *
 * Where a run's clocks are fixed (CLO_CLOCK_FIXED) the counter is left out: time passes by what the
 * program does. A look takes time, so that a loop that waits for a moment reaches it.
 */
#include "runtime.h"

static uint64_t start_ticks; /* of the run, or of its going on after it was frozen */
static uint64_t before_ns;   /* of the run: what had passed when it was frozen */
static uint64_t waited_ns;   /* of the run: the time in which the vCPU stood still on purpose */
static uint64_t fixed_ns;    /* of the run, where its clocks are fixed: how far they have gone on */

static inline uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline bool is_fixed(void)
{
    return (CLO_CONTROL->run_flags & CLO_CLOCK_FIXED) != 0;
}

uint64_t clo_clock_elapsed(void)
{
    unsigned __int128 scaled =
        (unsigned __int128)(ticks() - start_ticks) * CLO_CONTROL->ns_per_tick;
    return before_ns + (uint64_t)(scaled >> 32);
}

static uint64_t look(void)
{
    if (!is_fixed()) {
        return clo_clock_elapsed();
    }
    return fixed_ns += CLO_CLOCK_LOOK_NS;
}

void clo_clock_start(void)
{
    start_ticks = ticks();
    before_ns = waited_ns = fixed_ns = 0;
}

void clo_clock_forget(void)
{
    start_ticks = before_ns = waited_ns = fixed_ns = 0;
}

void clo_clock_thaw(void)
{
    before_ns = CLO_CONTROL->elapsed_ns;
    start_ticks = ticks();
}

uint64_t clo_clock_steady(void)
{
    return CLO_CONTROL->monotonic_ns + clo_clock_elapsed();
}

uint64_t clo_clock_stamp(void)
{
    return CLO_CONTROL->realtime_ns + (is_fixed() ? fixed_ns : clo_clock_elapsed());
}

uint64_t clo_clock_realtime(void)
{
    return CLO_CONTROL->realtime_ns + look();
}

uint64_t clo_clock_monotonic(void)
{
    return CLO_CONTROL->monotonic_ns + look();
}

uint64_t clo_clock_cpu(void)
{
    uint64_t all = look();
    return all > waited_ns ? all - waited_ns : 0;
}

void clo_clock_waited(uint64_t since_steady, uint64_t ns)
{
    if (!is_fixed()) {
        ns = clo_clock_steady() - since_steady;
    } else {
        fixed_ns += ns;
    }
    waited_ns += ns;
}

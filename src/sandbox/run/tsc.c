/* tsc.c - measuring the time-stamp counter against the monotonic clock. */
#include "sandbox/run/tsc.h"

#include <pthread.h>
#include <time.h>
#include <x86intrin.h>

#include "base/clock.h"

#define FIRST_BASE_NS 2000000u /* reading both clocks errs by some 50 ns: 25 parts in a million */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t first_ticks, first_ns;

static void read_both(uint64_t *ticks, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 4;
         i++) { /* the tightest of a few: an interruption between the two is out */
        uint64_t before = __rdtsc();
        uint64_t now = clo_monotonic_ns();
        uint64_t after = __rdtsc();
        if (after - before < best) {
            best = after - before;
            *ticks = before + best / 2;
            *ns = now;
        }
    }
}

static void begin(void)
{
    read_both(&first_ticks, &first_ns);
}

void clo_tsc_begin(void)
{
    pthread_once(&once, begin);
}

uint64_t clo_tsc_rate(void)
{
    clo_tsc_begin();
    uint64_t ticks, ns;
    read_both(&ticks, &ns);
    if (ns - first_ns < FIRST_BASE_NS) {
        nanosleep(&(struct timespec){.tv_nsec = (long)(FIRST_BASE_NS - (ns - first_ns))}, NULL);
        read_both(&ticks, &ns);
    }
    if (ticks <= first_ticks)
        return 1ull << 32;
    return (uint64_t)(((unsigned __int128)(ns - first_ns) << 32) / (ticks - first_ticks));
}

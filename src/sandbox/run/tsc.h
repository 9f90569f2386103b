/* sandbox/run/tsc.h - the rate of the time-stamp counter, for the guest's clocks. */
#ifndef CLO_SANDBOX_RUN_TSC_H
#define CLO_SANDBOX_RUN_TSC_H

#include <stdint.h>

/* Begin to measure. A process that forks others does so first, and they go on from there.
 * Thread-safe. */
void clo_tsc_begin(void);

/* Nanoseconds per tick as 32.32 fixed point, measured since the beginning: waits until that is
 * about 2 ms ago; on a longer base it is exact. Begins by itself if need be. Thread-safe. */
uint64_t clo_tsc_rate(void);

#endif

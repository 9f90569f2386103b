/* sandbox/run/tsc.h - the rate of the time-stamp counter, for the guest's clocks. */
#ifndef CLO_SANDBOX_RUN_TSC_H
#define CLO_SANDBOX_RUN_TSC_H

#include <stdint.h>

/* Nanoseconds per tick as 32.32 fixed point. Measured from the first call on: that one waits for
 * about 2 ms, later ones take the longer base and are exact. Thread-safe. */
uint64_t clo_tsc_rate(void);

#endif

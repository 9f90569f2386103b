/* sandbox/run/fixed.h - what is fixed of a run's surroundings (struct clo_fixed): checked, put
 * together, and given to the guest. */
#ifndef CLO_SANDBOX_RUN_FIXED_H
#define CLO_SANDBOX_RUN_FIXED_H

#include "abi/hostcall.h"
#include "cloche/sandbox.h"

#define CLO_TIMEZONE_MAX 128                          /* bytes */
#define CLO_CLOCK_NS_MAX (9214646400ull * 1000000000) /* 2262: Python counts in 63 bits of ns */

/* CLO_EINVALID names the value and the remedy. Whether there is such a time zone the image knows. */
int clo_fixed_check(const struct clo_fixed *fixed, struct clo_error *error);

/* What `wanted` leaves open is taken from `fallback`. The timezone is that of one of them. */
void clo_fixed_resolve(struct clo_fixed *result, const struct clo_fixed *wanted,
                       const struct clo_fixed *fallback);

/* In place of the entropy and the clocks that are there; the run flags that go with it. */
uint32_t clo_fixed_give(const struct clo_fixed *fixed, struct clo_control *control);

/* The guest does not know the run's time zone: CLO_EINVALID says so. */
int clo_fixed_refuse(const struct clo_fixed *fixed, struct clo_error *error);

#endif

/* sandbox/run/grace.h - how long code may go on once a limit has interrupted it.
 *
 * When a limit is reached Python is interrupted: it may raise, clean up and print its traceback.
 * The grace for that is over when both have passed since the interrupt:
 *
 * - a tenth of the wall time, within CLO_GRACE_WALL_MIN_MS and CLO_GRACE_WALL_MAX_MS;
 * - CLO_GRACE_USED_MS that the guest made use of: its processor time, and the time that it waited
 *   in the host. On a machine whose processors are busy with other things this comes later, and
 *   without it the traceback would be lost there.
 *
 * And it is over CLO_GRACE_MOST_MS after the interrupt in any case. Then the micro-VM is stopped.
 *
 * Nothing here looks at a clock: the caller brings the times, in ns.
 */
#ifndef CLO_SANDBOX_RUN_GRACE_H
#define CLO_SANDBOX_RUN_GRACE_H

#include "cloche/sandbox.h"

#define CLO_GRACE_WALL_MIN_MS 100
#define CLO_GRACE_WALL_MAX_MS 1000
#define CLO_GRACE_USED_MS 100
#define CLO_GRACE_MOST_MS 3000

struct clo_grace {
    uint64_t wall_ns;                /* of this run */
    uint64_t start_ns, cpu_start_ns; /* when it began */
    uint64_t waited_ns;              /* in the host, since then */
};

/* What is left; all 0: it is over. */
struct clo_grace_left {
    uint64_t wall_ns, cpu_ns; /* look again when this has passed (0: not on this clock's account) */
    uint64_t wait_ns;         /* the longest wait in the host that still fits */
};

/* `now`: a monotonic clock; `cpu`: the guest's processor time so far. */
void clo_grace_begin(struct clo_grace *grace, const struct clo_limits *limits, uint64_t now,
                     uint64_t cpu);
void clo_grace_waited(struct clo_grace *grace, uint64_t ns);
struct clo_grace_left clo_grace_left(const struct clo_grace *grace, uint64_t now, uint64_t cpu);

/* No run lasts longer than its wall_ms and this, but for a tool that is called synchronously. */
uint64_t clo_grace_most_ns(void);

#endif

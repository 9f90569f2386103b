/* grace.c - see grace.h. */
#include "sandbox/run/grace.h"

#define NS_PER_MS 1000000ull
#define WALL_PART 10 /* of wall_ms */

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t wall_ms(const struct clo_limits *limits)
{
    uint64_t part = limits->wall_ms / WALL_PART;
    if (part < CLO_GRACE_WALL_MIN_MS)
        return CLO_GRACE_WALL_MIN_MS;
    return part < CLO_GRACE_WALL_MAX_MS ? part : CLO_GRACE_WALL_MAX_MS;
}

void clo_grace_begin(struct clo_grace *grace, const struct clo_limits *limits, uint64_t now,
                     uint64_t cpu)
{
    *grace = (struct clo_grace){
        .wall_ns = wall_ms(limits) * NS_PER_MS, .start_ns = now, .cpu_start_ns = cpu};
}

void clo_grace_waited(struct clo_grace *grace, uint64_t ns)
{
    grace->waited_ns += ns;
}

struct clo_grace_left clo_grace_left(const struct clo_grace *grace, uint64_t now, uint64_t cpu)
{
    uint64_t passed = minus(now, grace->start_ns);
    uint64_t used = minus(cpu, grace->cpu_start_ns) + grace->waited_ns;
    uint64_t wall = minus(grace->wall_ns, passed);
    uint64_t unused = minus(CLO_GRACE_USED_MS * NS_PER_MS, used);
    uint64_t most = minus(CLO_GRACE_MOST_MS * NS_PER_MS, passed);
    struct clo_grace_left left = {0};
    if (!most || (!wall && !unused))
        return left;
    left.wait_ns = wall > unused ? wall : unused;
    if (left.wait_ns > most)
        left.wait_ns = most;
    if (wall) { /* the processor time does not matter before it has passed */
        left.wall_ns = wall;
    } else {
        left.wall_ns = most;
        left.cpu_ns = unused;
    }
    return left;
}

uint64_t clo_grace_most_ns(void)
{
    return CLO_GRACE_MOST_MS * NS_PER_MS;
}

/* reservation.c - a run's memory, from what it begins with to its limit. */
#include "sandbox/reservation.h"

#include "base/clock.h"
#include "base/error.h"
#include "vm/vm.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t whole_steps(uint64_t bytes)
{
    return (bytes + CLO_RESERVATION_STEP - 1) / CLO_RESERVATION_STEP * CLO_RESERVATION_STEP;
}

/* All that the guest has from the image is counted: it may write every page of it, unasked. */
uint64_t clo_reservation_start(const struct clo_image *image, enum clo_admission admission,
                               uint64_t limit)
{
    if (admission == CLO_ADMISSION_RESERVE)
        return limit;
    uint64_t bytes = whole_steps(clo_image_granted(image));
    return least(bytes > CLO_RESERVATION_LEAST ? bytes : CLO_RESERVATION_LEAST, limit);
}

uint64_t clo_reservation_for(uint64_t bytes, uint64_t limit)
{
    return least(whole_steps(bytes), limit);
}

int clo_reservation_ask(struct clo_reservation *reservation, const struct clo_wish *wish,
                        struct clo_grant *grant, struct clo_error *error)
{
    *grant = (struct clo_grant){.bytes = reservation->bytes};
    if (wish->bytes > wish->limit)
        return clo_fail(error, CLO_EGUEST,
                        "it asked for %llu bytes of memory, where its limit is %llu",
                        (unsigned long long)wish->bytes, (unsigned long long)wish->limit);
    if (wish->bytes <= reservation->bytes)
        return 0;
    uint64_t more = clo_reservation_for(wish->bytes, wish->limit) - reservation->bytes;
    uint64_t start = clo_monotonic_ns();
    uint64_t wait = wish->may_wait && reservation->pool ? reservation->wait_ns : 0;
    struct clo_memory_budget_asker asker = {.pool = reservation->pool,
                                            .deadline_ns = wait > UINT64_MAX - start ? UINT64_MAX
                                                                                     : start + wait,
                                            .cancel = wish->cancel,
                                            .gone = wish->gone,
                                            .context = wish->context};
    if (clo_memory_budget_more(&asker, more, &grant->ceiling) == 0) {
        reservation->bytes += more;
        grant->bytes = reservation->bytes;
    }
    if (wait) {
        grant->waited_ns = least(clo_monotonic_ns() - start, wait);
        reservation->wait_ns -= grant->waited_ns;
    }
    return 0;
}

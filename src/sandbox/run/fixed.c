/* fixed.c - see fixed.h. */
#include "sandbox/run/fixed.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"

/* What follows the eight bytes of the number in the guest's 32: another way to spread it would be
 * another sequence for everybody, and would say so here. */
static const char seed_tail[] = "cloche: a chosen seed, 1";
_Static_assert(sizeof seed_tail - 1 == sizeof((struct clo_control *)0)->seed - sizeof(uint64_t),
               "the seed is filled");

static bool is_timezone_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("/_+-,.:<>", c));
}

static int bad_timezone(const char *timezone, const char *what, struct clo_error *error)
{
    clo_fail(error, CLO_EINVALID, "timezone \"%.64s\" %s", timezone, what);
    return clo_hint(error, CLO_EINVALID,
                    "write a name of the IANA database such as Europe/Berlin, or a rule such as "
                    "CET-1CEST,M3.5.0,M10.5.0/3, or UTC-2 for two hours east of Greenwich");
}

int clo_fixed_check(const struct clo_fixed *fixed, struct clo_error *error)
{
    if (fixed->has_clock && fixed->clock_ns > CLO_CLOCK_NS_MAX) {
        clo_fail(error, CLO_EINVALID, "the clock is set to %" PRIu64 " ns after 1970",
                 fixed->clock_ns);
        return clo_hint(error, CLO_EINVALID, "set it to a time before the year 2262");
    }
    if (!fixed->timezone)
        return 0;
    if (!*fixed->timezone)
        return bad_timezone("", "is empty", error);
    if (strnlen(fixed->timezone, CLO_TIMEZONE_MAX + 1) > CLO_TIMEZONE_MAX)
        return bad_timezone(fixed->timezone, "... is longer than the 128 bytes that it may have",
                            error);
    for (const char *at = fixed->timezone; *at; at++)
        if (!is_timezone_byte(*at))
            return clo_fixed_refuse(fixed, error);
    return 0;
}

int clo_fixed_refuse(const struct clo_fixed *fixed, struct clo_error *error)
{
    return bad_timezone(fixed->timezone,
                        "is neither in the image's time zone database nor a rule as POSIX has it",
                        error);
}

void clo_fixed_resolve(struct clo_fixed *result, const struct clo_fixed *wanted,
                       const struct clo_fixed *fallback)
{
    *result = *wanted;
    if (!result->has_seed) {
        result->has_seed = fallback->has_seed;
        result->seed = fallback->seed;
    }
    if (!result->has_clock) {
        result->has_clock = fallback->has_clock;
        result->clock_ns = fallback->clock_ns;
    }
    if (!result->timezone)
        result->timezone = fallback->timezone;
}

uint32_t clo_fixed_give(const struct clo_fixed *fixed, struct clo_control *control)
{
    if (fixed->has_seed) {
        for (unsigned i = 0; i < sizeof fixed->seed; i++)
            control->seed[i] = (uint8_t)(fixed->seed >> (8 * i));
        memcpy(control->seed + sizeof fixed->seed, seed_tail, sizeof seed_tail - 1);
    }
    if (!fixed->has_clock)
        return 0;
    control->realtime_ns = fixed->clock_ns;
    control->monotonic_ns = CLO_CLOCK_UPTIME_NS;
    return CLO_CLOCK_FIXED;
}

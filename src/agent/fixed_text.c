/* fixed_text.c - see fixed_text.h. */
#include "agent/fixed_text.h"

#include "agent/instant.h"
#include "base/error.h"
#include "sandbox/run/fixed.h"

int clo_fixed_take_seed(struct clo_fixed *fixed, const char *text, struct clo_error *error)
{
    uint64_t seed = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && seed <= CLO_SEED_MAX / 10; at++)
        seed = seed * 10 + (uint64_t)(*at - '0');
    if (at == text || *at || seed > CLO_SEED_MAX)
        return clo_fail(error, CLO_EINVALID,
                        "\"%.64s\" is not a seed; write a whole number from 0 to %lld", text,
                        (long long)CLO_SEED_MAX);
    fixed->has_seed = true;
    fixed->seed = seed;
    return 0;
}

int clo_fixed_take_clock(struct clo_fixed *fixed, const char *text, struct clo_error *error)
{
    int status = clo_instant_parse(text, &fixed->clock_ns, error);
    fixed->has_clock = !status;
    return status;
}

int clo_fixed_take_timezone(struct clo_fixed *fixed, const char *text, struct clo_error *error)
{
    struct clo_fixed zone = {.timezone = text};
    int status = clo_fixed_check(&zone, error);
    if (!status)
        fixed->timezone = text;
    return status;
}

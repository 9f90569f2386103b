/* sandbox_tools.c - add, echo, kind, fail, nap, burn, stamp, meet. */
#include "sandbox_tools.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "sandbox/value/cbor.h"

static int add(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context;
    const struct clo_value *a = clo_value_get(arguments, "a"), *b = clo_value_get(arguments, "b");
    double x, y;
    int64_t m, n, sum;
    if (clo_value_type(a) == CLO_INTEGER && clo_value_type(b) == CLO_INTEGER &&
        clo_value_integer(a, &m) && clo_value_integer(b, &n) &&
        !__builtin_add_overflow(m, n, &sum)) {
        clo_value_set_integer(result, sum);
        return 0;
    }
    if (!clo_value_number(a, &x) || !clo_value_number(b, &y))
        return clo_tool_fail(error, "not numbers");
    clo_value_set_number(result, x + y);
    return 0;
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    struct clo_buffer bytes = CLO_BUFFER(16u << 20);
    int status = clo_cbor_encode(&bytes, clo_value_get(arguments, "value"), error);
    if (!status)
        status = clo_cbor_decode(result, (const uint8_t *)bytes.data, bytes.length, error);
    clo_buffer_free(&bytes);
    return status;
}

static int kind(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)error;
    switch (clo_value_type(clo_value_get(arguments, "value"))) {
    case CLO_INTEGER: return clo_value_set_text(result, "integer");
    case CLO_BIG_INTEGER: return clo_value_set_text(result, "big_integer");
    default: return clo_value_set_text(result, "other");
    }
}

static int fail(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)result;
    return clo_tool_fail(error, "%s", clo_value_text(clo_value_get(arguments, "reason")));
}

static int nap(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context;
    (void)error;
    int64_t ms = 0;
    clo_value_integer(clo_value_get(arguments, "ms"), &ms);
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
    while (nanosleep(&left, &left))
        ;
    clo_value_set_integer(result, ms);
    return 0;
}

/* Use that much processor time of the thread. */
static int burn(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    int64_t ms;
    (void)context;
    (void)result;
    if (!clo_value_integer(clo_value_get(arguments, "ms"), &ms))
        return clo_tool_fail(error, "ms is no integer");
    uint64_t ns = (uint64_t)ms * 1000000;
    uint64_t start = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    while (clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start < ns)
        ;
    return 0;
}

static int stamp(void *context, const struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    static atomic_int count;
    (void)context;
    (void)arguments;
    (void)error;
    clo_value_set_integer(result, atomic_fetch_add(&count, 1));
    return 0;
}

/* True if another call of it was in progress at the same time; waits for one for 10 s. */
static int meet(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    static atomic_int arrived;
    (void)context;
    (void)arguments;
    (void)error;
    int pair = atomic_fetch_add(&arrived, 1) / 2 * 2 + 2; /* calls there will be with its partner */
    bool met = false;
    for (int i = 0; i < 2000 && !met; i++) {
        met = atomic_load(&arrived) >= pair;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    clo_value_set_bool(result, met);
    return 0;
}

const struct clo_tool test_tools[] = {
    {.name = "meet", .description = "Wait for another call of it", .call = meet},
    {.name = "stamp", .description = "A number that grows with each call", .call = stamp},
    {.name = "add",
     .description = "Add two numbers",
     .call = add,
     .parameters = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},"
                   "\"b\":{\"type\":\"number\"}},\"required\":[\"a\",\"b\"]}"},
    {.name = "echo",
     .description = "Give back the value",
     .call = echo,
     .parameters = "{\"type\":\"object\",\"properties\":{\"value\":{}},"
                   "\"required\":[\"value\"]}"},
    {.name = "kind",
     .description = "What an integer is on the host",
     .call = kind,
     .parameters = "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"integer\"}},"
                   "\"required\":[\"value\"]}"},
    {.name = "fail",
     .description = "Fail",
     .call = fail,
     .parameters = "{\"type\":\"object\",\"properties\":{\"reason\":{\"type\":\"string\"}},"
                   "\"required\":[\"reason\"]}"},
    {.name = "nap",
     .description = "Sleep on the host",
     .call = nap,
     .parameters = "{\"type\":\"object\",\"properties\":{\"ms\":{\"type\":\"integer\","
                   "\"minimum\":0,\"maximum\":60000}},\"required\":[\"ms\"]}"},
    {.name = "burn",
     .description = "Use processor time of the host",
     .call = burn,
     .parameters = "{\"type\":\"object\",\"properties\":{\"ms\":{\"type\":\"integer\","
                   "\"minimum\":0,\"maximum\":60000}},\"required\":[\"ms\"]}"},
};
const size_t test_tool_count = sizeof test_tools / sizeof *test_tools;

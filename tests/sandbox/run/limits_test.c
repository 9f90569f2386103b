/* limits_test.c - limits: defaults, bounds, and what a run may not exceed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/layout.h"
#include "sandbox/run/limits.h"

static void limits_are_resolved_and_checked(void **state)
{
    (void)state;
    struct clo_limits limits, wanted = {.memory = 49u << 20, .wall_ms = 5};
    struct clo_error error;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), 0);
    assert_int_equal(limits.memory, 50u << 20); /* rounded up to 2 MiB */
    assert_int_equal(limits.wall_ms, 5);
    assert_int_equal(limits.cpu_ms, 10000);
    struct clo_limits run = {.memory = 52u << 20}, resolved;
    assert_int_equal(clo_limits_resolve(&resolved, &run, &limits, &error), CLO_EINVALID);
    assert_string_equal(error.message,
                        "limit memory of the run is 52 MiB, more than the sandbox's 50 MiB");
    wanted.memory = 32u << 20; /* less than the image takes */
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), CLO_EINVALID);
    assert_string_equal(error.message, "limit memory is 32 MiB; it must be from 48 MiB to 4 GiB");
    assert_string_equal(error.hint, "raise it to 48 MiB");
    wanted = (struct clo_limits){.host_call_bytes = CLO_MESSAGE_MAX + 1};
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "host_call_bytes"));
}

int main(void)
{
    const struct CMUnitTest tests_[] = {
        cmocka_unit_test(limits_are_resolved_and_checked),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}

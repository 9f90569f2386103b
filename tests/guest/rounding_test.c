/* rounding_test.c - the guest's rounding functions against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#define floor guest_floor
#define ceil guest_ceil
#define trunc guest_trunc
#define nearbyint guest_nearbyint
#define floorf guest_floorf
#define ceilf guest_ceilf
#define truncf guest_truncf
#define nearbyintf guest_nearbyintf
#include "guest/rounding.c"
#undef floor
#undef ceil
#undef trunc
#undef nearbyint
#undef floorf
#undef ceilf
#undef truncf
#undef nearbyintf

#define STEPS 4000

static void same(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void check(double x)
{
    float f = (float)x;
    same(guest_floor(x), floor(x));
    same(guest_ceil(x), ceil(x));
    same(guest_trunc(x), trunc(x));
    same(guest_nearbyint(x), nearbyint(x));
    same(guest_floorf(f), floorf(f));
    same(guest_ceilf(f), ceilf(f));
    same(guest_truncf(f), truncf(f));
    same(guest_nearbyintf(f), nearbyintf(f));
}

static void test_as_in_the_library(void **state)
{
    static const double edges[] = {
        0.0,  -0.0, 0.5,  -0.5,  1.5, -1.5,     2.5,      4503599627370495.5, 4503599627370497.0,
        1e15, 1e30, 1e37, -1e37, NAN, INFINITY, -INFINITY};
    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        check(edges[i]);
    for (int i = -STEPS; i <= STEPS; i++)
        check(i / 16.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_in_the_library)};
    return cmocka_run_group_tests_name("rounding", tests, NULL, NULL);
}

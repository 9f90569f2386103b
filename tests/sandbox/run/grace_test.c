/* grace_test.c - how long code may go on after an interrupt, whatever the clocks say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/run/grace.h"

#define MS 1000000ull

static struct clo_grace begin(uint64_t wall_ms)
{
    struct clo_grace grace;
    struct clo_limits limits = {.wall_ms = wall_ms};
    clo_grace_begin(&grace, &limits, 5000 * MS, 700 * MS);
    return grace;
}

/* What is left `wall` ms after the interrupt, when the guest has had `cpu` ms of the processor. */
static struct clo_grace_left left(const struct clo_grace *grace, uint64_t wall, uint64_t cpu)
{
    return clo_grace_left(grace, (5000 + wall) * MS, (700 + cpu) * MS);
}

static bool is_over(const struct clo_grace *grace, uint64_t wall, uint64_t cpu)
{
    struct clo_grace_left rest = left(grace, wall, cpu);
    assert_true(!rest.wait_ns == !rest.wall_ns && (rest.wall_ns || !rest.cpu_ns));
    return !rest.wall_ns;
}

static void a_tenth_of_the_wall_time_within_bounds(void **state)
{
    (void)state;
    static const uint64_t rows[][2] = {/* wall_ms, grace */
                                       {1, 100},    {999, 100},    {1010, 101},
                                       {5000, 500}, {10000, 1000}, {24ull * 3600 * 1000, 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct clo_grace grace = begin(rows[i][0]);
        assert_false(is_over(&grace, rows[i][1] - 1, rows[i][1] - 1));
        assert_true(is_over(&grace, rows[i][1], rows[i][1]));
        assert_int_equal(left(&grace, 10, 10).wall_ns, (rows[i][1] - 10) * MS);
        assert_int_equal(left(&grace, 10, 10).cpu_ns, 0);
    }
}

static void it_waits_for_a_processor(void **state)
{
    (void)state;
    struct clo_grace grace = begin(1000);
    assert_false(is_over(&grace, 100, 0));
    assert_false(is_over(&grace, 2999, CLO_GRACE_USED_MS - 1));
    assert_true(is_over(&grace, 2999, CLO_GRACE_USED_MS));
    struct clo_grace_left rest = left(&grace, 400, 30);
    assert_int_equal(rest.wall_ns, (CLO_GRACE_MOST_MS - 400) * MS);
    assert_int_equal(rest.cpu_ns, (CLO_GRACE_USED_MS - 30) * MS);
    assert_int_equal(rest.wait_ns, (CLO_GRACE_USED_MS - 30) * MS);
}

static void but_not_for_ever(void **state)
{
    (void)state;
    struct clo_grace grace = begin(1000);
    assert_true(is_over(&grace, CLO_GRACE_MOST_MS, 0));
    assert_true(is_over(&grace, 1000000, 0));
    assert_int_equal(left(&grace, CLO_GRACE_MOST_MS - 5, 0).wait_ns, 5 * MS);
    assert_int_equal(clo_grace_most_ns(), CLO_GRACE_MOST_MS * MS);
}

static void who_waits_in_the_host_wants_no_processor(void **state)
{
    (void)state;
    struct clo_grace grace = begin(1000);
    assert_int_equal(left(&grace, 20, 1).wait_ns, (CLO_GRACE_USED_MS - 1) * MS);
    clo_grace_waited(&grace, 60 * MS);
    assert_false(is_over(&grace, 100, 39));
    clo_grace_waited(&grace, 39 * MS);
    assert_true(is_over(&grace, 100, 1));
}

static void clocks_that_go_back_do_no_harm(void **state)
{
    (void)state;
    struct clo_grace grace = begin(1000);
    assert_false(is_over(&grace, (uint64_t)-3000, (uint64_t)-300));
    assert_int_equal(left(&grace, (uint64_t)-3000, 0).wall_ns, 100 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenth_of_the_wall_time_within_bounds),
        cmocka_unit_test(it_waits_for_a_processor),
        cmocka_unit_test(but_not_for_ever),
        cmocka_unit_test(who_waits_in_the_host_wants_no_processor),
        cmocka_unit_test(clocks_that_go_back_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

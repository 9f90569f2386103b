/* planted_test.c - not a test of the product but of the harness: see planted.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planted.h"

static void a_pair_is_filled(void **state)
{
    struct planted_pair pair;
    (void)state;
    assert_int_equal(planted_fill(&pair), 0);
    assert_string_equal(pair.second, "Second");
    planted_release(&pair);
}

static void a_pair_is_filled_again(void **state)
{
    for (int i = 0; i < 3; i++)
        a_pair_is_filled(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_filled),
        cmocka_unit_test(a_pair_is_filled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

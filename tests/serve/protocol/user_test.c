/* user_test.c - whose a request is, by its header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/protocol/user.h"

static void one_user_has_one_name_and_no_other_has_it(void **state)
{
    char one[CLO_USER_MAX + 1], again[CLO_USER_MAX + 1], other[CLO_USER_MAX + 1];
    (void)state;
    assert_int_equal(clo_user_take("alice@example.com", one), 0);
    assert_int_equal(clo_user_take("alice@example.com", again), 0);
    assert_int_equal(clo_user_take("alice@example.con", other), 0);
    assert_int_equal(strlen(one), CLO_USER_MAX);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
    assert_null(strstr(one, "alice"));
    assert_int_equal(clo_user_take("abc", one), 0); /* FIPS 180-2, B.1 */
    assert_string_equal(one, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void without_the_header_it_is_a_user_of_its_own(void **state)
{
    char user[CLO_USER_MAX + 1] = "x";
    (void)state;
    assert_int_equal(clo_user_take(NULL, user), 0);
    assert_string_equal(user, "");
    strcpy(user, "x");
    assert_int_equal(clo_user_take("", user), 0);
    assert_string_equal(user, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_user_has_one_name_and_no_other_has_it),
        cmocka_unit_test(without_the_header_it_is_a_user_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

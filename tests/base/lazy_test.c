/* lazy_test.c - the first call of a function of a library that is not loaded yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>

#include "base/lazy.h"

/* No test before it calls jansson or curl: each of these calls is the first of its function. */

static void the_first_call_gets_its_arguments(void **state)
{
    (void)state;
    errno = 4711;
    json_t *number = json_real(1.5);
    assert_int_equal(errno, 4711);
    assert_non_null(number);
    assert_true(json_real_value(number) == 1.5);
    assert_true(json_real_value(number) == 1.5); /* by the slot */
    json_decref(number);
}

static void so_does_one_with_a_variable_number_of_them(void **state)
{
    (void)state;
    json_t *made = json_pack("[i, f, I, f, f, f, f, f, f, f, s]", 1, 2.5, (json_int_t)1 << 40, 4.5,
                             5.5, 6.5, 7.5, 8.5, 9.5, 10.5, "eleven");
    char *text = json_dumps(made, JSON_COMPACT);
    assert_string_equal(text, "[1,2.5,1099511627776,4.5,5.5,6.5,7.5,8.5,9.5,10.5,\"eleven\"]");
    free(text);
    json_decref(made);
    CURL *call = curl_easy_init();
    long status = 7;
    assert_int_equal(curl_easy_setopt(call, CURLOPT_NOSIGNAL, 1L), CURLE_OK);
    assert_int_equal(curl_easy_getinfo(call, CURLINFO_RESPONSE_CODE, &status), CURLE_OK);
    assert_int_equal(status, 0);
    curl_easy_cleanup(call);
}

static void all_can_be_loaded(void **state)
{
    (void)state;
    struct clo_error error = {0};
    assert_int_equal(clo_lazy_load_all(&error), 0);
    assert_int_equal(clo_lazy_load_all(&error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_call_gets_its_arguments),
        cmocka_unit_test(so_does_one_with_a_variable_number_of_them),
        cmocka_unit_test(all_can_be_loaded),
    };
    return cmocka_run_group_tests_name("lazy", tests, NULL, NULL);
}

/* value_json_test.c - values and JSON: what passes, and what is refused by name. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "json_write.h"
#include "sandbox/value/value.h"
#include "sandbox/value/value_json.h"

static void text_comes_back_as_it_went(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "null",
        "true",
        "false",
        "0",
        "-7",
        "9223372036854775807",
        "-9223372036854775808",
        "2.5",
        "0.1",
        "1e+300",
        "2.0",
        "\"\"",
        "\"a\\\"b\\\\c\\nd\\u0001\"",
        "\"\xc3\xa9\"",
        "[]",
        "{}",
        "[1,[2,{\"a\":[]}]]",
        "{\"b\":1,\"a\":{\"c\":null}}",
        "\"\\u007f\"",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_value value;
        struct clo_error error = {0};
        struct clo_buffer buffer = CLO_BUFFER(1024);
        if (clo_value_parse_json(&value, cases[i], strlen(cases[i]), &error))
            fail_msg("%s: %s", cases[i], error.message);
        assert_int_equal(clo_value_write_json(&buffer, &value, &error), 0);
        assert_string_equal(buffer.data, cases[i]);
        clo_buffer_free(&buffer);
        clo_value_clear(&value);
    }
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "line 1"},
        {"[1,", "line 1"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"1 2", "line 1"},
        {"9223372036854775808", "64 bits"},
        {"nan", "line 1"},
        {"\"\\ud800\"", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_value value = {{CLO_LIST}}; /* of before */
        struct clo_error error = {0};
        int status = clo_value_parse_json(&value, cases[i].text, strlen(cases[i].text), &error);
        if (status != CLO_EINVALID || !strstr(error.message, cases[i].words))
            fail_msg("%s: %d '%s'", cases[i].text, status, error.message);
        assert_int_equal(clo_value_type(&value), CLO_NULL);
    }
}

static void what_json_lacks_is_named_with_its_place(void **state)
{
    (void)state;
    struct clo_value root = {0};
    struct clo_error error;
    struct clo_buffer buffer = CLO_BUFFER(1024);
    clo_value_set_map(&root);
    struct clo_value *list = clo_value_put(&root, "rows");
    clo_value_set_list(list);
    clo_value_set_integer(clo_value_append(list), 1);
    struct clo_value *item = clo_value_append(list);
    clo_value_set_number(item, NAN);
    assert_int_equal(clo_value_write_json(&buffer, &root, &error), CLO_EINVALID);
    assert_string_equal(error.message, "the value.rows[1] is nan, which JSON cannot express");
    clo_value_set_number(item, -INFINITY);
    assert_int_equal(clo_value_write_json(&buffer, &root, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "is -inf"));
    assert_int_equal(clo_value_set_bytes(item, "x", 1), 0);
    assert_int_equal(clo_value_write_json(&buffer, &root, &error), CLO_EINVALID);
    assert_string_equal(error.message, "the value.rows[1] is bytes, which JSON cannot express");
    clo_value_clear(&root);
    clo_buffer_free(&buffer);
}

static void big_integers_and_surrogates_pass(void **state)
{
    (void)state;
    static const uint8_t two_to_64[] = {1, 0, 0, 0, 0, 0, 0, 0, 0};
    struct clo_value value = {0};
    struct clo_error error;
    struct clo_buffer buffer = CLO_BUFFER(8192);
    assert_int_equal(clo_value_set_magnitude(&value, false, two_to_64, sizeof two_to_64), 0);
    assert_int_equal(clo_value_write_json(&buffer, &value, &error), 0);
    assert_string_equal(buffer.data, "18446744073709551616");
    clo_buffer_reset(&buffer);
    assert_int_equal(clo_value_set_magnitude(&value, true, two_to_64, sizeof two_to_64), 0);
    assert_int_equal(clo_value_write_json(&buffer, &value, &error), 0);
    assert_string_equal(buffer.data, "-18446744073709551617");
    clo_buffer_reset(&buffer);
    uint8_t bytes[4000];
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(clo_value_set_magnitude(&value, false, bytes, sizeof bytes), 0);
    assert_int_equal(clo_value_write_json(&buffer, &value, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "4300 digits"));
    clo_buffer_reset(&buffer);
    assert_int_equal(clo_value_set_text(&value, "a\xed\xa0\x80z"), 0);
    assert_int_equal(clo_value_write_json(&buffer, &value, &error), 0);
    assert_string_equal(buffer.data, "\"a\\ud800z\"");
    clo_value_clear(&value);
    clo_buffer_free(&buffer);
}

static void powers_of_ten_have_the_right_digits(void **state)
{
    (void)state;
    uint8_t magnitude[200] = {0};
    magnitude[sizeof magnitude - 1] = 1;
    for (int power = 0; power < 400; power++) {
        struct clo_value value = {0};
        struct clo_buffer buffer = CLO_BUFFER(1024);
        assert_int_equal(clo_value_set_magnitude(&value, false, magnitude, sizeof magnitude), 0);
        assert_int_equal(clo_value_write_json(&buffer, &value, NULL), 0);
        clo_value_clear(&value);
        assert_int_equal(buffer.length, power + 1);
        assert_int_equal(buffer.data[0], '1');
        assert_int_equal(strspn(buffer.data + 1, "0"), power);
        clo_buffer_free(&buffer);
        unsigned carry = 0;
        for (size_t i = sizeof magnitude; i-- > 0;) {
            carry += magnitude[i] * 10u;
            magnitude[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

static void depth_has_a_ceiling(void **state)
{
    (void)state;
    char text[2 * (CLO_VALUE_DEPTH_MAX + 1) + 1];
    struct clo_value value;
    struct clo_error error;
    for (int extra = 0; extra < 2; extra++) {
        size_t depth = CLO_VALUE_DEPTH_MAX + (size_t)extra;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        int status = clo_value_parse_json(&value, text, 2 * depth, &error);
        assert_int_equal(status, extra ? CLO_ELIMIT : 0);
        clo_value_clear(&value);
    }
}

/* ---- a locale of our own: few machines have one with a decimal comma ---- */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* In its folder and without anything of /usr/share/i18n, which is a package of its own. localedef
 * warns of all that the locale lacks, and its status says so: what counts is what it made. */
static const char comma_locale[] = "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\n"
                                   "grouping 3;3\nEND LC_NUMERIC\n";
static const char ascii_map[] = "<code_set_name> ASCII\n<comment_char> %\n<escape_char> /\n"
                                "CHARMAP\n<U0000>..<U007F> /x00 ASCII\nEND CHARMAP\n";

static bool make_comma_locale(const char *folder)
{
    char command[256], path[128];
    write_file(folder, "comma.src", comma_locale);
    write_file(folder, "ascii.map", ascii_map);
    snprintf(
        command, sizeof command,
        "cd %s && PATH=$PATH:/usr/bin:/usr/sbin localedef -c -f ./ascii.map -i ./comma.src ./comma >log 2>&1",
        folder);
    snprintf(path, sizeof path, "%s/comma/LC_NUMERIC", folder);
    int status = system(command);
    bool made = access(path, R_OK) == 0;
    if (!made)
        print_message("localedef made no locale, status %d\n", status);
    return made;
}

static void remove_folder(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void check_numbers(void)
{
    static const char text[] = "[2.5,-1234567.25,1e-07,1e+300]";
    char number[CLO_NUMBER_FORMAT_MAX], libc[32];
    struct clo_buffer buffer = CLO_BUFFER(1024);
    struct clo_value value;
    snprintf(libc, sizeof libc, "%g", 2.5);
    assert_string_equal(libc, "2,5"); /* the locale is in force */
    clo_number_format(number, 2.5);
    assert_string_equal(number, "2.5");
    assert_int_equal(clo_value_parse_json(&value, text, strlen(text), NULL), 0);
    double first = 0;
    assert_true(clo_value_number(clo_value_item(&value, 0), &first) && first == 2.5);
    assert_int_equal(clo_value_write_json(&buffer, &value, NULL), 0);
    assert_string_equal(buffer.data, text);
    clo_value_clear(&value);
    clo_buffer_free(&buffer);
}

static void numbers_do_not_follow_the_locale(void **state)
{
    (void)state;
    char folder[] = "/tmp/cloche-locale-XXXXXX";
    assert_non_null(mkdtemp(folder));
    bool made = make_comma_locale(folder);
    if (made) {
        setenv("LOCPATH", folder, 1);
        made = setlocale(LC_NUMERIC, "comma") != NULL;
        unsetenv("LOCPATH");
    }
    remove_folder(folder);
    if (!made)
        skip(); /* no localedef, or no glibc */
    check_numbers();
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_as_it_went),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(what_json_lacks_is_named_with_its_place),
        cmocka_unit_test(big_integers_and_surrogates_pass),
        cmocka_unit_test(powers_of_ten_have_the_right_digits),
        cmocka_unit_test(depth_has_a_ceiling),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

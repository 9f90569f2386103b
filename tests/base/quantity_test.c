/* quantity_test.c - sizes and durations as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/quantity.h"

static const struct {
    const char *text;
    uint64_t value;
} sizes[] = {
    {"0", 0},
    {"1", 1},
    {"4096", 4096},
    {"12B", 12},
    {"256MiB", 256ull << 20},
    {"256 mib", 256ull << 20},
    {"1MB", 1000000},
    {"1kB", 1000},
    {"2K", 2048},
    {"1.5GiB", 3ull << 29},
    {"0.5KiB", 512},
    {"4GiB", 4ull << 30},
    {"18446744073709551615", UINT64_MAX},
};

static const struct {
    const char *text;
    uint64_t value;
} durations[] = {
    {"30", 30000},    {"30s", 30000}, {"200ms", 200},   {"2m", 120000},
    {"2min", 120000}, {"0.5s", 500},  {"1.25 s", 1250}, {"1h", 3600000},
};

static const char *const bad_sizes[] = {"",
                                        "x",
                                        "12x",
                                        "-1",
                                        "1..5",
                                        "1.",
                                        ".5",
                                        "1 2",
                                        "MiB",
                                        "1e3",
                                        "0x10",
                                        "1KiBs",
                                        "1.0000000001K",
                                        "18446744073709551616",
                                        "18446744073709551615K"};

static void sizes_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t value = 7;
        assert_int_equal(clo_size_parse(sizes[i].text, &value, NULL), 0);
        assert_int_equal(value, sizes[i].value);
    }
}

static void durations_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        uint64_t value = 7;
        assert_int_equal(clo_duration_parse(durations[i].text, &value, NULL), 0);
        assert_int_equal(value, durations[i].value);
    }
}

static void what_is_neither_is_refused(void **state)
{
    (void)state;
    struct clo_error error;
    uint64_t value;
    for (size_t i = 0; i < sizeof bad_sizes / sizeof *bad_sizes; i++)
        assert_int_equal(clo_size_parse(bad_sizes[i], &value, &error), CLO_EINVALID);
    assert_int_equal(clo_duration_parse("5 MiB", &value, &error), CLO_EINVALID);
    assert_string_equal(error.message, "\"5 MiB\" is not a duration; write e.g. 30s or 200ms");
    assert_int_equal(clo_size_parse("12x", &value, &error), CLO_EINVALID);
    assert_string_equal(error.message, "\"12x\" is not a size; write e.g. 256MiB");
}

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    char text[CLO_QUANTITY_TEXT_MAX];
    clo_size_format(text, 256ull << 20);
    assert_string_equal(text, "256 MiB");
    clo_size_format(text, 1000);
    assert_string_equal(text, "1000 bytes");
    clo_size_format(text, 3 * 1024);
    assert_string_equal(text, "3 KiB");
    clo_duration_format(text, 30000);
    assert_string_equal(text, "30 s");
    clo_duration_format(text, 1500);
    assert_string_equal(text, "1500 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_neither_is_refused),
        cmocka_unit_test(numbers_are_written_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

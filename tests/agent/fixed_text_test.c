/* fixed_text_test.c - seeds, moments and time zones as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/fixed_text.h"
#include "agent/instant.h"

#define S 1000000000ull

static void moments_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"0", 0},
        {"1796025600", 1796025600 * S},
        {"1.5", S + S / 2},
        {"0.000000001", 1},
        {"9214646399.999999999", 9214646400 * S - 1},
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-30T08:00:00Z", 1796025600 * S},
        {"2026-11-30t08:00:00z", 1796025600 * S},
        {"2026-11-30 08:00:00Z", 1796025600 * S},
        {"2026-11-30T09:30:00+01:30", 1796025600 * S},
        {"2026-11-29T20:00:00-12:00", 1796025600 * S},
        {"2026-11-30T08:00:00.25Z", 1796025600 * S + S / 4},
        {"2024-02-29T23:59:59Z", 1709251199 * S},
        {"2000-03-01T00:00:00Z", 951868800 * S},
        {"2100-03-01T00:00:00Z", 4107542400 * S},
        {"2261-12-31T23:59:59Z", 9214646399 * S},
        {"2262-01-01T00:30:00+01:00", 9214644600 * S},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ns = 7;
        struct clo_error error;
        if (clo_instant_parse(cases[i].text, &ns, &error))
            fail_msg("%s", error.message);
        if (ns != cases[i].ns)
            fail_msg("%s is %llu", cases[i].text, (unsigned long long)ns);
    }
}

static void what_is_no_moment_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "noon",
                                        "-1",
                                        "+1",
                                        "1.",
                                        ".5",
                                        "1.0000000001",
                                        "1e9",
                                        "0x10",
                                        "12 ",
                                        "2026-11-30",
                                        "2026-11-30T08:00:00",
                                        "2026-11-30T08:00Z",
                                        "2026-11-30T08:00:00.Z",
                                        "2026-13-01T00:00:00Z",
                                        "2026-00-01T00:00:00Z",
                                        "2026-02-29T00:00:00Z",
                                        "2100-02-29T00:00:00Z",
                                        "2026-04-31T00:00:00Z",
                                        "2026-11-00T00:00:00Z",
                                        "2026-11-30T24:00:00Z",
                                        "2026-11-30T08:60:00Z",
                                        "2026-11-30T08:00:60Z",
                                        "2026-11-30T08:00:00+1:00",
                                        "2026-11-30T08:00:00+24:00",
                                        "2026-11-30T08:00:00ZZ",
                                        "26-11-30T08:00:00Z",
                                        "2026/11/30T08:00:00Z",
                                        "99999999999999999999999999"};
    static const char *const beyond[] = {"9214646400",           "1969-12-31T23:59:59Z",
                                         "2262-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01",
                                         "9999-12-31T00:00:00Z", "0000-01-01T00:00:00Z"};
    struct clo_error error;
    uint64_t ns;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (clo_instant_parse(texts[i], &ns, &error) != CLO_EINVALID)
            fail_msg("taken: %s", texts[i]);
        assert_non_null(strstr(error.message, "2026-11-30T08:00:00Z"));
    }
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        if (clo_instant_parse(beyond[i], &ns, &error) != CLO_EINVALID)
            fail_msg("taken: %s", beyond[i]);
        assert_non_null(strstr(error.message, "1970 to 2261"));
    }
}

static void seeds_are_whole_numbers(void **state)
{
    static const char *const wrong[] = {
        "", "-1", "1.0", "x", "9223372036854775808", "1 ", "99999999999999999999", "0x7"};
    struct clo_fixed fixed = {0};
    struct clo_error error;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(clo_fixed_take_seed(&fixed, wrong[i], &error), CLO_EINVALID);
        assert_non_null(strstr(error.message, "9223372036854775807"));
        assert_false(fixed.has_seed);
    }
    assert_int_equal(clo_fixed_take_seed(&fixed, "0", NULL), 0);
    assert_true(fixed.has_seed && fixed.seed == 0);
    assert_int_equal(clo_fixed_take_seed(&fixed, "9223372036854775807", NULL), 0);
    assert_true(fixed.seed == INT64_MAX);
}

static void time_zones_have_plain_names(void **state)
{
    struct clo_fixed fixed = {0};
    struct clo_error error;
    (void)state;
    assert_int_equal(clo_fixed_take_timezone(&fixed, "<+0330>-3:30", &error), 0);
    assert_string_equal(fixed.timezone, "<+0330>-3:30");
    assert_int_equal(clo_fixed_take_timezone(&fixed, "Europe/Berlin;", &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "timezone \"Europe/Berlin;\""));
    assert_int_equal(clo_fixed_take_timezone(&fixed, "", &error), CLO_EINVALID);
    assert_int_equal(clo_fixed_take_clock(&fixed, "soon", &error), CLO_EINVALID);
    assert_false(fixed.has_clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_read),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(seeds_are_whole_numbers),
        cmocka_unit_test(time_zones_have_plain_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

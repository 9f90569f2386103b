/* trace_test.c - the W3C trace context: what is taken, what is passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/protocol/trace.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define ZEROS "00000000000000000000000000000000"
#define PARENT "00f067aa0ba902b7"

static const struct {
    const char *header, *passed_on; /* NULL: not taken */
} headers[] = {
    {"00-" ID "-" PARENT "-01", "00-" ID "-" PARENT "-01"},
    {"00-" ID "-" PARENT "-00", "00-" ID "-" PARENT "-00"},
    {"00-" ID "-" PARENT "-ff", "00-" ID "-" PARENT "-03"}, /* the flags that version 00 knows */
    {"01-" ID "-" PARENT "-01", "00-" ID "-" PARENT "-01"}, /* written in the version known here */
    {"cc-" ID "-" PARENT "-01-what-the-future-brings", "00-" ID "-" PARENT "-01"},
    {"cc-" ID "-" PARENT "-01.what-the-future-brings", NULL},
    {"00-" ID "-" PARENT "-01-more", NULL}, /* version 00 has no more */
    {"ff-" ID "-" PARENT "-01", NULL},
    {"00-" ZEROS "-" PARENT "-01", NULL},
    {"00-" ID "-0000000000000000-01", NULL},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", NULL},
    {"00-" ID "_" PARENT "-01", NULL},
    {"00-" ID "-" PARENT "-0", NULL},
    {"00-" ID "-" PARENT "-0g", NULL},
    {"0-" ID "-" PARENT "-01", NULL},
    {"00-" ID, NULL},
    {"", NULL},
    {NULL, NULL},
};

static void only_what_is_valid_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char parent[CLO_TRACE_PARENT_MAX + 1], id[CLO_TRACE_ID_MAX + 1];
        clo_trace_take(headers[i].header, parent);
        clo_trace_id(parent, id);
        assert_string_equal(parent, headers[i].passed_on ? headers[i].passed_on : "");
        assert_string_equal(id, headers[i].passed_on ? ID : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_is_valid_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

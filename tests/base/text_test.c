/* text_test.c - repairing and cutting text, and reading JSON that others wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

static const struct {
    const char *text;
    size_t length;
    const char *clean;
} dirty[] = {
    {"plain", 5, "plain"},
    {"", 0, ""},
    {"a\0b", 3,
     "a\xe2\x90\x80"
     "b"},
    {"\xc3\xa4\xf0\x9f\x98\x80", 6, "\xc3\xa4\xf0\x9f\x98\x80"},
    {"\xff"
     "a",
     2,
     "\xef\xbf\xbd"
     "a"},
    {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
    {"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
    {"\xe0\x80\x80x", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
    {"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"x\xe2\x82", 3, "x\xef\xbf\xbd\xef\xbf\xbd"}, /* cut */
};

static void bad_bytes_are_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dirty / sizeof *dirty; i++) {
        struct clo_buffer out = CLO_BUFFER(100);
        clo_text_clean(&out, dirty[i].text, dirty[i].length);
        assert_string_equal(out.data, dirty[i].clean);
        assert_true(clo_utf8_strict(out.data, out.length));
        clo_buffer_free(&out);
    }
}

static void mending_keeps_what_is_text(void **state)
{
    (void)state;
    static const char damaged[] = "a\x80\0\xed\xa0\x80z";
    static const char mended[] = "a\xef\xbf\xbd\0\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz";
    struct clo_buffer out = CLO_BUFFER(100);
    assert_int_equal(clo_text_mend(&out, damaged, sizeof damaged - 1), 0);
    assert_int_equal(out.length, sizeof mended - 1);
    assert_memory_equal(out.data, mended, out.length);
    clo_buffer_free(&out);
}

static void every_byte_pair_becomes_valid(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        char bytes[4] = {(char)(pair >> 8), (char)pair, (char)0x80, (char)0xbf};
        struct clo_buffer out = CLO_BUFFER(100);
        clo_text_clean(&out, bytes, 4);
        json_t *string = json_stringn(out.data, out.length); /* jansson checks by its own rules */
        assert_non_null(string);
        json_decref(string);
        clo_buffer_free(&out);
    }
}

static void cuts_split_no_character(void **state)
{
    (void)state;
    const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    size_t length = sizeof text - 1;
    for (size_t most = 0; most <= length + 2; most++) {
        size_t head = clo_text_head(text, length, most), tail = clo_text_tail(text, length, most);
        assert_true(head <= most && length - tail <= most);
        assert_true(clo_utf8_strict(text, head) && clo_utf8_strict(text + tail, length - tail));
        assert_true(most < length || (head == length && tail == 0));
    }
    assert_int_equal(clo_text_head(text, length, 5), 3);
    assert_int_equal(clo_text_tail(text, length, 4), length - 1);
}

static void lone_surrogate_escapes_are_mended(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"{\"a\":\"x\\ud83dy\"}", "x\xef\xbf\xbdy"},
        {"{\"a\":\"\\ude00\"}", "\xef\xbf\xbd"},
        {"{\"a\":\"\\ud83d\\ude00\\ud83d\"}", "\xf0\x9f\x98\x80\xef\xbf\xbd"},
        {"{\"a\":\"\\\\ud83d\\ud83d\"}", "\\ud83d\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = clo_json_load(cases[i].json, strlen(cases[i].json), NULL);
        assert_string_equal(clo_json_text(value, "a"), cases[i].text);
        json_decref(value);
    }
    json_error_t why;
    assert_null(clo_json_load("{\"a\":\"\\ud83d\"", 13, &why));
    assert_null(clo_json_load("", 0, &why));
}

static void getters_forgive(void **state)
{
    (void)state;
    json_t *value = clo_json_load("{\"s\":\"t\",\"n\":-4,\"m\":9}", 22, NULL);
    assert_null(clo_json_text(value, "n"));
    assert_null(clo_json_text(NULL, "s"));
    assert_true(clo_json_is(value, "s", "t"));
    assert_false(clo_json_is(value, "x", "t"));
    assert_int_equal(clo_json_count(value, "n"), 0);
    assert_int_equal(clo_json_count(value, "m"), 9);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_bytes_are_replaced),
        cmocka_unit_test(mending_keeps_what_is_text),
        cmocka_unit_test(every_byte_pair_becomes_valid),
        cmocka_unit_test(cuts_split_no_character),
        cmocka_unit_test(lone_surrogate_escapes_are_mended),
        cmocka_unit_test(getters_forgive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* redact_test.c - what is taken out of a server's words, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/redact.h"

#define LONG_KEY "sk-test-0123456789"

static const struct {
    struct clo_redact hidden;
    const char *text, *shown;
} cases[] = {
    /* words, not secrets */
    {{.key = "x"}, "context length exceeded: x", "context length exceeded: x"},
    {{.key = "test"}, "test: the latest", "test: the latest"},
    {{.key = "EMPTY"}, "EMPTY prompt", "EMPTY prompt"},
    {{.key = "a1b2c3d"}, "a1b2c3d", "a1b2c3d"},
    {{.key = "placeholder"}, "a placeholder is missing", "a placeholder is missing"},
    {{.key = ""}, "nothing", "nothing"},
    {{.key = NULL}, "nothing", "nothing"},
    /* short ones as a token of their own */
    {{.key = "sesame42"}, "key sesame42.", "key [key]."},
    {{.key = "sesame42"}, "sesame42", "[key]"},
    {{.key = "sesame42"}, "Bearer=sesame42&", "Bearer=[key]&"},
    {{.key = "sesame42"}, "sesame421 or asesame42", "sesame421 or asesame42"},
    {{.key = "sesame42"}, "\xc3\xa4sesame42\xc3\xa4", "\xc3\xa4[key]\xc3\xa4"},
    /* long ones wherever they stand, also when escaped by whoever wrote them */
    {{.key = LONG_KEY}, "Incorrect key: " LONG_KEY, "Incorrect key: [key]"},
    {{.key = LONG_KEY}, "Bearer%20" LONG_KEY "\\n" LONG_KEY, "Bearer%20[key]\\n[key]"},
    {{.key = LONG_KEY}, LONG_KEY LONG_KEY, "[key][key]"},
    {{.key = LONG_KEY}, "sk-test-012345678", "sk-test-012345678"},
    {{.key = "abcdefghijklmnop"}, "zabcdefghijklmnopz", "z[key]z"},
    {{.key = "abcdefghijklmno"}, "abcdefghijklmno", "abcdefghijklmno"},
    /* the password of the base URL, and its host */
    {{.password = "hunter2hunter2"}, "user:hunter2hunter2@", "user:[key]@"},
    {{.host = "10.1.2.3"}, "POST http://10.1.2.3:8000/v1", "POST http://[server]:8000/v1"},
    {{.host = "10.1.2.3"}, "110.1.2.34", "110.1.2.34"},
    {{.host = "gpu7.internal"}, "gpu7.internal is down", "[server] is down"},
    {{.host = "Gpu7.internal"}, "at GPU7.INTERNAL", "at [server]"},
    {{.host = "[::1]"}, "http://[::1]/", "http://[server]/"},
    {{.host = "model"}, "the model is unknown", "the model is unknown"},
    {{LONG_KEY, "hunter2hunter2", "a.b"}, "a.b hunter2hunter2 " LONG_KEY, "[server] [key] [key]"},
};

static void every_text_is_shown_as_it_may_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_buffer out = CLO_BUFFER(4096);
        clo_buffer_text(&out, "");
        assert_int_equal(clo_redact(&out, cases[i].text, strlen(cases[i].text), &cases[i].hidden),
                         0);
        if (strcmp(out.data, cases[i].shown) != 0)
            fail_msg("%zu: \"%s\" is not \"%s\"", i, out.data, cases[i].shown);
        clo_buffer_free(&out);
    }
}

static void a_text_without_end_is_not_read_beyond_it(void **state)
{
    (void)state;
    struct clo_redact hidden = {.key = LONG_KEY};
    struct clo_buffer out = CLO_BUFFER(4096);
    assert_int_equal(clo_redact(&out, "to " LONG_KEY, 5, &hidden), 0);
    assert_string_equal(out.data, "to sk");
    clo_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_is_shown_as_it_may_be),
        cmocka_unit_test(a_text_without_end_is_not_read_beyond_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* log_test.c - log lines as they reach standard error: JSON each, whatever is told in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/json.h"
#include "serve/log.h"

static const struct {
    const char *told, *message; /* NULL: the same */
} cases[] = {
    {"plain", NULL},
    {"quotes \" and\nlines", NULL},
    {"\xe2\x82\xac", NULL},
    {"half a character \xe2\x82", "half a character \xef\xbf\xbd\xef\xbf\xbd"},
    {"\xff inside", "\xef\xbf\xbd inside"},
};

/* The message of the one line that telling it writes. */
static json_t *tell(const char *text)
{
    char line[16384];
    int ends[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    clo_log_event("info", "test", "%s", text);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t length = read(ends[0], line, sizeof line);
    close(ends[0]);
    assert_true(length > 0 && line[length - 1] == '\n');
    json_t *value = clo_json_load(line, (size_t)length, NULL);
    assert_non_null(value);
    return value;
}

static void every_message_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *line = tell(cases[i].told);
        assert_string_equal(clo_json_text(line, "message"),
                            cases[i].message ? cases[i].message : cases[i].told);
        json_decref(line);
    }
}

/* An error with its hint fits; what is longer is cut between two characters. */
static void a_long_message_is_cut_whole(void **state)
{
    (void)state;
    char text[6001] = "";
    for (size_t i = 0; i < sizeof text / 3; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 3);
    for (size_t skip = 0; skip < 3; skip++) {
        json_t *line = tell(text + 3 - skip);
        const char *message = clo_json_text(line, "message");
        size_t length = strlen(message);
        assert_true(length >= sizeof(struct clo_error));
        assert_memory_equal(message + length - 3, "\xe2\x82\xac", 3);
        json_decref(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives),
        cmocka_unit_test(a_long_message_is_cut_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

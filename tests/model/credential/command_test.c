/* command_test.c - programs that are run for what they print: found, bounded in time and size,
 * cancelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "model/credential/command.h"

#define LONG_MS 60000

struct ran {
    int status, exit_status;
    struct clo_error error;
    struct clo_buffer out, err;
};

static void run(struct ran *ran, const char *code, unsigned timeout_ms, struct clo_cancel *cancel)
{
    char *arguments[] = {"sh", "-c", (char *)code, NULL};
    *ran = (struct ran){.out = CLO_BUFFER(1000), .err = CLO_BUFFER(10)};
    ran->status = clo_command_run("/bin/sh", arguments, timeout_ms, cancel, &ran->out, &ran->err,
                                  &ran->exit_status, &ran->error);
}

static void done(struct ran *ran)
{
    clo_buffer_free(&ran->out);
    clo_buffer_free(&ran->err);
}

static void output_and_exit_status_are_told(void **state)
{
    (void)state;
    struct ran ran;
    run(&ran, "pwd; cat; echo 0123456789abcdef >&2; exit 3", LONG_MS, NULL);
    assert_int_equal(ran.status, 0);
    assert_int_equal(ran.exit_status, 3);
    assert_string_equal(ran.out.data, "/\n"); /* in /, and nothing to read */
    assert_string_equal(ran.err.data, "0123456789");
    done(&ran);
    run(&ran, "kill -9 $$", LONG_MS, NULL);
    assert_int_equal(ran.status, 0);
    assert_int_equal(ran.exit_status, 137);
    done(&ran);
}

/* A word of an argument is a word, whatever stands in it. */
static void no_shell_reads_the_arguments(void **state)
{
    (void)state;
    struct ran ran = {.out = CLO_BUFFER(1000), .err = CLO_BUFFER(1000)};
    char *arguments[] = {"echo", "$(id);", "|", "`id`", NULL};
    assert_int_equal(clo_command_run("/bin/echo", arguments, LONG_MS, NULL, &ran.out, &ran.err,
                                     &ran.exit_status, &ran.error),
                     0);
    assert_string_equal(ran.out.data, "$(id); | `id`\n");
    done(&ran);
}

/* The whole group: what it started must not live on. */
static void the_deadline_kills_all_of_it(void **state)
{
    (void)state;
    static const char *const codes[] = {"sleep 1000", "sleep 1000 & sleep 1000",
                                        "exec >&- 2>&-; sleep 1000", "trap '' TERM; sleep 1000"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct ran ran;
        uint64_t start = clo_monotonic_ns();
        run(&ran, codes[i], 200, NULL);
        if (i == 2) /* it said all that it would */
            assert_int_equal(ran.exit_status, 137);
        else
            assert_string_equal(ran.error.message, "ran out of time");
        assert_int_equal(ran.status, i == 2 ? 0 : CLO_EMODEL);
        assert_true(clo_monotonic_ns() - start < UINT64_C(60000000000));
        done(&ran);
    }
}

static void too_much_output_ends_it(void **state)
{
    (void)state;
    struct ran ran;
    run(&ran, "while :; do echo 0123456789; done", LONG_MS, NULL);
    assert_int_equal(ran.status, CLO_EMODEL);
    assert_string_equal(ran.error.message, "printed more than 1000 bytes");
    assert_true(ran.out.length <= 1000);
    done(&ran);
}

static void cancellation_ends_it(void **state)
{
    (void)state;
    struct ran ran;
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    clo_cancel_trigger(cancel);
    run(&ran, "sleep 1000", LONG_MS, cancel);
    assert_int_equal(ran.status, CLO_ECANCELLED);
    done(&ran);
    clo_cancel_free(cancel);
}

static void what_cannot_be_started_is_told(void **state)
{
    (void)state;
    struct ran ran = {.out = CLO_BUFFER(1000), .err = CLO_BUFFER(1000)};
    char *arguments[] = {"x", NULL};
    assert_int_equal(clo_command_run("/nowhere/x", arguments, LONG_MS, NULL, &ran.out, &ran.err,
                                     &ran.exit_status, &ran.error),
                     CLO_EMODEL);
    assert_string_equal(ran.error.message,
                        "/nowhere/x cannot be started: No such file or directory");
}

static void only_absolute_folders_are_looked_into(void **state)
{
    (void)state;
    char path[PATH_MAX], here[] = "/tmp/command_test_XXXXXX", file[64], old[PATH_MAX];
    const char *paths = getenv("PATH");
    char *kept = paths ? strdup(paths) : NULL;
    assert_non_null(mkdtemp(here));
    assert_non_null(getcwd(old, sizeof old));
    snprintf(file, sizeof file, "%s/zz-cloche", here);
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
    assert_int_equal(chdir(here), 0);
    setenv("PATH", ".::/nowhere", 1);
    assert_int_equal(chmod(file, 0755), 0);
    assert_false(clo_command_find(path, "zz-cloche"));
    setenv("PATH", here, 1);
    assert_true(clo_command_find(path, "zz-cloche"));
    assert_string_equal(path, file);
    assert_int_equal(chmod(file, 0644), 0);
    assert_false(clo_command_find(path, "zz-cloche"));
    unsetenv("PATH");
    assert_false(clo_command_find(path, "zz-cloche"));
    if (kept)
        setenv("PATH", kept, 1);
    free(kept);
    assert_int_equal(chdir(old), 0);
    unlink(file);
    rmdir(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_exit_status_are_told),
        cmocka_unit_test(no_shell_reads_the_arguments),
        cmocka_unit_test(the_deadline_kills_all_of_it),
        cmocka_unit_test(too_much_output_ends_it),
        cmocka_unit_test(cancellation_ends_it),
        cmocka_unit_test(what_cannot_be_started_is_told),
        cmocka_unit_test(only_absolute_folders_are_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

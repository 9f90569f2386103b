/* base_test.c - buffers with a ceiling, errors, cancellation. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/utf8.h"

static void buffer_keeps_its_ceiling(void **state)
{
    (void)state;
    struct clo_buffer buffer = CLO_BUFFER(5);
    assert_int_equal(clo_buffer_text(&buffer, "abc"), 0);
    assert_int_equal(clo_buffer_text(&buffer, "def"), CLO_ELIMIT);
    assert_string_equal(buffer.data, "abc");
    assert_int_equal(clo_buffer_text(&buffer, "d"), CLO_ELIMIT); /* once failed, always failed */
    assert_null(clo_buffer_take(&buffer, NULL));
    clo_buffer_reset(&buffer);
    assert_int_equal(clo_buffer_text(&buffer, "12345"), 0);
    size_t length;
    char *data = clo_buffer_take(&buffer, &length);
    assert_string_equal(data, "12345");
    assert_int_equal(length, 5);
    free(data);
}

/* As above, but for want of memory: that is over as well. */
static void a_reset_buffer_forgets_that_memory_ran_out(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("SKIPPED: AddressSanitizer's allocator has no part in the limit\n");
    skip();
#endif
    enum { LENGTH = 4 << 20 }; /* more than malloc has at hand */
    struct clo_buffer buffer = CLO_BUFFER(2 * LENGTH);
    char *bytes = calloc(1, LENGTH);
    struct rlimit before, none = {0};
    assert_non_null(bytes);
    assert_int_equal(clo_buffer_text(&buffer, "abc"), 0);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    int status = clo_buffer_append(&buffer, bytes, LENGTH);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(status, CLO_ENOMEMORY);
    assert_true(buffer.failed && buffer.no_memory);
    assert_int_equal(clo_buffer_text(&buffer, "d"), CLO_ENOMEMORY);
    clo_buffer_reset(&buffer);
    assert_false(buffer.failed || buffer.no_memory);
    assert_int_equal(clo_buffer_append(&buffer, bytes, LENGTH), 0);
    clo_buffer_free(&buffer);
    free(bytes);
}

/* A holder may lower the ceiling below what is there already. */
static void a_lowered_ceiling_holds(void **state)
{
    (void)state;
    struct clo_buffer buffer = CLO_BUFFER(10);
    assert_int_equal(clo_buffer_text(&buffer, "12345"), 0);
    buffer.limit = 3;
    assert_int_equal(clo_buffer_text(&buffer, "6"), CLO_ELIMIT);
    assert_string_equal(buffer.data, "12345");
    clo_buffer_free(&buffer);
}

static void buffer_formats_and_holds_nul_bytes(void **state)
{
    (void)state;
    struct clo_buffer buffer = CLO_BUFFER(1 << 20);
    clo_buffer_append(&buffer, "a\0b", 3);
    clo_buffer_format(&buffer, "%05d", 42);
    assert_int_equal(buffer.length, 8);
    assert_memory_equal(buffer.data, "a\0b00042", 9);
    for (int i = 0; i < 10000; i++)
        clo_buffer_format(&buffer, "%d,", i);
    assert_false(buffer.failed);
    clo_buffer_free(&buffer);
    assert_null(buffer.data);
}

static void an_empty_buffer_gives_an_empty_text(void **state)
{
    (void)state;
    struct clo_buffer buffer = CLO_BUFFER(10);
    char *data = clo_buffer_take(&buffer, NULL);
    assert_string_equal(data, "");
    free(data);
}

static void errors_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const starts[] = {"", "a", "ab", "abc"};
    static const char *const characters[] = {"\u00e9", "\u20ac", "\U0001f600"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        for (size_t j = 0; j < sizeof characters / sizeof *characters; j++) {
            char text[4000];
            struct clo_error error;
            strcpy(text, starts[i]);
            while (strlen(text) + 4 < sizeof text)
                strcat(text, characters[j]);
            clo_fail(&error, CLO_EINVALID, "%s", text);
            clo_hint(&error, CLO_EINVALID, "%s", text);
            assert_true(clo_utf8_strict(error.message, strlen(error.message)));
            assert_true(strlen(error.message) + 4 >= sizeof error.message);
            assert_true(clo_utf8_strict(error.hint, strlen(error.hint)));
            assert_true(strlen(error.hint) + 4 >= sizeof error.hint);
        }
    }
    struct clo_error error;
    clo_fail(&error, CLO_EINVALID, "%.5s, %.5s", "\u00e9\u00e9\u00e9", "ab\U0001f600");
    assert_string_equal(error.message, "\u00e9\u00e9?, ab?");
    clo_fail(&error, CLO_EINVALID, "%s|%s|%s", "caf\xe9", "\x80x", "\xed\xa0\x80");
    assert_string_equal(error.message, "caf?|?x|?");
}

static void errors_are_cut_to_size_and_keep_errno(void **state)
{
    (void)state;
    struct clo_error error;
    char big[2000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(clo_fail(&error, CLO_EINVALID, "%s", big), CLO_EINVALID);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_string_equal(error.hint, "");
    assert_int_equal(clo_hint(&error, CLO_ESYSTEM, "do %s", "this"), CLO_EINVALID);
    assert_string_equal(error.hint, "do this");
    errno = ENOENT;
    clo_fail_errno(&error, CLO_ENOTFOUND, "cannot open \"%s\"", "x");
    assert_int_equal(errno, ENOENT);
    assert_string_equal(error.message, "cannot open \"x\": No such file or directory");
    assert_int_equal(clo_fail(NULL, CLO_ELIMIT, "nobody listens"), CLO_ELIMIT);
}

/* A cut leaves whole characters: half of one would make a whole log line or response unwritable. */
static void a_cut_leaves_whole_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 3; i++)
        for (size_t before = 0; before < 4; before++) {
            struct clo_error error;
            char big[4000] = "xxxx";
            size_t size = strlen(characters[i]), most = sizeof error.message - 1;
            for (size_t at = before; at + size < sizeof big; at += size)
                memcpy(big + at, characters[i], size + 1);
            clo_fail(&error, CLO_EINVALID, "%s", big);
            clo_hint(&error, CLO_EINVALID, "%s", big);
            assert_true(clo_utf8_strict(error.message, strlen(error.message)));
            assert_true(clo_utf8_strict(error.hint, strlen(error.hint)));
            assert_int_equal(strlen(error.message), before + (most - before) / size * size);
            errno = ENOENT;
            clo_fail_errno(&error, CLO_EINVALID, "%s", big);
            assert_true(clo_utf8_strict(error.message, strlen(error.message)));
        }
}

static void count(void *context)
{
    ++*(int *)context;
}

static void cancellation_wakes_once_and_stays(void **state)
{
    (void)state;
    int early = 0, removed = 0, late = 0;
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    struct clo_cancel_watch a = {.wake = count, .context = &early};
    struct clo_cancel_watch b = {.wake = count, .context = &removed};
    struct clo_cancel_watch c = {.wake = count, .context = &late};
    clo_cancel_add(cancel, &a);
    clo_cancel_add(cancel, &b);
    clo_cancel_remove(cancel, &b);
    struct pollfd poller = {.fd = clo_cancel_fd(cancel), .events = POLLIN};
    assert_int_equal(poll(&poller, 1, 0), 0);
    assert_false(clo_cancel_is_set(cancel));
    clo_cancel_trigger(cancel);
    clo_cancel_trigger(cancel);
    clo_cancel_add(cancel, &c);
    assert_true(clo_cancel_is_set(cancel));
    assert_int_equal(poll(&poller, 1, 0), 1);
    assert_int_equal(early, 1);
    assert_int_equal(removed, 0);
    assert_int_equal(late, 1);
    clo_cancel_remove(cancel, &a);
    clo_cancel_remove(cancel, &c);
    clo_cancel_free(cancel);
}

static void no_token_is_never_cancelled(void **state)
{
    (void)state;
    assert_false(clo_cancel_is_set(NULL));
    assert_int_equal(clo_cancel_fd(NULL), -1);
    clo_cancel_remove(NULL, NULL);
    clo_cancel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_keeps_its_ceiling),
        cmocka_unit_test(a_reset_buffer_forgets_that_memory_ran_out),
        cmocka_unit_test(a_lowered_ceiling_holds),
        cmocka_unit_test(buffer_formats_and_holds_nul_bytes),
        cmocka_unit_test(an_empty_buffer_gives_an_empty_text),
        cmocka_unit_test(errors_are_cut_between_characters),
        cmocka_unit_test(errors_are_cut_to_size_and_keep_errno),
        cmocka_unit_test(a_cut_leaves_whole_characters),
        cmocka_unit_test(cancellation_wakes_once_and_stays),
        cmocka_unit_test(no_token_is_never_cancelled),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}

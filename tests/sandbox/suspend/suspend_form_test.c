/* suspend_form_test.c - what the host keeps of a suspended run, as bytes and back, without a guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/suspend/suspend.h"

struct reader {
    const struct clo_buffer *bytes;
    size_t at;
};

static int put(void *context, const void *bytes, size_t length, struct clo_error *error)
{
    return clo_buffer_append(context, bytes, length) ? clo_fail_memory(error) : 0;
}

static int get(void *context, void *bytes, size_t length, struct clo_error *error)
{
    struct reader *reader = context;
    if (length > reader->bytes->length - reader->at)
        return clo_fail(error, CLO_EINVALID, "it ends");
    memcpy(bytes, reader->bytes->data + reader->at, length);
    reader->at += length;
    return 0;
}

/* Fills *suspended with what a run could leave; false: no memory. */
static bool make(struct clo_suspended *suspended)
{
    static const struct clo_kept_call calls[] = {
        {.id = 3, .status = CLO_CALL_SUSPENDED, .tool = "ask"},
        {.id = 7, .status = CLO_CALL_SUSPENDED, .tool = "allow"},
        {.id = 5, .status = CLO_CALL_ERROR},
        {.id = 9, .status = CLO_CALL_PENDING, .tool = "echo"}};
    struct clo_limits none = {0};
    *suspended = (struct clo_suspended){
        .used = {.wall_ns = 5, .wall_end_ns = 9, .refused = 2},
        .has_input = true,
        .has_clock = true,
        .submitted = 12,
        .input_taken = 70000,
        .given = 9,
        .file_count = 2,
        .files = {{.number = 8, .node = 3, .flags = CLO_KEPT_WRITABLE},
                  {.number = 9, .node = 1, .flags = CLO_KEPT_FOLDER, .after = 4}}};
    if (clo_limits_resolve(&suspended->limits, &none, NULL, NULL))
        return false;
    suspended->calls = calloc(4, sizeof *suspended->calls);
    for (size_t i = 0; suspended->calls && i < 4; i++) {
        struct clo_kept_call *call = &suspended->calls[suspended->call_count++];
        *call = calls[i];
        call->length = i + 1;
        call->bytes = (uint8_t *)strdup("\xa0\xa0\xa0\xa0");
        if (!call->bytes)
            return false;
    }
    suspended->places = strdup("d/input");
    suspended->places_length = sizeof "d/input";
    suspended->out = strdup("printed");
    suspended->out_length = 7;
    suspended->err = strdup("and this");
    suspended->err_length = 8;
    return suspended->calls && suspended->places && suspended->out && suspended->err;
}

/* Sets *bytes to a run's; skips the test where there is no memory. */
static void bytes_of_one(struct clo_buffer *bytes)
{
    struct clo_suspended suspended;
    struct clo_error error;
    *bytes = CLO_BUFFER(1 << 20);
    bool made = make(&suspended);
    int status = made ? clo_suspended_put(&suspended, put, bytes, &error) : CLO_ENOMEMORY;
    clo_suspended_clear(&suspended);
    if (status == CLO_ENOMEMORY)
        clo_buffer_free(bytes);
    assert_true(!status || status == CLO_ENOMEMORY);
}

static void it_comes_back_as_it_was(void **state)
{
    (void)state;
    struct clo_buffer bytes, again = CLO_BUFFER(1 << 20);
    struct clo_suspended back;
    struct clo_error error;
    bytes_of_one(&bytes);
    if (!bytes.length)
        return; /* no memory */
    struct reader reader = {.bytes = &bytes};
    int status = clo_suspended_get(&back, get, &reader, &error);
    if (!status) {
        assert_int_equal(reader.at, bytes.length);
        assert_int_equal(back.call_count, 4);
        assert_string_equal(back.calls[1].tool, "allow");
        assert_int_equal(back.calls[3].status, CLO_CALL_PENDING);
        assert_int_equal(back.input_taken, 70000);
        assert_memory_equal(back.err, "and this", 8);
        status = clo_suspended_put(&back, put, &again, &error);
        if (!status) {
            assert_int_equal(again.length, bytes.length);
            assert_memory_equal(again.data, bytes.data, bytes.length);
        }
        clo_suspended_clear(&back);
    }
    assert_true(!status || status == CLO_ENOMEMORY);
    clo_buffer_free(&bytes);
    clo_buffer_free(&again);
}

/* Cut anywhere it is refused; with any one byte altered it is refused or something that could be. */
static void altered_bytes_are_checked(void **state)
{
    (void)state;
    struct clo_buffer bytes;
    struct clo_error error;
    bytes_of_one(&bytes);
    size_t length = bytes.length;
    unsigned refused = 0, taken = 0;
    for (size_t i = 0; i < length; i++) {
        struct clo_suspended back;
        struct reader cut = {.bytes = &bytes};
        bytes.length = i;
        assert_true(clo_suspended_get(&back, get, &cut, &error) < 0);
        assert_null(back.calls);
        bytes.length = length;
        for (int bit = 0; bit < 8; bit++) {
            struct reader reader = {.bytes = &bytes};
            bytes.data[i] ^= (char)(1 << bit);
            int status = clo_suspended_get(&back, get, &reader, &error);
            refused += status != 0;
            taken += status == 0;
            assert_true(status || (back.call_count <= CLO_FILES_OPEN_MAX * 4 &&
                                   back.limits.memory <= CLO_MEMORY_MAX));
            if (!status)
                clo_suspended_clear(&back);
            bytes.data[i] ^= (char)(1 << bit);
        }
    }
    assert_true(!length || (refused > 100 && (taken > 100 || refused > length)));
    clo_buffer_free(&bytes);
}

static void answers_are_one_for_each_call(void **state)
{
    (void)state;
    struct clo_suspended suspended;
    struct clo_error error;
    struct clo_value value = {0};
    const struct clo_answer both[] = {{.id = 7, .value = &value}, {.id = 3, .error = "no"}};
    const struct clo_answer other[] = {{.id = 7, .value = &value}, {.id = 5, .value = &value}};
    const struct clo_answer early[] = {{.id = 7, .value = &value}, {.id = 9, .value = &value}};
    struct clo_run_resume resume = {.answers = both, .answer_count = 2};
    struct clo_run run = {.resume = &resume};
    if (make(&suspended)) {
        assert_int_equal(clo_suspended_check(&suspended, &run, &error), 0);
        resume.answer_count = 1;
        assert_int_equal(clo_suspended_check(&suspended, &run, &error), CLO_EINVALID);
        resume.answer_count = 2;
        resume.answers = other; /* call 5 has ended already */
        assert_int_equal(clo_suspended_check(&suspended, &run, &error), CLO_EINVALID);
        resume.answers = early; /* call 9 has not begun: a tool answers it */
        assert_int_equal(clo_suspended_check(&suspended, &run, &error), CLO_EINVALID);
        resume.answers = both;
        run.input = "short";
        run.input_length = 5;
        assert_int_equal(clo_suspended_check(&suspended, &run, &error), CLO_EINVALID);
        assert_non_null(strstr(error.message, "70000"));
    }
    clo_suspended_clear(&suspended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_as_it_was),
        cmocka_unit_test(altered_bytes_are_checked),
        cmocka_unit_test(answers_are_one_for_each_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

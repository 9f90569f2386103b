/* host_calls_test.c - host calls answered: tools that run at once, refusals, broken contracts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/files.h"
#include "base/clock.h"
#include "host_calls_fixture.h"

static void a_synchronous_call_is_answered_at_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = tool_call(fixture, "echo", "text", 0, "h\xc3\xa9");
    assert_int_equal(ask(fixture, &call), 0);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    assert_int_equal(fixture->reply.id, 1);
    assert_int_equal(fixture->reply.data.length, 4);
    assert_memory_equal(fixture->reply.data.data, "\x63h\xc3\xa9", 4);
    assert_int_equal(clo_host_calls_count(fixture->calls), 1);
}

static void only_a_synchronous_call_runs_on_the_thread(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){.host_calls = 5}, NULL, -1);
    struct clo_call call = tool_call(fixture, "nap", "ms", 1, NULL), other;
    assert_int_equal(ask(fixture, &call), 0);
    assert_true(fixture->reply.on_thread);
    other = call;
    other.timeout_ns = 1000 * MS; /* a wait with a time-out is a wait, however long */
    assert_int_equal(ask(fixture, &other), 0);
    assert_false(fixture->reply.on_thread);
    other = call;
    other.id = 2;
    other.wait_id = 0; /* for the call that ends first: itself */
    assert_int_equal(ask(fixture, &other), 0);
    assert_false(fixture->reply.on_thread);
    other = call;
    other.message = (const uint8_t *)"\xff"; /* what cannot be read runs nothing */
    other.length = 1;
    assert_int_equal(ask(fixture, &other), 0);
    assert_false(fixture->reply.on_thread);
    call.kind = 99;
    assert_int_equal(ask(fixture, &call), 0);
    assert_false(fixture->reply.on_thread);
    assert_int_equal(clo_host_calls_count(fixture->calls), 5);
}

static struct clo_call input_call(const uint32_t *wanted)
{
    return (struct clo_call){.flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT,
                             .kind = CLO_CALL_INPUT,
                             .id = 9,
                             .wait_id = 9,
                             .timeout_ns = CLO_TIMEOUT_NONE,
                             .deadline_ns = UINT64_MAX,
                             .tool_deadline_ns = UINT64_MAX,
                             .message = (const uint8_t *)wanted,
                             .length = sizeof *wanted};
}

static void expect_input(struct fixture *fixture, uint32_t wanted, const char *bytes)
{
    struct clo_call call = input_call(&wanted);
    assert_int_equal(ask(fixture, &call), 0);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    assert_int_equal(fixture->reply.data.length, strlen(bytes));
    assert_memory_equal(fixture->reply.data.data, bytes, strlen(bytes));
}

static void input_is_read_piece_by_piece(void **state)
{
    struct fixture *fixture = *state;
    struct clo_run run = {.input = "hello world", .input_length = 11};
    begin(fixture, (struct clo_limits){.host_call_bytes = 7}, NULL, -1);
    clo_host_calls_input(fixture->calls, &run);
    expect_input(fixture, 3, "hel");
    expect_input(fixture, 60, "lo worl"); /* the limit on one message */
    expect_input(fixture, 60, "d");
    expect_input(fixture, 60, "");
    expect_input(fixture, 60, "");
    assert_int_equal(clo_host_calls_count(fixture->calls), 5);
}

static ptrdiff_t slow_input(void *context, char *buffer, size_t capacity, uint64_t wait_ms)
{
    int *asked = context;
    assert_true(capacity == CLO_INPUT_MAX && wait_ms > 0 && wait_ms <= 1000);
    if (++*asked % 3)
        return -1;
    memset(buffer, 'x', 2);
    return 2;
}

static void input_of_a_function_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    int asked = 0;
    struct clo_run run = {.on_input = slow_input, .context = &asked};
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    clo_host_calls_input(fixture->calls, &run);
    expect_input(fixture, CLO_INPUT_MAX, "xx");
    expect_input(fixture, CLO_INPUT_MAX, "xx");
    assert_int_equal(asked, 6);
    uint32_t wanted = CLO_INPUT_MAX;
    struct clo_call call = input_call(&wanted);
    call.tool_deadline_ns = call.deadline_ns = clo_monotonic_ns() - 1;
    assert_int_equal(ask(fixture, &call), 0);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    assert_int_equal(asked, 6);
}

static void input_that_cannot_be_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct clo_run none = {.code = ""}, run = {.input = "x", .input_length = 1};
    uint32_t wanted = 5;
    struct clo_call call = input_call(&wanted);
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    assert_int_equal(ask(fixture, &call), 0);
    expect_message(fixture, CLO_CALL_REFUSED, "no standard input");
    clo_host_calls_input(fixture->calls, &none);
    assert_int_equal(ask(fixture, &call), 0);
    expect_message(fixture, CLO_CALL_REFUSED, "no standard input");
    clo_host_calls_input(fixture->calls, &run);
    call.length = 3;
    assert_int_equal(ask(fixture, &call), CLO_EGUEST);
    call = input_call(&wanted);
    call.flags = CLO_CALL_SUBMIT;
    assert_int_equal(ask(fixture, &call), CLO_EGUEST);
    wanted = CLO_INPUT_MAX + 1;
    call = input_call(&wanted);
    assert_int_equal(ask(fixture, &call), CLO_EGUEST);
    wanted = 0;
    assert_int_equal(ask(fixture, &call), CLO_EGUEST);
    begin(fixture, (struct clo_limits){.host_calls = 1}, NULL, -1);
    clo_host_calls_input(fixture->calls, &run);
    expect_input(fixture, 5, "x");
    wanted = 5;
    call = input_call(&wanted);
    assert_int_equal(ask(fixture, &call), 0);
    expect_message(fixture, CLO_CALL_REFUSED, "host calls reached");
}

static void looks_are_refused_where_nothing_is_mounted(void **state)
{
    struct fixture *fixture = *state;
    struct clo_file_request request = {.op = CLO_FILE_MOUNTS};
    struct clo_call call = {.flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT,
                            .kind = CLO_CALL_FILE,
                            .id = 1,
                            .wait_id = 1,
                            .timeout_ns = CLO_TIMEOUT_NONE,
                            .deadline_ns = UINT64_MAX,
                            .message = (const uint8_t *)&request,
                            .length = sizeof request};
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    assert_int_equal(ask(fixture, &call), 0);
    expect_message(fixture, CLO_CALL_REFUSED, "nothing mounted");
}

static void what_fails_is_a_message(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = tool_call(fixture, "echo", "text", 5, NULL);
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "echo: argument 'text' is 5; it must be a string");
    call = tool_call(fixture, "echo", NULL, 0, NULL);
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "no text in 0 arguments");
    call = tool_call(fixture, "nope", NULL, 0, NULL);
    ask(fixture, &call);
    expect_message(
        fixture, CLO_CALL_ERROR,
        "there is no tool 'nope'; the tools are nap, queue, echo, large, gate, deep, wordless");
    call = tool_call(fixture, "deep", "x", 1, NULL);
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "unexpected argument 'x'; no arguments are allowed");
    call = tool_call(fixture, "deep", NULL, 0, NULL);
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "the result of tool 'deep' cannot be passed on");
    call = tool_call(fixture, "wordless", NULL, 0, NULL);
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "tool 'wordless' failed (busy)");
    call.length--; /* not the whole message */
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "CBOR");
    static const uint8_t number[] = {0x05};
    call.message = number;
    call.length = 1;
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_ERROR, "not [name");
    call.kind = 99;
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_REFUSED, "no such kind");
}

static void limits_refuse_and_say_which(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){.host_calls = 2, .host_call_bytes = 40}, NULL, -1);
    struct clo_call call = tool_call(fixture, "echo", "text", 0,
                                     "much longer than the forty bytes that are allowed here");
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_REFUSED, "limit of 40 bytes");
    assert_int_equal(fixture->reply.limit, CLO_LIMIT_HOST_CALL_BYTES);
    call = tool_call(fixture, "echo", "text", 0, "short");
    ask(fixture, &call);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_REFUSED, "limit of 2 host calls reached");
    assert_int_equal(fixture->reply.limit, CLO_LIMIT_HOST_CALLS);
    begin(fixture, (struct clo_limits){.host_call_bytes = 20}, NULL, -1);
    call = tool_call(fixture, "echo", "text", 0, "123");
    ask(fixture, &call);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
}

static void a_broken_contract_ends_the_run(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = tool_call(fixture, "nap", "ms", 200, NULL);
    struct clo_call bad = call;
    bad.flags = 0;
    assert_int_equal(ask(fixture, &bad), CLO_EGUEST);
    bad.flags = 4;
    assert_int_equal(ask(fixture, &bad), CLO_EGUEST);
    bad = call;
    bad.id = 0;
    assert_int_equal(ask(fixture, &bad), CLO_EGUEST);
    bad.id = CLO_WAIT_NONE;
    assert_int_equal(ask(fixture, &bad), CLO_EGUEST);
    call.flags = CLO_CALL_SUBMIT;
    assert_int_equal(ask(fixture, &call), 0);
    assert_int_equal(ask(fixture, &call), CLO_EGUEST); /* the id is in use */
    call.flags = CLO_CALL_WAIT;
    call.wait_id = 7;
    assert_int_equal(ask(fixture, &call), CLO_EGUEST);
}

int main(void)
{
    const struct CMUnitTest tests_[] = {
        WITH_CALLS(a_synchronous_call_is_answered_at_once),
        WITH_CALLS(only_a_synchronous_call_runs_on_the_thread),
        WITH_CALLS(what_fails_is_a_message),
        WITH_CALLS(input_is_read_piece_by_piece),
        WITH_CALLS(input_of_a_function_is_waited_for),
        WITH_CALLS(input_that_cannot_be_is_refused),
        WITH_CALLS(looks_are_refused_where_nothing_is_mounted),
        WITH_CALLS(limits_refuse_and_say_which),
        WITH_CALLS(a_broken_contract_ends_the_run),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}

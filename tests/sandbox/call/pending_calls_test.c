/* pending_calls_test.c - calls in flight: side by side, waited for, held up, refused, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "host_calls_fixture.h"
#include "sandbox/call/pending_calls.h"

static uint32_t submit(struct fixture *fixture, uint32_t id, struct clo_call call)
{
    call.flags = CLO_CALL_SUBMIT;
    call.id = id;
    assert_int_equal(ask(fixture, &call), 0);
    return fixture->reply.status;
}

static void submitted_calls_run_side_by_side(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 4; id++) {
        assert_int_equal(
            submit(fixture, id, tool_call(fixture, "gate", "number", 5 - (int)id, NULL)),
            CLO_CALL_OK);
        assert_int_equal(fixture->reply.data.length, 0);
    }
    wait_until(&sleeping, 4);
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .timeout_ns = CLO_TIMEOUT_NONE,
                            .deadline_ns = UINT64_MAX,
                            .tool_deadline_ns = UINT64_MAX};
    for (uint32_t id = 4; id >= 1; id--) { /* the last ends first */
        open_gates(1);
        ask(fixture, &wait);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
        assert_int_equal(fixture->reply.id, id);
    }
    assert_int_equal(atomic_load(&most_sleeping), 4);
}

static void waits_end_by_timeout_deadline_cancel_and_abort(void **state)
{
    struct fixture *fixture = *state;
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    begin(fixture, (struct clo_limits){0}, cancel, ends[0]);
    assert_int_equal(submit(fixture, 9, tool_call(fixture, "gate", NULL, 0, NULL)), CLO_CALL_OK);
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .wait_id = 9,
                            .timeout_ns = 0,
                            .deadline_ns = UINT64_MAX,
                            .tool_deadline_ns = UINT64_MAX};
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    uint64_t before = clo_monotonic_ns();
    wait.timeout_ns = 30 * MS;
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    assert_true(clo_monotonic_ns() - before >= 30 * MS);
    wait.timeout_ns = CLO_TIMEOUT_NONE;
    wait.tool_deadline_ns = wait.deadline_ns = clo_monotonic_ns() + 30 * MS;
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    wait.wait_id = CLO_WAIT_NONE;
    assert_int_equal(write(ends[1], "x", 1), 1);
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    clo_cancel_trigger(cancel);
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    clo_host_calls_end(fixture->calls);
    open_gates(1);
    clo_cancel_free(cancel);
    close(ends[0]);
    close(ends[1]);
}

static void a_sleep_leaves_replies_where_they_are(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    assert_int_equal(submit(fixture, 1, tool_call(fixture, "nap", "ms", 1, NULL)), CLO_CALL_OK);
    uint64_t before = clo_monotonic_ns();
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .wait_id = CLO_WAIT_NONE,
                            .timeout_ns = 40 * MS,
                            .deadline_ns = UINT64_MAX,
                            .tool_deadline_ns = UINT64_MAX};
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    assert_true(clo_monotonic_ns() - before >= 40 * MS);
    wait.wait_id = 0;
    wait.timeout_ns = 0;
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    assert_int_equal(fixture->reply.id, 1);
}

static void a_run_that_ends_waits_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 40; id++) { /* more than may be in work */
        assert_int_equal(submit(fixture, id, tool_call(fixture, "gate", NULL, 0, NULL)),
                         CLO_CALL_OK);
    }
    wait_until(&sleeping, CLO_PENDING_RUNNING_MAX);
    clo_host_calls_end(fixture->calls);
    assert_int_equal(atomic_load(&slept), 0);
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    open_gates(1);
    wait_until(&slept, CLO_PENDING_RUNNING_MAX);
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .wait_id = 0,
                            .timeout_ns = 100 * MS,
                            .deadline_ns = UINT64_MAX,
                            .tool_deadline_ns = UINT64_MAX};
    ask(fixture, &wait); /* nothing of the last run comes into this one, nor begins */
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    assert_int_equal(atomic_load(&sleeping), 0);
    assert_int_equal(atomic_load(&slept), CLO_PENDING_RUNNING_MAX);
}

static void a_slow_run_does_not_hold_up_another(void **state)
{
    struct fixture *fixture = *state;
    struct clo_host_calls *other;
    assert_int_equal(clo_host_calls_create(&other, fixture->tools, fixture->threads, NULL), 0);
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 200; id++) {
        assert_int_equal(submit(fixture, id, tool_call(fixture, "gate", NULL, 0, NULL)),
                         CLO_CALL_OK);
    }
    struct clo_host_calls *first = fixture->calls;
    fixture->calls = other;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = tool_call(fixture, "nap", "ms", 1, NULL);
    call.timeout_ns = 60000 * MS; /* so that a tool thread does it */
    ask(fixture, &call);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    assert_int_equal(atomic_load(&slept), 1); /* none of the calls before it has ended */
    open_gates(1);
    clo_host_calls_end(other);
    clo_host_calls_free(other);
    fixture->calls = first;
}

static void a_serial_tool_runs_alone_and_is_waited_for_in_time(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 3; id++) {
        assert_int_equal(submit(fixture, id, tool_call(fixture, "queue", NULL, 0, NULL)),
                         CLO_CALL_OK);
    }
    wait_until(&sleeping, 1);
    struct clo_call call = tool_call(fixture, "queue", NULL, 0, NULL);
    call.id = call.wait_id = 4;
    call.tool_deadline_ns = call.deadline_ns =
        clo_monotonic_ns() + 30 * MS; /* time for the others, if they would begin */
    ask(fixture, &call);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    open_gates(1);
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .timeout_ns = CLO_TIMEOUT_NONE,
                            .deadline_ns = UINT64_MAX,
                            .tool_deadline_ns = UINT64_MAX};
    for (int i = 0; i < 3; i++)
        ask(fixture, &wait);
    assert_int_equal(atomic_load(&most_sleeping), 1);
    assert_int_equal(atomic_load(&slept), 3);
}

static void calls_in_flight_have_a_ceiling(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= CLO_PENDING_CALLS_MAX; id++)
        assert_int_equal(submit(fixture, id, tool_call(fixture, "nap", "ms", 20, NULL)),
                         CLO_CALL_OK);
    submit(fixture, 5000, tool_call(fixture, "nap", "ms", 20, NULL));
    expect_message(fixture, CLO_CALL_REFUSED, "too many host calls in flight");
}

/* A list of zeros: a byte each in the message, 32 in the host. */
static struct clo_call zeros(struct fixture *fixture, size_t count)
{
    struct clo_call call = tool_call(fixture, "gate", "list", 0, NULL);
    struct clo_buffer *message = &fixture->message;
    message->length--; /* the argument */
    clo_cbor_put_list(message, count);
    for (size_t i = 0; i < count; i++)
        clo_cbor_put_integer(message, 0);
    call.message = (const uint8_t *)message->data;
    call.length = message->length;
    return call;
}

static void wait_for_all(struct fixture *fixture, int count)
{
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .timeout_ns = 60000 * MS,
                            .deadline_ns = UINT64_MAX,
                            .tool_deadline_ns = UINT64_MAX};
    for (int i = 0; i < count; i++) {
        ask(fixture, &wait);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    }
}

static void arguments_in_flight_have_a_ceiling(void **state)
{
    enum { ZEROS = 1000000, ROOM = (int)(CLO_PENDING_ARGUMENTS_MAX / (32 * ZEROS)) };
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = zeros(fixture, ZEROS);
    for (uint32_t id = 1; id <= ROOM; id++)
        assert_int_equal(submit(fixture, id, call), CLO_CALL_OK);
    submit(fixture, 10, call);
    expect_message(fixture, CLO_CALL_REFUSED,
                   "take 31250 KiB of the host, those of the run may take 128 MiB");
    submit(fixture, 11, zeros(fixture, 100)); /* for this one there is room */
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    open_gates(1);
    wait_for_all(fixture, ROOM + 1);
    assert_int_equal(submit(fixture, 12, zeros(fixture, ZEROS)), CLO_CALL_OK);
    wait_for_all(fixture, 1);
    assert_int_equal(fixture->reply.id, 12);
}

/* An argument of 7,600 KiB, quicker to read than a list. There is room for 68. */
#define BULK (7600 << 10)

static struct clo_call bulk(struct fixture *fixture, const char *name)
{
    static char text[BULK + 1];
    if (!*text)
        memset(text, 'x', BULK);
    return tool_call(fixture, name, "bulk", 0, text);
}

static const char no_room[] =
    "take 31250 KiB of the host, and there is no room for them in the 512 MiB of all runs; try again later, or with less";

/* Each run keeps its own ceiling; together they are too much. */
static void large_arguments_of_all_runs_have_a_ceiling(void **state)
{
    enum { RUNS = 5, FULL = 4, EACH = (int)(CLO_PENDING_ARGUMENTS_MAX / BULK), ZEROS = 1000000 };
    assert_in_range(CLO_ARGUMENTS_LARGE_MAX, FULL * EACH * (size_t)BULK,
                    (FULL * EACH + 1) * (size_t)BULK);
    struct fixture runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        runs[i] = *(struct fixture *)*state;
        runs[i].reply.data = runs[i].message = CLO_BUFFER(CLO_MESSAGE_MAX);
        assert_int_equal(
            clo_host_calls_create(&runs[i].calls, runs[i].tools, runs[i].threads, NULL), 0);
        begin(&runs[i], (struct clo_limits){0}, NULL, -1);
    }
    struct fixture *last = &runs[RUNS - 1];
    struct clo_call large = bulk(last, "gate");
    for (int i = 0; i < FULL * EACH - 1; i++)
        assert_int_equal(submit(&runs[i / EACH], (uint32_t)i + 1, large), CLO_CALL_OK);
    submit(last, 1, zeros(last, ZEROS)); /* more than is left, and nothing stays taken */
    expect_message(last, CLO_CALL_REFUSED, no_room);
    struct clo_call call = zeros(last, ZEROS); /* synchronous */
    ask(last, &call);
    expect_message(last, CLO_CALL_ERROR, no_room);
    for (int i = 0; i < 2; i++) { /* there is room for one, which is given back */
        call = bulk(last, "echo");
        ask(last, &call);
        expect_message(last, CLO_CALL_ERROR, "no text in 1 arguments");
    }
    uint32_t id = 1;
    for (; submit(last, id, zeros(last, 3000)) == CLO_CALL_OK; id++) /* 94 KiB */
        assert_true(id < 500);
    for (int i = 0; i < 2; i++, id++) /* 59 KiB: small ones may always */
        assert_int_equal(submit(last, id, zeros(last, 1900)), CLO_CALL_OK);
    open_gates(1);
    for (int i = 0; i < FULL - 1; i++)
        wait_for_all(&runs[i], EACH);
    wait_for_all(&runs[FULL - 1], EACH - 1);
    wait_for_all(last, (int)id - 1);
    assert_int_equal(submit(last, id, zeros(last, ZEROS)), CLO_CALL_OK);
    wait_for_all(last, 1);
    for (int i = 0; i < RUNS; i++) {
        clo_host_calls_end(runs[i].calls);
        clo_host_calls_free(runs[i].calls);
        clo_buffer_free(&runs[i].reply.data);
        clo_buffer_free(&runs[i].message);
    }
}

static void submit_large(struct fixture *fixture, uint32_t id)
{
    assert_int_equal(submit(fixture, id, tool_call(fixture, "large", NULL, 0, NULL)), CLO_CALL_OK);
}

static void replies_that_wait_hold_up_further_calls(void **state)
{
    enum { CALLS = 100, MOST = (int)(CLO_PENDING_REPLIES_MAX >> 20) + CLO_PENDING_RUNNING_MAX };
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= CALLS; id++)
        submit_large(fixture, id);
    assert_true(await_count(&begun, MOST - CLO_PENDING_RUNNING_MAX, true));
    sleep_ms(100); /* for those that should not begin */
    assert_in_range(atomic_load(&begun), MOST - CLO_PENDING_RUNNING_MAX, MOST);
    wait_for_all(fixture, CALLS); /* none is lost */
    assert_true(fixture->reply.data.length > 1 << 20);
    assert_int_equal(atomic_load(&begun), CALLS);
}

/* Of one that ended with its ceilings reached nothing counts in the next, though some of its calls
 * are still in work. */
static void what_waits_is_forgotten_with_its_run(void **state)
{
    enum { CALLS = 40, ZEROS = 1000000, ROOM = 4 };
    struct fixture *fixture = *state;
    for (int run = 0; run < 2; run++) {
        begin(fixture, (struct clo_limits){0}, NULL, -1);
        struct clo_call call = zeros(fixture, ZEROS);
        for (uint32_t id = 1; id <= ROOM; id++)
            assert_int_equal(submit(fixture, id, call), CLO_CALL_OK);
        for (uint32_t id = 100; id < 100 + CALLS; id++)
            submit_large(fixture, id);
        if (run == 0) {
            assert_true(await_count(&begun, 16, true));
            clo_host_calls_end(fixture->calls);
        }
    }
    open_gates(1);
    wait_for_all(fixture, ROOM + CALLS);
}

int main(void)
{
    const struct CMUnitTest tests_[] = {
        WITH_CALLS(submitted_calls_run_side_by_side),
        WITH_CALLS(waits_end_by_timeout_deadline_cancel_and_abort),
        WITH_CALLS(a_sleep_leaves_replies_where_they_are),
        WITH_CALLS(a_run_that_ends_waits_for_nothing),
        WITH_CALLS(a_slow_run_does_not_hold_up_another),
        WITH_CALLS(a_serial_tool_runs_alone_and_is_waited_for_in_time),
        WITH_CALLS(calls_in_flight_have_a_ceiling),
        WITH_CALLS(arguments_in_flight_have_a_ceiling),
        WITH_CALLS(large_arguments_of_all_runs_have_a_ceiling),
        WITH_CALLS(replies_that_wait_hold_up_further_calls),
        WITH_CALLS(what_waits_is_forgotten_with_its_run),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}

/* service_test.c - host calls answered: tools, refusals, calls in flight, waits, runs that end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sandbox/cbor.h"
#include "sandbox/flights.h"
#include "sandbox/service.h"

#define MS 1000000ull

static atomic_int sleeping, most_sleeping, slept, begun, opened;

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Wait, but not for ever. */
static void wait_until(atomic_int *count, int value)
{
    for (int ms = 0; ms < 5000 && atomic_load(count) != value; ms++)
        sleep_ms(1);
    assert_int_equal(atomic_load(count), value);
}

static int nap(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context;
    (void)error;
    int now = atomic_fetch_add(&sleeping, 1) + 1;
    int most = atomic_load(&most_sleeping);
    while (now > most && !atomic_compare_exchange_weak(&most_sleeping, &most, now))
        ;
    sleep_ms((long)clo_value_get(arguments, "ms")->integer);
    atomic_fetch_sub(&sleeping, 1);
    atomic_fetch_add(&slept, 1);
    clo_value_set_integer(result, clo_value_get(arguments, "ms")->integer);
    return 0;
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    const struct clo_value *text = clo_value_get(arguments, "text");
    if (!text)
        return clo_tool_fail(error, "no text in %d arguments", (int)arguments->map.count);
    return clo_value_set_text_n(result, text->text.data, text->text.length);
}

/* Not before it is opened. */
static int gate(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)result;
    for (int ms = 0; ms < 60000; ms++, sleep_ms(1))
        if (atomic_load(&opened))
            return 0;
    return clo_tool_fail(error, "%d arguments at a closed gate", (int)arguments->map.count);
}

/* A megabyte. */
static int large(void *context, const struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    static const char megabyte[1 << 20];
    (void)context;
    (void)arguments;
    (void)error;
    atomic_fetch_add(&begun, 1);
    return clo_value_set_bytes(result, megabyte, sizeof megabyte);
}

static int deep(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)arguments;
    (void)error;
    for (int i = 0; i < 200; i++) {
        clo_value_set_list(result);
        result = clo_value_append(result);
    }
    return 0;
}

static int wordless(void *context, const struct clo_value *arguments, struct clo_value *result,
                    struct clo_error *error)
{
    (void)context;
    (void)arguments;
    (void)result;
    (void)error;
    return CLO_EBUSY;
}

#define MS_SCHEMA                                                                                  \
    "{\"type\":\"object\",\"properties\":{\"ms\":{\"type\":\"integer\"}},\"required\":[\"ms\"]}"

static const struct clo_tool tools[] = {
    {.name = "nap", .parameters = MS_SCHEMA, .call = nap},
    {.name = "queue", .parameters = MS_SCHEMA, .call = nap, .serial = true},
    {.name = "echo",
     .parameters = "{\"properties\":{\"text\":{\"type\":\"string\"}}}",
     .call = echo},
    {.name = "large", .call = large},
    {.name = "gate",
     .parameters = "{\"properties\":{\"list\":{\"type\":\"array\"}}}",
     .call = gate},
    {.name = "deep", .call = deep},
    {.name = "wordless", .call = wordless},
};

struct fixture {
    struct clo_tools *tools;
    struct clo_crew *crew;
    struct clo_service *service;
    struct clo_reply reply;
    struct clo_buffer message;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.reply.data = CLO_BUFFER(CLO_MESSAGE_MAX),
                               .message = CLO_BUFFER(CLO_MESSAGE_MAX)};
    struct clo_error error;
    *state = &fixture;
    atomic_store(&sleeping, 0);
    atomic_store(&most_sleeping, 0);
    atomic_store(&slept, 0);
    atomic_store(&begun, 0);
    atomic_store(&opened, 0);
    fixture.crew = clo_crew_create();
    assert_non_null(fixture.crew);
    return clo_tools_create(&fixture.tools, tools, sizeof tools / sizeof *tools, &error) ||
           clo_service_create(&fixture.service, fixture.tools, fixture.crew, &error);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clo_service_end(fixture->service);
    clo_service_free(fixture->service);
    clo_crew_free(fixture->crew);
    clo_tools_free(fixture->tools);
    clo_buffer_free(&fixture->reply.data);
    clo_buffer_free(&fixture->message);
    return 0;
}

static void begin(struct fixture *fixture, struct clo_limits wanted, struct clo_cancel *cancel,
                  int abort_fd)
{
    struct clo_limits limits;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, NULL), 0);
    clo_service_begin(fixture->service, &limits, cancel, abort_fd);
}

static struct clo_call tool_call(struct fixture *fixture, const char *name, const char *argument,
                                 int64_t number, const char *text)
{
    struct clo_buffer *message = &fixture->message;
    clo_buffer_reset(message);
    clo_cbor_put_list(message, 2);
    clo_cbor_put_string(message, name);
    clo_cbor_put_map(message, argument ? 1 : 0);
    if (argument) {
        clo_cbor_put_string(message, argument);
        if (text)
            clo_cbor_put_string(message, text);
        else
            clo_cbor_put_integer(message, number);
    }
    return (struct clo_call){.flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT,
                             .kind = CLO_CALL_TOOL,
                             .id = 1,
                             .wait_id = 1,
                             .timeout_ns = CLO_TIMEOUT_NONE,
                             .deadline_ns = UINT64_MAX,
                             .message = (const uint8_t *)message->data,
                             .length = message->length};
}

static int ask(struct fixture *fixture, const struct clo_call *call)
{
    struct clo_error error;
    return clo_service_call(fixture->service, call, &fixture->reply, &error);
}

/* The reply must be a complaint that contains the words. */
static void expect_message(struct fixture *fixture, uint32_t status, const char *words)
{
    struct clo_value value;
    assert_int_equal(fixture->reply.status, status);
    assert_int_equal(clo_cbor_decode(&value, (const uint8_t *)fixture->reply.data.data,
                                     fixture->reply.data.length, NULL),
                     0);
    const char *message = clo_value_text(clo_value_get(&value, "message"));
    if (!message || !strstr(message, words))
        fail_msg("'%s' lacks '%s'", message, words);
    clo_value_clear(&value);
}

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
    assert_int_equal(clo_service_calls(fixture->service), 1);
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

static void submitted_calls_run_side_by_side(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 4; id++) {
        struct clo_call call = tool_call(fixture, "nap", "ms", 500 - 100 * (int)id, NULL);
        call.flags = CLO_CALL_SUBMIT;
        call.id = id;
        ask(fixture, &call);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
        assert_int_equal(fixture->reply.data.length, 0);
    }
    struct clo_call wait = {
        .flags = CLO_CALL_WAIT, .timeout_ns = CLO_TIMEOUT_NONE, .deadline_ns = UINT64_MAX};
    for (uint32_t id = 4; id >= 1; id--) { /* the shortest ends first */
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
    struct clo_call call = tool_call(fixture, "nap", "ms", 600, NULL);
    call.flags = CLO_CALL_SUBMIT;
    call.id = 9;
    ask(fixture, &call);
    struct clo_call wait = {
        .flags = CLO_CALL_WAIT, .wait_id = 9, .timeout_ns = 0, .deadline_ns = UINT64_MAX};
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    uint64_t before = clo_monotonic_ns();
    wait.timeout_ns = 30 * MS;
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    assert_true(clo_monotonic_ns() - before >= 30 * MS);
    wait.timeout_ns = CLO_TIMEOUT_NONE;
    wait.deadline_ns = clo_monotonic_ns() + 30 * MS;
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    wait.deadline_ns = UINT64_MAX;
    wait.wait_id = CLO_WAIT_NONE;
    assert_int_equal(write(ends[1], "x", 1), 1);
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    clo_cancel_trigger(cancel);
    ask(fixture, &wait);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    clo_service_end(fixture->service);
    clo_cancel_free(cancel);
    close(ends[0]);
    close(ends[1]);
}

static void a_sleep_leaves_replies_where_they_are(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = tool_call(fixture, "nap", "ms", 1, NULL);
    call.flags = CLO_CALL_SUBMIT;
    ask(fixture, &call);
    uint64_t before = clo_monotonic_ns();
    struct clo_call wait = {.flags = CLO_CALL_WAIT,
                            .wait_id = CLO_WAIT_NONE,
                            .timeout_ns = 40 * MS,
                            .deadline_ns = UINT64_MAX};
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
        struct clo_call call = tool_call(fixture, "nap", "ms", 500, NULL);
        call.flags = CLO_CALL_SUBMIT;
        call.id = id;
        ask(fixture, &call);
    }
    wait_until(&sleeping, CLO_LANE_RUNNING_MAX);
    clo_service_end(fixture->service);
    assert_int_equal(atomic_load(&slept), 0);
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call wait = {
        .flags = CLO_CALL_WAIT, .wait_id = 0, .timeout_ns = 250 * MS, .deadline_ns = UINT64_MAX};
    ask(fixture, &wait); /* nothing of the last run comes into this one */
    assert_int_equal(fixture->reply.status, CLO_CALL_PENDING);
    wait_until(&slept, CLO_LANE_RUNNING_MAX);
    wait_until(&sleeping, 0);
    assert_int_equal(atomic_load(&slept), CLO_LANE_RUNNING_MAX);
}

static void a_slow_run_does_not_hold_up_another(void **state)
{
    struct fixture *fixture = *state;
    struct clo_service *other;
    assert_int_equal(clo_service_create(&other, fixture->tools, fixture->crew, NULL), 0);
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 200; id++) {
        struct clo_call call = tool_call(fixture, "nap", "ms", 300, NULL);
        call.flags = CLO_CALL_SUBMIT;
        call.id = id;
        ask(fixture, &call);
    }
    struct clo_service *first = fixture->service;
    fixture->service = other;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    uint64_t before = clo_monotonic_ns();
    struct clo_call call = tool_call(fixture, "nap", "ms", 1, NULL);
    call.timeout_ns = 1000 * MS; /* so that the crew does it */
    ask(fixture, &call);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    assert_true(clo_monotonic_ns() - before < 2000 * MS); /* the calls before it: 3750 */
    clo_service_end(other);
    clo_service_free(other);
    fixture->service = first;
}

static void a_serial_tool_runs_alone_and_is_waited_for_in_time(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= 3; id++) {
        struct clo_call call = tool_call(fixture, "queue", "ms", 200, NULL);
        call.flags = CLO_CALL_SUBMIT;
        call.id = id;
        ask(fixture, &call);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    }
    sleep_ms(10);
    struct clo_call call = tool_call(fixture, "queue", "ms", 1, NULL);
    call.id = call.wait_id = 4;
    call.deadline_ns = clo_monotonic_ns() + 5 * MS;
    ask(fixture, &call);
    assert_int_equal(fixture->reply.status, CLO_CALL_INTERRUPTED);
    struct clo_call wait = {
        .flags = CLO_CALL_WAIT, .timeout_ns = CLO_TIMEOUT_NONE, .deadline_ns = UINT64_MAX};
    for (int i = 0; i < 3; i++)
        ask(fixture, &wait);
    assert_int_equal(atomic_load(&most_sleeping), 1);
    assert_int_equal(atomic_load(&slept), 3);
}

static void calls_in_flight_have_a_ceiling(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    struct clo_call call = {0};
    for (uint32_t id = 1; id <= CLO_CALLS_IN_FLIGHT_MAX; id++) {
        call = tool_call(fixture, "nap", "ms", 20, NULL);
        call.flags = CLO_CALL_SUBMIT;
        call.id = id;
        ask(fixture, &call);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    }
    call.id = 5000;
    ask(fixture, &call);
    expect_message(fixture, CLO_CALL_REFUSED, "too many host calls in flight");
}

/* A list of zeros: a byte each in the message, 32 in the host. */
static void submit_zeros(struct fixture *fixture, uint32_t id, size_t count)
{
    struct clo_call call = tool_call(fixture, "gate", "list", 0, NULL);
    struct clo_buffer *message = &fixture->message;
    message->length--; /* the argument */
    clo_cbor_put_list(message, count);
    for (size_t i = 0; i < count; i++)
        clo_cbor_put_integer(message, 0);
    call.flags = CLO_CALL_SUBMIT;
    call.id = id;
    call.message = (const uint8_t *)message->data;
    call.length = message->length;
    ask(fixture, &call);
}

static void wait_for_all(struct fixture *fixture, int count)
{
    struct clo_call wait = {
        .flags = CLO_CALL_WAIT, .timeout_ns = CLO_TIMEOUT_NONE, .deadline_ns = UINT64_MAX};
    for (int i = 0; i < count; i++) {
        ask(fixture, &wait);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    }
}

static void arguments_in_flight_have_a_ceiling(void **state)
{
    enum { ZEROS = 1000000, ROOM = (int)(CLO_ARGUMENTS_IN_FLIGHT_MAX / (32 * ZEROS)) };
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= ROOM; id++) {
        submit_zeros(fixture, id, ZEROS);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    }
    submit_zeros(fixture, 10, ZEROS);
    expect_message(fixture, CLO_CALL_REFUSED, "arguments take at most 128 MiB");
    submit_zeros(fixture, 11, 100); /* for this one there is room */
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    atomic_store(&opened, 1);
    wait_for_all(fixture, ROOM + 1);
    submit_zeros(fixture, 12, ZEROS);
    assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    wait_for_all(fixture, 1);
    assert_int_equal(fixture->reply.id, 12);
}

/* Each run keeps its own ceiling; together they are too much. */
static void large_arguments_of_all_runs_have_a_ceiling(void **state)
{
    enum { RUNS = 5, ZEROS = 1000000, EACH = 4, FULL = 4 };
    assert_in_range(CLO_ARGUMENTS_LARGE_MAX, EACH * FULL * 32ull * ZEROS,
                    (EACH * FULL + 1) * 32ull * ZEROS);
    struct fixture runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        runs[i] = *(struct fixture *)*state;
        runs[i].reply.data = runs[i].message = CLO_BUFFER(CLO_MESSAGE_MAX);
        assert_int_equal(clo_service_create(&runs[i].service, runs[i].tools, runs[i].crew, NULL),
                         0);
        begin(&runs[i], (struct clo_limits){0}, NULL, -1);
    }
    for (uint32_t id = 1; id <= FULL * EACH; id++) {
        struct fixture *run = &runs[(id - 1) / EACH];
        submit_zeros(run, id, ZEROS);
        assert_int_equal(run->reply.status, CLO_CALL_OK);
    }
    struct fixture *last = &runs[RUNS - 1];
    submit_zeros(last, 1, ZEROS);
    expect_message(last, CLO_CALL_REFUSED, "of all runs hold too much: at most 512 MiB");
    submit_zeros(last, 2, 1000); /* small ones may always */
    assert_int_equal(last->reply.status, CLO_CALL_OK);
    atomic_store(&opened, 1);
    for (int i = 0; i < FULL; i++)
        wait_for_all(&runs[i], EACH);
    submit_zeros(last, 3, ZEROS);
    assert_int_equal(last->reply.status, CLO_CALL_OK);
    wait_for_all(last, 2);
    for (int i = 0; i < RUNS; i++) {
        clo_service_end(runs[i].service);
        clo_service_free(runs[i].service);
        clo_buffer_free(&runs[i].reply.data);
        clo_buffer_free(&runs[i].message);
    }
}

static void replies_that_wait_hold_up_further_calls(void **state)
{
    enum { CALLS = 100, MOST = (int)(CLO_REPLIES_WAITING_MAX >> 20) + CLO_LANE_RUNNING_MAX };
    struct fixture *fixture = *state;
    begin(fixture, (struct clo_limits){0}, NULL, -1);
    for (uint32_t id = 1; id <= CALLS; id++) {
        struct clo_call call = tool_call(fixture, "large", NULL, 0, NULL);
        call.flags = CLO_CALL_SUBMIT;
        call.id = id;
        ask(fixture, &call);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
    }
    for (int ms = 0; ms < 20000 && atomic_load(&begun) < MOST - CLO_LANE_RUNNING_MAX; ms++)
        sleep_ms(1);
    sleep_ms(300); /* for those that should not begin */
    assert_in_range(atomic_load(&begun), MOST - CLO_LANE_RUNNING_MAX, MOST);
    struct clo_call wait = {
        .flags = CLO_CALL_WAIT, .timeout_ns = CLO_TIMEOUT_NONE, .deadline_ns = UINT64_MAX};
    for (int i = 0; i < CALLS; i++) { /* none is lost */
        ask(fixture, &wait);
        assert_int_equal(fixture->reply.status, CLO_CALL_OK);
        assert_true(fixture->reply.data.length > 1 << 20);
    }
    assert_int_equal(atomic_load(&begun), CALLS);
}

/* Replies of a run that has ended hold up nothing in the next. */
static void what_waits_is_forgotten_with_its_run(void **state)
{
    struct fixture *fixture = *state;
    for (int run = 0; run < 3; run++) {
        begin(fixture, (struct clo_limits){0}, NULL, -1);
        atomic_store(&begun, 0);
        for (uint32_t id = 1; id <= 20; id++) {
            struct clo_call call = tool_call(fixture, "large", NULL, 0, NULL);
            call.flags = CLO_CALL_SUBMIT;
            call.id = id;
            ask(fixture, &call);
        }
        for (int ms = 0; ms < 20000 && atomic_load(&begun) < 16; ms++)
            sleep_ms(1);
        assert_true(atomic_load(&begun) >= 16);
        clo_service_end(fixture->service);
    }
}

static void tool_sets_are_checked(void **state)
{
    (void)state;
    static const struct {
        struct clo_tool tools[2];
        size_t count;
        const char *words;
    } cases[] = {
        {{{.name = "class", .call = echo}}, 1, "tool 'class': the name is a Python keyword"},
        {{{.name = "", .call = echo}}, 1, "a tool has no name"},
        {{{.name = NULL, .call = echo}}, 1, "a tool has no name"},
        {{{.name = "2x", .call = echo}}, 1, "tool '2x': the name is no Python identifier"},
        {{{.name = "a-b", .call = echo}}, 1, "no Python identifier"},
        {{{.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
           .call = echo}},
         1,
         "at most 64 bytes"},
        {{{.name = "a"}}, 1, "tool 'a' has no function"},
        {{{.name = "a", .call = echo}, {.name = "a", .call = echo}}, 2, "two tools are called 'a'"},
        {{{.name = "a", .call = echo, .parameters = "{\"type\":\"array\"}"}},
         1,
         "must be a JSON Schema of type \"object\""},
        {{{.name = "a", .call = echo, .parameters = "true"}}, 1, "of type \"object\""},
        {{{.name = "a", .call = echo, .parameters = "{"}}, 1, "tool 'a': JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_tools *set;
        struct clo_error error = {0};
        int status = clo_tools_create(&set, cases[i].tools, cases[i].count, &error);
        if (status != CLO_EINVALID || !strstr(error.message, cases[i].words))
            fail_msg("%zu: %d '%s'", i, status, error.message);
        assert_null(set);
    }
    struct clo_tools *set;
    assert_int_equal(clo_tools_create(&set, tools, CLO_TOOLS_MAX + 1, NULL), CLO_EINVALID);
}

static void limits_are_resolved_and_checked(void **state)
{
    (void)state;
    struct clo_limits limits, wanted = {.memory = 49u << 20, .wall_ms = 5};
    struct clo_error error;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), 0);
    assert_int_equal(limits.memory, 50u << 20); /* rounded up to 2 MiB */
    assert_int_equal(limits.wall_ms, 5);
    assert_int_equal(limits.cpu_ms, 10000);
    struct clo_limits run = {.memory = 52u << 20}, resolved;
    assert_int_equal(clo_limits_resolve(&resolved, &run, &limits, &error), CLO_EINVALID);
    assert_string_equal(error.message,
                        "limit memory of the run is 52 MiB, more than the sandbox's 50 MiB");
    wanted.memory = 32u << 20; /* less than the image takes */
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), CLO_EINVALID);
    assert_string_equal(error.message, "limit memory is 32 MiB; it must be from 48 MiB to 4 GiB");
    assert_string_equal(error.hint, "raise it to 48 MiB");
    wanted = (struct clo_limits){.host_call_bytes = CLO_MESSAGE_MAX + 1};
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "host_call_bytes"));
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests_[] = {
        WITH_SERVICE(a_synchronous_call_is_answered_at_once),
        WITH_SERVICE(what_fails_is_a_message),
        WITH_SERVICE(limits_refuse_and_say_which),
        WITH_SERVICE(a_broken_contract_ends_the_run),
        WITH_SERVICE(submitted_calls_run_side_by_side),
        WITH_SERVICE(waits_end_by_timeout_deadline_cancel_and_abort),
        WITH_SERVICE(a_sleep_leaves_replies_where_they_are),
        WITH_SERVICE(a_run_that_ends_waits_for_nothing),
        WITH_SERVICE(a_slow_run_does_not_hold_up_another),
        WITH_SERVICE(a_serial_tool_runs_alone_and_is_waited_for_in_time),
        WITH_SERVICE(calls_in_flight_have_a_ceiling),
        WITH_SERVICE(arguments_in_flight_have_a_ceiling),
        WITH_SERVICE(large_arguments_of_all_runs_have_a_ceiling),
        WITH_SERVICE(replies_that_wait_hold_up_further_calls),
        WITH_SERVICE(what_waits_is_forgotten_with_its_run),
        cmocka_unit_test(tool_sets_are_checked),
        cmocka_unit_test(limits_are_resolved_and_checked),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}

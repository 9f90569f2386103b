/* host_calls_fixture.h - host calls with tools of every kind, and calls to it. Included once, after
 * cmocka. */
#ifndef CLO_TESTS_SANDBOX_CALL_HOST_CALLS_FIXTURE_H
#define CLO_TESTS_SANDBOX_CALL_HOST_CALLS_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "sandbox/call/host_calls.h"
#include "sandbox/value/cbor.h"

#define MS 1000000ull

static atomic_int sleeping, most_sleeping, slept, begun, opened;
static pthread_mutex_t counts_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t counts_changed = PTHREAD_COND_INITIALIZER; /* one of those above */

static inline void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* The new value. */
static inline int count_on(atomic_int *count, int by)
{
    pthread_mutex_lock(&counts_lock);
    int now = atomic_fetch_add(count, by) + by;
    pthread_cond_broadcast(&counts_changed);
    pthread_mutex_unlock(&counts_lock);
    return now;
}

/* Wait until the count has the value or, `or_more`, is above it, but not for ever: under fault injection
 * some of what is waited for never comes. */
static inline bool await_count(atomic_int *count, int value, bool or_more)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 15;
    bool timed_out = false, reached;
    pthread_mutex_lock(&counts_lock);
    for (;;) {
        int now = atomic_load(count);
        reached = now == value || (or_more && now > value);
        if (reached || timed_out)
            break;
        timed_out = pthread_cond_timedwait(&counts_changed, &counts_lock, &end) != 0;
    }
    pthread_mutex_unlock(&counts_lock);
    return reached;
}

static inline void wait_until(atomic_int *count, int value)
{
    await_count(count, value, false);
    assert_int_equal(atomic_load(count), value);
}

static void enter(void)
{
    int now = count_on(&sleeping, 1);
    int most = atomic_load(&most_sleeping);
    while (now > most && !atomic_compare_exchange_weak(&most_sleeping, &most, now))
        ;
}

static void leave(void)
{
    count_on(&sleeping, -1);
    count_on(&slept, 1);
}

static int nap(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context;
    (void)error;
    int64_t ms = 0;
    enter();
    clo_value_integer(clo_value_get(arguments, "ms"), &ms);
    sleep_ms((long)ms);
    leave();
    clo_value_set_integer(result, ms);
    return 0;
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    size_t length;
    const char *text = clo_value_text_n(clo_value_get(arguments, "text"), &length);
    if (!text)
        return clo_tool_fail(error, "no text in %d arguments", (int)clo_value_count(arguments));
    return clo_value_set_text_n(result, text, length);
}

/* It waits until as many gates are opened as its number says: one, if it says nothing. */
static int gate(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    (void)result;
    int64_t number = 1;
    clo_value_integer(clo_value_get(arguments, "number"), &number);
    enter();
    bool open = await_count(&opened, (int)number, true);
    leave();
    if (open)
        return 0;
    return clo_tool_fail(error, "%d arguments at a closed gate", (int)clo_value_count(arguments));
}

/* A megabyte. */
static int large(void *context, const struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    static const char megabyte[1 << 20];
    (void)context;
    (void)arguments;
    (void)error;
    count_on(&begun, 1);
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

#define GATE_SCHEMA                                                                                \
    "{\"properties\":{\"list\":{\"type\":\"array\"},\"number\":{\"type\":\"integer\"}}}"

static const struct clo_tool tools[] = {
    {.name = "nap", .parameters = MS_SCHEMA, .call = nap},
    {.name = "queue", .parameters = GATE_SCHEMA, .call = gate, .serial = true},
    {.name = "echo",
     .parameters = "{\"properties\":{\"text\":{\"type\":\"string\"}}}",
     .call = echo},
    {.name = "large", .call = large},
    {.name = "gate", .parameters = GATE_SCHEMA, .call = gate},
    {.name = "deep", .call = deep},
    {.name = "wordless", .call = wordless},
};

struct fixture {
    struct clo_tool_set *tools;
    struct clo_executor *threads;
    struct clo_host_calls *calls;
    struct clo_call_reply reply;
    struct clo_buffer message;
};

static inline int set_up(void **state)
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
    return clo_executor_create(&fixture.threads, CLO_TOOL_THREADS_MAX, NULL, &error) ||
           clo_tool_set_create(&fixture.tools, tools, sizeof tools / sizeof *tools, &error) ||
           clo_host_calls_create(&fixture.calls, fixture.tools, fixture.threads, &error);
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    count_on(&opened, 1000); /* for those that a case which failed has left waiting */
    clo_host_calls_end(fixture->calls);
    clo_host_calls_free(fixture->calls);
    clo_executor_destroy(fixture->threads);
    clo_tool_set_free(fixture->tools);
    clo_buffer_free(&fixture->reply.data);
    clo_buffer_free(&fixture->message);
    return 0;
}

static inline void begin(struct fixture *fixture, struct clo_limits wanted,
                         struct clo_cancel *cancel, int abort_fd)
{
    struct clo_limits limits;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, NULL), 0);
    clo_host_calls_begin(fixture->calls, &limits, cancel, abort_fd);
}

static inline void open_gates(int count)
{
    count_on(&opened, count);
}

static inline struct clo_call tool_call(struct fixture *fixture, const char *name,
                                        const char *argument, int64_t number, const char *text)
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
                             .tool_deadline_ns = UINT64_MAX,
                             .message = (const uint8_t *)message->data,
                             .length = message->length};
}

static inline int ask(struct fixture *fixture, const struct clo_call *call)
{
    struct clo_error error;
    return clo_host_calls_call(fixture->calls, call, &fixture->reply, &error);
}

/* The reply must be a complaint that contains the words. */
static inline void expect_message(struct fixture *fixture, uint32_t status, const char *words)
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

#define WITH_CALLS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif

/* sync_test.c - waits end at their deadline, at once when something happens, and never without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread/poll.h"
#include "base/thread/sync.h"

#define LONG_MS 60000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool changed;
static int event; /* each case has its own: tests/faults plays cases of one parent side by side */

static void *after_a_moment(void *context)
{
    (void)context;
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    pthread_mutex_lock(&lock);
    changed = true;
    pthread_cond_signal(&change);
    pthread_mutex_unlock(&lock);
    assert_int_equal(write(event, &(uint64_t){1}, sizeof(uint64_t)), sizeof(uint64_t));
    return NULL;
}

static bool wait_for_change(uint64_t deadline_ns)
{
    bool in_time = true;
    pthread_mutex_lock(&lock);
    while (!changed && in_time)
        in_time = clo_wait_until(&change, &lock, deadline_ns);
    pthread_mutex_unlock(&lock);
    return changed;
}

static void a_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    uint64_t deadline = clo_after_ms(30);
    changed = false;
    assert_false(wait_for_change(deadline));
    assert_true(clo_monotonic_ns() >= deadline);
    assert_false(wait_for_change(0)); /* long past */
    deadline = clo_after_ms(30);
    struct pollfd quiet = {.fd = event, .events = POLLIN};
    assert_int_equal(clo_poll_until(&quiet, 1, deadline), 0);
    assert_true(clo_monotonic_ns() >= deadline);
}

static void what_happens_ends_a_wait(void **state)
{
    (void)state;
    const uint64_t deadlines[] = {clo_after_ms(LONG_MS), UINT64_MAX, UINT64_MAX - 1};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        pthread_t thread;
        uint64_t count;
        struct pollfd ready = {.fd = event, .events = POLLIN};
        changed = false;
        assert_int_equal(clo_thread_start(&thread, after_a_moment, NULL), 0);
        assert_true(wait_for_change(deadlines[i]));
        assert_int_equal(clo_poll_until(&ready, 1, deadlines[i]), 1);
        pthread_join(thread, NULL);
        assert_int_equal(read(event, &count, sizeof count), sizeof count);
    }
}

static void a_passed_deadline_counts_before_what_is_ready(void **state)
{
    (void)state;
    uint64_t count = 1;
    struct pollfd ready = {.fd = event, .events = POLLIN};
    assert_int_equal(write(event, &count, sizeof count), sizeof count);
    assert_int_equal(clo_poll_until(&ready, 1, clo_monotonic_ns()), 0);
    assert_int_equal(read(event, &count, sizeof count), sizeof count);
}

static void *note_mask(void *context)
{
    pthread_sigmask(SIG_SETMASK, NULL, context);
    return NULL;
}

static void a_thread_takes_no_signals(void **state)
{
    (void)state;
    sigset_t here, there;
    pthread_t thread;
    assert_int_equal(clo_thread_start(&thread, note_mask, &there), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    assert_true(sigismember(&there, SIGTERM) && sigismember(&there, SIGINT));
    assert_false(sigismember(&here, SIGTERM) || sigismember(&here, SIGINT));
}

static void milliseconds_beyond_the_clock_are_no_deadline(void **state)
{
    (void)state;
    assert_true(clo_after_ms(UINT64_MAX) == UINT64_MAX);
    assert_true(clo_after_ms(UINT64_MAX / 1000000u) == UINT64_MAX);
    assert_in_range(clo_after_ms(1000) - clo_monotonic_ns(), 1, 1000000000u);
}

static int open_event(void **state)
{
    (void)state;
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0;
}

static int close_event(void **state)
{
    (void)state;
    return close(event);
}

#define WITH_EVENT(test) cmocka_unit_test_setup_teardown(test, open_event, close_event)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EVENT(a_wait_ends_at_its_deadline),
        WITH_EVENT(what_happens_ends_a_wait),
        WITH_EVENT(a_passed_deadline_counts_before_what_is_ready),
        WITH_EVENT(a_thread_takes_no_signals),
        WITH_EVENT(milliseconds_beyond_the_clock_are_no_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

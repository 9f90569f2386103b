/* executor_test.c - the executor: bounded in what runs and what waits, fair to lanes, and it
 * ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread/executor.h"

#define RUNNING 2
#define WAITING 3
#define THREADS (RUNNING + 1)
#define SOON clo_after_ms(30000)

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* tasks pass one after the other */
static atomic_int running, most, done, order[64], failures;

struct work {
    struct clo_task task;
    int number;
};

struct fixture {
    struct clo_executor *executor;
    struct clo_lane *lane, *other;
};

/* A stack that no machine has room for: no further thread can be had. */
static void allow_threads(bool allowed)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, allowed ? 1ul << 20 : 1ul << 46);
    assert_int_equal(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
}

static void thread_failed(int code)
{
    assert_int_equal(code, EAGAIN);
    atomic_fetch_add(&failures, 1);
}

static void work(struct clo_task *task)
{
    struct work *work = (struct work *)task;
    int now = atomic_fetch_add(&running, 1) + 1;
    if (now > atomic_load(&most))
        atomic_store(&most, now);
    pthread_mutex_lock(&gate);
    atomic_fetch_sub(&running, 1);
    order[atomic_fetch_add(&done, 1)] = work->number;
    pthread_mutex_unlock(&gate);
}

static void wait_until(atomic_int *value, int want)
{
    struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 30000 && atomic_load(value) != want; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(atomic_load(value), want);
}

static void create(struct fixture *fixture, size_t threads, size_t running_max, size_t waiting_max)
{
    running = most = done = failures = 0;
    assert_int_equal(clo_executor_create(&fixture->executor, threads, thread_failed, NULL), 0);
    assert_int_equal(
        clo_lane_create(&fixture->lane, fixture->executor, running_max, waiting_max, NULL), 0);
    assert_int_equal(clo_lane_create(&fixture->other, fixture->executor, 1, 0, NULL), 0);
}

static void destroy(struct fixture *fixture)
{
    struct clo_task_list rest;
    clo_lane_leave(fixture->lane, &rest);
    assert_true(TAILQ_EMPTY(&rest));
    clo_lane_leave(fixture->other, &rest);
    assert_true(TAILQ_EMPTY(&rest));
    clo_executor_destroy(fixture->executor);
}

static int setup(void **state)
{
    static struct fixture fixture;
    create(*state = &fixture, THREADS, RUNNING, WAITING);
    return 0;
}

static int teardown(void **state)
{
    destroy(*state);
    return 0;
}

static void number(struct work *tasks, int count)
{
    memset(tasks, 0, sizeof *tasks * (size_t)count);
    for (int i = 0; i < count; i++) {
        tasks[i].task.run = work;
        tasks[i].number = i;
    }
}

static void add(struct clo_lane *lane, struct work *tasks, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(clo_lane_add(lane, &tasks[i].task, NULL), 0);
}

static void check_order(int first, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(order[first + i], first + i);
}

static void what_is_too_much_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct work tasks[RUNNING + WAITING + 1];
    struct clo_task *beyond = &tasks[RUNNING + WAITING].task;
    struct clo_error error = {0};
    number(tasks, RUNNING + WAITING + 1);
    pthread_mutex_lock(&gate);
    add(fixture->lane, tasks, RUNNING + WAITING);
    assert_int_equal(clo_lane_add(fixture->lane, beyond, NULL), CLO_EBUSY);
    wait_until(&running, RUNNING);
    assert_int_equal(clo_lane_add(fixture->lane, beyond, &error), CLO_EBUSY);
    assert_string_equal(error.message, "2 tasks are in work and 3 wait; that is all");
    assert_false(clo_executor_wait_idle(fixture->executor, clo_after_ms(10)));
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(fixture->executor, SOON));
    assert_int_equal(done, RUNNING + WAITING);
    assert_int_equal(most, RUNNING);
    assert_int_equal(clo_lane_add(fixture->lane, beyond, NULL), 0); /* room again */
    assert_true(clo_executor_wait_idle(fixture->executor, UINT64_MAX));
}

static void a_moved_task_does_not_wait_its_turn(void **state)
{
    struct fixture *fixture = *state;
    struct work tasks[RUNNING + 2];
    number(tasks, RUNNING + 2);
    pthread_mutex_lock(&gate);
    add(fixture->lane, tasks, RUNNING + 2);
    wait_until(&running, RUNNING);
    clo_task_move(&tasks[RUNNING + 1].task, fixture->other);
    wait_until(&running, RUNNING + 1);             /* it began although its lane is at its limit */
    clo_task_move(&tasks[0].task, fixture->other); /* in work already: nothing happens */
    clo_task_move(&tasks[RUNNING].task, fixture->other);
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(fixture->executor, SOON));
    clo_task_move(&tasks[0].task, fixture->other); /* nor when it has ended */
    assert_int_equal(done, RUNNING + 2);
}

static void tasks_are_begun_in_order(void **state)
{
    struct fixture fixture;
    struct work tasks[4];
    (void)state;
    create(&fixture, 1, 1, WAITING);
    number(tasks, 4);
    add(fixture.lane, tasks, 4);
    assert_true(clo_executor_wait_idle(fixture.executor, SOON));
    assert_int_equal(done, 4);
    check_order(0, 4);
    destroy(&fixture);
}

static void nap(struct clo_task *task)
{
    (void)task;
    atomic_fetch_add(&running, 1);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_fetch_add(&done, 1);
}

static void the_end_waits_for_what_is_in_work(void **state)
{
    struct fixture fixture;
    struct work tasks[RUNNING];
    (void)state;
    create(&fixture, THREADS, RUNNING, WAITING);
    number(tasks, RUNNING);
    tasks[0].task.run = tasks[1].task.run = nap;
    add(fixture.lane, tasks, RUNNING);
    wait_until(&running, RUNNING);
    destroy(&fixture);
    assert_int_equal(done, RUNNING);
}

static void lanes_take_turns(void **state)
{
    struct fixture fixture;
    struct work tasks[2][10];
    struct clo_lane *third;
    struct clo_task_list rest;
    (void)state;
    create(&fixture, 1, 10, 0);
    assert_int_equal(clo_lane_create(&third, fixture.executor, 2, 10, NULL), 0);
    number(tasks[0], 10);
    number(tasks[1], 10);
    for (int i = 0; i < 10; i++)
        tasks[1][i].number += 100;
    pthread_mutex_lock(&gate);
    add(fixture.lane, tasks[0], 10);
    wait_until(&running, 1);
    add(third, tasks[1], 10);
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(fixture.executor, SOON));
    for (int i = 1; i < 19; i++)
        assert_int_equal(order[i] >= 100, i % 2 == 0);
    clo_lane_leave(third, &rest);
    destroy(&fixture);
}

static void a_held_lane_begins_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct work tasks[RUNNING + 1], one;
    number(tasks, RUNNING + 1);
    number(&one, 1);
    clo_lane_hold(fixture->lane, true);
    add(fixture->lane, tasks, RUNNING + 1);
    add(fixture->other, &one, 1); /* other lanes are not concerned */
    wait_until(&done, 1);
    assert_false(clo_executor_wait_idle(fixture->executor, clo_after_ms(50)));
    assert_int_equal(done, 1);
    pthread_mutex_lock(&gate);
    clo_lane_hold(fixture->lane, false);
    wait_until(&running, RUNNING); /* one signal is enough for all that could begin */
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(fixture->executor, SOON));
    assert_int_equal(done, RUNNING + 2);
}

static void who_leaves_gets_back_what_was_not_begun(void **state)
{
    struct fixture *fixture = *state;
    struct work tasks[RUNNING + WAITING];
    struct clo_task_list rest;
    number(tasks, RUNNING + WAITING);
    pthread_mutex_lock(&gate);
    add(fixture->lane, tasks, RUNNING + WAITING);
    wait_until(&running, RUNNING);
    clo_lane_leave(fixture->lane, &rest);
    for (int i = 0; i < WAITING; i++) {
        struct clo_task *task = TAILQ_FIRST(&rest);
        assert_ptr_equal(task, &tasks[RUNNING + i].task);
        TAILQ_REMOVE(&rest, task, entry);
        clo_task_move(task, fixture->other); /* it waits nowhere */
    }
    assert_true(TAILQ_EMPTY(&rest));
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(fixture->executor, SOON));
    assert_int_equal(done, RUNNING);
    fixture->lane = NULL; /* leaving none gives back none */
}

static void threads_that_cannot_be_started_are_done_without(void **state)
{
    struct fixture *fixture = *state;
    struct work tasks[RUNNING + WAITING];
    struct clo_error error = {0};
    number(tasks, RUNNING + WAITING);
    allow_threads(false);
    assert_int_equal(clo_lane_add(fixture->lane, &tasks[0].task, &error), CLO_ESYSTEM);
    assert_non_null(strstr(error.message, strerror(EAGAIN)));
    assert_int_equal(failures, 1);
    assert_true(clo_executor_wait_idle(fixture->executor, 0)); /* it was not taken */
    allow_threads(true);
    pthread_mutex_lock(&gate);
    add(fixture->lane, tasks, 1);
    wait_until(&running, 1);
    allow_threads(false);
    add(fixture->lane, tasks + 1, RUNNING + WAITING - 1);
    allow_threads(true);
    assert_true(failures > 1); /* a second thread was wanted */
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(fixture->executor, SOON));
    assert_int_equal(most, 1);
    check_order(0, RUNNING + WAITING);
}

struct chain { /* a task that is freed by its run, and adds the next */
    struct clo_task task;
    struct clo_lane *lane;
    int left;
};

static void run_chain(struct clo_task *task)
{
    struct chain *chain = (struct chain *)task;
    atomic_fetch_add(&done, 1);
    if (chain->left) {
        struct chain *next = calloc(1, sizeof *next);
        *next = (struct chain){{.run = run_chain}, chain->lane, chain->left - 1};
        assert_int_equal(clo_lane_add(chain->lane, &next->task, NULL), 0);
    }
    free(chain);
}

/* Many lanes at once, that come and go while their tasks run: for the sanitizers. */
static void lanes_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    int left = 0;
    for (int i = 0; i < 500; i++) {
        struct clo_lane *lane;
        struct clo_task_list rest;
        struct clo_task *task;
        assert_int_equal(clo_lane_create(&lane, fixture->executor, 1, 4, NULL), 0);
        for (int n = 0; n < 3; n++) {
            struct chain *chain = calloc(1, sizeof *chain);
            *chain = (struct chain){{.run = run_chain}, fixture->lane, 0};
            assert_int_equal(clo_lane_add(lane, &chain->task, NULL), 0);
        }
        clo_lane_hold(lane, i % 3 == 0);
        clo_lane_leave(lane, &rest);
        for (; (task = TAILQ_FIRST(&rest)); left++) {
            TAILQ_REMOVE(&rest, task, entry);
            free(task);
        }
    }
    struct chain *chain = calloc(1, sizeof *chain);
    *chain = (struct chain){{.run = run_chain}, fixture->lane, 500};
    assert_int_equal(clo_lane_add(fixture->lane, &chain->task, NULL), 0);
    assert_true(clo_executor_wait_idle(fixture->executor, SOON));
    assert_int_equal(done + left, 3 * 500 + 501);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_too_much_is_refused),
        TEST(a_moved_task_does_not_wait_its_turn),
        cmocka_unit_test(tasks_are_begun_in_order),
        cmocka_unit_test(the_end_waits_for_what_is_in_work),
        cmocka_unit_test(lanes_take_turns),
        TEST(a_held_lane_begins_nothing),
        TEST(who_leaves_gets_back_what_was_not_begun),
        TEST(threads_that_cannot_be_started_are_done_without),
        TEST(lanes_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

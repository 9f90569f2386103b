/* executor_test.c - the executor: bounded in what runs and what waits, and it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "serve/job/executor.h"

#define WORKERS 2
#define QUEUE 3

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* jobs pass one after the other */
static atomic_int running, most, done, order[16];

struct work {
    struct clo_executor_job task;
    int number;
};

static void work(struct clo_executor_job *task)
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

static int setup(void **state)
{
    running = most = done = 0;
    return clo_executor_create((struct clo_executor **)state, WORKERS, QUEUE, NULL);
}

static int teardown(void **state)
{
    clo_executor_destroy(*state);
    return 0;
}

static void start(struct work *tasks, int count)
{
    memset(tasks, 0, sizeof *tasks * (size_t)count);
    for (int i = 0; i < count; i++) {
        tasks[i].task.run = work;
        tasks[i].number = i;
    }
}

static void what_is_too_much_is_refused(void **state)
{
    struct work tasks[WORKERS + QUEUE + 1];
    start(tasks, WORKERS + QUEUE + 1);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < WORKERS + QUEUE; i++)
        assert_int_equal(clo_executor_submit(*state, &tasks[i].task), 0);
    assert_int_equal(clo_executor_submit(*state, &tasks[WORKERS + QUEUE].task), CLO_EBUSY);
    wait_until(&running, WORKERS);
    assert_int_equal(clo_executor_submit(*state, &tasks[WORKERS + QUEUE].task), CLO_EBUSY);
    assert_false(clo_executor_wait_idle(*state, 10));
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(*state, 30000));
    assert_int_equal(done, WORKERS + QUEUE);
    assert_int_equal(most, WORKERS);
    assert_int_equal(clo_executor_submit(*state, &tasks[WORKERS + QUEUE].task), 0); /* room again */
    assert_true(clo_executor_wait_idle(*state, 30000));
}

static void a_cancelled_job_does_not_wait_its_turn(void **state)
{
    struct work tasks[WORKERS + 2];
    start(tasks, WORKERS + 2);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < WORKERS + 2; i++)
        assert_int_equal(clo_executor_submit(*state, &tasks[i].task), 0);
    wait_until(&running, WORKERS);
    clo_executor_hurry(*state, &tasks[WORKERS + 1].task);
    wait_until(&running, WORKERS + 1);          /* it began although every worker is busy */
    clo_executor_hurry(*state, &tasks[0].task); /* running already: nothing happens */
    pthread_mutex_unlock(&gate);
    assert_true(clo_executor_wait_idle(*state, 30000));
    assert_int_equal(done, WORKERS + 2);
}

static void waiting_jobs_are_run_in_order_before_the_end(void **state)
{
    struct clo_executor *executor;
    struct work tasks[4];
    (void)state;
    running = most = done = 0;
    start(tasks, 4);
    assert_int_equal(clo_executor_create(&executor, 1, QUEUE, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(clo_executor_submit(executor, &tasks[i].task), 0);
    clo_executor_destroy(executor);
    assert_int_equal(done, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(order[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_too_much_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_job_does_not_wait_its_turn, setup, teardown),
        cmocka_unit_test(waiting_jobs_are_run_in_order_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

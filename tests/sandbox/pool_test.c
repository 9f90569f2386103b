/* pool_test.c - pools on the real image: many threads, waiting in turn, workers that are killed.
 *
 * The image: $CLOCHE_IMAGE, or the first argument. Without it or without /dev/kvm: SKIP, loudly.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "processes.h"
#include "runs.h"
#include "sandbox/memory_budget.h"
#include "sandbox_tools.h"

#define THREADS 8
#define ROUNDS 12

static struct clo_pool *make_pool(enum clo_placement placement, size_t size)
{
    return runs_pool((struct clo_sandbox_config){.tools = test_tools,
                                                 .tool_count = test_tool_count,
                                                 .placement = placement},
                     size);
}

/* A run that calls meet() waits there, for 10 s at most, until this is called. */
static void let_go(void)
{
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_THREAD, 1);
    struct job job = {.pool = pool, .wait_ms = 30000, .code = "meet()"};
    job_run(&job);
    assert_int_equal(job.status, 0);
    assert_string_equal(job.result->result, "True");
    clo_run_result_free(job.result);
    clo_pool_destroy(pool);
}

struct client {
    pthread_t thread;
    struct clo_pool *pool;
    int number, bad;
};

static void *run_many(void *argument)
{
    struct client *client = argument;
    for (int round = 0; round < ROUNDS; round++) {
        char code[300], want[64];
        int token = client->number * 1000 + round;
        bool fails = round % 4 == 3;
        snprintf(code, sizeof code,
                 "assert 'mark' not in globals()\nmark = %d\n"
                 "print(call_tool('add', a=mark, b=1))\n%s",
                 token, fails ? "1 / 0" : "mark");
        snprintf(want, sizeof want, "%d\n", token + 1);
        struct clo_run run = {.code = code, .code_length = strlen(code)};
        struct clo_run_result *result;
        struct clo_error error;
        if (clo_pool_run(client->pool, &run, 30000, &result, &error)) {
            fprintf(stderr, "%s\n", error.message);
            client->bad++;
            continue;
        }
        bool right = strcmp(result->out, want) == 0 &&
                     result->error.kind == (fails ? CLO_RUN_EXCEPTION : CLO_RUN_OK);
        if (!right)
            fprintf(stderr, "%s: '%s' '%s' %s\n", code, result->out, result->err,
                    clo_run_error_name(result->error.kind));
        client->bad += !right;
        clo_run_result_free(result);
    }
    return NULL;
}

static void many_threads_share_few_sandboxes(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 3);
    struct client clients[THREADS];
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.pool = pool, .number = i};
        pthread_create(&clients[i].thread, NULL, run_many, &clients[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_int_equal(clients[i].bad, 0);
    }
    clo_pool_destroy(pool);
}

static void requests_wait_in_turn_and_not_for_ever(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 1);
    enum { COUNT = 5 };
    struct job jobs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        jobs[i] = (struct job){.pool = pool,
                               .wait_ms = i == COUNT - 1 ? 50 : 30000,
                               .code = i ? "stamp()" : "meet()\nstamp()"};
        job_start(&jobs[i]);
        runs_sleep(60); /* so that it stands in the queue */
    }
    job_join(&jobs[COUNT - 1]);
    let_go();
    for (int i = 0; i < COUNT - 1; i++)
        job_join(&jobs[i]);
    assert_int_equal(jobs[COUNT - 1].status, CLO_EBUSY);
    assert_non_null(strstr(jobs[COUNT - 1].error.message, "within 50 ms"));
    long before = -1;
    for (int i = 0; i < COUNT - 1; i++) {
        assert_int_equal(jobs[i].status, 0);
        long now = strtol(jobs[i].result->result, NULL, 10);
        assert_true(now > before); /* they ran in the order in which they came */
        before = now;
        clo_run_result_free(jobs[i].result);
    }
    clo_pool_destroy(pool);
}

static void a_waiting_request_can_be_cancelled(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 1);
    struct clo_cancel *cancel = clo_cancel_create();
    struct job first = {.pool = pool, .wait_ms = 30000, .code = "meet()"};
    struct job second = {.pool = pool, .wait_ms = 30000, .code = "1", .cancel = cancel};
    job_start(&first);
    runs_sleep(100);
    job_start(&second);
    runs_sleep(50);
    clo_cancel_trigger(cancel);
    job_join(&second); /* before the first has ended */
    assert_int_equal(second.status, CLO_ECANCELLED);
    let_go();
    job_join(&first);
    assert_int_equal(first.status, 0);
    assert_string_equal(first.result->result, "True");
    clo_run_result_free(first.result);
    clo_cancel_free(cancel);
    clo_pool_destroy(pool);
}

static void one_slow_tool_blocks_nobody_else(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 2);
    struct job slow = {.pool = pool, .wait_ms = 30000, .code = "meet()"};
    job_start(&slow);
    runs_sleep(100);
    for (int i = 0; i < 5; i++) {
        struct job quick = {.pool = pool, .wait_ms = 30000, .code = "2"};
        job_run(&quick);
        assert_int_equal(quick.status, 0);
        assert_string_equal(quick.result->result, "2");
        clo_run_result_free(quick.result);
    }
    let_go();
    job_join(&slow);
    assert_int_equal(slow.status, 0);
    assert_string_equal(slow.result->result, "True"); /* it was still waiting */
    clo_run_result_free(slow.result);
    clo_pool_destroy(pool);
}

static void a_run_may_not_keep_state(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 1);
    struct clo_run run = {.code = "1", .code_length = 1, .keep_state = true};
    struct clo_run_result *result;
    struct clo_error error;
    assert_int_equal(clo_pool_run(pool, &run, 1000, &result, &error), CLO_EINVALID);
    assert_null(result);
    clo_pool_destroy(pool);
}

static void wrong_sizes_and_configurations_are_refused(void **state)
{
    struct clo_sandbox_config config = runs_config((struct clo_sandbox_config){
        .limits = {.memory = 48u << 20}, .placement = *(enum clo_placement *)*state});
    struct clo_pool *pool;
    struct clo_error error;
    assert_int_equal(clo_pool_create(&pool, &config, 0, &error), CLO_EINVALID);
    assert_int_equal(clo_pool_create(&pool, &config, 1025, &error), CLO_EINVALID);
    struct clo_tool bad = {.name = "if"};
    config.tools = &bad;
    config.tool_count = 1;
    assert_int_equal(clo_pool_create(&pool, &config, 1, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "'if'"));
    assert_null(pool);
}

/* ---- worker processes ---- */

static void a_killed_worker_costs_its_run_only(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, 1);
    static const char *const codes[] = {
        "print('said', flush=True)\nmeet()\nwhile True: pass",
        "print('said', flush=True)\nmeet()\nimport time\ntime.sleep(20)", /* in a wait on the host */
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct job warm = {.pool = pool, .wait_ms = 30000, .code = "print(0)"};
        job_run(&warm);
        assert_int_equal(warm.status, 0);
        clo_run_result_free(warm.result);
        struct job job = {.pool = pool, .wait_ms = 30000, .code = codes[i]};
        job_start(&job);
        let_go();
        runs_sleep(50); /* until it loops, or sleeps */
        long pids[8];
        size_t count = processes_find("cloche-worker", pids, 8);
        assert_true(count >= 1);
        uint64_t before = clo_monotonic_ns();
        for (size_t k = 0; k < count; k++)
            kill((pid_t)pids[k], SIGKILL);
        job_join(&job);
        assert_true(clo_monotonic_ns() - before < 8000 * NS_PER_MS);
        assert_int_equal(job.status, 0);
        assert_int_equal(job.result->error.kind, CLO_RUN_WORKER);
        assert_string_equal(job.result->error.type, "WorkerLost");
        assert_int_equal(job.result->exit_code, 139);
        assert_string_equal(job.result->out, "said\n"); /* what had come is kept */
        assert_non_null(strstr(job.result->err, "cloche: the worker process"));
        clo_run_result_free(job.result);
    }
    struct job after = {.pool = pool, .wait_ms = 30000, .code = "print('new')"};
    job_run(&after);
    assert_int_equal(after.status, 0);
    assert_string_equal(after.result->out, "new\n");
    clo_run_result_free(after.result);
    clo_pool_destroy(pool);
}

static void a_worker_that_dies_idle_and_a_dead_zygote_go_unnoticed(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, 1);
    static const char *const names[] = {"cloche-worker", "cloche-zygote"};
    for (size_t i = 0; i < 2; i++) {
        struct job job = {.pool = pool, .wait_ms = 30000, .code = "print(7)"};
        job_run(&job);
        assert_int_equal(job.status, 0);
        clo_run_result_free(job.result);
        long pids[8], workers[8];
        size_t worker_count = processes_find("cloche-worker", workers, 8);
        size_t count = processes_find(names[i], pids, 8);
        assert_true(count >= 1);
        for (size_t k = 0; k < count; k++)
            kill((pid_t)pids[k], SIGKILL);
        for (size_t k = 0; k < worker_count; k++)
            processes_await_end(workers[k]); /* one without a zygote has another parent */
        job_run(&job);
        if (job.status)
            fail_msg("%s", job.error.message);
        assert_string_equal(job.result->out, "7\n");
        clo_run_result_free(job.result);
    }
    clo_pool_destroy(pool);
    runs_sleep(100);
    long pids[8];
    assert_int_equal(processes_find("cloche-", pids, 8), 0); /* nothing is left behind */
}

static int tell_thread(void *context, const struct clo_value *arguments, struct clo_value *result,
                       struct clo_error *error)
{
    (void)context;
    (void)arguments;
    (void)error;
    clo_value_set_integer(result, gettid());
    return 0;
}

static void a_run_in_a_worker_goes_on_the_callers_thread(void **state)
{
    (void)state;
    static const struct clo_tool tool = {.name = "thread", .call = tell_thread};
    struct clo_pool *pool = runs_pool(
        (struct clo_sandbox_config){
            .tools = &tool, .tool_count = 1, .placement = CLO_PLACEMENT_WORKER},
        2);
    for (int i = 0; i < 3; i++) {
        struct job job = {.pool = pool, .wait_ms = 30000, .code = "thread()"};
        job_run(&job);
        assert_int_equal(job.status, 0);
        assert_int_equal(strtol(job.result->result, NULL, 10), gettid());
        clo_run_result_free(job.result);
    }
    clo_pool_destroy(pool);
}

/* Nobody takes the members again: what their runs held is given back all the same. */
static void what_rests_gives_its_memory_back(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 2);
    static const char *const codes[] = {"meet()", "1", "import os\nos._exit(3)"};
    struct clo_memory_budget_state budget;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct job job = {.pool = pool, .wait_ms = 30000, .code = codes[i]};
        job_start(&job);
        if (i == 0) {
            do {
                runs_sleep(1);
                clo_memory_budget_look(&budget);
            } while (!budget.runs); /* it is counted */
            let_go();
        }
        job_join(&job);
        assert_int_equal(job.status, 0);
        clo_run_result_free(job.result);
        uint64_t end = clo_monotonic_ns() + 10000 * NS_PER_MS;
        do {
            runs_sleep(1);
            clo_memory_budget_look(&budget);
        } while (budget.runs && clo_monotonic_ns() < end);
        assert_int_equal(budget.runs, 0);
    }
    clo_pool_destroy(pool);
    clo_memory_budget_look(&budget);
    assert_int_equal(budget.used, 0);
}

#define BOTH(test) RUNS_BOTH(test, NULL, NULL, &runs_thread, &runs_worker)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(many_threads_share_few_sandboxes),
        BOTH(requests_wait_in_turn_and_not_for_ever),
        BOTH(a_waiting_request_can_be_cancelled),
        BOTH(one_slow_tool_blocks_nobody_else),
        BOTH(a_run_may_not_keep_state),
        BOTH(what_rests_gives_its_memory_back),
        cmocka_unit_test(a_run_in_a_worker_goes_on_the_callers_thread),
        BOTH(wrong_sizes_and_configurations_are_refused),
        cmocka_unit_test(a_killed_worker_costs_its_run_only),
        cmocka_unit_test(a_worker_that_dies_idle_and_a_dead_zygote_go_unnoticed),
    };
    return runs_end(runs_all(tests));
}

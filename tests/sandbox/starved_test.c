/* starved_test.c - a run whose thread hardly gets a processor still says where its limit met it.
 *
 * The run's thread has a low priority and shares one processor with a thread that never rests, so
 * it has a tenth of that processor. The image: $CLOCHE_IMAGE, or the first argument. Without it or
 * without /dev/kvm: SKIP, loudly.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "runs.h"

#define LOW 10 /* the niceness that gives a tenth of what a thread of niceness 0 gets */
#define WALL_MS 1000

static atomic_bool rest;

static void share_one_processor(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
}

static void *never_rest(void *unused)
{
    while (!atomic_load_explicit(&rest, memory_order_relaxed))
        ;
    return unused;
}

struct starved_run {
    const char *code;
    struct clo_sandbox *sandbox;
    struct clo_run_result *result;
    struct clo_error error;
    uint64_t took_ns;
    int status;
};

/* On a thread of its own: a priority that was lowered cannot be raised again by everybody. */
static void *run_starved(void *context)
{
    struct starved_run *job = context;
    struct clo_sandbox_config config = {.image = runs_image};
    struct clo_run first = {.code = "print(1)", .code_length = 8};
    struct clo_run run = {.code = job->code,
                          .code_length = strlen(job->code),
                          .limits = {.wall_ms = WALL_MS, .cpu_ms = WALL_MS}};
    job->status = clo_sandbox_create(&job->sandbox, &config, &job->error);
    if (!job->status)
        job->status = clo_sandbox_run(job->sandbox, &first, &job->result, &job->error);
    clo_run_result_free(job->result);
    pthread_t busy;
    pthread_create(&busy, NULL, never_rest, NULL);
    setpriority(PRIO_PROCESS, 0, LOW); /* of this thread only: Linux */
    uint64_t before = clo_monotonic_ns();
    if (!job->status)
        job->status = clo_sandbox_run(job->sandbox, &run, &job->result, &job->error);
    job->took_ns = clo_monotonic_ns() - before;
    atomic_store(&rest, true);
    pthread_join(busy, NULL);
    clo_sandbox_destroy(job->sandbox);
    return NULL;
}

static struct starved_run run(const char *code)
{
    struct starved_run job = {.code = code};
    pthread_t thread;
    atomic_store(&rest, false);
    share_one_processor();
    assert_int_equal(pthread_create(&thread, NULL, run_starved, &job), 0);
    pthread_join(thread, NULL);
    if (job.status)
        fail_msg("%s", job.error.message);
    fprintf(stderr, "%d ms, %d us of them on the processor\n", (int)(job.took_ns / NS_PER_MS),
            (int)job.result->usage.cpu_us);
    return job;
}

static void the_traceback_comes(void **state)
{
    (void)state;
    /* The end takes some 20 ms of a processor: more than it gets in a tenth of its wall time here.
     */
    struct starved_run job = run("def spin():\n    while True: pass\nprint('a')\n"
                                 "try: spin()\nfinally:\n    for _ in range(1_000_000): pass");
    assert_string_equal(job.result->out, "a\n");
    assert_int_equal(job.result->error.kind, CLO_RUN_LIMIT);
    if (job.result->error.line != 2 || !strstr(job.result->err, "line 4"))
        fail_msg("line %d: %s", job.result->error.line, job.result->err);
    clo_run_result_free(job.result);
}

static void code_that_goes_on_is_stopped(void **state)
{
    (void)state;
    struct starved_run job = run("print('a')\nwhile True:\n  try:\n    while True: pass\n"
                                 "  except BaseException: pass");
    assert_string_equal(job.result->out, "a\n");
    assert_int_equal(job.result->error.kind, CLO_RUN_LIMIT);
    assert_int_equal(job.result->error.line, 0);
    assert_true(job.took_ns < 60000 * NS_PER_MS);
    clo_run_result_free(job.result);
}

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_traceback_comes),
        cmocka_unit_test(code_that_goes_on_is_stopped),
    };
    return runs_end(cmocka_run_group_tests(tests, NULL, NULL));
}

/* runs.c - the image that whole runs are tested on. */
#include "runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SKIP 77

struct clo_image *runs_image;
enum clo_isolation runs_isolation;
enum clo_placement runs_thread = CLO_PLACEMENT_THREAD, runs_worker = CLO_PLACEMENT_WORKER;

int runs_begin(int count, char **arguments)
{
    struct clo_error error;
    const char *path = getenv("CLOCHE_IMAGE");
    if (!path && count > 1)
        path = arguments[1];
    if (clo_image_open(&runs_image, path, CLO_IMAGE_COPY, &error)) {
        fprintf(stderr, "SKIP: no image to test with: %s\n", error.message);
        return SKIP;
    }
    const char *isolation = getenv("CLOCHE_TEST_ISOLATION");
    if (isolation && strcmp(isolation, "process") == 0)
        runs_isolation = CLO_ISOLATION_PROCESS;
    struct clo_sandbox_config config = runs_config((struct clo_sandbox_config){0});
    struct clo_sandbox *probe;
    int status = clo_sandbox_create(&probe, &config, &error);
    clo_sandbox_destroy(probe);
    if (status)
        fprintf(stderr, "%s%s (%s)\n", status == CLO_ENOHYPERVISOR ? "SKIP: " : "", error.message,
                error.hint);
    return !status ? 0 : status == CLO_ENOHYPERVISOR ? SKIP : 1;
}

int runs_end(int failed)
{
    clo_image_close(runs_image);
    return failed;
}

void runs_sleep(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

struct clo_sandbox_config runs_config(struct clo_sandbox_config config)
{
    config.image = runs_image;
    config.isolation = runs_isolation;
    if (runs_isolation == CLO_ISOLATION_PROCESS)
        config.placement = CLO_PLACEMENT_WORKER;
    return config;
}

static bool is_played(const struct CMUnitTest *test)
{
    static const char thread[] = " (thread)";
    size_t length = strlen(test->name), end = sizeof thread - 1;
    return runs_isolation != CLO_ISOLATION_PROCESS || length < end ||
           strcmp(test->name + length - end, thread) != 0;
}

int runs_table(const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest *played = calloc(count, sizeof *played);
    size_t number = 0;
    if (!played)
        return 1;
    for (size_t i = 0; i < count; i++)
        if (is_played(&tests[i]))
            played[number++] = tests[i];
    int failed = _cmocka_run_group_tests("tests", played, number, NULL, NULL);
    free(played);
    return failed;
}

struct clo_pool *runs_pool(struct clo_sandbox_config config, size_t size)
{
    struct clo_pool *pool;
    struct clo_error error;
    config = runs_config(config);
    if (clo_pool_create(&pool, &config, size, &error))
        fail_msg("%s (%s)", error.message, error.hint);
    return pool;
}

void job_run(struct job *job)
{
    struct clo_run run = {.code = job->code,
                          .code_length = strlen(job->code),
                          .wants_result = true,
                          .cancel = job->cancel};
    job->status = clo_pool_run(job->pool, &run, job->wait_ms, &job->result, &job->error);
}

static void *on_thread(void *job)
{
    job_run(job);
    return NULL;
}

void job_start(struct job *job)
{
    assert_int_equal(pthread_create(&job->thread, NULL, on_thread, job), 0);
}

void job_join(struct job *job)
{
    pthread_join(job->thread, NULL);
}

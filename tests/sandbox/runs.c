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
    struct clo_sandbox_config config = {.image = runs_image};
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

struct clo_pool *runs_pool(struct clo_sandbox_config config, size_t size)
{
    struct clo_pool *pool;
    struct clo_error error;
    config.image = runs_image;
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

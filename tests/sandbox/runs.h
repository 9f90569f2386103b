/* runs.h - for tests on the real image: the image, pools, and runs on threads of their own.
 *
 * A test program calls runs_begin first in main, and leaves with its status if that is not 0.
 *
 * With $CLOCHE_TEST_ISOLATION "process" all sandboxes of runs_config and runs_pool are made so. What
 * differs then:
 *   placement thread    refused with it: such cases run in a worker; of RUNS_BOTH the second only
 *   starved             lowers its own thread's priority, which no worker's depends on: left out
 *   a worker's /dev/kvm not there, hence fewer descriptors */
#ifndef TESTS_VM_RUNS_H
#define TESTS_VM_RUNS_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cloche/sandbox.h"

#define MIB ((uint64_t)1 << 20)
#define NS_PER_MS 1000000ull

extern struct clo_image *runs_image;
extern enum clo_isolation runs_isolation;

/* Open the image, $CLOCHE_IMAGE or the first argument, and try a sandbox. 77, which Meson reports
 * as skipped, where either cannot be had; the reason is printed. */
int runs_begin(int count, char **arguments);
int runs_end(int failed);

void runs_sleep(long ms);

/* The configuration of a sandbox with our image and isolation, else as given. */
struct clo_sandbox_config runs_config(struct clo_sandbox_config config);

/* A pool with this configuration, of our image; fails the test if there is none. */
struct clo_pool *runs_pool(struct clo_sandbox_config config, size_t size);

/* One run in a pool. The test fills in what is above `thread`, and frees the result. */
struct job {
    struct clo_pool *pool;
    const char *code;
    uint64_t wait_ms;
    struct clo_cancel *cancel;
    pthread_t thread;
    int status;
    struct clo_run_result *result;
    struct clo_error error;
};

void job_run(struct job *job);
void job_start(struct job *job); /* on a thread; joined by job_join */
void job_join(struct job *job);

/* Run a table of tests, cmocka's way; what failed. */
#define runs_all(tests) runs_table(tests, sizeof(tests) / sizeof *(tests))
int runs_table(const struct CMUnitTest *tests, size_t count);

/* A test in both placements, for a table of cmocka's: its state points to one or to the other. */
extern enum clo_placement runs_thread, runs_worker;
#define RUNS_BOTH(test, set_up, tear_down, thread, worker)                                         \
    {#test " (thread)", test, set_up, tear_down, thread},                                          \
    {                                                                                              \
#test " (worker)", test, set_up, tear_down, worker                                         \
    }

#endif

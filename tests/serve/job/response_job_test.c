/* response_job_test.c - a response's id belongs to one job: the register and the store together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "serve/job/response_job.h"
#include "serve/store/store.h"

static struct clo_server server;
static atomic_int runs;

static void run(struct clo_task *task)
{
    (void)task;
    atomic_fetch_add(&runs, 1);
}

static int start_server(void **state)
{
    (void)state;
    return clo_store_open(&server.store, NULL, NULL) ||
           clo_in_flight_create(&server.in_flight, NULL) ||
           clo_executor_create(&server.executor, 1, NULL, NULL) ||
           clo_lane_create(&server.turns, server.executor, 1, 1, NULL);
}

static int stop_server(void **state)
{
    (void)state;
    struct clo_task_list rest = TAILQ_HEAD_INITIALIZER(rest);
    clo_lane_leave(server.turns, &rest);
    clo_executor_destroy(server.executor);
    clo_in_flight_destroy(server.in_flight);
    clo_store_close(server.store);
    return 0;
}

static struct clo_response_job *job_named(const char *id, bool background)
{
    struct clo_response_job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    job->task.run = run;
    job->server = &server;
    job->references = 1;
    job->named = true;
    job->request.background = background;
    job->base = json_pack("{s:s, s:s}", "id", id, "status", "queued");
    pthread_mutex_init(&job->lock, NULL);
    strcpy(job->id, id);
    return job;
}

static void store(const char *id)
{
    struct clo_record record = {.status = "completed", .session = "s"};
    strcpy(record.id, id);
    record.response = json_pack("{s:s, s:s}", "id", id, "status", "completed");
    assert_int_equal(clo_store_put(server.store, &record, NULL, NULL), 0);
    clo_record_clear(&record);
}

/* As when the other request with that id ended after this one's had been looked at. */
static void an_id_in_the_store_is_not_taken(void **state)
{
    (void)state;
    for (int background = 0; background < 2; background++) {
        struct clo_problem problem = {0};
        struct clo_record record;
        struct clo_response_job *job = job_named("resp_1", background);
        store("resp_1");
        assert_true(clo_response_job_start(job, &problem) < 0);
        assert_int_equal(problem.status, 400);
        assert_string_equal(problem.param, "x-agent-response-id");
        assert_non_null(strstr(problem.message, "exists already"));
        assert_null(clo_in_flight_find(server.in_flight, "resp_1"));
        assert_int_equal(clo_store_get(server.store, "", "resp_1", &record), 0);
        assert_string_equal(record.status, "completed"); /* the other's, as it was */
        clo_record_clear(&record);
        clo_response_job_release(job);
    }
    assert_int_equal(runs, 0);
}

static void an_id_in_flight_is_not_taken(void **state)
{
    (void)state;
    struct clo_problem problem = {0};
    struct clo_response_job *first = job_named("resp_2", false),
                            *second = job_named("resp_2", false);
    assert_int_equal(clo_in_flight_add(server.in_flight, first), 0);
    assert_true(clo_response_job_start(second, &problem) < 0);
    assert_int_equal(problem.status, 400);
    assert_non_null(strstr(problem.message, "in progress"));
    clo_in_flight_remove(server.in_flight, first);
    clo_response_job_release(first);
    clo_response_job_release(second);
    assert_int_equal(runs, 0);
}

static void a_free_id_is_taken(void **state)
{
    (void)state;
    struct clo_problem problem = {0};
    struct clo_response_job *job = job_named("resp_3", false);
    assert_int_equal(clo_response_job_start(job, &problem), 0);
    struct clo_response_job *found = clo_in_flight_find(server.in_flight, "resp_3");
    assert_ptr_equal(found, job);
    clo_response_job_release(found);
    assert_true(clo_executor_wait_idle(server.executor, clo_after_ms(10000)));
    assert_int_equal(runs, 1);
    clo_in_flight_remove(server.in_flight, job);
    clo_response_job_release(job); /* the task's, which `run` has left alone */
    clo_response_job_release(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_in_the_store_is_not_taken),
        cmocka_unit_test(an_id_in_flight_is_not_taken),
        cmocka_unit_test(a_free_id_is_taken),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}

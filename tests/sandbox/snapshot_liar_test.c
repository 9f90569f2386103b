/* snapshot_liar_test.c - workers that were taken over hand out states that are none, and do not
 * take those that they are given: that costs the snapshot and the worker, and nothing else. */
#include "session_fixture.h"
#include "suspend_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/zygote_program.h"

static const struct {
    const char *lie, *words; /* in the error */
} saves[] = {
    {"a state of an unknown frame", "type 99"},
    {"a result for a state", "where a state is due"},
    {"a failure of a state that is no text", "not well-formed"},
    {"a short head", "4 bytes"},
    {"a huge guest", "it says that its guest has"},
    {"a late clock", "it says that its guest has"},
    {"a death in the middle", "gone"},
    {"a count that lies", "64 pages of a state in 8 bytes"},
    {"more than a frame's pages", "at most"},
    {"no pages, and more to come", "0 pages of a state"},
    {"a page of the stack", "not the next of a state"},
    {"a page of the code", "not the next of a state"},
    {"a page that is not granted", "not the next of a state"},
    {"pages out of order", "not the next of a state"},
    {"a page for ever", "not the next of a state"},
};
static const char *const loads[] = {"a death at once", "a death at the end", "a result for a load",
                                    "a failure of the contract"};

/* Liars answer to "good ..." and then keep the rest as their next lie. */
static void say(struct clo_sandbox *sandbox, const char *lie)
{
    char code[64];
    snprintf(code, sizeof code, "good %s", lie);
    struct clo_run run = {.code = code, .code_length = strlen(code), .keep_state = true};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_sandbox_run(sandbox, &run, &result, &error))
        fail_msg("%s: %s", lie, error.message);
    if (result->error.kind || !result->result || strcmp(result->result, code) != 0)
        fail_msg("%s: %s", lie, result->error.message);
    clo_run_result_free(result);
}

static const struct snapshot_place *place(void)
{
    return &snapshot_places[runs_isolation == CLO_ISOLATION_PROCESS ? 2 : 1];
}

static void a_state_that_is_none_costs_the_snapshot(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = snapshot_sandbox(place(), 64 * MIB);
    for (size_t i = 0; i < sizeof saves / sizeof *saves; i++) {
        struct clo_error error = {0};
        int file = snapshot_file();
        say(sandbox, saves[i].lie);
        int status = clo_sandbox_snapshot(sandbox, file, &snapshot_options, NULL, &error);
        if (status != CLO_ESYSTEM || !strstr(error.message, saves[i].words))
            fail_msg("%s: %d %s", saves[i].lie, status, error.message);
        assert_true(clo_sandbox_restore(sandbox, file, &snapshot_options, &error) < 0);
        close(file);
    }
    say(sandbox, "an honest state");
    int file = snapshot_take(sandbox);
    snapshot_put(sandbox, file);
    close(file);
    clo_sandbox_destroy(sandbox);
}

static void a_state_that_is_not_taken_costs_the_worker(void **state)
{
    (void)state;
    struct clo_sandbox *sandbox = snapshot_sandbox(place(), 64 * MIB);
    say(sandbox, "an honest state");
    int file = snapshot_take(sandbox);
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct clo_error error = {0};
        say(sandbox, loads[i]);
        assert_int_equal(clo_sandbox_restore(sandbox, file, &snapshot_options, &error),
                         CLO_ESYSTEM);
        assert_non_null(strstr(error.message, "lost"));
    }
    say(sandbox, "");
    snapshot_put(sandbox, file);
    close(file);
    clo_sandbox_destroy(sandbox);
}

/* In a pool the state of one run is not kept, and what comes in is tried with another worker. */
static void say_in_session(struct session *session, struct clo_pool *pool, const char *lie,
                           enum clo_state_outcome outcome, const char *words)
{
    char code[64];
    struct clo_run_result *result;
    struct clo_error error;
    snprintf(code, sizeof code, "good %s", lie);
    if (session_try(session, pool, code, (struct clo_run){0}, &result, &error))
        fail_msg("%s: %s", lie, error.message);
    assert_int_equal(result->error.kind, CLO_RUN_OK);
    assert_string_equal(result->result, code);
    if (result->state != outcome ||
        (words && !(result->state_note && strstr(result->state_note, words))))
        fail_msg("%s: state %d, %s", lie, result->state, result->state_note);
    clo_run_result_free(result);
}

static void liars_in_a_pool_cost_the_state_of_their_run(void **state)
{
    (void)state;
    struct clo_pool *pool = session_pool(place(), 1, 64 * MIB);
    struct session session = SESSION;
    say_in_session(&session, pool, "an honest state", CLO_STATE_KEPT, NULL);
    for (size_t i = 0; i < sizeof saves / sizeof *saves; i++) {
        say_in_session(&session, pool, saves[i].lie, CLO_STATE_REFUSED, saves[i].words);
        say_in_session(&session, pool, "an honest state", CLO_STATE_KEPT, NULL);
    }
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct job job = {.pool = pool, .wait_ms = 60000};
        char code[64];
        snprintf(code, sizeof code, "good %s", loads[i]);
        job.code = code;
        job_run(&job);
        assert_int_equal(job.status, 0);
        clo_run_result_free(job.result);
        say_in_session(&session, pool, "an honest state", CLO_STATE_KEPT, NULL);
    }
    say_in_session(&session, pool, "no hello when it is clean", CLO_STATE_KEPT, NULL);
    say_in_session(&session, pool, "an honest state", CLO_STATE_KEPT, NULL);
    session_end(&session);
    clo_pool_destroy(pool);
}

/* ---- runs in their middle ---- */

static const struct {
    const char *lie, *words; /* of the result's error */
} stands[] = {
    {"stop nowhere", "behind no host call"}, {"stop between runs", "no run in its middle"},
    {"stop halfway", "cannot be"},           {"stop beyond limits", "cannot be"},
    {"stop and late", "cannot be"},          {"stop and die", "lost while its state"},
};
static const struct {
    const char *lie, *words; /* of the result's error */
} suspensions[] = {
    {"stop for nothing", "it says that the run is suspended, and it is not"},
    {"stop and go on", "it says that the run is suspended, and it is not"},
};

static int stop(struct clo_sandbox *sandbox, const char *lie, bool may, int *file,
                struct clo_run_result **result, struct clo_error *error)
{
    struct clo_run_suspend to = {.to = *file = snapshot_file(), .options = &snapshot_options};
    struct clo_run run = {.code = lie, .code_length = strlen(lie), .suspend = may ? &to : NULL};
    return clo_sandbox_run(sandbox, &run, result, error);
}

static void a_run_that_stands_nowhere_costs_the_run(void **state)
{
    (void)state;
    struct clo_run_result *result;
    struct clo_error error = {0};
    struct clo_sandbox *sandbox =
        suspend_sandbox(place(), (struct clo_sandbox_config){.limits = {.memory = 64 * MIB}});
    int file;
    for (size_t i = 0; i < sizeof stands / sizeof *stands; i++) {
        assert_int_equal(stop(sandbox, stands[i].lie, true, &file, &result, &error), 0);
        bool died = strstr(result->error.message, "worker process was lost") != NULL;
        if (result->error.kind != (died ? CLO_RUN_WORKER : CLO_RUN_NOT_KEPT) ||
            result->exit_code != (died ? 139 : 74) ||
            !strstr(result->error.message, stands[i].words))
            fail_msg("%s: %s", stands[i].lie, result->error.message);
        assert_int_equal(result->call_count, 0);
        clo_run_result_free(result);
        assert_int_equal(lseek(file, 0, SEEK_END), 0); /* nothing that could be gone on with */
        close(file);
    }
    for (size_t i = 0; i < sizeof suspensions / sizeof *suspensions; i++) {
        assert_int_equal(stop(sandbox, suspensions[i].lie, true, &file, &result, &error), 0);
        assert_int_equal(result->error.kind, CLO_RUN_WORKER);
        if (!strstr(result->error.message, suspensions[i].words))
            fail_msg("%s: %s", suspensions[i].lie, result->error.message);
        clo_run_result_free(result);
        close(file);
    }
    /* it says that it may be suspended, where its host never said so */
    assert_int_equal(stop(sandbox, "stop nowhere", false, &file, &result, &error), 0);
    assert_int_equal(result->error.kind, CLO_RUN_WORKER);
    clo_run_result_free(result);
    close(file);
    say(sandbox, "");
    clo_sandbox_destroy(sandbox);
}

static void *liar;
static size_t liar_size;

static int become_liars(void **state)
{
    (void)state;
    clo_zygote_program_replace(liar, liar_size);
    return 0;
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_state_that_is_none_costs_the_snapshot, become_liars),
        cmocka_unit_test_setup(a_state_that_is_not_taken_costs_the_worker, become_liars),
        cmocka_unit_test_setup(a_run_that_stands_nowhere_costs_the_run, become_liars),
        cmocka_unit_test_setup(liars_in_a_pool_cost_the_state_of_their_run, become_liars),
    };
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    FILE *file = count > 2 ? fopen(arguments[2], "rb") : NULL;
    if (!file)
        return 1;
    fseek(file, 0, SEEK_END);
    liar_size = (size_t)ftell(file);
    rewind(file);
    liar = malloc(liar_size);
    status = !liar || fread(liar, 1, liar_size, file) != liar_size;
    fclose(file);
    return status ? status : runs_end(runs_all(tests));
}

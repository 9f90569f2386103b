/* history_test.c - whatever came before, a model is given valid input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/store/history.h"

#define USER(t)                                                                                    \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"" t  \
    "\"}]}"
#define SAID(t)                                                                                    \
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","         \
    "\"text\":\"" t "\"}]}"
#define CALL(id)                                                                                   \
    "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define OUTPUT(id) "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"1\"}"
#define THOUGHT "{\"type\":\"reasoning\",\"summary\":[]}"
#define EMPTY "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}"

static const struct {
    const char *what, *before, *after;
} tidied[] = {
    {"a sound history stays", USER("a") "," THOUGHT "," CALL("1") "," OUTPUT("1") "," SAID("b"),
     USER("a") "," THOUGHT "," CALL("1") "," OUTPUT("1") "," SAID("b")},
    {"a call without output goes", USER("a") "," CALL("1") "," USER("b"), USER("a") "," USER("b")},
    {"and the thought before it", USER("a") "," THOUGHT "," CALL("1"), USER("a")},
    {"an output without call goes", OUTPUT("1") "," USER("a"), USER("a")},
    {"an output before its call goes, the call too", OUTPUT("1") "," USER("a") "," CALL("1"),
     USER("a")},
    {"only the first of two outputs stays", USER("a") "," CALL("1") "," OUTPUT("1") "," OUTPUT("1"),
     USER("a") "," CALL("1") "," OUTPUT("1")},
    {"a call_id that comes again does not save the call before",
     USER("a") "," CALL("1") "," USER("b") "," CALL("1") "," OUTPUT("1"),
     USER("a") "," USER("b") "," CALL("1") "," OUTPUT("1")},
    {"a message without content goes", USER("a") "," EMPTY, USER("a")},
    {"parallel calls stay", USER("a") "," CALL("1") "," CALL("2") "," OUTPUT("1") "," OUTPUT("2"),
     USER("a") "," CALL("1") "," CALL("2") "," OUTPUT("1") "," OUTPUT("2")},
    {"one of two parallel calls goes", USER("a") "," CALL("1") "," CALL("2") "," OUTPUT("2"),
     USER("a") "," CALL("2") "," OUTPUT("2")},
    {"thoughts in a row stay before an answer", USER("a") "," THOUGHT "," THOUGHT "," SAID("b"),
     USER("a") "," THOUGHT "," THOUGHT "," SAID("b")},
    {"a thought before a user's words goes", USER("a") "," THOUGHT "," USER("b"),
     USER("a") "," USER("b")},
};

static json_t *list(const char *items)
{
    char *text = NULL;
    assert_true(asprintf(&text, "[%s]", items) > 0);
    json_t *array = json_loads(text, 0, NULL);
    assert_non_null(array);
    free(text);
    return array;
}

static void what_would_not_be_valid_is_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tidied / sizeof tidied[0]; i++) {
        json_t *items = list(tidied[i].before), *want = list(tidied[i].after);
        assert_int_equal(clo_history_tidy(items), 0);
        if (!json_equal(items, want)) {
            char *text = json_dumps(items, JSON_COMPACT);
            fail_msg("%s: %s", tidied[i].what, text);
        }
        json_decref(items);
        json_decref(want);
    }
}

static int open_store(void **state)
{
    return clo_store_open((struct clo_store **)state, NULL, NULL);
}

static int close_store(void **state)
{
    clo_store_close(*state);
    return 0;
}

static void put(struct clo_store *store, const char *id, const char *previous, const char *status,
                const char *input, const char *output)
{
    struct clo_record record = {0};
    json_t *in = list(input), *out = list(output);
    strcpy(record.id, id);
    strcpy(record.previous, previous);
    strcpy(record.status, status);
    strcpy(record.session, "sess_of_the_chain");
    record.response = json_pack("{s:s}", "id", id);
    assert_int_equal(clo_store_put(store, &record, in, out), 0);
    clo_record_clear(&record);
    json_decref(in);
    json_decref(out);
}

static void parse(struct clo_request *request, const char *input, const char *more)
{
    struct clo_problem problem;
    char *body = NULL;
    assert_true(asprintf(&body, "{\"input\":[%s]%s}", input, more) > 0);
    memset(request, 0, sizeof *request);
    if (clo_request_parse(request, body, strlen(body), &problem) < 0)
        fail_msg("%s", problem.message);
    free(body);
}

static void assert_loads(struct clo_store *store, const char *input, const char *more,
                         const char *want)
{
    struct clo_request request;
    struct clo_problem problem;
    json_t *all = NULL, *wanted = list(want);
    parse(&request, input, more);
    if (clo_history_check(store, &request, &problem) < 0 ||
        clo_history_load(store, &request, &all, &problem) < 0)
        fail_msg("%s", problem.message);
    if (!json_equal(all, wanted)) {
        char *text = json_dumps(all, JSON_COMPACT);
        fail_msg("%s", text);
    }
    json_decref(all);
    json_decref(wanted);
    clo_request_clear(&request);
}

static void assert_refused(struct clo_store *store, const char *input, const char *more,
                           unsigned status, const char *param, const char *says)
{
    struct clo_request request;
    struct clo_problem problem = {0};
    json_t *all;
    parse(&request, input, more);
    assert_true(clo_history_check(store, &request, &problem) < 0 ||
                clo_history_load(store, &request, &all, &problem) < 0);
    assert_int_equal(problem.status, status);
    assert_string_equal(problem.param, param);
    if (!strstr(problem.message, says))
        fail_msg("'%s' does not say '%s'", problem.message, says);
    clo_request_clear(&request);
}

static void chains_are_followed_and_branch(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "completed", USER("a"), SAID("b"));
    put(store, "r2", "r1", "completed", USER("c"), SAID("d"));
    assert_loads(store, USER("e"), ",\"previous_response_id\":\"r2\"",
                 USER("a") "," SAID("b") "," USER("c") "," SAID("d") "," USER("e"));
    assert_loads(store, USER("other"), ",\"previous_response_id\":\"r1\"",
                 USER("a") "," SAID("b") "," USER("other"));
    assert_loads(store, USER("alone"), "", USER("alone"));
}

static void a_failed_turn_does_not_poison_the_next(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "failed", USER("a"), THOUGHT "," CALL("1"));
    assert_loads(store, USER("b"), ",\"previous_response_id\":\"r1\"", USER("a") "," USER("b"));
}

static void the_clients_own_tool_is_answered_in_the_next_turn(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "completed", USER("a"), CALL("1"));
    assert_loads(store, OUTPUT("1"), ",\"previous_response_id\":\"r1\"",
                 USER("a") "," CALL("1") "," OUTPUT("1"));
    assert_refused(store, OUTPUT("2"), ",\"previous_response_id\":\"r1\"", 400, "input[0].call_id",
                   "'2'");
}

static void what_is_missing_is_named(void **state)
{
    struct clo_store *store = *state;
    assert_refused(store, USER("a"), ",\"previous_response_id\":\"resp_nowhere\"", 404,
                   "previous_response_id", "'resp_nowhere' not found");
    put(store, "r2", "resp_deleted", "completed", USER("c"), SAID("d"));
    assert_refused(store, USER("a"), ",\"previous_response_id\":\"r2\"", 404,
                   "previous_response_id", "'resp_deleted' not found");
    put(store, "r3", "", "in_progress", USER("c"), "");
    assert_refused(store, USER("a"), ",\"previous_response_id\":\"r3\"", 400,
                   "previous_response_id", "still in_progress");
}

static void references_are_resolved(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "completed", USER("a"),
        "{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"output_text\",\"text\":\"b\"}]}");
    assert_loads(store, USER("a") ",{\"type\":\"item_reference\",\"id\":\"msg_9\"}," USER("c"), "",
                 USER("a") ",{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\","
                           "\"content\":[{\"type\":\"output_text\",\"text\":\"b\"}]}," USER("c"));
    assert_refused(store, USER("a") ",{\"type\":\"item_reference\",\"id\":\"msg_8\"}", "", 404,
                   "input[1].id", "'msg_8' not found");
}

static void a_chain_has_one_session(void **state)
{
    struct clo_request request;
    struct clo_problem problem;
    put(*state, "r1", "", "completed", USER("a"), SAID("b"));
    parse(&request, USER("c"), ",\"previous_response_id\":\"r1\"");
    assert_int_equal(clo_history_check(*state, &request, &problem), 0);
    assert_string_equal(request.session, "sess_of_the_chain");
    clo_request_clear(&request);
}

static void a_history_has_its_ceiling(void **state)
{
    struct clo_store *store = *state;
    char id[16], previous[16] = "";
    struct clo_request request;
    struct clo_problem problem;
    json_t *all;
    for (int i = 0; i <= CLO_HISTORY_RESPONSES_MAX; i++) {
        snprintf(id, sizeof id, "r%d", i);
        put(store, id, previous, "completed", USER("a"), SAID("b"));
        strcpy(previous, id);
    }
    assert_refused(store, USER("z"), ",\"previous_response_id\":\"r1000\"", 400,
                   "previous_response_id", "truncation");
    parse(&request, USER("z"), ",\"previous_response_id\":\"r1000\",\"truncation\":\"auto\"");
    assert_int_equal(clo_history_load(store, &request, &all, &problem), 0);
    assert_int_equal(json_array_size(all), 2 * CLO_HISTORY_RESPONSES_MAX + 1);
    json_decref(all);
    clo_request_clear(&request);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_would_not_be_valid_is_dropped),
        WITH_STORE(chains_are_followed_and_branch),
        WITH_STORE(a_failed_turn_does_not_poison_the_next),
        WITH_STORE(the_clients_own_tool_is_answered_in_the_next_turn),
        WITH_STORE(what_is_missing_is_named),
        WITH_STORE(references_are_resolved),
        WITH_STORE(a_chain_has_one_session),
        WITH_STORE(a_history_has_its_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

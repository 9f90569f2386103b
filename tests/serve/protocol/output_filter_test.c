/* output_filter_test.c - who is shown all of the agent's work, and who the answer only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/protocol/output_filter.h"

static const struct {
    const char *header, *user_agent;
    int answer_only; /* negative: refused */
} choices[] = {
    {NULL, NULL, 0},
    {NULL, "curl/7.88.1", 0},
    {NULL, "OpenAI/JS 6.49.0", 0},
    {NULL, "Agents/JavaScript 0.20.0", 1},
    {NULL, "Agents/Python 0.9.0", 1},
    {NULL, "ai/6.0.326 ai-sdk/provider-utils/4.0.66 runtime/node.js/22", 1},
    {NULL, "langchainjs-openai/1.0.0 ((node/v22.23.3; linux; x64))", 1},
    {NULL, "MyAgents/1.0", 0},
    {"all", "Agents/JavaScript 0.20.0", 0},
    {"answer", "curl/7.88.1", 1},
    {"some", NULL, -1},
    {"", NULL, -1},
};

static void clients_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        struct clo_problem problem = {0};
        bool answer_only;
        int status = clo_output_filter_choose(choices[i].header, choices[i].user_agent,
                                              &answer_only, &problem);
        if (choices[i].answer_only < 0) {
            assert_true(status < 0);
            assert_int_equal(problem.status, 400);
            assert_string_equal(problem.param, "x-cloche-output");
        } else {
            assert_int_equal(status, 0);
            assert_int_equal(answer_only, choices[i].answer_only);
        }
    }
}

#define OUTPUT                                                                                     \
    "[{\"type\": \"reasoning\"}, {\"type\": \"function_call\", \"name\": \"execute_code\"},"       \
    " {\"type\": \"function_call_output\"}, {\"type\": \"message\"},"                              \
    " {\"type\": \"function_call\", \"name\": \"get_weather\"}]"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

static void the_answer_is_messages_and_the_clients_calls(void **state)
{
    (void)state;
    json_t *output = parse(OUTPUT), *tools = parse("[{\"name\": \"get_weather\"}]");
    json_t *want = parse("[{\"type\": \"message\"},"
                         " {\"type\": \"function_call\", \"name\": \"get_weather\"}]");
    json_t *shown = clo_output_filter_output(output, tools);
    assert_true(json_equal(shown, want));
    json_decref(shown);
    json_array_remove(want, 1);
    shown = clo_output_filter_output(output, NULL);
    assert_true(json_equal(shown, want));
    json_decref(shown);
    json_decref(want);
    json_decref(tools);
    json_decref(output);
}

static void count(void *context, const struct clo_item_event *event)
{
    int *counts = context;
    counts[event->kind]++;
}

static void hidden_items_have_no_events(void **state)
{
    (void)state;
    int counts[CLO_ITEM_DONE + 1] = {0};
    json_t *output = parse(OUTPUT), *item;
    size_t index;
    struct clo_output_filter filter = {{count, counts}, NULL, false};
    json_array_foreach(output, index, item) {
        clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_ADDED, item, NULL, 0});
        clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_TEXT, NULL, "x", 1});
        clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_DONE, item, NULL, 0});
    }
    assert_int_equal(counts[CLO_ITEM_ADDED], 1);
    assert_int_equal(counts[CLO_ITEM_TEXT], 1);
    assert_int_equal(counts[CLO_ITEM_DONE], 1);
    json_decref(output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_told_apart),
        cmocka_unit_test(the_answer_is_messages_and_the_clients_calls),
        cmocka_unit_test(hidden_items_have_no_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

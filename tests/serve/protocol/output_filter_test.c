/* output_filter_test.c - the agent's own work in the three forms that clients are shown. */
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
    const char *header, *old;
    int items; /* negative: refused */
    const char *param, *says;
} choices[] = {
    {NULL, NULL, CLO_SERVE_ITEMS_CALLS, "", ""}, /* what the server is set to */
    {"mcp", NULL, CLO_SERVE_ITEMS_MCP, "", ""},
    {"calls", NULL, CLO_SERVE_ITEMS_CALLS, "", ""},
    {"answer", NULL, CLO_SERVE_ITEMS_ANSWER, "", ""},
    {"all", NULL, -1, "x-cloche-items", "'all'; it must be mcp, calls or answer"},
    {"", NULL, -1, "x-cloche-items", "''"},
    {NULL, "answer", -1, "x-cloche-output", "send 'x-cloche-items'"},
    {"mcp", "all", -1, "x-cloche-output", "send 'x-cloche-items'"},
};

static void the_header_chooses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        struct clo_problem problem = {0};
        enum clo_serve_items items;
        int status = clo_output_filter_choose(choices[i].header, choices[i].old,
                                              CLO_SERVE_ITEMS_CALLS, &items, &problem);
        if (choices[i].items < 0) {
            assert_true(status < 0);
            assert_int_equal(problem.status, 400);
            assert_string_equal(problem.param, choices[i].param);
            assert_non_null(strstr(problem.message, choices[i].says));
        } else {
            assert_int_equal(status, 0);
            assert_int_equal(items, choices[i].items);
        }
    }
}

static const struct {
    const char *name, *label;
} labels[] = {
    {"quick", "quick"},
    {"hyperlight-codeact_2", "hyperlight-codeact_2"},
    {"My agent, v1.0", "My_agent__v1_0"},
    {"2nd", "agent_2nd"},
    {"-x", "agent_-x"},
    {"Café ☕", "Caf___"},
    {"é", "agent__"},
    {"", "agent_"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
};

static void a_label_is_made_of_any_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        char label[CLO_OUTPUT_FILTER_LABEL_MAX + 1];
        clo_output_filter_label(label, labels[i].name);
        assert_string_equal(label, labels[i].label);
    }
}

#define THOUGHT "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}"
#define SAID "{\"type\":\"message\",\"id\":\"msg_1\"}"
#define THEIRS                                                                                     \
    "{\"type\":\"function_call\",\"id\":\"fc_9\",\"call_id\":\"c9\",\"name\":\"get_weather\","     \
    "\"arguments\":\"{}\",\"status\":\"completed\"}"
#define RUN_AS(n, arguments, status)                                                               \
    "{\"type\":\"function_call\",\"id\":\"fc_" n "\",\"call_id\":\"c" n                            \
    "\",\"name\":\"execute_code\",\"arguments\":\"" arguments "\",\"status\":\"" status "\"}"
#define ARGUMENTS(n) "{\\\"code\\\":\\\"" n "\\\"}"
#define RUN(n) RUN_AS(n, ARGUMENTS(n), "completed")
#define OUTPUT_AS(n, more)                                                                         \
    "{\"type\":\"function_call_output\",\"id\":\"fco_" n "\",\"call_id\":\"c" n                    \
    "\",\"output\":\"out " n "\",\"status\":\"completed\"" more "}"
#define OUTPUT(n) OUTPUT_AS(n, "")
#define FAILED(n) OUTPUT_AS(n, ",\"failed\":true")
#define MCP_AS(n, arguments, output, status)                                                       \
    "{\"type\":\"mcp_call\",\"id\":\"mcp_" n "\",\"server_label\":\"quick\",\"name\":"             \
    "\"execute_code\",\"arguments\":\"" arguments "\",\"output\":" output                          \
    ",\"error\":null,\"status\":\"" status "\",\"approval_request_id\":null}"
#define MCP(n, status) MCP_AS(n, ARGUMENTS(n), "\"out " n "\"", status)

#define ALL THOUGHT "," RUN("1") "," OUTPUT("1") "," SAID "," THEIRS

static const struct {
    const char *what;
    enum clo_serve_items items;
    const char *output, *shown;
} forms[] = {
    {"all of it as calls", CLO_SERVE_ITEMS_CALLS, ALL, ALL},
    {"the answer is messages and the client's calls", CLO_SERVE_ITEMS_ANSWER, ALL, SAID "," THEIRS},
    {"a run is one mcp_call", CLO_SERVE_ITEMS_MCP, ALL,
     THOUGHT "," MCP("1", "completed") "," SAID "," THEIRS},
    {"a failed run", CLO_SERVE_ITEMS_MCP, RUN("1") "," FAILED("1"), MCP("1", "failed")},
    {"as calls it does not show our mark", CLO_SERVE_ITEMS_CALLS, RUN("1") "," FAILED("1"),
     RUN("1") "," OUTPUT("1")},
    {"runs of one batch keep their places", CLO_SERVE_ITEMS_MCP,
     RUN("1") "," RUN("2") "," SAID "," RUN("3") "," OUTPUT("1") "," FAILED("2") "," OUTPUT("3"),
     MCP("1", "completed") "," MCP("2", "failed") "," SAID "," MCP("3", "completed")},
    {"a call_id that comes again", CLO_SERVE_ITEMS_MCP,
     RUN("1") "," OUTPUT("1") "," RUN("1") "," FAILED("1"),
     MCP("1", "completed") "," MCP("1", "failed")},
    {"a call that broke off", CLO_SERVE_ITEMS_MCP,
     RUN_AS("1", "{\\\"co", "incomplete") "," FAILED("1"),
     MCP_AS("1", "{\\\"unreadable\\\":\\\"{\\\\\\\"co\\\"}", "\"out 1\"", "failed")},
    {"a run without output, and what came after it", CLO_SERVE_ITEMS_MCP, RUN("1") "," SAID,
     MCP_AS("1", ARGUMENTS("1"), "null", "failed") "," SAID},
    {"the client's call that was refused", CLO_SERVE_ITEMS_MCP, THEIRS "," FAILED("9"), THEIRS},
};

static json_t *list(const char *items)
{
    char *text = NULL;
    assert_true(asprintf(&text, "[%s]", items) > 0);
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    free(text);
    return value;
}

static void assert_shown(const char *what, json_t *shown, const char *want)
{
    json_t *wanted = list(want);
    char *text = json_dumps(shown, JSON_COMPACT);
    if (!json_equal(shown, wanted))
        fail_msg("%s: %s", what, text);
    free(text);
    json_decref(wanted);
    json_decref(shown);
}

static json_t *client_tools(void)
{
    return list("{\"name\": \"get_weather\"}");
}

static void output_is_shown_in_three_forms(void **state)
{
    (void)state;
    json_t *tools = client_tools();
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        json_t *output = list(forms[i].output);
        struct clo_output_filter_view view = {forms[i].items, "quick", tools};
        assert_shown(forms[i].what, clo_output_filter_output(&view, output), forms[i].shown);
        json_decref(output);
    }
    json_decref(tools);
}

/* The fields stand in the order of the reference, whatever compares equal. */
static void an_mcp_call_has_its_order(void **state)
{
    (void)state;
    json_t *output = list(RUN("1") "," OUTPUT("1"));
    struct clo_output_filter_view view = {CLO_SERVE_ITEMS_MCP, "quick", NULL};
    json_t *shown = clo_output_filter_output(&view, output);
    char *text = json_dumps(json_array_get(shown, 0), JSON_COMPACT);
    assert_string_equal(text, MCP("1", "completed"));
    free(text);
    json_decref(shown);
    json_decref(output);
}

/* What a sink saw, one letter an event: + added, t text, a arguments, A whole arguments, . done. */
struct seen {
    char kinds[64];
    size_t count, text; /* text: bytes of it */
    json_t *done;
};

static void see(void *context, const struct clo_item_event *event)
{
    static const char letters[] = {
        [CLO_ITEM_ADDED] = '+',         [CLO_ITEM_TEXT] = 't',      [CLO_ITEM_REFUSAL] = 'r',
        [CLO_ITEM_ARGUMENTS] = 'a',     [CLO_ITEM_REASONING] = 's', [CLO_ITEM_DONE] = '.',
        [CLO_ITEM_ARGUMENTS_DONE] = 'A'};
    struct seen *seen = context;
    if (seen->count < sizeof seen->kinds - 1)
        seen->kinds[seen->count++] = letters[event->kind];
    if (event->kind == CLO_ITEM_TEXT)
        seen->text += event->length;
    if (event->kind == CLO_ITEM_DONE)
        json_array_append(seen->done, (json_t *)event->item);
    if (event->kind == CLO_ITEM_TEXT || event->kind == CLO_ITEM_ARGUMENTS)
        assert_memory_equal(event->delta, "x", 1);
}

static void stream(struct clo_output_filter *filter, const char *items)
{
    json_t *output = list(items), *item;
    size_t index;
    json_array_foreach(output, index, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        char delta[] = "x";
        struct clo_item_event event = {.delta = delta, .length = 1};
        event.kind = strcmp(type, "message") ? CLO_ITEM_ARGUMENTS : CLO_ITEM_TEXT;
        clo_output_filter_item(filter, &(struct clo_item_event){CLO_ITEM_ADDED, item, NULL, 0});
        if (strcmp(type, "function_call_output") != 0)
            clo_output_filter_item(filter, &event);
        delta[0] = '!'; /* it was borrowed for the call only */
        clo_output_filter_item(filter, &(struct clo_item_event){CLO_ITEM_DONE, item, NULL, 0});
    }
    json_decref(output);
}

static const struct {
    enum clo_serve_items items;
    const char *output, *kinds, *done;
} streams[] = {
    {CLO_SERVE_ITEMS_CALLS, RUN("1") "," OUTPUT("1") "," SAID, "+a.+.+t.",
     RUN("1") "," OUTPUT("1") "," SAID},
    {CLO_SERVE_ITEMS_ANSWER, RUN("1") "," OUTPUT("1") "," SAID "," THEIRS, "+t.+a.",
     SAID "," THEIRS},
    {CLO_SERVE_ITEMS_MCP, RUN("1") "," OUTPUT("1") "," SAID, "+aA.+t.",
     MCP("1", "completed") "," SAID},
    {CLO_SERVE_ITEMS_MCP, RUN("1") "," RUN("2") "," SAID "," OUTPUT("1") "," OUTPUT("2"),
     "+aA.+aA.+t.", MCP("1", "completed") "," MCP("2", "completed") "," SAID},
};

static void items_do_not_overlap_in_a_stream(void **state)
{
    (void)state;
    json_t *tools = client_tools();
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct seen seen = {.done = json_array()};
        struct clo_output_filter filter;
        struct clo_output_filter_view view = {streams[i].items, "quick", tools};
        clo_output_filter_init(&filter, &view, &(struct clo_item_sink){see, &seen});
        stream(&filter, streams[i].output);
        clo_output_filter_end(&filter);
        assert_false(filter.failed);
        assert_string_equal(seen.kinds, streams[i].kinds);
        assert_shown(streams[i].kinds, seen.done, streams[i].done);
    }
    json_decref(tools);
}

/* However small the pieces in which a model sends what has to wait. */
static void what_waits_is_kept_in_few_pieces(void **state)
{
    (void)state;
    struct seen seen = {.done = json_array()};
    struct clo_output_filter filter;
    struct clo_output_filter_view view = {CLO_SERVE_ITEMS_MCP, "quick", NULL};
    json_t *said = json_loads(SAID, 0, NULL);
    clo_output_filter_init(&filter, &view, &(struct clo_item_sink){see, &seen});
    stream(&filter, RUN("1"));
    clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_ADDED, said, NULL, 0});
    for (int i = 0; i < 1000; i++)
        clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_TEXT, NULL, "x", 1});
    clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_REFUSAL, NULL, "y", 1});
    clo_output_filter_item(&filter, &(struct clo_item_event){CLO_ITEM_DONE, said, NULL, 0});
    stream(&filter, OUTPUT("1"));
    assert_string_equal(seen.kinds, "+aA.+tr.");
    assert_int_equal(seen.text, 1000);
    clo_output_filter_end(&filter);
    json_decref(seen.done);
    json_decref(said);
}

static void a_run_is_announced_before_its_output(void **state)
{
    (void)state;
    struct seen seen = {.done = json_array()};
    struct clo_output_filter filter;
    struct clo_output_filter_view view = {CLO_SERVE_ITEMS_MCP, "quick", NULL};
    clo_output_filter_init(&filter, &view, &(struct clo_item_sink){see, &seen});
    stream(&filter, RUN("1"));
    assert_string_equal(seen.kinds, "+aA");
    stream(&filter, OUTPUT("1"));
    assert_string_equal(seen.kinds, "+aA.");
    clo_output_filter_end(&filter);
    json_decref(seen.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_chooses),
        cmocka_unit_test(a_label_is_made_of_any_name),
        cmocka_unit_test(output_is_shown_in_three_forms),
        cmocka_unit_test(an_mcp_call_has_its_order),
        cmocka_unit_test(items_do_not_overlap_in_a_stream),
        cmocka_unit_test(what_waits_is_kept_in_few_pieces),
        cmocka_unit_test(a_run_is_announced_before_its_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

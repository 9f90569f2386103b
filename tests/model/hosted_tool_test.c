/* hosted_tool_test.c - tools that the model's maker runs: handed on where the protocol has them, with what they did
 * shown and given back as it came; refused by name where it has not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/hosted_tool.h"
#include "model_call.h"

#define SEARCH "{\"type\":\"web_search\",\"search_context_size\":\"low\"}"
#define FOUND                                                                                      \
    "{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\",\"action\":{\"type\":" \
    "\"search\",\"query\":\"q\"}}"

/* clang-format off */
static const char searched[] = EVENTS
    RE("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"in_progress\"}")
    RE("response.web_search_call.searching", ",\"output_index\":0,\"item_id\":\"ws_1\"")
    RE("response.output_item.done", ",\"output_index\":0,\"item\":" FOUND)
    RE("response.output_item.added", ",\"output_index\":1,\"item\":{\"type\":\"message\"}")
    RE("response.output_text.delta", ",\"output_index\":1,\"delta\":\"It is so.\"")
    RE("response.completed", ",\"response\":{\"status\":\"completed\"}");
static const char broken[] = EVENTS
    RE("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"in_progress\"}");
static const char nothing_here[] =
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/* clang-format on */

struct asked {
    json_t *input, *tools, *options;
    struct clo_model_request request;
};

static void ask(struct asked *asked, const char *input, const char *tools)
{
    asked->input = parse(input);
    asked->tools = parse(tools);
    asked->options = parse("{\"include\":[\"web_search_call.action.sources\",7,"
                           "\"message.output_text.logprobs\",\"web_search_call\"],"
                           "\"tool_choice\":{\"type\":\"web_search\"}}");
    asked->request = (struct clo_model_request){
        .input = asked->input, .tools = asked->tools, .options = asked->options};
}

static void forget(struct asked *asked)
{
    json_decref(asked->input);
    json_decref(asked->tools);
    json_decref(asked->options);
}

#define HISTORY "[{\"role\":\"user\",\"content\":\"x\"}," FOUND "]"

static void what_they_did_is_shown_and_goes_back(void **state)
{
    (void)state;
    struct asked asked;
    struct outcome outcome;
    struct act act = {searched, CLOSE, 0, 0};
    ask(&asked, HISTORY, "[" SEARCH "]");
    call_full(&outcome, CLO_MODEL_RESPONSES, &act, 1, &asked.request, 5000);
    assert_int_equal(outcome.status, 0);
    json_t *sent = parse(outcome.body), *found = parse(FOUND),
           *include = parse("[\"web_search_call.action.sources\"]");
    assert_true(json_equal(json_object_get(sent, "tools"), asked.tools));
    assert_true(json_equal(json_object_get(sent, "include"), include));
    assert_true(clo_json_is(json_object_get(sent, "tool_choice"), "type", "web_search"));
    assert_true(json_equal(json_array_get(json_object_get(sent, "input"), 1), found));
    assert_int_equal(json_array_size(outcome.reply.output), 2);
    assert_true(json_equal(json_array_get(outcome.reply.output, 0), found));
    json_decref(sent);
    json_decref(found);
    json_decref(include);
    forget(&asked);
    done(&outcome);
}

static void what_nobody_asked_for_is_not_shown(void **state)
{
    (void)state;
    struct outcome outcome;
    struct act act = {searched, CLOSE, 0, 0};
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    assert_int_equal(outcome.status, 0);
    assert_int_equal(json_array_size(outcome.reply.output), 1);
    done(&outcome);
}

struct last {
    char status[32];
};

static void keep_status(void *context, const struct clo_item_event *event)
{
    struct last *last = context;
    if (event->kind == CLO_ITEM_DONE)
        snprintf(last->status, sizeof last->status, "%s", clo_json_text(event->item, "status"));
}

static void a_reply_that_breaks_off_in_one_says_that_it_failed(void **state)
{
    (void)state;
    struct asked asked;
    struct server server;
    struct act act = {broken, CLOSE, 0, 0};
    struct last last = {""};
    struct clo_model_reply reply;
    struct clo_error error;
    ask(&asked, HISTORY, "[" SEARCH "]");
    server_start(&server, &act, 1);
    struct clo_model *model = open_model(CLO_MODEL_RESPONSES, server.port, 5000);
    struct clo_item_sink sink = {keep_status, &last};
    assert_int_equal(clo_model_call(model, &asked.request, &sink, &reply, &error), CLO_EMODEL);
    assert_string_equal(last.status, "failed");
    clo_model_reply_clear(&reply);
    clo_model_destroy(model);
    server_stop(&server);
    forget(&asked);
}

static void who_has_none_refuses_them_by_name(void **state)
{
    (void)state;
    static const struct {
        enum clo_model_kind kind;
        const char *words;
    } cases[] = {
        {CLO_MODEL_CHAT, "this model, by chat completions, has none"},
        {CLO_MODEL_ANTHROPIC, "this model, by the Messages API, has none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asked asked;
        struct outcome outcome;
        struct act act = {chat_stream, CLOSE, 0, 0};
        ask(&asked, HISTORY, "[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"file_search\"}]");
        call_full(&outcome, cases[i].kind, &act, 1, &asked.request, 5000);
        assert_int_equal(outcome.status, CLO_EINVALID);
        assert_int_equal(outcome.requests, 0);
        assert_non_null(strstr(outcome.error.message, "'file_search'"));
        assert_non_null(strstr(outcome.error.message, cases[i].words));
        assert_non_null(strstr(outcome.error.message, "leave it out"));
        forget(&asked);
        done(&outcome);
    }
}

/* Of a server that may have the Responses API nobody knows before it was asked. */
static void a_server_that_turns_out_to_have_none_is_not_asked_otherwise(void **state)
{
    (void)state;
    struct asked asked;
    struct server server;
    struct act acts[] = {{nothing_here, CLOSE, 0, 0}, {chat_stream, CLOSE, 0, 0}};
    struct clo_model_reply reply;
    struct clo_error error;
    ask(&asked, HISTORY, "[" SEARCH "]");
    server_start(&server, acts, 2);
    struct clo_model *model = open_model(CLO_MODEL_AUTO, server.port, 5000);
    assert_null(clo_model_without_tools(model));
    assert_int_equal(clo_model_call(model, &asked.request, NULL, &reply, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "'web_search'"));
    assert_int_equal(atomic_load(&server.requests), 1);
    clo_model_reply_clear(&reply);
    clo_model_destroy(model);
    server_stop(&server);
    forget(&asked);
}

static void types_are_told_apart(void **state)
{
    (void)state;
    json_t *tools = parse("[{\"type\":\"function\",\"name\":\"web_search\"},7,{},"
                          "{\"type\":\"image_generation\"}]");
    json_t *item = parse(FOUND), *other = parse("{\"type\":\"web_search\"}");
    size_t index = 0;
    assert_string_equal(clo_hosted_tool_in(tools, &index), "image_generation");
    assert_int_equal(index, 3);
    assert_null(clo_hosted_tool_in(NULL, NULL));
    assert_true(clo_hosted_tool("web_search_preview_2025_03_11"));
    assert_false(clo_hosted_tool("web_search_call"));
    assert_false(clo_hosted_tool("function"));
    assert_false(clo_hosted_tool(NULL));
    assert_true(clo_hosted_tool_item(item));
    assert_false(clo_hosted_tool_item(other));
    assert_true(clo_hosted_tool_part("code_interpreter_call.outputs"));
    assert_false(clo_hosted_tool_part("code_interpreter_call"));
    assert_false(clo_hosted_tool_part("web_search.x"));
    assert_false(clo_hosted_tool_part(NULL));
    json_decref(tools);
    json_decref(item);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_they_did_is_shown_and_goes_back),
        cmocka_unit_test(what_nobody_asked_for_is_not_shown),
        cmocka_unit_test(a_reply_that_breaks_off_in_one_says_that_it_failed),
        cmocka_unit_test(who_has_none_refuses_them_by_name),
        cmocka_unit_test(a_server_that_turns_out_to_have_none_is_not_asked_otherwise),
        cmocka_unit_test(types_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

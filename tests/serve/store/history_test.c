/* history_test.c - whatever came before, a model is given valid input. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/store/history.h"
#include "serve/store/model_input.h"

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
#define BLOB                                                                                       \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                  \
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"                  \
    "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"                  \
    "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD"
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
        clo_history_load(store, &request, NULL, &all, &problem) < 0)
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
                clo_history_load(store, &request, NULL, &all, &problem) < 0);
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
    assert_refused(store, USER("a"), ",\"previous_response_id\":\"resp_nowhere\"", 400,
                   "previous_response_id", "'resp_nowhere' not found");
    put(store, "r2", "resp_deleted", "completed", USER("c"), SAID("d"));
    assert_refused(store, USER("a"), ",\"previous_response_id\":\"r2\"", 400,
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

#define RUN                                                                                        \
    "{\"type\":\"function_call\",\"id\":\"fc_7\",\"call_id\":\"call_7\",\"name\":\"execute_"       \
    "code\","                                                                                      \
    "\"arguments\":\"{\\\"code\\\": \\\"1\\\"}\",\"status\":\"completed\"}"
#define RAN                                                                                        \
    "{\"type\":\"function_call_output\",\"id\":\"fco_7\",\"call_id\":\"call_7\","                  \
    "\"output\":\"failed so\",\"status\":\"completed\",\"failed\":true}"
/* as the model sees it */
#define PAIR(call_id, arguments, output)                                                           \
    "{\"type\":\"function_call\",\"call_id\":\"" call_id "\",\"name\":\"execute_code\","           \
    "\"arguments\":\"" arguments "\"},{\"type\":\"function_call_output\",\"call_id\":\"" call_id   \
    "\",\"output\":\"" output "\"}"
#define ARGUMENTS "{\\\"code\\\": \\\"1\\\"}"
#define MCP(more) "{\"type\":\"mcp_call\",\"name\":\"execute_code\"," more "}"
#define NULLS "\"error\":null,\"approval_request_id\":null,\"server_label\":\"a\","
#define TEXT(role, kind, text, more)                                                               \
    "{\"type\":\"message\",\"role\":\"" role "\",\"content\":[{\"type\":\"" kind                   \
    "\",\"text\":\"" text "\"" more "}]}"
#define TOLD(text) TEXT("assistant", "output_text", text, ",\"annotations\":[]")
#define ANSWERED(text) TEXT("user", "input_text", text, "")

#define REFERENCE(id) "{\"type\":\"item_reference\",\"id\":\"" id "\"}"
#define AS_CALLS                                                                                   \
    "{\"type\":\"function_call\",\"id\":\"fc_7\",\"call_id\":\"call_7\",\"name\":\"execute_"       \
    "code\","                                                                                      \
    "\"arguments\":\"" ARGUMENTS "\",\"status\":\"completed\"},"                                   \
    "{\"type\":\"function_call_output\",\"id\":\"fco_7\",\"call_id\":\"call_7\","                  \
    "\"output\":\"failed so\",\"status\":\"completed\"}"

static const struct {
    const char *what, *item, *model;
} replays[] = {
    {"whole",
     MCP("\"id\":\"mcp_7\"," NULLS "\"arguments\":\"" ARGUMENTS "\",\"status\":\"failed\","
         "\"output\":\"failed so\""),
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"without its null fields",
     MCP("\"id\":\"mcp_7\",\"arguments\":\"" ARGUMENTS "\",\"output\":\"failed so\""),
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"with its arguments written anew",
     MCP("\"id\":\"mcp_7\",\"arguments\":\"{\\\"code\\\":\\\"1\\\"}\",\"output\":\"failed so\""),
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"with empty arguments", MCP("\"id\":\"mcp_7\",\"arguments\":\"\",\"output\":\"failed so\""),
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"without output and status",
     MCP("\"id\":\"mcp_7\",\"arguments\":\"" ARGUMENTS "\",\"output\":null"),
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"the id alone", "{\"type\":\"mcp_call\",\"id\":\"mcp_7\"}",
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"as a reference", "{\"type\":\"item_reference\",\"id\":\"mcp_7\"}",
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"as a reference that has no type", "{\"id\":\"mcp_7\"}",
     PAIR("call_7", ARGUMENTS, "failed so")},
    {"what the client has changed",
     MCP("\"id\":\"mcp_7\",\"arguments\":\"{\\\"code\\\":\\\"2\\\"}\",\"output\":\"redacted\""),
     PAIR("call_7", "{\\\"code\\\":\\\"2\\\"}", "redacted")},
    {"of another server, whole",
     MCP("\"id\":\"mcp_x\",\"arguments\":\"" ARGUMENTS "\",\"output\":\"1\""),
     PAIR("call_mcp_x", ARGUMENTS, "1")},
    {"of another server, with empty arguments and an error",
     MCP("\"id\":\"mcp_x\",\"arguments\":\"\",\"output\":null,\"error\":\"lost\""),
     PAIR("call_mcp_x", "{}", "lost")},
    {"without an id or an output", MCP("\"arguments\":{\"code\":\"1\"}"),
     PAIR("call_at_1", "{\\\"code\\\":\\\"1\\\"}",
          "(what this run put out is not known any more)")},
    {"an error that is an object",
     MCP("\"id\":\"mcp_x\",\"arguments\":\"{}\",\"error\":{\"type\":\"http_error\",\"code\":5}"),
     PAIR("call_mcp_x", "{}", "[http_error] {\\\"code\\\":5}")},
    {"as calls", RUN "," RAN, AS_CALLS},
    {"as references to both of its items", REFERENCE("fc_7") "," REFERENCE("fco_7"), AS_CALLS},
    {"as a reference to its call alone", REFERENCE("fc_7"), AS_CALLS},
    {"a tool of another server",
     "{\"type\":\"mcp_call\",\"id\":\"mcp_y\",\"server_label\":\"wiki\",\"name\":\"read\","
     "\"arguments\":\"{}\",\"output\":\"page\",\"error\":null}",
     TOLD("[mcp_call] {\\\"server_label\\\":\\\"wiki\\\",\\\"name\\\":\\\"read\\\","
          "\\\"arguments\\\":\\\"{}\\\",\\\"output\\\":\\\"page\\\"}")},
    {"a web search",
     "{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\","
     "\"action\":{\"type\":\"search\",\"query\":\"x\",\"sources\":null}}",
     TOLD(
         "[web_search_call] {\\\"action\\\":{\\\"type\\\":\\\"search\\\",\\\"query\\\":\\\"x\\\"}}")},
    {"a computer and its picture",
     "{\"type\":\"computer_call\",\"id\":\"cu_1\",\"call_id\":\"c\",\"pending_safety_checks\":[]},"
     "{\"type\":\"computer_call_output\",\"call_id\":\"c\",\"output\":{\"type\":"
     "\"computer_screenshot\",\"image_url\":\"data:image/png;base64," BLOB "\"}}",
     TOLD("[computer_call] {\\\"call_id\\\":\\\"c\\\",\\\"pending_safety_checks\\\":[]}") "," ANSWERED(
         "[computer_call_output] {\\\"call_id\\\":\\\"c\\\",\\\"output\\\":{\\\"type\\\":"
         "\\\"computer_screenshot\\\",\\\"image_url\\\":\\\"(322 bytes)\\\"}}")},
    {"a custom tool",
     "{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"sql\",\"input\":\"select 1\"},"
     "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"1\"}",
     TOLD(
         "[custom_tool_call] {\\\"call_id\\\":\\\"c\\\",\\\"name\\\":\\\"sql\\\","
         "\\\"input\\\":\\\"select 1\\\"}") "," ANSWERED("[custom_tool_call_output] {\\\"call_id\\\":\\\"c\\\","
                                                         "\\\"output\\\":\\\"1\\\"}")},
    {"an approval",
     "{\"type\":\"mcp_approval_request\",\"id\":\"mcpr_1\",\"name\":\"read\"},"
     "{\"type\":\"mcp_approval_response\",\"approval_request_id\":\"mcpr_1\",\"approve\":true}",
     TOLD("[mcp_approval_request] {\\\"name\\\":\\\"read\\\"}") "," ANSWERED(
         "[mcp_approval_response] {\\\"approval_request_id\\\":\\\"mcpr_1\\\","
         "\\\"approve\\\":true}")},
    {"what says nothing to a model",
     "{\"type\":\"mcp_list_tools\",\"server_label\":\"wiki\",\"tools\":[]},"
     "{\"type\":\"compaction\",\"encrypted_content\":\"x\"},{\"type\":\"reasoning\",\"summary\":"
     "null},"
     "{\"type\":\"reasoning\"}",
     NULL},
    {"reasoning without a summary that a server can read",
     "{\"type\":\"reasoning\",\"encrypted_content\":\"x\",\"summary\":null}," SAID("b"),
     "{\"type\":\"reasoning\",\"encrypted_content\":\"x\",\"summary\":[]}," SAID("b")},
    {"members that only another server knows",
     "{\"type\":\"message\",\"role\":\"user\",\"response_id\":\"r\",\"agent_reference\":{},\"id\":"
     "null,"
     "\"content\":[{\"type\":\"input_text\",\"text\":\"b\"}]}",
     USER("b")},
    {"parts that models do not know",
     "{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}},"
     "{\"type\":\"input_file\",\"file_id\":\"f\"},{\"type\":\"summary_text\",\"text\":\"s\"},"
     "{\"type\":\"input_hologram\",\"url\":\"u\"}]}",
     "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
     "\"input_audio\":{}},{\"type\":\"input_file\",\"file_id\":\"f\"},{\"type\":\"input_text\",\"text\":\"s\"},"
     "{\"type\":\"input_text\",\"text\":\"[input_hologram] {\\\"url\\\":\\\"u\\\"}\"}]}"},
};

static void history_comes_back_in_every_form(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "completed", USER("a"), RUN "," RAN "," SAID("b"));
    for (size_t i = 0; i < sizeof replays / sizeof replays[0]; i++) {
        char *sent = NULL, *model = NULL, *stored = NULL;
        assert_true(asprintf(&sent, "%s,%s,%s", USER("a"), replays[i].item, USER("z")) > 0);
        assert_true(asprintf(&model, "%s,%s%s%s", USER("a"),
                             replays[i].model ? replays[i].model : "", replays[i].model ? "," : "",
                             USER("z")) > 0);
        assert_loads(store, sent, "", model);
        /* and the same out of the store, where it was input of an earlier turn */
        struct clo_request earlier;
        parse(&earlier, sent, "");
        char *full = json_dumps(earlier.input, 0);
        full[strlen(full) - 1] = '\0';
        put(store, "r2", "", "completed", full + 1, SAID("y"));
        free(full);
        clo_request_clear(&earlier);
        assert_true(asprintf(&stored, "%s,%s,%s", model, SAID("y"), USER("next")) > 0);
        assert_loads(store, USER("next"), ",\"previous_response_id\":\"r2\"", stored);
        free(sent);
        free(model);
        free(stored);
    }
}

static json_t *told(const char *type, const char *name, json_t *value)
{
    json_t *item = json_pack("{s:s, s:o}", "type", type, name, value), *told = json_array();
    assert_int_equal(clo_model_input_add(NULL, "", item, false, told), 0);
    json_t *part = json_array_get(json_object_get(json_array_get(told, 0), "content"), 0);
    json_t *text = json_incref(json_object_get(part, "text"));
    json_decref(item);
    json_decref(told);
    return text;
}

/* Long text is cut between two characters; data is not shown; text without blanks is no data. */
static void text_of_other_tools_is_bounded(void **state)
{
    (void)state;
    char text[3 * CLO_MODEL_INPUT_TEXT_MAX + 1];
    for (size_t i = 0; i < sizeof text - 1; i += 3)
        memcpy(text + i, i == 3 ? "a b" : "\u6f22", 3);
    text[sizeof text - 1] = '\0';
    json_t *got = told("web_search_call", "found", json_string(text));
    assert_non_null(strstr(json_string_value(got), "\u6f22 (and 16386 bytes more)"));
    assert_true(json_string_length(got) < CLO_MODEL_INPUT_TEXT_MAX + 100);
    json_decref(got);
    text[900] = '\0';
    text[3] = text[4] = text[5] = 'a';
    got = told("web_search_call", "found", json_string(text));
    assert_true(json_string_length(got) > 900);
    json_decref(got);
    memset(text, 'a', 900);
    got = told("image_generation_call", "result", json_string(text));
    assert_string_equal(json_string_value(got),
                        "[image_generation_call] {\"result\":\"(900 bytes)\"}");
    json_decref(got);
}

/* Where the request has hosted tools, what such a tool did goes to the model as it is. */
static void what_hosted_tools_did_stays_where_there_are_some(void **state)
{
    (void)state;
    json_t *item = json_pack("{s:s, s:s, s:s}", "type", "web_search_call", "id", "ws_1", "status",
                             "completed");
    json_t *thought = json_pack("{s:s, s:s, s:s, s:[]}", "type", "reasoning", "id", "rs_1",
                                "encrypted_content", "e", "summary");
    json_t *other = json_pack("{s:s, s:s}", "type", "custom_tool_call", "name", "c");
    json_t *to = json_array();
    assert_int_equal(clo_model_input_add(NULL, "", thought, true, to), 0);
    assert_int_equal(clo_model_input_add(NULL, "", item, true, to), 0);
    assert_int_equal(clo_model_input_add(NULL, "", other, true, to), 0);
    assert_int_equal(clo_history_tidy(to), 0); /* the thought led to it */
    assert_int_equal(json_array_size(to), 3);
    assert_true(json_equal(json_array_get(to, 1), item));
    assert_string_equal(json_string_value(json_object_get(json_array_get(to, 2), "role")),
                        "assistant");
    json_decref(item);
    json_decref(thought);
    json_decref(other);
    json_decref(to);
}

/* JSON with ' for ". */
static json_t *quoted(const char *text)
{
    char copy[256];
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *at = copy; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *value = json_loads(copy, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

static void text_that_answers_a_call_is_one_string(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *told;
    } outputs[] = {
        {"[{'type':'input_text','text':'a'},{'type':'output_text','text':'b'}]", "'a\\nb'"},
        {"[{'type':'other','text':'c'}]", "'c'"},
        {"[]", "''"},
        {"[{'type':'input_text','text':'a'},{'type':'input_image','image_url':'u'}]", NULL},
        {"[{'type':'refusal','refusal':'no'}]", NULL},
    };
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        json_t *sent = quoted(outputs[i].sent), *to = json_array();
        json_t *wanted = outputs[i].told ? quoted(outputs[i].told) : json_incref(sent);
        json_t *item = json_pack("{s:s, s:s, s:O}", "type", "function_call_output", "call_id", "c",
                                 "output", sent);
        assert_int_equal(clo_model_input_add(NULL, "", item, false, to), 0);
        json_t *told = json_object_get(json_array_get(to, 0), "output");
        assert_true(json_equal(told, wanted));
        json_decref(item);
        json_decref(to);
        json_decref(wanted);
        json_decref(sent);
    }
}

#define DEPTH 2000 /* the parser's limit is 2,048 */

static void *tell_deep(void *item)
{
    json_t *to = json_array();
    assert_int_equal(clo_model_input_add(NULL, "", item, false, to), 0);
    assert_int_equal(json_array_size(to), 1);
    json_decref(to);
    return NULL;
}

/* On a stack as small as a thread's may be: what is told must not grow it by much a level. */
static void deep_items_do_not_take_the_stack(void **state)
{
    (void)state;
    json_t *value = json_string("x");
    for (int i = 0; i < DEPTH; i++)
        value = json_pack("[o]", value);
    json_t *item = json_pack("{s:s, s:o}", "type", "web_search_call", "found", value);
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    assert_int_equal(pthread_attr_setstacksize(&small, 2 << 20), 0);
    assert_int_equal(pthread_create(&thread, &small, tell_deep, item), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&small);
    json_decref(item);
}

static void references_reach_every_stored_item(void **state)
{
    struct clo_store *store = *state;
    const char *said = "{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\","
                       "\"content\":[{\"type\":\"output_text\",\"text\":\"b\"}]}";
    const char *asked = "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"user\","
                        "\"content\":[{\"type\":\"input_text\",\"text\":\"a\"}]}";
#define REFERENCES REFERENCE("msg_1") "," REFERENCE("mcp_7") "," REFERENCE("msg_9")
    char *want = NULL, *output = NULL;
    assert_true(asprintf(&output, "%s,%s,%s", RUN, RAN, said) > 0);
    put(store, "r1", "", "completed", asked, output);
    /* each turn sends references to all that came before: they are stored, and not found */
    put(store, "r2", "", "completed", REFERENCES "," USER("c"), SAID("d"));
    put(store, "r3", "", "completed", REFERENCES "," USER("e"), SAID("f"));
    /* and an item that a client sends back with less in it does not hide the whole one */
    put(store, "r4", "", "completed",
        "{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"user\","
        "\"content\":[]}",
        SAID("f"));
    assert_true(asprintf(&want, "%s,%s,%s,%s", asked, PAIR("call_7", ARGUMENTS, "failed so"), said,
                         USER("z")) > 0);
    assert_loads(store, REFERENCES "," USER("z"), "", want);
    free(want);
    free(output);
}

static void what_an_older_turn_referred_to_may_be_gone(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "completed", REFERENCE("msg_gone") "," USER("a"), SAID("b"));
    assert_loads(store, USER("c"), ",\"previous_response_id\":\"r1\"",
                 USER("a") "," SAID("b") "," USER("c"));
    assert_refused(store, REFERENCE("mcp_gone") "," USER("c"), ",\"previous_response_id\":\"r1\"",
                   404, "input[0].id", "'mcp_gone' not found");
}

static void refusals_name_the_place_in_the_request(void **state)
{
    struct clo_store *store = *state;
    put(store, "r1", "", "completed", USER("a"), RUN "," RAN "," SAID("b"));
    assert_refused(store, REFERENCE("mcp_7") ",{\"type\":\"reasoning\"}," OUTPUT("2"),
                   ",\"previous_response_id\":\"r1\"", 400, "input[2].call_id", "'2'");
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
    assert_int_equal(clo_history_load(store, &request, NULL, &all, &problem), 0);
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
        WITH_STORE(history_comes_back_in_every_form),
        cmocka_unit_test(text_of_other_tools_is_bounded),
        cmocka_unit_test(what_hosted_tools_did_stays_where_there_are_some),
        cmocka_unit_test(text_that_answers_a_call_is_one_string),
        cmocka_unit_test(deep_items_do_not_take_the_stack),
        WITH_STORE(references_reach_every_stored_item),
        WITH_STORE(what_an_older_turn_referred_to_may_be_gone),
        WITH_STORE(refusals_name_the_place_in_the_request),
        WITH_STORE(a_chain_has_one_session),
        WITH_STORE(a_history_has_its_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

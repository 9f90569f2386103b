/* no_memory_test.c - every allocation for JSON fails once: an answer is then right, or an error,
 * and never one that lost something on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/json.h"
#include "model/client.h"
#include "serve/protocol/events.h"
#include "serve/protocol/output_filter.h"
#include "serve/protocol/request.h"
#include "serve/store/history.h"
#include "serve/store/model_input.h"
#include "serve/store/store.h"

static long fails_at, countdown; /* to the allocation that fails; 0: none */
static long calls_after;         /* it failed */

/* While `walls`, a block ends where nothing may be read or written. */
#define PAGE 4096
static bool walls;

static void *walled_malloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    assert_true(size <= PAGE);
    char *page = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(mprotect(page, PAGE, PROT_READ | PROT_WRITE), 0);
    return page + PAGE - size;
}

static void *failing_malloc(size_t size)
{
    calls_after++;
    if (countdown && --countdown == 0) {
        calls_after = 0;
        return NULL;
    }
    return walls ? walled_malloc(size) : malloc(size);
}

static void walled_free(void *block)
{
    if (!walls)
        free(block);
    else if (block)
        munmap((char *)block - (uintptr_t)block % PAGE, 2 * PAGE);
}

/* From here on, until an attempt ends. */
static void arm(void)
{
    countdown = fails_at;
}

/* Try with each allocation failing, until there are none left. An attempt gives its result, or NULL
 * for an error of the right kind. */
static void assert_told(json_t *(*attempt)(void), const char *want)
{
    json_t *right = json_loads(want, JSON_DECODE_ANY, NULL);
    assert_non_null(right);
    long told = 0;
    fails_at = 0;
    for (bool reached = true; reached; fails_at++) {
        json_t *got = attempt();
        reached = fails_at == 0 || countdown == 0;
        countdown = 0;
        if (got && !json_equal(got, right)) {
            char *text = json_dumps(got, JSON_ENCODE_ANY);
            fail_msg("nobody was told that allocation %ld failed: %s", fails_at, text);
        }
        assert_true(got || fails_at > 0);
        told += !got;
        json_decref(got);
    }
    assert_true(told > 2);
    json_decref(right);
}

#define DOCUMENT "{\"a\": [\"text\", {\"\\u00e9t\\u00e9\": 1.5}], \"b\": {\"c\": \"d\"}}"

static json_t *parse(void)
{
    json_error_t why;
    arm();
    json_t *got = clo_json_load(DOCUMENT, strlen(DOCUMENT), &why);
    assert_true(got || clo_json_no_memory(&why)); /* not "invalid" */
    return got;
}

static void documents_are_parsed_whole(void **state)
{
    (void)state;
    assert_told(parse, DOCUMENT);
}

static char token[160];

static json_t *parse_token(void)
{
    json_error_t why;
    arm();
    json_t *got = clo_json_load(token, strlen(token), &why);
    assert_true(got || (clo_json_no_memory(&why) && calls_after == 0));
    return got;
}

/* Of every length, so that the buffer for a token cannot grow at every byte: a string's closing
 * quote, an exponent's digit, the middle of an escape. */
static void tokens_are_not_read_beyond_their_end(void **state)
{
    (void)state;
    static const char *const shapes[] = {"[\"%0*d\"]", "[true, 1.%0*de5]",
                                         "[{\"%0*d\\u00e9\": 1}]"};
    for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
        for (int length = 1; length <= 70; length++) {
            snprintf(token, sizeof token, shapes[shape], length, 0);
            assert_told(parse_token, token);
        }
    }
}

static int build_walls(void **state)
{
    (void)state;
    walls = true;
    return 0;
}

static int pull_walls_down(void **state)
{
    (void)state;
    walls = false;
    return 0;
}

static json_t *add(void)
{
    arm();
    json_t *object = json_object();
    clo_json_put(&object, "a", json_string("b"));
    clo_json_put(&object, "c", json_integer(1));
    return object;
}

static void objects_are_made_whole(void **state)
{
    (void)state;
    assert_told(add, "{\"a\": \"b\", \"c\": 1}");
}

static json_t *read_arguments(void)
{
    json_t *call = json_pack("{s:s}", "arguments", "{\"code\": \"1\"}");
    arm();
    json_t *got = clo_client_arguments(call);
    json_decref(call);
    return got;
}

static void good_arguments_do_not_become_unreadable(void **state)
{
    (void)state;
    assert_told(read_arguments, "\"{\\\"code\\\": \\\"1\\\"}\"");
}

#define HISTORY                                                                                    \
    "[{\"type\": \"function_call\", \"call_id\": \"1\", \"name\": \"f\", \"arguments\": \"{}\"},"  \
    " {\"type\": \"function_call_output\", \"call_id\": \"1\", \"output\": \"2\"}]"

static json_t *tidy(void)
{
    json_t *items = json_loads(HISTORY, 0, NULL);
    arm();
    if (clo_history_tidy(items) == 0)
        return items;
    json_decref(items);
    return NULL;
}

static void a_history_keeps_its_calls(void **state)
{
    (void)state;
    assert_told(tidy, HISTORY);
}

static json_t *read_request(void)
{
    static const char body[] = "{\"input\": [{\"role\": \"user\", \"content\": \"x\"}]}";
    struct clo_request request = {0};
    struct clo_problem problem = {0};
    arm();
    int status = clo_request_parse(&request, body, strlen(body), &problem);
    json_t *got = status < 0 ? NULL : json_incref(request.input);
    if (status < 0)
        if (problem.status != 500) /* the client did nothing wrong */
            fail_msg("%d %s", problem.status, problem.message);
    clo_request_clear(&request);
    return got;
}

static void a_request_is_not_the_clients_fault(void **state)
{
    (void)state;
    assert_told(read_request, "[{\"type\": \"message\", \"role\": \"user\", \"content\":"
                              " [{\"type\": \"input_text\", \"text\": \"x\"}]}]");
}

static int keep_event(void *context, uint64_t sequence, const char *text, size_t length)
{
    const char *data = strstr(text, "\ndata: ");
    long left = countdown;
    countdown = 0;
    (void)sequence;
    assert_true(length > 0 && data);
    assert_int_equal(
        json_array_append_new(context, json_loads(data + 7, JSON_DISABLE_EOF_CHECK, NULL)), 0);
    countdown = left;
    return 0;
}

static json_t *cut_off(void)
{
    json_t *item = json_pack("{s:s, s:s, s:[]}", "type", "message", "id", "m", "content");
    json_t *got = json_array();
    struct clo_events events;
    clo_events_init(&events, keep_event, got);
    arm();
    clo_events_item(&events, &(struct clo_item_event){.kind = CLO_ITEM_ADDED, .item = item});
    clo_events_item(&events,
                    &(struct clo_item_event){.kind = CLO_ITEM_TEXT, .delta = "half", .length = 4});
    clo_events_close(&events);
    if (events.failed) {
        json_decref(got);
        got = NULL;
    }
    clo_events_clear(&events);
    json_decref(item);
    return got;
}

#define TEXT "\"type\": \"output_text\", \"text\": \"half\", \"annotations\": [], \"logprobs\": []"
#define AT "\"item_id\": \"m\", \"output_index\": 0, \"content_index\": 0"

static void no_event_of_a_stream_is_left_out(void **state)
{
    (void)state;
    assert_told(cut_off,
                "[{\"type\": \"response.output_item.added\", \"sequence_number\": 0,"
                "  \"output_index\": 0, \"item\": {\"type\": \"message\", \"id\": \"m\","
                "  \"content\": []}},"
                " {\"type\": \"response.content_part.added\", \"sequence_number\": 1, " AT ","
                "  \"part\": {\"type\": \"output_text\", \"text\": \"\", \"annotations\": [],"
                "  \"logprobs\": []}},"
                " {\"type\": \"response.output_text.delta\", \"sequence_number\": 2, " AT ","
                "  \"delta\": \"half\", \"logprobs\": []},"
                " {\"type\": \"response.output_text.done\", \"sequence_number\": 3, " AT ","
                "  \"text\": \"half\", \"logprobs\": []},"
                " {\"type\": \"response.content_part.done\", \"sequence_number\": 4, " AT ","
                "  \"part\": {" TEXT "}},"
                " {\"type\": \"response.output_item.done\", \"sequence_number\": 5,"
                "  \"output_index\": 0, \"item\": {\"type\": \"message\", \"id\": \"m\","
                "  \"status\": \"incomplete\", \"content\": [{" TEXT "}]}}]");
}

#define RUN                                                                                        \
    "{\"type\": \"function_call\", \"id\": \"fc_1\", \"call_id\": \"1\", \"name\": "               \
    "\"execute_code\","                                                                            \
    " \"arguments\": \"{}\"}"
#define OUTPUT                                                                                     \
    "{\"type\": \"function_call_output\", \"id\": \"fco_1\", \"call_id\": \"1\", \"output\": "     \
    "\"2\","                                                                                       \
    " \"failed\": true}"
#define SAID "{\"type\": \"message\", \"role\": \"assistant\", \"content\": [{" TEXT "}]}"

static json_t *show(enum clo_serve_items items)
{
    json_t *output = json_loads("[" RUN ", " SAID ", " OUTPUT "]", 0, NULL);
    struct clo_output_filter_view view = {items, "a", NULL};
    arm();
    json_t *got = clo_output_filter_output(&view, output);
    json_decref(output);
    return got;
}

static json_t *show_mcp(void)
{
    return show(CLO_SERVE_ITEMS_MCP);
}

static json_t *show_calls(void)
{
    return show(CLO_SERVE_ITEMS_CALLS);
}

static void no_item_is_left_out(void **state)
{
    (void)state;
    assert_told(show_mcp, "[{\"type\": \"mcp_call\", \"id\": \"mcp_1\", \"server_label\": \"a\","
                          " \"name\": \"execute_code\", \"arguments\": \"{}\", \"output\": \"2\","
                          " \"error\": null, \"status\": \"failed\","
                          " \"approval_request_id\": null}, " SAID "]");
    assert_told(show_calls, "[" RUN ", " SAID ", {\"type\": \"function_call_output\","
                            " \"id\": \"fco_1\", \"call_id\": \"1\", \"output\": \"2\"}]");
}

static json_t *told_to_model(void)
{
    static const char items[] =
        "[{\"type\": \"item_reference\", \"id\": \"mcp_1\"},"
        " {\"type\": \"mcp_call\", \"id\": \"mcp_1\", \"name\": \"execute_code\","
        "  \"arguments\": \"\"},"
        " {\"type\": \"reasoning\", \"encrypted_content\": \"x\"},"
        " {\"type\": \"function_call_output\", \"call_id\": \"2\", \"output\":"
        "  [{\"type\": \"input_text\", \"text\": \"4\"}, {\"type\": \"text\", \"text\": \"5\"}]},"
        " {\"type\": \"shell_call_output\", \"output\": [{\"stdout\": \"3\", \"error\": null}]},"
        " {\"type\": \"message\", \"role\": \"user\", \"content\": [{\"type\": \"hologram\"}]}]";
    struct clo_store *store;
    struct clo_record record = {.id = "resp_1", .status = "completed", .session = "s"};
    json_t *sent = json_loads(items, 0, NULL),
           *output = json_loads("[" RUN ", " OUTPUT "]", 0, NULL);
    json_t *got = json_array(), *item;
    size_t index;
    int status = 0;
    record.response = json_pack("{s:s}", "id", "resp_1");
    assert_int_equal(clo_store_open(&store, ":memory:", NULL), 0);
    assert_int_equal(clo_store_put(store, &record, NULL, output), 0);
    arm();
    json_array_foreach(sent, index, item) {
        if (status == 0)
            status = clo_model_input_add(store, "", item, false, got);
    }
    clo_record_clear(&record);
    clo_store_close(store);
    json_decref(sent);
    json_decref(output);
    if (status == 0)
        return got;
    json_decref(got);
    return NULL;
}

#define PAIR                                                                                       \
    "{\"type\": \"function_call\", \"call_id\": \"1\", \"name\": \"execute_code\","                \
    " \"arguments\": \"{}\"}, {\"type\": \"function_call_output\", \"call_id\": \"1\","            \
    " \"output\": \"2\"}"

static void a_model_is_told_all(void **state)
{
    (void)state;
    assert_told(told_to_model,
                "[" PAIR ", " PAIR ", {\"type\": \"reasoning\", \"encrypted_content\": \"x\","
                " \"summary\": []}, {\"type\": \"function_call_output\", \"call_id\": \"2\","
                " \"output\": \"4\\n5\"},"
                " {\"type\": \"message\", \"role\": \"user\", \"content\":"
                " [{\"type\": \"input_text\", \"text\": \"[shell_call_output]"
                " {\\\"output\\\":[{\\\"stdout\\\":\\\"3\\\"}]}\"}]},"
                " {\"type\": \"message\", \"role\": \"user\", \"content\":"
                " [{\"type\": \"input_text\", \"text\": \"[hologram] {}\"}]}]");
}

static json_t *store_and_read(void)
{
    struct clo_store *store;
    struct clo_record record = {.id = "resp_1", .status = "completed", .session = "s"}, back = {0};
    json_t *in = json_pack("[{s:s, s:s}]", "type", "message", "content", "in"), *got = NULL;
    json_t *out = json_pack("[{s:s, s:s, s:s}]", "type", "message", "id", "m", "content", "out");
    record.response = json_pack("{s:s, s:i, s:s, s:[]}", "id", "resp_1", "created_at", 5, "status",
                                "completed", "output");
    assert_int_equal(clo_store_open(&store, ":memory:", NULL), 0);
    arm();
    if (clo_store_put(store, &record, in, out) == 0 &&
        clo_store_get(store, "", "resp_1", &back) == 0)
        got = json_incref(back.response);
    clo_record_clear(&back);
    clo_record_clear(&record);
    clo_store_close(store);
    json_decref(in);
    json_decref(out);
    return got;
}

static void what_was_stored_is_read_whole(void **state)
{
    (void)state;
    assert_told(store_and_read, "{\"id\": \"resp_1\", \"created_at\": 5, \"status\": \"completed\","
                                " \"output\": [{\"type\": \"message\", \"id\": \"m\","
                                " \"content\": \"out\"}]}");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_parsed_whole),
        cmocka_unit_test_setup_teardown(tokens_are_not_read_beyond_their_end, build_walls,
                                        pull_walls_down),
        cmocka_unit_test(objects_are_made_whole),
        cmocka_unit_test(good_arguments_do_not_become_unreadable),
        cmocka_unit_test(a_history_keeps_its_calls),
        cmocka_unit_test(a_request_is_not_the_clients_fault),
        cmocka_unit_test(no_event_of_a_stream_is_left_out),
        cmocka_unit_test(no_item_is_left_out),
        cmocka_unit_test(a_model_is_told_all),
        cmocka_unit_test(what_was_stored_is_read_whole),
    };
    json_set_alloc_funcs(failing_malloc, walled_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* model_protocol_test.c - the two protocols of model servers over real sockets: what is sent, and
 * what comes back in whatever pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model_call.h"

static void responses_stream_in_any_pieces(void **state)
{
    (void)state;
    static const size_t drips[] = {0, 1, 2, 7, 100};
    for (size_t i = 0; i < sizeof drips / sizeof *drips; i++) {
        struct act act = {two_items, CLOSE, drips[i], 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
        check_two_items(&outcome);
        const json_t *message = json_array_get(outcome.reply.output, 0);
        const json_t *part = json_array_get(json_object_get(message, "content"), 0);
        assert_string_equal(clo_json_text(part, "text"), "Hello \xc3\xa4");
        assert_string_equal(clo_json_text(json_array_get(outcome.reply.output, 1), "arguments"),
                            "{\"code\":\"1\"}");
        done(&outcome);
    }
}

static void responses_end_without_the_server_hanging_up(void **state)
{
    (void)state;
    struct act act = {two_items, HANG, 0, 0}; /* its last event is enough */
    struct outcome outcome;
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    check_two_items(&outcome);
    assert_true(outcome.ms < 3000);
    done(&outcome);
}

/* clang-format off */
static const char interleaved[] = EVENTS
    RE("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\"}")
    RE("response.output_item.added", ",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"call_id\":\"b\",\"name\":\"g\"}")
    RE("response.function_call_arguments.delta", ",\"output_index\":0,\"delta\":\"1\"")
    RE("response.function_call_arguments.delta", ",\"output_index\":1,\"delta\":\"8\"")
    RE("response.output_item.done", ",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"call_id\":\"b\",\"name\":\"g\",\"arguments\":\"89\"}")
    RE("response.function_call_arguments.delta", ",\"output_index\":0,\"delta\":\"2\"")
    RE("response.output_item.done", ",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"123\"}")
    RE("response.completed", ",\"response\":{\"status\":\"completed\"}");
/* clang-format on */

static void responses_items_never_overlap(void **state)
{
    (void)state;
    struct act act = {interleaved, CLOSE, 0, 0};
    struct outcome outcome;
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.log.data,
                        "+function_call@1@2@3-completed +function_call@89-completed ");
    done(&outcome);
}

/* clang-format off */
static const char thoughts[] = EVENTS
    RE("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs_9\",\"summary\":[]}")
    RE("response.reasoning_summary_part.added", ",\"output_index\":0,\"summary_index\":0")
    RE("response.reasoning_summary_text.delta", ",\"output_index\":0,\"delta\":\"one\"")
    RE("response.reasoning_summary_part.added", ",\"output_index\":0,\"summary_index\":1")
    RE("response.reasoning_summary_text.delta", ",\"output_index\":0,\"delta\":\"two\"")
    RE("response.output_item.done", ",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs_9\",\"encrypted_content\":\"zzz\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"one\"},{\"type\":\"summary_text\",\"text\":\"two\"}]}")
    RE("response.output_item.added", ",\"output_index\":1,\"item\":{\"type\":\"message\"}")
    RE("response.refusal.delta", ",\"output_index\":1,\"delta\":\"no\"")
    RE("response.incomplete", ",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"}}");
/* clang-format on */

static void responses_reasoning_refusal_incomplete(void **state)
{
    (void)state;
    struct act act = {thoughts, CLOSE, 0, 0};
    struct outcome outcome;
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.log.data, "+reasoning~one~\n\n~two- +message!no-incomplete ");
    assert_string_equal(outcome.reply.incomplete, "content_filter");
    const json_t *item = json_array_get(outcome.reply.output, 0);
    assert_string_equal(clo_json_text(item, "encrypted_content"), "zzz");
    assert_string_equal(clo_json_text(item, "id"), "rs_9");
    done(&outcome);
}

/* An answer that was cut need not say so twice. */
static void responses_are_cut_by_the_events_own_type(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *reason;
    } cut[] = {
        {EVENTS RE("response.incomplete", ",\"response\":{\"output\":[]}"), "max_output_tokens"},
        {EVENTS RE("response.incomplete",
                   ",\"response\":{\"output\":[],\"incomplete_details\":{\"reason\":"
                   "\"content_filter\"}}"),
         "content_filter"},
        {EVENTS RE("response.completed", ",\"response\":{\"output\":[],\"status\":\"incomplete\"}"),
         "max_output_tokens"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct act act = {cut[i].answer, CLOSE, 0, 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
        assert_int_equal(outcome.status, 0);
        if (!outcome.reply.incomplete)
            fail_msg("%zu is complete", i);
        assert_string_equal(outcome.reply.incomplete, cut[i].reason);
        done(&outcome);
    }
}

/* The form of an answer is in its media type, or else in its first byte. */
static void media_types_are_read_as_such(void **state)
{
    (void)state;
    static const char *const whole[] = {"application/json", "Application/JSON; charset=utf-8",
                                        "application/vnd.x+json", "text/plain", ""};
    static const char *const events[] = {"text/event-stream", "TEXT/EVENT-STREAM ;x=json",
                                         "application/jsonish; text", "text/plain", ""};
    for (size_t i = 0; i < 10; i++) {
        char answer[1024];
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n%s",
                 i < 5 ? whole[i] : events[i - 5],
                 i < 5 ? "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}"
                       : CHUNK("{\"content\":\"hi\"}",
                               ",\"finish_reason\":\"stop\"") "data: [DONE]\n\n");
        struct act act = {answer, CLOSE, 0, 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_CHAT, &act, 1);
        if (outcome.status)
            fail_msg("%zu: %s", i, outcome.error.message);
        assert_string_equal(outcome.log.data, "+message|hi-completed ");
        done(&outcome);
    }
}

static const char plain_response[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    "{\"id\":\"resp_1\",\"status\":\"completed\",\"model\":\"p\",\"error\":null,\"output\":["
    "{\"type\":\"web_search_call\",\"id\":\"ws\"},"
    "{\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":["
    "{\"type\":\"output_text\",\"text\":\"one \"},{\"type\":\"output_text\",\"text\":\"two\"}]}],"
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}";

static void responses_from_a_server_that_does_not_stream(void **state)
{
    (void)state;
    struct act act = {plain_response, CLOSE, 3, 0};
    struct outcome outcome;
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.log.data, "+message|one two-completed ");
    assert_int_equal(outcome.reply.usage.input, 3);
    done(&outcome);
}

static void responses_request_is_as_the_protocol_wants(void **state)
{
    (void)state;
    struct act act = {plain_response, CLOSE, 0, 0};
    struct outcome outcome;
    json_t *input = parse(
        "[{\"type\":\"message\",\"id\":\"msg_x\",\"role\":\"user\",\"content\":\"q\"},"
        "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]},"
        "{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":null,\"encrypted_content\":\"e\"},"
        "{\"type\":\"function_call\",\"id\":\"fc_x\",\"status\":\"completed\",\"call_id\":\"c\","
        "\"name\":\"f\",\"arguments\":\"{broken\"},"
        "{\"type\":\"function_call_output\",\"id\":\"fco_x\",\"call_id\":\"c\",\"output\":\"o\","
        "\"status\":\"completed\"},"
        "{\"type\":\"mcp_approval_request\",\"id\":\"mcpr_1\"},"
        "{\"id\":\"msg_y\",\"role\":\"user\",\"content\":\"r\",\"status\":null,\"phase\":null}]");
    json_t *tools = json_pack("[{s:s, s:s}]", "type", "function", "name", "f");
    json_t *options = json_pack("{s:f, s:n, s:{s:s}, s:s}", "temperature", 0.5, "top_p",
                                "reasoning", "effort", "low", "unknown", "x");
    struct clo_model_request request = {
        .instructions = "be brief", .input = input, .tools = tools, .options = options};
    call_full(&outcome, CLO_MODEL_RESPONSES, &act, 1, &request, 5000);
    assert_int_equal(outcome.status, 0);
    assert_non_null(strstr(outcome.head, "POST /v1/responses HTTP/1.1\r\n"));
    assert_non_null(strstr(outcome.head, "Authorization: Bearer " KEY "\r\n"));
    assert_null(strstr(outcome.head, "Expect"));
    json_t *sent = parse(outcome.body);
    json_t *wanted = json_pack(
        "{s:s, s:[{s:s,s:s,s:s}, {s:s,s:s,s:[],s:s}, {s:s,s:s,s:s,s:s}, {s:s,s:s,s:s}, {s:s,s:s}], s:b, s:b,"
        " s:f, s:{s:s}, s:s, s:O, s:[s]}",
        "model", "m", "input", "type", "message", "role", "user", "content", "q", "type",
        "reasoning", "id", "rs_2", "summary", "encrypted_content", "e", "type", "function_call",
        "call_id", "c", "name", "f", "arguments", "{\"unreadable\":\"{broken\"}", "type",
        "function_call_output", "call_id", "c", "output", "o", "role", "user", "content", "r",
        "stream", 1, "store", 0, "temperature", 0.5, "reasoning", "effort", "low", "instructions",
        "be brief", "tools", tools, "include", "reasoning.encrypted_content");
    if (!json_equal(sent, wanted))
        fail_msg("%s", outcome.body);
    json_decref(sent);
    json_decref(wanted);
    json_decref(input);
    json_decref(tools);
    json_decref(options);
    done(&outcome);
}

static void chat_streams_in_any_pieces(void **state)
{
    (void)state;
    static const size_t drips[] = {0, 1, 5};
    for (size_t i = 0; i < sizeof drips / sizeof *drips; i++) {
        struct act act = {chat_stream, CLOSE, drips[i], 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_CHAT, &act, 1);
        assert_int_equal(outcome.status, 0);
        assert_string_equal(
            outcome.log.data,
            "+reasoning~hm- +message|Let |me-completed +function_call@{\"x\"@:1}-completed +function_call@{}-completed ");
        assert_string_equal(outcome.reply.served, "c-1");
        assert_int_equal(outcome.reply.usage.input, 5);
        assert_int_equal(outcome.reply.usage.output, 6);
        assert_int_equal(outcome.reply.usage.cached, 1);
        assert_int_equal(outcome.reply.usage.reasoning, 2);
        assert_string_equal(clo_json_text(json_array_get(outcome.reply.output, 3), "call_id"), "b");
        done(&outcome);
    }
}

static const struct {
    const char *answer, *log, *incomplete;
} chats[] = {
    {EVENTS CHUNK("{\"content\":\"abc\"}", ",\"finish_reason\":\"length\"") "data: [DONE]\n\n",
     "+message|abc-incomplete ", "max_output_tokens"},
    {EVENTS CHUNK("{\"refusal\":\"no\"}", "")
         CHUNK("{}", ",\"finish_reason\":\"stop\"") "data: [DONE]\n\n",
     "+message!no-completed ", NULL},
    /* all calls under one number, whole: told apart by their ids */
    {EVENTS CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"1\"}},{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\","
                  "\"arguments\":\"2\"}}]}",
                  "") CHUNK("{}", ",\"finish_reason\":\"tool_calls\"") "data: [DONE]\n\n",
     "+function_call@1-completed +function_call@2-completed ", NULL},
    /* no number, no id; a call that is cut; text after a call */
    {EVENTS CHUNK("{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"1\"}}]}", "")
         CHUNK("{\"tool_calls\":[{\"function\":{\"arguments\":\"2\"}}]}", "")
             CHUNK("{}", ",\"finish_reason\":\"length\"") "data: [DONE]\n\n",
     "+function_call@1@2-incomplete ", "max_output_tokens"},
    {EVENTS CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"1\"}}]}",
                  "")
         CHUNK("{\"content\":\"late\"}", ",\"finish_reason\":\"stop\"") "data: [DONE]\n\n",
     "+function_call@1-completed +message|late-completed ", NULL},
    /* servers that do not stream */
    {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
     "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"hi\"}]},\"finish_reason\":\"stop\"}]}",
     "+message|hi-completed ", NULL},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
     "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"function\":{"
     "\"name\":\"f\",\"arguments\":{\"x\":1}}}]},\"finish_reason\":\"tool_calls\"}]}",
     "+function_call@{\"x\":1}-completed ", NULL},
};

static void chat_servers_of_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof chats / sizeof *chats; i++) {
        struct act act = {chats[i].answer, CLOSE, 0, 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_CHAT, &act, 1);
        assert_int_equal(outcome.status, 0);
        assert_string_equal(outcome.log.data, chats[i].log);
        if (chats[i].incomplete)
            assert_string_equal(outcome.reply.incomplete, chats[i].incomplete);
        else
            assert_null(outcome.reply.incomplete);
        done(&outcome);
    }
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 47\r\n\r\n"
        "{\"choices\":[{\"message\":{\"content\":\"hello!!\"}}]}";
    struct act act = {answer, KEEP, 0, 0};
    struct server server;
    json_t *input = user("x");
    server_start(&server, &act, 1);
    struct clo_model *model = open_model(CLO_MODEL_CHAT, server.port, 5000);
    for (int i = 0; i < 5; i++) {
        struct clo_error error;
        struct clo_model_reply reply;
        struct clo_model_request request = {.input = input};
        assert_int_equal(clo_model_call(model, &request, NULL, &reply, &error), 0);
        clo_model_reply_clear(&reply);
    }
    assert_int_equal(atomic_load(&server.requests), 5);
    assert_int_equal(atomic_load(&server.connections), 1);
    clo_model_destroy(model);
    server_stop(&server);
    json_decref(input);
}

static void configurations_are_checked(void **state)
{
    (void)state;
    static const struct {
        struct clo_model_config config;
        const char *message;
    } cases[] = {
        {{.kind = CLO_MODEL_RESPONSES},
         "no API key for OpenAI's server, and no other server is named"},
        {{.kind = CLO_MODEL_CHAT, .base_url = "not a url"}, "the model's base URL is not a URL"},
        {{.kind = CLO_MODEL_CHAT, .base_url = "ftp://x/"},
         "the model's base URL is neither http:// nor https://"},
        {{.kind = CLO_MODEL_CHAT, .api_key = "sk\nX: y"},
         "the model's API key has a character at place 3 that no key has"},
        {{.kind = (enum clo_model_kind)9}, "model kind 9 is unknown"},
    };
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_model *model;
        struct clo_error error;
        assert_int_equal(clo_model_create(&model, &cases[i].config, &error), CLO_EINVALID);
        assert_null(model);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void the_environment_chooses(void **state)
{
    (void)state;
    struct clo_model *model;
    struct clo_model_config config = {0};
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    assert_int_equal(clo_model_create(&model, &config, NULL), 0);
    assert_string_equal(clo_model_name(model), "script");
    assert_string_equal(clo_model_description(model), "the offline script model");
    clo_model_destroy(model);
    setenv("OPENAI_API_KEY", "k", 1);
    assert_int_equal(clo_model_create(&model, &config, NULL), 0);
    assert_string_equal(clo_model_description(model),
                        "gpt-4.1-mini by the Responses API at https://api.openai.com/v1");
    clo_model_destroy(model);
    unsetenv("OPENAI_API_KEY");
    setenv("OPENAI_BASE_URL", "http://user:secret@h:1/v1/?q=secret", 1);
    setenv("OPENAI_MODEL", "big", 1);
    assert_int_equal(clo_model_create(&model, &config, NULL), 0);
    assert_string_equal(
        clo_model_description(model),
        "big by the Responses API, or chat completions if it has none, at http://h:1/v1");
    clo_model_destroy(model);
    config.kind = CLO_MODEL_CHAT;
    assert_int_equal(clo_model_create(&model, &config, NULL), 0);
    assert_string_equal(clo_model_description(model), "big by chat completions at http://h:1/v1");
    clo_model_destroy(model);
    unsetenv("OPENAI_BASE_URL");
    unsetenv("OPENAI_MODEL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_stream_in_any_pieces),
        cmocka_unit_test(responses_end_without_the_server_hanging_up),
        cmocka_unit_test(responses_items_never_overlap),
        cmocka_unit_test(responses_reasoning_refusal_incomplete),
        cmocka_unit_test(responses_are_cut_by_the_events_own_type),
        cmocka_unit_test(media_types_are_read_as_such),
        cmocka_unit_test(responses_from_a_server_that_does_not_stream),
        cmocka_unit_test(responses_request_is_as_the_protocol_wants),
        cmocka_unit_test(chat_streams_in_any_pieces),
        cmocka_unit_test(chat_servers_of_every_kind),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(the_environment_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

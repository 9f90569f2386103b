/* model_wire_test.c - the two protocols of model servers over real sockets: what is sent, what
 * comes back in whatever pieces, and every way in which a server can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/doc.h"
#include "model_server.h"

#define KEY "sk-test-0123456789"

struct outcome {
    int status;
    struct clo_error error;
    struct clo_model_reply reply;
    struct clo_buffer log;
    char *head, *body; /* of the first request */
    unsigned requests, connections;
    uint64_t ms;
};

static json_t *user(const char *text)
{
    return json_pack("[{s:s, s:s, s:s}]", "type", "message", "role", "user", "content", text);
}

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *value = clo_doc_load(text, strlen(text), &why);
    if (!value)
        fail_msg("%s: %s", why.text, text);
    return value;
}

static struct clo_model *open_model(enum clo_model_kind kind, unsigned port, unsigned timeout_ms)
{
    struct clo_model *model;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/", port);
    struct clo_model_config config = {
        .kind = kind, .name = "m", .base_url = url, .api_key = KEY, .timeout_ms = timeout_ms};
    struct clo_error error;
    if (clo_model_create(&model, &config, &error))
        fail_msg("%s", error.message);
    return model;
}

static void call_full(struct outcome *outcome, enum clo_model_kind kind, const struct act *acts,
                      size_t count, const struct clo_model_request *request, unsigned timeout_ms)
{
    struct server server;
    memset(outcome, 0, sizeof *outcome);
    outcome->log = CLO_BUFFER(1u << 20);
    clo_buffer_text(&outcome->log, "");
    server_start(&server, acts, count);
    struct clo_model *model = open_model(kind, server.port, timeout_ms);
    struct clo_item_sink sink = {log_item, &outcome->log};
    uint64_t start = clo_monotonic_ns();
    outcome->status = clo_model_call(model, request, &sink, &outcome->reply, &outcome->error);
    outcome->ms = (clo_monotonic_ns() - start) / 1000000;
    clo_model_destroy(model);
    outcome->requests = atomic_load(&server.requests);
    outcome->connections = atomic_load(&server.connections);
    outcome->head = server.heads[0] ? strdup(server.heads[0]) : NULL;
    outcome->body = server.bodies[0] ? strdup(server.bodies[0]) : NULL;
    server_stop(&server);
}

static void call(struct outcome *outcome, enum clo_model_kind kind, const struct act *acts,
                 size_t count)
{
    json_t *input = user("hi");
    struct clo_model_request request = {.input = input};
    call_full(outcome, kind, acts, count, &request, 5000);
    json_decref(input);
}

static void done(struct outcome *outcome)
{
    assert_null(outcome->status ? outcome->reply.output : NULL);
    assert_null(strstr(outcome->error.message, KEY));
    assert_null(strstr(outcome->error.hint, KEY));
    clo_model_reply_clear(&outcome->reply);
    clo_buffer_free(&outcome->log);
    free(outcome->head);
    free(outcome->body);
}

#define RE(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"

static const char two_items[] =
    EVENTS RE("response.created", ",\"response\":{\"model\":\"m-1\"}") ": keep-alive\n\n" RE(
        "response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":"
                                      "\"msg_1\",\"role\":\"assistant\",\"content\":[]}")
        RE("response.content_part.added", ",\"output_index\":0") RE(
            "response.output_text.delta", ",\"output_index\":0,\"delta\":\"He\"")
            RE("response.output_text.delta", ",\"output_index\":0,\"delta\":\"llo \\u00e4\"") RE(
                "response.output_item.done",
                ",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":"
                "\"msg_1\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":"
                "\"output_text\",\"text\":\"Hello \\u00e4\",\"annotations\":[]}]}")
                RE("response.output_item.added",
                   ",\"output_index\":1,\"item\":{\"type\":\"function_call\","
                   "\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"execute_code\",\"arguments\":"
                   "\"\"}") RE("response.function_call_arguments.delta",
                               ",\"output_index\":1,\"delta\":\"{\\\"code\\\":\"")
                    RE("response.function_call_arguments.delta",
                       ",\"output_index\":1,\"delta\":\"\\\"1\\\"}\"")
                        RE("response.output_item.done",
                           ",\"output_index\":1,\"item\":{\"type\":\"function_call\","
                           "\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"execute_code\","
                           "\"status\":\"completed\","
                           "\"arguments\":\"{\\\"code\\\":\\\"1\\\"}\"}")
                            RE("response.completed",
                               ",\"response\":{\"status\":\"completed\",\"model\":\"m-1-served\","
                               "\"usage\":{\"input_tokens\":10,\"output_tokens\":7,\"input_tokens_"
                               "details\":{"
                               "\"cached_tokens\":4},\"output_tokens_details\":{\"reasoning_"
                               "tokens\":2}}}");

static void check_two_items(const struct outcome *outcome)
{
    assert_int_equal(outcome->status, 0);
    assert_string_equal(outcome->log.data, "+message|He|llo \xc3\xa4-completed +function_call"
                                           "@{\"code\":@\"1\"}-completed ");
    assert_int_equal(json_array_size(outcome->reply.output), 2);
    assert_string_equal(outcome->reply.served, "m-1-served");
    assert_int_equal(outcome->reply.usage.input, 10);
    assert_int_equal(outcome->reply.usage.output, 7);
    assert_int_equal(outcome->reply.usage.cached, 4);
    assert_int_equal(outcome->reply.usage.reasoning, 2);
    assert_null(outcome->reply.incomplete);
}

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
        assert_string_equal(clo_doc_text(part, "text"), "Hello \xc3\xa4");
        assert_string_equal(clo_doc_text(json_array_get(outcome.reply.output, 1), "arguments"),
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

static const char interleaved[] = EVENTS RE(
    "response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"function_call\","
                                  "\"call_id\":\"a\",\"name\":\"f\"}")
    RE("response.output_item.added", ",\"output_index\":1,\"item\":{\"type\":\"function_call\","
                                     "\"call_id\":\"b\",\"name\":\"g\"}")
        RE("response.function_call_arguments.delta", ",\"output_index\":0,\"delta\":\"1\"")
            RE("response.function_call_arguments.delta", ",\"output_index\":1,\"delta\":\"8\"") RE(
                "response.output_item.done",
                ",\"output_index\":1,\"item\":{\"type\":\"function_call\","
                "\"call_id\":\"b\",\"name\":\"g\",\"arguments\":\"89\"}")
                RE("response.function_call_arguments.delta", ",\"output_index\":0,\"delta\":\"2\"")
                    RE("response.output_item.done",
                       ",\"output_index\":0,\"item\":{\"type\":\"function_call\","
                       "\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"123\"}")
                        RE("response.completed", ",\"response\":{\"status\":\"completed\"}");

static void responses_items_never_overlap(void **state)
{
    (void)state;
    struct act act = {interleaved, CLOSE, 0, 0};
    struct outcome outcome;
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.log.data, "+function_call@1@2@3-completed "
                                          "+function_call@89-completed ");
    done(&outcome);
}

static const char thoughts[] = EVENTS RE("response.output_item.added",
                                         ",\"output_index\":0,\"item\":{\"type\":\"reasoning\","
                                         "\"id\":\"rs_9\",\"summary\":[]}")
    RE("response.reasoning_summary_part.added", ",\"output_index\":0,\"summary_index\":0")
        RE("response.reasoning_summary_text.delta", ",\"output_index\":0,\"delta\":\"one\"")
            RE("response.reasoning_summary_part.added", ",\"output_index\":0,\"summary_index\":1")
                RE("response.reasoning_summary_text.delta", ",\"output_index\":0,\"delta\":\"two\"")
                    RE("response.output_item.done",
                       ",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":"
                       "\"rs_9\",\"encrypted_content\":\"zzz\",\"summary\":[{\"type\":\"summary_"
                       "text\",\"text\":"
                       "\"one\"},{\"type\":\"summary_text\",\"text\":\"two\"}]}")
                        RE("response.output_item.added",
                           ",\"output_index\":1,\"item\":{\"type\":\"message\"}")
                            RE("response.refusal.delta", ",\"output_index\":1,\"delta\":\"no\"") RE(
                                "response.incomplete",
                                ",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{"
                                "\"reason\":\"content_filter\"}}");

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
    assert_string_equal(clo_doc_text(item, "encrypted_content"), "zzz");
    assert_string_equal(clo_doc_text(item, "id"), "rs_9");
    done(&outcome);
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
        "{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[],\"encrypted_content\":\"e\"},"
        "{\"type\":\"function_call\",\"id\":\"fc_x\",\"status\":\"completed\",\"call_id\":\"c\","
        "\"name\":\"f\",\"arguments\":\"{broken\"},"
        "{\"type\":\"function_call_output\",\"id\":\"fco_x\",\"call_id\":\"c\",\"output\":\"o\","
        "\"status\":\"completed\"},"
        "{\"type\":\"mcp_approval_request\",\"id\":\"mcpr_1\"}]");
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
        "{s:s, s:[{s:s,s:s,s:s}, {s:s,s:s,s:[],s:s}, {s:s,s:s,s:s,s:s}, {s:s,s:s,s:s}], s:b, s:b,"
        " s:f, s:{s:s}, s:s, s:O, s:[s]}",
        "model", "m", "input", "type", "message", "role", "user", "content", "q", "type",
        "reasoning", "id", "rs_2", "summary", "encrypted_content", "e", "type", "function_call",
        "call_id", "c", "name", "f", "arguments", "{\"unreadable\":\"{broken\"}", "type",
        "function_call_output", "call_id", "c", "output", "o", "stream", 1, "store", 0,
        "temperature", 0.5, "reasoning", "effort", "low", "instructions", "be brief", "tools",
        tools, "include", "reasoning.encrypted_content");
    if (!json_equal(sent, wanted))
        fail_msg("%s", outcome.body);
    json_decref(sent);
    json_decref(wanted);
    json_decref(input);
    json_decref(tools);
    json_decref(options);
    done(&outcome);
}

#define CHUNK(delta, rest)                                                                         \
    "data: {\"model\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":" delta rest "}]}\n\n"

static const char chat_stream[] = EVENTS CHUNK(
    "{\"role\":\"assistant\",\"reasoning_content\":\"hm\"}", "") CHUNK("{\"content\":\"\"}", "")
    CHUNK("{\"content\":\"Let \"}", "") CHUNK("{\"content\":\"me\"}", "") CHUNK(
        "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"arguments\":\"\"}}]}",
        "") CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}}]}",
                  "")
        CHUNK(
            "{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":"
            "\"{\"}}]}",
            "") CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}},"
                      "{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}",
                      "")
            CHUNK("{}",
                  ",\"finish_reason\":\"tool_calls\"") "data: "
                                                       "{\"choices\":[],\"usage\":{\"prompt_"
                                                       "tokens\":5,\"completion_tokens\":6,"
                                                       "\"prompt_tokens_details\":{\"cached_"
                                                       "tokens\":1},\"completion_tokens_details\":{"
                                                       "\"reasoning_tokens\":2}}}\n\ndata: "
                                                       "[DONE]\n\n";

static void chat_streams_in_any_pieces(void **state)
{
    (void)state;
    static const size_t drips[] = {0, 1, 5};
    for (size_t i = 0; i < sizeof drips / sizeof *drips; i++) {
        struct act act = {chat_stream, CLOSE, drips[i], 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_CHAT, &act, 1);
        assert_int_equal(outcome.status, 0);
        assert_string_equal(outcome.log.data,
                            "+reasoning~hm- +message|Let |me-completed "
                            "+function_call@{\"x\"@:1}-completed +function_call@{}-completed ");
        assert_string_equal(outcome.reply.served, "c-1");
        assert_int_equal(outcome.reply.usage.input, 5);
        assert_int_equal(outcome.reply.usage.output, 6);
        assert_int_equal(outcome.reply.usage.cached, 1);
        assert_int_equal(outcome.reply.usage.reasoning, 2);
        assert_string_equal(clo_doc_text(json_array_get(outcome.reply.output, 3), "call_id"), "b");
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

#define STATUS(line, body)                                                                         \
    "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body

static const struct {
    const char *answer, *message, *hint, *log;
    enum clo_model_kind kind;
    enum clo_status status;
    unsigned requests;
} failures[] = {
    {STATUS("401 Unauthorized", "{\"error\":{\"message\":\"Incorrect key: " KEY "\"}}"),
     "the model's server refused the credentials (HTTP 401)", "said: Incorrect key: [key]", "",
     CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {STATUS("400 Bad Request", "{\"error\":{\"message\":\"too\\nlong " KEY "\"}}"),
     "the model's server answered HTTP 400: too long [key]", "127.0.0.1", "", CLO_MODEL_CHAT,
     CLO_EMODEL, 1},
    {STATUS("429 Too Many\r\nRetry-After: 100", "{\"error\":\"slow down\"}"),
     "the model's server answered HTTP 429: slow down", "", "", CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {STATUS("500 Oops", "<html>" KEY), "the model's server answered HTTP 500", "", "",
     CLO_MODEL_RESPONSES, CLO_EMODEL, 3},
    {STATUS("302 Found\r\nLocation: http://other/", ""),
     "the model's server redirects (HTTP 302), and redirects are not followed", "", "",
     CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {STATUS("404 Not Found", "{\"detail\":\"no such model\"}"),
     "the model's server answered HTTP 404: no such model", "base_url", "", CLO_MODEL_CHAT,
     CLO_EMODEL, 1},
    {STATUS("200 OK", "{\"error\":{\"message\":\"odd\"}}"),
     "the model's server reported a failure: odd", "", "", CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {STATUS("200 OK", "{\"hello\":1}"), "the model's server sent an answer without output", "", "",
     CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {STATUS("200 OK", "{\"hello\":1}"), "the model's server sent an answer without choices", "", "",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {STATUS("200 OK", "{\"output\":[{"),
     "the model's server answered with something that is neither a JSON object nor a stream of "
     "events",
     "base_url", "", CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>",
     "the model's server answered with something that is neither a JSON object nor a stream of "
     "events",
     "", "", CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {EVENTS "data: {oops\n\n", "the model's server sent an event that is not JSON", "", "",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {EVENTS CHUNK("{\"content\":\"abc\"}", ""),
     "the model's server ended its answer before it was complete", "", "+message|abc-incomplete ",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {EVENTS CHUNK("{\"content\":\"abc\"}", "") "data: {\"error\":{\"message\":\"overloaded\"}}\n\n",
     "the model's server reported a failure: overloaded", "", "+message|abc-incomplete ",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {EVENTS RE("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"message\"}")
         RE("response.output_text.delta", ",\"output_index\":0,\"delta\":\"x\"")
             RE("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"c\","
                                   "\"message\":\"model died\"}}"),
     "the model's server reported a failure: model died", "", "+message|x-incomplete ",
     CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {EVENTS RE("error", ",\"code\":\"c\",\"message\":\"flat\""),
     "the model's server reported a failure: flat", "", "", CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5000\r\n\r\n" CHUNK(
         "{\"content\":\"abc\"}", ""),
     "the model's server broke off in the middle of its answer", "", "+message|abc-incomplete ",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {"", "the model's server closed the connection without an answer", "", "", CLO_MODEL_CHAT,
     CLO_EMODEL, 1},
    {"no HTTP at all\r\n\r\n", "the connection to the model's server failed", "", "",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
};

static void every_failure_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct act act = {failures[i].answer, CLOSE, 0, 0};
        struct outcome outcome;
        call(&outcome, failures[i].kind, &act, 1);
        assert_int_equal(outcome.status, failures[i].status);
        if (strncmp(outcome.error.message, failures[i].message, strlen(failures[i].message)) != 0)
            fail_msg("%zu: \"%s\" is not \"%s\"", i, outcome.error.message, failures[i].message);
        if (!strstr(outcome.error.hint, failures[i].hint))
            fail_msg("%zu: \"%s\" has no \"%s\"", i, outcome.error.hint, failures[i].hint);
        assert_string_equal(outcome.log.data, failures[i].log);
        assert_int_equal(outcome.requests, failures[i].requests);
        done(&outcome);
    }
}

static void a_busy_server_is_asked_again(void **state)
{
    (void)state;
    static const char *const busy[] = {STATUS("429 Too Many\r\nRetry-After: 1", "{}"),
                                       STATUS("500 Oops", "{}"), STATUS("502 Bad Gateway", "{}"),
                                       STATUS("503 Unavailable", "{}")};
    for (size_t i = 0; i < 4; i++) {
        struct act acts[] = {{busy[i], CLOSE, 0, 0}, {two_items, CLOSE, 0, 0}};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_RESPONSES, acts, 2);
        check_two_items(&outcome);
        assert_int_equal(outcome.requests, 2);
        assert_true(i > 0 || outcome.ms >= 1000);
        done(&outcome);
    }
}

static void a_server_that_is_not_there(void **state)
{
    (void)state;
    struct server server;
    struct act act = {"", CLOSE, 0, 0};
    struct clo_error error;
    struct clo_model_reply reply;
    json_t *input = user("x");
    server_start(&server, &act, 1);
    struct clo_model *model = open_model(CLO_MODEL_CHAT, server.port, 5000);
    server_stop(&server); /* its port is now closed */
    uint64_t start = clo_monotonic_ns();
    struct clo_model_request request = {.input = input};
    assert_int_equal(clo_model_call(model, &request, NULL, &reply, &error), CLO_EMODEL);
    assert_string_equal(error.message, "the model's server cannot be reached");
    assert_non_null(strstr(error.hint, "http://127.0.0.1"));
    assert_true(clo_monotonic_ns() - start > 1000000000u); /* two retries lie in between */
    clo_model_destroy(model);
    json_decref(input);
}

static void silence_ends_a_call(void **state)
{
    (void)state;
    static const char *const starts[] = {"", EVENTS CHUNK("{\"content\":\"abc\"}", "")};
    for (size_t i = 0; i < 2; i++) {
        struct act act = {starts[i], HANG, 0, 0};
        struct outcome outcome;
        json_t *input = user("x");
        struct clo_model_request request = {.input = input};
        call_full(&outcome, CLO_MODEL_CHAT, &act, 1, &request, 300);
        assert_int_equal(outcome.status, CLO_EMODEL);
        assert_string_equal(outcome.error.message, "the model's server was silent for 300 ms");
        assert_string_equal(outcome.log.data, i ? "+message|abc-incomplete " : "");
        assert_true(outcome.ms >= 300 && outcome.ms < 5000);
        json_decref(input);
        done(&outcome);
    }
}

static void slow_is_not_silent(void **state)
{
    (void)state;
    struct act act = {chat_stream, CLOSE, 60, 25}; /* longer than the timeout in all */
    struct outcome outcome;
    json_t *input = user("x");
    struct clo_model_request request = {.input = input};
    call_full(&outcome, CLO_MODEL_CHAT, &act, 1, &request, 400);
    assert_int_equal(outcome.status, 0);
    assert_true(outcome.ms > 400);
    json_decref(input);
    done(&outcome);
}

static void cancel_at_text(void *context, const struct clo_item_event *event)
{
    if (event->kind == CLO_ITEM_TEXT)
        clo_cancel_trigger(context);
}

static void *cancel_soon(void *context)
{
    usleep(100000);
    clo_cancel_trigger(context);
    return NULL;
}

static void cancellation_ends_a_call(void **state)
{
    (void)state;
    static const char *const answers[] = {"", EVENTS CHUNK("{\"content\":\"abc\"}", ""),
                                          STATUS("503 Busy\r\nRetry-After: 20", "{}")};
    for (size_t i = 0; i < 3; i++) {
        struct act act = {answers[i], i == 2 ? CLOSE : HANG, 0, 0};
        struct server server;
        struct clo_error error;
        struct clo_model_reply reply;
        struct clo_cancel *cancel = clo_cancel_create();
        pthread_t thread;
        json_t *input = user("x");
        server_start(&server, &act, 1);
        struct clo_model *model = open_model(CLO_MODEL_CHAT, server.port, 60000);
        struct clo_model_request request = {.input = input, .cancel = cancel};
        struct clo_item_sink sink = {cancel_at_text, cancel};
        if (i != 1)
            pthread_create(&thread, NULL, cancel_soon, cancel);
        uint64_t start = clo_monotonic_ns();
        assert_int_equal(clo_model_call(model, &request, &sink, &reply, &error), CLO_ECANCELLED);
        assert_true(clo_monotonic_ns() - start < 3000000000u);
        /* and a second one does not even start */
        assert_int_equal(clo_model_call(model, &request, &sink, &reply, &error), CLO_ECANCELLED);
        if (i != 1)
            pthread_join(thread, NULL);
        assert_int_equal(atomic_load(&server.requests), 1);
        clo_model_destroy(model);
        server_stop(&server);
        clo_cancel_free(cancel);
        json_decref(input);
    }
}

static void a_huge_reply_is_refused(void **state)
{
    (void)state;
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"a\":\"";
    size_t length = CLO_MODEL_REPLY_MAX + sizeof head;
    char *answer = malloc(length + 1);
    memset(answer, 'x', length);
    answer[length] = '\0';
    memcpy(answer, head, sizeof head - 1);
    struct act act = {answer, CLOSE, 0, 0};
    struct outcome outcome;
    call(&outcome, CLO_MODEL_RESPONSES, &act, 1);
    assert_int_equal(outcome.status, CLO_ELIMIT);
    assert_string_equal(outcome.error.message, "the model's reply is larger than 32 MiB");
    done(&outcome);
    free(answer);
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
         "no API key for OpenAI's server, and no other server is "
         "named"},
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
        cmocka_unit_test(responses_from_a_server_that_does_not_stream),
        cmocka_unit_test(responses_request_is_as_the_protocol_wants),
        cmocka_unit_test(chat_streams_in_any_pieces),
        cmocka_unit_test(chat_servers_of_every_kind),
        cmocka_unit_test(every_failure_is_named),
        cmocka_unit_test(a_busy_server_is_asked_again),
        cmocka_unit_test(a_server_that_is_not_there),
        cmocka_unit_test(silence_ends_a_call),
        cmocka_unit_test(slow_is_not_silent),
        cmocka_unit_test(cancellation_ends_a_call),
        cmocka_unit_test(a_huge_reply_is_refused),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(the_environment_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

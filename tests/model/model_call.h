/* model_call.h - one call of a model against the prepared server, with all that came of it; and the
 * replies that several tests use. Included once, after cmocka. */
#ifndef CLO_TESTS_MODEL_MODEL_CALL_H
#define CLO_TESTS_MODEL_MODEL_CALL_H

#include "base/clock.h"
#include "base/json.h"
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

static inline json_t *user(const char *text)
{
    return json_pack("[{s:s, s:s, s:s}]", "type", "message", "role", "user", "content", text);
}

static inline json_t *parse(const char *text)
{
    json_error_t why;
    json_t *value = clo_json_load(text, strlen(text), &why);
    if (!value)
        fail_msg("%s: %s", why.text, text);
    return value;
}

static inline struct clo_model *open_model(enum clo_model_kind kind, unsigned port,
                                           unsigned timeout_ms)
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

static inline void call_full(struct outcome *outcome, enum clo_model_kind kind,
                             const struct act *acts, size_t count,
                             const struct clo_model_request *request, unsigned timeout_ms)
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

static inline void call(struct outcome *outcome, enum clo_model_kind kind, const struct act *acts,
                        size_t count)
{
    json_t *input = user("hi");
    struct clo_model_request request = {.input = input};
    call_full(outcome, kind, acts, count, &request, 5000);
    json_decref(input);
}

static inline void done(struct outcome *outcome)
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

/* clang-format off */
static __attribute__((unused)) const char two_items[] = EVENTS
    RE("response.created", ",\"response\":{\"model\":\"m-1\"}")
    ": keep-alive\n\n"
    RE("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[]}")
    RE("response.content_part.added", ",\"output_index\":0")
    RE("response.output_text.delta", ",\"output_index\":0,\"delta\":\"He\"")
    RE("response.output_text.delta", ",\"output_index\":0,\"delta\":\"llo \\u00e4\"")
    RE("response.output_item.done", ",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello \\u00e4\",\"annotations\":[]}]}")
    RE("response.output_item.added", ",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"execute_code\",\"arguments\":\"\"}")
    RE("response.function_call_arguments.delta", ",\"output_index\":1,\"delta\":\"{\\\"code\\\":\"")
    RE("response.function_call_arguments.delta", ",\"output_index\":1,\"delta\":\"\\\"1\\\"}\"")
    RE("response.output_item.done", ",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"execute_code\",\"status\":\"completed\",\"arguments\":\"{\\\"code\\\":\\\"1\\\"}\"}")
    RE("response.completed", ",\"response\":{\"status\":\"completed\",\"model\":\"m-1-served\",\"usage\":{\"input_tokens\":10,\"output_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens_details\":{\"reasoning_tokens\":2}}}");
/* clang-format on */

#define CHUNK(delta, rest)                                                                         \
    "data: {\"model\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":" delta rest "}]}\n\n"

/* clang-format off */
static __attribute__((unused)) const char chat_stream[] = EVENTS
    CHUNK("{\"role\":\"assistant\",\"reasoning_content\":\"hm\"}", "")
    CHUNK("{\"content\":\"\"}", "")
    CHUNK("{\"content\":\"Let \"}", "")
    CHUNK("{\"content\":\"me\"}", "")
    CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}", "")
    CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}}]}", "")
    CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}", "")
    CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}},{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}", "")
    CHUNK("{}", ",\"finish_reason\":\"tool_calls\"")
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6,\"prompt_tokens_details\":{\"cached_tokens\":1},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\ndata: [DONE]\n\n";
/* clang-format on */

static inline void check_two_items(const struct outcome *outcome)
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

#endif

/* model_failure_test.c - every way in which a model server can fail, over real sockets: refusals,
 * garbage, silence, half an answer; and cancellation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/protocol/item_builder.h"
#include "model_call.h"

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
    /* in a stream and in a plain answer, too; nor does the server's own address go out */
    {EVENTS RE("error", ",\"message\":\"no " KEY " at http://127.0.0.1:1/v1\""),
     "the model's server reported a failure: no [key] at http://[server]:1/v1", "", "",
     CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {STATUS("200 OK", "{\"error\":{\"message\":\"bad " KEY "\"}}"),
     "the model's server reported a failure: bad [key]", "", "", CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {EVENTS "data: {\"" KEY "\"\n\n",
     "the model's server sent an event that is not JSON: ':' expected near end of file", "", "",
     CLO_MODEL_CHAT, CLO_EMODEL, 1},
    {EVENTS "data: \"" KEY "\n\n",
     "the model's server sent an event that is not JSON: premature end of input near '\"[key]'", "",
     "", CLO_MODEL_CHAT, CLO_EMODEL, 1},
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
     "the model's server answered with something that is neither a JSON object nor a stream of events",
     "base_url", "", CLO_MODEL_RESPONSES, CLO_EMODEL, 1},
    {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>",
     "the model's server answered with something that is neither a JSON object nor a stream of events",
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
     CLO_EMODEL, 3},
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

/* The protocol's code arrives, from a refusal as well as from within an answer. */
static const struct {
    const char *answers[2]; /* the second: of the second attempt */
    enum clo_model_kind kind;
    const char *code; /* NULL: nothing is known */
} codes[] = {
    {{STATUS("400 Bad", "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"m\"}}")},
     CLO_MODEL_RESPONSES,
     "context_length_exceeded"},
    {{STATUS("400 Bad", "{\"error\":{\"code\":400,\"type\":\"exceed_context_size_error\"}}")},
     CLO_MODEL_CHAT,
     "context_length_exceeded"},
    {{STATUS("429 Busy\r\nRetry-After: 61", "{\"error\":{\"code\":\"insufficient_quota\"}}")},
     CLO_MODEL_CHAT,
     "insufficient_quota"},
    {{STATUS("429 Busy\r\nRetry-After: 61", "")}, CLO_MODEL_RESPONSES, "rate_limit_exceeded"},
    {{STATUS("401 No", "{\"error\":{\"code\":\"invalid_api_key\"}}")},
     CLO_MODEL_CHAT,
     "server_error"},
    {{EVENTS RE("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
                                   "\"invalid_prompt\",\"message\":\"m\"}}")},
     CLO_MODEL_RESPONSES,
     "invalid_prompt"},
    {{EVENTS RE("error", ",\"code\":\"rate_limit_exceeded\",\"message\":\"m\"")},
     CLO_MODEL_RESPONSES,
     "rate_limit_exceeded"},
    {{EVENTS RE("error", ",\"error\":{\"code\":\"context_length_exceeded\"}")},
     CLO_MODEL_RESPONSES,
     "context_length_exceeded"},
    {{STATUS("200 OK", "{\"status\":\"failed\",\"error\":{\"code\":\"image_too_large\"}}")},
     CLO_MODEL_RESPONSES,
     "image_too_large"},
    {{EVENTS CHUNK("{\"content\":\"abc\"}", "") "data: {\"error\":{\"code\":429}}\n\n"},
     CLO_MODEL_CHAT,
     "rate_limit_exceeded"},
    {{STATUS("200 OK", "{\"error\":{\"code\":\"model_not_found\"}}")},
     CLO_MODEL_CHAT,
     "model_not_found"},
    /* the event's own type says it, whatever else its response tells or leaves out */
    {{EVENTS RE("response.failed", ",\"response\":{\"error\":{\"code\":\"image_too_small\"}}")},
     CLO_MODEL_RESPONSES,
     "image_too_small"},
    {{EVENTS RE("response.failed", ",\"response\":{\"output\":[],\"status\":\"completed\"}")},
     CLO_MODEL_RESPONSES,
     "server_error"},
    {{EVENTS "event: error\ndata: {\"message\":\"m\",\"code\":429}\n\n"},
     CLO_MODEL_CHAT,
     "rate_limit_exceeded"},
    {{EVENTS CHUNK("{\"content\":\"abc\"}", ",\"finish_reason\":\"error\"") "data: [DONE]\n\n"},
     CLO_MODEL_CHAT,
     "server_error"},
    {{EVENTS CHUNK("{}", ",\"finish_reason\":\"error\",\"error\":{\"code\":402}")},
     CLO_MODEL_CHAT,
     "insufficient_quota"},
    /* what a first attempt was refused with is not what a second one failed by */
    {{STATUS("429 Busy", "{}"), EVENTS CHUNK("{\"content\":\"abc\"}", "")}, CLO_MODEL_CHAT, NULL},
    {{STATUS("429 Busy", "{}"), ""}, CLO_MODEL_RESPONSES, NULL},
};

static void every_failure_has_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct act acts[2] = {{codes[i].answers[0], CLOSE, 0, 0},
                              {codes[i].answers[1], CLOSE, 0, 0}};
        struct outcome outcome;
        call(&outcome, codes[i].kind, acts, codes[i].answers[1] ? 2 : 1);
        assert_int_equal(outcome.status, CLO_EMODEL);
        const char *code = outcome.reply.error_code, *wanted = codes[i].code;
        if (code != wanted && (!code || !wanted || strcmp(code, wanted) != 0))
            fail_msg("%zu: \"%s\" is not \"%s\"", i, code ? code : "-", wanted ? wanted : "-");
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

/* What people put where no key is needed is no secret, and the words of a message stay whole. */
static void a_dummy_key_spoils_no_message(void **state)
{
    (void)state;
    static const char *const keys[] = {"x", "e", "test", "context", "EMPTY", "maximum"};
    static const char message[] = "the maximum context of the test is EMPTY";
    struct act act = {
        STATUS("400 Bad Request",
               "{\"error\":{\"message\":\"the maximum context of the test is EMPTY\"}}"),
        CLOSE, 0, 0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct server server;
        struct clo_error error;
        struct clo_model_reply reply;
        struct clo_model *model;
        char url[64], wanted[200];
        json_t *input = user("hi");
        struct clo_model_request request = {.input = input};
        server_start(&server, &act, 1);
        snprintf(url, sizeof url, "http://127.0.0.1:%u", server.port);
        struct clo_model_config config = {
            .kind = CLO_MODEL_CHAT, .base_url = url, .api_key = keys[i]};
        assert_int_equal(clo_model_create(&model, &config, &error), 0);
        assert_int_equal(clo_model_call(model, &request, NULL, &reply, &error), CLO_EMODEL);
        snprintf(wanted, sizeof wanted, "the model's server answered HTTP 400: %s", message);
        assert_string_equal(error.message, wanted);
        clo_model_destroy(model);
        server_stop(&server);
        json_decref(input);
    }
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
    struct act act = {chat_stream, CLOSE, 60, 60}; /* longer than the timeout in all */
    struct outcome outcome;
    json_t *input = user("x");
    struct clo_model_request request = {.input = input};
    call_full(&outcome, CLO_MODEL_CHAT, &act, 1, &request, 1000);
    assert_int_equal(outcome.status, 0);
    assert_true(outcome.ms > 1000);
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
        assert_non_null(cancel);
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

/* The server sends one item too many and then nothing: the call does not wait for its end. */
static void too_many_items_end_a_call_at_once(void **state)
{
    (void)state;
    struct clo_buffer answer = CLO_BUFFER(1u << 20);
    clo_buffer_text(&answer, EVENTS);
    for (int i = 0; i <= CLO_MODEL_ITEMS_MAX; i++)
        clo_buffer_format(&answer,
                          "data: {\"type\":\"response.output_item.done\",\"output_index\":%d,"
                          "\"item\":{\"type\":\"reasoning\",\"summary\":[]}}\n\n",
                          i);
    char *text = clo_buffer_take(&answer, NULL);
    assert_non_null(text);
    struct act act = {text, HANG, 0, 0};
    struct outcome outcome;
    json_t *input = user("x");
    struct clo_model_request request = {.input = input};
    call_full(&outcome, CLO_MODEL_RESPONSES, &act, 1, &request, 60000);
    assert_int_equal(outcome.status, CLO_ELIMIT);
    assert_string_equal(outcome.error.message,
                        "the model's reply has more than 512 items or is larger than 32 MiB");
    done(&outcome);
    json_decref(input);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_is_named),
        cmocka_unit_test(every_failure_has_its_code),
        cmocka_unit_test(a_busy_server_is_asked_again),
        cmocka_unit_test(a_server_that_is_not_there),
        cmocka_unit_test(a_dummy_key_spoils_no_message),
        cmocka_unit_test(silence_ends_a_call),
        cmocka_unit_test(slow_is_not_silent),
        cmocka_unit_test(cancellation_ends_a_call),
        cmocka_unit_test(a_huge_reply_is_refused),
        cmocka_unit_test(too_many_items_end_a_call_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

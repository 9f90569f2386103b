/* messages_test.c - the client of the Messages API: streams in any pieces, whole answers, ways to
 * end, and what goes back to it of a history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../model_call.h"
#include "model/protocol/messages.h"

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define START(index, block)                                                                        \
    EV("content_block_start", ",\"index\":" index ",\"content_block\":" block)
#define DELTA(index, delta) EV("content_block_delta", ",\"index\":" index ",\"delta\":" delta)
#define STOP(index) EV("content_block_stop", ",\"index\":" index)
#define BEGIN                                                                                      \
    EV("message_start", ",\"message\":{\"model\":\"claude-served\",\"usage\":{\"input_tokens\":3," \
                        "\"cache_read_input_tokens\":4,\"cache_creation_input_tokens\":5,"         \
                        "\"output_tokens\":1}}")
#define END(reason)                                                                                \
    EV("message_delta",                                                                            \
       ",\"delta\":{\"stop_reason\":\"" reason "\"},\"usage\":{\"output_tokens\":"                 \
       "9,\"output_tokens_details\":{\"thinking_tokens\":2}}")                                     \
    EV("message_stop", "")
#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

/* clang-format off */
static const char stream[] = EVENTS BEGIN
    START("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}") EV("ping", "")
    DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
    DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"si\"}")
    DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"g\"}") STOP("0")
    START("1", "{\"type\":\"redacted_thinking\",\"data\":\"dark\"}") STOP("1")
    START("2", "{\"type\":\"text\",\"text\":\"\"}")
    DELTA("2", "{\"type\":\"text_delta\",\"text\":\"Let \\u00e4\"}") STOP("2")
    START("3", "{\"type\":\"text\",\"text\":\"\"}")
    DELTA("3", "{\"type\":\"text_delta\",\"text\":\" me\"}") STOP("3")
    START("4", "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}")
    DELTA("4", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
    DELTA("4", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"x\\\":\"}")
    DELTA("4", "{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}") STOP("4")
    START("5", "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"g\",\"input\":{}}") STOP("5")
    END("tool_use");
static const char whole[] = JSON_HEAD
    "{\"type\":\"message\",\"model\":\"claude-served\",\"content\":["
    "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"sig\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"dark\"},{\"type\":\"text\",\"text\":\"Let \xc3\xa4\"},"
    "{\"type\":\"text\",\"text\":\" me\"},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"x\":1}},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"g\",\"input\":{}}],\"stop_reason\":\"tool_use\","
    "\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4,\"cache_creation_input_tokens\":5,"
    "\"output_tokens\":9,\"output_tokens_details\":{\"thinking_tokens\":2}}}";
/* clang-format on */

static void check_items(const struct outcome *outcome)
{
    assert_int_equal(outcome->status, 0);
    const json_t *output = outcome->reply.output;
    assert_int_equal(json_array_size(output), 5);
    assert_true(
        clo_json_is(json_array_get(output, 0), "encrypted_content", "messages.thinking:sig"));
    assert_true(
        clo_json_is(json_array_get(output, 1), "encrypted_content", "messages.redacted:dark"));
    assert_true(clo_json_is(json_array_get(output, 3), "call_id", "toolu_1"));
    assert_true(clo_json_is(json_array_get(output, 3), "arguments", "{\"x\":1}"));
    assert_true(clo_json_is(json_array_get(output, 4), "arguments", "{}"));
    assert_string_equal(outcome->reply.served, "claude-served");
    assert_int_equal(outcome->reply.usage.input, 12);
    assert_int_equal(outcome->reply.usage.cached, 4);
    assert_int_equal(outcome->reply.usage.output, 9);
    assert_int_equal(outcome->reply.usage.reasoning, 2);
    assert_null(outcome->reply.incomplete);
}

static void streams_come_in_any_pieces(void **state)
{
    (void)state;
    static const size_t drips[] = {0, 1, 7, 100};
    for (size_t i = 0; i < sizeof drips / sizeof *drips; i++) {
        struct act act = {stream, HANG, drips[i],
                          0}; /* nor does it wait for the connection's end */
        struct outcome outcome;
        call(&outcome, CLO_MODEL_ANTHROPIC, &act, 1);
        check_items(&outcome);
        assert_string_equal(outcome.log.data,
                            "+reasoning~hm- +reasoning- +message|Let \xc3\xa4| me-completed "
                            "+function_call@{\"x\":@1}-completed +function_call@{}-completed ");
        assert_non_null(strstr(outcome.head, "POST /v1/messages "));
        assert_non_null(strstr(outcome.head, "x-api-key: " KEY "\r\n"));
        assert_non_null(strstr(outcome.head, "anthropic-version: 2023-06-01\r\n"));
        assert_null(strstr(outcome.head, "Authorization"));
        done(&outcome);
    }
}

static void answers_come_whole(void **state)
{
    (void)state;
    struct act act = {whole, CLOSE, 0, 0};
    struct outcome outcome;
    call(&outcome, CLO_MODEL_ANTHROPIC, &act, 1);
    check_items(&outcome);
    done(&outcome);
}

static const struct {
    const char *answer, *log, *incomplete, *message, *code;
} ends[] = {
    {EVENTS BEGIN START("0", "{\"type\":\"text\",\"text\":\"a\"}") STOP("0") END("max_tokens"),
     "+message|a-incomplete ", "max_output_tokens", NULL, NULL},
    {EVENTS BEGIN END("model_context_window_exceeded"), "", "max_output_tokens", NULL, NULL},
    {EVENTS BEGIN START("0", "{\"type\":\"text\",\"text\":\"a\"}") STOP("0") END("refusal"),
     "+message|a!The model declined to answer.-completed ", NULL, NULL, NULL},
    {EVENTS BEGIN EV("message_delta", ",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":{"
                                      "\"explanation\":\"Not that.\"}}") EV("message_stop", ""),
     "+message!Not that.-completed ", NULL, NULL, NULL},
    /* a tool of the server's own, which nobody asked for */
    {EVENTS BEGIN START("0",
                        "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"w\",\"input\":{}}")
         DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}") STOP("0")
             END("end_turn"),
     "", NULL, NULL, NULL},
    {EVENTS BEGIN START("0", "{\"type\":\"text\",\"text\":\"a\"}"), "+message|a-incomplete ", NULL,
     "the model's server ended its answer before it was complete", NULL},
    {EVENTS BEGIN EV("error",
                     ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}"),
     "", NULL, "the model's server reported a failure: Overloaded", "server_error"},
    {JSON_HEAD "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}", "",
     NULL, "the model's server reported a failure: x", "server_error"},
    {JSON_HEAD "{}", "", NULL, "the model's server sent an answer without content", NULL},
};

static void every_end_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct act act = {ends[i].answer, CLOSE, 0, 0};
        struct outcome outcome;
        call(&outcome, CLO_MODEL_ANTHROPIC, &act, 1);
        if ((outcome.status == 0) != (ends[i].message == NULL))
            fail_msg("%zu: %d %s", i, outcome.status, outcome.error.message);
        if (ends[i].message)
            assert_string_equal(outcome.error.message, ends[i].message);
        assert_string_equal(outcome.log.data, ends[i].log);
        const char *incomplete = outcome.reply.incomplete, *code = outcome.reply.error_code;
        assert_string_equal(incomplete ? incomplete : "-",
                            ends[i].incomplete ? ends[i].incomplete : "-");
        assert_string_equal(code ? code : "-", ends[i].code ? ends[i].code : "-");
        done(&outcome);
    }
}

/* Of histories: what is in the messages, in short. */
static const struct {
    const char *input, *messages;
} histories[] = {
    {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"b\"}]}]",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]"},
    /* nobody says nothing, and the user begins */
    {"[{\"role\":\"assistant\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"\"}]",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"(no text)\"}]},{\"role\":\"assistant\",\"content\":[{"
     "\"type\":\"text\",\"text\":\"(no text)\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"(no text)\"}]}]"},
    /* what another maker's model thought stays with it; a file's URL goes */
    {"[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_url\":\"https://x/a.pdf\",\"filename\":\"a.pdf\"}]},"
     "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"gAAAA\"}]",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x/a.pdf\"},"
     "\"title\":\"a.pdf\"}]}]"},
    /* an empty result, one that failed, and arguments that are none */
    {"[{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{x\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"\",\"failed\":true}]",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":"
     "\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{\"unreadable\":\"{x\"}}]},{\"role\":\"user\",\"content\":[{\"type\":"
     "\"tool_result\",\"tool_use_id\":\"c\",\"content\":\"(no text)\",\"is_error\":true}]}]"},
};

static void histories_become_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof histories / sizeof *histories; i++) {
        json_t *input = parse(histories[i].input), *wanted = parse(histories[i].messages);
        json_t *messages = NULL, *system = NULL;
        struct clo_error error = {0};
        struct clo_model_request request = {.input = input};
        if (clo_messages_input(&messages, &system, &request, &error))
            fail_msg("%zu: %s", i, error.message);
        assert_null(system);
        if (!json_equal(messages, wanted)) {
            char *text = clo_json_dump(messages, JSON_COMPACT);
            fail_msg("%zu: %s", i, text);
        }
        json_decref(messages);
        json_decref(input);
        json_decref(wanted);
    }
}

static void content_without_a_form_is_refused(void **state)
{
    (void)state;
    json_t *input = parse(
               "[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"data\":\"\"}]}]"),
           *messages, *system;
    struct clo_error error = {0};
    struct clo_model_request request = {.input = input};
    assert_int_equal(clo_messages_input(&messages, &system, &request, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "\"input_audio\""));
    assert_null(messages);
    json_decref(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_come_in_any_pieces),
        cmocka_unit_test(answers_come_whole),
        cmocka_unit_test(every_end_is_told),
        cmocka_unit_test(histories_become_messages),
        cmocka_unit_test(content_without_a_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

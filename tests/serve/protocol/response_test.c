/* response_test.c - the Response object has its 31 fields in every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "serve/protocol/problem.h"
#include "serve/protocol/response.h"

static const char *const names[CLO_RESPONSE_FIELDS] = {
    "id",
    "object",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "model",
    "previous_response_id",
    "instructions",
    "output",
    "error",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "store",
    "background",
    "service_tier",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
};

static const char *const never_null[] = {
    "temperature",  "top_p", "tool_choice",      "truncation",        "background",
    "service_tier", "tools", "presence_penalty", "frequency_penalty", "top_logprobs",
};

static json_t *base_of(const char *body)
{
    struct clo_request request = {0};
    struct clo_problem problem;
    assert_int_equal(clo_request_parse(&request, body, strlen(body), &problem), 0);
    json_t *base = clo_response_base(&request, "resp_1", 1234, "a-model");
    assert_non_null(base);
    clo_request_clear(&request);
    return base;
}

static void assert_complete(const json_t *response)
{
    assert_int_equal(json_object_size(response), CLO_RESPONSE_FIELDS);
    for (size_t i = 0; i < CLO_RESPONSE_FIELDS; i++) {
        if (!json_object_get(response, names[i]))
            fail_msg("'%s' is missing", names[i]);
    }
    for (size_t i = 0; i < sizeof never_null / sizeof never_null[0]; i++) {
        if (json_is_null(json_object_get(response, never_null[i])))
            fail_msg("'%s' is null", never_null[i]);
    }
}

static void every_state_is_complete(void **state)
{
    (void)state;
    static const char *const statuses[] = {"queued",     "in_progress", "completed",
                                           "incomplete", "failed",      "cancelled"};
    json_t *base = base_of("{\"input\": \"x\", \"temperature\": null, \"tools\": null,"
                           " \"top_p\": null, \"tool_choice\": null}");
    for (size_t i = 0; i < 6; i++) {
        struct clo_response_state at = {.status = statuses[i]};
        json_t *response = clo_response_at(base, &at);
        assert_complete(response);
        assert_string_equal(json_string_value(json_object_get(response, "status")), statuses[i]);
        bool completed = strcmp(statuses[i], "completed") == 0;
        assert_int_equal(json_is_null(json_object_get(response, "completed_at")), !completed);
        json_decref(response);
    }
    assert_string_equal(json_string_value(json_object_get(base, "status")), "queued");
    json_decref(base);
}

static void the_request_is_echoed(void **state)
{
    (void)state;
    json_t *base = base_of("{\"input\": \"x\", \"model\": \"m\", \"temperature\": 0.7,"
                           " \"metadata\": {\"a\": \"b\"}, \"store\": false, \"max_tool_calls\": 3,"
                           " \"tools\": [{\"type\": \"function\", \"name\": \"f\"}],"
                           " \"text\": {\"verbosity\": \"low\"}, \"prompt_cache_key\": \"k\"}");
    assert_complete(base);
    char *text = clo_response_text(base);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"temperature\":0.7,"));
    assert_non_null(strstr(text, "\"metadata\":{\"a\":\"b\"}"));
    assert_non_null(strstr(text, "\"model\":\"m\""));
    assert_non_null(strstr(text, "\"store\":false"));
    assert_non_null(strstr(text, "\"max_tool_calls\":3"));
    assert_non_null(strstr(text, "\"verbosity\":\"low\",\"format\":{\"type\":\"text\"}"));
    assert_non_null(strstr(text, "\"name\":\"f\",\"description\":null,\"parameters\":{"));
    free(text);
    json_decref(base);
}

static void a_failure_and_its_usage_are_told(void **state)
{
    (void)state;
    struct clo_usage_tokens usage = {.input = 10, .cached = 4, .output = 5, .reasoning = 2};
    struct clo_response_state at = {.status = "failed",
                                    .error_code = "rate_limit_exceeded",
                                    .error_message = "no answer",
                                    .usage = &usage,
                                    .service_tier = "flex"};
    json_t *base = base_of("{\"input\": \"x\"}");
    json_t *response = clo_response_at(base, &at);
    json_t *want = json_pack("{s:s, s:s}", "code", "rate_limit_exceeded", "message", "no answer");
    assert_true(json_equal(json_object_get(response, "error"), want));
    assert_true(clo_json_is(base, "service_tier", "default"));
    assert_true(clo_json_is(response, "service_tier", "flex"));
    json_decref(want);
    want = json_pack("{s:i, s:{s:i}, s:i, s:{s:i}, s:i}", "input_tokens", 10,
                     "input_tokens_details", "cached_tokens", 4, "output_tokens", 5,
                     "output_tokens_details", "reasoning_tokens", 2, "total_tokens", 15);
    assert_true(json_equal(json_object_get(response, "usage"), want));
    json_decref(want);
    json_decref(response);
    json_decref(base);
}

static void a_conversation_is_named(void **state)
{
    (void)state;
    json_t *base = base_of("{\"input\": \"x\", \"conversation\": \"conv_1\"}");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(base, "conversation"), "id")), "conv_1");
    json_decref(base);
}

static void problems_have_the_type_of_their_status(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *type;
    } types[] = {{400, "invalid_request_error"}, {404, "invalid_request_error"},
                 {401, "authentication_error"},  {429, "rate_limit_error"},
                 {500, "server_error"},          {503, "service_unavailable"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct clo_problem problem;
        clo_problem_set(&problem, types[i].status, NULL, NULL, "about %s", "it");
        json_t *body = clo_problem_json(&problem), *error = json_object_get(body, "error");
        assert_string_equal(json_string_value(json_object_get(error, "type")), types[i].type);
        assert_string_equal(json_string_value(json_object_get(error, "message")), "about it");
        assert_true(json_is_null(json_object_get(error, "code")));
        assert_true(json_is_null(json_object_get(error, "param")));
        json_decref(body);
    }
}

static void a_message_that_is_cut_stays_valid(void **state)
{
    (void)state;
    struct clo_problem problem;
    char text[2000] = "x";
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    clo_problem_set(&problem, 400, "c", text, "%s", text);
    json_t *body = clo_problem_json(&problem);
    assert_non_null(body);
    const char *message =
        json_string_value(json_object_get(json_object_get(body, "error"), "message"));
    assert_true(strlen(message) > 700);
    assert_memory_equal(message, text, 700);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_is_complete),
        cmocka_unit_test(the_request_is_echoed),
        cmocka_unit_test(a_failure_and_its_usage_are_told),
        cmocka_unit_test(a_conversation_is_named),
        cmocka_unit_test(problems_have_the_type_of_their_status),
        cmocka_unit_test(a_message_that_is_cut_stays_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

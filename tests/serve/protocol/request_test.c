/* request_test.c - what POST /responses accepts, and how it says no. A case is one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/protocol/request.h"

struct refusal {
    const char *body, *param, *code, *says;
};

static const struct refusal refusals[] = {
    {"", "", "invalid_json", "no body"},
    {"{\"input\": ", "", "invalid_json", "line 1, column 10"},
    {"{\n \"input\": tru}", "", "invalid_json", "line 2"},
    {"[1]", "", "invalid_type", "an array"},
    {"{\"input\": \"\xff\"}", "", "invalid_json", "byte 0xff"},
    {"{}", "input", "missing_required_parameter", "missing"},
    {"{\"input\": 3}", "input", "invalid_type", "is 3"},
    {"{\"input\": []}", "input", "invalid_value", "empty"},
    {"{\"input\": [3]}", "input[0]", "invalid_type", "an object"},
    {"{\"input\": [{\"role\": \"robot\", \"content\": \"x\"}]}", "input[0].role", "invalid_value",
     "'robot'"},
    {"{\"input\": [{\"role\": \"user\"}]}", "input[0].content", "invalid_type", "missing"},
    {"{\"input\": [{\"role\": \"user\", \"content\": [{\"type\": 7}]}]}",
     "input[0].content[0].type", "invalid_type", "is 7"},
    {"{\"input\": [{\"role\": \"user\", \"content\": [{\"type\": \"input_text\"}]}]}",
     "input[0].content[0].text", "invalid_type", "missing"},
    {"{\"input\": [{\"type\": \"mesage\", \"role\": \"user\", \"content\": \"x\"}]}",
     "input[0].type", "invalid_value", "'mesage'"},
    {"{\"input\": [{\"type\": 7}]}", "input[0].type", "invalid_value", "is 7"},
    {"{\"input\": [{\"type\": \"mcp_call\", \"id\": 7}]}", "input[0].id", "invalid_value", "is 7"},
    {"{\"input\": [{\"type\": \"function_call_output\", \"output\": \"x\"}]}", "input[0].call_id",
     "invalid_value", "missing"},
    {"{\"input\": [{\"type\": \"function_call_output\", \"call_id\": \"c\", \"output\": 1}]}",
     "input[0].output", "invalid_type", "is 1"},
    {"{\"input\": [{\"type\": \"function_call\", \"call_id\": \"c\", \"name\": \"n\"}]}",
     "input[0].arguments", "invalid_type", "missing"},
    {"{\"input\": [{\"type\": \"reasoning\", \"summary\": \"x\"}]}", "input[0].summary",
     "invalid_type", "an array"},
    {"{\"input\": \"x\", \"stream\": \"yes\"}", "stream", "invalid_type", "true or false"},
    {"{\"input\": \"x\", \"temperature\": 2.5}", "temperature", "invalid_value", "from 0 to 2"},
    {"{\"input\": \"x\", \"temperature\": 2.0000001}", "temperature", "invalid_value",
     "is 2.0000001;"},
    {"{\"input\": \"x\", \"max_output_tokens\": 16.0}", "max_output_tokens", "invalid_type",
     "is 16.0;"},
    {"{\"input\": \"x\", \"temperature\": \"hot\"}", "temperature", "invalid_type", "'hot'"},
    {"{\"input\": \"x\", \"top_p\": -1}", "top_p", "invalid_value", "from 0 to 1"},
    {"{\"input\": \"x\", \"top_logprobs\": 21}", "top_logprobs", "invalid_value", "from 0 to 20"},
    {"{\"input\": \"x\", \"max_output_tokens\": 0}", "max_output_tokens", "invalid_value", "is 0"},
    {"{\"input\": \"x\", \"max_output_tokens\": 1.5}", "max_output_tokens", "invalid_type",
     "an integer"},
    {"{\"input\": \"x\", \"max_tool_calls\": -3}", "max_tool_calls", "invalid_value", "is -3"},
    {"{\"input\": \"x\", \"parallel_tool_calls\": 1}", "parallel_tool_calls", "invalid_type",
     "is 1"},
    {"{\"input\": \"x\", \"truncation\": \"some\"}", "truncation", "invalid_value",
     "auto|disabled"},
    {"{\"input\": \"x\", \"instructions\": [1]}", "instructions", "invalid_type", "a string"},
    {"{\"input\": \"x\", \"metadata\": {\"a\": 1}}", "metadata", "invalid_type", "'metadata.a'"},
    {"{\"input\": \"x\", \"metadata\": []}", "metadata", "invalid_type", "an object"},
    {"{\"input\": \"x\", \"text\": {\"format\": {\"type\": \"xml\"}}}", "text.format.type",
     "invalid_value", "json_schema"},
    {"{\"input\": \"x\", \"text\": {\"format\": {\"type\": \"json_schema\", \"name\": \"n\"}}}",
     "text.format.schema", "missing_required_parameter", "missing"},
    {"{\"input\": \"x\", \"include\": [1]}", "include", "invalid_type", "include[0]"},
    {"{\"input\": \"x\", \"conversation\": 7}", "conversation", "invalid_value", "is 7"},
    {"{\"input\": \"x\", \"conversation\": {}}", "conversation", "invalid_value", "an object"},
    {"{\"input\": \"x\", \"conversation\": \"a b\"}", "conversation", "invalid_value", "'a b'"},
    {"{\"input\": \"x\", \"conversation\": \"c\", \"previous_response_id\": \"r\"}", "conversation",
     "mutually_exclusive_parameters", "exclude each other"},
    {"{\"input\": \"x\", \"background\": true, \"store\": false}", "background",
     "unsupported_parameter", "stored"},
    {"{\"input\": \"x\", \"stream_options\": {}}", "stream_options", "invalid_value", "stream"},
    {"{\"input\": \"x\", \"tools\": {}}", "tools", "invalid_type", "an array"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"computer_use_preview\"}]}", "tools[0].type",
     "invalid_value", "'computer_use_preview'; it must be 'function', or"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"web_search\", \"name\": \"s\"}],"
     " \"tool_choice\": {\"type\": \"function\", \"name\": \"s\"}}",
     "tool_choice.name", "invalid_value", "'s'"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"web_search\"}],"
     " \"tool_choice\": {\"type\": \"file_search\"}}",
     "tool_choice.type", "invalid_value", "'file_search'; it must be one of the request's tools"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"web_search\"}], \"tool_choice\":"
     " {\"type\": \"allowed_tools\", \"mode\": \"auto\", \"tools\": [{\"type\": \"file_search\"}]}}",
     "tool_choice.tools", "invalid_value", "'file_search'"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]}",
     "tools[0].name", "missing_required_parameter", "missing"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"execute_code\"}]}",
     "tools[0].name", "invalid_value", "own tool"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"a b\"}]}",
     "tools[0].name", "invalid_value", "'a b'"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"f\"},"
     " {\"type\": \"function\", \"name\": \"f\"}]}",
     "tools[1].name", "invalid_value", "second time"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"f\","
     " \"parameters\": []}]}",
     "tools[0].parameters", "invalid_type", "an object"},
    {"{\"input\": \"x\", \"prompt\": {\"id\": \"pmpt_1\"}}", "prompt", "unsupported_parameter",
     "instructions"},
    {"{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"f\","
     " \"allowed_callers\": [\"programmatic\"]}]}",
     "tools[0].allowed_callers", "unsupported_value", "direct"},
    {"{\"input\": \"x\", \"sandbox\": \"session\"}", "sandbox", "invalid_type", "an object"},
    {"{\"input\": \"x\", \"sandbox\": {\"stat\": \"session\"}}", "sandbox", "unknown_parameter",
     "'sandbox.stat'"},
    {"{\"input\": \"x\", \"sandbox\": {\"state\": \"dirty\"}}", "sandbox.state", "invalid_value",
     "clean|session"},
    {"{\"input\": \"x\", \"tool_choice\": \"any\"}", "tool_choice", "invalid_value", "required"},
    {"{\"input\": \"x\", \"tool_choice\": {\"type\": \"function\", \"name\": \"g\"}}",
     "tool_choice.name", "invalid_value", "'g'"},
    {"{\"input\": \"x\", \"tool_choice\": {\"type\": \"mcp\"}}", "tool_choice.type",
     "invalid_value", "'mcp'"},
};

static void wrong_requests_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct clo_request request = {0};
        struct clo_problem problem = {0};
        const struct refusal *refusal = &refusals[i];
        if (clo_request_parse(&request, refusal->body, strlen(refusal->body), &problem) == 0)
            fail_msg("accepted: %s", refusal->body);
        assert_int_equal(problem.status, 400);
        assert_string_equal(problem.param, refusal->param);
        assert_string_equal(problem.code, refusal->code);
        if (!strstr(problem.message, refusal->says))
            fail_msg("'%s' does not say '%s'", problem.message, refusal->says);
        clo_request_clear(&request);
    }
}

static const char *const accepted[] = {
    "{\"input\": \"x\"}",
    "{\"input\": \"x\", \"model\": null, \"store\": null, \"tools\": null, \"metadata\": null}",
    "{\"input\": \"x\", \"prompt\": null, \"tools\": [{\"type\": \"function\", \"name\": \"f\","
    " \"allowed_callers\": [\"programmatic\", \"direct\"], \"defer_loading\": true},"
    " {\"type\": \"function\", \"name\": \"g\", \"allowed_callers\": null}]}",
    "{\"input\": [{\"type\": \"web_search_call\", \"id\": \"ws_1\"}, {\"type\": \"reasoning\"}]}",
    "{\"input\": \"x\", \"no_such_field\": {\"deep\": [1, 2]}}",
    "{\"input\": \"x\", \"temperature\": 0, \"top_p\": 1, \"max_output_tokens\": 1}",
    "{\"input\": \"x\", \"stream\": true, \"stream_options\": {\"include_obfuscation\": false}}",
    "{\"input\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": "
    "null}]}",
    "{\"input\": [{\"role\": \"developer\", \"content\": \"x\"}]}",
    "{\"input\": [{\"type\": \"item_reference\", \"id\": \"msg_1\"}]}",
    "{\"input\": [{\"id\": \"msg_1\"}]}",
    "{\"input\": [{\"type\": \"function_call_output\", \"call_id\": \"c\","
    " \"output\": [{\"type\": \"input_text\", \"text\": \"x\"}]}]}",
    "{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"f\"}],"
    " \"tool_choice\": {\"type\": \"function\", \"name\": \"f\"}}",
    "{\"input\": \"x\", \"tool_choice\": {\"type\": \"function\", \"name\": \"execute_code\"}}",
    "{\"input\": \"x\", \"tools\": [{\"type\": \"web_search\"}, {\"type\": \"function\","
    " \"name\": \"f\"}], \"tool_choice\": {\"type\": \"web_search\"}}",
    "{\"input\": \"x\", \"tools\": [{\"type\": \"file_search\", \"vector_store_ids\": [\"v\"]}],"
    " \"tool_choice\": {\"type\": \"allowed_tools\", \"mode\": \"auto\", \"tools\":"
    " [{\"type\": \"file_search\"}, {\"type\": \"function\", \"name\": \"execute_code\"}]}}",
    "{\"input\": \"x\", \"text\": {\"format\": {\"type\": \"json_schema\", \"name\": \"n\","
    " \"schema\": {}}}}",
};

static void right_requests_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct clo_request request = {0};
        struct clo_problem problem = {0};
        if (clo_request_parse(&request, accepted[i], strlen(accepted[i]), &problem) < 0)
            fail_msg("%s: %s", accepted[i], problem.message);
        assert_true(request.store);
        clo_request_clear(&request);
    }
}

static void parse(struct clo_request *request, const char *body)
{
    struct clo_problem problem = {0};
    memset(request, 0, sizeof *request);
    if (clo_request_parse(request, body, strlen(body), &problem) < 0)
        fail_msg("%s: %s", body, problem.message);
}

static void a_session_is_asked_for(void **state)
{
    static const struct {
        const char *body;
        enum clo_request_state state;
    } cases[] = {
        {"{\"input\": \"x\"}", CLO_REQUEST_STATE_AGENT},
        {"{\"input\": \"x\", \"sandbox\": null}", CLO_REQUEST_STATE_AGENT},
        {"{\"input\": \"x\", \"sandbox\": {\"state\": null}}", CLO_REQUEST_STATE_AGENT},
        {"{\"input\": \"x\", \"sandbox\": {\"state\": \"clean\"}}", CLO_REQUEST_STATE_CLEAN},
        {"{\"input\": \"x\", \"sandbox\": {\"state\": \"session\"}}", CLO_REQUEST_STATE_SESSION},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_request request;
        parse(&request, cases[i].body);
        assert_int_equal(request.state, cases[i].state);
        clo_request_clear(&request);
    }
}

static void items_are_brought_to_their_full_form(void **state)
{
    (void)state;
    struct clo_request request;
    parse(&request, "{\"input\": [{\"role\": \"user\", \"content\": \"a\"},"
                    " {\"role\": \"assistant\", \"content\": \"b\"}]}");
    json_t *want = json_loads(
        "[{\"type\": \"message\", \"role\": \"user\","
        "  \"content\": [{\"type\": \"input_text\", \"text\": \"a\"}]},"
        " {\"type\": \"message\", \"role\": \"assistant\","
        "  \"content\": [{\"type\": \"output_text\", \"text\": \"b\", \"annotations\": []}]}]",
        0, NULL);
    assert_true(json_equal(request.input, want));
    /* what the client sent stays as it was: the response echoes from it */
    assert_true(json_is_string(
        json_object_get(json_array_get(json_object_get(request.body, "input"), 0), "content")));
    json_decref(want);
    clo_request_clear(&request);
}

static void tools_get_all_their_fields(void **state)
{
    (void)state;
    struct clo_request request;
    parse(&request, "{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"f\"}]}");
    const json_t *tool = json_array_get(request.client_tools, 0);
    assert_true(json_is_null(json_object_get(tool, "description")));
    assert_true(json_is_object(json_object_get(tool, "parameters")));
    assert_true(json_is_false(json_object_get(tool, "strict")));
    clo_request_clear(&request);
}

static void hosted_tools_are_taken_as_they_are_or_refused_by_name(void **state)
{
    (void)state;
    struct clo_request request;
    struct clo_problem problem = {0};
    parse(&request, "{\"input\": \"x\", \"include\": [\"web_search_call.results\"], \"tools\":"
                    " [{\"type\": \"function\", \"name\": \"f\"}, {\"type\": \"web_search\","
                    " \"filters\": {\"allowed_domains\": [\"a.example\"]}}]}");
    assert_true(json_equal(json_array_get(request.client_tools, 1),
                           json_array_get(json_object_get(request.body, "tools"), 1)));
    assert_int_equal(json_array_size(json_object_get(request.options, "include")), 1);
    assert_int_equal(clo_request_check_hosted(&request, NULL, &problem), 0);
    assert_int_equal(clo_request_check_hosted(&request, "by chat completions", &problem),
                     CLO_EINVALID);
    assert_int_equal(problem.status, 400);
    assert_string_equal(problem.param, "tools[1].type");
    assert_non_null(strstr(problem.message, "'web_search'"));
    assert_non_null(strstr(problem.message, "Leave the tool out"));
    clo_request_clear(&request);
    parse(&request, "{\"input\": \"x\", \"tools\": [{\"type\": \"function\", \"name\": \"f\"}]}");
    assert_int_equal(clo_request_check_hosted(&request, "by chat completions", &problem), 0);
    clo_request_clear(&request);
}

static void flags_and_links_are_taken(void **state)
{
    (void)state;
    struct clo_request request;
    parse(&request,
          "{\"input\": \"x\", \"stream\": true, \"store\": false, \"truncation\": \"auto\","
          " \"max_tool_calls\": 7, \"previous_response_id\": \"resp_1\","
          " \"instructions\": \"be short\", \"temperature\": 0.5}");
    assert_true(request.stream && !request.store && request.truncate && !request.background);
    assert_int_equal(request.max_tool_calls, 7);
    assert_string_equal(request.previous, "resp_1");
    assert_string_equal(request.instructions, "be short");
    assert_int_equal(json_object_size(request.options), 1);
    clo_request_clear(&request);
    parse(&request, "{\"input\": \"x\", \"user\": \"u\", \"safety_identifier\": \"s\","
                    " \"prompt_cache_key\": \"k\"}");
    assert_int_equal(json_object_size(request.options), 3); /* models' servers know all three */
    clo_request_clear(&request);
    parse(&request, "{\"input\": \"x\", \"conversation\": {\"id\": \"conv_1\"}}");
    assert_string_equal(request.conversation, "conv_1");
    clo_request_clear(&request);
}

/* pairs of metadata, the length of each key and of each value */
static unsigned metadata_status(int pairs, int key, int value)
{
    struct clo_request request = {0};
    struct clo_problem problem = {0};
    json_t *metadata = json_object();
    for (int i = 0; i < pairs; i++) {
        char name[128], text[1024];
        memset(name, 'k', sizeof name);
        memset(text, 'v', sizeof text);
        name[0] = (char)('A' + i);
        name[key] = text[value] = '\0';
        json_object_set_new(metadata, name, json_string(text));
    }
    json_t *body = json_pack("{s:s, s:o}", "input", "x", "metadata", metadata);
    char *text = json_dumps(body, 0);
    int status = clo_request_parse(&request, text, strlen(text), &problem);
    clo_request_clear(&request);
    json_decref(body);
    free(text);
    return status == 0 ? 200 : problem.status;
}

static void metadata_has_its_limits(void **state)
{
    (void)state;
    assert_int_equal(metadata_status(16, 64, 512), 200);
    assert_int_equal(metadata_status(17, 10, 10), 400);
    assert_int_equal(metadata_status(1, 65, 10), 400);
    assert_int_equal(metadata_status(1, 10, 513), 400);
}

static void too_many_items_are_refused(void **state)
{
    (void)state;
    struct clo_request request = {0};
    struct clo_problem problem = {0};
    json_t *items = json_array();
    for (int i = 0; i <= CLO_REQUEST_ITEMS_MAX; i++)
        json_array_append_new(items, json_pack("{s:s, s:s}", "role", "user", "content", "x"));
    json_t *body = json_pack("{s:o}", "input", items);
    char *text = json_dumps(body, 0);
    assert_true(clo_request_parse(&request, text, strlen(text), &problem) < 0);
    assert_string_equal(problem.code, "array_above_max_length");
    clo_request_clear(&request);
    json_decref(body);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_requests_are_refused_by_name),
        cmocka_unit_test(right_requests_are_accepted),
        cmocka_unit_test(a_session_is_asked_for),
        cmocka_unit_test(items_are_brought_to_their_full_form),
        cmocka_unit_test(tools_get_all_their_fields),
        cmocka_unit_test(hosted_tools_are_taken_as_they_are_or_refused_by_name),
        cmocka_unit_test(flags_and_links_are_taken),
        cmocka_unit_test(metadata_has_its_limits),
        cmocka_unit_test(too_many_items_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

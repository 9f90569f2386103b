/* run_request_test.c - POST /runs: what a request may say, and the words for what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "serve/protocol/run_request.h"

static int parse(struct clo_run_request *request, const char *json, struct clo_problem *problem)
{
    return clo_run_request_parse(request, json, strlen(json), "microvm", problem);
}

static void a_request_says_all_of_a_run(void **state)
{
    struct clo_run_request request;
    struct clo_problem problem;
    (void)state;
    assert_int_equal(
        parse(
            &request,
            "{\"code\": \"print(1)\", \"name\": \"a.py\", \"arguments\": [\"x\", \"\"],"
            " \"files\": [\"file-1\", {\"id\": \"file-2\", \"path\": \"t/x.csv\"}],"
            " \"stdin\": \"a\\u0000b\", \"limits\": {\"wall_ms\": 5, \"cpu_ms\": 6, \"memory\": 7,"
            " \"output\": 8, \"host_calls\": 9, \"host_call_bytes\": 10, \"tool_ms\": 11},"
            " \"tools\": false, \"isolation\": \"microvm\", \"repair\": true, \"stream\": true,"
            " \"seed\": 9223372036854775807, \"clock\": \"2026-07-01T12:00:00.5+02:00\","
            " \"timezone\": \"Europe/Berlin\"}",
            &problem),
        0);
    const struct clo_run *run = &request.run;
    assert_string_equal(run->code, "print(1)");
    assert_int_equal(run->code_length, 8);
    assert_string_equal(run->name, "a.py");
    assert_int_equal(run->argument_count, 2);
    assert_string_equal(run->arguments[0], "x");
    assert_string_equal(run->arguments[1], "");
    assert_int_equal(request.file_count, 2);
    assert_string_equal(request.files[0].id, "file-1");
    assert_null(request.files[0].path);
    assert_string_equal(request.files[1].id, "file-2");
    assert_string_equal(request.files[1].path, "t/x.csv");
    assert_int_equal(run->input_length, 3);
    assert_memory_equal(run->input, "a\0b", 3);
    assert_int_equal(run->limits.wall_ms, 5);
    assert_int_equal(run->limits.cpu_ms, 6);
    assert_int_equal(run->limits.memory, 7);
    assert_int_equal(run->limits.output, 8);
    assert_int_equal(run->limits.host_calls, 9);
    assert_int_equal(run->limits.host_call_bytes, 10);
    assert_int_equal(run->limits.tool_ms, 11);
    assert_true(run->no_tools && run->wants_result && request.stream);
    assert_int_equal(run->repair, CLO_REPAIR_CODE);
    assert_true(run->fixed.has_seed && run->fixed.has_clock);
    assert_true(run->fixed.seed == INT64_MAX);
    assert_true(run->fixed.clock_ns == 1782900000500000000);
    assert_string_equal(run->fixed.timezone, "Europe/Berlin");
    clo_run_request_clear(&request);
    assert_int_equal(parse(&request, "{\"code\": \"\", \"seed\": null, \"clock\": 12}", &problem),
                     0);
    assert_false(request.run.fixed.has_seed || request.run.no_tools || request.stream);
    assert_true(request.run.fixed.clock_ns == 12000000000);
    assert_null(request.run.input);
    assert_int_equal(request.run.repair, CLO_REPAIR_NONE);
    clo_run_request_clear(&request);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *json, *param, *words;
    } cases[] = {
        {"", "", "no body"},
        {"{", "", "not valid JSON"},
        {"[]", "", "an array"},
        {"{\"code\": \"1\", \"code\": \"2\"}", "", "duplicate"},
        {"{}", "code", "Missing required parameter: 'code'"},
        {"{\"code\": null}", "code", "Missing"},
        {"{\"code\": 7}", "code", "'code' is 7; it must be a string"},
        {"{\"code\": \"1\", \"cod\": 2}", "cod", "Unknown parameter: 'cod'"},
        {"{\"code\": \"1\", \"name\": \"a\\u0000\"}", "name", "NUL"},
        {"{\"code\": \"1\", \"arguments\": \"x\"}", "arguments", "an array"},
        {"{\"code\": \"1\", \"arguments\": [\"x\", 3]}", "arguments[1]", "is 3"},
        {"{\"code\": \"1\", \"arguments\": [\"\\u0000\"]}", "arguments[0]", "NUL"},
        {"{\"code\": \"1\", \"stdin\": 1}", "stdin", "a string"},
        {"{\"code\": \"1\", \"files\": 1}", "files", "an array"},
        {"{\"code\": \"1\", \"files\": [\"a\", 1]}", "files[1]", "a file's id"},
        {"{\"code\": \"1\", \"files\": [{}]}", "files[0]", "lacks \"id\""},
        {"{\"code\": \"1\", \"files\": [{\"id\": 1}]}", "files[0].id", "a string"},
        {"{\"code\": \"1\", \"files\": [{\"id\": \"a\", \"name\": \"b\"}]}", "files[0].name",
         "id, path"},
        {"{\"code\": \"1\", \"files\": [{\"id\": \"a\", \"path\": \"\\u0000\"}]}", "files[0].path",
         "NUL"},
        {"{\"code\": \"1\", \"limits\": 1}", "limits", "an object"},
        {"{\"code\": \"1\", \"limits\": {\"wall\": 1}}", "limits.wall", "wall_ms"},
        {"{\"code\": \"1\", \"limits\": {\"wall_ms\": 0}}", "limits.wall_ms", "from 1"},
        {"{\"code\": \"1\", \"limits\": {\"wall_ms\": 1.5}}", "limits.wall_ms", "integer"},
        {"{\"code\": \"1\", \"limits\": {\"memory\": -1}}", "limits.memory", "-1"},
        {"{\"code\": \"1\", \"tools\": 0}", "tools", "true or false"},
        {"{\"code\": \"1\", \"isolation\": \"process\"}", "isolation", "--isolation=process"},
        {"{\"code\": \"1\", \"seed\": -1}", "seed", "-1"},
        {"{\"code\": \"1\", \"seed\": 1.5}", "seed", "integer"},
        {"{\"code\": \"1\", \"seed\": \"7\"}", "seed", "integer"},
        {"{\"code\": \"1\", \"clock\": \"noon\"}", "clock", "\"noon\" is not a moment"},
        {"{\"code\": \"1\", \"clock\": -1}", "clock", "-1"},
        {"{\"code\": \"1\", \"clock\": 1e300}", "clock", "1970 to 2261"},
        {"{\"code\": \"1\", \"clock\": true}", "clock", "a string"},
        {"{\"code\": \"1\", \"timezone\": 1}", "timezone", "a string"},
        {"{\"code\": \"1\", \"timezone\": \"U\\u0000\"}", "timezone", "NUL"},
        {"{\"code\": \"1\", \"stream\": \"yes\"}", "stream", "true or false"},
        {"{\"code\": \"1\", \"state\": \"dirty\"}", "state", "one of clean|session"},
        {"{\"code\": \"1\", \"previous_run_id\": 1}", "previous_run_id", "a string"},
        {"{\"code\": \"1\", \"previous_run_id\": \"a\\u0000\"}", "previous_run_id", "NUL"},
        {"{\"code\": \"1\", \"state\": \"clean\", \"previous_run_id\": \"run_1\"}",
         "previous_run_id", "leave that out"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_run_request request;
        struct clo_problem problem;
        if (parse(&request, cases[i].json, &problem) != CLO_EINVALID)
            fail_msg("taken: %s", cases[i].json);
        if (strcmp(problem.param, cases[i].param) != 0 || !strstr(problem.message, cases[i].words))
            fail_msg("%s: '%s': %s", cases[i].json, problem.param, problem.message);
        assert_int_equal(problem.status, 400);
        assert_null(request.body);
    }
}

static void a_session_is_asked_for(void **state)
{
    static const struct {
        const char *json;
        bool session;
        const char *previous;
    } cases[] = {
        {"{\"code\": \"1\"}", false, NULL},
        {"{\"code\": \"1\", \"state\": \"clean\", \"previous_run_id\": null}", false, NULL},
        {"{\"code\": \"1\", \"state\": \"session\"}", true, NULL},
        {"{\"code\": \"1\", \"state\": \"session\", \"previous_run_id\": \"run_1\"}", true,
         "run_1"},
        {"{\"code\": \"1\", \"previous_run_id\": \"run_1\"}", true, "run_1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_run_request request;
        struct clo_problem problem;
        if (parse(&request, cases[i].json, &problem))
            fail_msg("%s: %s", cases[i].json, problem.message);
        assert_int_equal(request.session, cases[i].session);
        assert_int_equal(request.previous != NULL, cases[i].previous != NULL);
        if (request.previous)
            assert_string_equal(request.previous, cases[i].previous);
        clo_run_request_clear(&request);
    }
}

static void long_texts_are_refused(void **state)
{
    struct clo_run_request request;
    struct clo_problem problem;
    struct clo_buffer json = CLO_BUFFER(16 << 20);
    (void)state;
    clo_buffer_text(&json, "{\"code\": \"");
    for (unsigned i = 0; i <= CLO_RUN_CODE_MAX / 8; i++)
        clo_buffer_text(&json, "########");
    clo_buffer_text(&json, "\"}");
    assert_false(json.failed);
    assert_int_equal(parse(&request, json.data, &problem), CLO_EINVALID);
    assert_string_equal(problem.param, "code");
    assert_non_null(strstr(problem.message, "at most 4194304"));
    clo_buffer_free(&json);
    json = CLO_BUFFER(16 << 20);
    clo_buffer_text(&json, "{\"code\": \"1\", \"arguments\": [\"");
    for (unsigned i = 0; i <= CLO_ARGUMENT_BYTES_MAX / 8; i++)
        clo_buffer_text(&json, "xxxxxxxx");
    clo_buffer_text(&json, "\"]}");
    assert_false(json.failed);
    assert_int_equal(parse(&request, json.data, &problem), CLO_EINVALID);
    assert_string_equal(problem.param, "arguments");
    clo_buffer_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_says_all_of_a_run),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_session_is_asked_for),
        cmocka_unit_test(long_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

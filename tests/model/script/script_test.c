/* script_test.c - the offline model: which turn it plays, how it fills in, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "model/model.h"
#include "model/run_report.h"
#include "model_server.h"

static char path[] = "/tmp/clo-script-XXXXXX";

static int open_text(struct clo_model **model, const char *text, struct clo_error *error)
{
    strcpy(path, "/tmp/clo-script-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs(text, file);
    fclose(file);
    struct clo_model_config config = {.kind = CLO_MODEL_SCRIPT, .script = path};
    int status = clo_model_create(model, &config, error);
    unlink(path);
    return status;
}

/* A conversation: the user's text, and the outputs of the calls so far. */
static json_t *scene(const char *user, const char *first, const char *second)
{
    json_t *input = json_pack("[{s:s, s:s, s:[{s:s, s:s}]}]", "type", "message", "role", "user",
                              "content", "type", "input_text", "text", user);
    const char *outputs[] = {first, second};
    for (int i = 0; i < 2 && outputs[i]; i++) {
        json_array_append_new(input,
                              json_pack("{s:s, s:s, s:s, s:s}", "type", "function_call", "call_id",
                                        "c", "name", "execute_code", "arguments", "{}"));
        json_array_append_new(input, json_pack("{s:s, s:s, s:s}", "type", "function_call_output",
                                               "call_id", "c", "output", outputs[i]));
    }
    return input;
}

/* What the model says (text) and runs (code); both freed by the caller. */
static int play_with(struct clo_model *model, json_t *input, const char *choice, char **text,
                     char **code)
{
    json_t *tools = json_pack("[{s:s, s:s}]", "type", "function", "name", "execute_code");
    json_t *options = json_pack("{s:s}", "tool_choice", choice);
    struct clo_buffer log = CLO_BUFFER(1u << 20);
    struct clo_item_sink sink = {log_item, &log};
    struct clo_model_request request = {.input = input, .tools = tools, .options = options};
    struct clo_model_reply reply;
    *text = *code = NULL;
    int status = clo_model_call(model, &request, &sink, &reply, NULL);
    size_t index;
    const json_t *item;
    json_array_foreach(reply.output, index, item) {
        if (clo_json_is(item, "type", "message")) {
            const json_t *part = json_array_get(json_object_get(item, "content"), 0);
            *text = strdup(clo_json_text(part, "text"));
        } else {
            json_t *arguments = json_loads(clo_json_text(item, "arguments"), 0, NULL);
            *code = strdup(clo_json_text(arguments, "code"));
            json_decref(arguments);
        }
    }
    clo_model_reply_clear(&reply);
    clo_buffer_free(&log);
    json_decref(tools);
    json_decref(options);
    json_decref(input);
    return status;
}

static void expect(struct clo_model *model, json_t *input, const char *text, const char *code)
{
    char *said, *run;
    assert_int_equal(play_with(model, input, "auto", &said, &run), 0);
    if (text)
        assert_string_equal(said, text);
    else
        assert_null(said);
    if (code)
        assert_string_equal(run, code);
    else
        assert_null(run);
    free(said);
    free(run);
}

static const char turns[] = "turns:\n"
                            "  - match: 'MULTIPLY \\d+ by'\n"
                            "    say: Working.\n"
                            "    code: |\n"
                            "      print(6 * 7)\n"
                            "    then:\n"
                            "      say: 'first {stdout}{other} {'\n"
                            "      code: print(\"{stdout}\")\n"
                            "      then:\n"
                            "        say: '<{stdout}|{result}|{stderr}>'\n"
                            "  - match: hello\n"
                            "    say: 'Hi {stdout}'\n"
                            "  - match: raw\n"
                            "    code: f()\n"
                            "    then: {say: '{output}'}\n";

static void steps_follow_the_results(void **state)
{
    (void)state;
    struct clo_model *model;
    struct clo_error error;
    if (open_text(&model, turns, &error))
        fail_msg("%s", error.message);
    expect(model, scene("please multiply 6 by 7", NULL, NULL), "Working.", "print(6 * 7)\n");
    expect(model, scene("multiply 6 by 7", "stdout (3 bytes):\n42\n", NULL), "first 42{other} {",
           "print(\"{stdout}\")");
    expect(model, scene("multiply 6 by 7", "x", "stdout (2 bytes):\nab\nresult (1 bytes):\n7\n"),
           "<ab|7|>", NULL);
    expect(model, scene("Hello!", NULL, NULL), "Hi {stdout}", NULL);
    expect(model, scene("raw", "error: no\n", NULL), "error: no", NULL);
    clo_model_destroy(model);
}

static void without_a_turn_the_block_is_run(void **state)
{
    (void)state;
    struct clo_model *model;
    struct clo_model_config config = {.kind = CLO_MODEL_SCRIPT};
    assert_int_equal(clo_model_create(&model, &config, NULL), 0);
    const char *asked = "Run\n```python\nprint(1)\nx = '\xc3\xa4'\n```\nand\n```python\n2\n```\n";
    expect(model, scene(asked, NULL, NULL), NULL, "print(1)\nx = '\xc3\xa4'\n");
    expect(model, scene("```text\nno\n```\n```py\nyes\n```", NULL, NULL), NULL, "yes\n");
    expect(model, scene("```python\r\n1\r\n```", NULL, NULL), NULL, "1\r\n");
    expect(model, scene(asked, "stdout (2 bytes):\n1\n", NULL), "1", NULL);
    expect(model, scene(asked, "result (2 bytes):\n42\n", NULL), "42", NULL);
    expect(model, scene(asked, "stdout (1 bytes):\n1\nresult (1 bytes):\n2\n", NULL),
           "stdout (1 bytes):\n1\nresult (1 bytes):\n2", NULL);
    expect(model, scene(asked, "stderr (4 bytes):\noops\nexit code: 1\n", NULL),
           "stderr (4 bytes):\noops\nexit code: 1", NULL);
    clo_model_destroy(model);
}

static void it_says_what_it_is(void **state)
{
    (void)state;
    static const char *const messages[] = {"hello", "```python", "```python\nopen", "``` x ```",
                                           ""};
    struct clo_model *model;
    struct clo_model_config config = {.kind = CLO_MODEL_SCRIPT};
    assert_int_equal(clo_model_create(&model, &config, NULL), 0);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        char *text, *code;
        assert_int_equal(play_with(model, scene(messages[i], NULL, NULL), "auto", &text, &code), 0);
        assert_non_null(strstr(text, "offline"));
        assert_non_null(strstr(text, "OPENAI_API_KEY"));
        assert_null(code);
        free(text);
    }
    clo_model_destroy(model);
}

static void without_leave_to_call_it_only_speaks(void **state)
{
    (void)state;
    struct clo_model *model;
    char *text, *code;
    assert_int_equal(open_text(&model, turns, NULL), 0);
    play_with(model, scene("multiply 1 by 1", NULL, NULL), "none", &text, &code);
    assert_string_equal(text, "Working.");
    assert_null(code);
    free(text);
    play_with(model, scene("raw", NULL, NULL), "none", &text, &code);
    assert_string_equal(text, "No code may be run in this turn.");
    assert_null(code);
    free(text);
    clo_model_destroy(model);
}

static void it_streams_the_same_small_pieces(void **state)
{
    (void)state;
    struct clo_model *model;
    struct clo_buffer logs[2] = {CLO_BUFFER(10000), CLO_BUFFER(10000)};
    assert_int_equal(
        open_text(&model, "turns:\n- say: 'Grüße aus dem Lande der Glocken, überall'\n", NULL), 0);
    for (int i = 0; i < 2; i++) {
        json_t *input = scene("x", NULL, NULL);
        struct clo_item_sink sink = {log_item, &logs[i]};
        struct clo_model_request request = {.input = input};
        struct clo_model_reply reply;
        assert_int_equal(clo_model_call(model, &request, &sink, &reply, NULL), 0);
        clo_model_reply_clear(&reply);
        json_decref(input);
    }
    assert_string_equal(logs[0].data, logs[1].data);
    assert_string_equal(logs[0].data,
                        "+message|Grüße aus dem |Lande der Glocke|n, überall-completed ");
    clo_buffer_free(&logs[0]);
    clo_buffer_free(&logs[1]);
    clo_model_destroy(model);
}

static void *cancel_soon(void *context)
{
    usleep(100000);
    clo_cancel_trigger(context);
    return NULL;
}

static void it_can_be_slow_and_cancelled(void **state)
{
    (void)state;
    struct clo_model *model;
    struct clo_error error;
    struct clo_model_reply reply;
    pthread_t thread;
    assert_int_equal(
        open_text(&model, "delay: 20s\nturns:\n- say: a text of several pieces\n", NULL), 0);
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    json_t *input = scene("x", NULL, NULL);
    struct clo_model_request request = {.input = input, .cancel = cancel};
    pthread_create(&thread, NULL, cancel_soon, cancel);
    uint64_t start = clo_monotonic_ns();
    assert_int_equal(clo_model_call(model, &request, NULL, &reply, &error), CLO_ECANCELLED);
    assert_null(reply.output);
    assert_true(clo_monotonic_ns() - start < 5000000000u);
    pthread_join(thread, NULL);
    clo_cancel_free(cancel);
    clo_model_destroy(model);
    json_decref(input);
}

static const struct {
    const char *text, *message;
} refused[] = {
    {"turns: 5\n", ":1:8: turns: a list is expected under \"turns\""},
    {"x: 5\n", ":1:1: x: unknown key; known here: turns, delay"},
    {"delay: 1s\n", ":1:1: a list is expected under \"turns\""},
    {"turns:\n- match: a\n", ":2:3: turns[0]: \"say\", \"code\" or both must stand here"},
    {"turns:\n- say: a\n  then: {say: b}\n",
     ":3:9: turns[0].then: \"then\" follows the output of \"code\", and there is none beside it"},
    {"turns:\n- say: a\n  mach: b\n", ":3:3: turns[0].mach: unknown key; did you mean \"match\"?"},
    {"turns:\n- match: '(a'\n  say: b\n", ":2:10: turns[0].match: not a regular expression at "},
    {"turns:\n- code: a\n  then:\n    match: x\n    say: y\n",
     ":4:5: turns[0].then.match: unknown key; known here: say, code, then"},
    {"turns:\n- say: a\n  message: 0\n", ":3:12: turns[0].message: "},
    {"turns:\n- say: a\n  literal: yes\n",
     ":3:12: turns[0].literal: \"yes\" is none of false, true"},
    {"turns:\n- code: []\n", ":2:9: turns[0].code: 0 pieces of code; write 1 to 64"},
    {"turns:\n- code: [a, [b]]\n", ":2:13: turns[0].code[1]: a text is expected: Python code"},
    {"turns:\n- code: a\n  then: {say: b, message: 1}\n",
     ":3:18: turns[0].then.message: unknown key; known here: say, code, then"},
    {"turns:\n- say: [a]\n", ":2:8: turns[0].say: a single value is expected here"},
};

static void bad_scripts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct clo_model *model;
        struct clo_error error;
        char wanted[256];
        assert_int_equal(open_text(&model, refused[i].text, &error), CLO_EINVALID);
        snprintf(wanted, sizeof wanted, "%s%s", path, refused[i].message);
        if (strncmp(error.message, wanted, strlen(wanted)) != 0)
            fail_msg("\"%s\" is not \"%s\"", error.message, wanted);
    }
    struct clo_model *model;
    struct clo_model_config config = {.kind = CLO_MODEL_SCRIPT, .script = "/nowhere/x.yaml"};
    assert_int_equal(clo_model_create(&model, &config, NULL), CLO_ENOTFOUND);
}

/* The text of each section, read back whatever it holds. */
static void sections_hold_anything(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a", "a\n", "\n", "stdout (1 bytes):\nx\n", "b (", "", "result (99 bytes):\n"};
    const size_t count = sizeof texts / sizeof *texts;
    for (size_t one = 0; one < count; one++) {
        for (size_t two = 0; two < count; two++) {
            struct clo_buffer report = CLO_BUFFER(1000);
            const char *text;
            size_t length;
            clo_run_report_write(&report, "stdout", texts[one], strlen(texts[one]));
            clo_run_report_write(&report, "result", texts[two], strlen(texts[two]));
            clo_buffer_text(&report, "exit code: 1\n");
            assert_true(clo_run_report_read(report.data, report.length, "stdout", &text, &length));
            assert_int_equal(length, strlen(texts[one]));
            assert_memory_equal(text, texts[one], length);
            assert_true(clo_run_report_read(report.data, report.length, "result", &text, &length));
            assert_int_equal(length, strlen(texts[two]));
            assert_memory_equal(text, texts[two], length);
            assert_false(clo_run_report_read(report.data, report.length, "stderr", &text, &length));
            assert_int_equal(length, 0);
            clo_buffer_free(&report);
        }
    }
    static const char *const broken[] = {"stdout (5 bytes):\nab", "stdout ( bytes):\n", "stdout (1",
                                         "stdout (18446744073709551617 bytes):\na", "stdout"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const char *text;
        size_t length;
        assert_false(clo_run_report_read(broken[i], strlen(broken[i]), "stdout", &text, &length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_the_results),
        cmocka_unit_test(without_a_turn_the_block_is_run),
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(without_leave_to_call_it_only_speaks),
        cmocka_unit_test(it_streams_the_same_small_pieces),
        cmocka_unit_test(it_can_be_slow_and_cancelled),
        cmocka_unit_test(bad_scripts_are_refused),
        cmocka_unit_test(sections_hold_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

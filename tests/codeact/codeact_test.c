/* codeact_test.c - the words around execute_code: its description, arguments and reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/utf8.h"
#include "codeact/codeact.h"
#include "codeact/signature.h"
#include "model/run_report.h"
#include "sandbox/artifacts/artifacts.h"

static const struct {
    const char *schema, *signature;
} signatures[] = {
    {NULL, "f()"},
    {"{'type':'object'}", "f()"},
    {"{'type':'object','properties':{'operation':{'type':'string','enum':['add','sub']},"
     "'a':{'type':'number'},'b':{'type':'number'}},'required':['operation','a','b']}",
     "f(operation: Literal[\"add\", \"sub\"], a: float, b: float)"},
    {"{'properties':{'o':{'type':'integer','default':5},'n':{'type':'string'},"
     "'r':{'type':'boolean'},'t':{'type':'boolean','default':true}},'required':['r']}",
     "f(r: bool, o: int = 5, n: str = ..., t: bool = True)"},
    {"{'properties':{'l':{'type':'array','items':{'type':'string'}},'m':{'type':'object',"
     "'additionalProperties':{'type':'integer'}},'p':{'type':'array'},'q':{'type':'object'}},"
     "'required':['l','m','p','q']}",
     "f(l: list[str], m: dict[str, int], p: list, q: dict)"},
    {"{'properties':{'u':{'type':['string','null']},'v':{'anyOf':[{'type':'integer'},"
     "{'const':'x'}]},'w':{},'x':{'$ref':'#/$defs/D'}},'required':['u','v','w','x'],"
     "'$defs':{'D':{'type':'number'}}}",
     "f(u: str | None, v: int | Literal[\"x\"], w: Any, x: float)"},
    {"{'properties':{'from':{'type':'string'},'a-b':{'type':'string'}},'required':['from']}",
     "f(**{\"from\": str}, **{\"a-b\": str = ...})"},
    {"{'properties':{'x':{'$ref':'#/$defs/D'}},'required':['x'],"
     "'$defs':{'D':{'type':'array','items':{'$ref':'#/$defs/D'}}}}",
     "f(x: list[list[list[Any]]])"},
};

static void schemas_become_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        struct clo_buffer out = CLO_BUFFER(10000);
        char *text = signatures[i].schema ? strdup(signatures[i].schema) : NULL;
        for (char *at = text; at && *at; at++)
            *at = *at == '\'' ? '"' : *at;
        json_t *schema = text ? json_loads(text, 0, NULL) : NULL;
        assert_true(!text == !schema);
        clo_signature_write(&out, "f", schema);
        assert_string_equal(out.data, signatures[i].signature);
        json_decref(schema);
        free(text);
        clo_buffer_free(&out);
    }
}

static const struct clo_tool tools[] = {
    {.name = "compute",
     .description = "Do arithmetic.\nTwice.\n",
     .parameters = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\","
                   "\"description\":\"First operand.\"}},\"required\":[\"a\"]}"},
    {.name = "now"},
};

static const struct clo_limits limits = {.wall_ms = 30000,
                                         .cpu_ms = 10000,
                                         .memory = 256u << 20,
                                         .output = 1u << 20,
                                         .host_calls = 10000,
                                         .host_call_bytes = 8u << 20,
                                         .artifact_file_bytes = 64u << 20,
                                         .artifact_total_bytes = 256u << 20,
                                         .artifact_files = 256};

static void the_description_has_all_that_is_needed(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "\ncompute(a: float)\n    Do arithmetic.\n    Twice.\n    a: First operand.\n",
        "\nnow()\n",
        "CPython 3.13.9",
        "16 KiB in all",
        "call_tool_async",
        "asyncio.gather",
        "ToolError",
        "last expression",
        "30 s in all, 10 s of processor time, 256 MiB of memory, 1 MiB of output",
        "no network",
        "/tmp",
        "- What the code writes to /output is given to the user as files.\n"};
    struct clo_codeact_config config = {"CPython 3.13.9", tools, 2, limits, 16384};
    json_t *tool;
    assert_int_equal(clo_codeact_tool(&tool, &config, NULL), 0);
    assert_true(clo_json_is(tool, "type", "function") && clo_json_is(tool, "name", "execute_code"));
    const char *text = clo_json_text(tool, "description");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            fail_msg("\"%s\" is missing from:\n%s", parts[i], text);
    json_t *schema = json_object_get(tool, "parameters");
    json_t *wanted =
        json_pack("{s:s, s:{s:{s:s, s:O}}, s:[s], s:b}", "type", "object", "properties", "code",
                  "type", "string", "description",
                  json_object_get(json_object_get(json_object_get(schema, "properties"), "code"),
                                  "description"),
                  "required", "code", "additionalProperties", 0);
    assert_true(json_equal(schema, wanted));
    json_decref(wanted);
    assert_null(strstr(text, "/input/"));
    json_decref(tool);
    static const char *const places[] = {"/input/reports/", "/input/t.csv"};
    config.places = places;
    config.place_count = 2;
    config.tool_count = 0;
    config.limits.artifact_files = 3;
    assert_int_equal(clo_codeact_tool(&tool, &config, NULL), 0);
    assert_non_null(strstr(clo_json_text(tool, "description"),
                           "as files. At most 64 MiB a file, 256 MiB in all, 3 files.\n"));
    assert_non_null(strstr(clo_json_text(tool, "description"), "no host functions"));
    assert_non_null(strstr(clo_json_text(tool, "description"),
                           "complete standard library. There are no other packages"));
    assert_non_null(
        strstr(clo_json_text(tool, "description"), ": /input/reports/, /input/t.csv\n"));
    json_decref(tool);
}

static void descriptions_name_packages(void **state)
{
    (void)state;
    struct clo_codeact_config config = {"P", tools, 2, limits, 16384};
    json_t *tool;
    struct clo_buffer many = CLO_BUFFER(1 << 16);
    config.packages = "attrs 24.2.0 (attr, attrs), six 1.16.0";
    assert_int_equal(clo_codeact_tool(&tool, &config, NULL), 0);
    assert_non_null(
        strstr(clo_json_text(tool, "description"),
               "complete standard library and with these packages (in brackets what is "
               "imported, where it is called otherwise): attrs 24.2.0 (attr, attrs), six "
               "1.16.0. There are no other packages"));
    json_decref(tool);
    for (int i = 0; i < 1000; i++) /* the list is cut */
        clo_buffer_format(&many, "%spack%03d", i ? ", " : "", i);
    config.packages = many.data;
    assert_int_equal(clo_codeact_tool(&tool, &config, NULL), 0);
    assert_null(strstr(clo_json_text(tool, "description"), "pack900"));
    assert_non_null(strstr(clo_json_text(tool, "description"), " and more. There are no other"));
    json_decref(tool);
    clo_buffer_free(&many);
}

static void descriptions_have_a_ceiling(void **state)
{
    (void)state;
    size_t length = CLO_CODEACT_DESCRIPTION_MAX;
    char *long_text = malloc(length + 1);
    memset(long_text, 'x', length);
    long_text[length] = '\0';
    struct clo_tool tool = {.name = "f", .description = long_text};
    struct clo_codeact_config config = {"P", &tool, 1, limits, 16384};
    json_t *json;
    assert_int_equal(clo_codeact_tool(&json, &config, NULL), CLO_ELIMIT);
    assert_null(json);
    free(long_text);
}

static const struct {
    const char *arguments, *code, *why;
} calls[] = {
    {"{\"code\":\"print(1)\\n\"}", "print(1)\n", NULL},
    {"{\"code\":\"x\",\"more\":1}", "x", NULL},
    {"{\"code\":\" \\n\\t\"}", NULL,
     "the code is empty, nothing ran; call execute_code with {\"code\": \"...\"}"},
    {"{\"code\":5}", NULL, "\"code\" is not a string; call execute_code with {\"code\": \"...\"}"},
    {"{\"code\":null}", NULL, "\"code\" is not a string"},
    {"{}", NULL,
     "\"code\" is missing from the arguments; call execute_code with {\"code\": \"...\"}"},
    {"7", NULL, "the arguments are not a JSON object; call execute_code with {\"code\": \"...\"}"},
    {"null", NULL, "the arguments are not a JSON object"},
    {"", NULL, "the call has no arguments; call execute_code with {\"code\": \"...\"}"},
    {" \n", NULL, "the call has no arguments"},
    /* what may hold code is for the sandbox, as it came */
    {"{\"source\":\"x\"}", "{\"source\":\"x\"}", NULL},
    {"[\"x\"]", "[\"x\"]", NULL},
    {"{\"code\":[\"x\"]}", "{\"code\":[\"x\"]}", NULL},
    {"print(1)", "print(1)", NULL},
    {"{\"code\":\"a\nb\"}", "{\"code\":\"a\nb\"}", NULL},
};

static void arguments_are_read_or_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct clo_error error = {0};
        char *code;
        size_t length;
        json_t *text = json_string(calls[i].arguments);
        bool plain;
        int status = clo_codeact_arguments(text, &code, &length, &plain, &error);
        assert_int_equal(status, calls[i].code ? 0 : CLO_EINVALID);
        if (calls[i].code) {
            assert_string_equal(code, calls[i].code);
            assert_int_equal(plain, strcmp(code, calls[i].arguments) != 0);
        } else if (strncmp(error.message, calls[i].why, strlen(calls[i].why)) != 0)
            fail_msg("%s", error.message);
        json_decref(text);
        free(code);
    }
    char *code;
    size_t length;
    bool plain;
    assert_int_equal(clo_codeact_arguments(NULL, &code, &length, &plain, NULL), CLO_EINVALID);
}

#define TEXT(t) (char *)(t), sizeof(t) - 1
#define TRACE "Traceback (most recent call last):\n  File \"main.py\", line 1\nValueError: x\n"

static const struct {
    struct clo_run_result result;
    const char *text;
} runs[] = {
    {{TEXT("hi\n"), TEXT(""), NULL, 0}, "stdout (3 bytes):\nhi\n"},
    {{TEXT("hi"), TEXT("warn\n"), TEXT("42"), 0},
     "stdout (2 bytes):\nhi\nstderr (5 bytes):\nwarn\nresult (2 bytes):\n42\n"},
    {{NULL}, "The code ran to its end. It printed nothing, and its last line has no value.\n"},
    {{TEXT(""), TEXT(""), NULL, 0, 3}, "exit code: 3\n"},
    {{TEXT(""), TEXT(TRACE), NULL, 0, 1, {CLO_RUN_EXCEPTION, "ValueError", "x", TRACE, 1}},
     "stderr (74 bytes):\n" TRACE "exit code: 1\n"},
    {{TEXT(""), TEXT("cut"), NULL, 0, 1, {CLO_RUN_EXCEPTION, "ValueError", "x", TRACE, 1}},
     "stderr (3 bytes):\ncut\ntraceback (74 bytes):\n" TRACE "exit code: 1\n"},
    {{TEXT("a\n"),
      TEXT(""),
      NULL,
      0,
      124,
      {CLO_RUN_LIMIT, "TimeLimitExceeded", "wall time limit of 200 ms reached", NULL, 0,
       CLO_LIMIT_WALL, 200}},
     "stdout (2 bytes):\na\nerror: TimeLimitExceeded: wall time limit of 200 ms reached (limit wall_ms: 200)\nexit code: 124\n"},
    {{TEXT("\xff\0x"), TEXT(""), NULL, 0}, "stdout (7 bytes):\n\xef\xbf\xbd\xe2\x90\x80x\n"},
};

static void runs_are_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        char *text = clo_codeact_outcome(&runs[i].result, 10000, "");
        assert_non_null(text);
        assert_string_equal(text, runs[i].text);
        free(text);
    }
    struct clo_run_result repaired = {TEXT("hi\n"), .note = "a fence was taken off"};
    char *text = clo_codeact_outcome(&repaired, 10000, "");
    assert_non_null(text);
    assert_string_equal(text, "stdout (3 bytes):\nhi\nnote: a fence was taken off\n");
    free(text);
    static const struct {
        struct clo_run_result result;
        const char *anew, *text;
    } sessions[] = {
        {{TEXT("1\n"), .state = CLO_STATE_KEPT}, "", "stdout (2 bytes):\n1\n"},
        {{TEXT("1\n"), .state = CLO_STATE_KEPT},
         "it is too old",
         "stdout (2 bytes):\n1\nnote: what earlier runs left is gone: it is too old; this run began "
         "anew, without their variables, imports and files\n"},
        {{TEXT("1\n"), .state = CLO_STATE_LOST, .state_note = "it faulted"},
         "",
         "stdout (2 bytes):\n1\nnote: what this run did to variables, imports and files is lost: it "
         "faulted; the next run finds everything as it was before this one\n"},
        {{TEXT("1\n"), .state = CLO_STATE_REFUSED},
         "",
         "stdout (2 bytes):\n1\nnote: what this run left could not be kept; the next run finds "
         "everything as it was before this one\n"},
    };
    for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++) {
        text = clo_codeact_outcome(&sessions[i].result, 10000, sessions[i].anew);
        assert_non_null(text);
        assert_string_equal(text, sessions[i].text);
        free(text);
    }
    text = clo_codeact_refusal("no\xff");
    assert_string_equal(text, "error: no\xef\xbf\xbd\n");
    free(text);
}

static char *repeat(const char *unit, size_t count)
{
    struct clo_buffer out = CLO_BUFFER(10u << 20);
    for (size_t i = 0; i < count; i++)
        clo_buffer_text(&out, unit);
    char *text = clo_buffer_take(&out, NULL);
    assert_non_null(text);
    return text;
}

static void leave_file(struct clo_artifact_tree *tree, const char *name, const char *data,
                       size_t length)
{
    struct clo_artifact_node *node;
    size_t written;
    assert_int_equal(clo_artifact_open(tree, name, strlen(name), CLO_ARTIFACT_CREATE, 1, &node), 0);
    assert_int_equal(clo_artifact_node_write(tree, node, 0, data, length, 1, &written), 0);
    clo_artifact_close(tree, node);
}

/* What the code left in /output, by a tree that is filled by hand. */
static void files_are_listed(void **state)
{
    (void)state;
    struct clo_artifact_tree *tree;
    struct clo_run_result *result = calloc(1, sizeof *result);
    char *big = repeat("0123456789", 200);
    const char *const files[][2] = {{"a\nresult (2 bytes):", "x"},
                                    {"big.txt", big},
                                    {"chart.png", "\x89PNG\xff"},
                                    {"note.md", "# Title\n\ntext"}};
    assert_non_null(result);
    assert_int_equal(clo_artifact_tree_create(&tree, NULL), 0);
    assert_int_equal(clo_artifact_tree_begin(tree, &limits, false, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        leave_file(tree, files[i][0], files[i][1], strlen(files[i][1]));
    assert_int_equal(clo_artifacts_collect(tree, result, NULL), 0);
    char *text = clo_codeact_outcome(result, 10000, "");
    assert_non_null(text);
    assert_string_equal(text, "files (202 bytes):\n"
                              "/output/a?result (2 bytes):, 1 bytes, text/plain:\n"
                              "    x\n"
                              "/output/big.txt, 2000 bytes, text/plain\n"
                              "/output/chart.png, 5 bytes, image/png\n"
                              "/output/note.md, 13 bytes, text/markdown:\n"
                              "    # Title\n"
                              "    \n"
                              "    text\n");
    free(text);
    result->artifacts_refused = CLO_LIMIT_ARTIFACT_FILES;
    result->artifacts_refused_value = 4;
    text = clo_codeact_outcome(result, 10000, "");
    assert_non_null(text);
    assert_non_null(strstr(text, "    text\nnote: limit of 4 files in /output reached; files there "
                                 "may be cut short or missing\n"));
    free(text);
    clo_run_result_free(result);
    /* of many a part is listed, and of short texts a part is shown */
    result = calloc(1, sizeof *result);
    assert_non_null(result);
    for (int i = 0; i < 60; i++) {
        char name[8];
        snprintf(name, sizeof name, "%02d", i);
        leave_file(tree, name, big, 1000);
    }
    assert_int_equal(clo_artifacts_collect(tree, result, NULL), 0);
    text = clo_codeact_outcome(result, 10000, "");
    assert_non_null(text);
    assert_non_null(strstr(text, "\n... and 24 more\n"));
    assert_in_range(strlen(text), 3000, 6000);
    free(text);
    free(big);
    clo_run_result_free(result);
    clo_artifact_tree_free(tree);
}

/* Long sections lose their middle at a character's boundary; short ones stay whole. */
static void long_output_is_cut_in_the_middle(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t most = 990; most < 1010; most++) {
            char *long_out = repeat(units[i], 5000);
            struct clo_run_result result = {.out = long_out,
                                            .out_length = strlen(long_out),
                                            .err = TRACE,
                                            .err_length = sizeof TRACE - 1};
            char *text = clo_codeact_outcome(&result, most, "");
            assert_non_null(text);
            const char *shown;
            size_t length, left, all;
            assert_true(clo_utf8_strict(text, strlen(text)));
            assert_true(clo_run_report_read(text, strlen(text), "stdout", &shown, &length));
            const char *note = strstr(shown, "\n[... ");
            assert_int_equal(
                sscanf(note, "\n[... %zu of %zu bytes of stdout are left out here", &left, &all),
                2);
            assert_int_equal(all, result.out_length);
            assert_non_null(strstr(note, "run the code again and print that part alone ...]\n"));
            size_t note_length = (size_t)(strstr(note, "...]\n") + 5 - note);
            assert_int_equal(length - note_length + left, all); /* nothing is lost unsaid */
            assert_true(length - note_length <= most - (sizeof TRACE - 1));
            assert_true(length - note_length + 8 > most - (sizeof TRACE - 1));
            assert_non_null(strstr(text, TRACE));
            free(text);
            free(long_out);
        }
    }
}

/* However much the code has written, and whatever else is shown: where it failed and of what. */
static void the_end_of_a_traceback_is_shown(void **state)
{
    (void)state;
    char *noise = repeat("warning\n", 20000), *out = repeat("x", 200000), *err;
    assert_true(asprintf(&err, "%s%s", noise, TRACE) > 0);
    struct clo_run_result result = {.out = out,
                                    .out_length = strlen(out),
                                    .err = err,
                                    .err_length = strlen(err),
                                    .result = out,
                                    .result_length = strlen(out),
                                    .exit_code = 1,
                                    .error = {.kind = CLO_RUN_EXCEPTION,
                                              .type = "ValueError",
                                              .message = "x",
                                              .traceback = TRACE,
                                              .line = 1}};
    char *text = clo_codeact_outcome(&result, 1000, "");
    assert_non_null(text);
    const char *shown;
    size_t length;
    assert_true(clo_run_report_read(text, strlen(text), "stderr", &shown, &length));
    assert_non_null(memmem(shown, length, TRACE, sizeof TRACE - 1));
    assert_true(clo_run_report_read(text, strlen(text), "result", &shown, &length));
    assert_non_null(memmem(shown, length, "end it with a part of the value", 31));
    free(text);
    free(noise);
    free(out);
    free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_become_signatures),
        cmocka_unit_test(the_description_has_all_that_is_needed),
        cmocka_unit_test(descriptions_name_packages),
        cmocka_unit_test(descriptions_have_a_ceiling),
        cmocka_unit_test(arguments_are_read_or_explained),
        cmocka_unit_test(runs_are_reported),
        cmocka_unit_test(files_are_listed),
        cmocka_unit_test(long_output_is_cut_in_the_middle),
        cmocka_unit_test(the_end_of_a_traceback_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

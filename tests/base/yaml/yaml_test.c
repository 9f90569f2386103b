/* yaml_test.c - YAML files with the place of every fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/yaml/yaml.h"

static struct clo_yaml *parse(const char *text)
{
    struct clo_yaml *yaml;
    struct clo_error error = {0};
    if (clo_yaml_parse(&yaml, "a.yaml", text, strlen(text), &error))
        fail_msg("%s", error.message);
    return yaml;
}

static const struct {
    const char *text, *message;
} refused[] = {
    {"", "a.yaml:1:1: the file is empty"},
    {"a: 1\na: 2\n", "a.yaml:1:1: a: the key stands twice, again on line 2"},
    {"a: 1\n---\nb: 2\n", "a.yaml:3:1: a second document begins; one is allowed"},
    {"? [x]\n: 1\n", "a.yaml:1:3: a key must be a plain word"},
    {"a: \"x\\0y\"\n", "a.yaml:1:4: a: a text must not contain NUL"},
};

static void bad_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct clo_yaml *yaml;
        struct clo_error error = {0};
        int status =
            clo_yaml_parse(&yaml, "a.yaml", refused[i].text, strlen(refused[i].text), &error);
        assert_int_equal(status, CLO_EINVALID);
        assert_null(yaml);
        assert_string_equal(error.message, refused[i].message);
    }
}

static const struct {
    const char *text, *message;
} no_yaml[] = {
    {"a: 1\nb: [1, 2\nc: 3\n", "a.yaml:3:2: not YAML: did not find expected ',' or ']'"},
    {"a: b: c\n", "a.yaml:1:5: not YAML: mapping values are not allowed in this context"},
    {"a:\n\tb: 1\n", "a.yaml:2:1: not YAML: a tab stands here, where YAML takes only spaces"},
    {"ä: 1\nö:\n ü:\n\t- 1\n", "a.yaml:4:1: not YAML: a tab stands here"},
    {"ä: 1\nbö: \xff", "a.yaml:2:5: not YAML: invalid leading UTF-8 octet"},
    {"a: \xc3\x28", "a.yaml:1:5: not YAML: invalid trailing UTF-8 octet"},
    {"a: x\x01y", "a.yaml:1:5: not YAML: control characters are not allowed"},
    {"a: *b\n", "a.yaml:1:4: not YAML: found undefined alias"},
    {"a: 'x\n", "a.yaml:2:1: not YAML: found unexpected end of stream"},
};

static void syntax_errors_have_a_place(void **state)
{
    (void)state;
    struct clo_yaml *yaml;
    struct clo_error error;
    for (size_t i = 0; i < sizeof no_yaml / sizeof *no_yaml; i++) {
        assert_int_equal(
            clo_yaml_parse(&yaml, "a.yaml", no_yaml[i].text, strlen(no_yaml[i].text), &error),
            CLO_EINVALID);
        if (strncmp(error.message, no_yaml[i].message, strlen(no_yaml[i].message)) != 0)
            fail_msg("\"%s\" is not \"%s\"", error.message, no_yaml[i].message);
    }
    assert_int_equal(clo_yaml_open(&yaml, "/nowhere/a.yaml", &error), CLO_ENOTFOUND);
    assert_string_equal(error.message, "cannot open /nowhere/a.yaml: No such file or directory");
}

static void anchors_cannot_explode(void **state)
{
    (void)state;
    char text[4096] = "l0: &l0 [a, a, a, a, a, a, a, a, a, a]\n";
    for (int i = 1; i < 9; i++) {
        char line[128];
        snprintf(line, sizeof line, "l%d: &l%d [*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d]\n", i, i,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(text, line);
    }
    struct clo_yaml *yaml;
    struct clo_error error;
    assert_int_equal(clo_yaml_parse(&yaml, "a.yaml", text, strlen(text), &error), CLO_ELIMIT);
    assert_int_equal(strncmp(error.message, "a.yaml:1:10: more than 65536 values", 35), 0);
    const char circle[] = "a: &a [*a]\n";
    assert_int_not_equal(clo_yaml_parse(&yaml, "a.yaml", circle, sizeof circle - 1, &error), 0);
}

static void values_are_typed(void **state)
{
    (void)state;
    struct clo_yaml *yaml = parse("t: hello\nn: 12\ns: 4KiB\nd: 200ms\nc: two\ne:\nz: ~\nq: ''\n");
    const struct clo_yaml_node *root = clo_yaml_root(yaml);
    static const char *const names[] = {"one", "two", NULL};
    const char *text = "kept";
    uint64_t number = 5;
    int choice = 7;
    assert_int_equal(clo_yaml_text(root, "t", &text, NULL), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(clo_yaml_text(root, "e", &text, NULL), 0);
    assert_int_equal(clo_yaml_text(root, "z", &text, NULL), 0);
    assert_int_equal(clo_yaml_text(root, "missing", &text, NULL), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(clo_yaml_text(root, "q", &text, NULL), 0);
    assert_string_equal(text, "");
    assert_int_equal(clo_yaml_count(root, "n", 1, 12, &number, NULL), 0);
    assert_int_equal(number, 12);
    assert_int_equal(clo_yaml_size(root, "s", &number, NULL), 0);
    assert_int_equal(number, 4096);
    assert_int_equal(clo_yaml_duration(root, "d", &number, NULL), 0);
    assert_int_equal(number, 200);
    assert_int_equal(clo_yaml_choice(root, "c", names, &choice, NULL), 0);
    assert_int_equal(choice, 1);
    clo_yaml_close(yaml);
}

static void faults_say_where(void **state)
{
    (void)state;
    struct clo_yaml *yaml =
        parse("sandbox:\n  memory: 12x\n  cuont: 3\n  xyzzy: 1\n  list:\n    - a: 0\n");
    const struct clo_yaml_node *sandbox = clo_yaml_get(clo_yaml_root(yaml), "sandbox");
    static const char *const known[] = {"memory", "count", "list", NULL};
    static const char *const names[] = {"x", "y", NULL};
    struct clo_error error;
    uint64_t number;
    int choice;
    const char *text;
    clo_yaml_size(sandbox, "memory", &number, &error);
    assert_string_equal(error.message,
                        "a.yaml:2:11: sandbox.memory: \"12x\" is not a size; write e.g. 256MiB");
    clo_yaml_check(sandbox, known, &error);
    assert_string_equal(error.message,
                        "a.yaml:3:3: sandbox.cuont: unknown key; did you mean \"count\"?");
    clo_yaml_fail_unknown(&sandbox->items[2], known, &error);
    assert_string_equal(error.message,
                        "a.yaml:4:3: sandbox.xyzzy: unknown key; known here: memory, "
                        "count, list");
    assert_int_equal(clo_finding_place(error.message), strlen("a.yaml:4:3"));
    const struct clo_yaml_node *list = clo_yaml_get(sandbox, "list");
    clo_yaml_count(&list->items[0], "a", 1, 9, &number, &error);
    assert_string_equal(error.message,
                        "a.yaml:6:10: sandbox.list[0].a: \"0\" is not a whole number from 1 to 9");
    clo_yaml_size(&list->items[0], "a", &number, &error);
    assert_string_equal(
        error.message,
        "a.yaml:6:10: sandbox.list[0].a: must be more than 0; leave the key out for the default");
    clo_yaml_choice(sandbox, "memory", names, &choice, &error);
    assert_string_equal(error.message, "a.yaml:2:11: sandbox.memory: \"12x\" is none of x, y");
    clo_yaml_text(sandbox, "list", &text, &error);
    assert_string_equal(error.message, "a.yaml:6:5: sandbox.list: a single value is expected here");
    clo_yaml_close(yaml);
}

static void no_control_characters_are_told(void **state)
{
    (void)state;
    static const char *const known[] = {"memory", NULL};
    struct clo_yaml *yaml = parse("\"a\\e[2J\\nb\": \"1\\x9b2J\\x7f ä\"\n");
    const struct clo_yaml_node *root = clo_yaml_root(yaml);
    struct clo_error error;
    uint64_t number;
    clo_yaml_check(root, known, &error);
    assert_string_equal(error.message, "a.yaml:1:1: a?[2J?b: unknown key; known here: memory");
    clo_yaml_size(root, root->items[0].key, &number, &error);
    assert_string_equal(error.message,
                        "a.yaml:1:14: a?[2J?b: \"1??2J? ä\" is not a size; write e.g. 256MiB");
    clo_yaml_close(yaml);
}

static int expand(const char *text, struct clo_yaml **yaml, struct clo_error *error)
{
    *yaml = parse(text);
    return clo_yaml_expand(*yaml, NULL, error);
}

static void variables_are_filled_in(void **state)
{
    (void)state;
    struct clo_yaml *yaml;
    struct clo_error error;
    const char *text = NULL;
    setenv("CLO_T_SET", "value", 1);
    setenv("CLO_T_EMPTY", "", 1);
    unsetenv("CLO_T_NONE");
    assert_int_equal(expand("a: \"<${CLO_T_SET}|${CLO_T_NONE:-d e}|${CLO_T_EMPTY}|"
                            "${CLO_T_EMPTY:-f}|$${X}|$5>\"\nb: ${CLO_T_NONE:-}\n",
                            &yaml, &error),
                     0);
    clo_yaml_text(clo_yaml_root(yaml), "a", &text, NULL);
    assert_string_equal(text, "<value|d e||f|${X}|$5>");
    assert_null(clo_yaml_get(clo_yaml_root(yaml), "b")); /* an empty plain value is absent */
    clo_yaml_close(yaml);
    assert_int_equal(expand("m:\n  k: x${CLO_T_NONE}\n", &yaml, &error), CLO_EINVALID);
    assert_string_equal(
        error.message,
        "a.yaml:2:6: m.k: the environment variable CLO_T_NONE is not set; set it, or write ${CLO_T_NONE:-default}");
    clo_yaml_close(yaml);
    assert_int_equal(expand("k: ${not a name}\n", &yaml, &error), CLO_EINVALID);
    clo_yaml_close(yaml);
    assert_int_equal(expand("k: ${OPEN\n", &yaml, &error), CLO_EINVALID);
    clo_yaml_close(yaml);
}

static void all_findings_are_told(void **state)
{
    (void)state;
    struct clo_findings findings = {0};
    struct clo_yaml *yaml = parse("a: ${CLO_T_NONE}\nb:\n- ${CLO_T_NONE:-x}\n- \"${}\"\n");
    struct clo_error error = {0};
    unsetenv("CLO_T_NONE");
    int status = clo_yaml_expand(yaml, &findings, &error);
    if (status) { /* of faults that are injected */
        clo_findings_free(&findings);
        clo_yaml_close(yaml);
        fail_msg("%s", error.message);
    }
    assert_int_equal(findings.errors, 2);
    assert_int_equal(clo_finding_place(findings.list[0].error.message), strlen("a.yaml:1:4"));
    assert_int_equal(strncmp(findings.list[1].error.message, "a.yaml:4:3: b[1]: ", 18), 0);
    assert_ptr_equal(clo_findings_first(&findings), &findings.list[0].error);
    const struct clo_yaml_node *list = clo_yaml_get(clo_yaml_root(yaml), "b");
    assert_true(list->items[1].failed && list->items[1].kind == CLO_YAML_NULL);
    assert_true(list->items[0].expanded && !list->items[0].failed);
    assert_null(clo_yaml_get(clo_yaml_root(yaml), "a"));
    clo_yaml_close(yaml);
    /* What is too much is counted. */
    for (int i = 0; i < CLO_FINDINGS_MAX + 5; i++)
        assert_int_equal(clo_findings_add(&findings, i % 2, &error), 0);
    assert_int_equal(findings.count, CLO_FINDINGS_MAX);
    assert_int_equal(findings.errors + findings.warnings, CLO_FINDINGS_MAX + 7);
    clo_findings_free(&findings);
    assert_int_equal(clo_finding_place("a.yaml:12: x"), 0);
    assert_int_equal(clo_finding_place("cannot open 1:2:3:4"), 0);
    assert_int_equal(clo_finding_place("C:/a:b.yaml:1:22: x: y"), strlen("C:/a:b.yaml:1:22"));
}

/* However the text grows: a variable, a default, what stands around them. */
static void expanded_values_have_a_ceiling(void **state)
{
    (void)state;
    enum { MOST = CLO_YAML_FILE_MAX };
    struct clo_yaml *yaml;
    char *value = malloc(MOST + 2), *text = malloc(MOST + 64);
    assert_true(value && text);
    memset(value, 'v', MOST + 1);
    value[MOST + 1] = '\0';
    static const char *const cases[] = {"${CLO_T_BIG}", "v${CLO_T_MOST}", "${CLO_T_MOST}v",
                                        "${CLO_T_MOST}$${", "${CLO_T_MOST}${CLO_T_NONE:-v}"};
    setenv("CLO_T_BIG", value, 1);
    setenv("CLO_T_MOST", value + 1, 1);
    unsetenv("CLO_T_NONE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_error error = {0};
        snprintf(text, MOST + 64, "m:\n  k: %s\n", cases[i]);
        assert_int_equal(expand(text, &yaml, &error), CLO_ELIMIT);
        assert_int_equal(error.code, CLO_ELIMIT);
        assert_string_equal(
            error.message,
            "a.yaml:2:6: m.k: with its variables filled in the value is larger than 1 MiB");
        clo_yaml_close(yaml);
    }
    assert_int_equal(expand("k: ${CLO_T_MOST}\n", &yaml, NULL), 0);
    clo_yaml_close(yaml);
    unsetenv("CLO_T_BIG");
    unsetenv("CLO_T_MOST");
    free(value);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(syntax_errors_have_a_place),
        cmocka_unit_test(anchors_cannot_explode),
        cmocka_unit_test(values_are_typed),
        cmocka_unit_test(faults_say_where),
        cmocka_unit_test(no_control_characters_are_told),
        cmocka_unit_test(variables_are_filled_in),
        cmocka_unit_test(all_findings_are_told),
        cmocka_unit_test(expanded_values_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

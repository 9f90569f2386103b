/* tool_set_test.c - sets of tools: which are taken, and why others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/tool/tool_set.h"

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context, (void)arguments, (void)result, (void)error;
    return 0;
}

static void tool_sets_are_checked(void **state)
{
    (void)state;
    static const struct {
        struct clo_tool tools[2];
        size_t count;
        const char *words;
    } cases[] = {
        {{{.name = "class", .call = echo}}, 1, "tool 'class': the name is a Python keyword"},
        {{{.name = "", .call = echo}}, 1, "a tool has no name"},
        {{{.name = NULL, .call = echo}}, 1, "a tool has no name"},
        {{{.name = "2x", .call = echo}}, 1, "tool '2x': the name is no Python identifier"},
        {{{.name = "a-b", .call = echo}}, 1, "no Python identifier"},
        {{{.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
           .call = echo}},
         1,
         "at most 64 bytes"},
        {{{.name = "a"}}, 1, "tool 'a' has no function"},
        {{{.name = "a", .call = echo}, {.name = "a", .call = echo}}, 2, "two tools are called 'a'"},
        {{{.name = "a", .call = echo, .parameters = "{\"type\":\"array\"}"}},
         1,
         "must be a JSON Schema of type \"object\""},
        {{{.name = "a", .call = echo, .parameters = "true"}}, 1, "of type \"object\""},
        {{{.name = "a", .call = echo, .parameters = "{"}}, 1, "tool 'a': JSON"},
        {{{.name = "a", .call = echo}, {.name = "b", .call = echo, .needs_approval = true}},
         2,
         "tool 'b' needs approval before each call, and nobody can be asked for it yet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_tool_set *set;
        struct clo_error error = {0};
        int status = clo_tool_set_create(&set, cases[i].tools, cases[i].count, &error);
        if (status != CLO_EINVALID || !strstr(error.message, cases[i].words))
            fail_msg("%zu: %d '%s'", i, status, error.message);
        assert_null(set);
    }
    struct clo_tool_set *set;
    struct clo_error error;
    const struct clo_tool careful = {.name = "a", .call = echo, .needs_approval = true};
    assert_int_equal(clo_tool_set_create(&set, &careful, 1, &error), CLO_EINVALID);
    assert_non_null(strstr(error.hint, "leave the tool out, or needs_approval"));
    static struct clo_tool many[CLO_TOOLS_MAX + 1];
    static char names[CLO_TOOLS_MAX + 1][16];
    for (int i = 0; i < CLO_TOOLS_MAX + 1; i++) {
        snprintf(names[i], sizeof names[i], "tool_%d", i);
        many[i] = (struct clo_tool){.name = names[i], .call = echo};
    }
    assert_int_equal(clo_tool_set_create(&set, many, CLO_TOOLS_MAX, NULL), 0);
    clo_tool_set_free(set);
    assert_int_equal(clo_tool_set_create(&set, many, CLO_TOOLS_MAX + 1, NULL), CLO_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests_[] = {
        cmocka_unit_test(tool_sets_are_checked),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}

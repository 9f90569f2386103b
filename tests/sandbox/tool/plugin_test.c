/* plugin_test.c - libraries of tools: a good one, and each way in which one is refused.
 *
 * The libraries stand beside this program: plugin_good.so and so on.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloche/tool.h"

static char folder[PATH_MAX];

static void path_of(const char *name, char path[PATH_MAX])
{
    assert_true(snprintf(path, PATH_MAX, "%.3000s/%.64s", folder, name) > 0);
}

static void a_good_library_gives_its_tools(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct clo_tool_library *library;
    struct clo_error error = {0};
    path_of("plugin_good.so", path);
    if (clo_tool_library_open(&library, path, &error))
        fail_msg("%s", error.message);
    const struct clo_plugin *plugin = clo_tool_library_plugin(library);
    assert_int_equal(plugin->tool_count, 1);
    assert_string_equal(plugin->tools[0].name, "add");
    struct clo_value arguments = {0}, result = {0};
    clo_value_set_map(&arguments);
    clo_value_set_integer(clo_value_put(&arguments, "a"), 2);
    assert_int_equal(plugin->tools[0].call(NULL, &arguments, &result, &error), CLO_EINVALID);
    assert_string_equal(error.message, "not numbers");
    clo_value_set_number(clo_value_put(&arguments, "b"), 0.5);
    assert_int_equal(plugin->tools[0].call(NULL, &arguments, &result, &error), 0);
    double sum = 0;
    assert_true(clo_value_type(&result) == CLO_NUMBER && clo_value_number(&result, &sum));
    assert_true(sum == 2.5);
    clo_value_clear(&arguments);
    clo_tool_library_close(library);
}

static void others_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int status;
        const char *words;
    } cases[] = {
        {"plugin_version.so", CLO_EINVALID, "tool library version 2; this program reads version 1"},
        {"plugin_symbol.so", CLO_EINVALID, "exports no clo_plugin"},
        {"plugin_name.so", CLO_EINVALID, "tool 'add numbers': the name is no Python identifier"},
        {"plugin_schema.so", CLO_EINVALID, "tool 'add': parameters.properties.a.type must be"},
        {"plugin_approval.so", CLO_EINVALID, "tool 'add' needs approval before each call"},
        {"plugin_missing.so", CLO_ENOTFOUND, "No such file"},
        {"plugin_test", CLO_EINVALID, "cannot be loaded"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[PATH_MAX];
        struct clo_tool_library *library;
        struct clo_error error = {0};
        path_of(cases[i].file, path);
        int status = clo_tool_library_open(&library, path, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].words) ||
            !strstr(error.message, cases[i].file))
            fail_msg("%s: %d '%s'", cases[i].file, status, error.message);
        assert_null(library);
    }
    struct clo_tool_library *library;
    struct clo_error error;
    assert_int_equal(clo_tool_library_open(&library, "plugin_good.so", &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "'./plugin_good.so'"));
    char path[PATH_MAX];
    path_of("plugin_name.so", path); /* the remedy comes along */
    assert_int_equal(clo_tool_library_open(&library, path, &error), CLO_EINVALID);
    assert_non_null(strstr(error.hint, "use letters, digits and underscores"));
}

int main(int count, char **arguments)
{
    (void)count;
    char *slash = strrchr(arguments[0], '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - arguments[0]) : 1,
             slash ? arguments[0] : ".");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_library_gives_its_tools),
        cmocka_unit_test(others_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

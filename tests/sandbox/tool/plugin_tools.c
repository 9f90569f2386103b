/* plugin_tools.c - libraries of tools for plugin_test.c; VARIANT says which. */
#include "cloche/tool.h"

#define GOOD 0
#define WRONG_VERSION 1
#define NO_SYMBOL 2
#define BAD_NAME 3
#define BAD_SCHEMA 4
#define NEEDS_APPROVAL 5

static int add(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context;
    double a, b;
    if (!clo_value_number(clo_value_get(arguments, "a"), &a) ||
        !clo_value_number(clo_value_get(arguments, "b"), &b))
        return clo_tool_fail(error, "not numbers");
    clo_value_set_number(result, a + b);
    return 0;
}

static const struct clo_tool tools[] = {{
    .name = VARIANT == BAD_NAME ? "add numbers" : "add",
    .description = "Add two numbers",
    .parameters = VARIANT == BAD_SCHEMA
                      ? "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"real\"}}}"
                      : "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},"
                        "\"b\":{\"type\":\"number\"}},\"required\":[\"a\",\"b\"]}",
    .call = add,
    .needs_approval = VARIANT == NEEDS_APPROVAL,
}};

#if VARIANT == NO_SYMBOL
CLO_API const struct clo_tool *some_tools(void);
CLO_API const struct clo_tool *some_tools(void)
{
    return tools;
}
#else
CLO_API extern const struct clo_plugin clo_plugin;
const struct clo_plugin clo_plugin = {
    .version = VARIANT == WRONG_VERSION ? CLO_PLUGIN_VERSION + 1 : CLO_PLUGIN_VERSION,
    .tool_count = 1,
    .tools = tools,
};
#endif

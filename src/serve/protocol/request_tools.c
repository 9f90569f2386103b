/* request_tools.c - the client's own function tools, those that the model's maker hosts, and which tool the model
 * may or must use.
 *
 * The agent's tool execute_code is always there and is not listed by clients, so its name is taken.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/hosted_tool.h"
#include "serve/protocol/field.h"
#include "serve/protocol/request.h"

#define TOOL_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define TOOL_NAME_MAX 64
#define OWN_TOOL "execute_code"

static const struct clo_field description = {"description", CLO_FIELD_STRING, 0, 0, NULL};
static const struct clo_field parameters = {"parameters", CLO_FIELD_OBJECT, 0, 0, NULL};
static const struct clo_field strict = {"strict", CLO_FIELD_BOOL, 0, 0, NULL};

static bool has_tool(const json_t *tools, const char *name)
{
    json_t *tool;
    size_t index;
    json_array_foreach(tools, index, tool) {
        if (clo_json_is(tool, "name", name) && clo_json_is(tool, "type", "function"))
            return true;
    }
    return false;
}

static int check_name(const json_t *tool, const json_t *earlier, size_t index,
                      struct clo_problem *problem)
{
    char param[48], shown[CLO_FIELD_SHOW];
    const char *name = json_string_value(json_object_get(tool, "name"));
    snprintf(param, sizeof param, "tools[%zu].name", index);
    if (!name)
        return clo_problem_set(problem, 400, "missing_required_parameter", param,
                               "'%s' is missing; a function tool has its name beside its type.",
                               param);
    size_t length = strlen(name);
    if (length < 1 || length > TOOL_NAME_MAX || strspn(name, TOOL_CHARS) != length)
        return clo_problem_set(problem, 400, "invalid_value", param,
                               "'%s' is %s; it must be 1 to %d letters, digits, '_' or '-'.", param,
                               clo_field_show(json_object_get(tool, "name"), shown), TOOL_NAME_MAX);
    if (strcmp(name, OWN_TOOL) == 0)
        return clo_problem_set(
            problem, 400, "invalid_value", param,
            "'%s' is '" OWN_TOOL "', which is the agent's own tool; choose another name.", param);
    if (has_tool(earlier, name))
        return clo_problem_set(problem, 400, "invalid_value", param,
                               "'%s' is '%s' a second time; names must differ.", param, name);
    return 0;
}

/* A tool that only code may call would be offered to the model for direct calls here. */
static int check_callers(const json_t *tool, size_t index, struct clo_problem *problem)
{
    char param[64];
    json_t *callers = clo_field_get(tool, "allowed_callers"), *caller;
    size_t at;
    json_array_foreach(callers, at, caller) {
        if (json_is_string(caller) && strcmp(json_string_value(caller), "direct") == 0)
            return 0;
    }
    if (!callers)
        return 0;
    snprintf(param, sizeof param, "tools[%zu].allowed_callers", index);
    return clo_problem_set(
        problem, 400, "unsupported_value", param,
        "'%s' does not have 'direct'; tools of a request can be called by the model alone, not from code. Add it, or leave the tool out.",
        param);
}

static int take_tool(const json_t *tool, json_t *tools, size_t index, struct clo_problem *problem)
{
    char param[64], shown[CLO_FIELD_SHOW];
    const json_t *type = json_object_get(tool, "type");
    snprintf(param, sizeof param, "tools[%zu].type", index);
    if (clo_hosted_tool(json_string_value(type)))
        return json_array_append(tools, (json_t *)tool) < 0 ? clo_problem_internal(problem) : 0;
    if (!json_is_string(type) || strcmp(json_string_value(type), "function") != 0)
        return clo_problem_set(
            problem, 400, "invalid_value", param,
            "'%s' is %s; it must be 'function', or a tool of the model's maker: " CLO_HOSTED_TOOL_WORDS
            ".",
            param, type ? clo_field_show(type, shown) : "missing");
    if (check_name(tool, tools, index, problem) < 0 || check_callers(tool, index, problem) < 0)
        return CLO_EINVALID;
    const struct clo_field *optional[] = {&description, &parameters, &strict};
    for (size_t i = 0; i < 3; i++) {
        snprintf(param, sizeof param, "tools[%zu].%s", index, optional[i]->name);
        const json_t *value = json_object_get(tool, optional[i]->name);
        if (clo_field_check(value, optional[i], param, problem) < 0)
            return CLO_EINVALID;
    }
    json_t *text = clo_field_get(tool, "description"), *schema = clo_field_get(tool, "parameters");
    json_t *full = json_pack(
        "{s:s, s:O, s:o, s:o, s:b}", "type", "function", "name", json_object_get(tool, "name"),
        "description", text ? json_incref(text) : json_null(), "parameters",
        schema ? json_incref(schema) : json_pack("{s:s, s:{}}", "type", "object", "properties"),
        "strict", json_is_true(json_object_get(tool, "strict")));
    if (!full || json_array_append_new(tools, full) < 0)
        return clo_problem_internal(problem);
    return 0;
}

int clo_request_tools(const json_t *body, json_t **tools, struct clo_problem *problem)
{
    static const struct clo_field list = {"tools", CLO_FIELD_ARRAY, 0, CLO_REQUEST_TOOLS_MAX, NULL};
    json_t *given = clo_field_get(body, "tools"), *tool;
    size_t index;
    if (clo_field_check(given, &list, "tools", problem) < 0)
        return CLO_EINVALID;
    if (json_array_size(given) == 0)
        return 0;
    *tools = json_array();
    if (!*tools)
        return clo_problem_internal(problem);
    json_array_foreach(given, index, tool) {
        if (take_tool(tool, *tools, index, problem) < 0)
            return CLO_EINVALID;
    }
    return 0;
}

int clo_request_check_hosted(const struct clo_request *request, const char *without,
                             struct clo_problem *problem)
{
    char param[48];
    size_t index = 0;
    const char *type = clo_hosted_tool_in(request->client_tools, &index);
    if (!type || !without)
        return 0;
    snprintf(param, sizeof param, "tools[%zu].type", index);
    return clo_problem_set(
        problem, 400, "unsupported_value", param,
        "'%s' is '%s', a tool that a model's maker hosts; this agent's model, %s, has none. Leave the tool out, or ask an agent whose model is reached by the Responses API.",
        param, type, without);
}

static bool has_type(const json_t *tools, const char *type)
{
    const json_t *tool;
    size_t index;
    json_array_foreach(tools, index, tool) {
        if (clo_json_is(tool, "type", type))
            return true;
    }
    return false;
}

/* A choice of a hosted tool is its type. */
static int known_hosted(const json_t *tools, const char *type, const char *param,
                        struct clo_problem *problem)
{
    if (has_type(tools, type))
        return 0;
    return clo_problem_set(problem, 400, "invalid_value", param,
                           "'%s' is '%s'; it must be one of the request's tools.", param, type);
}

static int known_tool(const json_t *tools, const json_t *choice, const char *param,
                      struct clo_problem *problem)
{
    char shown[CLO_FIELD_SHOW];
    const json_t *name = json_object_get(choice, "name");
    if (json_is_string(name) && (strcmp(json_string_value(name), OWN_TOOL) == 0 ||
                                 has_tool(tools, json_string_value(name))))
        return 0;
    return clo_problem_set(problem, 400, "invalid_value", param,
                           "'%s' is %s; it must be '" OWN_TOOL "' or one of the request's tools.",
                           param, name ? clo_field_show(name, shown) : "missing");
}

static int allowed_tools(const json_t *tools, const json_t *choice, struct clo_problem *problem)
{
    static const struct clo_field mode = {"mode", CLO_FIELD_CHOICE, 0, 0, "auto|required"};
    static const struct clo_field list = {"tools", CLO_FIELD_ARRAY, 0, CLO_REQUEST_TOOLS_MAX, NULL};
    json_t *allowed = json_object_get(choice, "tools"), *entry;
    size_t index;
    if (clo_field_check(json_object_get(choice, "mode"), &mode, "tool_choice.mode", problem) < 0 ||
        clo_field_check(allowed, &list, "tool_choice.tools", problem) < 0)
        return CLO_EINVALID;
    json_array_foreach(allowed, index, entry) {
        const char *type = clo_json_text(entry, "type");
        if ((clo_hosted_tool(type) ? known_hosted(tools, type, "tool_choice.tools", problem)
                                   : known_tool(tools, entry, "tool_choice.tools", problem)) < 0)
            return CLO_EINVALID;
    }
    return 0;
}

int clo_request_tool_choice(const json_t *body, const json_t *tools, struct clo_problem *problem)
{
    static const struct clo_field word = {"tool_choice", CLO_FIELD_CHOICE, 0, 0,
                                          "auto|none|required"};
    const json_t *choice = clo_field_get(body, "tool_choice");
    char shown[CLO_FIELD_SHOW];
    if (!json_is_object(choice))
        return clo_field_check(choice, &word, "tool_choice", problem);
    const char *type = json_string_value(json_object_get(choice, "type"));
    if (type && strcmp(type, "function") == 0)
        return known_tool(tools, choice, "tool_choice.name", problem);
    if (type && strcmp(type, "allowed_tools") == 0)
        return allowed_tools(tools, choice, problem);
    if (clo_hosted_tool(type))
        return known_hosted(tools, type, "tool_choice.type", problem);
    return clo_problem_set(
        problem, 400, "invalid_value", "tool_choice.type",
        "'tool_choice.type' is %s; it must be function, allowed_tools, or that of a hosted tool: " CLO_HOSTED_TOOL_WORDS
        ".",
        clo_field_show(json_object_get(choice, "type"), shown));
}

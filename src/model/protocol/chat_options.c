/* chat_options.c - the Responses API's tools and options under the names of chat completions. */
#include <string.h>

#include "base/json.h"
#include "model/client.h"
#include "model/protocol/chat.h"

static const char *const same_name[] = {
    "temperature", "top_p",        "presence_penalty",  "frequency_penalty", "seed",
    "user",        "service_tier", "safety_identifier", "prompt_cache_key",  NULL,
};

static int put(json_t *body, const char *name, const json_t *from, const char *member)
{
    json_t *value = clo_client_member(from, member);
    return value ? json_object_set(body, name, value) : 0;
}

/* The schema of a function's arguments, which some servers demand: one without any takes none. */
static json_t *parameters_of(const json_t *tool)
{
    json_t *schema = clo_client_member(tool, "parameters");
    return schema ? json_incref(schema) : json_pack("{s:s, s:{}}", "type", "object", "properties");
}

static int put_tools(json_t *body, const json_t *tools)
{
    json_t *list = json_array();
    size_t index;
    const json_t *tool;
    int bad = !list;
    json_array_foreach(tools, index, tool) {
        json_t *strict = json_object_get(tool, "strict");
        bad |= json_array_append_new(
            list, json_pack("{s:s, s:{s:O, s:O*, s:o, s:O*}}", "type", "function", "function",
                            "name", json_object_get(tool, "name"), "description",
                            clo_client_member(tool, "description"), "parameters",
                            parameters_of(tool), "strict", json_is_true(strict) ? strict : NULL));
    }
    return bad ? json_decref(list), -1 : json_object_set_new(body, "tools", list);
}

static int put_choice(json_t *body, const json_t *options)
{
    json_t *choice = json_object_get(options, "tool_choice");
    const char *name = clo_json_text(choice, "name");
    if (json_is_string(choice))
        return json_object_set(body, "tool_choice", choice);
    if (name && clo_json_is(choice, "type", "function"))
        return json_object_set_new(
            body, "tool_choice",
            json_pack("{s:s, s:{s:s}}", "type", "function", "function", "name", name));
    return 0;
}

static int put_format(json_t *body, const json_t *text)
{
    const json_t *format = json_object_get(text, "format");
    int bad = put(body, "verbosity", text, "verbosity");
    if (clo_json_is(format, "type", "json_object"))
        return bad | json_object_set_new(body, "response_format",
                                         json_pack("{s:s}", "type", "json_object"));
    if (!clo_json_is(format, "type", "json_schema"))
        return bad;
    return bad |
           json_object_set_new(body, "response_format",
                               json_pack("{s:s, s:{s:O*, s:O*, s:O*, s:O*}}", "type", "json_schema",
                                         "json_schema", "name", clo_client_member(format, "name"),
                                         "description", clo_client_member(format, "description"),
                                         "schema", clo_client_member(format, "schema"), "strict",
                                         clo_client_member(format, "strict")));
}

int clo_chat_options(json_t *body, const struct clo_model_request *request, bool openai)
{
    const json_t *options = request->options;
    int bad = clo_client_options(body, options, same_name);
    bad |= put(body, openai ? "max_completion_tokens" : "max_tokens", options, "max_output_tokens");
    bad |= put(body, "reasoning_effort", json_object_get(options, "reasoning"), "effort");
    bad |= put_format(body, json_object_get(options, "text"));
    if (json_array_size(request->tools)) {
        bad |= put_tools(body, request->tools);
        bad |= put_choice(body, options);
        bad |= put(body, "parallel_tool_calls", options, "parallel_tool_calls");
    }
    return bad ? CLO_ENOMEMORY : 0;
}

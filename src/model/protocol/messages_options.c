/* messages_options.c - the Responses API's tools and options under the names of the
 * Messages API. */
#include <string.h>

#include "base/json.h"
#include "model/client.h"
#include "model/protocol/messages.h"

#define TOKENS_USUAL 16384 /* the protocol wants a number; clients that want another say so */

static const char *const same_name[] = {"temperature", "top_p", NULL};

static int put_tools(json_t *body, const json_t *tools)
{
    json_t *list = json_array();
    size_t index;
    const json_t *tool;
    int bad = !list;
    json_array_foreach(tools, index, tool) {
        json_t *schema = clo_client_member(tool, "parameters");
        schema =
            schema ? json_incref(schema) : json_pack("{s:s, s:{}}", "type", "object", "properties");
        bad |= json_array_append_new(list, json_pack("{s:O, s:O*, s:o}", "name",
                                                     json_object_get(tool, "name"), "description",
                                                     clo_client_member(tool, "description"),
                                                     "input_schema", schema));
    }
    return bad ? json_decref(list), -1 : json_object_set_new(body, "tools", list);
}

static json_t *choice_of(const json_t *choice, bool apart)
{
    const char *name = clo_json_text(choice, "name"), *word = json_string_value(choice);
    const char *type = name                                    ? "tool"
                       : word && strcmp(word, "required") == 0 ? "any"
                       : word && strcmp(word, "none") == 0     ? "none"
                                                               : "auto";
    json_t *made = json_pack("{s:s}", "type", type);
    int bad = !made;
    if (name)
        bad |= json_object_set_new(made, "name", json_string(name));
    if (apart && strcmp(type, "none") != 0)
        bad |= json_object_set_new(made, "disable_parallel_tool_use", json_true());
    return bad ? json_decref(made), NULL : made;
}

static int put_choice(json_t *body, const json_t *options)
{
    json_t *choice = clo_client_member(options, "tool_choice");
    bool apart = json_is_false(json_object_get(options, "parallel_tool_calls"));
    return choice || apart ? json_object_set_new(body, "tool_choice", choice_of(choice, apart)) : 0;
}

/* Thinking, how much of it, and a schema for the answer. */
static int put_output(json_t *body, const json_t *options)
{
    const json_t *format = json_object_get(json_object_get(options, "text"), "format");
    const char *effort = clo_json_text(json_object_get(options, "reasoning"), "effort");
    json_t *config = json_object();
    int bad = !config;
    if (effort && strcmp(effort, "none") != 0) {
        const char *word = strcmp(effort, "minimal") == 0 ? "low" : effort;
        bad |= json_object_set_new(config, "effort", json_string(word));
        bad |= json_object_set_new(body, "thinking", json_pack("{s:s}", "type", "adaptive"));
    }
    if (clo_json_is(format, "type", "json_schema"))
        bad |= json_object_set_new(config, "format",
                                   json_pack("{s:s, s:O*}", "type", "json_schema", "schema",
                                             clo_client_member(format, "schema")));
    if (!bad && json_object_size(config))
        bad |= json_object_set(body, "output_config", config);
    json_decref(config);
    return bad;
}

int clo_messages_options(json_t *body, const struct clo_model_request *request)
{
    const json_t *options = request->options;
    json_t *most = clo_client_member(options, "max_output_tokens");
    json_t *user = clo_client_member(options, "safety_identifier");
    const char *tier = clo_json_text(options, "service_tier");
    user = user ? user : clo_client_member(options, "user");
    int bad = clo_client_options(body, options, same_name);
    bad |= json_object_set_new(
        body, "max_tokens", json_is_integer(most) ? json_incref(most) : json_integer(TOKENS_USUAL));
    if (json_is_string(user))
        bad |= json_object_set_new(body, "metadata", json_pack("{s:O}", "user_id", user));
    if (tier && (strcmp(tier, "auto") == 0 || strcmp(tier, "default") == 0))
        bad |= json_object_set_new(body, "service_tier",
                                   json_string(*tier == 'a' ? "auto" : "standard_only"));
    bad |= put_output(body, options);
    if (json_array_size(request->tools)) {
        bad |= put_tools(body, request->tools);
        bad |= put_choice(body, options);
    }
    return bad ? CLO_ENOMEMORY : 0;
}

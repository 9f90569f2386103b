/* output_filter.c - leaving the agent's own work out of what a client is shown. */
#include "serve/protocol/output_filter.h"

#include <string.h>

/* How a word of the User-Agent begins, and what these clients do with the agent's own calls. */
static const char *const answer_only_clients[] = {
    "Agents/",             /* the OpenAI Agents SDK fails: there is no such tool */
    "ai-sdk/",             /* the AI SDK answers them itself, or refuses the whole response */
    "langchainjs-openai/", /* they become tool calls, which its agents try to carry out */
};

static bool names_product(const char *user_agent, const char *product)
{
    const char *at = strstr(user_agent, product);
    return at && (at == user_agent || at[-1] == ' ');
}

int clo_output_filter_choose(const char *header, const char *user_agent, bool *answer_only,
                             struct clo_problem *problem)
{
    *answer_only = false;
    if (header) {
        *answer_only = strcmp(header, "answer") == 0;
        if (*answer_only || strcmp(header, "all") == 0)
            return 0;
        return clo_problem_set(problem, 400, "invalid_value", "x-cloche-output",
                               "'x-cloche-output' is '%.32s'; it must be all or answer.", header);
    }
    for (size_t i = 0; user_agent && i < sizeof answer_only_clients / sizeof(char *); i++)
        *answer_only |= names_product(user_agent, answer_only_clients[i]);
    return 0;
}

static bool is_shown(const json_t *item, const json_t *tools)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    const json_t *tool, *name = json_object_get(item, "name");
    size_t index;
    if (!type || strcmp(type, "function_call") != 0)
        return type && strcmp(type, "message") == 0;
    json_array_foreach(tools, index, tool) {
        if (json_equal(json_object_get(tool, "name"), name))
            return true;
    }
    return false;
}

json_t *clo_output_filter_output(const json_t *output, const json_t *tools)
{
    json_t *shown = json_array(), *item;
    size_t index;
    json_array_foreach(output, index, item) {
        if (is_shown(item, tools) && json_array_append(shown, item) < 0) {
            json_decref(shown);
            return NULL;
        }
    }
    return shown;
}

void clo_output_filter_item(void *context, const struct clo_item_event *event)
{
    struct clo_output_filter *filter = context;
    if (event->item)
        filter->hidden = !is_shown(event->item, filter->tools);
    if (!filter->hidden)
        filter->next.event(filter->next.context, event);
}

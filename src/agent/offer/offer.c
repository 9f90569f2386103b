/* offer.c - what a turn puts before the model. */
#include "agent/offer/offer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "codeact/codeact.h"

static void add_part(struct clo_buffer *text, const char *part)
{
    if (!part || !*part)
        return;
    if (text->length)
        clo_buffer_text(text, "\n\n");
    clo_buffer_text(text, part);
}

/* The agent's own prompt, or that of other instructions; then the hooks', then the request's. */
static int join_instructions(char **joined, const struct clo_agent *agent,
                             const struct clo_turn *turn, const struct clo_hook_turn *hooks,
                             struct clo_error *error)
{
    struct clo_buffer text = CLO_BUFFER(CLO_AGENT_PROMPT_MAX);
    bool session = turn->session.run != NULL;
    const char *chosen = clo_hooks_instructions(hooks);
    if (chosen) {
        add_part(&text, chosen);
        add_part(&text, session ? clo_codeact_session_instructions : clo_codeact_instructions);
    } else {
        add_part(&text, session ? agent->session_prompt : agent->prompt);
    }
    add_part(&text, clo_hooks_more_instructions(hooks));
    add_part(&text, turn->instructions);
    bool large = text.failed && !text.no_memory;
    *joined = clo_buffer_take(&text, NULL);
    clo_buffer_free(&text);
    if (large)
        return clo_fail(error, CLO_ELIMIT,
                        "all instructions of the turn together are longer than %u KiB",
                        CLO_AGENT_PROMPT_MAX >> 10);
    return *joined ? 0 : clo_fail_memory(error);
}

/* In front of the user's last message; where there is none, of all. A call and its output stay
 * together. */
static int add_messages(json_t *history, const json_t *messages, struct clo_error *error)
{
    size_t at = json_array_size(history), index;
    const json_t *message;
    while (at > 0 && !clo_json_is(json_array_get(history, at - 1), "role", "user"))
        at--;
    at = at > 0 ? at - 1 : 0;
    json_array_foreach(messages, index, message) {
        if (json_array_insert(history, at + index, (json_t *)message))
            return clo_fail_memory(error);
    }
    return 0;
}

/* Before the model is asked: a run would be refused for it, each time. */
static int check_names(const struct clo_agent *agent, const struct clo_tool *more, size_t count,
                       struct clo_error *error)
{
    if (count > CLO_TOOLS_MAX - agent->tool_count)
        return clo_fail(error, CLO_ELIMIT,
                        "%zu tools of hooks beside %zu of the agent; at most %d are allowed", count,
                        agent->tool_count, CLO_TOOLS_MAX);
    for (size_t i = 0; i < count * agent->tool_count; i++) {
        const char *name = more[i % count].name;
        if (strcmp(name, agent->tool_names[i / count]) == 0)
            return clo_fail(error, CLO_EINVALID,
                            "tool '%s' of a hook has the name of one of the agent", name);
    }
    return 0;
}

static int gather_tools(json_t **gathered, const struct clo_agent *agent,
                        const struct clo_turn *turn, const struct clo_hook_turn *hooks,
                        struct clo_error *error)
{
    const json_t *code = turn->session.run ? agent->session_tool : agent->tool;
    size_t count, index;
    const struct clo_tool *more = clo_hooks_more_tools(hooks, &count);
    json_t *tools = json_array(), *tool = NULL;
    int status = check_names(agent, more, count, error);
    *gathered = tools;
    if (!status && more)
        status = clo_codeact_tool_more(&tool, code, more, count, agent->tool_count > 0, error);
    else if (!status)
        tool = json_incref((json_t *)code);
    if (status)
        return status;
    int bad = json_array_append_new(tools, tool);
    json_array_foreach((json_t *)turn->client_tools, index, tool)
        bad |= json_array_append(tools, tool);
    return bad ? clo_fail_memory(error) : 0;
}

int clo_offer_make(struct clo_offer *offer, const struct clo_agent *agent,
                   const struct clo_turn *turn, const struct clo_hook_turn *hooks,
                   struct clo_error *error)
{
    *offer = (struct clo_offer){.history = clo_json_copy(turn->input)};
    if (!offer->history)
        return clo_fail_memory(error);
    int status = add_messages(offer->history, clo_hooks_messages(hooks), error);
    if (!status)
        status = join_instructions(&offer->instructions, agent, turn, hooks, error);
    if (!status)
        status = gather_tools(&offer->tools, agent, turn, hooks, error);
    return status;
}

void clo_offer_clear(struct clo_offer *offer)
{
    free(offer->instructions);
    json_decref(offer->history);
    json_decref(offer->tools);
    *offer = (struct clo_offer){0};
}

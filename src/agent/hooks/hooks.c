/* hooks.c - hooks are called: before a turn, around its calls, after it. */
#include "agent/hooks/hooks.h"

#include <stdlib.h>
#include <string.h>

#include "agent/hooks/hook_turn.h"
#include "base/error.h"
#include "base/utf8.h"

int clo_hooks_copy(struct clo_hooks_of **copy, const struct clo_hooks *hooks, size_t count,
                   struct clo_error *error)
{
    *copy = NULL;
    if (count > CLO_HOOKS_MAX)
        return clo_fail(error, CLO_EINVALID, "hook_count is %zu; at most %d are allowed", count,
                        CLO_HOOKS_MAX);
    if (count && !hooks)
        return clo_fail(error, CLO_EINVALID, "hook_count is %zu, but hooks is NULL", count);
    if (!count)
        return 0;
    *copy = calloc(1, sizeof **copy + count * sizeof *hooks);
    if (!*copy)
        return clo_fail_memory(error);
    (*copy)->count = count;
    memcpy((*copy)->all, hooks, count * sizeof *hooks);
    return 0;
}

void clo_hooks_free(struct clo_hooks_of *hooks)
{
    free(hooks);
}

bool clo_hooks_add_tools(const struct clo_hooks_of *hooks)
{
    for (size_t i = 0; hooks && i < hooks->count; i++) {
        if (hooks->all[i].before_run)
            return true;
    }
    return false;
}

bool clo_hooks_stand_around(const struct clo_hooks_of *hooks)
{
    for (size_t i = 0; hooks && i < hooks->count; i++) {
        if (hooks->all[i].around_tool)
            return true;
    }
    return false;
}

/* Whatever a hook returned, it failed; and it may have said nothing. */
static int hook_failed(int status, const char *which, struct clo_error *error)
{
    if (status > 0 || status < CLO_EINTERNAL)
        status = CLO_EINTERNAL;
    if (!error->message[0])
        clo_fail(error, (enum clo_status)status, "the agent's host failed in %s", which);
    error->code = (enum clo_status)status;
    return status;
}

/* ---- before ---- */

static int choose_instructions(struct clo_hook_turn *turn, const struct clo_hooks *hooks,
                               struct clo_error *error)
{
    struct clo_value text = {0};
    if (!hooks->instructions)
        return 0;
    int status = hooks->instructions(hooks->context, turn, &text, error);
    if (status) {
        clo_value_clear(&text);
        return hook_failed(status, "instructions", error);
    }
    size_t length;
    const char *words = clo_value_text_n(&text, &length);
    if (words &&
        (length > CLO_HOOK_TEXT_MAX || strlen(words) != length || !clo_utf8_strict(words, length)))
        status = clo_fail(error, CLO_EINVALID,
                          "the instructions of a hook have %zu bytes; they must be UTF-8 without "
                          "NUL, of at most %u KiB",
                          length, CLO_HOOK_TEXT_MAX >> 10);
    else if (!words && clo_value_type(&text) != CLO_NULL)
        status = clo_fail(error, CLO_EINVALID, "the instructions of a hook are no text");
    if (!words || status) {
        clo_value_clear(&text);
        return status;
    }
    clo_value_clear(&turn->chosen);
    turn->chosen = text;
    return 0;
}

static int begin_one(struct clo_hook_turn *turn, const struct clo_hooks *hooks,
                     struct clo_error *error)
{
    int status = choose_instructions(turn, hooks, error);
    if (status || !hooks->before_run)
        return status;
    turn->open = true;
    status = hooks->before_run(hooks->context, turn, error);
    turn->open = false;
    return status ? hook_failed(status, "before_run", error) : 0;
}

static int around(void *context, struct clo_tool_step *step, const struct clo_value *arguments,
                  struct clo_value *result, struct clo_error *error)
{
    return clo_hooks_around(context, step, arguments, result, error);
}

static void release(void *context)
{
    clo_hook_turn_release(context);
}

static int make_run_tools(struct clo_hook_turn *turn, struct clo_error *error)
{
    bool stands = clo_hooks_stand_around(turn->hooks);
    if (!stands && !turn->tool_count)
        return 0;
    struct clo_run_tools_config config = {.tools = turn->tools,
                                          .tool_count = turn->tool_count,
                                          .around = stands ? around : NULL,
                                          .release = release,
                                          .context = turn};
    int status = clo_run_tools_create(&turn->run_tools, &config, error);
    if (!status)
        clo_hook_turn_retain(turn); /* theirs */
    return status;
}

int clo_hooks_begin(struct clo_hook_turn **result, const struct clo_hooks_of *hooks,
                    const struct clo_turn *about, struct clo_error *error)
{
    *result = NULL;
    if (!hooks)
        return 0;
    struct clo_hook_turn *turn = clo_hook_turn_create(hooks, about);
    if (!turn)
        return clo_fail_memory(error);
    *result = turn;
    int status = 0;
    while (about->input && turn->begun < hooks->count && !status) {
        status = begin_one(turn, &hooks->all[turn->begun], error);
        turn->begun += !status;
    }
    turn->items = NULL;
    return status ? status : make_run_tools(turn, error);
}

/* ---- what they said ---- */

const char *clo_hooks_instructions(const struct clo_hook_turn *turn)
{
    return turn ? clo_value_text(&turn->chosen) : NULL;
}

const char *clo_hooks_more_instructions(const struct clo_hook_turn *turn)
{
    return turn && turn->more.length ? turn->more.data : NULL;
}

const json_t *clo_hooks_messages(const struct clo_hook_turn *turn)
{
    return turn ? turn->messages : NULL;
}

const struct clo_tool *clo_hooks_more_tools(const struct clo_hook_turn *turn, size_t *count)
{
    *count = turn ? turn->tool_count : 0;
    return *count ? turn->tools : NULL;
}

struct clo_run_tools *clo_hooks_tools(const struct clo_hook_turn *turn)
{
    return turn ? turn->run_tools : NULL;
}

/* ---- around ---- */

/* A hook's way on: to the next hook that stands around calls, behind the last to `inner`. */
struct link {
    struct clo_tool_step step; /* first: a hook is given this address */
    struct clo_hook_turn *turn;
    size_t next;
    struct clo_tool_step *inner;
    const struct clo_value *arguments;
    struct clo_value *changed; /* the same, if a hook has put others in their place */
};

static int enter(const struct link *from, size_t index, struct clo_value *changed,
                 struct clo_value *result, struct clo_error *error);

static int go_on(struct clo_tool_step *step, struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    const struct link *link = (const struct link *)step;
    return enter(link, link->next, arguments ? arguments : link->changed, result, error);
}

static int enter(const struct link *from, size_t index, struct clo_value *changed,
                 struct clo_value *result, struct clo_error *error)
{
    const struct clo_hooks_of *hooks = from->turn->hooks;
    while (index < hooks->count && !hooks->all[index].around_tool)
        index++;
    if (index == hooks->count)
        return clo_tool_go_on(from->inner, changed, result, error);
    struct link link = *from;
    link.step.next = go_on;
    link.next = index + 1;
    link.changed = changed;
    const struct clo_hooks *hook = &hooks->all[index];
    return hook->around_tool(hook->context, from->turn, &link.step,
                             changed ? changed : from->arguments, result, error);
}

int clo_hooks_around(struct clo_hook_turn *turn, struct clo_tool_step *step,
                     const struct clo_value *arguments, struct clo_value *result,
                     struct clo_error *error)
{
    struct link first = {.step = *step, .turn = turn, .inner = step, .arguments = arguments};
    return enter(&first, 0, NULL, result, error);
}

/* ---- after ---- */

static void describe(struct clo_hook_answer *answer, const struct clo_turn_result *result,
                     const char *text, const struct clo_value *output)
{
    static const enum clo_hook_status ends[] = {[CLO_TURN_COMPLETED] = CLO_HOOK_COMPLETED,
                                                [CLO_TURN_INCOMPLETE] = CLO_HOOK_INCOMPLETE,
                                                [CLO_TURN_FAILED] = CLO_HOOK_FAILED,
                                                [CLO_TURN_CANCELLED] = CLO_HOOK_CANCELLED};
    bool failed = result->status == CLO_TURN_FAILED;
    *answer = (struct clo_hook_answer){
        .status = ends[result->status],
        .text = text ? text : "",
        .output = output,
        .model = result->model,
        .incomplete = result->status == CLO_TURN_INCOMPLETE ? result->incomplete : NULL,
        .error_code = failed ? result->error_code : NULL,
        .error_message = failed ? result->error_message : NULL,
        .input_tokens = result->usage.input,
        .output_tokens = result->usage.output};
}

static int tell_all(struct clo_hook_turn *turn, const struct clo_turn_result *result,
                    const char *text, struct clo_error *error)
{
    struct clo_hook_answer answer;
    struct clo_value output = {0};
    int first = clo_hook_items(&output, result->output, error); /* without memory it is a null */
    describe(&answer, result, text, &output);
    while (turn->begun) {
        struct clo_error why = {0};
        const struct clo_hooks *hooks = &turn->hooks->all[--turn->begun];
        int status = hooks->after_run ? hooks->after_run(hooks->context, turn, &answer, &why) : 0;
        if (status && !first) {
            first = hook_failed(status, "after_run", &why);
            *error = why;
        }
    }
    clo_value_clear(&output);
    return first;
}

int clo_hooks_end(struct clo_hook_turn *turn, const struct clo_turn_result *result,
                  const char *text, struct clo_error *error)
{
    if (!turn)
        return 0;
    int status = result && turn->begun ? tell_all(turn, result, text, error) : 0;
    pthread_mutex_lock(&turn->lock);
    turn->over = true;
    turn->cancel = NULL;
    pthread_mutex_unlock(&turn->lock);
    struct clo_run_tools *tools = turn->run_tools;
    turn->run_tools = NULL;
    clo_run_tools_release(tools);
    clo_hook_turn_release(turn);
    return status;
}

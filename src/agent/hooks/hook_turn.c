/* hook_turn.c - a turn as its hooks see it: what it is about, what they keep with it and add. */
#include "agent/hooks/hook_turn.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "sandbox/value/value_json.h"

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

struct clo_hook_turn *clo_hook_turn_create(const struct clo_hooks_of *hooks,
                                           const struct clo_turn *about)
{
    struct clo_hook_turn *turn = calloc(1, sizeof *turn);
    if (!turn)
        return NULL;
    atomic_init(&turn->references, 1);
    pthread_mutex_init(&turn->lock, NULL);
    turn->hooks = hooks;
    turn->cancel = about->cancel;
    turn->items = about->input;
    turn->response = copy(about->about.response);
    turn->conversation = copy(about->about.conversation);
    turn->session = copy(about->about.session);
    turn->user = copy(about->about.user);
    turn->messages = json_array();
    turn->more = CLO_BUFFER(CLO_HOOK_BYTES_MAX + CLO_HOOK_MESSAGES_MAX);
    if (turn->response && turn->conversation && turn->session && turn->user && turn->messages)
        return turn;
    clo_hook_turn_release(turn);
    return NULL;
}

void clo_hook_turn_retain(struct clo_hook_turn *turn)
{
    atomic_fetch_add(&turn->references, 1);
}

static void free_tools(struct clo_hook_turn *turn)
{
    for (size_t i = 0; i < turn->tool_count; i++) {
        free((char *)turn->tools[i].name);
        free((char *)turn->tools[i].description);
        free((char *)turn->tools[i].parameters);
    }
    free(turn->tools);
}

void clo_hook_turn_release(struct clo_hook_turn *turn)
{
    if (!turn || atomic_fetch_sub(&turn->references, 1) != 1)
        return;
    while (turn->value_count) { /* the last one first, as it may stand on those before */
        const struct clo_hook_value *value = &turn->values[--turn->value_count];
        if (value->release)
            value->release(value->value);
    }
    free_tools(turn);
    clo_value_clear(&turn->chosen);
    clo_value_clear(&turn->input);
    clo_buffer_free(&turn->more);
    json_decref(turn->messages);
    free(turn->response);
    free(turn->conversation);
    free(turn->session);
    free(turn->user);
    pthread_mutex_destroy(&turn->lock);
    free(turn);
}

/* ---- what it is about ---- */

const char *clo_hook_turn_response(const struct clo_hook_turn *turn)
{
    return turn->response;
}

const char *clo_hook_turn_conversation(const struct clo_hook_turn *turn)
{
    return turn->conversation;
}

const char *clo_hook_turn_session(const struct clo_hook_turn *turn)
{
    return turn->session;
}

const char *clo_hook_turn_user(const struct clo_hook_turn *turn)
{
    return turn->user;
}

int clo_hook_items(struct clo_value *value, const json_t *items, struct clo_error *error)
{
    char *text = clo_json_dump(items, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return clo_fail_memory(error);
    int status = clo_value_parse_json(value, text, strlen(text), error);
    free(text);
    return status;
}

const struct clo_value *clo_hook_turn_input(struct clo_hook_turn *turn)
{
    if (!turn->items)
        return NULL;
    if (clo_value_type(&turn->input) == CLO_NULL && clo_hook_items(&turn->input, turn->items, NULL))
        return NULL;
    return &turn->input;
}

bool clo_hook_turn_cancelled(const struct clo_hook_turn *turn)
{
    pthread_mutex_t *lock = &((struct clo_hook_turn *)turn)->lock;
    pthread_mutex_lock(lock);
    bool cancelled = turn->over || clo_cancel_is_set(turn->cancel);
    pthread_mutex_unlock(lock);
    return cancelled;
}

/* ---- what hooks keep with it ---- */

static struct clo_hook_value *find_value(const struct clo_hook_turn *turn, const void *key)
{
    for (size_t i = 0; i < turn->value_count; i++) {
        if (turn->values[i].key == key)
            return (struct clo_hook_value *)&turn->values[i];
    }
    return NULL;
}

int clo_hook_turn_set(struct clo_hook_turn *turn, const void *key, void *value,
                      void (*release)(void *value), struct clo_error *error)
{
    struct clo_hook_value old = {0};
    pthread_mutex_lock(&turn->lock);
    struct clo_hook_value *place = find_value(turn, key);
    if (place)
        old = *place;
    else if (turn->value_count < CLO_HOOK_VALUES_MAX)
        place = &turn->values[turn->value_count++];
    if (place)
        *place = (struct clo_hook_value){key, value, release};
    pthread_mutex_unlock(&turn->lock);
    if (!place)
        return clo_fail(error, CLO_ELIMIT, "hooks keep more than %d values with one turn",
                        CLO_HOOK_VALUES_MAX);
    if (old.release)
        old.release(old.value);
    return 0;
}

void *clo_hook_turn_get(const struct clo_hook_turn *turn, const void *key)
{
    pthread_mutex_t *lock = &((struct clo_hook_turn *)turn)->lock;
    pthread_mutex_lock(lock);
    const struct clo_hook_value *found = find_value(turn, key);
    void *value = found ? found->value : NULL;
    pthread_mutex_unlock(lock);
    return value;
}

/* ---- what they add ---- */

static int check_open(const struct clo_hook_turn *turn, const char *what, struct clo_error *error)
{
    return turn->open ? 0
                      : clo_fail(error, CLO_EINVALID, "%s can be added in before_run alone", what);
}

/* May this text be added? Counts it. */
static int take_text(struct clo_hook_turn *turn, const char *what, const char *text,
                     struct clo_error *error)
{
    size_t length = strnlen(text, CLO_HOOK_TEXT_MAX + 1);
    if (length > CLO_HOOK_TEXT_MAX)
        return clo_fail(error, CLO_ELIMIT, "%s of a hook: longer than %u KiB", what,
                        CLO_HOOK_TEXT_MAX >> 10);
    if (!clo_utf8_strict(text, length))
        return clo_fail(error, CLO_EINVALID, "%s of a hook: not UTF-8", what);
    if (turn->bytes + length > CLO_HOOK_BYTES_MAX)
        return clo_fail(error, CLO_ELIMIT,
                        "the hooks of one turn add more than %u MiB of messages and instructions",
                        CLO_HOOK_BYTES_MAX >> 20);
    turn->bytes += length;
    return 0;
}

int clo_hook_add_instructions(struct clo_hook_turn *turn, const char *text, struct clo_error *error)
{
    int status = check_open(turn, "instructions", error);
    if (!status)
        status = take_text(turn, "instructions", text, error);
    if (status)
        return status;
    if (turn->more.length)
        clo_buffer_text(&turn->more, "\n\n");
    clo_buffer_text(&turn->more, text);
    return turn->more.failed ? clo_fail_memory(error) : 0;
}

int clo_hook_add_message(struct clo_hook_turn *turn, const char *role, const char *text,
                         struct clo_error *error)
{
    static const char *const roles[] = {"user", "assistant", "system", "developer"};
    size_t known = 0;
    int status = check_open(turn, "a message", error);
    if (status)
        return status;
    while (known < 4 && strcmp(roles[known], role) != 0)
        known++;
    if (known == 4)
        return clo_fail(error, CLO_EINVALID,
                        "a message of the role '%.32s'; it is one of user, assistant, system, "
                        "developer",
                        role);
    if (json_array_size(turn->messages) >= CLO_HOOK_MESSAGES_MAX)
        return clo_fail(error, CLO_ELIMIT, "the hooks of one turn add more than %d messages",
                        CLO_HOOK_MESSAGES_MAX);
    status = take_text(turn, "a message", text, error);
    if (status)
        return status;
    json_t *item =
        json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "type", "message", "role", role, "content", "type",
                  known == 1 ? "output_text" : "input_text", "text", text);
    return json_array_append_new(turn->messages, item) ? clo_fail_memory(error) : 0;
}

static bool copy_tool(struct clo_tool *to, const struct clo_tool *from)
{
    *to = *from;
    to->name = copy(from->name);
    to->description = from->description ? strdup(from->description) : NULL;
    to->parameters = from->parameters ? strdup(from->parameters) : NULL;
    return to->name && (to->description || !from->description) &&
           (to->parameters || !from->parameters);
}

int clo_hook_add_tools(struct clo_hook_turn *turn, const struct clo_tool *tools, size_t count,
                       struct clo_error *error)
{
    int status = check_open(turn, "tools", error);
    if (status)
        return status;
    if (count && !tools)
        return clo_fail(error, CLO_EINVALID, "%zu tools are added, but tools is NULL", count);
    if (count > CLO_TOOLS_MAX - turn->tool_count)
        return clo_fail(error, CLO_ELIMIT, "the hooks of one turn add more than %d tools",
                        CLO_TOOLS_MAX);
    for (size_t i = 0; i < count; i++) { /* the caller is told at once, and of this tool */
        status = clo_tool_check(&tools[i], error);
        if (status)
            return status;
    }
    struct clo_tool *all = realloc(turn->tools, (turn->tool_count + count + 1) * sizeof *all);
    if (!all)
        return clo_fail_memory(error);
    turn->tools = all;
    for (size_t i = 0; i < count; i++) {
        if (!copy_tool(&all[turn->tool_count++], &tools[i]))
            return clo_fail_memory(error);
    }
    return 0;
}

/* history.c - from links in the store to one list of items that models know. See clo_history_tidy
 * for what is dropped. */
#include "serve/store/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "model/hosted_tool.h"
#include "serve/log.h"
#include "serve/store/model_input.h"

static int previous_missing(struct clo_problem *problem, const char *id)
{
    return clo_problem_set(
        problem, 400, "previous_response_not_found", "previous_response_id",
        "Previous response with id '%.128s' not found. It was deleted, never stored (\"store\": false), or belongs to another server.",
        id);
}

int clo_history_check(struct clo_store *store, struct clo_request *request,
                      struct clo_problem *problem)
{
    struct clo_record record;
    if (!request->session[0])
        clo_name_copy(request->session, request->conversation);
    if (!request->previous)
        return 0;
    int status = clo_store_get(store, request->user, request->previous, &record);
    if (status == CLO_ENOTFOUND)
        return previous_missing(problem, request->previous);
    if (status < 0)
        return clo_problem_internal(problem);
    if (!clo_status_final(record.status))
        status = clo_problem_set(
            problem, 400, "invalid_value", "previous_response_id",
            "Previous response with id '%.128s' is still %s; wait until it is finished.",
            request->previous, record.status);
    else if (!request->session[0])
        clo_name_copy(request->session, record.session);
    clo_record_clear(&record);
    return status;
}

static int too_long(struct clo_problem *problem, const char *param)
{
    return clo_problem_set(
        problem, 400, "context_length_exceeded", param,
        "The history has more than %d responses or %d items; start a new one, or send \"truncation\": \"auto\" to leave out the oldest.",
        CLO_HISTORY_RESPONSES_MAX, CLO_HISTORY_ITEMS_MAX);
}

/* Collect from the newest response to the oldest, then join in the right order. */
static int load_chain(struct clo_store *store, const struct clo_request *request, json_t *input,
                      struct clo_problem *problem)
{
    char id[CLO_NAME_BYTES_MAX + 1], previous[CLO_NAME_BYTES_MAX + 1];
    size_t total = 0, count = 0;
    int status = 0;
    json_t *parts[CLO_HISTORY_RESPONSES_MAX];
    snprintf(id, sizeof id, "%s", request->previous);
    while (id[0] && status == 0) {
        if (count == CLO_HISTORY_RESPONSES_MAX || total > CLO_HISTORY_ITEMS_MAX) {
            status = request->truncate ? 0 : too_long(problem, "previous_response_id");
            break;
        }
        parts[count] = json_array();
        int read = clo_store_history(store, id, parts[count], previous);
        if (read < 0)
            status = read == CLO_ENOTFOUND ? previous_missing(problem, id)
                                           : clo_problem_internal(problem);
        total += json_array_size(parts[count++]);
        memcpy(id, previous, sizeof id);
    }
    while (count > 0) {
        if (status == 0 && json_array_extend(input, parts[count - 1]) < 0)
            status = clo_problem_internal(problem);
        json_decref(parts[--count]);
    }
    return status;
}

static int reference_missing(struct clo_problem *problem, const json_t *item, size_t index)
{
    char param[48];
    snprintf(param, sizeof param, "input[%zu].id", index);
    return clo_problem_set(
        problem, 404, "not_found", param,
        "Item with id '%.128s' not found; items of responses with \"store\": false are not kept.",
        json_string_value(json_object_get(item, "id")));
}

/* Everything as models know it. *news is where the request's own begin in `input`, and `places`
 * says which entry of the request's input each of them came from. What older turns refer to may be
 * gone by now: they are history, and what is left of them is used. */
static int translate(struct clo_store *store, const char *user, const json_t *all, bool hosted,
                     size_t old, json_t *input, json_t *places, size_t *news,
                     struct clo_problem *problem)
{
    json_t *item;
    size_t index;
    json_array_foreach(all, index, item) {
        if (index == old)
            *news = json_array_size(input);
        int status = clo_model_input_add(store, user, item, hosted, input);
        if (status == CLO_ENOTFOUND && index >= old)
            return reference_missing(problem, item, index - old);
        if (status < 0 && status != CLO_ENOTFOUND)
            return clo_problem_internal(problem);
        while (index >= old && json_array_size(places) < json_array_size(input) - *news) {
            if (json_array_append_new(places, json_integer((json_int_t)(index - old))) < 0)
                return clo_problem_internal(problem);
        }
    }
    return 0;
}

static bool is(const json_t *item, const char *type)
{
    const char *name = json_string_value(json_object_get(item, "type"));
    return name && strcmp(name, type) == 0;
}

static const char *call_id(const json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "call_id"));
    return id ? id : "";
}

/* The set of call_ids of one type of item. NULL: no memory. */
static json_t *calls_of(const json_t *items, const char *type)
{
    json_t *set = json_object(), *item;
    size_t index;
    json_array_foreach(items, index, item) {
        if (is(item, type))
            clo_json_put(&set, call_id(item), json_true());
    }
    return set;
}

/* A result without its call cannot be understood; dropping what the client sent would be worse
 * than saying so. */
static int check_outputs(const json_t *input, size_t news, const json_t *places,
                         struct clo_problem *problem)
{
    json_t *calls = calls_of(input, "function_call");
    int status = calls ? 0 : clo_problem_internal(problem);
    for (size_t i = news; i < json_array_size(input) && status == 0; i++) {
        const json_t *item = json_array_get(input, i);
        if (!is(item, "function_call_output") || json_object_get(calls, call_id(item)))
            continue;
        char param[48];
        snprintf(param, sizeof param, "input[%lld].call_id",
                 (long long)json_integer_value(json_array_get(places, i - news)));
        status = clo_problem_set(
            problem, 400, "invalid_value", param,
            "No tool call found for function call output with call_id '%.128s'; send the function_call before it, or name the response that made it as previous_response_id.",
            call_id(item));
    }
    json_decref(calls);
    return status;
}

/* Which items stay, before reasoning is looked at. Read backwards: an output waits in `pending` for
 * the nearest call before it; a call_id may come again in a later turn. */
static int choose(const json_t *items, bool *stays)
{
    json_t *pending = json_object();
    for (size_t i = json_array_size(items); pending && i-- > 0;) {
        const json_t *item = json_array_get(items, i);
        stays[i] = true;
        if (is(item, "message")) {
            stays[i] = json_array_size(json_object_get(item, "content")) > 0;
        } else if (is(item, "function_call_output")) {
            stays[i] = false;
            clo_json_put(&pending, call_id(item), json_integer((json_int_t)i));
        } else if (is(item, "function_call")) {
            const json_t *output = json_object_get(pending, call_id(item));
            stays[i] = output != NULL;
            if (output)
                stays[json_integer_value(output)] = true;
            json_object_del(pending, call_id(item));
        }
    }
    json_decref(pending);
    return pending ? 0 : CLO_ENOMEMORY;
}

/* Reasoning must be followed by what it led to; at the end, or before another's words, it is
 * left over from something that was dropped or never came. */
static bool reasoning_is_led_on(const json_t *items, size_t index)
{
    const json_t *next;
    do
        next = json_array_get(items, ++index);
    while (next && is(next, "reasoning"));
    const char *role = json_string_value(json_object_get(next, "role"));
    return next && (is(next, "function_call") || clo_hosted_tool_item(next) ||
                    (role && strcmp(role, "assistant") == 0));
}

int clo_history_tidy(json_t *items)
{
    json_t *kept = json_array(), *item;
    bool *stays = calloc(json_array_size(items) + 1, sizeof *stays);
    size_t index;
    int status = kept && stays ? choose(items, stays) : CLO_ENOMEMORY;
    json_array_foreach(items, index, item) {
        if (status == 0 && stays[index] && json_array_append(kept, item) < 0)
            status = CLO_ENOMEMORY;
    }
    if (status == 0)
        json_array_clear(items);
    json_array_foreach(kept, index, item) {
        bool left_over = is(item, "reasoning") && !reasoning_is_led_on(kept, index);
        if (status == 0 && !left_over && json_array_append(items, item) < 0)
            status = CLO_ENOMEMORY;
    }
    json_decref(kept);
    free(stays);
    return status;
}

static int shorten(const struct clo_request *request, json_t *input, struct clo_problem *problem)
{
    if (json_array_size(input) <= CLO_HISTORY_ITEMS_MAX)
        return 0;
    if (!request->truncate)
        return too_long(problem, request->previous ? "previous_response_id" : "conversation");
    while (json_array_size(input) > CLO_HISTORY_ITEMS_MAX)
        json_array_remove(input, 0);
    return 0;
}

/* All items as they are stored and sent: *old of them from earlier turns. */
static int gather(struct clo_store *store, const struct clo_request *request, json_t *all,
                  size_t *old, struct clo_problem *problem)
{
    if (request->previous) {
        int status = load_chain(store, request, all, problem);
        if (status < 0)
            return status;
    }
    if (request->conversation[0] &&
        clo_store_conversation(store, request->user, request->conversation, all,
                               CLO_HISTORY_ITEMS_MAX + 1) < 0)
        return clo_problem_internal(problem);
    *old = json_array_size(all);
    return json_array_extend(all, request->input) < 0 ? clo_problem_internal(problem) : 0;
}

int clo_history_load(struct clo_store *store, const struct clo_request *request,
                     const struct clo_history_view *view, json_t **input,
                     struct clo_problem *problem)
{
    json_t *all = json_array(), *known = json_array(), *places = json_array();
    size_t old = 0, news = 0;
    int status = all && known && places ? gather(store, request, all, &old, problem)
                                        : clo_problem_internal(problem);
    if (status == 0)
        status = translate(store, request->user, all,
                           clo_hosted_tool_in(request->client_tools, NULL) != NULL, old, known,
                           places, &news, problem);
    if (status == 0)
        status = check_outputs(known, news, places, problem);
    if (status == 0 && view)
        status = view->show(view->context, known, problem);
    if (status == 0)
        status = shorten(request, known, problem);
    if (status == 0 && clo_history_tidy(known) < 0)
        status = clo_problem_internal(problem);
    if (status == 0 && json_array_size(known) == 0)
        status = clo_problem_set(problem, 400, "invalid_value", "input",
                                 "'input' holds nothing a model could answer; send a message.");
    json_decref(all);
    json_decref(places);
    if (status < 0) {
        json_decref(known);
        return status;
    }
    *input = known;
    return 0;
}

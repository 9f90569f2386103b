/* output_filter.c - from the agent's items to those that a client is shown. */
#include "serve/protocol/output_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"
#include "model/client.h"

/* An event that waits, with its own copy of what it says. */
struct clo_output_filter_event {
    TAILQ_ENTRY(clo_output_filter_event) entry;
    enum clo_item_event_kind kind;
    json_t *item;            /* reference, or NULL */
    struct clo_buffer delta; /* of an event without an item */
};

int clo_output_filter_choose(const char *header, const char *old, enum clo_serve_items otherwise,
                             enum clo_serve_items *items, struct clo_problem *problem)
{
    static const char *const words[] = {"mcp", "calls", "answer"};
    *items = otherwise;
    if (old)
        return clo_problem_set(
            problem, 400, "invalid_value", "x-cloche-output",
            "'x-cloche-output' is no longer read; send 'x-cloche-items' with mcp, calls (what 'all' was) or answer.");
    for (size_t i = 0; header && i < 3; i++) {
        if (strcmp(header, words[i]) == 0) {
            *items = (enum clo_serve_items)i;
            return 0;
        }
    }
    return !header
               ? 0
               : clo_problem_set(problem, 400, "invalid_value", "x-cloche-items",
                                 "'x-cloche-items' is '%.32s'; it must be mcp, calls or answer.",
                                 header);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void clo_output_filter_label(char label[CLO_OUTPUT_FILTER_LABEL_MAX + 1], const char *name)
{
    size_t length = 0;
    if (!is_letter(name[0])) {
        memcpy(label, "agent_", 6);
        length = 6;
    }
    for (size_t character; *name && length < CLO_OUTPUT_FILTER_LABEL_MAX; name += character) {
        bool good = is_letter(*name) || (*name >= '0' && *name <= '9') || *name == '-';
        label[length++] = good ? *name : '_';
        character = clo_text_next(name, strnlen(name, 4));
        if (!character)
            character = 1;
    }
    label[length] = '\0';
}

static void pass(struct clo_output_filter *filter, enum clo_item_event_kind kind,
                 const json_t *item)
{
    struct clo_item_event event = {.kind = kind, .item = item};
    if (item)
        filter->next.event(filter->next.context, &event);
    else
        filter->failed = true;
}

static bool is_clients(const struct clo_output_filter *filter, const json_t *call)
{
    const json_t *tool, *name = json_object_get(call, "name");
    size_t index;
    json_array_foreach(filter->view.tools, index, tool) {
        if (json_equal(json_object_get(tool, "name"), name))
            return true;
    }
    return false;
}

static bool is_output(const json_t *item)
{
    return clo_json_is(item, "type", "function_call_output");
}

/* The mcp_call of a function_call, in its fixed order of fields. NULL: out of memory. */
static json_t *mcp_item(const struct clo_output_filter *filter, const json_t *call,
                        json_t *arguments)
{
    static const size_t skip = sizeof CLO_OUTPUT_FILTER_CALL_PREFIX - 1;
    const char *id = clo_json_text(call, "id"), *name = clo_json_text(call, "name");
    id = id ? id : "";
    if (strncmp(id, CLO_OUTPUT_FILTER_CALL_PREFIX, skip) == 0)
        id += skip;
    return json_pack("{s:s, s:s+, s:s, s:s, s:o, s:n, s:n, s:s, s:n}", "type", "mcp_call", "id",
                     CLO_OUTPUT_FILTER_MCP_PREFIX, id, "server_label", filter->view.label, "name",
                     name ? name : "", "arguments", arguments, "output", "error", "status",
                     "in_progress", "approval_request_id");
}

/* The call is made: its arguments are whole, and its output is awaited from here on. */
static void begin_call(struct clo_output_filter *filter, const json_t *call)
{
    filter->call = mcp_item(filter, call, clo_client_arguments(call));
    if (clo_json_is(call, "status", "incomplete"))
        clo_json_put(&filter->call, "status", json_string("failed"));
    if (filter->call)
        filter->call_id = json_incref(json_object_get(call, "call_id"));
    pass(filter, CLO_ITEM_ARGUMENTS_DONE, filter->call);
}

/* `output` is its function_call_output; NULL: there is none, as the turn broke off. */
static void end_call(struct clo_output_filter *filter, const json_t *output)
{
    json_t *text = json_object_get(output, "output");
    bool failed = !output || json_is_true(json_object_get(output, "failed")) ||
                  clo_json_is(filter->call, "status", "failed");
    if (text)
        clo_json_put(&filter->call, "output", json_incref(text));
    clo_json_put(&filter->call, "status", json_string(failed ? "failed" : "completed"));
    pass(filter, CLO_ITEM_DONE, filter->call);
    json_decref(filter->call);
    json_decref(filter->call_id);
    filter->call = filter->call_id = NULL;
}

static enum clo_output_filter_open how_shown(const struct clo_output_filter *filter,
                                             const json_t *item)
{
    bool call = clo_json_is(item, "type", "function_call");
    if (filter->view.items == CLO_SERVE_ITEMS_CALLS || clo_json_is(item, "type", "message") ||
        (call && is_clients(filter, item)))
        return CLO_OUTPUT_FILTER_SHOWN;
    if (filter->view.items == CLO_SERVE_ITEMS_ANSWER || is_output(item))
        return CLO_OUTPUT_FILTER_HIDDEN;
    return call ? CLO_OUTPUT_FILTER_MCP : CLO_OUTPUT_FILTER_SHOWN;
}

static void open_item(struct clo_output_filter *filter, const json_t *item)
{
    filter->open = how_shown(filter, item);
    if (filter->open == CLO_OUTPUT_FILTER_SHOWN)
        pass(filter, CLO_ITEM_ADDED, item);
    if (filter->open != CLO_OUTPUT_FILTER_MCP)
        return;
    json_t *mcp = mcp_item(filter, item, json_string(""));
    pass(filter, CLO_ITEM_ADDED, mcp);
    json_decref(mcp);
}

/* The item without what only this program knows of it. */
static void done_shown(struct clo_output_filter *filter, const json_t *item)
{
    json_t *clean = NULL;
    if (is_output(item) &&
        (json_object_get(item, "failed") || json_object_get(item, "artifacts"))) {
        clean = clo_json_copy(item);
        json_object_del(clean, "failed");
        json_object_del(clean, "artifacts");
        item = clean;
    }
    pass(filter, CLO_ITEM_DONE, item);
    json_decref(clean);
}

static void translate(struct clo_output_filter *filter, const struct clo_item_event *event)
{
    if (event->kind == CLO_ITEM_ADDED)
        open_item(filter, event->item);
    else if (filter->open == CLO_OUTPUT_FILTER_HIDDEN)
        return;
    else if (event->kind != CLO_ITEM_DONE)
        filter->next.event(filter->next.context, event);
    else if (filter->open == CLO_OUTPUT_FILTER_MCP)
        begin_call(filter, event->item);
    else
        done_shown(filter, event->item);
}

/* Pieces of the same text become one: however small they come, they take the room of the text. */
static bool joins_last(struct clo_output_filter *filter, const struct clo_item_event *event)
{
    struct clo_output_filter_event *last = TAILQ_LAST(&filter->waiting, clo_output_filter_events);
    if (!last || event->item || last->kind != event->kind)
        return false;
    if (clo_buffer_append(&last->delta, event->delta, event->length) < 0)
        filter->failed = true;
    return true;
}

static void wait_behind(struct clo_output_filter *filter, const struct clo_item_event *event)
{
    if (joins_last(filter, event))
        return;
    struct clo_output_filter_event *copy = malloc(sizeof *copy);
    if (!copy) {
        filter->failed = true;
        return;
    }
    *copy = (struct clo_output_filter_event){.kind = event->kind,
                                             .item = json_incref((json_t *)event->item),
                                             .delta = CLO_BUFFER(CLO_MODEL_REPLY_MAX)};
    if (clo_buffer_append(&copy->delta, event->delta, event->length) < 0) {
        filter->failed = true;
        json_decref((json_t *)copy->item);
        clo_buffer_free(&copy->delta);
        free(copy);
        return;
    }
    TAILQ_INSERT_TAIL(&filter->waiting, copy, entry);
}

static void pass_first(struct clo_output_filter *filter)
{
    struct clo_output_filter_event *first = TAILQ_FIRST(&filter->waiting);
    TAILQ_REMOVE(&filter->waiting, first, entry);
    translate(filter, &(struct clo_item_event){first->kind, first->item, first->delta.data,
                                               first->delta.length});
    json_decref(first->item);
    clo_buffer_free(&first->delta);
    free(first);
}

void clo_output_filter_item(void *context, const struct clo_item_event *event)
{
    struct clo_output_filter *filter = context;
    if (filter->call) {
        bool mine = event->item && is_output(event->item) &&
                    json_equal(json_object_get(event->item, "call_id"), filter->call_id);
        if (!mine)
            wait_behind(filter, event);
        else if (event->kind == CLO_ITEM_DONE)
            end_call(filter, event->item);
    } else {
        translate(filter, event); /* nothing waits while no output is awaited */
    }
    while (!TAILQ_EMPTY(&filter->waiting) && !filter->call)
        pass_first(filter);
}

void clo_output_filter_init(struct clo_output_filter *filter,
                            const struct clo_output_filter_view *view,
                            const struct clo_item_sink *next)
{
    memset(filter, 0, sizeof *filter);
    TAILQ_INIT(&filter->waiting);
    filter->view = *view;
    filter->next = *next;
}

void clo_output_filter_end(struct clo_output_filter *filter)
{
    while (filter->call || !TAILQ_EMPTY(&filter->waiting)) {
        if (filter->call)
            end_call(filter, NULL);
        else
            pass_first(filter);
    }
}

static void collect(void *context, const struct clo_item_event *event)
{
    json_t **shown = context;
    if (event->kind == CLO_ITEM_DONE && json_array_append(*shown, (json_t *)event->item) < 0) {
        json_decref(*shown);
        *shown = NULL;
    }
}

json_t *clo_output_filter_output(const struct clo_output_filter_view *view, const json_t *output)
{
    json_t *shown = json_array(), *item;
    size_t index;
    struct clo_output_filter filter;
    clo_output_filter_init(&filter, view, &(struct clo_item_sink){collect, &shown});
    json_array_foreach(output, index, item) {
        clo_output_filter_item(&filter,
                               &(struct clo_item_event){.kind = CLO_ITEM_ADDED, .item = item});
        clo_output_filter_item(&filter,
                               &(struct clo_item_event){.kind = CLO_ITEM_DONE, .item = item});
    }
    clo_output_filter_end(&filter);
    if (filter.failed) {
        json_decref(shown);
        return NULL;
    }
    return shown;
}

/* events.c - the state machine from item events to stream events.
 *
 * The final item is the authority: a part's `done` events quote it where it has that part, and
 * parts it has but nobody announced (a model that does not stream) are announced then.
 */
#include "serve/protocol/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "serve/protocol/response.h"

void clo_events_init(struct clo_events *events,
                     int (*write)(void *, uint64_t, const char *, size_t), void *context)
{
    memset(events, 0, sizeof *events);
    events->write = write;
    events->context = context;
    events->text = CLO_BUFFER(CLO_EVENTS_TEXT_MAX);
}

void clo_events_clear(struct clo_events *events)
{
    json_decref(events->item);
    clo_buffer_free(&events->text);
    events->item = NULL;
}

/* `event` type and JSON as one piece of event-stream text. */
static char *frame(const char *type, const json_t *data, size_t *length)
{
    char *json = clo_response_text(data), *text = NULL;
    int made = json ? asprintf(&text, "event: %s\ndata: %s\n\n", type, json) : -1;
    free(json);
    *length = made < 0 ? 0 : (size_t)made;
    return made < 0 ? NULL : text;
}

/* Number `data` (stolen) and write it. */
static void emit(struct clo_events *events, const char *kind, json_t *data)
{
    char type[64];
    size_t length = 0;
    snprintf(type, sizeof type, "response.%s", kind);
    json_t *whole =
        json_pack("{s:s, s:I}", "type", type, "sequence_number", (json_int_t)events->sequence);
    char *text = NULL;
    if (whole && data && json_object_update(whole, data) == 0)
        text = frame(type, whole, &length);
    json_decref(whole);
    json_decref(data);
    if (!text)
        events->failed = true;
    if (!events->failed && events->write(events->context, events->sequence, text, length) < 0)
        events->failed = true;
    events->sequence++;
    free(text);
}

void clo_events_response(struct clo_events *events, const char *kind, const json_t *response)
{
    emit(events, kind, json_pack("{s:O}", "response", response));
}

/* NULL for want of memory; `emit` then fails. */
static json_t *with(json_t *data, const char *name, json_t *value)
{
    clo_json_put(&data, name, value);
    return data;
}

/* Fields that every event of an open item has; `index` names its part index, or is NULL. */
static json_t *at_item(const struct clo_events *events, const char *index)
{
    json_t *data = json_pack("{s:s, s:I}", "item_id", events->id, "output_index",
                             (json_int_t)events->output_index);
    return index ? with(data, index, json_integer((json_int_t)events->part_index)) : data;
}

static bool is_summary(const char *part)
{
    return strcmp(part, "summary_text") == 0;
}

static const char *index_name(const char *part)
{
    return is_summary(part) ? "summary_index" : "content_index";
}

static json_t *part_json(const char *part, const char *text, size_t length)
{
    if (strcmp(part, "output_text") == 0)
        return json_pack("{s:s, s:s%, s:[], s:[]}", "type", part, "text", text, length,
                         "annotations", "logprobs");
    return json_pack("{s:s, s:s%}", "type", part, is_summary(part) ? "text" : "refusal", text,
                     length);
}

static void part_open(struct clo_events *events, const char *part)
{
    events->part = part;
    clo_buffer_reset(&events->text);
    emit(events, is_summary(part) ? "reasoning_summary_part.added" : "content_part.added",
         with(at_item(events, index_name(part)), "part", part_json(part, "", 0)));
}

static const char *stem(const char *part)
{
    return is_summary(part) ? "reasoning_summary_text" : part;
}

/* For the events that quote the whole. */
static void keep(struct clo_events *events, const char *text, size_t length)
{
    if (clo_buffer_append(&events->text, text, length) == CLO_ENOMEMORY)
        events->failed = true;
}

static void part_delta(struct clo_events *events, const char *delta, size_t length)
{
    char kind[64];
    snprintf(kind, sizeof kind, "%s.delta", stem(events->part));
    keep(events, delta, length);
    json_t *data =
        with(at_item(events, index_name(events->part)), "delta", json_stringn(delta, length));
    if (strcmp(events->part, "output_text") == 0)
        data = with(data, "logprobs", json_array());
    emit(events, kind, data);
}

static void part_annotations(struct clo_events *events, const json_t *annotations)
{
    json_t *annotation;
    size_t index;
    json_array_foreach(annotations, index, annotation) {
        json_t *data = with(at_item(events, "content_index"), "annotation_index",
                            json_integer((json_int_t)index));
        emit(events, "output_text.annotation.added",
             with(data, "annotation", json_incref(annotation)));
    }
}

/* `final` is the part as the finished item has it, or NULL: what the deltas gave. */
static void part_close(struct clo_events *events, const json_t *final)
{
    const char *part = events->part, *field = strcmp(part, "refusal") ? "text" : "refusal";
    char kind[64];
    json_t *whole =
        final ? clo_json_copy(final)
              : part_json(part, events->text.data ? events->text.data : "", events->text.length);
    if (strcmp(part, "output_text") == 0) {
        if (!json_object_get(whole, "annotations"))
            whole = with(whole, "annotations", json_array());
        if (!json_object_get(whole, "logprobs"))
            whole = with(whole, "logprobs", json_array());
        part_annotations(events, json_object_get(whole, "annotations"));
    }
    json_t *data =
        with(at_item(events, index_name(part)), field, json_incref(json_object_get(whole, field)));
    if (strcmp(part, "output_text") == 0)
        data = with(data, "logprobs", json_incref(json_object_get(whole, "logprobs")));
    snprintf(kind, sizeof kind, "%s.done", stem(part));
    emit(events, kind, data);
    emit(events, is_summary(part) ? "reasoning_summary_part.done" : "content_part.done",
         with(at_item(events, index_name(part)), "part", whole));
    events->part = NULL;
    events->part_index++;
}

/* A delta of `part`: another kind of part that is open ends first. */
static void delta(struct clo_events *events, const char *part, const struct clo_item_event *event)
{
    if (!events->item || event->length == 0)
        return;
    if (events->part && strcmp(events->part, part) != 0)
        part_close(events, NULL);
    if (!events->part)
        part_open(events, part);
    part_delta(events, event->delta, event->length);
}

/* Finish the parts of a message or of reasoning: the open one, then those never announced. */
static void parts_finish(struct clo_events *events, const json_t *parts)
{
    size_t count = json_array_size(parts);
    if (events->part)
        part_close(events, json_array_get(parts, events->part_index));
    while (events->part_index < count) {
        const json_t *final = json_array_get(parts, events->part_index);
        const char *type = json_string_value(json_object_get(final, "type"));
        const char *part = type && !strcmp(type, "refusal")        ? "refusal"
                           : type && !strcmp(type, "summary_text") ? "summary_text"
                                                                   : "output_text";
        const char *field = strcmp(part, "refusal") ? "text" : "refusal";
        const json_t *text = json_object_get(final, field);
        if (!text) { /* a part of a kind that has no text events */
            events->part_index++;
            continue;
        }
        part_open(events, part);
        if (json_string_length(text) > 0)
            part_delta(events, json_string_value(text), json_string_length(text));
        part_close(events, final);
    }
}

static bool is_type(const json_t *item, const char *type)
{
    const char *name = json_string_value(json_object_get(item, "type"));
    return name && strcmp(name, type) == 0;
}

static void arguments_delta(struct clo_events *events, const char *text, size_t length)
{
    if (!events->item || length == 0)
        return;
    keep(events, text, length);
    emit(events,
         is_type(events->item, "mcp_call") ? "mcp_call_arguments.delta"
                                           : "function_call_arguments.delta",
         with(at_item(events, NULL), "delta", json_stringn(text, length)));
}

static void arguments_finish(struct clo_events *events, const json_t *item)
{
    const json_t *arguments = json_object_get(item, "arguments");
    const char *name = json_string_value(json_object_get(item, "name"));
    bool mcp = is_type(item, "mcp_call");
    if (!events->item || events->arguments_done)
        return;
    if (events->text.length == 0)
        arguments_delta(events, json_string_value(arguments), json_string_length(arguments));
    json_t *data = at_item(events, NULL);
    if (!mcp)
        data = with(data, "name", json_string(name ? name : ""));
    emit(events, mcp ? "mcp_call_arguments.done" : "function_call_arguments.done",
         with(data, "arguments",
              json_stringn(arguments ? json_string_value(arguments) : "",
                           json_string_length(arguments))));
    events->arguments_done = true;
}

static void item_open(struct clo_events *events, const json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "id"));
    clo_events_close(events);
    events->item = json_incref((json_t *)item);
    events->part = NULL;
    events->part_index = 0;
    events->arguments_done = false;
    clo_buffer_reset(&events->text);
    snprintf(events->id, sizeof events->id, "%s", id ? id : "");
    emit(events, "output_item.added",
         json_pack("{s:I, s:O}", "output_index", (json_int_t)events->output_index, "item", item));
    if (is_type(item, "mcp_call"))
        emit(events, "mcp_call.in_progress", at_item(events, NULL));
}

static bool is_completed(const json_t *item)
{
    const char *status = json_string_value(json_object_get(item, "status"));
    return status && strcmp(status, "completed") == 0;
}

static void item_done(struct clo_events *events, const json_t *item)
{
    if (!events->item)
        item_open(events, item);
    if (is_type(item, "message"))
        parts_finish(events, json_object_get(item, "content"));
    else if (is_type(item, "reasoning"))
        parts_finish(events, json_object_get(item, "summary"));
    else if (is_type(item, "function_call") || is_type(item, "mcp_call"))
        arguments_finish(events, item);
    if (is_type(item, "mcp_call"))
        emit(events, is_completed(item) ? "mcp_call.completed" : "mcp_call.failed",
             at_item(events, NULL));
    emit(events, "output_item.done",
         json_pack("{s:I, s:O}", "output_index", (json_int_t)events->output_index, "item", item));
    json_decref(events->item);
    events->item = NULL;
    events->output_index++;
}

void clo_events_item(void *context, const struct clo_item_event *event)
{
    struct clo_events *events = context;
    switch (event->kind) {
    case CLO_ITEM_ADDED: item_open(events, event->item); break;
    case CLO_ITEM_TEXT: delta(events, "output_text", event); break;
    case CLO_ITEM_REFUSAL: delta(events, "refusal", event); break;
    case CLO_ITEM_REASONING: delta(events, "summary_text", event); break;
    case CLO_ITEM_ARGUMENTS: arguments_delta(events, event->delta, event->length); break;
    case CLO_ITEM_ARGUMENTS_DONE: arguments_finish(events, event->item); break;
    case CLO_ITEM_DONE: item_done(events, event->item); break;
    }
}

void clo_events_close(struct clo_events *events)
{
    if (!events->item)
        return;
    json_t *item = clo_json_copy(events->item);
    const char *text = events->text.data ? events->text.data : "";
    item = with(item, "status", json_string("incomplete"));
    if (is_type(item, "function_call"))
        item = with(item, "arguments", json_stringn(text, events->text.length));
    else if (events->part)
        item = with(item, is_summary(events->part) ? "summary" : "content",
                    json_pack("[o]", part_json(events->part, text, events->text.length)));
    if (events->part) /* only the open part is known here; earlier ones were closed on the way */
        part_close(events, NULL);
    item_done(events, item);
    json_decref(item);
}

char *clo_events_error(uint64_t sequence, const struct clo_problem *problem)
{
    json_t *data =
        json_pack("{s:s, s:I}", "type", "error", "sequence_number", (json_int_t)sequence);
    json_t *nested = clo_problem_json(problem);
    char *text = NULL;
    size_t length;
    if (data && nested && json_object_update(data, json_object_get(nested, "error")) == 0 &&
        json_object_update(data, nested) == 0) {
        data = with(data, "type", json_string("error")); /* not the nested one's type */
        text = frame("error", data, &length);
    }
    json_decref(data);
    json_decref(nested);
    return text;
}

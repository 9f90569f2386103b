/* item_builder.c - the builder of output items. */
#include "model/protocol/item_builder.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/hosted_tool.h"

void clo_item_builder_start(struct clo_item_builder *builder, const struct clo_item_sink *sink)
{
    *builder = (struct clo_item_builder){.sink = sink,
                                         .output = json_array(),
                                         .text = CLO_BUFFER(CLO_MODEL_REPLY_MAX),
                                         .refusal = CLO_BUFFER(CLO_MODEL_REPLY_MAX)};
    if (!builder->output)
        builder->status = CLO_ENOMEMORY;
}

void clo_item_builder_clear(struct clo_item_builder *builder)
{
    json_decref(builder->output);
    json_decref(builder->open);
    clo_buffer_free(&builder->text);
    clo_buffer_free(&builder->refusal);
    builder->output = builder->open = NULL;
}

static void note(struct clo_item_builder *builder, int status)
{
    if (status && !builder->status)
        builder->status = status;
}

int clo_item_builder_check(const struct clo_item_builder *builder, struct clo_error *error)
{
    if (builder->status == CLO_ELIMIT)
        return clo_fail(error, CLO_ELIMIT,
                        "the model's reply has more than %d items or is larger than %u MiB",
                        CLO_MODEL_ITEMS_MAX, CLO_MODEL_REPLY_MAX >> 20);
    return builder->status ? clo_fail_memory(error) : 0;
}

static void tell(struct clo_item_builder *builder, const struct clo_item_event *event)
{
    if (builder->sink && builder->sink->event)
        builder->sink->event(builder->sink->context, event);
}

static void open_item(struct clo_item_builder *builder, json_t *skeleton, const char *id)
{
    clo_item_builder_close(builder, true);
    if (!skeleton || json_array_size(builder->output) >= CLO_MODEL_ITEMS_MAX) {
        note(builder, skeleton ? CLO_ELIMIT : CLO_ENOMEMORY);
        json_decref(skeleton);
        return;
    }
    if (id && *id)
        note(builder, json_object_set_new(skeleton, "id", json_string(id)) ? CLO_ENOMEMORY : 0);
    builder->open = skeleton;
    clo_buffer_reset(&builder->text);
    clo_buffer_reset(&builder->refusal);
    tell(builder, &(struct clo_item_event){.kind = CLO_ITEM_ADDED, .item = skeleton});
}

void clo_item_builder_message(struct clo_item_builder *builder, const char *id)
{
    open_item(builder,
              json_pack("{s:s, s:s, s:s, s:[]}", "type", "message", "role", "assistant", "status",
                        "in_progress", "content"),
              id);
}

void clo_item_builder_call(struct clo_item_builder *builder, const char *id, const char *call_id,
                           const char *name)
{
    open_item(builder,
              json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "function_call", "call_id", call_id,
                        "name", name, "arguments", "", "status", "in_progress"),
              id);
}

void clo_item_builder_reasoning(struct clo_item_builder *builder, const char *id)
{
    open_item(builder, json_pack("{s:s, s:[]}", "type", "reasoning", "summary"), id);
}

static bool suits(const json_t *item, enum clo_item_event_kind kind)
{
    switch (kind) {
    case CLO_ITEM_TEXT:
    case CLO_ITEM_REFUSAL: return clo_json_is(item, "type", "message");
    case CLO_ITEM_ARGUMENTS: return clo_json_is(item, "type", "function_call");
    case CLO_ITEM_REASONING: return clo_json_is(item, "type", "reasoning");
    default: return false;
    }
}

void clo_item_builder_add(struct clo_item_builder *builder, enum clo_item_event_kind kind,
                          const char *piece, size_t length)
{
    if (length == 0 || !builder->open || !suits(builder->open, kind))
        return;
    struct clo_buffer *text = kind == CLO_ITEM_REFUSAL ? &builder->refusal : &builder->text;
    int status = clo_buffer_append(text, piece, length);
    if (status) {
        note(builder, status);
        return;
    }
    tell(builder, &(struct clo_item_event){.kind = kind, .delta = piece, .length = length});
}

static json_t *string_of(const struct clo_buffer *buffer)
{
    return json_stringn(buffer->data ? buffer->data : "", buffer->length);
}

/* "annotations" may stand in the skeleton already, put there by clo_item_builder_finish_as. */
static int fill_message(struct clo_item_builder *builder)
{
    json_t *content = json_object_get(builder->open, "content");
    json_t *annotations = json_incref(json_object_get(builder->open, "annotations"));
    json_object_del(builder->open, "annotations");
    if (!annotations)
        annotations = json_array();
    if (builder->text.length || !builder->refusal.length)
        if (json_array_append_new(content, json_pack("{s:s, s:o, s:O, s:[]}", "type", "output_text",
                                                     "text", string_of(&builder->text),
                                                     "annotations", annotations, "logprobs"))) {
            json_decref(annotations);
            return CLO_ENOMEMORY;
        }
    json_decref(annotations);
    if (builder->refusal.length)
        return json_array_append_new(content, json_pack("{s:s, s:o}", "type", "refusal", "refusal",
                                                        string_of(&builder->refusal)))
                   ? CLO_ENOMEMORY
                   : 0;
    return 0;
}

static int fill(struct clo_item_builder *builder, bool complete)
{
    json_t *open = builder->open;
    int bad = 0;
    if (clo_hosted_tool_item(open))
        return complete ? 0 : json_object_set_new(open, "status", json_string("failed"));
    if (clo_json_is(open, "type", "reasoning")) {
        if (builder->text.length)
            bad |= json_array_append_new(
                json_object_get(open, "summary"),
                json_pack("{s:s, s:o}", "type", "summary_text", "text", string_of(&builder->text)));
        return bad ? CLO_ENOMEMORY : 0;
    }
    bad |= json_object_set_new(open, "status", json_string(complete ? "completed" : "incomplete"));
    if (clo_json_is(open, "type", "function_call"))
        bad |= json_object_set_new(open, "arguments", string_of(&builder->text));
    else
        bad |= fill_message(builder);
    return bad ? CLO_ENOMEMORY : 0;
}

void clo_item_builder_close(struct clo_item_builder *builder, bool complete)
{
    if (!builder->open)
        return;
    note(builder, fill(builder, complete));
    json_t *done = builder->open;
    builder->open = NULL;
    tell(builder, &(struct clo_item_event){.kind = CLO_ITEM_DONE, .item = done});
    if (json_array_append_new(builder->output, done))
        note(builder, CLO_ENOMEMORY);
}

bool clo_item_builder_open_as(struct clo_item_builder *builder, const json_t *item)
{
    const char *id = clo_json_text(item, "id");
    if (clo_json_is(item, "type", "message")) {
        clo_item_builder_message(builder, id);
    } else if (clo_json_is(item, "type", "reasoning")) {
        clo_item_builder_reasoning(builder, id);
    } else if (clo_json_is(item, "type", "function_call")) {
        const char *call_id = clo_json_text(item, "call_id"), *name = clo_json_text(item, "name");
        clo_item_builder_call(builder, id,
                              call_id && *call_id ? call_id
                              : id                ? id
                                                  : "call",
                              name ? name : "");
    } else if (clo_hosted_tool_item(item)) {
        open_item(builder, clo_json_copy(item), id);
    } else {
        return false;
    }
    return builder->open != NULL;
}

/* What `whole` has beyond what was told already. Where the two differ, what was told stays. */
static void add_rest(struct clo_item_builder *builder, enum clo_item_event_kind kind,
                     const struct clo_buffer *told, const char *whole, size_t length)
{
    if (length > told->length && (!told->length || memcmp(whole, told->data, told->length) == 0))
        clo_item_builder_add(builder, kind, whole + told->length, length - told->length);
}

/* Join the texts named `member` of the parts that have the type, with `between` them. */
static void join(struct clo_buffer *out, const json_t *parts, const char *type, const char *member,
                 const char *between)
{
    size_t index;
    const json_t *part;
    json_array_foreach(parts, index, part) {
        const json_t *text = json_object_get(part, member);
        if (!clo_json_is(part, "type", type) || !json_is_string(text))
            continue;
        if (out->length)
            clo_buffer_text(out, between);
        clo_buffer_append(out, json_string_value(text), json_string_length(text));
    }
}

static void rest_of(struct clo_item_builder *builder, const json_t *item,
                    enum clo_item_event_kind kind)
{
    struct clo_buffer whole = CLO_BUFFER(CLO_MODEL_REPLY_MAX);
    const json_t *content = json_object_get(item, "content");
    const json_t *arguments = json_object_get(item, "arguments");
    if (kind == CLO_ITEM_TEXT)
        join(&whole, content, "output_text", "text", "");
    else if (kind == CLO_ITEM_REFUSAL)
        join(&whole, content, "refusal", "refusal", "");
    else if (kind == CLO_ITEM_ARGUMENTS && json_is_string(arguments))
        clo_buffer_append(&whole, json_string_value(arguments), json_string_length(arguments));
    else if (kind == CLO_ITEM_REASONING) {
        join(&whole, json_object_get(item, "summary"), "summary_text", "text", "\n\n");
        if (!whole.length)
            join(&whole, content, "reasoning_text", "text", "\n\n");
    }
    if (whole.failed)
        note(builder, CLO_ENOMEMORY);
    else if (whole.length)
        add_rest(builder, kind, kind == CLO_ITEM_REFUSAL ? &builder->refusal : &builder->text,
                 whole.data, whole.length);
    clo_buffer_free(&whole);
}

static void keep_extras(struct clo_item_builder *builder, const json_t *item)
{
    json_t *hidden = json_object_get(item, "encrypted_content");
    if (clo_json_is(builder->open, "type", "reasoning") && json_is_string(hidden))
        note(builder,
             json_object_set(builder->open, "encrypted_content", hidden) ? CLO_ENOMEMORY : 0);
    json_t *annotations =
        json_object_get(json_array_get(json_object_get(item, "content"), 0), "annotations");
    if (clo_json_is(builder->open, "type", "message") && json_is_array(annotations))
        note(builder,
             json_object_set(builder->open, "annotations", annotations) ? CLO_ENOMEMORY : 0);
}

void clo_item_builder_finish_as(struct clo_item_builder *builder, const json_t *item)
{
    if (!builder->open)
        return;
    if (clo_hosted_tool_item(builder->open)) {
        note(builder,
             json_equal(json_object_get(builder->open, "type"), json_object_get(item, "type")) &&
                     json_object_update(builder->open, (json_t *)item)
                 ? CLO_ENOMEMORY
                 : 0);
        clo_item_builder_close(builder, true);
        return;
    }
    for (int kind = CLO_ITEM_TEXT; kind <= CLO_ITEM_REASONING; kind++)
        if (suits(builder->open, (enum clo_item_event_kind)kind))
            rest_of(builder, item, (enum clo_item_event_kind)kind);
    keep_extras(builder, item);
    clo_item_builder_close(builder, !clo_json_is(item, "status", "incomplete"));
}

/* item_builder.c - the builder of output items. */
#include "model/protocol/item_builder.h"

#include <string.h>

#include "base/json.h"
#include "base/error.h"

void clo_draft_start(struct clo_draft *draft, const struct clo_item_sink *sink)
{
    *draft = (struct clo_draft){.sink = sink,
                                .output = json_array(),
                                .text = CLO_BUFFER(CLO_MODEL_REPLY_MAX),
                                .refusal = CLO_BUFFER(CLO_MODEL_REPLY_MAX)};
    if (!draft->output)
        draft->status = CLO_ENOMEMORY;
}

void clo_draft_clear(struct clo_draft *draft)
{
    json_decref(draft->output);
    json_decref(draft->open);
    clo_buffer_free(&draft->text);
    clo_buffer_free(&draft->refusal);
    draft->output = draft->open = NULL;
}

static void note(struct clo_draft *draft, int status)
{
    if (status && !draft->status)
        draft->status = status;
}

int clo_draft_check(const struct clo_draft *draft, struct clo_error *error)
{
    if (draft->status == CLO_ELIMIT)
        return clo_fail(error, CLO_ELIMIT,
                        "the model's reply has more than %d items or is larger than %u MiB",
                        CLO_MODEL_ITEMS_MAX, CLO_MODEL_REPLY_MAX >> 20);
    return draft->status ? clo_fail_memory(error) : 0;
}

static void tell(struct clo_draft *draft, const struct clo_item_event *event)
{
    if (draft->sink && draft->sink->event)
        draft->sink->event(draft->sink->context, event);
}

static void open_item(struct clo_draft *draft, json_t *skeleton, const char *id)
{
    clo_draft_close(draft, true);
    if (!skeleton || json_array_size(draft->output) >= CLO_MODEL_ITEMS_MAX) {
        note(draft, skeleton ? CLO_ELIMIT : CLO_ENOMEMORY);
        json_decref(skeleton);
        return;
    }
    if (id && *id)
        note(draft, json_object_set_new(skeleton, "id", json_string(id)) ? CLO_ENOMEMORY : 0);
    draft->open = skeleton;
    clo_buffer_reset(&draft->text);
    clo_buffer_reset(&draft->refusal);
    tell(draft, &(struct clo_item_event){.kind = CLO_ITEM_ADDED, .item = skeleton});
}

void clo_draft_message(struct clo_draft *draft, const char *id)
{
    open_item(draft,
              json_pack("{s:s, s:s, s:s, s:[]}", "type", "message", "role", "assistant", "status",
                        "in_progress", "content"),
              id);
}

void clo_draft_call(struct clo_draft *draft, const char *id, const char *call_id, const char *name)
{
    open_item(draft,
              json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "function_call", "call_id", call_id,
                        "name", name, "arguments", "", "status", "in_progress"),
              id);
}

void clo_draft_reasoning(struct clo_draft *draft, const char *id)
{
    open_item(draft, json_pack("{s:s, s:[]}", "type", "reasoning", "summary"), id);
}

static bool suits(const json_t *item, enum clo_item_event_kind kind)
{
    switch (kind) {
    case CLO_ITEM_TEXT:
    case CLO_ITEM_REFUSAL: return clo_doc_is(item, "type", "message");
    case CLO_ITEM_ARGUMENTS: return clo_doc_is(item, "type", "function_call");
    case CLO_ITEM_REASONING: return clo_doc_is(item, "type", "reasoning");
    default: return false;
    }
}

void clo_draft_add(struct clo_draft *draft, enum clo_item_event_kind kind, const char *piece,
                   size_t length)
{
    if (length == 0 || !draft->open || !suits(draft->open, kind))
        return;
    struct clo_buffer *text = kind == CLO_ITEM_REFUSAL ? &draft->refusal : &draft->text;
    int status = clo_buffer_append(text, piece, length);
    if (status) {
        note(draft, status);
        return;
    }
    tell(draft, &(struct clo_item_event){.kind = kind, .delta = piece, .length = length});
}

static json_t *string_of(const struct clo_buffer *buffer)
{
    return json_stringn(buffer->data ? buffer->data : "", buffer->length);
}

/* "annotations" may stand in the skeleton already, put there by clo_draft_finish_as. */
static int fill_message(struct clo_draft *draft)
{
    json_t *content = json_object_get(draft->open, "content");
    json_t *annotations = json_incref(json_object_get(draft->open, "annotations"));
    json_object_del(draft->open, "annotations");
    if (!annotations)
        annotations = json_array();
    if (draft->text.length || !draft->refusal.length)
        if (json_array_append_new(content, json_pack("{s:s, s:o, s:O, s:[]}", "type", "output_text",
                                                     "text", string_of(&draft->text), "annotations",
                                                     annotations, "logprobs"))) {
            json_decref(annotations);
            return CLO_ENOMEMORY;
        }
    json_decref(annotations);
    if (draft->refusal.length)
        return json_array_append_new(content, json_pack("{s:s, s:o}", "type", "refusal", "refusal",
                                                        string_of(&draft->refusal)))
                   ? CLO_ENOMEMORY
                   : 0;
    return 0;
}

static int fill(struct clo_draft *draft, bool complete)
{
    json_t *open = draft->open;
    int bad = 0;
    if (clo_doc_is(open, "type", "reasoning")) {
        if (draft->text.length)
            bad |= json_array_append_new(
                json_object_get(open, "summary"),
                json_pack("{s:s, s:o}", "type", "summary_text", "text", string_of(&draft->text)));
        return bad ? CLO_ENOMEMORY : 0;
    }
    bad |= json_object_set_new(open, "status", json_string(complete ? "completed" : "incomplete"));
    if (clo_doc_is(open, "type", "function_call"))
        bad |= json_object_set_new(open, "arguments", string_of(&draft->text));
    else
        bad |= fill_message(draft);
    return bad ? CLO_ENOMEMORY : 0;
}

void clo_draft_close(struct clo_draft *draft, bool complete)
{
    if (!draft->open)
        return;
    note(draft, fill(draft, complete));
    json_t *done = draft->open;
    draft->open = NULL;
    tell(draft, &(struct clo_item_event){.kind = CLO_ITEM_DONE, .item = done});
    if (json_array_append_new(draft->output, done))
        note(draft, CLO_ENOMEMORY);
}

bool clo_draft_open_as(struct clo_draft *draft, const json_t *item)
{
    const char *id = clo_doc_text(item, "id");
    if (clo_doc_is(item, "type", "message")) {
        clo_draft_message(draft, id);
    } else if (clo_doc_is(item, "type", "reasoning")) {
        clo_draft_reasoning(draft, id);
    } else if (clo_doc_is(item, "type", "function_call")) {
        const char *call_id = clo_doc_text(item, "call_id"), *name = clo_doc_text(item, "name");
        clo_draft_call(draft, id,
                       call_id && *call_id ? call_id
                       : id                ? id
                                           : "call",
                       name ? name : "");
    } else {
        return false;
    }
    return draft->open != NULL;
}

/* What `whole` has beyond what was told already. Where the two differ, what was told stays. */
static void add_rest(struct clo_draft *draft, enum clo_item_event_kind kind,
                     const struct clo_buffer *told, const char *whole, size_t length)
{
    if (length > told->length && (!told->length || memcmp(whole, told->data, told->length) == 0))
        clo_draft_add(draft, kind, whole + told->length, length - told->length);
}

/* Join the texts named `member` of the parts that have the type, with `between` them. */
static void join(struct clo_buffer *out, const json_t *parts, const char *type, const char *member,
                 const char *between)
{
    size_t index;
    const json_t *part;
    json_array_foreach(parts, index, part) {
        const json_t *text = json_object_get(part, member);
        if (!clo_doc_is(part, "type", type) || !json_is_string(text))
            continue;
        if (out->length)
            clo_buffer_text(out, between);
        clo_buffer_append(out, json_string_value(text), json_string_length(text));
    }
}

static void rest_of(struct clo_draft *draft, const json_t *item, enum clo_item_event_kind kind)
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
        note(draft, CLO_ENOMEMORY);
    else if (whole.length)
        add_rest(draft, kind, kind == CLO_ITEM_REFUSAL ? &draft->refusal : &draft->text, whole.data,
                 whole.length);
    clo_buffer_free(&whole);
}

static void keep_extras(struct clo_draft *draft, const json_t *item)
{
    json_t *hidden = json_object_get(item, "encrypted_content");
    if (clo_doc_is(draft->open, "type", "reasoning") && json_is_string(hidden))
        note(draft, json_object_set(draft->open, "encrypted_content", hidden) ? CLO_ENOMEMORY : 0);
    json_t *annotations =
        json_object_get(json_array_get(json_object_get(item, "content"), 0), "annotations");
    if (clo_doc_is(draft->open, "type", "message") && json_is_array(annotations))
        note(draft, json_object_set(draft->open, "annotations", annotations) ? CLO_ENOMEMORY : 0);
}

void clo_draft_finish_as(struct clo_draft *draft, const json_t *item)
{
    if (!draft->open)
        return;
    for (int kind = CLO_ITEM_TEXT; kind <= CLO_ITEM_REASONING; kind++)
        if (suits(draft->open, (enum clo_item_event_kind)kind))
            rest_of(draft, item, (enum clo_item_event_kind)kind);
    keep_extras(draft, item);
    clo_draft_close(draft, !clo_doc_is(item, "status", "incomplete"));
}

/* model/protocol/item_builder.h - output items put together from pieces, and told to a sink as they
 * grow.
 *
 * At most one item is open. What comes out is the one form that the rest of cloche knows, whatever
 * the server sent:
 *
 *   message        {type, id?, role: "assistant", status, content: [{type: "output_text", text,
 *                   annotations, logprobs}, {type: "refusal", refusal}]}, each part at most once
 *   function_call  {type, id?, call_id, name, arguments, status}
 *   reasoning      {type, id?, summary: [{type: "summary_text", text}], encrypted_content?}
 *   of hosted tools (hosted_tool.h)  as the server has it; status "failed" where the reply broke off
 *
 * The text of a finished item is exactly what was told in deltas. Failures stick: look at `status`
 * at the end (CLO_ENOMEMORY, CLO_ELIMIT).
 */
#ifndef CLO_MODEL_PROTOCOL_ITEM_BUILDER_H
#define CLO_MODEL_PROTOCOL_ITEM_BUILDER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "model/model.h"

#define CLO_MODEL_ITEMS_MAX 512 /* in one reply */

struct clo_item_builder {
    const struct clo_item_sink *sink;
    json_t *output;                  /* the finished items */
    json_t *open;                    /* without its content; NULL: none */
    struct clo_buffer text, refusal; /* text: of a message, the arguments, the summary */
    int status;
};

void clo_item_builder_start(struct clo_item_builder *builder, const struct clo_item_sink *sink);
void clo_item_builder_clear(struct clo_item_builder *builder);

/* Open an item; the one before is closed. `id` may be NULL. */
void clo_item_builder_message(struct clo_item_builder *builder, const char *id);
void clo_item_builder_call(struct clo_item_builder *builder, const char *id, const char *call_id,
                           const char *name);
void clo_item_builder_reasoning(struct clo_item_builder *builder, const char *id);

/* A piece for the open item; the kind must suit it, otherwise the piece is dropped. */
void clo_item_builder_add(struct clo_item_builder *builder, enum clo_item_event_kind kind,
                          const char *piece, size_t length);

/* What has gone wrong, if anything; there is then no use in reading on. CLO_ENOMEMORY,
 * CLO_ELIMIT. */
int clo_item_builder_check(const struct clo_item_builder *builder, struct clo_error *error);

/* Close the open item, if any. `complete` false: the reply broke off in it. */
void clo_item_builder_close(struct clo_item_builder *builder, bool complete);

/* From a server's own whole item: open one (false: a type that is none of ours), and finish the
 * open one with what was not told in deltas. */
bool clo_item_builder_open_as(struct clo_item_builder *builder, const json_t *item);
void clo_item_builder_finish_as(struct clo_item_builder *builder, const json_t *item);

#endif

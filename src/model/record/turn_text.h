/* model/record/turn_text.h - one turn as text of a script (docs/models.md). */
#ifndef CLO_MODEL_RECORD_TURN_TEXT_H
#define CLO_MODEL_RECORD_TURN_TEXT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "model/record/record.h"

/* Append the turn as an item of the list `turns`, and comments on what a script cannot say; *plays: there is
 * more than comments. CLO_ENOMEMORY; CLO_ELIMIT: larger than the buffer, or a message than a script
 * reads. */
int clo_turn_text(struct clo_buffer *out, const struct clo_recorded_turn *turn, const char *key,
                  bool *plays);

#endif

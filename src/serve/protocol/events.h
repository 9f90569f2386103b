/* serve/protocol/events.h - what happens to a response, as the protocol's stream of events.
 *
 * Takes the agent's item events in and writes events out, in this order and with sequence numbers
 * from 0 without gaps:
 *
 *     created [queued] in_progress ( output_item.added … output_item.done )* terminal
 *
 * An item that is open when the response ends is closed first. Used by one thread at a time. The
 * writer gets each event whole: "event: TYPE\ndata: JSON\n\n". A failing write is remembered, and
 * later events are then not written.
 */
#ifndef CLO_SERVE_PROTOCOL_EVENTS_H
#define CLO_SERVE_PROTOCOL_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/model.h"
#include "serve/protocol/problem.h"

#define CLO_EVENTS_TEXT_MAX (32u << 20) /* bytes of one part that is put together from deltas */

struct clo_events {
    /* Returns 0, or negative to stop. `text` is borrowed. */
    int (*write)(void *context, uint64_t sequence, const char *text, size_t length);
    void *context;
    uint64_t sequence;      /* of the next event */
    size_t output_index;    /* of the open or next item */
    json_t *item;           /* the open item as announced; NULL: none open */
    char id[300];           /* its id */
    const char *part;       /* type of its open part: output_text, refusal, summary_text; NULL */
    size_t part_index;      /* content_index or summary_index of the open or next part */
    struct clo_buffer text; /* of the open part or of the call's arguments, from deltas */
    bool arguments_done;    /* of the open call */
    bool failed;
};

void clo_events_init(struct clo_events *events,
                     int (*write)(void *, uint64_t, const char *, size_t), void *context);
void clo_events_clear(struct clo_events *events);

/* `kind` is "created", "queued", "in_progress", or a terminal one: "completed", "failed",
 * "incomplete". The response is borrowed. */
void clo_events_response(struct clo_events *events, const char *kind, const json_t *response);

/* For struct clo_item_sink: `context` is the struct clo_events. */
void clo_events_item(void *context, const struct clo_item_event *event);

/* Close what a broken-off turn left open, as incomplete. */
void clo_events_close(struct clo_events *events);

/* The text of an `error` event in both shapes the protocols know; the caller frees it. */
char *clo_events_error(uint64_t sequence, const struct clo_problem *problem);

#endif

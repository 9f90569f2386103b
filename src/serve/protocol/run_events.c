/* run_events.c - see run_events.h. */
#include "serve/protocol/run_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "serve/protocol/events.h"

#define PIECE_MAX (16u << 10) /* bytes that are put together in one event */

struct clo_run_piece {
    STAILQ_ENTRY(clo_run_piece) entry;
    enum clo_stream stream;
    size_t length;
    char data[PIECE_MAX];
};

/* "event: TYPE\ndata: JSON\n\n"; the object is stolen. NULL: no memory. */
static char *frame(struct clo_run_events *events, const char *type, json_t *data)
{
    struct clo_buffer text = CLO_BUFFER(SIZE_MAX);
    json_t *object =
        json_pack("{s:s, s:I}", "type", type, "sequence_number", (json_int_t)events->sequence);
    if (object && data && json_object_update(object, data)) {
        json_decref(object);
        object = NULL;
    }
    char *json = object && data ? clo_json_dump(object, JSON_COMPACT) : NULL;
    json_decref(object);
    json_decref(data);
    if (json) {
        clo_buffer_text(&text, "event: ");
        clo_buffer_text(&text, type);
        clo_buffer_text(&text, "\ndata: ");
        clo_buffer_text(&text, json);
        clo_buffer_text(&text, "\n\n");
    }
    free(json);
    if (!json || text.failed) {
        clo_buffer_free(&text);
        return NULL;
    }
    events->sequence++;
    return text.data;
}

/* Memory was short: what is queued is not all, and the client is told so in its place. */
static void give_up(struct clo_run_events *events)
{
    clo_problem_internal(&events->problem);
}

static bool has_failed(const struct clo_run_events *events)
{
    return events->problem.status != 0;
}

void clo_run_events_start(struct clo_run_events *events, const char *id, int64_t created)
{
    *events = (struct clo_run_events){0};
    STAILQ_INIT(&events->pieces);
    events->first = frame(events, "run.created",
                          json_pack("{s:{s:s, s:s, s:I}}", "run", "id", id, "object", "run",
                                    "created_at", (json_int_t)created));
    if (!events->first)
        give_up(events);
}

static void drop_piece(struct clo_run_events *events)
{
    struct clo_run_piece *piece = STAILQ_FIRST(&events->pieces);
    STAILQ_REMOVE_HEAD(&events->pieces, entry);
    if (STAILQ_EMPTY(&events->pieces))
        events->last = NULL;
    free(piece);
}

void clo_run_events_clear(struct clo_run_events *events)
{
    while (!STAILQ_EMPTY(&events->pieces))
        drop_piece(events);
    free(events->first);
    json_decref(events->run);
    events->first = NULL;
    events->run = NULL;
}

void clo_run_events_output(struct clo_run_events *events, enum clo_stream stream, const char *data,
                           size_t length)
{
    while (length && !has_failed(events)) {
        struct clo_run_piece *last = events->last;
        if (!last || last->stream != stream || last->length == PIECE_MAX) {
            last = malloc(sizeof *last);
            if (!last) {
                give_up(events);
                return;
            }
            last->stream = stream;
            last->length = 0;
            STAILQ_INSERT_TAIL(&events->pieces, last, entry);
            events->last = last;
        }
        size_t part = PIECE_MAX - last->length;
        part = part < length ? part : length;
        memcpy(last->data + last->length, data, part);
        last->length += part;
        data += part;
        length -= part;
    }
}

void clo_run_events_complete(struct clo_run_events *events, json_t *run)
{
    events->over = true;
    events->run = run;
    if (!run)
        give_up(events);
}

void clo_run_events_fail(struct clo_run_events *events, const struct clo_problem *problem)
{
    events->over = true;
    if (!has_failed(events))
        events->problem = *problem;
}

/* An event of what was begun before and `data`, without the character that is cut at its end, unless
 * that is the `end`. NULL: nothing is left of it, or no memory. */
static char *say(struct clo_run_events *events, enum clo_stream stream, const char *data,
                 size_t length, bool end)
{
    struct clo_buffer whole = CLO_BUFFER(SIZE_MAX), text = CLO_BUFFER(SIZE_MAX);
    char *begun = events->begun[stream - CLO_STDOUT], *event = NULL;
    size_t *begun_length = &events->begun_length[stream - CLO_STDOUT];
    clo_buffer_append(&whole, begun, *begun_length);
    clo_buffer_append(&whole, data, length);
    if (!whole.failed) {
        size_t kept = end ? 0 : clo_utf8_begun(whole.data, whole.length);
        size_t said = whole.length - kept;
        memcpy(begun, whole.data + said, kept);
        *begun_length = kept;
        if (said && !clo_text_mend(&text, whole.data, said))
            event =
                frame(events, "run.output",
                      json_pack("{s:s, s:s%}", "stream", stream == CLO_STDOUT ? "stdout" : "stderr",
                                "text", text.data, text.length));
        if (said && !event)
            give_up(events);
    } else {
        give_up(events);
    }
    clo_buffer_free(&whole);
    clo_buffer_free(&text);
    return event;
}

static char *next_output(struct clo_run_events *events)
{
    char *event = NULL;
    while (!event && !has_failed(events) && !STAILQ_EMPTY(&events->pieces)) {
        const struct clo_run_piece *piece = STAILQ_FIRST(&events->pieces);
        event = say(events, piece->stream, piece->data, piece->length, false);
        drop_piece(events);
    }
    for (int i = 0; i < 2 && !event && !has_failed(events) && events->over; i++)
        if (events->begun_length[i])
            event = say(events, CLO_STDOUT + i, "", 0, true);
    return event;
}

char *clo_run_events_next(struct clo_run_events *events, bool *over)
{
    char *event = events->first;
    *over = false;
    if (event) {
        events->first = NULL;
        return event;
    }
    event = next_output(events);
    if (event)
        return event;
    if (!events->over && !has_failed(events))
        return NULL;
    *over = events->sent;
    if (events->sent)
        return NULL;
    events->sent = true;
    if (!has_failed(events)) {
        json_t *run = events->run;
        events->run = NULL;
        event = frame(events, "run.completed", run ? json_pack("{s:o}", "run", run) : NULL);
        if (event)
            return event;
        give_up(events);
    }
    event = clo_events_error(events->sequence, &events->problem);
    *over = !event;
    return event;
}

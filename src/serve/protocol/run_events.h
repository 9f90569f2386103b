/* serve/protocol/run_events.h - what a run prints, on its way into a stream of events.
 *
 *   on_output ──▶ [ pieces, each of one stream ] ──▶ clo_run_events_next, a piece an event
 *
 *     run.created  run.output…  run.completed | error
 *
 * Sequence numbers count from 0. Bytes become text as they come: a character that is cut by the end of
 * a piece waits for its rest, and what is no UTF-8 is U+FFFD. Used by one thread at a time (its owner
 * locks). What is queued is at most what was put in.
 */
#ifndef CLO_SERVE_PROTOCOL_RUN_EVENTS_H
#define CLO_SERVE_PROTOCOL_RUN_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cloche/sandbox.h"
#include "serve/protocol/problem.h"

struct clo_run_piece;

struct clo_run_events {
    STAILQ_HEAD(, clo_run_piece) pieces;
    struct clo_run_piece *last; /* of them; NULL: there are none */
    char begun[2][4];           /* of stdout and stderr: of a character whose rest is to come */
    size_t begun_length[2];
    uint64_t sequence;
    char *first;                /* the event before the output; NULL: it is gone */
    json_t *run;                /* what comes behind it, in the last event */
    struct clo_problem problem; /* or this: a status other than 0 */
    bool over;                  /* nothing more is put in */
    bool sent;                  /* the last event was taken */
};

void clo_run_events_start(struct clo_run_events *events, const char *id, int64_t created);
void clo_run_events_clear(struct clo_run_events *events);

void clo_run_events_output(struct clo_run_events *events, enum clo_stream stream, const char *data,
                           size_t length);

/* The end: the run as its client gets it (stolen; NULL: no memory), or why there was none. */
void clo_run_events_complete(struct clo_run_events *events, json_t *run);
void clo_run_events_fail(struct clo_run_events *events, const struct clo_problem *problem);

/* The next event, the caller's; NULL: there is none now. *over: nor will there be. */
char *clo_run_events_next(struct clo_run_events *events, bool *over);

#endif

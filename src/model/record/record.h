/* model/record/record.h - what a model says, turn by turn, as a script that model/script plays back. Read
 * this first.
 *
 *   a turn's input and output ─▶ turn_text.c ─┬▶ secrets.c    credentials out
 *                                             └▶ yaml_text.c  the rest as YAML
 *                     the file ◀─ record.c ◀──┘
 *
 * What is always true
 * - With its first turn the file is a script, and stays one: a turn is appended whole, by one write, or not
 *   at all. It never becomes larger than a script may be, nor has more turns.
 * - A turn is played back where the same message of the user stands at the same position of a
 *   conversation. What a script has no words for becomes a comment, and the turn ends before it.
 * - No text reaches the file but through secrets.c.
 * - One process records into a file at a time (flock); within it any thread may.
 */
#ifndef CLO_MODEL_RECORD_RECORD_H
#define CLO_MODEL_RECORD_RECORD_H

#include <jansson.h>

#include "cloche/error.h"

struct clo_recording;

struct clo_recorded_turn {
    const json_t *input;  /* array of items: what the model was asked, with the history before it */
    const json_t *output; /* array of items: its replies, with the results of calls between them */
    const char *ended;    /* why it did not end by itself, for people; NULL: it did */
    const char *tool;     /* the name of the function that runs code */
};

/* Look without making anything: the path could be recorded to. It is not there yet, in a folder that is;
 * or it is a recording to go on with; and it is not `script` (the path of what is played; NULL: nothing).
 * CLO_EINVALID, CLO_ENOTFOUND, CLO_ESYSTEM. */
int clo_recording_check(const char *path, const char *script, struct clo_error *error);

/* Made where it is not there, for its owner alone (0600). `key`: a credential besides those of the
 * environment; NULL: none. As clo_recording_check; CLO_EBUSY: another process records there;
 * CLO_ENOMEMORY. */
int clo_recording_open(struct clo_recording **recording, const char *path, const char *script,
                       const char *key, struct clo_error *error);
void clo_recording_close(struct clo_recording *recording);

const char *clo_recording_path(const struct clo_recording *recording);

/* Append a turn. CLO_ELIMIT: it does not fit any more; that is told once, and from then on 0 is returned
 * and nothing recorded. CLO_ESYSTEM, CLO_ENOMEMORY: this turn is missing. Messages are for the operator. */
int clo_recording_turn(struct clo_recording *recording, const struct clo_recorded_turn *turn,
                       struct clo_error *error);

#endif

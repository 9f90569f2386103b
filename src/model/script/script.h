/* model/script/script.h - the offline model: turns from a YAML file (docs/models.md), or, where
 * none fits, the Python block of the user's message.
 *
 * It keeps no state: which step of a turn is due follows from how many results of execute_code
 * stand behind the last message of the user. The same history always gives the same reply.
 */
#ifndef CLO_MODEL_SCRIPT_SCRIPT_H
#define CLO_MODEL_SCRIPT_SCRIPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cloche/error.h"

#define CLO_SCRIPT_TURNS_MAX 1024
#define CLO_SCRIPT_STEPS_MAX 32         /* of one turn: `then` within `then` */
#define CLO_SCRIPT_CALLS_MAX 64         /* of one step */
#define CLO_SCRIPT_MESSAGE_MAX 1000000u /* the position of a message in its conversation */
#define CLO_SCRIPT_TEXT_MAX (16u << 20) /* bytes of a message */

struct clo_script;

/* One step: what is said, then what is run, each piece by a call of its own, all at once; `next` is due
 * once the outputs are there. */
struct clo_script_step {
    const char *say;    /* NULL: nothing */
    bool literal;       /* {stdout} and the like in it stand for themselves */
    const char **codes; /* NULL: this step is the last */
    size_t code_count;
    const struct clo_script_step *next;
};

/* `path` NULL: no turns. CLO_ENOTFOUND, CLO_EINVALID (file, line and what is wrong). */
int clo_script_open(struct clo_script **out, const char *path, struct clo_error *error);
void clo_script_close(struct clo_script *script);

/* The first step of the first turn that fits the text, which is the conversation's `message`-th of the
 * user; NULL: none. CLO_ENOMEMORY. Thread-safe. */
int clo_script_find(const struct clo_script *script, const char *text, size_t length,
                    size_t message, const struct clo_script_step **step);

/* Whether an item of the history is a message of the user, and the text by which turns are matched with
 * it: the parts that are text, with a line break between two. `text` is emptied first. */
bool clo_script_is_users(const json_t *item);
void clo_script_message(struct clo_buffer *text, const json_t *item);

unsigned clo_script_delay(const struct clo_script *script); /* ms between two deltas */

#endif

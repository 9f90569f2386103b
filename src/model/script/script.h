/* model/script/script.h - the offline model: turns from a YAML file (docs/models.md), or, where
 * none fits, the Python block of the user's message.
 *
 * It keeps no state: which step of a turn is due follows from how many results of execute_code
 * stand behind the last message of the user. The same history always gives the same reply.
 */
#ifndef CLO_MODEL_SCRIPT_SCRIPT_H
#define CLO_MODEL_SCRIPT_SCRIPT_H

#include <stddef.h>

#include "cloche/error.h"

#define CLO_SCRIPT_TURNS_MAX 1024
#define CLO_SCRIPT_STEPS_MAX 32 /* of one turn: `then` within `then` */

struct clo_script;

/* One step: what is said, then what is run; `next` is due once its output is there. */
struct clo_script_step {
    const char *say;  /* NULL: nothing */
    const char *code; /* NULL: this step is the last */
    const struct clo_script_step *next;
};

/* `path` NULL: no turns. CLO_ENOTFOUND, CLO_EINVALID (file, line and what is wrong). */
int clo_script_open(struct clo_script **out, const char *path, struct clo_error *error);
void clo_script_close(struct clo_script *script);

/* The first step of the first turn that fits the text; NULL: none. CLO_ENOMEMORY. Thread-safe. */
int clo_script_find(const struct clo_script *script, const char *text, size_t length,
                    const struct clo_script_step **step);

unsigned clo_script_delay(const struct clo_script *script); /* ms between two deltas */

#endif

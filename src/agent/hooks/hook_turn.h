/* agent/hooks/hook_turn.h - a turn as its hooks see it; for the files of this room alone. */
#ifndef CLO_AGENT_HOOKS_HOOK_TURN_H
#define CLO_AGENT_HOOKS_HOOK_TURN_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/hooks/hooks.h"
#include "base/buffer.h"

struct clo_hooks_of {
    size_t count;
    struct clo_hooks all[];
};

struct clo_hook_value {
    const void *key;
    void *value;
    void (*release)(void *value);
};

struct clo_hook_turn {
    atomic_uint references;
    const struct clo_hooks_of *hooks;
    char *response, *conversation, *session, *user;
    size_t begun; /* hooks whose before_run has returned 0 */

    const json_t *items;    /* the turn's input while hooks may look at it, else NULL */
    struct clo_value input; /* the same, once somebody has looked; else null */

    bool open;               /* before_run is in progress: something may be added */
    struct clo_value chosen; /* instructions in place of the agent's, or null */
    struct clo_buffer more;  /* instructions */
    json_t *messages;
    size_t bytes;           /* of both */
    struct clo_tool *tools; /* with copies of their strings */
    size_t tool_count;
    struct clo_run_tools *run_tools; /* a reference; NULL: none are needed, or the turn is over */

    pthread_mutex_t lock;
    struct clo_cancel *cancel; /* under the lock; good until over */
    bool over;
    struct clo_hook_value values[CLO_HOOK_VALUES_MAX];
    size_t value_count;
};

/* NULL: out of memory. */
struct clo_hook_turn *clo_hook_turn_create(const struct clo_hooks_of *hooks,
                                           const struct clo_turn *about);
void clo_hook_turn_retain(struct clo_hook_turn *turn);
void clo_hook_turn_release(struct clo_hook_turn *turn);

/* Items of the protocol as a value. CLO_ENOMEMORY, CLO_ELIMIT. */
int clo_hook_items(struct clo_value *value, const json_t *items, struct clo_error *error);

#endif

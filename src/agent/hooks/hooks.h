/* agent/hooks/hooks.h - the functions of cloche/hooks.h, called. Read this first.
 *
 *   clo_hooks_begin ─▶ instructions, before_run of each ─▶ what they added, for the loop to take
 *   clo_hooks_tools ─▶ for each run of code: more tools, and what stands around calls of tools
 *   clo_hooks_around ▶ the same, around a run of code itself
 *   clo_hooks_end   ─▶ after_run of each that has begun
 *
 * What is always true
 * - A struct clo_hook_turn is counted: the turn has a reference until it ends, and so has every
 *   call of a tool that may outlast it. Tools and functions of the turn are reached by the latter
 *   alone.
 * - Before the turn's loop and after it, its thread alone has it. In between, on any thread,
 *   nothing of it changes but what the lock guards: whether it is over, and the values of the
 *   hooks.
 * - The lock is held while no hook is called.
 */
#ifndef CLO_AGENT_HOOKS_HOOKS_H
#define CLO_AGENT_HOOKS_HOOKS_H

#include <jansson.h>

#include "agent/agent.h"
#include "cloche/hooks.h"
#include "sandbox/tool/run_tools.h"

struct clo_hooks_of; /* an agent's: its hooks, copied */

int clo_hooks_copy(struct clo_hooks_of **copy, const struct clo_hooks *hooks, size_t count,
                   struct clo_error *error);
void clo_hooks_free(struct clo_hooks_of *hooks);               /* NULL is allowed */
bool clo_hooks_add_tools(const struct clo_hooks_of *hooks);    /* may any? NULL: no */
bool clo_hooks_stand_around(const struct clo_hooks_of *hooks); /* likewise */

/* A turn, and its instructions and before_run. `hooks` NULL: none, and *turn is NULL, which all of
 * the following take. A negative status is a hook's own, its message fit for clients, or
 * CLO_ENOMEMORY; *turn is to be ended in any case. */
int clo_hooks_begin(struct clo_hook_turn **turn, const struct clo_hooks_of *hooks,
                    const struct clo_turn *about, struct clo_error *error);

/* What the hooks said; borrowed; NULL: nothing. */
const char *clo_hooks_instructions(const struct clo_hook_turn *turn); /* in place of the agent's */
const char *clo_hooks_more_instructions(const struct clo_hook_turn *turn); /* behind them */
const json_t *clo_hooks_messages(const struct clo_hook_turn *turn);        /* an array */
const struct clo_tool *clo_hooks_more_tools(const struct clo_hook_turn *turn, size_t *count);

/* For struct clo_run; borrowed. NULL: there is nothing to add. */
struct clo_run_tools *clo_hooks_tools(const struct clo_hook_turn *turn);

/* Let `step` pass what stands around it, which may be nothing. */
int clo_hooks_around(struct clo_hook_turn *turn, struct clo_tool_step *step,
                     const struct clo_value *arguments, struct clo_value *result,
                     struct clo_error *error);

/* after_run, and the end of the turn's reference. `result` NULL: there was no turn (a run of a
 * client's code), and none is called. `text`: of the answer. A negative status is the first failure
 * of a hook. */
int clo_hooks_end(struct clo_hook_turn *turn, const struct clo_turn_result *result,
                  const char *text, struct clo_error *error);

#endif

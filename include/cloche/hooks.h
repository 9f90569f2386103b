/* cloche/hooks.h - functions of yours that an agent calls: for its instructions, before and after
 * each turn, and around each call of a tool.
 *
 *   before_run 0, 1 … ─▶ model ─▶ execute_code ─▶ model … ─▶ after_run … 1, 0
 *                                   │ around_tool 0 ( 1 ( the run of code ) )
 *                                   └─▶ call_tool: around_tool 0 ( 1 ( the tool ) )
 *
 * Threads. One turn's instructions, before_run and after_run are called on one thread, one after
 * another; those of different turns at the same time on many. around_tool is called on the thread
 * on which its tool would be, several at once, also within one turn.
 *
 * Time. A turn waits for its hooks as long as they take: one that may take long asks
 * clo_hook_turn_cancelled now and then, which is true once the turn is to end.
 *
 * Failure. A hook that returns a negative status fails the turn, but for after_run and around_tool.
 * Its message is shown to the client, its hint and the status to the operator's log alone.
 *
 * Ownership. `context` is kept, and must outlive the agent. What a hook adds is copied. What it is
 * given is borrowed, and good until it returns; a struct clo_hook_turn is the turn's, the same in
 * all its hooks.
 */
#ifndef CLOCHE_HOOKS_H
#define CLOCHE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/error.h"
#include "cloche/tool.h"
#include "cloche/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLO_HOOKS_MAX 16              /* of one agent */
#define CLO_HOOK_MESSAGES_MAX 256     /* added to one turn */
#define CLO_HOOK_TEXT_MAX (1u << 20)  /* bytes of one message or of one piece of instructions */
#define CLO_HOOK_BYTES_MAX (8u << 20) /* of all messages and instructions added to one turn */
#define CLO_HOOK_VALUES_MAX 64        /* clo_hook_turn_set: keys */

struct clo_hook_turn;

enum clo_hook_status {
    CLO_HOOK_COMPLETED,
    CLO_HOOK_INCOMPLETE, /* a limit ended it: `incomplete` says which */
    CLO_HOOK_FAILED,
    CLO_HOOK_CANCELLED,
};

/* What came of a turn. */
struct clo_hook_answer {
    enum clo_hook_status status;
    const char
        *text; /* of the messages behind the last result of a call; "" where there are none */
    const struct clo_value *output; /* a list: the items of the Responses protocol, in order */
    const char *model;              /* which model answered, as its server calls it */
    const char *incomplete;         /* "max_output_tokens" …; else NULL */
    const char *error_code, *error_message; /* CLO_HOOK_FAILED; else NULL */
    uint64_t input_tokens, output_tokens;   /* of all model calls of the turn */
};

/* Each may be NULL. */
struct clo_hooks {
    /* The agent's instructions for this turn, in the place of those of its configuration: set
     * `text`, a null on entry, to a text; left as null the others hold. Of several hooks the last
     * counts that set it. */
    int (*instructions)(void *context, struct clo_hook_turn *turn, struct clo_value *text,
                        struct clo_error *error);
    /* Before the model's first call: clo_hook_add_… may be called here, and here alone. */
    int (*before_run)(void *context, struct clo_hook_turn *turn, struct clo_error *error);
    /* Around a run of code that the model calls for, and around each tool that the code calls.
     * Reach what is behind it by clo_tool_go_on, or put another answer into `result`, or return a
     * negative status: its message is what the model reads, or what ToolError says in the code, and
     * the turn goes on. Code that a client runs by POST /runs passes here, too; its turn has no id
     * and no input. May be called when the turn is over, for a call that nobody waited for. */
    int (*around_tool)(void *context, struct clo_hook_turn *turn, struct clo_tool_step *step,
                       const struct clo_value *arguments, struct clo_value *result,
                       struct clo_error *error);
    /* When the turn is over, whatever ended it, once for each before_run that returned 0 (or is
     * NULL), the last one first. The answer stands: a failure goes to the operator's log. */
    int (*after_run)(void *context, struct clo_hook_turn *turn,
                     const struct clo_hook_answer *answer, struct clo_error *error);
    void *context;
};

/* ---- what a turn is about; any thread, as long as the turn may be used ---- */

/* The response's id; "" where it has none: clo_agent_ask, POST /runs. */
CLO_API const char *clo_hook_turn_response(const struct clo_hook_turn *turn);
/* Whose turn it is, in the client's own words (conversation, agent_session_id, safety_identifier or
 * else user): nobody has checked them. "" where the request does not say. Where a platform hosts the
 * server (clo_serve_config.hosted) the session is its container's, if it has one, and the user is the
 * platform's word alone: the SHA-256 of x-agent-user-id, 64 hexadecimal digits, or "". */
CLO_API const char *clo_hook_turn_conversation(const struct clo_hook_turn *turn);
CLO_API const char *clo_hook_turn_session(const struct clo_hook_turn *turn);
CLO_API const char *clo_hook_turn_user(const struct clo_hook_turn *turn);

/* What the model is to answer: a list of items of the Responses protocol, history first. NULL in
 * around_tool, and where there is no memory for it. */
CLO_API const struct clo_value *clo_hook_turn_input(struct clo_hook_turn *turn);

/* The client has gone, has cancelled, or the turn is over. */
CLO_API bool clo_hook_turn_cancelled(const struct clo_hook_turn *turn);

/* Something of yours that lasts as long as the turn may be used; `key` is any address of your own,
 * such as that of a static variable. `release`, which may be NULL, is called once, on any thread,
 * in the end or when another value takes its place. CLO_ELIMIT, CLO_ENOMEMORY: it was not, and
 * `value` is still the caller's. */
CLO_API CLO_MUST_USE int clo_hook_turn_set(struct clo_hook_turn *turn, const void *key, void *value,
                                           void (*release)(void *value), struct clo_error *error);
CLO_API void *clo_hook_turn_get(const struct clo_hook_turn *turn, const void *key); /* or NULL */

/* ---- in before_run; CLO_EINVALID: what is wrong; CLO_ELIMIT: which ceiling; CLO_ENOMEMORY ---- */

/* Behind the agent's instructions and before those of the request. */
CLO_API CLO_MUST_USE int clo_hook_add_instructions(struct clo_hook_turn *turn, const char *text,
                                                   struct clo_error *error);

/* In front of the user's last message, in the order of the calls, for this turn alone: it is
 * neither stored nor shown to the client. `role`: "user", "assistant", "system" or "developer". */
CLO_API CLO_MUST_USE int clo_hook_add_message(struct clo_hook_turn *turn, const char *role,
                                              const char *text, struct clo_error *error);

/* Tools that the code reaches in this turn, besides the agent's. Their contexts must last as long
 * as the turn may be used (clo_hook_turn_set). */
CLO_API CLO_MUST_USE int clo_hook_add_tools(struct clo_hook_turn *turn,
                                            const struct clo_tool *tools, size_t count,
                                            struct clo_error *error);

#ifdef __cplusplus
}
#endif

#endif

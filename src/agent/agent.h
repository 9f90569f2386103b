/* agent/agent.h - the loop: model, execute_code, model …, until there is an answer.
 *
 * A turn is one request's work: it blocks the calling thread and keeps no state in the agent. The
 * caller owns the history and passes it whole in `input`. A turn that waits for a model holds no
 * micro-VM. Whatever happens, result->output is a list of items that is valid as later input: every
 * function_call in it that the agent made has its function_call_output. Of a run that failed, or
 * was not carried out, that has a member of our own, "failed": true, which no model or client is
 * shown.
 */
#ifndef CLO_AGENT_AGENT_H
#define CLO_AGENT_AGENT_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "base/yaml/findings.h"
#include "cloche/agent.h"
#include "model/model.h"

/* Files of a conversation, besides what the agent itself mounts; NULL: there are none.
 * - mounts: before each batch of runs, on the turn's thread: what they find; good until the next call.
 * - keep: a run has left files, which the result has; on the run's thread, maybe several at once. What
 *   is returned (an array, or NULL) becomes the member "artifacts" of the run's function_call_output, of
 *   our own like "failed". *told: lines for the model below the run's output, or NULL; the caller frees.
 * - announce: on the turn's thread: [{"file_id", "path"}] of files that no message has named yet, the
 *   caller's; NULL: there are none. They become annotations of the message in hand. */
struct clo_turn_files {
    const struct clo_mount *(*mounts)(void *context, size_t *count);
    json_t *(*keep)(void *context, const struct clo_run_result *result, char **told);
    json_t *(*announce)(void *context);
    void *context;
};

#define CLO_TURN_ANEW_MAX 256 /* bytes */

/* A session, whose state lasts from run to run. `run` carries one out as clo_agent_run does, with the
 * state of the one before; NULL: there is no session, and each run is clean. Runs of a turn with a session
 * are carried out one after another, in the order of their calls. *anew, of CLO_TURN_ANEW_MAX bytes: why
 * this one began without the state that there was; "": it did not. */
struct clo_turn_session {
    int (*run)(void *context, const struct clo_run *run, struct clo_run_result **result, char *anew,
               struct clo_error *error);
    void *context;
};

/* What hooks may know of a turn (cloche/hooks.h); each may be NULL. */
struct clo_turn_about {
    const char *response, *conversation, *session, *user;
};

struct clo_turn {
    struct clo_turn_about about;
    const json_t *input;        /* array of items: history, then what is new */
    const char *instructions;   /* of the request, added to the agent's; or NULL */
    const json_t *options;      /* see struct clo_model_request; or NULL */
    const json_t *client_tools; /* the client's own function tools; calls to them end the turn and
                                   go back to the client; and hosted ones (model/hosted_tool.h),
                                   which are the model's; array or NULL */
    unsigned max_tool_calls;    /* 0: no limit */
    const char *traceparent;    /* see struct clo_model_request */
    struct clo_turn_files files;
    struct clo_turn_session session;
    struct clo_item_sink sink; /* every item as it happens: ids set, function_call_output too */
    struct clo_cancel *cancel;
};

enum clo_turn_status {
    CLO_TURN_COMPLETED,
    CLO_TURN_INCOMPLETE,
    CLO_TURN_FAILED,
    CLO_TURN_CANCELLED
};

struct clo_turn_result {
    enum clo_turn_status status;
    json_t *output;                /* array of items, in order; owned by the result */
    struct clo_usage_tokens usage; /* summed over the model calls */
    const char *incomplete;        /* static; INCOMPLETE */
    char error_code[40];           /* FAILED: of the protocol, see model/error_code.h */
    char error_message[512];       /* FAILED: fit for a client; no internals of the host */
    char model[128];
    const char
        *service_tier; /* static: what the model's server said of the last call; NULL: nothing */
    const char *isolation; /* static: the wall around the code that ran; NULL: none ran */
    char notice
        [CLO_MODEL_NOTICE_MAX]; /* something learned of the model's server, for the log; or "" */
    const char *notice_level;   /* static: "info" or "warning" */
    struct clo_error trouble; /* for the operator's log, never for clients: the first failure of the
                                 model or of a sandbox, in full; code CLO_OK: none */
};

/* Always fills the result; never fails. */
void clo_agent_turn(struct clo_agent *agent, const struct clo_turn *turn,
                    struct clo_turn_result *result);
void clo_turn_result_clear(struct clo_turn_result *result);

/* Code of the client's own, in a sandbox of the agent's: no model, no history. Limits that the run does
 * not name are the agent's.
 *
 * Checks what can be known before it begins. CLO_EINVALID: `what` (static) is the member of struct
 * clo_run that is wrong: "limits.wall_ms", "timezone", "clock" …: limits above the agent's, too. */
int clo_agent_check_run(const struct clo_agent *agent, const struct clo_run *run, const char **what,
                        struct clo_error *error);
/* Waits for a sandbox as long as the agent does. As clo_pool_run. */
int clo_agent_run(struct clo_agent *agent, const struct clo_run *run,
                  struct clo_run_result **result, struct clo_error *error);

/* Whether runs are those of a session where a request does not say (sandbox.state). */
bool clo_agent_has_sessions(const struct clo_agent *agent);

const char *clo_agent_name(const struct clo_agent *agent);
const char *clo_agent_model_name(const struct clo_agent *agent);
const char *clo_agent_without_tools(const struct clo_agent *agent); /* clo_model_without_tools */
const char *clo_agent_model_description(const struct clo_agent *agent);
const char *clo_agent_recording(
    const struct clo_agent *agent); /* its path; NULL: nothing is recorded */

/* What the agent's YAML file says under "serve:" (docs/agent-yaml.md), put over the fields of
 * *config that it names. The strings live as long as the agent. */
struct clo_serve_config;
void clo_agent_serve_defaults(const struct clo_agent *agent, struct clo_serve_config *config);

/* What comes before that which the file says. */
struct clo_agent_choice {
    const enum clo_isolation *isolation; /* of --isolation; NULL: as environment or file say */
    const enum clo_jail *jail;           /* NULL: as the file says */
    uint64_t total_memory;               /* 0: as the file says */
    const char *record;                  /* of --record, as given; NULL: as the file says */
    struct clo_findings *findings; /* gets all that is wrong with the file, and warnings; or NULL */
};

/* As clo_agent_load. Where the file is refused, the error is the first of the findings. */
int clo_agent_load_with(struct clo_agent **agent, const char *path,
                        const struct clo_agent_choice *choice, struct clo_error *error);

#define CLO_AGENT_MODEL_MAX 1024

struct clo_agent_checked {
    size_t libraries; /* of tools */
    char model
        [CLO_AGENT_MODEL_MAX]; /* which server would be called, for people; "": the offline script plays */
};

/* Look at the file as clo_agent_load_with does before it makes sandboxes: the settings, the
 * environment that they name, the script, the image that is named, tool libraries. These are opened,
 * which runs their start-up code, only if that is asked for; else it is seen that they are shared
 * libraries. *checked is filled. What the machine lacks is not looked at (`cloche
 * doctor`). choice->findings must be there. 0: no errors; CLO_EINVALID: there are; else the check
 * itself failed, which is in *error alone. */
int clo_agent_check(const char *path, const struct clo_agent_choice *choice, bool open_libraries,
                    struct clo_agent_checked *checked, struct clo_error *error);

/* The JSON Schema of agent.yaml as text; the caller frees it; NULL: out of memory. */
char *clo_agent_schema(void);

/* Where the built tools of the example are, if they came with the program: "…/example_tools.so". */
bool clo_library_of_program(char path[PATH_MAX], const char *name);

/* Where the agent's own mounts stand: "/input/docs". Both live as long as the agent. */
const char *const *clo_agent_places(const struct clo_agent *agent, size_t *count);

#define CLO_AGENT_SANDBOXES 8 /* unless the configuration says how many */

/* How many sandboxes the agent may have at once, the memory limit of each, and what is reserved for a
 * run when it begins, in bytes. */
void clo_agent_sandboxes(const struct clo_agent *agent, unsigned *count, uint64_t *memory,
                         uint64_t *start);

/* The wall around the code that the agent runs. */
enum clo_isolation clo_agent_isolation(const struct clo_agent *agent);

/* The layers around the agent's worker processes, as clo_pool_jail, and those that are missing, as
 * clo_pool_jail_missing. */
void clo_agent_jail(struct clo_agent *agent, char text[CLO_JAIL_TEXT_MAX],
                    char missing[CLO_JAIL_TEXT_MAX]);

#endif

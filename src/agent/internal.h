/* agent/internal.h - what the files of this folder share.
 *
 * A struct clo_agent does not change after it is created, so turns on any number of threads read it
 * without locks. The pool goes before the image and the libraries, because it uses both.
 */
#ifndef CLO_AGENT_INTERNAL_H
#define CLO_AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/hooks/hooks.h"
#include "agent/settings.h"
#include "cloche/image.h"
#include "cloche/sandbox.h"
#include "cloche/serve.h"
#include "cloche/tool.h"

#define CLO_AGENT_PROMPT_MAX (1u << 20) /* bytes of all instructions together */
#define CLO_AGENT_BATCH_MAX 64          /* calls of one reply that are carried out */
#define CLO_AGENT_BATCH_THREADS 16

struct clo_agent {
    char *name;
    char *instructions; /* as configured; NULL: none */
    /* The instructions and how to use execute_code, where runs are clean, and of a session. */
    char *prompt, *session_prompt;
    struct clo_model *model;
    struct clo_recording *recording; /* of its turns; NULL: none */
    struct clo_image *image;
    struct clo_pool *pool;
    json_t *tool, *session_tool; /* execute_code, likewise */
    char **tool_names;           /* of its own tools, that the code reaches */
    size_t tool_count;
    bool sessions;              /* where a request does not say */
    struct clo_hooks_of *hooks; /* NULL: none */
    unsigned max_iterations, tool_output_max, wait_ms, sandboxes;
    uint64_t memory;       /* limit of one run */
    uint64_t memory_start; /* what it begins with */
    struct clo_limits limits;
    enum clo_isolation isolation;
    struct clo_tool_library *libraries[CLO_AGENT_LIBRARIES_MAX];
    size_t library_count;
    struct clo_serve_config serve; /* 0 and NULL: not said */
    char *serve_address, *serve_store;
    char *places[CLO_SANDBOX_MOUNTS_MAX]; /* of the mounts */
    size_t place_count;
};

/* One function_call of a reply and what becomes of it. */
struct clo_code_call {
    const json_t *item;    /* borrowed */
    bool client;           /* the client's: left alone */
    const char *refusal;   /* why it is not carried out; NULL: carry it out */
    const char *isolation; /* the wall around the run; static; NULL: nothing ran */
    bool failed;           /* the run ended with an error, or there was none */
    char *output;          /* what the model reads; owned; NULL: out of memory, or the client's */
    json_t *artifacts;     /* see struct clo_turn_files; owned; NULL: none */
    struct clo_error trouble;
};

/* Carry out those that are to be, several at once, in a session one after another; fills output of all
 * but the client's. `hooks` may be NULL. */
void clo_calls_run(struct clo_agent *agent, const struct clo_turn *turn,
                   struct clo_hook_turn *hooks, struct clo_code_call *calls, size_t count);

/* The text of the messages behind the last call's result; the caller frees it. NULL: out of memory. */
char *clo_answer_text(const json_t *output);

/* Read KEY=VALUE lines into the environment, leaving alone what is set. A file that is not there is
 * no error. CLO_EINVALID names file and line. */
int clo_dotenv_load(const char *path, struct clo_error *error);

/* `path` as seen from the folder of the file `base`; an absolute one as it is. The caller frees it;
 * NULL: out of memory. */
char *clo_path_beside(const char *base, const char *path);

/* The same for a tool library; one that is named without a folder, and is not there, is looked for
 * among the examples that came with the program. */
char *clo_library_beside(const char *base, const char *name);

#endif

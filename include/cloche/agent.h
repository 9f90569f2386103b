/* cloche/agent.h - an agent: a model, instructions, and one tool, execute_code, whose Python
 * reaches your tools by call_tool(...).
 *
 * An agent is immutable once created and may be used from any thread; every string and tool of the
 * configuration is copied. It owns its image, its pool of sandboxes and its model client.
 */
#ifndef CLOCHE_AGENT_H
#define CLOCHE_AGENT_H

#include "cloche/cancel.h"
#include "cloche/error.h"
#include "cloche/hooks.h"
#include "cloche/isolation.h"
#include "cloche/sandbox.h"
#include "cloche/tool.h"

#ifdef __cplusplus
extern "C" {
#endif

enum clo_model_kind {
    CLO_MODEL_AUTO =
        0, /* the first that the environment names: FOUNDRY, RESPONSES, AZURE, ANTHROPIC
                            (docs/models.md), else SCRIPT; a named server that has nothing at
                            /responses is spoken to by CHAT */
    CLO_MODEL_RESPONSES, /* an OpenAI Responses server */
    CLO_MODEL_CHAT,      /* an OpenAI-compatible chat-completions server */
    CLO_MODEL_SCRIPT,    /* offline: plays turns from a YAML file (docs/models.md) */
    CLO_MODEL_FOUNDRY,   /* a deployment of a Foundry project */
    CLO_MODEL_AZURE,     /* a deployment of an Azure OpenAI resource */
    CLO_MODEL_ANTHROPIC, /* Anthropic's Messages API, or a server like it */
};

struct clo_model_config {
    enum clo_model_kind kind;
    const char *name; /* NULL: by the environment (OPENAI_MODEL …); of OpenAI's "gpt-4.1-mini" */
    const char
        *base_url; /* NULL: by the environment (OPENAI_BASE_URL, FOUNDRY_PROJECT_ENDPOINT …) */
    const char
        *api_key; /* NULL: by the environment (OPENAI_API_KEY …); may stay empty for servers that
                             want none; without one FOUNDRY and AZURE take tokens of Microsoft Entra ID */
    const char *script; /* path of the YAML file of CLO_MODEL_SCRIPT; NULL: none */
    const char
        *record; /* path of a file to which each turn is appended as a script that plays it back,
                            without credentials; made (0600) where it is not there; NULL: none */
    unsigned timeout_ms; /* [120,000] without a byte from the server */
    const char
        *api_version; /* of AZURE; NULL: AZURE_OPENAI_API_VERSION, OPENAI_API_VERSION, else none */
    unsigned connect_timeout_ms;    /* [10,000] to connect, TLS included */
    unsigned first_byte_timeout_ms; /* [timeout_ms] until the answer begins */
    unsigned total_timeout_ms;      /* [1,800,000] of one call of the model with its retries */
    unsigned retry_time_ms;         /* [60,000] of it, in which another attempt may begin */
};

struct clo_agent_config {
    const char *name;         /* [agent] */
    const char *instructions; /* what the model is told besides how to use execute_code; or NULL */
    struct clo_model_config model;
    const struct clo_tool *tools;
    size_t tool_count;
    const char *image;        /* NULL: found as clo_image_open does */
    struct clo_limits limits; /* of one run */
    enum clo_placement placement;
    enum clo_isolation isolation; /* CLO_ISOLATION_PROCESS: with CLO_PLACEMENT_WORKER only */
    enum clo_jail jail;           /* of CLO_PLACEMENT_WORKER */
    enum clo_admission admission; /* when a run's memory is reserved */
    unsigned sandboxes;           /* [8] runs at once */
    unsigned sandboxes_least;     /* [1] sandboxes that are kept when nobody needs them */
    uint64_t sandbox_idle_ms;     /* [60,000] one that nobody needs for so long is given back */
    uint64_t total_memory;    /* 0: leave it; else clo_memory_ceiling_set, for the whole process */
    unsigned wait_ms;         /* [120,000] for a free sandbox; then the model is told */
    unsigned max_iterations;  /* [40] model calls in one turn; then a last one without tools */
    unsigned tool_output_max; /* [16,384] bytes of a run's output that the model is shown */
    const struct clo_mount *mounts; /* what runs find below /input (cloche/sandbox.h) */
    size_t mount_count;
    struct clo_fixed fixed; /* of every run: its randomness, clocks and time zone */
    /* clo_serve: variables, modules and /output last across the runs of one conversation, where a
     * request does not say otherwise. clo_agent_ask: each run is clean. */
    bool sessions;
    const struct clo_hooks *hooks; /* copied; the first is outermost (cloche/hooks.h) */
    size_t hook_count;
};

struct clo_agent;

/* Errors: CLO_EINVALID, CLO_EBUSY (total_memory), CLO_ENOHYPERVISOR, CLO_EIMAGE, CLO_ENOTFOUND,
 * CLO_ENOMEMORY, CLO_ESYSTEM. */
CLO_API CLO_MUST_USE int clo_agent_create(struct clo_agent **agent,
                                          const struct clo_agent_config *config,
                                          struct clo_error *error);

/* From an agent.yaml (docs/agent-yaml.md). Relative paths in it are relative to the file; a .env
 * beside it is read first and never overrides the environment. CLOCHE_ISOLATION in the environment
 * comes before sandbox.isolation of the file. */
CLO_API CLO_MUST_USE int clo_agent_load(struct clo_agent **agent, const char *path,
                                        struct clo_error *error);
CLO_API void clo_agent_destroy(struct clo_agent *agent);

/* One question, one answer, no history. *answer is freed by the caller. */
CLO_API CLO_MUST_USE int clo_agent_ask(struct clo_agent *agent, const char *question,
                                       struct clo_cancel *cancel, char **answer,
                                       struct clo_error *error);

#ifdef __cplusplus
}
#endif

#endif

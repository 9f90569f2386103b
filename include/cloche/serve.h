/* cloche/serve.h - host an agent over HTTP by the OpenAI Responses protocol. */
#ifndef CLOCHE_SERVE_H
#define CLOCHE_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "cloche/agent.h"
#include "cloche/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How clients see the agent's own work, unless a request's header x-cloche-items says otherwise. */
enum clo_serve_items {
    CLO_SERVE_ITEMS_MCP,   /* each run of code is an mcp_call: finished work of the server */
    CLO_SERVE_ITEMS_CALLS, /* function_call and function_call_output, as Agent Framework has it */
    CLO_SERVE_ITEMS_ANSWER /* not at all: messages, and calls of the client's own tools */
};

/* The ranges of what follows. */
#define CLO_SERVE_TURNS_MAX 1024
#define CLO_SERVE_QUEUE_MAX 65536
#define CLO_SERVE_CONNECTIONS_MIN 8
#define CLO_SERVE_CONNECTIONS_MAX 65536
#define CLO_SERVE_KEEPALIVE_MS_MIN 10
#define CLO_SERVE_TIME_MS_MAX 3600000 /* of grace_ms and keepalive_ms */

/* The states of sessions, which are kept as snapshots: the oldest goes first, never one in use. */
struct clo_serve_snapshots {
    uint64_t count; /* [10,000] how many */
    uint64_t
        max_bytes; /* [256 MiB, at most total_bytes] of one: a run that leaves more leaves nothing */
    uint64_t
        total_bytes; /* [10 GiB; without a store 1 GiB] of all, each counted with 4 KiB at least */
    uint64_t keep_s; /* [30 days] after which one is removed, and its session begins anew */
    uint64_t conversation_count; /* [100] of one conversation, with all of its branches */
    uint64_t conversation_bytes; /* [1 GiB, at most total_bytes] likewise */
};

struct clo_serve_config {
    const char *address;  /* [127.0.0.1] address to listen on; "0.0.0.0" or "::" for all */
    uint16_t port;        /* 0: $PORT, else 8088 */
    bool any_port;        /* with port 0: let the system pick a free one; see on_ready */
    unsigned turns;       /* [64] turns in progress at once; further requests wait in a queue */
    unsigned queue;       /* [1024] waiting turns; beyond that 429 */
    unsigned connections; /* [1024] open HTTP connections */
    const char *store;    /* SQLite file for responses; NULL: a private file in memory */
    unsigned grace_ms; /* [10,000] after SIGTERM for turns in progress, then they are cancelled */
    unsigned keepalive_ms;      /* [15,000] between comments on a quiet event stream */
    enum clo_serve_items items; /* [mcp] */
    /* Foundry's platform stands in front, and authenticates: x-agent-user-id is taken from whoever
     * calls and keeps users apart, and the routes of its container contract are served. */
    bool hosted;
    const char *session;   /* hosted: the session that the container is for; NULL: none yet */
    bool no_runs;          /* POST /runs is refused: clients reach code by the model alone */
    uint64_t file_bytes;   /* [512 MiB] ceiling of one file that is uploaded */
    uint64_t files_bytes;  /* [10 GiB; without a store 1 GiB] of all files together, each counted
                              with 4 KiB at least. Their content is in the folder STORE-files;
                              without a store in a private folder of $TMPDIR, /tmp or /dev/shm, which goes
                              at the end */
    uint64_t files_keep_s; /* after which an uploaded file is deleted; 0: never */
    /* Their content is in the folder STORE-snapshots, which has the key that seals it, too; without a
     * store in a private folder, as files are. */
    struct clo_serve_snapshots snapshots;
    /* Called once when requests are accepted, with the port in use; may be NULL. */
    void (*on_ready)(void *context, const char *address, uint16_t port);
    void *context;
};

/* Serve until SIGTERM or SIGINT (both are handled while this runs), then finish within the grace
 * time. Blocks. Errors: CLO_EINVALID, CLO_ESYSTEM (address in use …), CLO_ENOMEMORY. */
CLO_API CLO_MUST_USE int clo_serve(struct clo_agent *agent, const struct clo_serve_config *config,
                                   struct clo_error *error);

#ifdef __cplusplus
}
#endif

#endif

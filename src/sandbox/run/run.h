/* sandbox/run/run.h - what a run is, as the side that runs it sees it. Read this first.
 *
 * Everything in sandbox/run, sandbox/worker and sandbox/value may be taken over by the code that
 * runs: it is linked into the program that worker processes are (src/sandbox/meson.build), and what
 * is the host's alone (tools, schemas, the pool, files, models) cannot be called from there.
 *
 *   clo_order ──▶ runner ──▶ run_loop ──▶ run_end ──▶ struct clo_run_result
 *                               │ ▲
 *              struct clo_call  ▼ │  struct clo_call_reply
 *                        struct clo_run_host: answers calls, takes output, says when to stop;
 *                        in this process (backend.c), or at the other end of a socket (worker.c)
 *
 * What is always true
 * - The micro-VM, the runner and the loop belong to one thread.
 * - Whatever the guest wrote is copied once, checked, then used; what the host is told has passed
 *   those checks, and the host checks it again (client/worker_run.c).
 * - Nothing on this side shares memory with another thread, but for the kick: there are no locks.
 */
#ifndef CLO_SANDBOX_RUN_RUN_H
#define CLO_SANDBOX_RUN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hostcall.h"
#include "base/buffer.h"
#include "cloche/sandbox.h"
#include "sandbox/run/limits.h"

/* A reply's status that no guest ever sees: somebody has to answer first, and the run is suspended. */
#define CLO_CALL_SUSPENDED 100u

struct clo_call { /* what the guest asks (abi/hostcall.h) */
    uint32_t flags, kind, id, wait_id;
    uint64_t timeout_ns;
    uint64_t deadline_ns; /* of the monotonic clock: the run may wait no longer; UINT64_MAX: none */
    uint64_t
        tool_deadline_ns; /* likewise, where it waits for tools; where that is not counted apart
                                  (tool_ms) the same */
    bool may_suspend;     /* the run can be frozen at this call */
    const uint8_t *message;
    size_t length;
};

struct clo_call_reply {
    uint32_t status; /* enum clo_call_status */
    uint32_t id;
    enum clo_limit limit; /* CLO_CALL_REFUSED: the limit that was reached */
    bool on_thread;       /* a tool ran on the calling thread, for as long as it liked */
    uint64_t cpu_ns;      /* processor time that other threads than the run's used for it so far */
    uint64_t tool_ns;     /* how long this call waited for tools */
    /* Of a mounted file, with the reply to its opening; -1: none. Whoever is given the reply owns it:
     * from clo_host_calls_call it is the host's still. */
    int descriptor;
    struct clo_buffer data;
};

struct clo_grant {      /* the answer to a run that asks for more memory */
    uint64_t bytes;     /* reserved for it now, in all */
    uint64_t ceiling;   /* why it is less than was asked for; 0: it is not */
    uint64_t waited_ns; /* its wall time stood still for so long */
};

/* Output on its way to whoever keeps it; `data` is not NUL-terminated. */
typedef void (*clo_output_sink)(void *context, enum clo_stream stream, const char *data,
                                size_t length);

struct clo_run_host {
    /* Answer a host call: clo_host_calls_call's contract (call/host_calls.h). Any status other than
     * 0 and CLO_EGUEST ends the run without a result. */
    int (*answer)(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error);
    clo_output_sink output;
    /* The guest goes on after what was handed to `output`, which may be long: it shall not wait.
     * NULL where output never waits. */
    void (*flush)(void *context);
    bool (*cancelled)(void *context);
    /* The run's guest wants to have `bytes` of memory in all, more than is reserved for it, and may
     * be made to wait for that. Any status other than 0 and CLO_EGUEST ends the run without a result. NULL where the order has all
     * that the limit allows. */
    int (*reserve)(void *context, uint64_t bytes, bool may_wait, struct clo_grant *grant,
                   struct clo_error *error);
    void *context;
    /* The thread does nothing but runs: an alarm may stand between them and interrupt what it does. */
    bool own_thread;
};

#define CLO_NOTE_MAX 1024 /* bytes of what is told of repairs */

/* What a run that was suspended has had of its limits, and what its end will be explained by. */
struct clo_run_used {
    uint64_t wall_ns, wall_end_ns; /* since its start; when its wall time is over */
    uint64_t tool_ns, cpu_ns;
    uint64_t output;         /* bytes */
    uint64_t ceiling;        /* as struct clo_run_loop has them */
    uint32_t refused;        /* enum clo_limit */
    uint32_t memory_refused; /* 0 or 1 */
};

struct clo_order { /* one run, with its limits resolved */
    const char *code;
    size_t code_length;
    const char *name;
    struct clo_limits limits;
    uint64_t reserved; /* bytes of guest memory that it may have without asking */
    bool keep_state;
    bool goes_on;       /* the host's word: not to be begun where the state that came in is gone */
    bool write_through; /* someone looks at the output as it comes */
    const char *const *arguments;
    size_t argument_count;
    bool has_input;    /* reading it is a host call */
    bool has_files;    /* something is mounted: looking there is a host call */
    bool wants_result; /* somebody reads the last expression's value */
    enum clo_repair repair;
    struct clo_fixed fixed;
    bool no_tools;
    bool may_suspend;       /* there is a place for it meanwhile */
    bool resume;            /* go on with the run that was loaded (state.h): no code, no request */
    bool elsewhere;         /* of that: what is mounted has changed */
    const char *more_tools; /* a manifest (clo_tool_set_manifest) beside the runner's; NULL: none */
    size_t more_tools_length;
};

#endif

/* contract_host.h - the whole host side of a hostile guest: a runner, the real host_calls and real
 * tools, and tables of attacks. An attack is a script for contract_guest.c and what must come of
 * it; after each, the sandbox beside it and the next run in the same runner must be well. */
#ifndef TESTS_VM_CONTRACT_HOST_H
#define TESTS_VM_CONTRACT_HOST_H

#include "harness.h"

#include "contract_guest.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/run/run_loop.h"
#include "sandbox/run/runner.h"

#define CONTRACT_MEMORY (64ull << 20)
#define CONTRACT_WALL_MS 60000 /* where time is not the point; emulation is slow */

/* ---- steps, for tables ---- */

#define CONTROL(field) (CLO_WINDOW_VA + CLO_WINDOW_CONTROL + offsetof(struct clo_control, field))
#define CALL_AREA (CLO_WINDOW_VA + CLO_WINDOW_CALL)
#define OUTPUT_AREA (CLO_WINDOW_VA + CLO_WINDOW_OUTPUT)
#define WIDTH(field) ((uint32_t)sizeof(((struct clo_control *)0)->field))

#define STORE(width, at, value)                                                                    \
    {                                                                                              \
        STEP_STORE, width, at, value                                                               \
    }
#define LOAD(width, at)                                                                            \
    {                                                                                              \
        STEP_LOAD, width, at, 0                                                                    \
    }
#define SET(field, value)                                                                          \
    {                                                                                              \
        STEP_STORE, WIDTH(field), CONTROL(field), value                                            \
    }
#define EXPECT(field, value)                                                                       \
    {                                                                                              \
        STEP_EXPECT, WIDTH(field), CONTROL(field), value                                           \
    }
#define ADD(field, value)                                                                          \
    {                                                                                              \
        STEP_ADD, WIDTH(field), CONTROL(field), value                                              \
    }
#define ADD_TO(width, at, value)                                                                   \
    {                                                                                              \
        STEP_ADD, width, at, value                                                                 \
    }
#define FILL(at, byte, length)                                                                     \
    {                                                                                              \
        STEP_FILL, length, at, byte                                                                \
    }
#define COPY_BLOB(at)                                                                              \
    {                                                                                              \
        STEP_BLOB, 0, at, 0                                                                        \
    }
#define LOOP(times, back)                                                                          \
    {                                                                                              \
        STEP_LOOP, 0, times, back                                                                  \
    }
#define OUT                                                                                        \
    {                                                                                              \
        STEP_CALL, 0, 0, 0                                                                         \
    }
#define ACT(name, a, b)                                                                            \
    {                                                                                              \
        STEP_ACT, ACT_##name, a, b                                                                 \
    }
#define SPIN                                                                                       \
    {                                                                                              \
        STEP_SPIN, 0, 0, 0                                                                         \
    }
#define SPIN_CALLS                                                                                 \
    {                                                                                              \
        STEP_SPIN_CALLS, 0, 0, 0                                                                   \
    }

/* A host call and nothing else; one with arguments; a tool call whose message is the blob. */
#define OP(op_) SET(op, op_), OUT
#define OP_WITH(op_, a, b) SET(op, op_), SET(args[0], a), SET(args[1], b), OUT
#define TOOL(flags_, id, wait, length)                                                             \
    COPY_BLOB(CALL_AREA), SET(op, CLO_OP_CALL), SET(flags, flags_), SET(kind, CLO_CALL_TOOL),      \
        SET(call_id, id), SET(message_offset, 0), SET(message_length, length), SET(wait_id, wait), \
        SET(timeout_ns, CLO_TIMEOUT_NONE)
#define BOTH (CLO_CALL_SUBMIT | CLO_CALL_WAIT)
#define BYTES(text) .blob = (text), .blob_length = sizeof(text) - 1

/* ["echo", {"value": 5}], ["nap", {"ms": 0}] */
#define ECHO                                                                                       \
    "\x82\x64"                                                                                     \
    "echo\xa1\x65"                                                                                 \
    "value\x05"
#define ECHO_LENGTH (sizeof(ECHO) - 1)
#define NAP                                                                                        \
    "\x82\x63"                                                                                     \
    "nap\xa1\x62"                                                                                  \
    "ms\x00"
#define NAP_LENGTH (sizeof(NAP) - 1)

#define BROKE "guest ContractViolation: the guest broke its contract with the host: "

struct contract;

struct attack {
    const char *name;
    struct contract_step steps[CONTRACT_STEPS_MAX];
    const char *blob;
    size_t blob_length;
    /* What must come of it: "ok", or "KIND WORDS" with words of "TYPE: MESSAGE". Where flavours of
     * KVM differ, alternatives with '|' between them. */
    const char *want;
    enum { ENDS, RUNS_ON, MAY_RUN_ON } end; /* does the script come to its end? */
    int exit_code;                          /* of "ok" */
    const char *out;                        /* stdout, where it matters */
    const char *reply;                      /* words of the last reply to a tool call */
    uint64_t wall_ms;                       /* 0: CONTRACT_WALL_MS */
    uint64_t host_calls, output, memory;    /* limits; 0: usual */
    void (*prepare)(struct clo_vm *vm);     /* what this attack assumes of its micro-VM */
};

/* One runner and what answers its calls. */
struct contract {
    struct clo_host_calls *calls;
    struct clo_artifact_tree *output;
    struct clo_runner *runner;
    struct clo_run_result *result; /* of the last run */
    struct clo_buffer out, err;
    char reply[256]; /* of the last tool call, cut off, NULs replaced */
    /* Between the host's check of what the guest says and the host's use of it: */
    void (*on_answer)(struct contract *contract, const struct clo_call *call);
    void (*on_output)(struct contract *contract, const char *data, size_t length);
    void *context;
};

void contract_begin(int argc, char **argv); /* harness_begin, and the tools */
int contract_end(int failed);

extern const struct attack contract_honest; /* what contract_check_honest runs */

void contract_open(struct contract *contract);
void contract_close(struct contract *contract);

/* The script as Python's source would be; the caller frees it. */
char *contract_script(const struct attack *attack, size_t *length);

/* Run an attack. Fails the test when the host could not say how it went. */
void contract_run(struct contract *contract, const struct attack *attack);

/* Does `want` allow this? Pure. */
bool contract_allows(const char *want, const struct clo_run_result *result);

/* Run it and check all that the attack says; then that the same runner runs on in a fresh state,
 * and that `beside` does. An attack that prepares its micro-VM has a runner of its own. */
void contract_check(struct contract *contract, struct contract *beside,
                    const struct attack *attack);

/* All of a table, each attack followed by a comparison with a fresh micro-VM. */
void contract_check_table(const struct attack *attacks, size_t count);

/* The same tables in a sandbox whose micro-VM lives in a worker process; attacks that prepare
 * their micro-VM are left out (contract_worker.c). */
void contract_check_in_worker(const struct attack *attacks, size_t count);

/* An honest run: a tool call, a line of output, an end in order. */
void contract_check_honest(struct contract *contract);

#endif

/* sandbox/suspend/suspend.h - what the host keeps of a run that waits for somebody's answer. Read
 * this first.
 *
 *   a wait that nobody here can end (call/host_calls.h) ─▶ the guest stands still (run/run_end.c)
 *     suspend.c       what the host knows of it: its calls, what it was promised, its output
 *     suspend_code.c  that as bytes and back
 *     ../snapshot     its file: those bytes, registers, memory, /output
 *   ─▶ answers ─▶ all of that in any sandbox of the same image; the wait ends with the answers
 *
 * What is always true
 * - A run is suspended at a wait, when no tool is in work for it: no thread knows of it any more. Calls
 *   that have not begun, because too many replies wait, are kept as they are.
 * - What it had of its limits is this side's account where it lives in a worker, which may have been
 *   taken over.
 * - Bytes that come back are sealed (../snapshot), and checked all the same: each length before there
 *   is memory for it, each value as whoever calls the library would be checked.
 * - Answers are checked before anything of the sandbox is given up: one for each call, no other.
 */
#ifndef CLO_SANDBOX_SUSPEND_SUSPEND_H
#define CLO_SANDBOX_SUSPEND_SUSPEND_H

#include "sandbox/artifacts/artifact_keep.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/call/pending_calls.h"
#include "sandbox/files/files.h"
#include "sandbox/files/mounts.h"

/* Bytes of all calls of a run: arguments of at most one message each, and the replies that may wait. */
#define CLO_SUSPENDED_CALLS_MAX                                                                    \
    (CLO_PENDING_ARGUMENTS_MAX + CLO_PENDING_REPLIES_MAX +                                         \
     CLO_PENDING_RUNNING_MAX * CLO_MESSAGE_MAX)

struct clo_kept_call {
    uint32_t id;
    /* CLO_CALL_SUSPENDED: nobody has answered it yet; CLO_CALL_PENDING: it has not begun, and is
     * submitted anew; else it has ended */
    uint32_t status;
    char tool[CLO_TOOL_NAME_MAX + 1];
    uint8_t *bytes; /* CBOR: its arguments, or what came of it */
    size_t length;
};

struct clo_suspended { /* zeroed: nothing of a run */
    struct clo_limits limits;
    struct clo_run_used used;
    bool accounted; /* `used` is this side's */
    bool has_input, no_tools, has_clock;
    uint64_t submitted, input_taken;
    size_t call_count;
    struct clo_kept_call *calls;
    uint32_t given; /* handles: files.h */
    size_t file_count;
    struct clo_file_kept files[CLO_FILES_OPEN_MAX];
    size_t places_length;
    char *places; /* where things are mounted, each with a NUL */
    char *out, *err;
    size_t out_length, err_length;
    struct clo_error failure; /* why it cannot be told; code 0: it can */
};

void clo_suspended_clear(struct clo_suspended *suspended);

/* ---- a run is suspended ---- */

/* Before its calls end. `used`: by this side's account; NULL: the other's is this one's
 * (clo_suspended_put is told it). suspended->failure: CLO_ENOMEMORY, CLO_ELIMIT: its calls are too large. */
void clo_suspended_collect(struct clo_suspended *suspended, const struct clo_host_calls *calls,
                           const struct clo_order *order, const struct clo_mounts *mounts,
                           const struct clo_run_used *used);
/* Its result's calls. CLO_ENOMEMORY. */
int clo_suspended_tell(const struct clo_suspended *suspended, struct clo_run_result *result,
                       struct clo_error *error);
/* The result has none any more. */
void clo_suspended_calls_forget(struct clo_run_result *result);

/* ---- it goes on ---- */

/* What the resumer brings: answers and input. CLO_EINVALID says what does not fit. */
int clo_suspended_check(const struct clo_suspended *suspended, const struct clo_run *run,
                        struct clo_error *error);
bool clo_suspended_elsewhere(const struct clo_suspended *suspended,
                             const struct clo_mounts *mounts);
/* Into the calls of the run that has begun, its input and files given. The answers were checked. */
int clo_suspended_go_on(const struct clo_suspended *suspended, struct clo_host_calls *calls,
                        const struct clo_run *run, struct clo_error *error);

/* ---- bytes: suspend_code.c ---- */

int clo_suspended_put(const struct clo_suspended *suspended, clo_keep_put put, void *to,
                      struct clo_error *error);
/* On failure *suspended is clear. Errors: CLO_EINVALID, CLO_ENOMEMORY, what `get` returned. */
int clo_suspended_get(struct clo_suspended *suspended, clo_keep_get get, void *from,
                      struct clo_error *error);

#endif

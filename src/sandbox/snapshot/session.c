/* session.c - see session.h. */
#include "sandbox/snapshot/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/snapshot/block.h"

int clo_session_check_file(int fd, bool writing, const struct clo_snapshot_options *options,
                           struct clo_error *error)
{
    struct clo_snapshot_file file;
    if (fd < 0)
        return 0;
    int status = clo_snapshot_file_open(&file, fd, writing, options, error);
    if (!status)
        clo_snapshot_file_close(&file);
    return status;
}

int clo_session_check(const struct clo_run_state *state, struct clo_error *error)
{
    int status = clo_session_check_file(state->from, false, state->from_options, error);
    return status ? status : clo_session_check_file(state->to, true, state->to_options, error);
}

/* Why a run has left no state, as far as its end tells. */
static const char *what_ended_it(const struct clo_run_error *error)
{
    switch (error->kind) {
    case CLO_RUN_OK:
    case CLO_RUN_EXCEPTION: return "the code ended the interpreter (os._exit)";
    case CLO_RUN_LIMIT: return "the run went on after its limit was reached, and was stopped";
    case CLO_RUN_FAULT: return "the interpreter faulted";
    case CLO_RUN_GUEST: return "the guest broke its contract with the host";
    case CLO_RUN_CANCELLED: return "the run was cancelled";
    case CLO_RUN_WORKER: return "the worker process of the run was lost";
    case CLO_RUN_SUSPENDED: return "the run is suspended, and its state is in that run's file";
    case CLO_RUN_NOT_KEPT: return "the run had to wait for answers and could not be kept for them";
    }
    return "the run did not end by itself";
}

static enum clo_state_outcome outcome_of(int status)
{
    switch (status) {
    case 0: return CLO_STATE_KEPT;
    case CLO_EINVALID: return CLO_STATE_LOST; /* keys and descriptors were checked before */
    default: return CLO_STATE_REFUSED;
    }
}

static int set_note(struct clo_run_result *result, const struct clo_error *why,
                    struct clo_error *error)
{
    char text[2 * sizeof why->message];
    if (result->state == CLO_STATE_KEPT)
        return 0;
    if (result->state == CLO_STATE_LOST)
        snprintf(text, sizeof text, "%s", what_ended_it(&result->error));
    else
        snprintf(text, sizeof text, "%s%s%s", why->message, why->hint[0] ? ": " : "", why->hint);
    result->state_note = strdup(text);
    return result->state_note ? 0 : clo_fail_memory(error);
}

int clo_session_lose(const struct clo_run_state *state, struct clo_run_result *result,
                     struct clo_error *error)
{
    const struct clo_error none = {0};
    if (state->to < 0)
        return 0;
    result->state = CLO_STATE_LOST;
    return set_note(result, &none, error);
}

int clo_session_keep(const struct clo_state_port *port, const struct clo_image *image,
                     struct clo_artifact_tree *output, const struct clo_run_state *state,
                     struct clo_run_result *result, struct clo_error *error)
{
    struct clo_error why = {0};
    if (state->to < 0)
        return 0;
    struct clo_snapshot_made made = {0};
    int status = port ? clo_snapshot_write(port, image, output, state->to, state->to_options, NULL,
                                           &made, &why)
                      : clo_fail_memory(&why);
    result->state_bytes = made.bytes;
    result->state = outcome_of(status);
    if (status && ftruncate(state->to, 0))
        clo_fail_errno(&why, CLO_ESYSTEM, "emptying what was written of a snapshot");
    return set_note(result, &why, error);
}

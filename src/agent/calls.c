/* calls.c - a batch of execute_code calls, carried out by several threads at once; those of a session by
 * one, in their order. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "codeact/codeact.h"

#define EXPLANATION_MAX (sizeof((struct clo_error *)0)->message + 128)

struct batch {
    struct clo_agent *agent;
    const struct clo_turn *turn;
    struct clo_code_call *calls;
    size_t count;
    const struct clo_mount *mounts;
    size_t mount_count;
    atomic_size_t next;
};

/* What the model is told when the host could not run code: its own part in it, no inner details.
 * The error of a busy host tells what was wanted and what is in use: figures, nothing inner. */
static const char *explain(const struct clo_error *error, char text[EXPLANATION_MAX])
{
    switch (error->code) {
    case CLO_ECANCELLED: return "the run was cancelled";
    case CLO_EBUSY:
        snprintf(text, EXPLANATION_MAX,
                 "the sandbox is busy and the code did not run: %s. Try again later.",
                 error->message);
        return text;
    case CLO_ELIMIT:
    case CLO_EINVALID: return error->message; /* about the code itself: too long … */
    case CLO_ENOMEMORY: return "the host has no memory for another sandbox now; try again";
    default: return "the sandbox failed on the host; the code did not run";
    }
}

/* Whatever ended the run. */
static void keep_artifacts(const struct clo_turn *turn, const struct clo_run_result *result,
                           struct clo_code_call *call)
{
    char *told = NULL, *both = NULL;
    if (!result->artifact_count || !turn->files.keep)
        return;
    call->artifacts = turn->files.keep(turn->files.context, result, &told);
    if (told && call->output && asprintf(&both, "%s%s", call->output, told) >= 0) {
        free(call->output);
        call->output = both;
    }
    free(told);
}

static void execute(const struct batch *batch, struct clo_code_call *call)
{
    char *code = NULL;
    size_t length = 0;
    struct clo_run_result *result = NULL;
    struct clo_error error = {0};
    bool plain; /* the code itself, or something that it is to be found in */
    if (clo_codeact_arguments(json_object_get(call->item, "arguments"), &code, &length, &plain,
                              &error)) {
        call->output = clo_codeact_refusal(error.message);
        call->failed = true;
        return;
    }
    struct clo_run run = {.code = code,
                          .code_length = length,
                          .wants_result = true,
                          .repair = plain ? CLO_REPAIR_CODE : CLO_REPAIR_ARGUMENTS,
                          .mounts = batch->mounts,
                          .mount_count = batch->mount_count,
                          .cancel = batch->turn->cancel};
    const struct clo_turn_session *session = &batch->turn->session;
    char anew[CLO_TURN_ANEW_MAX] = "";
    int status = session->run ? session->run(session->context, &run, &result, anew, &error)
                              : clo_agent_run(batch->agent, &run, &result, &error);
    if (status) {
        char text[EXPLANATION_MAX];
        call->output = clo_codeact_refusal(explain(&error, text));
        call->failed = true;
        if (error.code != CLO_ECANCELLED)
            call->trouble = error;
    } else {
        call->isolation = clo_isolation_name(result->usage.isolation);
        call->output = clo_codeact_outcome(result, batch->agent->tool_output_max, anew);
        call->failed = result->error.kind != CLO_RUN_OK || result->exit_code != 0;
        keep_artifacts(batch->turn, result, call);
        clo_run_result_free(result);
    }
    free(code);
}

static void *work(void *context)
{
    struct batch *batch = context;
    for (size_t i; (i = atomic_fetch_add(&batch->next, 1)) < batch->count;) {
        struct clo_code_call *call = &batch->calls[i];
        if (call->client)
            continue;
        if (!call->refusal) {
            execute(batch, call);
            continue;
        }
        call->output = clo_codeact_refusal(call->refusal);
        call->failed = true;
    }
    return NULL;
}

void clo_calls_run(struct clo_agent *agent, const struct clo_turn *turn,
                   struct clo_code_call *calls, size_t count)
{
    struct batch batch = {.agent = agent, .turn = turn, .calls = calls, .count = count};
    pthread_t threads[CLO_AGENT_BATCH_THREADS];
    size_t wanted = 0, started = 0;
    for (size_t i = 0; i < count; i++)
        wanted += !calls[i].client && !calls[i].refusal;
    if (wanted && turn->files.mounts)
        batch.mounts = turn->files.mounts(turn->files.context, &batch.mount_count);
    if (wanted > CLO_AGENT_BATCH_THREADS)
        wanted = CLO_AGENT_BATCH_THREADS;
    if (wanted && turn->session.run)
        wanted = 1;
    /* this thread works too; where no further one can be had, it does the work of all */
    while (started + 1 < wanted && clo_thread_start(&threads[started], work, &batch) == 0)
        started++;
    work(&batch);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

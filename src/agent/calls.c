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
    struct clo_hook_turn *hooks;
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
    json_t *before = call->artifacts; /* of a run that a hook has had repeated */
    call->artifacts = turn->files.keep(turn->files.context, result, &told);
    if (before) {
        json_array_extend(before, call->artifacts);
        json_decref(call->artifacts);
        call->artifacts = before;
    }
    if (told && call->output && asprintf(&both, "%s%s", call->output, told) >= 0) {
        free(call->output);
        call->output = both;
    }
    free(told);
}

/* What a call says that is to be run. */
struct code {
    char *text; /* owned */
    size_t length;
    bool plain; /* the code itself, or something that it is to be found in */
};

/* Run it; fills in what came of it. */
static void run_code(const struct batch *batch, const struct code *code, struct clo_code_call *call)
{
    struct clo_run_result *result = NULL;
    struct clo_error error = {0};
    struct clo_run run = {.code = code->text,
                          .code_length = code->length,
                          .wants_result = true,
                          .repair = code->plain ? CLO_REPAIR_CODE : CLO_REPAIR_ARGUMENTS,
                          .mounts = batch->mounts,
                          .mount_count = batch->mount_count,
                          .tools = clo_hooks_tools(batch->hooks),
                          .cancel = batch->turn->cancel};
    const struct clo_turn_session *session = &batch->turn->session;
    char anew[CLO_TURN_ANEW_MAX] = "";
    int status = session->run ? session->run(session->context, &run, &result, anew, &error)
                              : clo_agent_run(batch->agent, &run, &result, &error);
    free(call->output);
    if (status) {
        char text[EXPLANATION_MAX];
        call->output = clo_codeact_refusal(explain(&error, text));
        call->failed = true;
        if (error.code != CLO_ECANCELLED)
            call->trouble = error;
        return;
    }
    call->isolation = clo_isolation_name(result->usage.isolation);
    call->output = clo_codeact_outcome(result, batch->agent->tool_output_max, anew);
    call->failed = result->error.kind != CLO_RUN_OK || result->exit_code != 0;
    keep_artifacts(batch->turn, result, call);
    clo_run_result_free(result);
}

/* ---- with hooks around it ---- */

struct code_step {
    struct clo_tool_step step; /* first: hooks are given this address */
    const struct batch *batch;
    const struct code *code;
    struct clo_code_call *call;
};

static int run_step(struct clo_tool_step *step, struct clo_value *arguments,
                    struct clo_value *result, struct clo_error *error)
{
    struct code_step *here = (struct code_step *)step;
    struct code code = *here->code;
    const char *text =
        arguments ? clo_value_text_n(clo_value_get(arguments, "code"), &code.length) : code.text;
    if (!text)
        return clo_fail(error, CLO_EINVALID,
                        "the arguments of " CLO_CODEACT_TOOL " are to be {\"code\": text}");
    code.plain = code.plain || arguments;
    code.text = (char *)text;
    run_code(here->batch, &code, here->call);
    return here->call->output ? clo_value_set_text(result, here->call->output) : CLO_ENOMEMORY;
}

/* What the model reads is what the hooks have made of it. */
static void take_result(struct clo_code_call *call, int status, const struct clo_value *result,
                        const struct clo_error *error)
{
    const char *text = clo_value_text(result);
    bool ran = call->output != NULL;
    if (!status && ran && text && strcmp(text, call->output) == 0)
        return;
    free(call->output);
    if (status == CLO_ENOMEMORY)
        call->output = NULL;
    else if (status == CLO_TOOL_SUSPEND)
        call->output = clo_codeact_refusal("a hook cannot have a run of code suspended");
    else if (status)
        call->output =
            clo_codeact_refusal(error->message[0] ? error->message : "the call was refused");
    else if (!text)
        call->output = clo_codeact_refusal("a hook has put no text in the place of its output");
    else
        call->output = strdup(text);
    call->failed = status || !text || (ran && call->failed);
}

static void pass_hooks(const struct batch *batch, const struct code *code,
                       struct clo_code_call *call)
{
    struct code_step here = {
        .step = {.name = CLO_CODEACT_TOOL, .runs_code = true, .next = run_step},
        .batch = batch,
        .code = code,
        .call = call};
    struct clo_value arguments = {0}, result = {0};
    struct clo_error error = {0};
    clo_value_set_map(&arguments);
    int status = clo_value_set_text_n(clo_value_put(&arguments, "code"), code->text, code->length);
    if (!status)
        status = clo_hooks_around(batch->hooks, &here.step, &arguments, &result, &error);
    take_result(call, status, &result, &error);
    clo_value_clear(&arguments);
    clo_value_clear(&result);
}

static void execute(const struct batch *batch, struct clo_code_call *call)
{
    struct code code = {0};
    struct clo_error error = {0};
    if (clo_codeact_arguments(json_object_get(call->item, "arguments"), &code.text, &code.length,
                              &code.plain, &error)) {
        call->output = clo_codeact_refusal(error.message);
        call->failed = true;
        return;
    }
    if (clo_hooks_stand_around(batch->agent->hooks))
        pass_hooks(batch, &code, call);
    else
        run_code(batch, &code, call);
    free(code.text);
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
                   struct clo_hook_turn *hooks, struct clo_code_call *calls, size_t count)
{
    struct batch batch = {
        .agent = agent, .turn = turn, .hooks = hooks, .calls = calls, .count = count};
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

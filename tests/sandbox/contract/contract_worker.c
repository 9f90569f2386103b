/* contract_worker.c - the tables of attacks in a sandbox as `serve` has them: the micro-VM in a
 * jailed worker process, host_calls in this one. */
#include "contract_host.h"

#include <stdlib.h>
#include <string.h>

#include "cloche/sandbox.h"
#include "sandbox_tools.h"

static struct clo_sandbox *open_sandbox(void)
{
    struct clo_sandbox_config config = {
        .image = harness_image[1], /* sealed, as in `serve` */
        .tools = test_tools,
        .tool_count = test_tool_count,
        .placement = CLO_PLACEMENT_WORKER,
        .isolation = harness_isolation,
        .limits = {.memory = CONTRACT_MEMORY},
    };
    struct clo_sandbox *sandbox;
    struct clo_error error;
    if (clo_sandbox_create(&sandbox, &config, &error))
        fail_msg("a sandbox: %s", error.message);
    return sandbox;
}

/* What comes of an attack by process isolation, where that is something else. */
static const struct difference {
    const char *name, *want;
} by_process[] = {
    {"SYSCALL", "worker "},      /* the kernel answers; what no run needs, the jail's filter */
    {"LOAD_FS 0x30", "worker "}, /* the register is the host thread's: it cannot go on */
};

static const char *wanted_of(const struct attack *attack)
{
    for (size_t i = 0; i < sizeof by_process / sizeof *by_process; i++)
        if (harness_isolation == CLO_ISOLATION_PROCESS &&
            strcmp(attack->name, by_process[i].name) == 0)
            return by_process[i].want;
    return attack->want;
}

static void check_one(struct clo_sandbox *sandbox, const struct attack *attack)
{
    struct clo_run run = {
        .limits = {.wall_ms = attack->wall_ms ? attack->wall_ms : CONTRACT_WALL_MS,
                   .cpu_ms = CONTRACT_WALL_MS,
                   .memory = attack->memory,
                   .host_calls = attack->host_calls,
                   .output = attack->output}};
    struct clo_run_result *result;
    struct clo_error error;
    char *script = contract_script(attack, &run.code_length);
    run.code = script;
    if (clo_sandbox_run(sandbox, &run, &result, &error))
        fail_msg("%s, in a worker: %s", attack->name, error.message);
    free(script);
    const char *want = wanted_of(attack);
    if (!contract_allows(want, result) ||
        (result->error.kind == CLO_RUN_OK && result->exit_code != attack->exit_code))
        fail_msg("%s, in a worker: wanted \"%s\", came to be: %s %s: %s (exit code %d)",
                 attack->name, want, clo_run_error_name(result->error.kind), result->error.type,
                 result->error.message, result->exit_code);
    bool ran_on = result->result && strcmp(result->result, "ran on") == 0;
    if (attack->end != MAY_RUN_ON && ran_on != (attack->end == RUNS_ON))
        fail_msg("%s, in a worker: the guest %s", attack->name,
                 ran_on ? "ran on" : "did not run on");
    if (attack->out && strcmp(result->out, attack->out) != 0)
        fail_msg("%s, in a worker: stdout is '%s'", attack->name, result->out);
    clo_run_result_free(result);
}

void contract_check_in_worker(const struct attack *attacks, size_t count)
{
    struct clo_sandbox *here = open_sandbox(), *beside = open_sandbox();
    size_t share = harness_rounds((unsigned)count), step = share < count ? count / share : 1;
    for (size_t i = 0; i < count; i += step) {
        if (attacks[i].prepare)
            continue;
        check_one(here, &attacks[i]);
        check_one(here, &contract_honest);
        check_one(beside, &contract_honest);
    }
    clo_sandbox_destroy(here);
    clo_sandbox_destroy(beside);
}

/* contract_host.c - see contract_host.h. */
#include "contract_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox_tools.h"

static struct clo_tool_set *tools;
static struct clo_executor *threads;

void contract_begin(int argc, char **argv)
{
    struct clo_error error;
    harness_begin(argc, argv);
    if (clo_executor_create(&threads, CLO_TOOL_THREADS_MAX, NULL, &error) ||
        clo_tool_set_create(&tools, test_tools, test_tool_count, &error)) {
        fprintf(stderr, "the tools: %s\n", error.message);
        exit(1);
    }
}

int contract_end(int failed)
{
    clo_executor_destroy(threads);
    clo_tool_set_free(tools);
    return harness_end(failed);
}

void contract_open(struct contract *contract)
{
    size_t length;
    struct clo_error error;
    harness_only(CLO_ISOLATION_MICROVM); /* two in one process; tables are played in workers, too */
    const char *manifest = clo_tool_set_manifest(tools, &length);
    *contract = (struct contract){.out = CLO_BUFFER(1 << 20), .err = CLO_BUFFER(1 << 20)};
    if (clo_host_calls_create(&contract->calls, tools, threads, &error) ||
        clo_artifact_tree_create(&contract->output, &error) ||
        clo_runner_create(&contract->runner, harness_image[0], CLO_ISOLATION_MICROVM,
                          CONTRACT_MEMORY, manifest, length, &error))
        fail_msg("a runner: %s", error.message);
}

void contract_close(struct contract *contract)
{
    clo_runner_destroy(contract->runner);
    clo_host_calls_free(contract->calls);
    clo_artifact_tree_free(contract->output);
    clo_run_result_free(contract->result);
    clo_buffer_free(&contract->out);
    clo_buffer_free(&contract->err);
}

/* ---- the script ---- */

static size_t count_steps(const struct attack *attack)
{
    size_t count = 0;
    while (count < CONTRACT_STEPS_MAX && attack->steps[count].kind != STEP_END)
        count++;
    return count;
}

static char *put_letters(char *to, const void *data, size_t length)
{
    for (const uint8_t *from = data, *end = from + length; from < end; from++) {
        *to++ = (char)('a' + (*from >> 4));
        *to++ = (char)('a' + (*from & 15));
    }
    return to;
}

char *contract_script(const struct attack *attack, size_t *length)
{
    struct contract_head head = {(uint32_t)count_steps(attack), (uint32_t)attack->blob_length};
    size_t size = sizeof head + head.steps * sizeof attack->steps[0] + head.blob;
    char *text = malloc(sizeof CONTRACT_MAGIC + 2 * size), *end = text;
    assert_non_null(text);
    assert_true(head.blob <= CONTRACT_BLOB_MAX);
    memcpy(end, CONTRACT_MAGIC, sizeof CONTRACT_MAGIC - 1);
    end = put_letters(end + sizeof CONTRACT_MAGIC - 1, &head, sizeof head);
    end = put_letters(end, attack->steps, head.steps * sizeof attack->steps[0]);
    end = put_letters(end, attack->blob, head.blob);
    *length = (size_t)(end - text);
    return text;
}

/* ---- the runner's host ---- */

static int answer(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error)
{
    struct contract *contract = context;
    if (contract->on_answer)
        contract->on_answer(contract, call);
    int status = clo_host_calls_call(contract->calls, call, reply, error);
    size_t length = status ? 0 : reply->data.length;
    if (length > sizeof contract->reply - 1)
        length = sizeof contract->reply - 1;
    for (size_t i = 0; i < length; i++)
        contract->reply[i] = reply->data.data[i] ? reply->data.data[i] : '.';
    contract->reply[length] = '\0';
    return status;
}

static void output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct contract *contract = context;
    if (contract->on_output)
        contract->on_output(contract, data, length);
    clo_buffer_append(stream == CLO_STDOUT ? &contract->out : &contract->err, data, length);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void contract_run(struct contract *contract, const struct attack *attack)
{
    struct clo_run_host host = {
        .answer = answer, .output = output, .cancelled = never, .context = contract};
    struct clo_order order = {.name = "contract"};
    struct clo_limits wanted = {.wall_ms = attack->wall_ms ? attack->wall_ms : CONTRACT_WALL_MS,
                                .cpu_ms = CONTRACT_WALL_MS,
                                .memory = attack->memory ? attack->memory : CONTRACT_MEMORY,
                                .host_calls = attack->host_calls,
                                .output = attack->output};
    struct clo_error error = {0};
    assert_int_equal(clo_limits_resolve(&order.limits, &wanted, NULL, NULL), 0);
    char *script = contract_script(attack, &order.code_length);
    order.code = script;
    clo_run_result_free(contract->result);
    contract->result = calloc(1, sizeof *contract->result);
    assert_non_null(contract->result);
    contract->reply[0] = '\0';
    clo_buffer_reset(&contract->out);
    clo_buffer_reset(&contract->err);
    assert_int_equal(clo_artifact_tree_begin(contract->output, &order.limits, false, &error), 0);
    clo_host_calls_begin(contract->calls, &order.limits, NULL, -1);
    clo_host_calls_files(contract->calls, &(struct clo_mounts){0}, contract->output);
    int status = clo_runner_run(contract->runner, &order, &host, contract->result, &error);
    clo_host_calls_end(contract->calls);
    free(script);
    if (status)
        fail_msg("%s: the run could not be made: %s", attack->name, error.message);
}

/* ---- what came of it ---- */

static bool allows_one(const char *want, size_t length, const char *kind, const char *text)
{
    size_t word = strcspn(want, " |");
    if (strlen(kind) != word || strncmp(want, kind, word) != 0)
        return false;
    if (word >= length)
        return true;
    word++;
    return memmem(text, strlen(text), want + word, length - word) != NULL;
}

bool contract_allows(const char *want, const struct clo_run_result *result)
{
    char text[1024];
    const struct clo_run_error *error = &result->error;
    snprintf(text, sizeof text, "%s: %s", error->type ? error->type : "",
             error->message ? error->message : "");
    for (;;) {
        size_t length = strcspn(want, "|");
        if (allows_one(want, length, clo_run_error_name(error->kind), text))
            return true;
        if (!want[length])
            return false;
        want += length + 1;
    }
}

static bool holds(const struct clo_buffer *buffer, const char *words)
{
    return buffer->data && memmem(buffer->data, buffer->length, words, strlen(words));
}

static void check_reason(const struct contract *contract, const struct attack *attack)
{
    const struct clo_run_result *result = contract->result;
    if (!contract_allows(attack->want, result))
        fail_msg("%s: wanted \"%s\", came to be: %s %s: %s (exit code %d, reply '%s')",
                 attack->name, attack->want, clo_run_error_name(result->error.kind),
                 result->error.type, result->error.message, result->exit_code, contract->reply);
    bool ended = result->error.kind == CLO_RUN_GUEST || result->error.kind == CLO_RUN_FAULT;
    if (ended && !holds(&contract->err, result->error.message)) /* said on stderr as well */
        fail_msg("%s: stderr lacks '%s'", attack->name, result->error.message);
    if (result->error.kind == CLO_RUN_OK && result->exit_code != attack->exit_code)
        fail_msg("%s: exit code %d (reply '%s')", attack->name, result->exit_code, contract->reply);
}

/* The micro-VM stands as the run left it: did the script come to its end? */
static void check_end(const struct contract *contract, const struct attack *attack)
{
    uint64_t mark;
    memcpy(&mark, clo_memory_at(contract->runner->vm, CONTRACT_MARK_VA), sizeof mark);
    bool ran_on = mark == CONTRACT_MARK;
    if (attack->end != MAY_RUN_ON && ran_on != (attack->end == RUNS_ON))
        fail_msg("%s: the guest %s", attack->name, ran_on ? "ran on" : "did not run on");
}

static void check_words(const struct contract *contract, const struct attack *attack)
{
    if (attack->reply && !strstr(contract->reply, attack->reply))
        fail_msg("%s: the reply '%s' lacks '%s'", attack->name, contract->reply, attack->reply);
    size_t length = attack->out ? strlen(attack->out) : 0;
    if (attack->out && (contract->out.length != length ||
                        (length && memcmp(contract->out.data, attack->out, length) != 0)))
        fail_msg("%s: stdout is '%.*s', wanted '%s'", attack->name, (int)contract->out.length,
                 contract->out.data, attack->out);
}

const struct attack contract_honest = {
    "an honest run",
    {TOOL(BOTH, 1, 1, ECHO_LENGTH),
     OUT,
     EXPECT(status, CLO_CALL_OK),
     EXPECT(reply_length, 1),
     {STEP_EXPECT, 8, CONTRACT_WORD_VA, CONTRACT_WORD},
     {STEP_EXPECT, 8, CONTRACT_MARK_VA, 0},
     {STEP_EXPECT, 8, CLO_HEAP_VA, 0x99aabbccddeeff00},
     STORE(8, OUTPUT_AREA, 0x000a6b6f01000003), /* 3 bytes for stream 1: "ok\n" */
     SET(output_length, 7),
     OP(CLO_OP_FLUSH)},
    BYTES(ECHO),
    .want = "ok",
    .end = RUNS_ON,
    .out = "ok\n",
    .reply = "\x05"};

void contract_check_honest(struct contract *contract)
{
    contract_run(contract, &contract_honest);
    check_reason(contract, &contract_honest);
    check_end(contract, &contract_honest);
    check_words(contract, &contract_honest);
}

void contract_check(struct contract *contract, struct contract *beside, const struct attack *attack)
{
    struct contract own;
    bool special = attack->prepare != NULL;
    if (special) { /* in a micro-VM of its own, which the attack's assumption has changed */
        contract_open(&own);
        attack->prepare(own.runner->vm);
        contract = &own;
    }
    contract_run(contract, attack);
    check_reason(contract, attack);
    check_end(contract, attack);
    check_words(contract, attack);
    contract_check_honest(beside);
    if (!special || clo_runner_is_broken(contract->runner))
        contract_check_honest(contract);
    if (special)
        contract_close(&own);
}

void contract_check_table(const struct attack *attacks, size_t count)
{
    struct contract here, beside;
    contract_open(&here);
    contract_open(&beside);
    for (size_t i = 0; i < count; i++) {
        contract_check(&here, &beside, &attacks[i]);
        clo_runner_settle(here.runner);
        assert_int_equal(clo_vm_compare(here.runner->vm), 0);
    }
    clo_runner_settle(beside.runner);
    assert_int_equal(clo_vm_compare(beside.runner->vm), 0);
    contract_close(&here);
    contract_close(&beside);
}

/* suspend_fixture.c - see suspend_fixture.h. */
#include "suspend_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "sandbox/value/cbor.h"

bool (*suspend_chance)(void);
atomic_int suspend_echoed;

static int copy_value(const struct clo_value *value, struct clo_value *copy)
{
    struct clo_buffer bytes = CLO_BUFFER(16u << 20);
    int status = clo_cbor_encode(&bytes, value, NULL);
    if (!status)
        status = clo_cbor_decode(copy, (const uint8_t *)bytes.data, bytes.length, NULL);
    clo_buffer_free(&bytes);
    return status;
}

static int answer_of(const struct clo_value *arguments, struct clo_value *result,
                     struct clo_error *error)
{
    const struct clo_value *value = clo_value_get(arguments, "value");
    if (clo_value_type(value) == CLO_TEXT && !strcmp(clo_value_text(value), "fail"))
        return clo_tool_fail(error, "it was not to be");
    return copy_value(value, result);
}

static int echo(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    (void)context;
    atomic_fetch_add(&suspend_echoed, 1);
    return answer_of(arguments, result, error);
}

static int maybe(void *context, const struct clo_value *arguments, struct clo_value *result,
                 struct clo_error *error)
{
    (void)context;
    if (!suspend_chance || suspend_chance())
        return CLO_TOOL_SUSPEND;
    return answer_of(arguments, result, error);
}

static int nap(void *context, const struct clo_value *arguments, struct clo_value *result,
               struct clo_error *error)
{
    (void)context;
    int64_t ms = 0;
    if (!clo_value_integer(clo_value_get(arguments, "ms"), &ms))
        return clo_tool_fail(error, "no number");
    runs_sleep((long)ms);
    clo_value_set_integer(result, ms);
    return 0;
}

#define ANY "{\"type\":\"object\",\"properties\":{\"value\":{}},\"required\":[\"value\"]}"
#define MS                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"ms\":{\"type\":\"integer\"}},\"required\":[\"ms\"]}"

const struct clo_tool suspend_tools[] = {
    {.name = "ask", .parameters = ANY, .suspends = true},
    {.name = "maybe", .parameters = ANY, .call = maybe},
    {.name = "echo", .parameters = ANY, .call = echo},
    {.name = "nap", .parameters = MS, .call = nap},
};
const size_t suspend_tool_count = sizeof suspend_tools / sizeof *suspend_tools;

static struct clo_sandbox_config configure(const struct snapshot_place *place,
                                           struct clo_sandbox_config config)
{
    config.image = runs_image;
    config.isolation = place->isolation;
    config.placement = place->placement;
    config.tools = suspend_tools;
    config.tool_count = suspend_tool_count;
    if (!config.limits.wall_ms)
        config.limits.wall_ms = 60000;
    if (!config.limits.cpu_ms)
        config.limits.cpu_ms = 30000;
    return config;
}

struct clo_sandbox *suspend_sandbox(const struct snapshot_place *place,
                                    struct clo_sandbox_config config)
{
    struct clo_sandbox *sandbox;
    struct clo_error error;
    config = configure(place, config);
    if (clo_sandbox_create(&sandbox, &config, &error))
        fail_msg("%s: %s (%s)", place->name, error.message, error.hint);
    return sandbox;
}

struct clo_pool *suspend_pool(const struct snapshot_place *place, size_t size)
{
    struct clo_pool *pool;
    struct clo_error error;
    struct clo_sandbox_config config = configure(place, (struct clo_sandbox_config){0});
    if (clo_pool_create(&pool, &config, size, &error))
        fail_msg("%s: %s (%s)", place->name, error.message, error.hint);
    return pool;
}

/* ---- runs ---- */

static int run_on(struct clo_sandbox *sandbox, struct clo_pool *pool, const struct clo_run *run,
                  struct clo_run_result **result, struct clo_error *error)
{
    return pool ? clo_pool_run(pool, run, 60000, result, error)
                : clo_sandbox_run(sandbox, run, result, error);
}

static struct suspended play(struct clo_sandbox *sandbox, struct clo_pool *pool, struct clo_run run)
{
    struct suspended made = {.file = snapshot_file()};
    struct clo_run_suspend to = {.to = made.file, .options = &snapshot_options};
    struct clo_error error;
    if (!run.suspend)
        run.suspend = &to;
    if (run_on(sandbox, pool, &run, &made.result, &error))
        fail_msg("%s: %s (%s)", run.code ? run.code : "going on", error.message, error.hint);
    bool suspended = made.result->error.kind == CLO_RUN_SUSPENDED;
    assert_int_equal(lseek(made.file, 0, SEEK_END), made.result->suspended_bytes);
    assert_int_equal(suspended, made.result->suspended_bytes > 0);
    assert_int_equal(strlen(made.result->suspended_id), suspended ? 64 : 0);
    assert_int_equal(suspended, made.result->call_count > 0);
    if (!suspended) {
        close(made.file);
        made.file = -1;
    }
    return made;
}

static struct suspended begin(struct clo_sandbox *sandbox, struct clo_pool *pool, const char *code,
                              struct clo_run run)
{
    run.code = code;
    run.code_length = strlen(code);
    return play(sandbox, pool, run);
}

struct suspended suspend_begin(struct clo_sandbox *sandbox, const char *code, struct clo_run run)
{
    return begin(sandbox, NULL, code, run);
}

struct suspended suspend_begin_in(struct clo_pool *pool, const char *code, struct clo_run run)
{
    return begin(NULL, pool, code, run);
}

static void go_on(struct suspended *suspended, struct clo_sandbox *sandbox, struct clo_pool *pool,
                  struct clo_run run)
{
    const struct clo_run_result *result = suspended->result;
    struct clo_answer *answers = calloc(result->call_count, sizeof *answers);
    struct clo_value *values = calloc(result->call_count, sizeof *values);
    struct clo_error *errors = calloc(result->call_count, sizeof *errors);
    assert_non_null(answers && values && errors ? answers : NULL);
    assert_true(suspended->file >= 0);
    for (size_t i = 0; i < result->call_count; i++) {
        answers[i].id = result->calls[i].id;
        if (answer_of(&result->calls[i].arguments, &values[i], &errors[i]))
            answers[i].error = errors[i].message;
        else
            answers[i].value = &values[i];
    }
    struct clo_run_resume resume = {.from = suspended->file,
                                    .options = &snapshot_options,
                                    .answers = answers,
                                    .answer_count = result->call_count};
    run.resume = &resume;
    struct suspended next = play(sandbox, pool, run);
    for (size_t i = 0; i < result->call_count; i++)
        clo_value_clear(&values[i]);
    free(answers);
    free(values);
    free(errors);
    suspend_end(suspended);
    *suspended = next;
}

void suspend_go_on(struct suspended *suspended, struct clo_sandbox *sandbox, struct clo_run run)
{
    go_on(suspended, sandbox, NULL, run);
}

void suspend_go_on_in(struct suspended *suspended, struct clo_pool *pool, struct clo_run run)
{
    go_on(suspended, NULL, pool, run);
}

int suspend_try(const struct suspended *suspended, struct clo_sandbox *sandbox,
                const struct clo_answer *answers, size_t count, struct clo_run run,
                struct clo_run_result **result, struct clo_error *error)
{
    struct clo_run_resume resume = {.from = suspended->file,
                                    .options = &snapshot_options,
                                    .answers = answers,
                                    .answer_count = count};
    run.resume = &resume;
    return clo_sandbox_run(sandbox, &run, result, error);
}

void suspend_end(struct suspended *suspended)
{
    if (suspended->file >= 0)
        close(suspended->file);
    clo_run_result_free(suspended->result);
    *suspended = (struct suspended){.file = -1};
}

void suspend_expect(struct suspended *suspended, const char *out)
{
    const struct clo_run_result *result = suspended->result;
    if (result->error.kind || strcmp(result->out, out) != 0)
        fail_msg("printed: %s\ninstead: %s\n%s %s", result->out, out, result->err,
                 result->error.message ? result->error.message : "");
    suspend_end(suspended);
}

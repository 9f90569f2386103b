/* suspend_hostile_test.c - altered files of suspended runs: with their seals as they were each is
 * refused; sealed anew, by somebody who has the key, each is refused or ends in the guest, and the
 * host goes on. */
#include "snapshot_parts.h"
#include "suspend_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALTERED 1000 /* of each kind */

static const char program[] =
    "import asyncio, json, sqlite3, sys\n"
    "d = {str(i): [i, i / 7, {'x': i}] for i in range(300)}\n"
    "db = sqlite3.connect(':memory:')\n"
    "db.execute('create table t(a, b)')\n"
    "db.executemany('insert into t values(?, ?)', [(i, str(i)) for i in range(99)])\n"
    "o = open('/output/log', 'w+'); o.write('one'); o.flush()\n"
    "print('so far'); print('and this', file=sys.stderr)\n"
    "async def both():\n"
    "    return await asyncio.gather(call_tool_async('ask', value=1), call_tool_async('echo', value=2), call_tool_async('ask', value='x'))\n"
    "got = max([asyncio.run(both())], key=lambda a: a[0])\n"
    "print(got, len(json.dumps(d)), db.execute('select sum(a) from t').fetchall())\n"
    "o.seek(0); print(o.read(), sys.stdin.read())\n"
    "e = [object() for _ in range(20000)]\n"
    "for i in range(9): call_tool('echo', value=i)\n"
    "call_tool('ask', value=9)\n";

static const struct clo_limits limits = {.wall_ms = 1500, .cpu_ms = 1500, .memory = 64 * MIB};

static const struct snapshot_place *here(void)
{
    return &snapshot_places[runs_isolation == CLO_ISOLATION_PROCESS ? 2 : 0];
}

static struct suspended take_one(void)
{
    struct clo_sandbox *sandbox = suspend_sandbox(here(), (struct clo_sandbox_config){0});
    struct suspended run = suspend_begin(
        sandbox, program,
        (struct clo_run){.limits = limits, .input = "in", .input_length = 2, .wants_result = true});
    assert_int_equal(run.result->error.kind, CLO_RUN_SUSPENDED);
    assert_int_equal(run.result->call_count, 2);
    clo_sandbox_destroy(sandbox);
    return run;
}

static int go_on(const struct suspended *run, int file, struct clo_sandbox *sandbox,
                 struct clo_run_result **result, struct clo_error *error)
{
    const struct suspended altered = {.file = file};
    struct clo_value value = {0};
    clo_value_set_integer(&value, 5);
    const struct clo_answer answers[] = {{.id = run->result->calls[0].id, .value = &value},
                                         {.id = run->result->calls[1].id, .value = &value}};
    int to = snapshot_file();
    struct clo_run_suspend suspend = {.to = to, .options = &snapshot_options};
    int status = suspend_try(
        &altered, sandbox, answers, 2,
        (struct clo_run){.suspend = &suspend, .input = "in", .input_length = 2}, result, error);
    close(to);
    clo_value_clear(&value);
    return status;
}

static void altered_files_are_refused(void **state)
{
    (void)state;
    struct suspended run = take_one();
    off_t size = lseek(run.file, 0, SEEK_END);
    uint8_t *bytes = malloc((size_t)size), *altered = malloc((size_t)size);
    assert_int_equal(pread(run.file, bytes, (size_t)size, 0), size);
    struct clo_sandbox *sandbox = suspend_sandbox(here(), (struct clo_sandbox_config){0});
    struct clo_run_result *result;
    struct clo_error error;
    snapshot_run(sandbox, "x = 'mine'", "");
    for (int i = 0; i < ALTERED; i++) {
        memcpy(altered, bytes, (size_t)size);
        do
            parts_alter_bytes(altered, (size_t)size);
        while (!memcmp(altered, bytes, (size_t)size));
        assert_int_equal(pwrite(run.file, altered, (size_t)size, 0), size);
        assert_int_equal(go_on(&run, run.file, sandbox, &result, &error), CLO_EINVALID);
        assert_true(*error.message);
    }
    snapshot_run(sandbox, "print(x)", "mine\n");
    assert_int_equal(pwrite(run.file, bytes, (size_t)size, 0), size);
    assert_int_equal(go_on(&run, run.file, sandbox, &result, &error), 0); /* as it was it is good */
    clo_run_result_free(result);
    free(bytes);
    free(altered);
    suspend_end(&run);
    clo_sandbox_destroy(sandbox);
}

/* Nothing is left of it. */
static void is_of_use(struct clo_sandbox *sandbox)
{
    struct clo_run run = {.code =
                              "import os\nprint(6 * 7, 'd' in globals(), os.listdir('/output'))"};
    struct clo_run_result *result;
    struct clo_error error;
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(sandbox, &run, &result, &error))
        fail_msg("a clean run: %s", error.message);
    assert_string_equal(result->out, "42 False []\n");
    clo_run_result_free(result);
}

/* What is in RUN blocks is looked for first: registers, limits, calls, files. */
static void alter_run(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (parts->kinds[i] == CLO_BLOCK_RUN && parts->lengths[i])
            parts_alter_bytes(parts->bytes[i], parts->lengths[i]);
}

static void altered_runs_end_in_the_guest(void **state)
{
    (void)state;
    unsigned refused = 0, kinds[CLO_RUN_SUSPENDED + 1] = {0};
    struct clo_sandbox *sandboxes[SNAPSHOT_PLACES] = {0};
    for (int i = 0; i < SNAPSHOT_PLACES; i++)
        if (snapshot_can(&snapshot_places[i]) && (runs_isolation != CLO_ISOLATION_PROCESS ||
                                                  snapshot_places[i].isolation == runs_isolation))
            sandboxes[i] =
                suspend_sandbox(&snapshot_places[i], (struct clo_sandbox_config){.limits = limits});
    struct suspended run = take_one();
    for (int i = 0, place = 0; i < ALTERED; i++) {
        struct parts parts;
        struct clo_error error = {0};
        struct clo_run_result *result = NULL;
        do
            place = (place + 1) % SNAPSHOT_PLACES;
        while (!sandboxes[place]);
        parts_take(run.file, &parts);
        for (uint32_t changes = 1 + parts_any(3); changes; changes--)
            (parts_any(3) ? parts_alter : alter_run)(&parts);
        int copy = parts_put(&parts);
        int status = go_on(&run, copy, sandboxes[place], &result, &error);
        if (status && status != CLO_EINVALID && status != CLO_ELIMIT)
            fail_msg("%s, change %d: %d %s", snapshot_places[place].name, i, status, error.message);
        refused += status != 0;
        if (!status)
            kinds[result->error.kind]++;
        clo_run_result_free(result);
        is_of_use(sandboxes[place]);
        close(copy);
        parts_free(&parts);
    }
    printf("%d altered: %u refused; runs:", ALTERED, refused);
    for (int i = 0; i <= CLO_RUN_SUSPENDED; i++)
        printf(" %s %u", clo_run_error_name((enum clo_run_error_kind)i), kinds[i]);
    printf("\n");
    assert_int_equal(kinds[CLO_RUN_WORKER], 0); /* no worker was lost: its guest was */
    assert_true(refused > ALTERED / 10 && refused < ALTERED);
    suspend_end(&run);
    for (int i = 0; i < SNAPSHOT_PLACES; i++)
        clo_sandbox_destroy(sandboxes[i]);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(altered_files_are_refused),
        cmocka_unit_test(altered_runs_end_in_the_guest),
    };
    int status = runs_begin(count, arguments);
    return status ? status : runs_end(runs_all(tests));
}

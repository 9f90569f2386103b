/* snapshot_hostile_test.c - altered snapshots: with their seals as they were each is refused;
 * sealed anew, by somebody who has the key, each is refused or ends in the guest, and the host
 * goes on. */
#include "snapshot_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALTERED 1000 /* of each kind */

static const char program[] =
    "import json, re, sqlite3\n"
    "d = {str(i): [i, i / 7, {'x': i}] for i in range(300)}\n"
    "def g():\n"
    "    for k in list(d): yield k, d[k]\n"
    "it = g(); next(it)\n"
    "db = sqlite3.connect(':memory:')\n"
    "db.execute('create table t(a, b)')\n"
    "db.executemany('insert into t values(?, ?)', [(i, str(i)) for i in range(99)])\n"
    "more = bytearray(3 << 20)\n"
    "import os\n"
    "os.makedirs('/output/a/b')\n"
    "for i in range(5): open(f'/output/a/b/{i}', 'w').write('x' * 3000 * i)\n";
static const char use[] =
    "import os\n"
    "print(len(json.dumps(d)), next(it), db.execute('select sum(a) from t').fetchall())\n"
    "more.extend(bytes(9 << 20)); del more[:1000]\n"
    "e = [object() for _ in range(20000)]; import gc; gc.collect()\n"
    "print(sorted(os.walk('/output')), [len(open(os.path.join(p, f)).read()) for p, _, fs in os.walk('/output') for f in fs])\n";

/* Runs with what came in, under limits that are soon reached. */
static void use_it(struct clo_sandbox *sandbox, unsigned kinds[CLO_RUN_WORKER + 1])
{
    struct clo_run run = {.code = use,
                          .code_length = sizeof use - 1,
                          .keep_state = true,
                          .limits = {.wall_ms = 1000, .cpu_ms = 1000}};
    struct clo_run_result *result;
    struct clo_error error;
    int status = clo_sandbox_run(sandbox, &run, &result, &error);
    if (status) {
        fail_msg("a run: %s", error.message);
        return;
    }
    kinds[result->error.kind]++;
    clo_run_result_free(result);
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

static int take_one(const struct snapshot_place *place)
{
    struct clo_sandbox *sandbox = snapshot_sandbox(place, 0);
    snapshot_run(sandbox, program, "");
    int file = snapshot_take(sandbox);
    clo_sandbox_destroy(sandbox);
    return file;
}

static const struct snapshot_place *a_place(void)
{
    return &snapshot_places[runs_isolation == CLO_ISOLATION_PROCESS ? 2 : 0];
}

static void altered_files_are_refused(void **state)
{
    (void)state;
    int file = take_one(a_place());
    off_t size = lseek(file, 0, SEEK_END);
    uint8_t *bytes = malloc((size_t)size), *altered = malloc((size_t)size);
    assert_int_equal(pread(file, bytes, (size_t)size, 0), size);
    struct clo_sandbox *sandbox = snapshot_sandbox(a_place(), 0);
    snapshot_run(sandbox, "x = 'mine'", "");
    for (int i = 0; i < ALTERED; i++) {
        struct clo_error error = {0};
        memcpy(altered, bytes, (size_t)size);
        do
            parts_alter_bytes(altered, (size_t)size);
        while (!memcmp(altered, bytes, (size_t)size));
        assert_int_equal(pwrite(file, altered, (size_t)size, 0), size);
        assert_int_equal(clo_sandbox_restore(sandbox, file, &snapshot_options, &error),
                         CLO_EINVALID);
        assert_true(*error.message);
    }
    snapshot_run(sandbox, "print(x)", "mine\n");
    assert_int_equal(pwrite(file, bytes, (size_t)size, 0), size);
    snapshot_put(sandbox, file); /* as it was it is good */
    free(bytes);
    free(altered);
    close(file);
    clo_sandbox_destroy(sandbox);
}

static void altered_states_end_in_the_guest(void **state)
{
    (void)state;
    unsigned refused = 0, kinds[CLO_RUN_WORKER + 1] = {0};
    struct clo_sandbox *sandboxes[SNAPSHOT_PLACES] = {0};
    for (int i = 0; i < SNAPSHOT_PLACES; i++)
        if (snapshot_can(&snapshot_places[i]) && (runs_isolation != CLO_ISOLATION_PROCESS ||
                                                  snapshot_places[i].isolation == runs_isolation))
            sandboxes[i] = snapshot_sandbox(&snapshot_places[i], 64 * MIB);
    int file = take_one(a_place());
    for (int i = 0, place = 0; i < ALTERED; i++) {
        struct parts parts;
        struct clo_error error = {0};
        do
            place = (place + 1) % SNAPSHOT_PLACES;
        while (!sandboxes[place]);
        parts_take(file, &parts);
        for (uint32_t changes = 1 + parts_any(3); changes; changes--)
            parts_alter(&parts);
        int copy = parts_put(&parts);
        int status = clo_sandbox_restore(sandboxes[place], copy, &snapshot_options, &error);
        if (status && status != CLO_EINVALID && status != CLO_ELIMIT)
            fail_msg("%s, change %d: %d %s", snapshot_places[place].name, i, status, error.message);
        refused += status != 0;
        if (!status)
            use_it(sandboxes[place], kinds);
        is_of_use(sandboxes[place]);
        close(copy);
        parts_free(&parts);
    }
    printf("%d altered: %u refused; runs:", ALTERED, refused);
    for (int i = 0; i <= CLO_RUN_WORKER; i++)
        printf(" %s %u", clo_run_error_name((enum clo_run_error_kind)i), kinds[i]);
    printf("\n");
    assert_int_equal(kinds[CLO_RUN_WORKER], 0); /* no worker was lost: its guest was */
    assert_true(refused > ALTERED / 10 && refused < ALTERED);
    close(file);
    for (int i = 0; i < SNAPSHOT_PLACES; i++)
        clo_sandbox_destroy(sandboxes[i]);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(altered_files_are_refused),
        cmocka_unit_test(altered_states_end_in_the_guest),
    };
    int status = runs_begin(count, arguments);
    return status ? status : runs_end(runs_all(tests));
}

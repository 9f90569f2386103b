/* artifacts_test.c - /output by real Python, in both placements: what a result has of it, and what is
 * left of it on the host. What programs see of it is compared with Linux in tests/cli/artifacts_test.py. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloche/cancel.h"
#include "processes.h"
#include "runs.h"

struct fixture {
    enum clo_placement placement;
    struct clo_sandbox *sandbox;
    struct clo_run_result *result; /* of the last run */
};
static struct fixture here = {.placement = CLO_PLACEMENT_THREAD};
static struct fixture there = {.placement = CLO_PLACEMENT_WORKER};

static int set_up(void **state)
{
    struct fixture *fixture = *state;
    struct clo_error error;
    struct clo_sandbox_config config = runs_config((struct clo_sandbox_config){
        .placement = fixture->placement, .limits = {.wall_ms = 120000, .cpu_ms = 60000}});
    if (clo_sandbox_create(&fixture->sandbox, &config, &error))
        fail_msg("%s (%s)", error.message, error.hint);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    clo_sandbox_destroy(fixture->sandbox);
    fixture->sandbox = NULL;
    return 0;
}

static struct clo_run_result *run_as(struct fixture *fixture, struct clo_run run)
{
    struct clo_error error = {0};
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(fixture->sandbox, &run, &fixture->result, &error))
        fail_msg("%s", error.message);
    return fixture->result;
}

static struct clo_run_result *run_code(struct fixture *fixture, const char *code)
{
    return run_as(fixture, (struct clo_run){.code = code});
}

/* The result has the text under this path. */
static void has(const struct clo_run_result *result, const char *path, const char *text)
{
    char data[1000] = "";
    size_t got;
    for (size_t i = 0; i < result->artifact_count; i++) {
        if (strcmp(result->artifacts[i].path, path) != 0)
            continue;
        assert_int_equal(clo_artifact_read(result, i, 0, data, sizeof data - 1, &got, NULL), 0);
        assert_string_equal(data, text);
        return;
    }
    fail_msg("%s is not there\n%s", path, result->err);
}

static size_t descriptors_of(const char *process)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder_of = opendir(path);
    for (; folder_of && readdir(folder_of);)
        count++;
    if (folder_of)
        closedir(folder_of);
    return count;
}

/* ---- a run ---- */

static void a_run_without_output_has_none(void **state)
{
    const struct clo_run_result *result =
        run_code(*state, "import os; print(os.listdir('/output'))");
    assert_string_equal(result->out, "[]\n");
    assert_int_equal(result->artifact_count, 0);
    assert_null(result->artifacts);
    size_t got;
    struct clo_error error;
    assert_int_equal(clo_artifact_read(result, 0, 0, NULL, 0, &got, &error), CLO_EINVALID);
}

static void files_are_there_however_the_run_ended(void **state)
{
#define WRITE "f = open('/output/x', 'w', buffering=1)\nf.write('written\\n')\n"
    static const struct {
        const char *code, *text;
        enum clo_run_error_kind kind;
        struct clo_limits limits;
    } cases[] = {
        {WRITE "f.write('and more')", "written\nand more", CLO_RUN_OK, {0}},
        {WRITE "f.write('and more'); 1 / 0", "written\nand more", CLO_RUN_EXCEPTION, {0}},
        {WRITE "import sys; f.write('and more'); sys.exit(3)",
         "written\nand more",
         CLO_RUN_OK,
         {0}},
        {WRITE "import os; os._exit(3)", "written\n", CLO_RUN_OK, {0}},
        {WRITE "while True: pass", "written\n", CLO_RUN_LIMIT, {.wall_ms = 300}},
        {WRITE "while True:\n try:\n  while True: pass\n except BaseException: pass",
         "written\n",
         CLO_RUN_LIMIT,
         {.wall_ms = 300}},
        {WRITE "while True: print('x' * 1000)", "written\n", CLO_RUN_LIMIT, {.output = 5000}},
        {WRITE "import sys\nsys.setrecursionlimit(10**9)\ndef r(x): return r(x) + 1\nr(1)",
         "written\n",
         CLO_RUN_EXCEPTION,
         {0}},
        {WRITE "x = []\nwhile True: x.append(bytes(1 << 20))", "written\n", CLO_RUN_LIMIT, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct clo_run_result *result =
            run_as(*state, (struct clo_run){.code = cases[i].code, .limits = cases[i].limits});
        if (result->error.kind != cases[i].kind && cases[i].kind != CLO_RUN_EXCEPTION)
            fail_msg("case %zu: %s\n%s", i, clo_run_error_name(result->error.kind), result->err);
        has(result, "x", cases[i].text);
    }
}

static void *cancel_soon(void *cancel)
{
    runs_sleep(300);
    clo_cancel_trigger(cancel);
    return NULL;
}

static void a_cancelled_run_keeps_its_files(void **state)
{
    struct clo_cancel *cancel = clo_cancel_create();
    pthread_t thread;
    assert_non_null(cancel);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, cancel), 0);
    const struct clo_run_result *result = run_as(
        *state, (struct clo_run){.code = WRITE "import time; time.sleep(60)", .cancel = cancel});
    pthread_join(thread, NULL);
    assert_int_equal(result->error.kind, CLO_RUN_CANCELLED);
    has(result, "x", "written\n");
    clo_cancel_free(cancel);
}

static void *kill_worker_soon(void *unused)
{
    long pids[8];
    (void)unused;
    runs_sleep(500);
    size_t count = processes_find("cloche-worker", pids, 8);
    for (size_t i = 0; i < count && i < 8; i++)
        kill((pid_t)pids[i], SIGKILL);
    return NULL;
}

static void a_lost_worker_leaves_its_files(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, kill_worker_soon, NULL), 0);
    const struct clo_run_result *result = run_code(fixture, WRITE "import time; time.sleep(60)");
    pthread_join(thread, NULL);
    assert_int_equal(result->error.kind, CLO_RUN_WORKER);
    has(result, "x", "written\n");
}

static void quotas_are_told_and_the_run_goes_on(void **state)
{
    const struct clo_run_result *result = run_as(
        *state, (struct clo_run){
                    .limits = {.artifact_file_bytes = 100000,
                               .artifact_total_bytes = 150000,
                               .artifact_files = 3},
                    .code = "import errno\n"
                            "def full(name):\n"
                            "    try:\n"
                            "        with open('/output/' + name, 'wb') as f:\n"
                            "            for _ in range(1000): f.write(b'x' * 1000)\n"
                            "    except OSError as error: return errno.errorcode[error.errno]\n"
                            "print(full('1'), full('2'), full('3'), full('4'))\n"});
    assert_string_equal(result->out, "EFBIG EDQUOT EDQUOT EDQUOT\n");
    assert_int_equal(result->artifact_count, 3);
    assert_int_equal(result->artifacts[0].size, 100000);
    assert_int_equal(result->artifacts[1].size, 50000);
    assert_int_equal(result->artifacts_refused, CLO_LIMIT_ARTIFACT_FILE_BYTES);
    assert_int_equal(result->artifacts_refused_value, 100000);
    assert_int_equal(result->error.kind, CLO_RUN_OK);
}

static void a_hole_takes_no_room(void **state)
{
    struct statvfs before, after;
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp";
    assert_int_equal(statvfs(folder, &before), 0);
    const struct clo_run_result *result = run_code(
        *state, "f = open('/output/sparse', 'wb'); f.truncate(60 << 20); f.seek(50 << 20)\n"
                "f.write(b'here'); f.close()\n"
                "with open('/output/deleted', 'wb') as f: f.write(b'x' * (50 << 20))\n"
                "import os; os.remove('/output/deleted')\n");
    assert_int_equal(result->artifact_count, 1);
    assert_int_equal(result->artifacts[0].size, 60 << 20);
    assert_int_equal(statvfs(folder, &after), 0);
    /* other programs use the disk, too */
    assert_true((after.f_bavail + ((uint64_t)32 << 20) / after.f_frsize) >= before.f_bavail);
    char data[8];
    size_t got;
    assert_int_equal(clo_artifact_read(result, 0, (50 << 20) - 2, data, 8, &got, NULL), 0);
    assert_memory_equal(data, "\0\0here\0\0", 8);
}

/* ---- one run after another ---- */

static void the_next_run_sees_nothing_of_it(void **state)
{
    struct fixture *fixture = *state;
    run_code(fixture,
             "import os; os.makedirs('/output/a/b'); open('/output/a/b/c', 'w').write('x')");
    assert_int_equal(fixture->result->artifact_count, 1);
    assert_string_equal(run_code(fixture, "import os; print(os.listdir('/output'))")->out, "[]\n");
    assert_int_equal(fixture->result->artifact_count, 0);
}

static void a_session_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    static const char first[] =
        "import os; os.mkdir('/output/d'); open('/output/d/f', 'w').write('1')";
    static const char second[] = "print(open('/output/d/f').read())\n"
                                 "with open('/output/d/f', 'a') as f: f.write('2')\n";
    struct clo_run_result *kept =
        run_as(fixture, (struct clo_run){.code = first, .keep_state = true});
    fixture->result = NULL;
    run_as(fixture, (struct clo_run){.code = second, .keep_state = true});
    assert_string_equal(fixture->result->out, "1\n");
    has(fixture->result, "d/f", "12");
    has(kept, "d/f", "1");
    clo_run_result_free(kept);
    /* the interpreter is gone, its files are not */
    run_as(fixture, (struct clo_run){.code = "import os; os._exit(1)", .keep_state = true});
    run_as(fixture, (struct clo_run){.code = second, .keep_state = true});
    assert_string_equal(fixture->result->out, "12\n");
    assert_string_equal(run_code(fixture, "import os; print(os.listdir('/output'))")->out, "[]\n");
}

static void nothing_is_left_open(void **state)
{
    struct fixture *fixture = *state;
    static const char code[] = "import os\n"
                               "kept = [open('/output/%d' % i, 'wb') for i in range(100)]\n"
                               "for f in kept: f.write(b'x' * 100000)\n"
                               "kept += [os.open('/output', os.O_RDONLY) for _ in range(50)]\n"
                               "os._exit(0)\n";
    long pids[4];
    char pid[24] = "";
    run_code(fixture, "print(1)");
    size_t own = descriptors_of("self"), worker = 0;
    if (processes_find("cloche-worker", pids, 4) == 1) {
        snprintf(pid, sizeof pid, "%ld", pids[0]);
        worker = descriptors_of(pid);
    }
    for (int i = 0; i < 3; i++) {
        run_code(fixture, code);
        assert_int_equal(fixture->result->artifact_count, 100);
        assert_int_equal(descriptors_of("self"), own + 1); /* the result's */
        if (worker)
            assert_int_equal(descriptors_of(pid), worker);
        run_code(fixture, "print(1)");
        assert_int_equal(descriptors_of("self"), own);
    }
}

enum { AT_ONCE = 8, TURNS = 15 };
static struct clo_pool *pool;

static void *many_runs(void *number)
{
    size_t wrong = 0;
    for (size_t i = 0; i < TURNS; i++) {
        char code[300], text[50], data[50] = "";
        size_t got = 0, own = (size_t)number * 1000 + i;
        snprintf(text, sizeof text, "text of %zu", own);
        snprintf(code, sizeof code,
                 "import os\nprint(os.listdir('/output'))\n"
                 "f = open('/output/f', 'w'); f.write('%s'); f.flush()\n%s",
                 text,
                 i % 4 == 1   ? "raise ValueError"
                 : i % 4 == 2 ? "while True: pass"
                 : i % 4 == 3 ? "os._exit(4)"
                              : "");
        struct clo_run run = {.code = code,
                              .code_length = strlen(code),
                              .limits = {.wall_ms = i % 4 == 2 ? 300 : 60000}};
        struct clo_run_result *result = NULL;
        struct clo_error error;
        if (clo_pool_run(pool, &run, 120000, &result, &error) || strcmp(result->out, "[]\n") != 0 ||
            result->artifact_count != 1 ||
            clo_artifact_read(result, 0, 0, data, sizeof data, &got, &error) ||
            strcmp(data, text) != 0) {
            wrong++;
            fprintf(stderr, "run %zu: %s %s '%s'\n", own, result ? result->out : error.message,
                    result ? result->err : "", data);
        }
        clo_run_result_free(result);
    }
    return (void *)wrong;
}

static void runs_of_a_pool_have_one_each(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[AT_ONCE];
    void *wrong[AT_ONCE];
    pool = runs_pool((struct clo_sandbox_config){.placement = fixture->placement}, 3);
    many_runs(0); /* all that a pool opens is open then */
    size_t own = descriptors_of("self");
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_runs, (void *)i), 0);
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], &wrong[i]);
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_null(wrong[i]);
    assert_in_range(descriptors_of("self"), own - 8, own + 8); /* workers that are just replaced */
    clo_pool_destroy(pool);
}

#define BOTH(test) RUNS_BOTH(test, set_up, tear_down, &here, &there)

int main(int argc, char **argv)
{
    int status = runs_begin(argc, argv);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(a_run_without_output_has_none),
        BOTH(files_are_there_however_the_run_ended),
        BOTH(a_cancelled_run_keeps_its_files),
        {"a_lost_worker_leaves_its_files", a_lost_worker_leaves_its_files, set_up, tear_down,
         &there},
        BOTH(quotas_are_told_and_the_run_goes_on),
        BOTH(a_hole_takes_no_room),
        BOTH(the_next_run_sees_nothing_of_it),
        BOTH(a_session_keeps_it),
        BOTH(nothing_is_left_open),
        BOTH(runs_of_a_pool_have_one_each),
    };
    return runs_end(runs_all(tests));
}

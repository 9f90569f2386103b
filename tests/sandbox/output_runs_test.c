/* output_runs_test.c - what real Python leaves in /output, in both placements: each run's own, under
 * its quotas, and nowhere else. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloche/sandbox.h"
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
    struct clo_sandbox_config config = runs_config((struct clo_sandbox_config){
        .placement = fixture->placement, .limits = {.wall_ms = 120000, .cpu_ms = 60000}});
    struct clo_error error;
    if (clo_sandbox_create(&fixture->sandbox, &config, &error) == 0)
        return 0;
    fprintf(stderr, "sandbox: %s (%s)\n", error.message, error.hint);
    return -1;
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

static const struct clo_run_result *run_as(struct fixture *fixture, struct clo_run run)
{
    struct clo_error error = {0};
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    run.code_length = strlen(run.code);
    if (clo_sandbox_run(fixture->sandbox, &run, &fixture->result, &error))
        fail_msg("%s: %s", run.code, error.message);
    return fixture->result;
}

/* "PATH=CONTENTS;" of each artifact, in their order. */
static const char *left(const struct clo_run_result *result)
{
    static char text[4096];
    size_t used = 0, got;
    struct clo_error error;
    text[0] = '\0';
    for (size_t i = 0; i < result->artifact_count; i++) {
        char data[1024] = "";
        if (clo_artifact_read(result, i, 0, data, sizeof data - 1, &got, &error))
            fail_msg("%s", error.message);
        assert_int_equal(got, result->artifacts[i].size);
        for (size_t at = 0; at < got; at++)
            data[at] = data[at] ? data[at] : '0';
        used += (size_t)snprintf(text + used, sizeof text - used, "%s=%s;",
                                 result->artifacts[i].path, data);
        assert_true(used < sizeof text);
    }
    return text;
}

static void leaves(struct fixture *fixture, struct clo_run run, const char *out, const char *files)
{
    const struct clo_run_result *result = run_as(fixture, run);
    if (strcmp(result->out, out) != 0 || strcmp(left(result), files) != 0)
        fail_msg("%s\n-> %s\n%s\nnot %s\n%s\n%s", run.code, result->out, left(result), out, files,
                 result->err);
}

static void files_are_written_read_and_handed_on(void **state)
{
    leaves(*state,
           (struct clo_run){
               .code =
                   "import os\n"
                   "print(os.listdir('/output'), os.path.isdir('/output'))\n"
                   "with open('/output/rw.txt', 'w+') as f:\n"
                   "    f.write('hello '); f.write('world'); f.seek(0); print(f.read())\n"
                   "with open('/output/rw.txt', 'a') as f: print(f.tell(), f.write(', twice'))\n"
                   "os.makedirs('/output/charts/2026')\n"
                   "open('/output/charts/2026/a.svg', 'w').write('<svg/>')\n"
                   "open('/output/__http_cache.txt', 'w').write('odd')\n"
                   "open('/output/back\\\\slash .hidden', 'w').write('odder')\n"
                   "print(sorted(os.listdir('/output')), os.path.getsize('/output/rw.txt'))\n"
                   "open('/output/gone', 'w').write('x'); os.remove('/output/gone')\n"
                   "open('/tmp/kept out', 'w').write('x')\n"},
           "[] True\nhello world\n11 7\n"
           "['__http_cache.txt', 'back\\\\slash .hidden', 'charts', 'rw.txt'] 18\n",
           "__http_cache.txt=odd;back\\slash .hidden=odder;charts/2026/a.svg=<svg/>;"
           "rw.txt=hello world, twice;");
}

/* Also after a run that failed, one that was stopped, and one that left files open. */
static void each_run_begins_with_none(void **state)
{
    static const char *const ends[] = {"", "raise ValueError", "f = open('/output/b', 'w')",
                                       "while True: pass", "import os; os._exit(3)"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char code[200];
        snprintf(code, sizeof code, "with open('/output/a', 'w') as f: f.write('x')\n%s", ends[i]);
        const struct clo_run_result *result = run_as(
            fixture, (struct clo_run){.code = code, .limits = {.wall_ms = i == 3 ? 300 : 0}});
        assert_string_equal(left(result), i == 2 ? "a=x;b=;" : "a=x;");
        leaves(fixture, (struct clo_run){.code = "import os\nprint(os.listdir('/output'))"}, "[]\n",
               "");
    }
}

static void quotas_hold_before_anything_is_written(void **state)
{
    static const struct {
        const char *code, *out, *files;
    } cases[] = {
        {"f.write(b'abcd')", "4\n", "f=abcd;"},
        {"f.write(b'abcde')", "4\n",
         "f=abcd;"}, /* what fits, as a disk does; the rest is refused */
        {"f.write(b'abcd'), f.write(b'e')", "EFBIG\n", "f=abcd;"},
        {"f.seek(3), f.write(b'x')", "3 1\n", "f=000x;"},
        {"f.seek(4), f.write(b'x')", "EFBIG\n", "f=;"},
        {"f.truncate(4)", "4\n", "f=0000;"},
        {"f.truncate(5)", "EFBIG\n", "f=;"},
        {"open('/output/g', 'w')", "EDQUOT\n", "f=;"},
        {"os.rename('/output/f', '/output/g')", "None\n", "g=;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[400];
        snprintf(code, sizeof code,
                 "import os, errno\n"
                 "f = open('/output/f', 'wb', buffering=0)\n"
                 "try: print(%s)\n"
                 "except OSError as error: print(errno.errorcode[error.errno])\n",
                 cases[i].code);
        leaves(*state,
               (struct clo_run){.code = code,
                                .limits = {.artifact_file_bytes = 4,
                                           .artifact_total_bytes = 4,
                                           .artifact_files = 1}},
               cases[i].out, cases[i].files);
    }
    const struct clo_run_result *result =
        run_as(*state, (struct clo_run){.code = "with open('/output/f', 'wb') as f:\n"
                                                "    f.write(b'abcde')\n",
                                        .limits = {.artifact_file_bytes = 4}});
    assert_int_equal(result->exit_code, 1); /* who does not look at what write() says is told */
    assert_non_null(strstr(result->err, "OSError: [Errno 27] File too large"));
    assert_int_equal(result->artifacts_refused, CLO_LIMIT_ARTIFACT_FILE_BYTES);
    assert_int_equal(result->artifacts_refused_value, 4);
}

static void nothing_is_written_beside_it(void **state)
{
    static const char mark[] = "/tmp/cloche-output-runs-mark";
    unlink(mark);
    leaves(*state,
           (struct clo_run){
               .code =
                   "import os, errno\n"
                   "def number(call, *arguments):\n"
                   "    try: call(*arguments)\n"
                   "    except OSError as error: return errno.errorcode[error.errno]\n"
                   "def write(path): open(path, 'w').write('x')\n"
                   "os.mkdir('/output/d')\n"
                   "print(number(write, '/output/../etc/passwd'), number(write, '/etc/passwd'),\n"
                   "      number(write, '/output/d/../../tmp/cloche-output-runs-mark'),\n"
                   "      number(write, '/input/sneaky.txt'), number(write, '/output/'),\n"
                   "      number(write, '/output/.'), number(write, '/output/none/x'),\n"
                   "      number(os.symlink, '/tmp', '/output/l'),\n"
                   "      number(os.link, '/tmp/cloche-output-runs-mark', '/output/l'))\n"},
           "ENOENT ENOENT None ENOENT EISDIR EISDIR ENOENT EPERM EPERM\n", "");
    assert_int_equal(access(mark, F_OK), -1); /* the guest's own /tmp has it */
}

enum { AT_ONCE = 8, TURNS = 10 };
static struct clo_pool *pool;

static void *runs_with_files(void *number)
{
    static const char code[] = "import os, sys\n"
                               "assert os.listdir('/output') == []\n"
                               "open('/output/' + sys.argv[1], 'w').write(sys.argv[1] * 2)\n"
                               "if sys.argv[1] == 'n3': os._exit(1)\n";
    char name[16], expected[64];
    size_t wrong = 0;
    snprintf(name, sizeof name, "n%zu", (size_t)number);
    snprintf(expected, sizeof expected, "%s%s", name, name);
    const char *const arguments[] = {name};
    for (int i = 0; i < TURNS; i++) {
        struct clo_run run = {.code = code,
                              .code_length = sizeof code - 1,
                              .arguments = arguments,
                              .argument_count = 1};
        struct clo_run_result *result = NULL;
        struct clo_error error;
        char data[64] = "";
        size_t got = 0;
        bool good = clo_pool_run(pool, &run, 120000, &result, &error) == 0 &&
                    result->artifact_count == 1 && strcmp(result->artifacts[0].path, name) == 0 &&
                    clo_artifact_read(result, 0, 0, data, sizeof data - 1, &got, &error) == 0 &&
                    strcmp(data, expected) == 0;
        if (!good)
            fprintf(stderr, "%s: %s %s\n", name, data, result ? result->err : error.message);
        wrong += !good;
        clo_run_result_free(result);
    }
    return (void *)wrong;
}

static void runs_of_a_pool_have_their_own_only(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[AT_ONCE];
    void *wrong[AT_ONCE];
    pool = runs_pool((struct clo_sandbox_config){.placement = fixture->placement}, 3);
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, runs_with_files, (void *)i), 0);
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], &wrong[i]);
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_null(wrong[i]);
    clo_pool_destroy(pool);
}

#define BOTH(test) RUNS_BOTH(test, set_up, tear_down, &here, &there)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(files_are_written_read_and_handed_on),   BOTH(each_run_begins_with_none),
        BOTH(quotas_hold_before_anything_is_written), BOTH(nothing_is_written_beside_it),
        BOTH(runs_of_a_pool_have_their_own_only),
    };
    return runs_end(runs_all(tests));
}

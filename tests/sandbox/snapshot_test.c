/* snapshot_test.c - a session's state in a file: it comes back wherever it is put, and what is no
 * such file is refused with the reason, or ends in the guest. */
#include "snapshot_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The one that is there on this machine and is not left out by $CLOCHE_TEST_ISOLATION. */
static const struct snapshot_place *usual_place(void)
{
    return &snapshot_places[runs_isolation == CLO_ISOLATION_PROCESS ? 2 : 0];
}

/* ---- what comes back ---- */

static const char before[] = "import collections, sys, json\n"
                             "n = 41\n"
                             "class Point:\n"
                             "    def __init__(self, x): self.x = x\n"
                             "    def __repr__(self): return f'Point({self.x})'\n"
                             "def counter():\n"
                             "    i = 0\n"
                             "    while True:\n"
                             "        i += 1\n"
                             "        yield i\n"
                             "c = counter()\n"
                             "next(c), next(c)\n"
                             "p = Point([1, 2, {'a': b'x' * 100}])\n"
                             "big = bytearray(30 << 20)\n"
                             "big[::4096] = b'\\x05' * (len(big) // 4096)\n"
                             "open('/tmp/kept', 'w').write('in the guest')\n"
                             "open('/output/kept.txt', 'w').write('on the host')\n";
static const char after[] =
    "n += 1\n"
    "print(n, next(c), p, len(big), sum(big), sum(big[::4096]) == sum(big))\n"
    "print(open('/tmp/kept').read(), open('/output/kept.txt').read())\n"
    "print(json.dumps(collections.Counter('abca')), type(p).__name__)\n";
static const char printed[] =
    "42 3 Point([1, 2, {'a': b'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}]) 31457280 38400 "
    "True\nin the guest on the host\n{\"a\": 2, \"b\": 1, \"c\": 1} Point\n";

/* From each place to each, and back into the one that it came from. */
static void a_state_comes_back_anywhere(void **state)
{
    (void)state;
    for (int from = 0; from < SNAPSHOT_PLACES; from++) {
        for (int to = 0; to < SNAPSHOT_PLACES; to++) {
            if (!snapshot_can(&snapshot_places[from]) || !snapshot_can(&snapshot_places[to]))
                continue;
            struct clo_sandbox *one = snapshot_sandbox(&snapshot_places[from], 0);
            snapshot_run(one, before, "");
            int file = snapshot_take(one);
            snapshot_run(one, after, printed); /* it goes on */
            snapshot_put(one, file);           /* and from there once more */
            snapshot_run(one, after, printed);
            struct clo_sandbox *other = snapshot_sandbox(&snapshot_places[to], 0);
            snapshot_run(other, "left = 'of another session'", "");
            snapshot_put(other, file);
            snapshot_run(other, after, printed);
            snapshot_run(other, "print('left' in globals())", "False\n");
            int second = snapshot_take(other);
            snapshot_put(one, second);
            snapshot_run(one, "print(n, next(c))", "42 4\n");
            close(second);
            close(file);
            clo_sandbox_destroy(one);
            clo_sandbox_destroy(other);
        }
    }
}

/* A process that knows nothing of the first but the file. */
static void a_state_comes_back_in_another_process(void **state)
{
    (void)state;
    struct clo_sandbox *one = snapshot_sandbox(usual_place(), 0);
    snapshot_run(one, before, "");
    int file = snapshot_take(one), status;
    clo_sandbox_destroy(one);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct clo_sandbox *other = snapshot_sandbox(usual_place(), 0);
        snapshot_put(other, file);
        snapshot_run(other, after, printed);
        clo_sandbox_destroy(other);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(file);
}

/* Exceptions and limits that Python survived are a part of the state. */
static void a_state_after_a_limit_comes_back(void **state)
{
    (void)state;
    struct clo_sandbox *one = snapshot_sandbox(usual_place(), 0);
    struct clo_run run = {
        .code = "x = 1\nwhile True: x += 1", .keep_state = true, .limits = {.wall_ms = 200}};
    struct clo_run_result *result;
    struct clo_error error;
    run.code_length = strlen(run.code);
    assert_int_equal(clo_sandbox_run(one, &run, &result, &error), 0);
    assert_int_equal(result->error.kind, CLO_RUN_LIMIT);
    clo_run_result_free(result);
    int file = snapshot_take(one);
    snapshot_put(one, file);
    snapshot_run(one, "print(x > 1)", "True\n");
    close(file);
    clo_sandbox_destroy(one);
}

/* The session's clock stands still while it is away, the day's goes on. */
static void clocks_are_set_anew(void **state)
{
    (void)state;
    struct clo_sandbox *one = snapshot_sandbox(usual_place(), 0);
    snapshot_run(one, "import time\nm, w = time.monotonic(), time.time()", "");
    int file = snapshot_take(one);
    runs_sleep(1500);
    snapshot_put(one, file);
    snapshot_run(one,
                 "m2, w2 = time.monotonic(), time.time()\n"
                 "print(0 <= m2 - m < 1.2, 1.5 <= w2 - w < 60)",
                 "True True\n");
    int second = snapshot_take(one);
    snapshot_put(one, second); /* of a session that was away already */
    snapshot_run(one, "print(0 <= time.monotonic() - m2 < 1.2)", "True\n");
    struct clo_run_result *result;
    struct clo_run run = {.code = "import time\nprint(time.monotonic())"};
    run.code_length = strlen(run.code);
    assert_int_equal(clo_sandbox_run(one, &run, &result, NULL), 0); /* a clean run: the host's */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double says = strtod(result->out, NULL), is = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    assert_true(says <= is && is - says < 1.2);
    clo_run_result_free(result);
    close(file);
    close(second);
    clo_sandbox_destroy(one);
}

/* What comes in belongs to the run that follows: a clean one knows nothing of it. */
static void a_clean_run_is_clean_after_a_restore(void **state)
{
    (void)state;
    for (int place = 0; place < SNAPSHOT_PLACES; place++) {
        if (!snapshot_can(&snapshot_places[place]))
            continue;
        struct clo_sandbox *one = snapshot_sandbox(&snapshot_places[place], 0);
        snapshot_run(one, before, "");
        int file = snapshot_take(one);
        snapshot_put(one, file);
        struct clo_run run = {.code = "import os\n"
                                      "print('n' in globals(), os.listdir('/output'), "
                                      "os.path.exists('/tmp/kept'))"};
        struct clo_run_result *result;
        run.code_length = strlen(run.code);
        assert_int_equal(clo_sandbox_run(one, &run, &result, NULL), 0);
        assert_string_equal(result->out, "False [] False\n");
        assert_true(result->usage.memory_peak < 40 * MIB);
        clo_run_result_free(result);
        close(file);
        clo_sandbox_destroy(one);
    }
}

static void output_comes_back_as_it_was(void **state)
{
    (void)state;
    struct clo_sandbox *one = snapshot_sandbox(usual_place(), 0);
    snapshot_run(one,
                 "import os\n"
                 "os.makedirs('/output/a/b/c')\n"
                 "open('/output/a/b/file', 'wb').write(bytes(range(256)) * 1000)\n"
                 "with open('/output/sparse', 'wb') as f:\n"
                 "    f.seek(50 << 20); f.write(b'end'); f.truncate(60 << 20)\n"
                 "open('/output/empty', 'w').close()\n"
                 "open(b'/output/no \\xff text', 'w').write('x')\n"
                 "os.utime('/output/a/b', (1, 2))\n"
                 "os.utime('/output/a/b/file', (3, 4))\n"
                 "os.unlink('/output/empty')\n"
                 "open('/output/empty', 'w').close()\n"
                 "def look():\n"
                 "    for path, folders, files in os.walk(b'/output'):\n"
                 "        for name in [b''] + folders + files:\n"
                 "            s = os.stat(os.path.join(path, name))\n"
                 "            yield path, name, s.st_mode, s.st_size, s.st_ino, s.st_mtime_ns\n"
                 "was = list(look())\n"
                 "print(len(was))",
                 "11\n");
    int file = snapshot_take(one);
    assert_true(lseek(file, 0, SEEK_END) < 2 << 20); /* holes take no room */
    struct clo_sandbox *other = snapshot_sandbox(usual_place(), 0);
    snapshot_run(other, "open('/output/of another', 'w').write('x')", "");
    snapshot_put(other, file);
    snapshot_run(other,
                 "now = list(look())\n"
                 "print(now == was or [(a, b) for a, b in zip(was, now) if a != b])\n"
                 "print(open('/output/a/b/file', 'rb').read() == bytes(range(256)) * 1000)\n"
                 "s = open('/output/sparse', 'rb').read()\n"
                 "print(s.count(0) == len(s) - 3, s[50 << 20:][:3])\n"
                 "open('/output/new', 'w').write('x')\n"
                 "print(os.stat('/output/new').st_ino > max(n[4] for n in was))",
                 "True\nTrue\nTrue b'end'\nTrue\n");
    close(file);
    clo_sandbox_destroy(one);
    clo_sandbox_destroy(other);
}

/* ---- what is refused ---- */

static void refused(struct clo_sandbox *sandbox, int file,
                    const struct clo_snapshot_options *options, int code, const char *words)
{
    struct clo_error error = {0};
    int status = clo_sandbox_restore(sandbox, file, options, &error);
    if (status != code || !strstr(error.message, words))
        fail_msg("%d \"%s\" instead of %d \"%s\"", status, error.message, code, words);
}

static int copy_of(int file, off_t length)
{
    int copy = snapshot_file();
    char *bytes = malloc((size_t)length + 1);
    assert_int_equal(pread(file, bytes, (size_t)length, 0), length);
    assert_int_equal(pwrite(copy, bytes, (size_t)length, 0), length);
    free(bytes);
    return copy;
}

static void a_wrong_file_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct clo_sandbox *one = snapshot_sandbox(usual_place(), 0);
    snapshot_run(one, "x = 'mine'\nopen('/output/f', 'w').write('x' * 100)", "");
    int file = snapshot_take(one);
    off_t size = lseek(file, 0, SEEK_END);
    snapshot_run(one, "x = 'newer'\nopen('/output/f', 'w').write('newer')", "");

    uint8_t other_key[32] = "another key, of 32 bytes........";
    struct clo_snapshot_options options = snapshot_options;
    options.key = other_key;
    refused(one, file, &options, CLO_EINVALID, "seal");
    options = snapshot_options;
    options.about = "conversation 2";
    options.about_length = 14;
    refused(one, file, &options, CLO_EINVALID, "seal");
    options = snapshot_options;
    options.key_length = 15;
    refused(one, file, &options, CLO_EINVALID, "key of 15 bytes; it has 16 to 1024");
    options = snapshot_options;
    options.max_bytes = (uint64_t)size - 1;
    refused(one, file, &options, CLO_ELIMIT, "more than the");

    int copy = copy_of(file, size);
    assert_int_equal(pwrite(copy, "x", 1, size), 1);
    refused(one, copy, &snapshot_options, CLO_EINVALID, "follow the snapshot's end");
    close(copy);
    for (off_t length = 0; length < size; length = length < 300 ? length + 1 : length + size / 50) {
        copy = copy_of(file, length);
        refused(one, copy, &snapshot_options, CLO_EINVALID, "cut short");
        close(copy);
    }
    copy = copy_of(file, size);
    uint32_t version = 1;
    assert_int_equal(pwrite(copy, &version, sizeof version, 8), sizeof version);
    refused(one, copy, &snapshot_options, CLO_EINVALID,
            "version 1, and this program reads version 2");
    assert_int_equal(pwrite(copy, "GIF89a", 6, 0), 6);
    refused(one, copy, &snapshot_options, CLO_EINVALID, "no snapshot");
    close(copy);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    refused(one, ends[0], &snapshot_options, CLO_EINVALID, "regular file");
    close(ends[0]);
    close(ends[1]);
    refused(one, -1, &snapshot_options, CLO_EINVALID, "descriptor -1");

    /* none of them has changed anything */
    snapshot_run(one, "print(x, open('/output/f').read())", "newer newer\n");
    snapshot_put(one, file);
    snapshot_run(one, "print(x, len(open('/output/f').read()))", "mine 100\n");
    close(file);
    clo_sandbox_destroy(one);
}

static void a_state_that_needs_more_than_there_is_is_refused(void **state)
{
    (void)state;
    for (int place = 0; place < SNAPSHOT_PLACES; place++) {
        if (!snapshot_can(&snapshot_places[place]))
            continue;
        struct clo_sandbox *large = snapshot_sandbox(&snapshot_places[place], 0);
        snapshot_run(large, "big = bytearray(80 << 20)\nopen('/output/f', 'w').write('x' * 100)",
                     "");
        int file = snapshot_take(large);
        struct clo_sandbox *small = snapshot_sandbox(&snapshot_places[place], 64 * MIB);
        snapshot_run(small, "x = 'mine'", "");
        refused(small, file, &snapshot_options, CLO_ELIMIT,
                "114 MiB of memory, and 64 MiB are allowed");
        snapshot_run(small, "print(x)", "mine\n");
        close(file);
        clo_sandbox_destroy(large);
        clo_sandbox_destroy(small);
    }
}

static void output_beyond_the_limits_is_refused(void **state)
{
    (void)state;
    struct clo_sandbox *one = snapshot_sandbox(usual_place(), 0), *other;
    snapshot_run(one, "for i in range(9): open(f'/output/{i}', 'w').write('x' * 100)", "");
    int file = snapshot_take(one);
    const struct clo_limits limits[] = {
        {.artifact_files = 8}, {.artifact_file_bytes = 99}, {.artifact_total_bytes = 899}};
    const char *const names[] = {"artifact_files", "artifact_file_bytes", "artifact_total_bytes"};
    for (int i = 0; i < 3; i++) {
        struct clo_sandbox_config config =
            runs_config((struct clo_sandbox_config){.limits = limits[i]});
        struct clo_error error;
        assert_int_equal(clo_sandbox_create(&other, &config, &error), 0);
        snapshot_run(other, "x = 'mine'", "");
        refused(other, file, &snapshot_options, CLO_ELIMIT, names[i]);
        /* that was found out on the way: clean, and of use */
        snapshot_run(other,
                     "import os\nprint('x' in globals(), 'i' in globals(), os.listdir('/output'))",
                     "False False []\n");
        clo_sandbox_destroy(other);
    }
    close(file);
    clo_sandbox_destroy(one);
}

static void no_snapshot_without_a_state(void **state)
{
    (void)state;
    for (int place = 0; place < SNAPSHOT_PLACES; place++) {
        if (!snapshot_can(&snapshot_places[place]))
            continue;
        struct clo_sandbox *one = snapshot_sandbox(&snapshot_places[place], 0);
        struct clo_error error = {0};
        int file = snapshot_file();
        assert_int_equal(clo_sandbox_snapshot(one, file, &snapshot_options, NULL, &error),
                         CLO_EINVALID);
        assert_non_null(strstr(error.message, "no state"));
        clo_run_result_free(snapshot_try(one, "x = 1\nimport os\nos._exit(3)"));
        assert_int_equal(clo_sandbox_snapshot(one, file, &snapshot_options, NULL, &error),
                         CLO_EINVALID);
        assert_non_null(strstr(error.message, "no state"));
        snapshot_run(one, "x = 2", "");
        assert_int_equal(clo_sandbox_snapshot(one, file, &snapshot_options, NULL, &error), 0);
        /* into a file that has something in it; one that is too long, and the sandbox goes on */
        assert_int_equal(clo_sandbox_snapshot(one, file, &snapshot_options, NULL, &error),
                         CLO_EINVALID);
        struct clo_snapshot_options small = snapshot_options;
        small.max_bytes = 1000;
        int second = snapshot_file();
        assert_int_equal(clo_sandbox_snapshot(one, second, &small, NULL, &error), CLO_ELIMIT);
        snapshot_run(one, "print(x)", "2\n");
        small.max_bytes = 100; /* not even its head */
        int third = snapshot_file();
        assert_int_equal(clo_sandbox_snapshot(one, third, &small, NULL, &error), CLO_ELIMIT);
        snapshot_run(one, "print(x)", "2\n");
        close(third);
        refused(one, second, &snapshot_options, CLO_EINVALID, "cut short");
        close(file);
        close(second);
        clo_sandbox_destroy(one);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_anywhere),
        cmocka_unit_test(a_state_comes_back_in_another_process),
        cmocka_unit_test(a_state_after_a_limit_comes_back),
        cmocka_unit_test(clocks_are_set_anew),
        cmocka_unit_test(a_clean_run_is_clean_after_a_restore),
        cmocka_unit_test(output_comes_back_as_it_was),
        cmocka_unit_test(a_wrong_file_is_refused_with_the_reason),
        cmocka_unit_test(a_state_that_needs_more_than_there_is_is_refused),
        cmocka_unit_test(output_beyond_the_limits_is_refused),
        cmocka_unit_test(no_snapshot_without_a_state),
    };
    int status = runs_begin(count, arguments);
    return status ? status : runs_end(runs_all(tests));
}

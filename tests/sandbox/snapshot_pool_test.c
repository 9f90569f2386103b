/* snapshot_pool_test.c - runs of sessions in pools: each brings its state along as a file, takes it
 * away as another, and leaves nothing of it.
 *
 * The image: $CLOCHE_IMAGE, or the first argument.
 */
#include "session_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes.h"
#include "sandbox/memory_budget.h"

#define WAIT_MS 60000

/* Those that can be had here, or the one that $CLOCHE_TEST_ISOLATION asks for. */
static bool is_wanted(const struct snapshot_place *place)
{
    return (runs_isolation != CLO_ISOLATION_PROCESS || place->isolation == CLO_ISOLATION_PROCESS) &&
           snapshot_can(place);
}

static void in_each_place(void (*test)(const struct snapshot_place *place))
{
    for (int i = 0; i < SNAPSHOT_PLACES; i++)
        if (is_wanted(&snapshot_places[i]))
            test(&snapshot_places[i]);
}

/* ---- sessions go on ---- */

static void a_session_goes_on_in_any_place(void **state)
{
    (void)state;
    for (int from = 0; from < SNAPSHOT_PLACES; from++) {
        for (int to = 0; to < SNAPSHOT_PLACES; to++) {
            if (!snapshot_can(&snapshot_places[from]) || !snapshot_can(&snapshot_places[to]))
                continue;
            struct clo_pool *one = session_pool(&snapshot_places[from], 1, 0);
            struct clo_pool *other = session_pool(&snapshot_places[to], 1, 0);
            struct session session = SESSION;
            session_run(&session, one,
                        "import collections\nn = 41\ndef more(): return n + 1\n"
                        "big = bytearray(40 << 20)\n"
                        "open('/tmp/kept', 'w').write('in the guest')\n"
                        "open('/output/kept', 'w').write('on the host')\n",
                        "");
            session_run(
                &session, other,
                "n = more()\nprint(n, open('/tmp/kept').read(), open('/output/kept').read())",
                "42 in the guest on the host\n");
            session_run(&session, one, "print(more(), len(big), collections.Counter('aab')['a'])",
                        "43 41943040 2\n");
            session_end(&session);
            clo_pool_destroy(one);
            clo_pool_destroy(other);
        }
    }
}

static const char look[] = "import os, sys\n"
                           "print(sorted(n for n in globals() if not n.startswith('__')), "
                           "os.listdir('/output'), os.listdir('/tmp'), 'wave' in sys.modules, "
                           "hasattr(os, 'mine'))";
static const char clean_look[] = "['os', 'sys'] [] [] False False\n";

/* One member, two sessions by turns, clean runs between: nobody sees anything of the others. */
static void take_turns(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session sessions[2] = {SESSION, SESSION};
    char code[600], out[200];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 2; i++) {
            snprintf(
                code, sizeof code,
                "import os, wave\n"
                "name = 's%d'; other = 's%d'\n"
                "globals()[name] = globals().get(name, 0) + 1; os.mine = name\n"
                "junk = bytearray(12 << 20)\n"
                "open('/tmp/' + name, 'a').write('x'); open('/output/' + name, 'a').write('y')\n"
                "print(globals()[name], other in globals(), os.listdir('/tmp'), "
                "os.listdir('/output'), os.stat('/output/' + name).st_size)",
                i, 1 - i);
            snprintf(out, sizeof out, "%d False ['s%d'] ['s%d'] %d\n", round + 1, i, i, round + 1);
            session_run(&sessions[i], pool, code, out);
            session_clean_run(pool, look, clean_look);
        }
    }
    session_end(&sessions[0]);
    session_end(&sessions[1]);
    clo_pool_destroy(pool);
}

static void sessions_and_clean_runs_take_turns_on_one_sandbox(void **state)
{
    (void)state;
    in_each_place(take_turns);
}

/* Branches of one session, at the same time, from the same file. */
struct branch {
    struct session session;
    struct clo_pool *pool;
    int number;
    pthread_t thread;
};

static void *go_on(void *argument)
{
    struct branch *branch = argument;
    char code[100], out[100];
    snprintf(code, sizeof code, "log.append(%d)\nprint(log)", branch->number);
    snprintf(out, sizeof out, "['trunk', %d]\n", branch->number);
    session_run(&branch->session, branch->pool, code, out);
    session_run(&branch->session, branch->pool, "print(len(log), log[-1])", NULL);
    return NULL;
}

static void branch_off(const struct snapshot_place *place)
{
    enum { BRANCHES = 6 };
    struct clo_pool *pool = session_pool(place, 3, 0);
    struct session trunk = SESSION;
    struct branch branches[BRANCHES];
    session_run(&trunk, pool, "log = ['trunk']", "");
    for (int i = 0; i < BRANCHES; i++) {
        branches[i] = (struct branch){.session = session_branch(&trunk), .pool = pool, .number = i};
        assert_int_equal(pthread_create(&branches[i].thread, NULL, go_on, &branches[i]), 0);
    }
    for (int i = 0; i < BRANCHES; i++) {
        char out[32];
        pthread_join(branches[i].thread, NULL);
        snprintf(out, sizeof out, "%d\n", i);
        session_run(&branches[i].session, pool, "print(log[1])", out);
        session_end(&branches[i].session);
    }
    session_run(&trunk, pool, "print(log)", "['trunk']\n");
    session_end(&trunk);
    clo_pool_destroy(pool);
}

static void branches_go_on_from_the_same_file_at_once(void **state)
{
    (void)state;
    in_each_place(branch_off);
}

/* A run without `to` looks at a session and leaves it as it is. */
static void a_look_changes_nothing(void **state)
{
    (void)state;
    const struct snapshot_place *place = &snapshot_places[2];
    if (!snapshot_can(place))
        skip();
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session session = SESSION;
    session_run(&session, pool, "x = 1", "");
    struct clo_run_state look_only = {
        .from = session.file, .to = -1, .from_options = &snapshot_options};
    struct clo_run run = {.code = "x += 1; print(x)", .code_length = 16, .state = &look_only};
    struct clo_run_result *result;
    assert_int_equal(clo_pool_run(pool, &run, WAIT_MS, &result, NULL), 0);
    assert_string_equal(result->out, "2\n");
    assert_int_equal(result->state, CLO_STATE_NONE);
    clo_run_result_free(result);
    session_run(&session, pool, "print(x)", "1\n");
    session_end(&session);
    clo_pool_destroy(pool);
}

/* ---- /output ---- */

static const struct clo_artifact *artifact(const struct clo_run_result *result, const char *path)
{
    for (size_t i = 0; i < result->artifact_count; i++)
        if (strcmp(result->artifacts[i].path, path) == 0)
            return &result->artifacts[i];
    fail_msg("no artifact %s among %zu", path, result->artifact_count);
    return NULL;
}

static void files_are_all_listed(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session session = SESSION;
    struct clo_run_result *result;
    struct clo_error error;
    char bytes[16];
    size_t got;
    session_run(&session, pool,
                "import os\n"
                "for n in 'abcdef': open('/output/' + n, 'w').write(n * 3)\n"
                "os.mkdir('/output/folder'); open('/output/folder/in', 'w').write('x')",
                "");
    assert_int_equal(session_try(&session, pool,
                                 "open('/output/a', 'a').write('!'); os.truncate('/output/b', 1)\n"
                                 "os.rename('/output/c', '/output/moved'); os.remove('/output/d')\n"
                                 "os.rename('/output/folder', '/output/other')\n"
                                 "open('/output/new', 'w').close(); open('/output/e').read()",
                                 (struct clo_run){0}, &result, &error),
                     0);
    assert_int_equal(result->artifact_count, 7);
    assert_true(artifact(result, "a")->changed);
    assert_true(artifact(result, "b")->changed);
    assert_true(artifact(result, "moved")->changed);
    assert_true(artifact(result, "other/in")->changed);
    assert_true(artifact(result, "new")->changed);
    assert_false(artifact(result, "e")->changed);
    assert_false(artifact(result, "f")->changed);
    size_t index = (size_t)(artifact(result, "f") - result->artifacts);
    session_run(&session, pool, "open('/output/f', 'w').write('later')", NULL);
    session_clean_run(pool, look, clean_look);
    assert_int_equal(clo_artifact_read(result, index, 0, bytes, sizeof bytes, &got, &error), 0);
    assert_int_equal(got, 3); /* a result's files are the result's */
    assert_memory_equal(bytes, "fff", 3);
    clo_run_result_free(result);
    session_end(&session);
    clo_pool_destroy(pool);
}

static void a_result_lists_all_files_and_says_which_changed(void **state)
{
    (void)state;
    in_each_place(files_are_all_listed);
}

/* ---- what becomes of a state ---- */

struct stop { /* one that triggers a cancellation, or kills workers, after a while */
    struct clo_cancel *cancel;
    long ms;
    pthread_t thread;
};

static void *stop_later(void *argument)
{
    struct stop *stop = argument;
    long pids[8];
    runs_sleep(stop->ms);
    if (stop->cancel)
        clo_cancel_trigger(stop->cancel);
    else
        for (size_t i = processes_find("cloche-worker", pids, 8); i > 0; i--)
            kill((pid_t)pids[i - 1], SIGKILL);
    return NULL;
}

static void expect(struct session *session, struct clo_pool *pool, const char *code,
                   struct clo_run run, enum clo_run_error_kind kind, enum clo_state_outcome outcome,
                   const char *note)
{
    struct clo_run_result *result;
    struct clo_error error;
    if (session_try(session, pool, code, run, &result, &error))
        fail_msg("%s: %s (%s)", code, error.message, error.hint);
    const char *says = result->state_note ? result->state_note : "";
    if (result->error.kind != kind || result->state != outcome || !strstr(says, note) ||
        (!*note && *says))
        fail_msg("%s: %s, state %d (%s)\n%s", code, clo_run_error_name(result->error.kind),
                 result->state, says, result->err);
    clo_run_result_free(result);
}

static void end_in_all_ways(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 128 * MIB);
    struct session session = SESSION;
    session_run(&session, pool, "import os, sys\nx = 1", "");
    /* Python survives, and goes on with what was done until then. */
    expect(&session, pool, "x += 1\n1 / 0", (struct clo_run){0}, CLO_RUN_EXCEPTION, CLO_STATE_KEPT,
           "");
    expect(&session, pool, "x += 1\nsys.exit(3)", (struct clo_run){0}, CLO_RUN_OK, CLO_STATE_KEPT,
           "");
    expect(&session, pool, "x += 1\nwhile True: pass", (struct clo_run){.limits = {.wall_ms = 300}},
           CLO_RUN_LIMIT, CLO_STATE_KEPT, "");
    expect(&session, pool, "x += 1\nwhile True: print('x' * 100)",
           (struct clo_run){.limits = {.output = 1000}}, CLO_RUN_LIMIT, CLO_STATE_KEPT, "");
    expect(&session, pool, "x += 1\nkeep = bytearray(1 << 30)", (struct clo_run){0}, CLO_RUN_LIMIT,
           CLO_STATE_KEPT, "");
    session_run(&session, pool, "print(x)", "6\n");
    /* It does not: the session goes on from before. */
    expect(&session, pool, "x = 'lost'; os._exit(3)", (struct clo_run){0}, CLO_RUN_OK,
           CLO_STATE_LOST, "os._exit");
    expect(&session, pool,
           "x = 'lost'\nwhile True:\n  try:\n    while True: pass\n  except BaseException: pass",
           (struct clo_run){.limits = {.wall_ms = 300}}, CLO_RUN_LIMIT, CLO_STATE_LOST,
           "was stopped");
    expect(&session, pool, "x = 'lost'; os.abort()", (struct clo_run){0}, CLO_RUN_FAULT,
           CLO_STATE_LOST, "faulted");
    struct stop stop = {.cancel = clo_cancel_create(), .ms = 500};
    assert_int_equal(pthread_create(&stop.thread, NULL, stop_later, &stop), 0);
    expect(&session, pool, "x = 'lost'\nwhile True: pass", (struct clo_run){.cancel = stop.cancel},
           CLO_RUN_CANCELLED, CLO_STATE_LOST, "cancelled");
    pthread_join(stop.thread, NULL);
    clo_cancel_free(stop.cancel);
    if (place->placement == CLO_PLACEMENT_WORKER) {
        stop = (struct stop){.ms = 500};
        assert_int_equal(pthread_create(&stop.thread, NULL, stop_later, &stop), 0);
        expect(&session, pool, "x = 'lost'\nwhile True: pass", (struct clo_run){0}, CLO_RUN_WORKER,
               CLO_STATE_LOST, "worker process");
        pthread_join(stop.thread, NULL);
    }
    session_run(&session, pool, "print(x)", "6\n");
    session_clean_run(pool, look, clean_look);
    session_end(&session);
    clo_pool_destroy(pool);
}

static void what_python_survives_is_kept_and_the_rest_is_lost(void **state)
{
    (void)state;
    in_each_place(end_in_all_ways);
}

static struct clo_run_result *run_between(struct clo_pool *pool,
                                          const struct clo_run_state *between, const char *code)
{
    struct clo_run run = {.code = code, .code_length = strlen(code), .state = between};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_pool_run(pool, &run, WAIT_MS, &result, &error))
        fail_msg("%s: %s (%s)", code, error.message, error.hint);
    return result;
}

static void no_room(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session session = SESSION;
    session_run(&session, pool, "x = 1", "");
    struct clo_snapshot_options small = snapshot_options;
    small.max_bytes = 100000;
    struct clo_run_state between = {.from = session.file,
                                    .to = snapshot_file(),
                                    .from_options = &snapshot_options,
                                    .to_options = &small};
    struct clo_run_result *result =
        run_between(pool, &between, "import os\nx = 2; noise = os.urandom(1 << 20); print(x)");
    assert_string_equal(result->out, "2\n"); /* the run ended well */
    assert_int_equal(result->state, CLO_STATE_REFUSED);
    assert_non_null(strstr(result->state_note, "100000 bytes that it may have"));
    assert_int_equal(result->state_bytes, 0);
    assert_int_equal(lseek(between.to, 0, SEEK_END), 0);
    clo_run_result_free(result);
    close(between.to);
    /* a disk that is full */
    char path[] = "/tmp/cloche-full-XXXXXX";
    between.to = mkstemp(path);
    assert_true(between.to >= 0);
    unlink(path);
    between.to_options = &snapshot_options;
    struct rlimit was, full = {.rlim_cur = 65536};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    full.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    result = run_between(pool, &between, "import os\nx = 3; noise = os.urandom(1 << 20)");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(result->state, CLO_STATE_REFUSED);
    assert_non_null(strstr(result->state_note, "File too large"));
    assert_int_equal(lseek(between.to, 0, SEEK_END), 0);
    clo_run_result_free(result);
    result = run_between(pool, &between, "x += 1"); /* there is room again */
    assert_int_equal(result->state, CLO_STATE_KEPT);
    assert_true(result->state_bytes > 0);
    clo_run_result_free(result);
    struct session second = {.file = between.to};
    session_run(&second, pool, "print(x)", "2\n");
    session_run(&session, pool, "print(x)", "1\n");
    session_end(&second);
    session_end(&session);
    clo_pool_destroy(pool);
}

static void a_state_that_finds_no_room_is_refused(void **state)
{
    (void)state;
    in_each_place(no_room);
}

/* ---- workers that die ---- */

/* Killed at any time, in the middle of a restore and of a snapshot, too: each run is as if nothing had
 * been, or its state is not kept; a state that was kept is whole. */
static void kill_at_any_time(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session session = SESSION;
    session_run(&session, pool,
                "import os, zlib\nn = 0\nnoise = os.urandom(40 << 20); sum = zlib.crc32(noise)",
                "");
    uint64_t start = clo_monotonic_ns();
    session_run(&session, pool, "n", NULL);
    long usual_ms = (long)((clo_monotonic_ns() - start) / NS_PER_MS);
    unsigned kept = 0, runs = 24;
    for (unsigned i = 0; i < runs; i++) {
        struct stop stop = {.ms = 1 + usual_ms * (long)i / runs};
        struct clo_run_result *result;
        struct clo_error error;
        assert_int_equal(pthread_create(&stop.thread, NULL, stop_later, &stop), 0);
        int status =
            session_try(&session, pool, "assert zlib.crc32(noise) == sum\nn += 1\nprint(n)",
                        (struct clo_run){0}, &result, &error);
        pthread_join(stop.thread, NULL);
        /* The one before may have been killed at rest, which this run found out: and then its second
         * worker was killed, too. */
        if (status) {
            assert_non_null(strstr(error.message, "was lost before the run of its state began"));
            continue;
        }
        char out[16];
        snprintf(out, sizeof out, "%u\n", kept + 1);
        if (result->state == CLO_STATE_KEPT || result->error.kind == CLO_RUN_OK)
            assert_string_equal(result->out, out);
        if (result->error.kind)
            assert_int_equal(result->error.kind, CLO_RUN_WORKER);
        if (result->state != CLO_STATE_KEPT)
            assert_true(*result->state_note != 0);
        kept += result->state == CLO_STATE_KEPT;
        clo_run_result_free(result);
    }
    print_message("%s: %u of %u runs kept their state, %ld ms each\n", place->name, kept, runs,
                  usual_ms);
    session_run(&session, pool, "print(zlib.crc32(noise) == sum)", "True\n");
    session_end(&session);
    clo_pool_destroy(pool);
}

static void a_worker_that_is_killed_costs_a_state_at_most(void **state)
{
    (void)state;
    for (int i = 0; i < SNAPSHOT_PLACES; i++)
        if (snapshot_places[i].placement == CLO_PLACEMENT_WORKER && is_wanted(&snapshot_places[i]))
            kill_at_any_time(&snapshot_places[i]);
}

/* Cancelled at any time, in the middle of a restore, too. */
static void cancel_at_any_time(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session session = SESSION;
    session_run(&session, pool, "import os\nn = 0\nnoise = os.urandom(40 << 20)", "");
    uint64_t start = clo_monotonic_ns();
    session_run(&session, pool, "n", NULL);
    long usual_ms = (long)((clo_monotonic_ns() - start) / NS_PER_MS);
    unsigned kept = 0, before = 0, runs = 12;
    for (unsigned i = 0; i < runs; i++) {
        struct stop stop = {.cancel = clo_cancel_create(), .ms = usual_ms * (long)i / runs};
        struct clo_run_result *result;
        struct clo_error error;
        assert_int_equal(pthread_create(&stop.thread, NULL, stop_later, &stop), 0);
        int status = session_try(&session, pool, "n += 1\nprint(n)",
                                 (struct clo_run){.cancel = stop.cancel}, &result, &error);
        pthread_join(stop.thread, NULL);
        clo_cancel_free(stop.cancel);
        if (status && status != CLO_ECANCELLED)
            fail_msg("cancelled after %ld ms: %s", stop.ms, error.message);
        before += status != 0;
        if (status)
            continue;
        assert_int_equal(result->state == CLO_STATE_KEPT, result->error.kind == CLO_RUN_OK);
        assert_int_equal(result->state == CLO_STATE_LOST, result->error.kind == CLO_RUN_CANCELLED);
        kept += result->state == CLO_STATE_KEPT;
        clo_run_result_free(result);
        session_clean_run(pool, look, clean_look);
    }
    char out[16];
    snprintf(out, sizeof out, "%u\n", kept);
    session_run(&session, pool, "print(n)", out);
    print_message("%s: of %u runs %u were cancelled before their code, %u kept their state\n",
                  place->name, runs, before, kept);
    assert_true(before > 0);
    session_end(&session);
    clo_pool_destroy(pool);
}

static void a_run_can_be_cancelled_while_its_state_comes(void **state)
{
    (void)state;
    in_each_place(cancel_at_any_time);
}

/* ---- what is refused before any code runs ---- */

static void refused(struct clo_pool *pool, struct clo_run run, const struct clo_run_state *between,
                    int code, const char *words)
{
    struct clo_run_result *result;
    struct clo_error error = {0};
    run.code = "open('/output/ran', 'w')";
    run.code_length = strlen(run.code);
    run.state = between;
    int status = clo_pool_run(pool, &run, WAIT_MS, &result, &error);
    if (status != code || !strstr(error.message, words) || result)
        fail_msg("%d \"%s\" instead of %d \"%s\"", status, error.message, code, words);
}

static void refuse_wrong_files(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 1, 0);
    struct session session = SESSION;
    session_run(&session, pool, "x = 1\nbig = bytearray(80 << 20)", "");
    struct clo_snapshot_options other_key = snapshot_options, short_key = snapshot_options;
    struct clo_snapshot_options about = snapshot_options, small = snapshot_options;
    other_key.key = (const uint8_t *)"another key that nobody may know";
    short_key.key_length = 15;
    about.about = "another conversation";
    about.about_length = 20;
    small.max_bytes = 1000;
    struct clo_run_state good = {.from = session.file,
                                 .to = snapshot_file(),
                                 .from_options = &snapshot_options,
                                 .to_options = &snapshot_options};
    struct clo_run_state bad = good;
    struct clo_run plain = {0};
    bad.from_options = &other_key;
    refused(pool, plain, &bad, CLO_EINVALID, "seal");
    bad.from_options = &about;
    refused(pool, plain, &bad, CLO_EINVALID, "seal");
    bad.from_options = &short_key;
    refused(pool, plain, &bad, CLO_EINVALID, "key of 15 bytes");
    bad.from_options = NULL;
    refused(pool, plain, &bad, CLO_EINVALID, "key of 0 bytes");
    bad.from_options = &small;
    refused(pool, plain, &bad, CLO_ELIMIT, "1000 bytes");
    bad = good;
    bad.to_options = &short_key;
    refused(pool, plain, &bad, CLO_EINVALID, "key of 15 bytes");
    bad = good;
    bad.to = session.file;
    refused(pool, plain, &bad, CLO_EINVALID, "something in it");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    bad = good;
    bad.from = ends[0];
    refused(pool, plain, &bad, CLO_EINVALID, "regular file");
    close(ends[0]);
    close(ends[1]);
    bad.from = snapshot_file(); /* empty */
    refused(pool, plain, &bad, CLO_EINVALID, "cut short");
    /* one bit beyond the head */
    uint8_t byte;
    off_t size = lseek(session.file, 0, SEEK_END);
    assert_int_equal(pread(session.file, &byte, 1, size / 2), 1);
    byte ^= 1;
    assert_int_equal(pwrite(session.file, &byte, 1, size / 2), 1);
    refused(pool, plain, &good, CLO_EINVALID, "seal");
    byte ^= 1;
    assert_int_equal(pwrite(session.file, &byte, 1, size / 2), 1);
    struct clo_run little = {.limits = {.memory = 64 * MIB}};
    refused(pool, little, &good, CLO_ELIMIT, "114 MiB of memory, and 64 MiB are allowed");
    struct clo_run keeps = {.keep_state = true};
    refused(pool, keeps, &good, CLO_EINVALID, "keep_state");
    /* a cancellation that came before */
    struct clo_run cancelled = {.cancel = clo_cancel_create()};
    clo_cancel_trigger(cancelled.cancel);
    refused(pool, cancelled, &good, CLO_ECANCELLED, "cancelled");
    clo_cancel_free(cancelled.cancel);
    assert_int_equal(lseek(good.to, 0, SEEK_END), 0);
    session_clean_run(pool, look, clean_look);
    session_run(&session, pool, "import os\nprint(x, len(big) >> 20, os.listdir('/output'))",
                "1 80 []\n");
    close(good.to);
    close(bad.from);
    session_end(&session);
    clo_pool_destroy(pool);
}

static void what_cannot_be_restored_runs_nothing(void **state)
{
    (void)state;
    in_each_place(refuse_wrong_files);
}

static void a_sandbox_by_itself_takes_no_state_with_a_run(void **state)
{
    (void)state;
    const struct snapshot_place *place =
        &snapshot_places[runs_isolation == CLO_ISOLATION_PROCESS ? 2 : 0];
    struct clo_sandbox *sandbox = snapshot_sandbox(place, 0);
    struct clo_run_state between = {.from = -1, .to = -1};
    struct clo_run run = {.code = "", .state = &between};
    struct clo_run_result *result;
    struct clo_error error;
    assert_int_equal(clo_sandbox_run(sandbox, &run, &result, &error), CLO_EINVALID);
    assert_non_null(strstr(error.hint, "clo_sandbox_restore"));
    clo_sandbox_destroy(sandbox);
}

/* ---- the memory of all sandboxes ---- */

static struct clo_memory_budget_state budget(void)
{
    struct clo_memory_budget_state now;
    clo_memory_budget_look(&now);
    return now;
}

static int put_ceiling_back(void **state)
{
    (void)state;
    return clo_memory_ceiling_set(0, NULL);
}

/* A state's memory is reserved before it comes, and is given back when the sandbox is clean. */
static void reserve_before(const struct snapshot_place *place)
{
    struct clo_pool *pool = session_pool(place, 2, 0);
    struct session session = SESSION, small = SESSION;
    struct clo_error error = {0};
    session_run(&session, pool, "big = bytearray(100 << 20)", "");
    session_run(&small, pool, "x = 1", "");
    for (int ms = 0; budget().runs && ms < 20000; ms++)
        runs_sleep(1);
    uint64_t idle = budget().used;
    /* room for a run at its start, and not for one that has 134 MiB */
    if (clo_memory_ceiling_set(16 * 2 * MIB + 256 * MIB, &error))
        fail_msg("%s", error.message);
    struct job job = {.pool = pool,
                      .wait_ms = WAIT_MS,
                      .code = "keep = bytearray(100 << 20)\nimport time\ntime.sleep(3)"};
    job_start(&job);
    while (budget().used < idle + 134 * MIB)
        runs_sleep(1);
    struct clo_run_state between = {
        .from = session.file, .to = -1, .from_options = &snapshot_options};
    struct clo_run run = {.code = "print(len(big) >> 20)", .code_length = 21, .state = &between};
    struct clo_run_result *result;
    assert_int_equal(clo_pool_run(pool, &run, 100, &result, &error), CLO_EBUSY);
    assert_non_null(strstr(error.message, "it wants 136 MiB"));
    session_run(&small, pool, "print(x)", "1\n"); /* there is room for that */
    assert_int_equal(clo_pool_run(pool, &run, WAIT_MS, &result, &error), 0); /* waits for the job */
    assert_string_equal(result->out, "100\n");
    clo_run_result_free(result);
    job_join(&job);
    assert_int_equal(job.status, 0);
    assert_int_equal(job.result->error.kind, CLO_RUN_OK);
    clo_run_result_free(job.result);
    for (int ms = 0; budget().runs && ms < 20000; ms++)
        runs_sleep(1);
    assert_int_equal(budget().used, idle);
    clo_pool_destroy(pool);
    /* a sandbox by itself waits for nothing */
    struct clo_sandbox *sandbox = snapshot_sandbox(place, 0);
    assert_int_equal(clo_memory_ceiling_set(120 * MIB, NULL), 0);
    assert_int_equal(clo_sandbox_restore(sandbox, session.file, &snapshot_options, &error),
                     CLO_EBUSY);
    assert_non_null(strstr(error.message, "of the 120 MiB that all sandboxes may use"));
    snapshot_run(sandbox, "x = 1", "");
    assert_int_equal(clo_memory_ceiling_set(0, NULL), 0);
    uint64_t before = budget().used;
    snapshot_put(sandbox, session.file);
    assert_true(budget().used >= before + 80 * MIB);
    snapshot_run(sandbox, "print(len(big) >> 20)", "100\n");
    clo_sandbox_destroy(sandbox);
    assert_int_equal(budget().used, 0);
    session_end(&session);
    session_end(&small);
}

static void the_memory_of_a_state_is_reserved_before_it_comes(void **state)
{
    (void)state;
    in_each_place(reserve_before);
}

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_goes_on_in_any_place),
        cmocka_unit_test(sessions_and_clean_runs_take_turns_on_one_sandbox),
        cmocka_unit_test(branches_go_on_from_the_same_file_at_once),
        cmocka_unit_test(a_look_changes_nothing),
        cmocka_unit_test(a_result_lists_all_files_and_says_which_changed),
        cmocka_unit_test(what_python_survives_is_kept_and_the_rest_is_lost),
        cmocka_unit_test(a_state_that_finds_no_room_is_refused),
        cmocka_unit_test(a_worker_that_is_killed_costs_a_state_at_most),
        cmocka_unit_test(a_run_can_be_cancelled_while_its_state_comes),
        cmocka_unit_test(what_cannot_be_restored_runs_nothing),
        cmocka_unit_test(a_sandbox_by_itself_takes_no_state_with_a_run),
        cmocka_unit_test_teardown(the_memory_of_a_state_is_reserved_before_it_comes,
                                  put_ceiling_back),
    };
    return runs_end(runs_all(tests));
}

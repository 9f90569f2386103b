/* churn_test.c - a thousand runs, 64 at once, each of a kind by chance: good ones among those that fail in every
 * way that a run can fail, clean ones and those of sessions. Each is to end as its kind ends, whatever its
 * neighbours do, a session knows all that it did and nothing else, and when all have ended nothing is left of them. $CLOCHE_TEST_SHARE 1000 makes ten thousand.
 *
 * CHURN_SEED in the environment plays other runs; the seed is printed. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "harness.h"
#include "processes.h"
#include "runs.h"

#define AT_ONCE 64
#define RUNS 1000
#define LONG_MS 600000 /* longer than any run takes on a busy machine, under a sanitizer too */
#define RESIDENT_GROWTH (32 * MIB)

static char top[64]; /* top/shared is mounted for all, top/NUMBER for one run */

/* ---- the tools, which know their run by its number ---- */

static struct clo_cancel *_Atomic cancels[AT_ONCE]; /* of the run of each thread */

static int call_double(void *context, const struct clo_value *arguments, struct clo_value *result,
                       struct clo_error *error)
{
    int64_t number;
    (void)context;
    if (!clo_value_integer(clo_value_get(arguments, "number"), &number))
        return clo_tool_fail(error, "no number");
    clo_value_set_integer(result, number * 2);
    return 0;
}

static int call_cancel(void *context, const struct clo_value *arguments, struct clo_value *result,
                       struct clo_error *error)
{
    int64_t thread;
    (void)context;
    if (!clo_value_integer(clo_value_get(arguments, "number"), &thread) || thread < 0 ||
        thread >= AT_ONCE)
        return clo_tool_fail(error, "no thread");
    clo_cancel_trigger(atomic_load(&cancels[thread]));
    (void)result;
    return 0;
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat, (void)flag, (void)walk;
    return remove(path);
}

static int call_vanish(void *context, const struct clo_value *arguments, struct clo_value *result,
                       struct clo_error *error)
{
    int64_t number;
    char path[100];
    (void)context;
    if (!clo_value_integer(clo_value_get(arguments, "number"), &number))
        return clo_tool_fail(error, "no number");
    snprintf(path, sizeof path, "%s/%" PRId64, top, number);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)result;
    return 0;
}

#define NUMBER                                                                                     \
    "{\"type\": \"object\", \"properties\": {\"number\": {\"type\": \"integer\"}}, \"required\": [\"number\"]}"
static const struct clo_tool tools[] = {
    {.name = "double", .description = "Twice a number.", .parameters = NUMBER, .call = call_double},
    {.name = "cancel", .description = "Cancel.", .parameters = NUMBER, .call = call_cancel},
    {.name = "vanish", .description = "Remove.", .parameters = NUMBER, .call = call_vanish},
};

/* ---- kinds of runs ---- */

struct churned { /* one run, as its kind looks at it */
    unsigned number, thread;
    const struct clo_run_result *result;
};

static bool prints(const struct churned *run, const char *text)
{
    return run->result->out_length == strlen(text) && strcmp(run->result->out, text) == 0;
}

static bool prints_number(const struct churned *run)
{
    char text[32];
    snprintf(text, sizeof text, "%u\n", run->number);
    return prints(run, text);
}

static bool is_limit(const struct churned *run, enum clo_limit limit)
{
    return run->result->error.kind == CLO_RUN_LIMIT && run->result->error.limit == limit;
}

/* It left one file, which has this in it. */
static bool leaves(const struct churned *run, const char *content)
{
    char read[64] = "";
    size_t got = 0;
    struct clo_error error;
    return run->result->artifact_count == 1 &&
           strcmp(run->result->artifacts[0].path, "left/number") == 0 &&
           run->result->artifacts[0].size == strlen(content) &&
           clo_artifact_read(run->result, 0, 0, read, sizeof read - 1, &got, &error) == 0 &&
           strcmp(read, content) == 0;
}

static bool leaves_number(const struct churned *run)
{
    char content[32];
    snprintf(content, sizeof content, "%u", run->number);
    return leaves(run, content);
}

static bool is_good(const struct churned *run)
{
    char text[64];
    snprintf(text, sizeof text, "%u %u shared %zu\n", run->number * 2, run->number,
             run->number % 5 * (size_t)50000);
    return !run->result->error.kind && prints(run, text) && leaves_number(run);
}

static bool raises(const struct churned *run)
{
    char message[32];
    snprintf(message, sizeof message, "run %u", run->number);
    return run->result->error.kind == CLO_RUN_EXCEPTION &&
           strcmp(run->result->error.type, "KeyError") == 0 && strstr(run->result->err, message);
}

static bool exits(const struct churned *run)
{
    return run->result->exit_code == (int)(run->number % 200) && prints_number(run);
}

static bool waits_too_long(const struct churned *run)
{
    return is_limit(run, CLO_LIMIT_WALL) && prints_number(run) && leaves_number(run);
}

static bool computes_too_long(const struct churned *run)
{
    return is_limit(run, CLO_LIMIT_CPU);
}

static bool floods(const struct churned *run)
{
    return is_limit(run, CLO_LIMIT_OUTPUT) && run->result->out_length == 10000;
}

static bool bombs(const struct churned *run)
{
    return is_limit(run, CLO_LIMIT_MEMORY) && strcmp(run->result->error.type, "MemoryError") == 0;
}

static bool vanishes(const struct churned *run)
{
    return !run->result->error.kind && prints(run, "here\nENOENT\n");
}

static bool fills_quota(const struct churned *run)
{
    return !run->result->error.kind && prints(run, "EDQUOT 100000\n") &&
           run->result->artifact_count == 1 && run->result->artifacts[0].size == 100000 &&
           run->result->artifacts_refused == CLO_LIMIT_ARTIFACT_TOTAL_BYTES;
}

static bool aborts(const struct churned *run)
{
    return run->result->error.kind == CLO_RUN_FAULT && prints_number(run) && leaves_number(run);
}

static bool is_cancelled(const struct churned *run)
{
    return run->result->error.kind == CLO_RUN_CANCELLED && prints_number(run);
}

static bool calls_too_often(const struct churned *run)
{
    return is_limit(run, CLO_LIMIT_HOST_CALLS) && prints_number(run);
}

/* ---- sessions: one for each thread ---- */

static const uint8_t session_key[] = "a key for this test alone, that all may know";
static const struct clo_snapshot_options session_options = {.key = session_key,
                                                            .key_length = sizeof session_key};
static struct session {
    int file; /* its last state; -1: none yet */
    unsigned visits;
} sessions[AT_ONCE];

static bool visits(const struct churned *run)
{
    char text[64];
    unsigned now = sessions[run->thread].visits + 1;
    snprintf(text, sizeof text, "%u %u %u True\n", now, now, now);
    return !run->result->error.kind && prints(run, text) && run->result->state == CLO_STATE_KEPT;
}

static bool is_lost(const struct churned *run)
{
    return prints(run, "away\n") && run->result->state == CLO_STATE_LOST;
}

/* A run of the thread's session, whose code does the checks. */
static void begin_visit(struct clo_run *run, struct clo_run_state *between, unsigned thread)
{
    *between = (struct clo_run_state){.from = sessions[thread].file,
                                      .to = memfd_create("session", MFD_CLOEXEC),
                                      .from_options = &session_options,
                                      .to_options = &session_options};
    if (between->to < 0)
        abort();
    run->state = between;
}

static void end_visit(const struct clo_run_state *between, unsigned thread, bool kept)
{
    struct session *session = &sessions[thread];
    int over = kept ? session->file : between->to;
    if (over >= 0)
        close(over);
    if (kept)
        session->file = between->to;
    session->visits += kept;
}

static void end_sessions(bool begun)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (begun && sessions[i].file >= 0)
            close(sessions[i].file);
        sessions[i] = (struct session){.file = -1};
    }
}

#define LEAVE                                                                                      \
    "assert not os.listdir('/output'); os.mkdir('/output/left')\n"                                 \
    "with open('/output/left/number', 'w') as file: file.write(sys.argv[1])\n"

static const struct kind {
    const char *name;
    unsigned weight;
    bool (*ends_well)(const struct churned *run);
    struct clo_limits limits;
    const char *code; /* sys.argv: its number, and its thread's */
} kinds[] = {
    {"good",
     50,
     is_good,
     {0},
     "data = open('/tmp/own', 'w+'); data.write(sys.argv[1] * 1000); data.seek(0)\n"
     "assert data.read() == sys.argv[1] * 1000 and os.listdir('/tmp') == ['own']\n"
     "assert not hasattr(os, 'left'); os.left = number\n" LEAVE
     "print(call_tool('double', number=number), number, open('/input/shared/text').read(),\n"
     "      len(open(f'/input/shared/{number % 5}', 'rb').read()))\n"},
    {"session",
     20,
     visits,
     {0},
     "visited = globals().get('visited', 0) + 1\n"
     "junk = bytearray(4 << 20 if visited % 3 else 1); os.left = 'of a session'\n"
     "with open('/tmp/visits', 'a') as file: file.write('x')\n"
     "with open('/output/visits', 'a') as file: file.write(sys.argv[2] + ' ')\n"
     "with open('/output/visits') as file: seen = file.read().split()\n"
     "print(visited, os.stat('/tmp/visits').st_size, len(seen), set(seen) == {sys.argv[2]})"},
    {"lost session",
     4,
     is_lost,
     {0},
     "visited = 1000; open('/tmp/visits', 'w').write('y' * 1000)\n"
     "open('/output/visits', 'w').write('nobody '); print('away', flush=True); os._exit(3)"},
    {"exception", 8, raises, {0}, "{}[f'run {number}']"},
    {"exit", 6, exits, {0}, "print(number, flush=True); os._exit(number % 200)"},
    {"time-out",
     4,
     waits_too_long,
     {.wall_ms = 2000},
     LEAVE "print(number, flush=True); time.sleep(1000)"},
    {"loop", 3, computes_too_long, {.cpu_ms = 60}, "while True: pass"},
    {"flood", 6, floods, {.output = 10000}, "while True: print('flood' * 1000)"},
    {"bomb",
     4,
     bombs,
     {.memory = 56 * MIB},
     "keep = []\nwhile True: keep.append(bytearray(1 << 20))"},
    {"vanishing mount",
     6,
     vanishes,
     {0},
     "print(open('/input/mine/file').read())\n"
     "kept = open('/input/mine/file'); call_tool('vanish', number=number)\n"
     "try: open('/input/mine/file')\n"
     "except OSError as error: print(errno.errorcode[error.errno])\n"},
    {"full quota",
     6,
     fills_quota,
     {.artifact_total_bytes = 100000},
     "file, written = open('/output/full', 'wb', buffering=0), 0\n"
     "try:\n    while True: written += file.write(bytes(8192))\n"
     "except OSError as error: print(errno.errorcode[error.errno], written)\n"},
    {"abort", 3, aborts, {0}, LEAVE "print(number, flush=True); os.abort()"},
    {"cancelled",
     4,
     is_cancelled,
     {0},
     "print(number, flush=True); call_tool('cancel', number=int(sys.argv[2]))\nwhile True: pass"},
    {"calls",
     4,
     calls_too_often,
     {.host_calls = 20},
     "print(number, flush=True)\n"
     "while True: call_tool('double', number=number)"},
    {"open files",
     4,
     exits,
     {0},
     "kept = [open('/input/shared/4', 'rb') for _ in range(30)]; kept[3].read(70000)\n"
     "print(number); sys.exit(number % 200)"},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const struct kind *choose(unsigned number, uint64_t seed)
{
    uint64_t mixed = (number + seed) * 0x9E3779B97F4A7C15ull;
    mixed ^= mixed >> 29;
    mixed *= 0xBF58476D1CE4E5B9ull;
    unsigned all = 0;
    for (size_t i = 0; i < KINDS; i++)
        all += kinds[i].weight;
    unsigned at = (unsigned)((mixed >> 32) % all);
    const struct kind *kind = kinds;
    while (at >= kind->weight)
        at -= kind++->weight;
    return kind;
}

/* ---- playing them ---- */

static struct churn {
    struct clo_pool *pool;
    unsigned runs;
    uint64_t seed;
    atomic_uint next, ended, wrong;
    atomic_uint of_kind[KINDS];
} churn;

static void put(const char *folder, const char *name, const char *data, size_t length)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(data, 1, length, file) != length || fclose(file))
        abort();
}

static void tell(const struct churned *run, const struct kind *kind, const struct clo_error *error)
{
    const struct clo_run_result *result = run->result;
    if (atomic_fetch_add(&churn.wrong, 1) > 20)
        return;
    if (!result)
        fprintf(stderr, "run %u (%s): %s\n", run->number, kind->name, error->message);
    else
        fprintf(stderr, "run %u (%s): %s %s: %s, exit code %d\nstdout: %.200s\nstderr: %.600s\n",
                run->number, kind->name, clo_run_error_name(result->error.kind),
                result->error.type ? result->error.type : "", result->error.message,
                result->exit_code, result->out, result->err);
}

static void play(unsigned number, unsigned thread)
{
    static const char before[] = "import errno, os, sys, time\nnumber = int(sys.argv[1])\n";
    static const char clean[] =
        "assert 'visited' not in globals() and os.listdir('/tmp') == os.listdir('/output') == []\n";
    const struct kind *kind = choose(number, churn.seed);
    bool session = kind->ends_well == visits || kind->ends_well == is_lost;
    struct clo_run_state between;
    char folder[100], code[2000], first[16], second[16];
    const char *const arguments[] = {first, second};
    struct clo_mount mount = {.source = folder, .target = "/input/mine"};
    struct clo_run_result *result = NULL;
    struct clo_error error;
    snprintf(first, sizeof first, "%u", number);
    snprintf(second, sizeof second, "%u", thread);
    snprintf(folder, sizeof folder, "%s/%u", top, number);
    int length = snprintf(code, sizeof code, "%s%s%s", before, session ? "" : clean, kind->code);
    struct clo_run run = {.code = code,
                          .code_length = (size_t)length,
                          .arguments = arguments,
                          .argument_count = 2,
                          .limits = kind->limits,
                          .cancel = clo_cancel_create()};
    atomic_store(&cancels[thread], run.cancel);
    if (kind->ends_well == vanishes) {
        if (mkdir(folder, 0755))
            abort();
        put(folder, "file", "here", 4);
        run.mounts = &mount;
        run.mount_count = 1;
    }
    if (session)
        begin_visit(&run, &between, thread);
    int status = clo_pool_run(churn.pool, &run, LONG_MS, &result, &error);
    struct churned churned = {.number = number, .thread = thread, .result = result};
    if (status || !kind->ends_well(&churned))
        tell(&churned, kind, &error);
    if (session)
        end_visit(&between, thread, result && result->state == CLO_STATE_KEPT);
    atomic_fetch_add(&churn.of_kind[kind - kinds], 1);
    clo_run_result_free(result);
    atomic_store(&cancels[thread], NULL);
    clo_cancel_free(run.cancel);
}

static void *play_many(void *number)
{
    unsigned next;
    while ((next = atomic_fetch_add(&churn.next, 1)) < churn.runs) {
        play(next, (unsigned)(uintptr_t)number);
        atomic_fetch_add(&churn.ended, 1);
    }
    return NULL;
}

static void play_all(void)
{
    pthread_t threads[AT_ONCE];
    end_sessions(false);
    for (uintptr_t i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, play_many, (void *)i), 0);
    for (unsigned told = 0; atomic_load(&churn.ended) < churn.runs; runs_sleep(100)) {
        if (atomic_load(&churn.ended) >= told + churn.runs / 10) {
            told = atomic_load(&churn.ended);
            print_message("%u of %u runs\n", told, churn.runs);
        }
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], NULL);
    unsigned visited = 0;
    for (size_t i = 0; i < AT_ONCE; i++)
        visited += sessions[i].visits;
    print_message("%u visits of sessions\n", visited);
    end_sessions(true);
}

/* ---- what is left ---- */

static size_t count_entries(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void nothing_is_left(size_t descriptors, size_t threads)
{
    long pids[4];
    size_t left = 1;
    for (int ms = 0; ms < 60000 && left; ms += 10, runs_sleep(10)) /* processes that are ending */
        left = processes_find("cloche-worker", pids, 4);
    assert_int_equal(left, 0);
    assert_in_range(count_entries("/proc/self/fd"), 0, descriptors);
    assert_in_range(count_entries("/proc/self/task"), 0, threads);
    assert_int_equal(count_entries(top), 3); /* ".", "..", "shared" */
}

static void whatever_its_neighbours_do_a_run_ends_as_its_own_code_says(void **state)
{
    enum clo_placement placement = *(enum clo_placement *)*state;
    char shared[80], name[8];
    static char data[200000];
    const char *seed = getenv("CHURN_SEED");
    snprintf(top, sizeof top, "/tmp/cloche-churn-XXXXXX");
    assert_non_null(mkdtemp(top));
    snprintf(shared, sizeof shared, "%s/shared", top);
    assert_int_equal(mkdir(shared, 0755), 0);
    put(shared, "text", "shared", 6);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%u", i);
        put(shared, name, data, i * (size_t)50000);
    }
    struct clo_mount mount = {.source = shared};
    struct clo_sandbox_config config = {
        .tools = tools,
        .tool_count = sizeof tools / sizeof *tools,
        .placement = placement,
        .mounts = &mount,
        .mount_count = 1,
        .limits = {.memory = 64 * MIB, .wall_ms = LONG_MS, .cpu_ms = LONG_MS}};
    uint64_t resident = 0;
    size_t descriptors = 0, threads = 0;
    for (int round = 0; round < 2; round++) { /* the first makes what the process keeps for good */
        churn = (struct churn){.runs = round ? harness_rounds(RUNS) : 4 * AT_ONCE,
                               .seed = (seed ? strtoull(seed, NULL, 0) : 1) + (uint64_t)round,
                               .pool = runs_pool(config, AT_ONCE)};
        print_message("%u runs, seed %" PRIu64 "\n", churn.runs, churn.seed);
        play_all();
        clo_pool_destroy(churn.pool);
        assert_int_equal(atomic_load(&churn.wrong), 0);
        if (round) {
            nothing_is_left(descriptors, threads);
            break;
        }
        descriptors = count_entries("/proc/self/fd");
        threads = count_entries("/proc/self/task");
        resident = processes_resident(getpid());
    }
    for (size_t i = 0; i < KINDS; i++)
        print_message("%u %s, ", atomic_load(&churn.of_kind[i]), kinds[i].name);
    print_message("resident before %" PRIu64 " KiB, after %" PRIu64 "\n", resident / 1024,
                  processes_resident(getpid()) / 1024);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    assert_in_range(processes_resident(getpid()), 0, resident + RESIDENT_GROWTH);
#endif
    nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    const struct CMUnitTest tests[] = {
        RUNS_BOTH(whatever_its_neighbours_do_a_run_ends_as_its_own_code_says, NULL, NULL,
                  &runs_thread, &runs_worker),
    };
    return status ? status : runs_end(runs_all(tests));
}

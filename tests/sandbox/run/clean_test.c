/* clean_test.c - after each of many runs of hostile Python the micro-VM is a fresh one's equal.
 *
 *   clean_test IMAGE SCRIPTS TOOLS.so
 *
 * Scripts and random programs run in one runner, to their end, to a limit or to a cancellation at a
 * random moment, some of them as runs of a session: from a snapshot, and to one. Then it is settled, as a
 * pool does, and compared whole with a fresh micro-VM. Once
 * with pages found by the kernel's scan and once as on kernels before 6.7. IMAGE is overridden by
 * $CLOCHE_IMAGE; without SCRIPTS there are the random programs only. $CLOCHE_TEST_SHARE 1000 makes
 * the thousand runs each way of `make test-clean` out of a hundred.
 */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clean_programs.h"
#include "cloche/tool.h"
#include "sandbox/call/host_calls.h"
#include "sandbox/run/run_loop.h"
#include "sandbox/run/runner.h"
#include "sandbox/snapshot/snapshot.h"

#define RUNS 100
#define MEMORY (128ull << 20)
#define SKIP 77

static struct clo_image *image;
static struct clo_tool_library *library;
static struct clo_tool_set *tools;
static struct clo_mounts *mounts; /* the scripts, and the image: a long file */
static struct clo_executor *threads;
static size_t scripts;

struct fixture {
    struct clo_host_calls *calls;
    struct clo_artifact_tree *output;
    struct clo_runner *runner;
    struct program program;
    struct clo_limits limits;
    struct clo_run_result *result;
    bool by_reading;
    bool keeps;      /* the run's state, and its /output: a session's */
    int state;       /* of a session, kept; -1: none yet */
    unsigned visits; /* runs that began with it, and were kept */
    unsigned kept;
    unsigned ended[CLO_RUN_WORKER + 1], fresh, grown;
    uint64_t random;
};

/* ---- stopping at a random moment ---- */

static struct clo_runner *_Atomic stopping;
static atomic_bool stopped;
static timer_t stop_timer;

static void on_stop(int number)
{
    (void)number;
    struct clo_runner *runner = atomic_load(&stopping);
    atomic_store(&stopped, true);
    if (runner)
        clo_runner_kick(runner);
}

static void make_stop_timer(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigaction(SIGUSR1, &action, NULL);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &stop_timer), 0);
}

static void stop_in(uint64_t ns) /* 0: not at all */
{
    struct itimerspec when = {.it_value = {.tv_nsec = (long)ns}};
    timer_settime(stop_timer, 0, &when, NULL);
}

/* ---- a run ---- */

static int answer(void *context, const struct clo_call *call, struct clo_call_reply *reply,
                  struct clo_error *error)
{
    struct fixture *fixture = context;
    int status = clo_host_calls_call(fixture->calls, call, reply, error);
    if (reply->descriptor >= 0) /* the run's side takes it */
        reply->descriptor = fcntl(reply->descriptor, F_DUPFD_CLOEXEC, 0);
    return status;
}

static void output(void *context, enum clo_stream stream, const char *data, size_t length)
{
    (void)context;
    (void)stream;
    (void)data;
    (void)length;
}

static bool cancelled(void *context)
{
    (void)context;
    return atomic_load(&stopped);
}

static void run_with(struct fixture *fixture, bool (*is_cancelled)(void *context), uint64_t stop_ns)
{
    struct clo_run_host host = {
        .answer = answer, .output = output, .cancelled = is_cancelled, .context = fixture};
    struct clo_order order = {.code = fixture->program.code,
                              .code_length = fixture->program.length,
                              .name = fixture->program.name,
                              .has_files = true,
                              .keep_state = fixture->keeps,
                              .write_through = program_dice(&fixture->random, 2)};
    struct clo_error error;
    assert_int_equal(clo_limits_resolve(&order.limits, &fixture->limits, NULL, NULL), 0);
    clo_run_result_free(fixture->result);
    fixture->result = calloc(1, sizeof *fixture->result);
    assert_non_null(fixture->result);
    assert_int_equal(
        clo_artifact_tree_begin(fixture->output, &order.limits, fixture->keeps, &error), 0);
    clo_host_calls_begin(fixture->calls, &order.limits, NULL, -1);
    clo_host_calls_files(fixture->calls, mounts, fixture->output);
    atomic_store(&stopped, false);
    atomic_store(&stopping, fixture->runner);
    stop_in(stop_ns);
    int status = clo_runner_run(fixture->runner, &order, &host, fixture->result, &error);
    stop_in(0);
    atomic_store(&stopping, NULL);
    clo_host_calls_end(fixture->calls);
    if (status)
        fail_msg("%s: %s", fixture->program.name, error.message);
    const struct clo_growth *linear = &fixture->runner->vm->regions[CLO_REGION_LINEAR];
    fixture->ended[fixture->result->error.kind]++;
    fixture->grown += linear->size > linear->initial;
}

/* ---- sessions ---- */

static const uint8_t key[] = "a key for this test alone, that all may know";
static const struct clo_snapshot_options options = {.key = key, .key_length = sizeof key};

static void bring(struct fixture *fixture)
{
    struct clo_limits limits;
    struct clo_reservation all = {.bytes = MEMORY};
    struct clo_snapshot_terms terms = {.limits = &limits, .reservation = &all};
    struct clo_state_port port = clo_runner_port(fixture->runner);
    struct clo_error error;
    assert_int_equal(
        clo_limits_resolve(&limits, &(struct clo_limits){.memory = MEMORY}, NULL, NULL), 0);
    if (clo_snapshot_read(&port, image, fixture->output, &terms, fixture->state, &options, &error))
        fail_msg("a session's state: %s (%s)", error.message, error.hint);
}

/* False: it has none any more. */
static bool keep(struct fixture *fixture, int file)
{
    struct clo_state_port port = clo_runner_port(fixture->runner);
    struct clo_snapshot_made made;
    struct clo_error error;
    int status =
        clo_snapshot_write(&port, image, fixture->output, file, &options, NULL, &made, &error);
    if (status && status != CLO_EINVALID)
        fail_msg("keeping a session's state: %s", error.message);
    return !status;
}

/* One that has memory, files and modules of its own. */
static void begin_session(struct fixture *fixture)
{
    static const char code[] = "import wave, os\nbig = bytearray(range(250)) * (40 << 10)\n"
                               "open('/tmp/kept', 'w').write('x' * 1000000)\n"
                               "open('/output/kept', 'w').write('y')\n";
    memcpy(fixture->program.code, code, sizeof code);
    fixture->program.length = sizeof code - 1;
    snprintf(fixture->program.name, sizeof fixture->program.name, "session.py");
    fixture->limits = (struct clo_limits){.memory = MEMORY};
    fixture->keeps = true;
    run_with(fixture, cancelled, 0);
    fixture->keeps = false;
    fixture->state = memfd_create("state", MFD_CLOEXEC);
    assert_true(fixture->state >= 0 && keep(fixture, fixture->state));
}

/* A hostile script or a random program; limits and moments so that endless ones end soon. */
static void run_something(struct fixture *fixture, size_t number)
{
    static const uint64_t memory[] = {48ull << 20, 64ull << 20, MEMORY};
    uint64_t *random = &fixture->random;
    bool script = scripts && number % 2;
    if (script)
        program_script(&fixture->program, number / 2);
    else
        program_random(&fixture->program, random);
    uint32_t way = program_dice(random, 10);
    fixture->limits = (struct clo_limits){
        .wall_ms = way < 2 ? 300 : 1 + program_dice(random, 60),
        .memory = memory[program_dice(random, 3)],
        .output = program_dice(random, 2) ? 1000 : 1 << 20,
        .host_calls = program_dice(random, 2) ? 10 : 10000,
    };
    fixture->keeps = program_dice(random, 4) == 0;
    if (fixture->keeps && program_dice(random, 4)) {
        fixture->limits.memory = MEMORY;
        bring(fixture);
    }
    run_with(fixture, cancelled, way < 6 ? 0 : 200000 + 1000ull * program_dice(random, 15000));
    if (fixture->keeps && program_dice(random, 2)) {
        int file = memfd_create("state", MFD_CLOEXEC);
        fixture->kept += keep(fixture, file);
        close(file);
    }
    fixture->visits += fixture->keeps;
    fixture->keeps = false;
}

static void settle(struct fixture *fixture)
{
    fixture->fresh += clo_runner_is_broken(fixture->runner);
    clo_runner_settle(fixture->runner);
    fixture->runner->vm->config.scan_fallback = fixture->by_reading;
}

/* ---- what a fresh micro-VM is given before a run ---- */

/* What write_request may set; of these only the first three differ from one micro-VM to the next.
 */
static const struct {
    size_t from, to;
} words[] = {
#define WORD(field)                                                                                \
    {                                                                                              \
        offsetof(struct clo_control, field),                                                       \
            offsetof(struct clo_control, field) + sizeof(((struct clo_control *)0)->field)         \
    }
    WORD(seed),           WORD(realtime_ns), WORD(monotonic_ns), WORD(ns_per_tick),
    WORD(request_length), WORD(run_flags),   WORD(memory_limit),
};
#define ENTROPY_AND_CLOCKS 4

static bool is_listed(uint64_t va, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (va >= CLO_WINDOW_VA + words[i].from && va < CLO_WINDOW_VA + words[i].to)
            return true;
    return false;
}

/* Just before the first entry: this callback is asked then. */
static uint8_t *seen[2]; /* of each of two micro-VMs: all parts of its memory */
static int seen_count;

static bool look_before_the_entry(void *context)
{
    const struct fixture *fixture = context;
    const struct clo_vm *vm = fixture->runner->vm;
    if (seen_count < 2 && !seen[seen_count]) {
        seen[seen_count] = malloc(vm->layout.pool);
        assert_non_null(seen[seen_count]);
        memcpy(seen[seen_count], vm->memory, vm->layout.pool);
    }
    return true; /* it need not run */
}

static void compare_parts(const struct clo_vm *vm, uint64_t request)
{
    for (unsigned i = 0; i < vm->part_count; i++) {
        const struct clo_part *part = &vm->parts[i];
        for (uint64_t at = 0; at < part->length; at++) {
            uint64_t va = part->va + at;
            uint8_t a = seen[0][part->offset + at], b = seen[1][part->offset + at];
            uint8_t image_has = part->source ? part->source[at] : 0;
            if (a != b && !is_listed(va, ENTROPY_AND_CLOCKS))
                fail_msg("two fresh micro-VMs differ at %#llx", (unsigned long long)va);
            bool written = is_listed(va, sizeof words / sizeof *words) ||
                           va - (CLO_WINDOW_VA + CLO_WINDOW_REPLY) < request;
            if (a != image_has && !written)
                fail_msg("the request changed %#llx", (unsigned long long)va);
        }
    }
}

static void only_listed_words_differ_before_a_run(void **state)
{
    struct fixture *fixture = *state;
    struct program *program = &fixture->program;
    program->length = (size_t)snprintf(program->code, sizeof program->code, "print(1)\n");
    snprintf(program->name, sizeof program->name, "one.py");
    fixture->limits = (struct clo_limits){.memory = MEMORY};
    for (seen_count = 0; seen_count < 2; seen_count++) {
        fixture->runner->broken = true; /* so that each is a new micro-VM */
        fixture->random = 1;
        run_with(fixture, look_before_the_entry, 0);
    }
    struct clo_vm *vm = fixture->runner->vm;
    const struct clo_control *a = (void *)(seen[0] + vm->layout.window);
    const struct clo_control *b = (void *)(seen[1] + vm->layout.window);
    assert_memory_not_equal(a->seed, b->seed, sizeof a->seed);
    assert_true(a->realtime_ns != b->realtime_ns && a->monotonic_ns < b->monotonic_ns);
    assert_int_equal(a->request_length, b->request_length);
    compare_parts(vm, a->request_length);
    if (memcmp(seen[0], seen[1], vm->layout.system_size) != 0)
        fail_msg("the page tables of two fresh micro-VMs differ");
    free(seen[0]);
    free(seen[1]);
    seen[0] = seen[1] = NULL;
}

/* ---- the runs ---- */

static void clean_after_each_run(void **state)
{
    struct fixture *fixture = *state;
    unsigned runs = harness_rounds(RUNS);
    begin_session(fixture);
    settle(fixture);
    if (clo_vm_compare(fixture->runner->vm))
        fail_msg("the first run of a session left something");
    for (unsigned i = 0; i < runs; i++) {
        run_something(fixture, i);
        settle(fixture);
        if (clo_vm_compare(fixture->runner->vm))
            fail_msg("run %u, %s, left something:\n%s", i, fixture->program.name,
                     fixture->program.code);
    }
    /* and without a comparison after each, which might hide what a restore does not know */
    for (unsigned i = 0; i < runs / 4; i++) {
        run_something(fixture, i);
        settle(fixture);
        if (i % 10 == 9 && clo_vm_compare(fixture->runner->vm))
            fail_msg("run %u of those in a row, or one before it, left something", i);
    }
    const unsigned *ended = fixture->ended;
    printf("%u runs of sessions, %u kept\n", fixture->visits, fixture->kept);
    assert_true(fixture->kept > 0 ||
                fixture->visits < 10); /* few where rounds are few: hardware that is emulated */
    printf(
        "%u runs: %u in order, %u exceptions, %u at a limit, %u cancelled, %u faulted or broke the contract (%u fresh micro-VMs after them), %u had grown memory\n",
        runs + runs / 4, ended[CLO_RUN_OK], ended[CLO_RUN_EXCEPTION], ended[CLO_RUN_LIMIT],
        ended[CLO_RUN_CANCELLED], ended[CLO_RUN_FAULT] + ended[CLO_RUN_GUEST], fixture->fresh,
        fixture->grown);
}

static struct fixture by_scan = {.state = -1}, by_reading = {.by_reading = true, .state = -1};

static int set_up(void **state)
{
    struct fixture *fixture = *state;
    size_t length;
    struct clo_error error;
    const char *manifest = clo_tool_set_manifest(tools, &length);
    fixture->random = 1;
    if (clo_host_calls_create(&fixture->calls, tools, threads, &error) ||
        clo_artifact_tree_create(&fixture->output, &error) ||
        clo_runner_create(&fixture->runner, image, CLO_ISOLATION_MICROVM, MEMORY, manifest, length,
                          &error)) {
        fprintf(stderr, "a runner: %s\n", error.message);
        return -1;
    }
    fixture->runner->vm->config.scan_fallback = fixture->by_reading;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clo_runner_destroy(fixture->runner);
    clo_host_calls_free(fixture->calls);
    clo_artifact_tree_free(fixture->output);
    fixture->output = NULL;
    clo_run_result_free(fixture->result);
    fixture->result = NULL;
    if (fixture->state >= 0)
        close(fixture->state);
    fixture->state = -1;
    return 0;
}

/* 0, or what to leave with. */
static int begin(int count, char **arguments)
{
    struct clo_error error;
    if (count != 4) {
        fprintf(stderr, "Usage: %s IMAGE SCRIPTS TOOLS.so\n", arguments[0]);
        return 2;
    }
    const char *path = getenv("CLOCHE_IMAGE");
    if (clo_image_open(&image, path ? path : arguments[1], CLO_IMAGE_COPY, &error)) {
        fprintf(stderr, "SKIP: no image to test with: %s\n", error.message);
        return SKIP;
    }
    if (clo_kvm_probe(&error)) {
        fprintf(stderr, "SKIP: %s (%s)\n", error.message, error.hint);
        return SKIP;
    }
    struct clo_mount wanted[] = {{path ? path : arguments[1], "/input/image"},
                                 {arguments[2], "/input/scripts"}};
    if (clo_mounts_open(&mounts, wanted, 2, &error)) {
        fprintf(stderr, "the mounts: %s\n", error.message);
        return 1;
    }
    scripts = programs_open(arguments[2]);
    if (clo_executor_create(&threads, CLO_TOOL_THREADS_MAX, NULL, &error) ||
        clo_tool_library_open(&library, arguments[3], &error)) {
        fprintf(stderr, "the tools: %s\n", error.message);
        return 1;
    }
    const struct clo_plugin *plugin = clo_tool_library_plugin(library);
    if (clo_tool_set_create(&tools, plugin->tools, plugin->tool_count, &error)) {
        fprintf(stderr, "the tools: %s\n", error.message);
        return 1;
    }
    return 0;
}

static void end(void)
{
    programs_close();
    clo_executor_destroy(threads);
    clo_tool_set_free(tools);
    clo_tool_library_close(library);
    clo_mounts_close(mounts);
    clo_image_close(image);
}

int main(int count, char **arguments)
{
    int status = begin(count, arguments);
    if (status)
        return status;
    make_stop_timer();
    const struct CMUnitTest tests[] = {
        {"only_listed_words_differ_before_a_run", only_listed_words_differ_before_a_run, set_up,
         tear_down, &by_scan},
        {"clean_after_each_run (scan)", clean_after_each_run, set_up, tear_down, &by_scan},
        {"clean_after_each_run (before 6.7)", clean_after_each_run, set_up, tear_down, &by_reading},
    };
    status = cmocka_run_group_tests(tests, NULL, NULL);
    end();
    return status;
}

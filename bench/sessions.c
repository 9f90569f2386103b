/* sessions.c - a session's state: bytes, and the time that it takes into a file and back; and a run that
 * brings its state along and takes it away against a clean run on the same sandbox.
 *
 * Prints one JSON object a line, for each program and wall, sandboxes in workers. The files are in memory:
 * what a disk takes comes on top, and none of it is synced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cloche/sandbox.h"

#define MEMORY (768ull << 20)
#define WAIT_MS 60000
#define SPENT_NS 2000000000ull /* for each figure, or this many rounds */
enum { ROUNDS_MIN = 3, ROUNDS_MAX = 200 };

static const uint8_t key[32] = "of no use but for a measurement";
static const struct clo_snapshot_options options = {.key = key, .key_length = sizeof key};

static const struct program {
    const char *name, *code;
} programs[] = {
    {"x = 1", "x = 1"},
    {"JSON of 1 MB, read",
     "import json, random\nr = random.Random(1)\n"
     "text = json.dumps([{'id': i, 'name': 'n' * 20, 'value': r.random()} for i in range(15000)])\n"
     "rows = json.loads(text)"},
    {"list of 100 MB", "rows = list(range(10**6, 10**6 + 2_500_000))"},
    {"100 MB of random bytes", "import os\nnoise = os.urandom(100 << 20)"},
};

static void must(int status, const struct clo_error *error)
{
    if (status) {
        fprintf(stderr, "sessions: %s\n%s\n", error->message, error->hint);
        exit(1);
    }
}

static int new_file(void)
{
    int file = memfd_create("state", MFD_CLOEXEC);
    if (file < 0) {
        perror("sessions: memfd_create");
        exit(1);
    }
    return file;
}

static void check(struct clo_run_result *result)
{
    if (result->error.kind) {
        fprintf(stderr, "sessions: %s\n", result->err);
        exit(1);
    }
    clo_run_result_free(result);
}

/* ---- one figure: the median of what is measured several times ---- */

struct subject {
    struct clo_sandbox *sandbox;
    struct clo_pool *pool;
    const char *code;
    int file; /* with the state */
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ms(const struct subject *subject, uint64_t (*once)(const struct subject *))
{
    double samples[ROUNDS_MAX];
    uint64_t begin = clo_monotonic_ns();
    int count = 0;
    once(subject);
    while (count < ROUNDS_MAX && (count < ROUNDS_MIN || clo_monotonic_ns() - begin < SPENT_NS))
        samples[count++] = (double)once(subject) / 1e6;
    qsort(samples, (size_t)count, sizeof *samples, compare);
    return samples[count / 2];
}

static uint64_t write_state(const struct subject *subject)
{
    struct clo_error error;
    int file = new_file();
    uint64_t start = clo_monotonic_ns();
    must(clo_sandbox_snapshot(subject->sandbox, file, &options, NULL, &error), &error);
    uint64_t took = clo_monotonic_ns() - start;
    close(file);
    return took;
}

static uint64_t read_state(const struct subject *subject)
{
    struct clo_error error;
    uint64_t start = clo_monotonic_ns();
    must(clo_sandbox_restore(subject->sandbox, subject->file, &options, &error), &error);
    return clo_monotonic_ns() - start;
}

static uint64_t run(const struct subject *subject, const struct clo_run_state *state)
{
    struct clo_run order = {
        .code = subject->code, .code_length = strlen(subject->code), .state = state};
    struct clo_run_result *result;
    struct clo_error error;
    usleep(2000); /* until the sandbox is clean again */
    uint64_t start = clo_monotonic_ns();
    must(clo_pool_run(subject->pool, &order, WAIT_MS, &result, &error), &error);
    uint64_t took = clo_monotonic_ns() - start;
    check(result);
    return took;
}

static uint64_t run_session(const struct subject *subject)
{
    struct clo_run_state state = {
        .from = subject->file, .to = new_file(), .from_options = &options, .to_options = &options};
    uint64_t took = run(subject, &state);
    close(state.to);
    return took;
}

static uint64_t run_clean(const struct subject *subject)
{
    return run(subject, NULL);
}

/* ---- */

static void measure(const struct clo_image *image, const struct program *program,
                    enum clo_isolation isolation)
{
    struct clo_sandbox_config config = {
        .image = image,
        .limits = {.wall_ms = 120000, .cpu_ms = 120000, .memory = MEMORY},
        .placement = CLO_PLACEMENT_WORKER,
        .isolation = isolation};
    struct clo_run begin = {
        .code = program->code, .code_length = strlen(program->code), .keep_state = true};
    struct subject subject = {.code = "print(1)", .file = new_file()};
    struct clo_run_result *result;
    struct clo_error error;
    struct stat is;
    must(clo_sandbox_create(&subject.sandbox, &config, &error), &error);
    must(clo_sandbox_run(subject.sandbox, &begin, &result, &error), &error);
    check(result);
    must(clo_sandbox_snapshot(subject.sandbox, subject.file, &options, NULL, &error), &error);
    double out = median_ms(&subject, write_state), back = median_ms(&subject, read_state);
    clo_sandbox_destroy(subject.sandbox);
    must(clo_pool_create(&subject.pool, &config, 1, &error), &error);
    double session = median_ms(&subject, run_session), clean = median_ms(&subject, run_clean);
    clo_pool_destroy(subject.pool);
    fstat(subject.file, &is);
    close(subject.file);
    printf("{\"program\": \"%s\", \"isolation\": \"%s\", \"bytes\": %lld, \"out_ms\": %.3f, "
           "\"back_ms\": %.3f, \"session_ms\": %.3f, \"clean_ms\": %.3f}\n",
           program->name, clo_isolation_name(isolation), (long long)is.st_size, out, back, session,
           clean);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    struct clo_image *image;
    struct clo_error error;
    must(clo_image_open(&image, count > 1 ? arguments[1] : NULL, CLO_IMAGE_COPY, &error), &error);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        measure(image, &programs[i], CLO_ISOLATION_MICROVM);
        measure(image, &programs[i], CLO_ISOLATION_PROCESS);
    }
    clo_image_close(image);
    return 0;
}

/* ceiling_test.c - memory bombs at once, on the real image: the host's memory stays under the
 * ceiling, every run ends or is refused with the reason, and good runs go on.
 *
 * The image: $CLOCHE_IMAGE, or the first argument. Without it or without /dev/kvm: SKIP, loudly.
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "sandbox/ceiling.h"

#define SKIP 77
#define MIB (1ull << 20)
#define NS_PER_MS 1000000ull
#define CEILING (1024 * MIB)
#define SLACK (48 * MIB) /* processes are looked at one after the other while memory moves */
#define LONG_WAIT 240000u
#define WORKERS_MAX 128

static struct clo_image *image;

/* Ways to take all there is. Each goes on after the first MemoryError, and then lets it through. */
static const char *const bombs[] = {
    /* blocks, and on with smaller ones */
    "keep = []\nsize = 1 << 22\nwhile True:\n    try:\n        keep.append(bytearray(size))\n"
    "    except MemoryError:\n        if size < 1024:\n            raise\n        size //= 2\n",
    /* one string that doubles, many times over */
    "keep = []\nfor again in range(5):\n    try:\n        text = 'x' * 1024\n        while True:\n"
    "            text += text\n            keep.append(text)\n    except MemoryError:\n"
    "        if again == 4:\n            raise\n",
    /* small objects */
    "keep = {}\nn = 0\nwhile True:\n    keep[n] = [n]\n    n += 1\n",
    /* files in memory */
    "n = 0\nblock = b'y' * 65536\ntry:\n    file = open('/tmp/bomb', 'wb')\n    while True:\n"
    "        file.write(block)\nexcept (MemoryError, OSError):\n    pass\nkeep = []\n"
    "while True:\n    keep.append(bytearray(65536))\n",
    /* one that it never gets, and then many that it does */
    "keep = []\nfor n in range(100):\n    try:\n        bytearray((1 << 31) - 1)\n"
    "    except MemoryError:\n        keep.append(bytes(1 << 20))\nwhile True:\n"
    "    keep.append([None] * 100000)\n",
};
#define BOMB_KINDS (sizeof bombs / sizeof *bombs)

static const char good[] = "print(sum(range(1000)))";

static struct clo_pool *make_pool(enum clo_isolation isolation, size_t size, uint64_t mib)
{
    struct clo_sandbox_config config = {
        .image = image, .limits = {.memory = mib * MIB}, .isolation = isolation};
    struct clo_pool *pool;
    struct clo_error error;
    if (clo_pool_create(&pool, &config, size, &error))
        fail_msg("%s (%s)", error.message, error.hint);
    return pool;
}

static struct clo_ceiling_state look(void)
{
    struct clo_ceiling_state state;
    clo_ceiling_look(&state);
    return state;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Pools give memory back when they have restored, a moment after the result. */
static void wait_until_used_is(uint64_t bytes)
{
    for (int i = 0; i < 3000 && look().used != bytes; i++)
        sleep_ms(10);
    assert_int_equal(look().used, bytes);
}

static int set_ceiling(void **state)
{
    (void)state;
    return clo_memory_ceiling_set(CEILING, NULL);
}

static int everything_is_back(void **state)
{
    (void)state;
    struct clo_ceiling_state now = look();
    return now.used || now.runs || now.members || now.singles || now.waiting;
}

/* ---- what processes have in memory, that is theirs alone ---- */

/* Without the right to look closer: all anonymous memory, the image's copy that is shared included.
 */
static uint64_t resident_at_most(long pid)
{
    char path[64];
    unsigned long pages = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", pid); /* size resident shared ... */
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    int got = fscanf(file, "%*u %lu %lu", &pages, &shared);
    fclose(file);
    return got == 2 && pages > shared ? (pages - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Pages that were written or granted, and that no other process has: summed over the mappings. */
static uint64_t resident(long pid)
{
    char path[64], line[512];
    unsigned long long kib, alone = 0, sum = 0;
    snprintf(path, sizeof path, "/proc/%ld/smaps", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) { /* Private_… come before Anonymous */
        if (sscanf(line, "Private_Clean: %llu", &kib) == 1)
            alone = kib;
        else if (sscanf(line, "Private_Dirty: %llu", &kib) == 1)
            alone += kib;
        else if (sscanf(line, "Anonymous: %llu", &kib) == 1)
            sum += kib < alone ? kib : alone;
    }
    if (file)
        fclose(file);
    return sum ? sum * 1024 : resident_at_most(pid);
}

/* Name and parent, from "pid (name) state parent ...". */
static long read_parent(long pid, char name[32])
{
    char path[64], text[512] = "";
    long parent = -1;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *after = strrchr(text, ')');
    if (!after || sscanf(text, "%*d (%31[^)]", name) != 1 ||
        sscanf(after, ") %*c %ld", &parent) != 1)
        return -1;
    return parent;
}

static size_t find_workers(long pids[WORKERS_MAX])
{
    size_t count = 0;
    char name[32], ignored[32];
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder && (entry = readdir(folder)) && count < WORKERS_MAX;) {
        long pid = strtol(entry->d_name, NULL, 10);
        long parent = pid > 0 ? read_parent(pid, name) : -1;
        if (parent > 0 && strcmp(name, "cloche-worker") == 0 &&
            (parent == getpid() || read_parent(parent, ignored) == getpid()))
            pids[count++] = pid;
    }
    if (folder)
        closedir(folder);
    return count;
}

struct sampler {
    pthread_t thread;
    atomic_bool end;
    uint64_t start_ns;
    uint64_t before; /* of this process */
    uint64_t peak;   /* of it, above that, and of all workers together */
    size_t workers;  /* most at once */
    size_t samples;
    bool over; /* the account said more than the ceiling */
};

static void *sample(void *argument)
{
    struct sampler *self = argument;
    while (!atomic_load(&self->end)) {
        long pids[WORKERS_MAX];
        size_t count = find_workers(pids);
        uint64_t here = resident(getpid());
        uint64_t sum = here > self->before ? here - self->before : 0;
        for (size_t i = 0; i < count; i++)
            sum += resident(pids[i]);
        struct clo_ceiling_state state = look();
        self->over |= state.used > state.ceiling;
        self->peak = sum > self->peak ? sum : self->peak;
        self->workers = count > self->workers ? count : self->workers;
        self->samples++;
        sleep_ms(5);
    }
    return NULL;
}

static void start_sampling(struct sampler *sampler)
{
    *sampler = (struct sampler){.before = resident(getpid()), .start_ns = clo_monotonic_ns()};
    pthread_create(&sampler->thread, NULL, sample, sampler);
}

static void check_samples(struct sampler *sampler, const char *what)
{
    atomic_store(&sampler->end, true);
    pthread_join(sampler->thread, NULL);
    fprintf(stderr,
            "%s: peak %llu MiB under a ceiling of %llu MiB, %zu workers, %zu samples in %.0f s\n",
            what, (unsigned long long)(sampler->peak / MIB), (unsigned long long)(CEILING / MIB),
            sampler->workers, sampler->samples,
            (double)(clo_monotonic_ns() - sampler->start_ns) / 1e9);
    assert_false(sampler->over);
    assert_true(sampler->peak <= CEILING + SLACK);
    assert_true(sampler->peak >= CEILING / 3); /* the bombs went off, and were seen */
}

/* ---- runs ---- */

struct job {
    pthread_t thread;
    struct clo_pool *pool;
    const char *code;
    uint64_t wait_ms;
    struct clo_cancel *cancel;
    int status;
    struct clo_run_result *result;
    struct clo_error error;
};

static void *run_job(void *argument)
{
    struct job *job = argument;
    struct clo_run run = {.code = job->code,
                          .code_length = strlen(job->code),
                          .limits = {.wall_ms = 120000, .cpu_ms = 120000},
                          .cancel = job->cancel};
    job->status = clo_pool_run(job->pool, &run, job->wait_ms, &job->result, &job->error);
    return NULL;
}

static void start_job(struct job *job)
{
    pthread_create(&job->thread, NULL, run_job, job);
}

static void check_good(struct job *job)
{
    if (job->status)
        fail_msg("%s", job->error.message);
    assert_int_equal(job->result->error.kind, CLO_RUN_OK);
    assert_string_equal(job->result->out, "499500\n");
    clo_run_result_free(job->result);
}

static bool is_refused_with_reason(const struct job *job)
{
    return job->status == CLO_EBUSY && !job->result &&
           strstr(job->error.message, "there was no memory for this run within") &&
           strstr(job->error.message, "of the 1 GiB that all sandboxes may use together") &&
           strstr(job->error.hint, "sandbox.total_memory");
}

/* How did a bomb end? Counts the ways; anything else is a failure. */
static void check_bomb(struct job *job, size_t *limited, size_t *refused)
{
    if (job->status == 0 && job->result->error.limit &&
        strcmp(job->result->error.limit, "memory") == 0) {
        assert_int_equal(job->result->exit_code, 137);
        ++*limited;
    } else if (is_refused_with_reason(job)) {
        ++*refused;
    } else {
        fail_msg("%s: status %d, %s, limit %s, %s", job->code, job->status,
                 job->status ? job->error.message : clo_run_error_name(job->result->error.kind),
                 job->result && job->result->error.limit ? job->result->error.limit : "none",
                 job->result ? job->result->err : "");
    }
    clo_run_result_free(job->result);
}

#define BOMBS 64
#define IMPATIENT 16 /* of them, who do not wait for long */

static void sixty_four_bombs_at_once(void **state)
{
    (void)state;
    static struct job jobs[BOMBS];
    struct sampler sampler;
    struct clo_pool *pool = make_pool(CLO_ISOLATION_WORKER, BOMBS, 256);
    struct clo_pool *others = make_pool(CLO_ISOLATION_WORKER, 1, 64);
    start_sampling(&sampler);
    for (size_t i = 0; i < BOMBS; i++) {
        jobs[i] = (struct job){.pool = pool,
                               .code = bombs[i % BOMB_KINDS],
                               .wait_ms = i >= BOMBS - IMPATIENT ? 200 : LONG_WAIT};
        start_job(&jobs[i]);
    }
    for (int i = 0; i < 5; i++) { /* beside them */
        struct job beside = {.pool = i % 2 ? pool : others, .code = good, .wait_ms = LONG_WAIT};
        run_job(&beside);
        check_good(&beside);
        sleep_ms(100);
    }
    size_t limited = 0, refused = 0;
    for (size_t i = 0; i < BOMBS; i++) {
        pthread_join(jobs[i].thread, NULL);
        check_bomb(&jobs[i], &limited, &refused);
    }
    fprintf(stderr, "64 bombs: %zu reached their limit, %zu were refused\n", limited, refused);
    assert_int_equal(limited + refused, BOMBS);
    assert_true(limited >= BOMBS - IMPATIENT);
    assert_true(refused >= 1);
    check_samples(&sampler, "64 bombs in worker processes");
    struct job after = {.pool = pool, .code = good, .wait_ms = LONG_WAIT};
    run_job(&after);
    check_good(&after);
    clo_pool_destroy(pool);
    clo_pool_destroy(others);
    assert_true(resident(getpid()) <= sampler.before + 32 * MIB);
}

static void bombs_in_two_pools_share_one_ceiling(void **state)
{
    static struct job jobs[16];
    enum clo_isolation isolation = *(enum clo_isolation *)*state;
    struct sampler sampler;
    struct clo_pool *pools[] = {make_pool(isolation, 8, 256), make_pool(isolation, 8, 300)};
    start_sampling(&sampler);
    for (size_t i = 0; i < 16; i++) {
        jobs[i] =
            (struct job){.pool = pools[i % 2], .code = bombs[i % BOMB_KINDS], .wait_ms = LONG_WAIT};
        start_job(&jobs[i]);
    }
    size_t limited = 0, refused = 0;
    for (size_t i = 0; i < 16; i++) {
        pthread_join(jobs[i].thread, NULL);
        check_bomb(&jobs[i], &limited, &refused);
    }
    assert_int_equal(limited, 16);
    check_samples(&sampler, isolation ? "two pools of workers" : "two pools of threads");
    for (int i = 0; i < 2; i++) {
        struct job after = {.pool = pools[i], .code = good, .wait_ms = LONG_WAIT};
        run_job(&after);
        check_good(&after);
        clo_pool_destroy(pools[i]);
    }
    assert_true(resident(getpid()) <= sampler.before + 32 * MIB);
}

/* ---- the account follows what is resident ---- */

static void idle_workers_keep_no_more_than_their_own_part(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_ISOLATION_WORKER, 3, 256);
    static struct job jobs[6];
    for (size_t i = 0; i < 6; i++) {
        jobs[i] = (struct job){.pool = pool, .code = bombs[i % BOMB_KINDS], .wait_ms = LONG_WAIT};
        start_job(&jobs[i]);
    }
    size_t limited = 0, refused = 0;
    for (size_t i = 0; i < 6; i++) {
        pthread_join(jobs[i].thread, NULL);
        check_bomb(&jobs[i], &limited, &refused);
    }
    wait_until_used_is(look().members * CLO_CEILING_OWN); /* all is given back */
    long pids[WORKERS_MAX];
    size_t count = find_workers(pids);
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = resident(pids[i]) > most ? resident(pids[i]) : most;
    fprintf(stderr, "idle workers: %zu, the largest has %llu KiB\n", count,
            (unsigned long long)(most / 1024));
    assert_true(count <= look().members);
    assert_true(most <= CLO_CEILING_OWN);
    clo_pool_destroy(pool);
}

/* When a run's memory is given back, its process has none of it any more: also if it was killed. */
static void killed_and_stopped_runs_are_gone_before_their_memory_is_given_back(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_ISOLATION_WORKER, 1, 512);
    const char *code = "x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\n"
                       "print('full', flush=True)\nwhile True: pass";
    for (int i = 0; i < 2; i++) {
        long pids[WORKERS_MAX];
        struct clo_cancel *cancel = clo_cancel_create();
        struct job job = {.pool = pool, .code = code, .wait_ms = LONG_WAIT, .cancel = cancel};
        start_job(&job);
        for (int k = 0; k < 6000; k++) { /* until it has its memory */
            if (find_workers(pids) == 1 && resident(pids[0]) > 390 * MIB)
                break;
            sleep_ms(10);
        }
        assert_int_equal(find_workers(pids), 1);
        assert_int_equal(look().used, 528 * MIB);
        if (i == 0)
            kill((pid_t)pids[0], SIGKILL);
        else
            clo_cancel_trigger(cancel);
        while (look().used == 528 * MIB)
            ; /* at the very moment */
        uint64_t left = resident(pids[0]);
        pthread_join(job.thread, NULL);
        assert_int_equal(job.status, 0);
        assert_int_equal(job.result->error.kind, i ? CLO_RUN_CANCELLED : CLO_RUN_WORKER);
        assert_true(left <= CLO_CEILING_OWN);
        clo_run_result_free(job.result);
        clo_cancel_free(cancel);
    }
    clo_pool_destroy(pool);
}

static void waits_for_memory_end_by_cancel_deadline_and_the_pools_end(void **state)
{
    enum clo_isolation isolation = *(enum clo_isolation *)*state;
    struct clo_pool *full = make_pool(isolation, 1, 700), *pool = make_pool(isolation, 3, 400);
    struct clo_cancel *stop = clo_cancel_create(), *cancel = clo_cancel_create();
    struct job holder = {
        .pool = full, .code = "import time\ntime.sleep(100)", .wait_ms = LONG_WAIT, .cancel = stop};
    start_job(&holder);
    while (!look().runs)
        sleep_ms(1);
    struct job late = {.pool = pool, .code = good, .wait_ms = 50};
    run_job(&late);
    assert_true(is_refused_with_reason(&late));
    struct job cancelled = {.pool = pool, .code = good, .wait_ms = LONG_WAIT, .cancel = cancel};
    start_job(&cancelled);
    while (!look().waiting)
        sleep_ms(1);
    clo_cancel_trigger(cancel);
    pthread_join(cancelled.thread, NULL);
    assert_int_equal(cancelled.status, CLO_ECANCELLED);
    struct job small = {.pool = full, .code = good, .wait_ms = 50}; /* waits for a member */
    run_job(&small);
    assert_int_equal(small.status, CLO_EBUSY);
    struct job left = {.pool = pool, .code = good, .wait_ms = LONG_WAIT};
    start_job(&left);
    while (!look().waiting)
        sleep_ms(1);
    clo_pool_destroy(pool); /* does not wait for memory */
    pthread_join(left.thread, NULL);
    assert_int_equal(left.status, CLO_ECANCELLED);
    clo_cancel_trigger(stop);
    pthread_join(holder.thread, NULL);
    clo_run_result_free(holder.result);
    clo_pool_destroy(full);
    clo_cancel_free(stop);
    clo_cancel_free(cancel);
}

static void sandboxes_by_themselves_count_for_their_life(void **state)
{
    struct clo_sandbox_config config = {.image = image,
                                        .limits = {.memory = 480 * MIB},
                                        .isolation = *(enum clo_isolation *)*state};
    struct clo_sandbox *sandboxes[3];
    struct clo_pool *pool;
    struct clo_error error;
    for (int i = 0; i < 2; i++)
        assert_int_equal(clo_sandbox_create(&sandboxes[i], &config, &error), 0);
    assert_int_equal(look().used, 992 * MIB);
    assert_int_equal(clo_sandbox_create(&sandboxes[2], &config, &error), CLO_EBUSY);
    assert_non_null(strstr(error.message, "it wants 496 MiB"));
    assert_null(sandboxes[2]);
    clo_sandbox_destroy(sandboxes[0]);
    assert_int_equal(clo_sandbox_create(&sandboxes[0], &config, &error), 0);
    clo_sandbox_destroy(sandboxes[0]);
    clo_sandbox_destroy(sandboxes[1]);
    config.limits.memory = 1024 * MIB;
    assert_int_equal(clo_sandbox_create(&sandboxes[0], &config, &error), CLO_EINVALID);
    assert_int_equal(clo_pool_create(&pool, &config, 1, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "limit memory is 1 GiB"));
    config.limits.memory = 32 * MIB;
    assert_int_equal(clo_sandbox_create(&sandboxes[0], &config, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "32 MiB; it must be from 48 MiB to 4 GiB"));
    config.limits.memory = 48 * MIB; /* the least is enough for the image */
    assert_int_equal(clo_sandbox_create(&sandboxes[0], &config, &error), 0);
    struct clo_run run = {.code = good, .code_length = strlen(good)};
    struct clo_run_result *result;
    assert_int_equal(clo_sandbox_run(sandboxes[0], &run, &result, &error), 0);
    assert_string_equal(result->out, "499500\n");
    clo_run_result_free(result);
    clo_sandbox_destroy(sandboxes[0]);
}

static enum clo_isolation thread_isolation = CLO_ISOLATION_THREAD;
static enum clo_isolation worker_isolation = CLO_ISOLATION_WORKER;

#define CASE(name, test, isolation)                                                                \
    {                                                                                              \
        name, test, set_ceiling, everything_is_back, isolation                                     \
    }
#define BOTH(test)                                                                                 \
    CASE(#test " (thread)", test, &thread_isolation),                                              \
        CASE(#test " (worker)", test, &worker_isolation)
#define ONE(test) CASE(#test, test, NULL)

int main(int count, char **arguments)
{
    struct clo_error error;
    const char *path = getenv("CLOCHE_IMAGE");
    if (!path && count > 1)
        path = arguments[1];
    if (clo_image_open(&image, path, CLO_IMAGE_COPY, &error)) {
        fprintf(stderr, "SKIP: no image to test with: %s\n", error.message);
        return SKIP;
    }
    struct clo_sandbox_config config = {.image = image};
    struct clo_sandbox *probe;
    int status = clo_sandbox_create(&probe, &config, &error);
    if (status) {
        fprintf(stderr, "%s%s\n", status == CLO_ENOHYPERVISOR ? "SKIP: " : "", error.message);
        return status == CLO_ENOHYPERVISOR ? SKIP : 1;
    }
    clo_sandbox_destroy(probe);
    const struct CMUnitTest tests[] = {
        ONE(sixty_four_bombs_at_once),
        BOTH(bombs_in_two_pools_share_one_ceiling),
        ONE(idle_workers_keep_no_more_than_their_own_part),
        ONE(killed_and_stopped_runs_are_gone_before_their_memory_is_given_back),
        BOTH(waits_for_memory_end_by_cancel_deadline_and_the_pools_end),
        BOTH(sandboxes_by_themselves_count_for_their_life),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clo_image_close(image);
    return failed;
}

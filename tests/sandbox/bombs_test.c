/* bombs_test.c - memory bombs at once, on the real image: the host's memory stays under the
 * ceiling, every run ends or is refused with the reason, and good runs go on.
 *
 * The image: $CLOCHE_IMAGE, or the first argument. Without it or without /dev/kvm: SKIP, loudly.
 */
#include <inttypes.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "harness.h"
#include "processes.h"
#include "runs.h"
#include "sandbox/memory_budget.h"

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_purge_allocator(void); /* gcc 12 has no header for it */
#endif

#define CEILING (384 * MIB) /* small: filling memory is most of what these tests cost */
#define SLACK (48 * MIB)    /* processes are looked at one after the other while memory moves */
#define LONG_WAIT 600000u   /* ms; longer than any run or wait, on an emulated processor too */
#define WORKERS_MAX 128

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

static enum clo_admission admission; /* of the test's pools */

static struct clo_pool *make_pool(enum clo_placement placement, size_t size, uint64_t mib)
{
    return runs_pool(
        (struct clo_sandbox_config){
            .limits = {.memory = mib * MIB, .wall_ms = LONG_WAIT, .cpu_ms = LONG_WAIT},
            .placement = placement,
            .admission = admission},
        size);
}

static struct clo_memory_budget_state look(void)
{
    struct clo_memory_budget_state state;
    clo_memory_budget_look(&state);
    return state;
}

/* Pools give memory back when they have restored, a moment after the result. */
static void wait_until_used_is(uint64_t bytes)
{
    for (unsigned ms = 0; ms < LONG_WAIT && look().used != bytes; ms += 10)
        runs_sleep(10);
    assert_int_equal(look().used, bytes);
}

static int set_ceiling(void **state)
{
    (void)state;
    admission = CLO_ADMISSION_RESERVE;
    return clo_memory_ceiling_set(CEILING, NULL);
}

static int set_ceiling_and_grow(void **state)
{
    int status = set_ceiling(state);
    admission = CLO_ADMISSION_GROW;
    return status;
}

static int everything_is_back(void **state)
{
    (void)state;
    struct clo_memory_budget_state now = look();
    return now.used || now.runs || now.members || now.singles || now.waiting;
}

/* ---- what processes have in memory, that is theirs alone ---- */

static size_t find_workers(long pids[WORKERS_MAX])
{
    return processes_find("cloche-worker", pids, WORKERS_MAX);
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
        uint64_t here = processes_resident(getpid());
        uint64_t sum = here > self->before ? here - self->before : 0;
        for (size_t i = 0; i < count; i++)
            sum += processes_resident(pids[i]);
        struct clo_memory_budget_state state = look();
        self->over |= state.used > state.ceiling;
        self->peak = sum > self->peak ? sum : self->peak;
        self->workers = count > self->workers ? count : self->workers;
        self->samples++;
        runs_sleep(5);
    }
    return NULL;
}

static void start_sampling(struct sampler *sampler)
{
    *sampler =
        (struct sampler){.before = processes_resident(getpid()), .start_ns = clo_monotonic_ns()};
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
    assert_true(sampler->peak >= CEILING / 6); /* the bombs went off, and were seen */
}

/* After the pools are gone. AddressSanitizer keeps what was freed for a while. */
static void check_kept(const struct sampler *sampler)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_purge_allocator();
#endif
    uint64_t kept = processes_resident(getpid());
    if (kept > sampler->before + 32 * MIB)
        fail_msg("%" PRIu64 " MiB before, %" PRIu64 " MiB kept", sampler->before / MIB, kept / MIB);
}

/* ---- runs ---- */

static void check_good(struct job *job)
{
    if (job->status)
        fail_msg("%s", job->error.message);
    assert_int_equal(job->result->error.kind, CLO_RUN_OK);
    assert_string_equal(job->result->out, "499500\n");
    clo_run_result_free(job->result);
}

/* Runs that grow find no memory, or no sandbox: one may begin where there is memory for it, and all of
 * them wait for more. */
static bool is_refused_with_reason(const struct job *job)
{
    if (job->status != CLO_EBUSY || job->result)
        return false;
    if (admission == CLO_ADMISSION_GROW && strstr(job->error.message, "no sandbox became free"))
        return true;
    return strstr(job->error.message, "there was no memory for this run within") &&
           strstr(job->error.message, "of the 384 MiB that all sandboxes may use together") &&
           strstr(job->error.hint, "sandbox.total_memory");
}

/* How did a bomb end? Counts the ways; anything else is a failure. */
static void check_bomb(struct job *job, size_t *limited, size_t *refused)
{
    if (job->status == 0 && job->result->error.limit == CLO_LIMIT_MEMORY) {
        assert_int_equal(job->result->exit_code, 137);
        ++*limited;
    } else if (admission == CLO_ADMISSION_GROW && job->status == 0 &&
               job->result->error.limit == CLO_LIMIT_TOTAL_MEMORY) {
        assert_int_equal(job->result->exit_code, 137);
        assert_int_equal(job->result->error.limit_value, CEILING);
        assert_string_equal(job->result->error.type, "MemoryError");
        assert_string_equal(job->result->error.message, "ceiling of 402653184 bytes on the memory "
                                                        "of all sandboxes together reached");
        ++*limited;
    } else if (is_refused_with_reason(job)) {
        ++*refused;
    } else {
        fail_msg("%s: status %d, %s, limit %s, %s", job->code, job->status,
                 job->status ? job->error.message : clo_run_error_name(job->result->error.kind),
                 job->result && job->result->error.limit ? clo_limit_name(job->result->error.limit)
                                                         : "none",
                 job->result ? job->result->err : "");
    }
    clo_run_result_free(job->result);
}

static void join_bombs(struct job *jobs, size_t count, size_t *limited, size_t *refused)
{
    for (size_t i = 0; i < count; i++) {
        job_join(&jobs[i]);
        check_bomb(&jobs[i], limited, refused);
    }
}

/* An emulated processor gets fewer, but more than have room. */
static size_t bombs_of(size_t all, size_t least)
{
    size_t share = harness_rounds((unsigned)all);
    return share < least ? least : share < all ? share : all;
}

#define BOMBS 64

/* Some of them do not wait for long. */
static void sixty_four_bombs_at_once(void **state)
{
    (void)state;
    static struct job jobs[BOMBS];
    size_t count = bombs_of(BOMBS, 8), patient = count - count / 4;
    struct sampler sampler;
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, count, 96);
    struct clo_pool *others = make_pool(CLO_PLACEMENT_WORKER, 1, 48);
    start_sampling(&sampler);
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct job){
            .pool = pool, .code = bombs[i % BOMB_KINDS], .wait_ms = i >= patient ? 20 : LONG_WAIT};
        job_start(&jobs[i]);
    }
    for (int i = 0; i < 5; i++) { /* beside them */
        struct job beside = {.pool = i % 2 ? pool : others, .code = good, .wait_ms = LONG_WAIT};
        job_run(&beside);
        check_good(&beside);
        runs_sleep(100);
    }
    size_t limited = 0, refused = 0;
    join_bombs(jobs, count, &limited, &refused);
    fprintf(stderr, "%zu bombs: %zu reached their limit, %zu were refused\n", count, limited,
            refused);
    assert_int_equal(limited + refused, count);
    assert_true(limited >= patient);
    assert_true(refused >= 1);
    check_samples(&sampler, "bombs in worker processes");
    struct job after = {.pool = pool, .code = good, .wait_ms = LONG_WAIT};
    job_run(&after);
    check_good(&after);
    clo_pool_destroy(pool);
    clo_pool_destroy(others);
    check_kept(&sampler);
}

static void bombs_in_two_pools_share_one_ceiling(void **state)
{
    static struct job jobs[16];
    size_t count = bombs_of(16, 6);
    enum clo_placement placement = *(enum clo_placement *)*state;
    struct sampler sampler;
    struct clo_pool *pools[] = {make_pool(placement, 8, 96), make_pool(placement, 8, 64)};
    start_sampling(&sampler);
    for (size_t i = 0; i < count; i++) {
        jobs[i] =
            (struct job){.pool = pools[i % 2], .code = bombs[i % BOMB_KINDS], .wait_ms = LONG_WAIT};
        job_start(&jobs[i]);
    }
    size_t limited = 0, refused = 0;
    join_bombs(jobs, count, &limited, &refused);
    assert_int_equal(limited, count);
    check_samples(&sampler, placement ? "two pools of workers" : "two pools of threads");
    for (int i = 0; i < 2; i++) {
        struct job after = {.pool = pools[i], .code = good, .wait_ms = LONG_WAIT};
        job_run(&after);
        check_good(&after);
        clo_pool_destroy(pools[i]);
    }
    check_kept(&sampler);
}

/* ---- the account follows what is resident ---- */

static void idle_workers_keep_no_more_than_their_own_part(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, 3, 96);
    static struct job jobs[6];
    for (size_t i = 0; i < 6; i++) {
        jobs[i] = (struct job){.pool = pool, .code = bombs[i % BOMB_KINDS], .wait_ms = LONG_WAIT};
        job_start(&jobs[i]);
    }
    size_t limited = 0, refused = 0;
    join_bombs(jobs, 6, &limited, &refused);
    wait_until_used_is(look().members * CLO_MEMORY_BUDGET_OWN); /* all is given back */
    long pids[WORKERS_MAX];
    size_t count = find_workers(pids);
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = processes_resident(pids[i]) > most ? processes_resident(pids[i]) : most;
    fprintf(stderr, "idle workers: %zu, the largest has %llu KiB\n", count,
            (unsigned long long)(most / 1024));
    assert_true(count <= look().members);
    assert_true(most <= CLO_MEMORY_BUDGET_OWN);
    clo_pool_destroy(pool);
}

/* When a run's memory is given back, its process has none of it any more: also if it was killed. */
static void killed_and_stopped_runs_are_gone_before_their_memory_is_given_back(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, 1, 128);
    const char *code = "x = bytearray(90 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\n"
                       "print('full', flush=True)\nwhile True: pass";
    for (int i = 0; i < 2; i++) {
        long pids[WORKERS_MAX];
        struct clo_cancel *cancel = clo_cancel_create();
        struct job job = {.pool = pool, .code = code, .wait_ms = LONG_WAIT, .cancel = cancel};
        job_start(&job);
        for (unsigned ms = 0; ms < LONG_WAIT; ms += 10) { /* until it has its memory */
            if (find_workers(pids) == 1 && processes_resident(pids[0]) > 88 * MIB)
                break;
            runs_sleep(10);
        }
        assert_int_equal(find_workers(pids), 1);
        assert_int_equal(look().used, 144 * MIB);
        if (i == 0)
            kill((pid_t)pids[0], SIGKILL);
        else
            clo_cancel_trigger(cancel);
        while (look().used == 144 * MIB)
            ; /* at the very moment */
        uint64_t left = processes_resident(pids[0]);
        job_join(&job);
        assert_int_equal(job.status, 0);
        assert_int_equal(job.result->error.kind, i ? CLO_RUN_CANCELLED : CLO_RUN_WORKER);
        assert_true(left <= CLO_MEMORY_BUDGET_OWN);
        clo_run_result_free(job.result);
        clo_cancel_free(cancel);
    }
    clo_pool_destroy(pool);
}

static void waits_for_memory_end_by_cancel_deadline_and_the_pools_end(void **state)
{
    enum clo_placement placement = *(enum clo_placement *)*state;
    struct clo_pool *full = make_pool(placement, 1, 200), *pool = make_pool(placement, 3, 180);
    struct clo_cancel *stop = clo_cancel_create(), *cancel = clo_cancel_create();
    struct job holder = {
        .pool = full, .code = "import time\ntime.sleep(100)", .wait_ms = LONG_WAIT, .cancel = stop};
    job_start(&holder);
    for (unsigned ms = 0; ms < LONG_WAIT && !look().runs; ms++)
        runs_sleep(1);
    struct job late = {.pool = pool, .code = good, .wait_ms = 1000}; /* a member is made first */
    job_run(&late);
    assert_true(is_refused_with_reason(&late));
    struct job cancelled = {.pool = pool, .code = good, .wait_ms = LONG_WAIT, .cancel = cancel};
    job_start(&cancelled);
    for (unsigned ms = 0; ms < LONG_WAIT && !look().waiting; ms++)
        runs_sleep(1);
    clo_cancel_trigger(cancel);
    job_join(&cancelled);
    assert_int_equal(cancelled.status, CLO_ECANCELLED);
    struct job small = {.pool = full, .code = good, .wait_ms = 50}; /* waits for a member */
    job_run(&small);
    assert_int_equal(small.status, CLO_EBUSY);
    struct job left = {.pool = pool, .code = good, .wait_ms = LONG_WAIT};
    job_start(&left);
    for (unsigned ms = 0; ms < LONG_WAIT && !look().waiting; ms++)
        runs_sleep(1);
    clo_pool_destroy(pool); /* does not wait for memory */
    job_join(&left);
    assert_int_equal(left.status, CLO_ECANCELLED);
    clo_cancel_trigger(stop);
    job_join(&holder);
    clo_run_result_free(holder.result);
    clo_pool_destroy(full);
    clo_cancel_free(stop);
    clo_cancel_free(cancel);
}

static void sandboxes_by_themselves_count_for_their_life(void **state)
{
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.limits = {.memory = 168 * MIB},
                                                .placement = *(enum clo_placement *)*state,
                                                .admission = admission});
    struct clo_sandbox *sandboxes[3];
    struct clo_pool *pool;
    struct clo_error error;
    for (int i = 0; i < 2; i++)
        assert_int_equal(clo_sandbox_create(&sandboxes[i], &config, &error), 0);
    assert_int_equal(look().used, 368 * MIB);
    assert_int_equal(clo_sandbox_create(&sandboxes[2], &config, &error), CLO_EBUSY);
    assert_non_null(strstr(error.message, "it wants 184 MiB"));
    assert_null(sandboxes[2]);
    clo_sandbox_destroy(sandboxes[0]);
    assert_int_equal(clo_sandbox_create(&sandboxes[0], &config, &error), 0);
    clo_sandbox_destroy(sandboxes[0]);
    clo_sandbox_destroy(sandboxes[1]);
    config.limits.memory = CEILING;
    assert_int_equal(clo_sandbox_create(&sandboxes[0], &config, &error), CLO_EINVALID);
    assert_int_equal(clo_pool_create(&pool, &config, 1, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "limit memory is 384 MiB"));
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

/* A run that has most of it, until it is told to end; it has it when this returns. */
static void start_holder(struct job *holder, struct clo_pool *pool, struct clo_cancel *stop)
{
    *holder = (struct job){.pool = pool,
                           .code = "x = bytearray(150 << 20)\nimport time\ntime.sleep(1000)",
                           .wait_ms = LONG_WAIT,
                           .cancel = stop};
    job_start(holder);
    for (unsigned ms = 0; ms < LONG_WAIT && look().used < 180 * MIB; ms++)
        runs_sleep(1);
    assert_true(look().used >= 180 * MIB);
}

static const char wants_much[] = "try:\n    x = bytearray(180 << 20)\nexcept MemoryError:\n"
                                 "    print('none')\nelse:\n    print(len(x) >> 20)\n"
                                 "y = bytearray(180 << 20)";

/* Beside one that never ends: in vain after its wait, all waits of the run together. */
static void who_grows_waits_and_is_told_of_the_ceiling(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 2, 256);
    struct clo_cancel *stop = clo_cancel_create();
    struct job holder, job = {.pool = pool, .code = wants_much, .wait_ms = 1500};
    start_holder(&holder, pool, stop);
    uint64_t before = clo_monotonic_ns();
    job_run(&job);
    uint64_t took = clo_monotonic_ns() - before;
    assert_int_equal(job.status, 0);
    assert_string_equal(job.result->out, "none\n");
    assert_int_equal(job.result->error.limit, CLO_LIMIT_TOTAL_MEMORY);
    assert_int_equal(job.result->error.limit_value, CEILING);
    assert_true(took >= 1500 * NS_PER_MS);
    clo_run_result_free(job.result);
    clo_cancel_trigger(stop);
    job_join(&holder);
    clo_run_result_free(holder.result);
    job = (struct job){.pool = pool, .code = "bytearray(180 << 20)", .wait_ms = 0};
    job.wait_ms = LONG_WAIT;
    job_run(&job); /* now there is room */
    assert_int_equal(job.result->error.kind, CLO_RUN_OK);
    clo_run_result_free(job.result);
    clo_pool_destroy(pool);
    clo_cancel_free(stop);
}

/* What it waits for comes after more than the wall time that it has. */
static void a_run_waits_for_more_in_time_that_stands_still(void **state)
{
    enum clo_placement placement = *(enum clo_placement *)*state;
    struct clo_pool *pool = make_pool(placement, 1, 256);
    struct clo_pool *brief =
        runs_pool((struct clo_sandbox_config){.limits = {.memory = 256 * MIB, .wall_ms = 3000},
                                              .placement = placement},
                  1);
    struct clo_cancel *stop = clo_cancel_create();
    struct job holder, job = {.pool = brief,
                              .code = "x = bytearray(180 << 20)\nprint(len(x) >> 20)",
                              .wait_ms = LONG_WAIT};
    start_holder(&holder, pool, stop);
    job_start(&job);
    for (unsigned ms = 0; ms < LONG_WAIT && !look().growing; ms++)
        runs_sleep(1);
    runs_sleep(3500);
    assert_int_equal(look().growing, 1);
    clo_cancel_trigger(stop);
    job_join(&holder);
    job_join(&job);
    assert_int_equal(job.status, 0);
    assert_string_equal(job.result->out, "180\n");
    assert_int_equal(job.result->error.kind, CLO_RUN_OK);
    clo_run_result_free(job.result);
    clo_run_result_free(holder.result);
    clo_pool_destroy(pool);
    clo_pool_destroy(brief);
    clo_cancel_free(stop);
}

/* A worker that is killed while it waits: its run ends soon, not when the wait would have. */
static void who_dies_waiting_for_more_gives_back_what_it_had(void **state)
{
    (void)state;
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, 1, 256);
    struct clo_cancel *stop = clo_cancel_create();
    struct job holder;
    start_holder(&holder, pool, stop);
    long before[WORKERS_MAX], pids[WORKERS_MAX];
    size_t others = find_workers(before);
    struct clo_pool *dying = make_pool(CLO_PLACEMENT_WORKER, 1, 256);
    struct job job = {.pool = dying, .code = "x = bytearray(180 << 20)", .wait_ms = LONG_WAIT};
    job_start(&job);
    for (unsigned ms = 0; ms < LONG_WAIT && !look().growing; ms++)
        runs_sleep(1);
    size_t count = find_workers(pids);
    assert_int_equal(count, others + 1);
    for (size_t i = 0; i < count; i++) {
        bool old = false;
        for (size_t k = 0; k < others; k++)
            old |= pids[i] == before[k];
        if (!old)
            kill((pid_t)pids[i], SIGKILL);
    }
    job_join(&job);
    assert_int_equal(job.status, 0);
    assert_int_equal(job.result->error.kind, CLO_RUN_WORKER);
    assert_int_equal(look().growing, 0);
    clo_run_result_free(job.result);
    clo_cancel_trigger(stop);
    job_join(&holder);
    clo_run_result_free(holder.result);
    clo_pool_destroy(dying);
    clo_pool_destroy(pool);
    clo_cancel_free(stop);
}

#define BOTH(test) RUNS_BOTH(test, set_ceiling, everything_is_back, &runs_thread, &runs_worker)
#define GROW_BOTH(test)                                                                            \
    RUNS_BOTH(test, set_ceiling_and_grow, everything_is_back, &runs_thread, &runs_worker)
#define GROW(test)                                                                                 \
    {                                                                                              \
#test " (grow)", test, set_ceiling_and_grow, everything_is_back, NULL                      \
    }
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_ceiling, everything_is_back)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        ONE(sixty_four_bombs_at_once),
        GROW(sixty_four_bombs_at_once),
        BOTH(bombs_in_two_pools_share_one_ceiling),
        GROW_BOTH(bombs_in_two_pools_share_one_ceiling),
        GROW_BOTH(who_grows_waits_and_is_told_of_the_ceiling),
        GROW_BOTH(a_run_waits_for_more_in_time_that_stands_still),
        GROW(who_dies_waiting_for_more_gives_back_what_it_had),
        GROW(idle_workers_keep_no_more_than_their_own_part),
        ONE(idle_workers_keep_no_more_than_their_own_part),
        ONE(killed_and_stopped_runs_are_gone_before_their_memory_is_given_back),
        BOTH(waits_for_memory_end_by_cancel_deadline_and_the_pools_end),
        BOTH(sandboxes_by_themselves_count_for_their_life),
    };
    return runs_end(runs_all(tests));
}

/* breathing_test.c - how many sandboxes a pool has, on the real image: made ahead of need, given back
 * when nobody needs them; and two hundred that run at once where each may have what eighty could not.
 *
 * The image: $CLOCHE_IMAGE, or the first argument. Without it or without /dev/kvm: SKIP, loudly.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "harness.h"
#include "runs.h"
#include "sandbox/memory_budget.h"

#define LONG_WAIT 600000u /* ms */
#define MANY 200

/* ---- a tool where runs wait for each other ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    size_t wanted, here;
    uint64_t last_ns; /* when the last came */
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void set_gate(size_t wanted)
{
    gate.wanted = wanted;
    gate.here = 0;
}

/* True: all were there at once. */
static int gather(void *context, const struct clo_value *arguments, struct clo_value *result,
                  struct clo_error *error)
{
    (void)context;
    (void)arguments;
    (void)error;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += LONG_WAIT / 1000;
    pthread_mutex_lock(&gate.lock);
    gate.here++;
    gate.last_ns = clo_monotonic_ns();
    pthread_cond_broadcast(&gate.change);
    int late = 0;
    while (gate.here < gate.wanted && !late)
        late = pthread_cond_timedwait(&gate.change, &gate.lock, &end);
    pthread_mutex_unlock(&gate.lock);
    clo_value_set_bool(result, !late);
    return 0;
}

static const struct clo_tool tool = {.name = "gather", .call = gather};

static struct clo_pool *make_pool(enum clo_placement placement, size_t size, size_t least,
                                  uint64_t idle_ms)
{
    return runs_pool(
        (struct clo_sandbox_config){.tools = &tool,
                                    .tool_count = 1,
                                    .limits = {.wall_ms = LONG_WAIT, .cpu_ms = LONG_WAIT},
                                    .placement = placement,
                                    .pool_least = least,
                                    .pool_idle_ms = idle_ms},
        size);
}

static size_t members(void)
{
    struct clo_memory_budget_state state;
    clo_memory_budget_look(&state);
    return state.members;
}

static void await_members(size_t count)
{
    for (unsigned ms = 0; ms < LONG_WAIT && members() != count; ms += 5)
        runs_sleep(5);
    assert_int_equal(members(), count);
}

static void run_together(struct clo_pool *pool, struct job *jobs, size_t count)
{
    set_gate(count);
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct job){.pool = pool, .code = "print(gather())", .wait_ms = LONG_WAIT};
        job_start(&jobs[i]);
    }
    for (size_t i = 0; i < count; i++) {
        job_join(&jobs[i]);
        assert_int_equal(jobs[i].status, 0);
        assert_string_equal(jobs[i].result->out, "True\n");
        clo_run_result_free(jobs[i].result);
    }
}

static int no_ceiling(void **state)
{
    (void)state;
    return clo_memory_ceiling_set(UINT64_MAX, NULL);
}

static int everything_is_back(void **state)
{
    (void)state;
    struct clo_memory_budget_state now;
    clo_memory_budget_look(&now);
    return now.used || now.runs || now.members || now.waiting || now.growing;
}

/* ---- */

static void the_least_are_there_before_anybody_comes(void **state)
{
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 5, 3, 100);
    await_members(3);
    runs_sleep(500); /* some periods */
    assert_int_equal(members(), 3);
    clo_pool_destroy(pool);
}

static void what_nobody_needs_is_given_back(void **state)
{
    static struct job jobs[6];
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 6, 2, 200);
    for (int round = 0; round < 2; round++) { /* and made again */
        run_together(pool, jobs, 6);
        await_members(2);
    }
    runs_sleep(600);
    assert_int_equal(members(), 2);
    run_together(pool, jobs, 1);
    clo_pool_destroy(pool);
}

/* Three at once, again and again, over many periods: none of the three is given back. */
static void what_is_needed_stays(void **state)
{
    static struct job jobs[3];
    struct clo_pool *pool = make_pool(*(enum clo_placement *)*state, 6, 1, 300);
    run_together(pool, jobs, 3);
    uint64_t end = clo_monotonic_ns() + 2000 * NS_PER_MS;
    while (clo_monotonic_ns() < end) {
        run_together(pool, jobs, 3);
        assert_true(members() >= 3);
    }
    await_members(1);
    clo_pool_destroy(pool);
}

static void wrong_numbers_are_refused(void **state)
{
    struct clo_sandbox_config config = runs_config(
        (struct clo_sandbox_config){.placement = *(enum clo_placement *)*state, .pool_least = 3});
    struct clo_pool *pool;
    struct clo_error error;
    assert_int_equal(clo_pool_create(&pool, &config, 2, &error), CLO_EINVALID);
    assert_string_equal(error.message, "a pool of at most 2 sandboxes that keeps 3");
    config.pool_least = 0;
    config.pool_idle_ms = UINT64_MAX;
    assert_int_equal(clo_pool_create(&pool, &config, 2, &error), CLO_EINVALID);
    config.pool_idle_ms = 0;
    config.admission = (enum clo_admission)2;
    assert_int_equal(clo_pool_create(&pool, &config, 2, &error), CLO_EINVALID);
    assert_string_equal(error.message, "admission is 2; it must be grow (0) or reserve (1)");
}

/* With limits as by default they would need 53 GiB. Every third takes all that it can get once all are
 * there: the others do not notice. */
static void two_hundred_run_at_once_with_bombs_among_them(void **state)
{
    (void)state;
    static struct job jobs[MANY];
    size_t count = harness_rounds(MANY), bombs = 0, least = 4;
    count = count < least ? least : count;
    assert_int_equal(clo_memory_ceiling_set((count * 56 + 512) * MIB, NULL), 0);
    struct clo_pool *pool = make_pool(CLO_PLACEMENT_WORKER, count, 1, 0);
    set_gate(count);
    uint64_t start = clo_monotonic_ns();
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct job){.pool = pool,
                               .code = i % 3 ? "gather()\nprint(sum(range(1000)))"
                                             : "gather()\nkeep = []\nwhile True:\n"
                                               "    keep.append(bytearray(1 << 20))",
                               .wait_ms = LONG_WAIT};
        job_start(&jobs[i]);
    }
    for (size_t i = 0; i < count; i++) {
        job_join(&jobs[i]);
        if (jobs[i].status)
            fail_msg("%s", jobs[i].error.message);
        if (i % 3) {
            assert_string_equal(jobs[i].result->out, "499500\n");
        } else {
            enum clo_limit limit = jobs[i].result->error.limit;
            assert_true(limit == CLO_LIMIT_MEMORY || limit == CLO_LIMIT_TOTAL_MEMORY);
            bombs += limit == CLO_LIMIT_TOTAL_MEMORY;
        }
        clo_run_result_free(jobs[i].result);
    }
    assert_int_equal(gate.here, count); /* all were there at once */
    fprintf(stderr, "%zu runs at once, the last began after %.2f s; %zu bombs met the ceiling\n",
            count, (double)(gate.last_ns - start) / 1e9, bombs);
    clo_pool_destroy(pool);
}

#define BOTH(test) RUNS_BOTH(test, no_ceiling, everything_is_back, &runs_thread, &runs_worker)
#define ONE(test) cmocka_unit_test_setup_teardown(test, no_ceiling, everything_is_back)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        BOTH(the_least_are_there_before_anybody_comes),
        BOTH(what_nobody_needs_is_given_back),
        BOTH(what_is_needed_stays),
        BOTH(wrong_numbers_are_refused),
        ONE(two_hundred_run_at_once_with_bombs_among_them),
    };
    return runs_end(runs_all(tests));
}

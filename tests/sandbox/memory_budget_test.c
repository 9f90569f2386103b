/* memory_budget_test.c - the account of memory: who is let in, in which order, and who is told why
 * not.
 *
 * No sandbox is made here: the pools and runs are entries in the account.
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
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory_limit.h"
#include "sandbox/memory_budget.h"
#include "sandbox/run/limits.h"
#include "vm/internal.h"

#define MIB (1ull << 20)
#define NEVER UINT64_MAX

_Static_assert(CLO_MEMORY_BUDGET_OWN >=
                   CLO_KEEP_PAGES * CLO_PAGE_SIZE + CLO_KEEP_STACK + 2 * CLO_KEEP_MESSAGE + 4 * MIB,
               "what an idle sandbox keeps, with tables and process, fits into its own part");
_Static_assert(CLO_MEMORY_BUDGET_OWN >= CLO_STACK_SIZE + 8 * MIB,
               "and what a run has beside its limit");

static void set_ceiling(uint64_t mib)
{
    struct clo_error error;
    if (clo_memory_ceiling_set(mib * MIB, &error))
        fail_msg("%s", error.message);
}

static struct clo_memory_budget_state look(void)
{
    struct clo_memory_budget_state state;
    clo_memory_budget_look(&state);
    return state;
}

static void open_pool(struct clo_memory_budget_pool *pool, uint64_t mib)
{
    struct clo_error error;
    if (clo_memory_budget_join(pool, mib * MIB, mib * MIB, &error) ||
        clo_memory_budget_grow(pool, &error))
        fail_msg("%s", error.message);
}

static void end_pool(struct clo_memory_budget_pool *pool)
{
    clo_memory_budget_close(pool);
    while (pool->members)
        clo_memory_budget_shrink(pool);
    clo_memory_budget_leave(pool);
}

static int take_now(struct clo_memory_budget_pool *pool, uint64_t mib, struct clo_error *error)
{
    return clo_memory_budget_await(pool, mib * MIB, 0, 0, NULL, error);
}

static int everything_is_back(void **state)
{
    (void)state;
    struct clo_memory_budget_state now = look();
    return now.used || now.runs || now.members || now.singles || now.waiting ||
           clo_memory_ceiling_set(0, NULL);
}

/* A run in a thread of its own. */
struct runner {
    pthread_t thread;
    struct clo_memory_budget_pool *pool;
    uint64_t mib, wait_ms; /* NEVER: for ever */
    struct clo_cancel *cancel;
    struct clo_error error;
    int status;
    int place;       /* in the order in which they were let in; 0: not yet */
    atomic_bool end; /* give it back */
    atomic_bool done;
};

static atomic_int places;

static void *run(void *argument)
{
    struct runner *self = argument;
    uint64_t deadline =
        self->wait_ms == NEVER ? NEVER / 2 : clo_monotonic_ns() + self->wait_ms * 1000000;
    self->status = clo_memory_budget_await(self->pool, self->mib * MIB, deadline, self->wait_ms,
                                           self->cancel, &self->error);
    if (!self->status)
        self->place = ++places;
    atomic_store(&self->done, true);
    while (!self->status && !atomic_load(&self->end))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    if (!self->status)
        clo_memory_budget_give(self->mib * MIB);
    return NULL;
}

static void wait_for_queue(size_t waiting)
{
    for (int i = 0; i < 20000 && look().waiting != waiting; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    assert_int_equal(look().waiting, waiting);
}

/* It stands in the queue when this returns. */
static void start_waiting(struct runner *runner)
{
    size_t before = look().waiting;
    pthread_create(&runner->thread, NULL, run, runner);
    wait_for_queue(before + 1);
}

static void join_runner(struct runner *runner)
{
    atomic_store(&runner->end, true);
    pthread_join(runner->thread, NULL);
}

/* ---- */

static void the_default_is_half_of_the_memory(void **state)
{
    (void)state;
    uint64_t half = clo_memory_limit("") / 2 / MIB * MIB;
    assert_int_equal(clo_memory_ceiling(), half);
    set_ceiling(700);
    assert_int_equal(clo_memory_ceiling(), 700 * MIB);
    assert_int_equal(clo_memory_ceiling_set(700 * MIB + 5, NULL), 0); /* whole MiB */
    assert_int_equal(clo_memory_ceiling(), 700 * MIB);
    set_ceiling(0);
    assert_int_equal(clo_memory_ceiling(), half);
    assert_int_equal(clo_memory_ceiling_set(UINT64_MAX, NULL), 0);
    assert_true(clo_memory_budget_room(256 * MIB) > 1000000);
    set_ceiling(1024);
    assert_int_equal(clo_memory_budget_room(240 * MIB), 4);
    assert_int_equal(clo_memory_budget_room(256 * MIB), 3);
    assert_int_equal(clo_memory_budget_room(2048 * MIB), 0);
}

static void what_can_never_fit_is_refused_with_both_values(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    struct clo_error error;
    set_ceiling(512);
    assert_int_equal(clo_memory_budget_check(496 * MIB, &error), 0);
    assert_int_equal(clo_memory_budget_check(498 * MIB, &error), CLO_EINVALID);
    assert_string_equal(
        error.message,
        "limit memory is 498 MiB; with 16 MiB for the sandbox itself that is more than the 512 MiB that all sandboxes may use together");
    assert_non_null(strstr(error.hint, "sandbox.total_memory"));
    assert_int_equal(clo_memory_budget_join(&pool, 1024 * MIB, 1024 * MIB, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "1 GiB"));
    assert_false(pool.joined);
    assert_int_equal(clo_memory_budget_hold(4096 * MIB, 4096 * MIB, &error), CLO_EINVALID);
    assert_int_equal(clo_memory_ceiling_set(63 * MIB, &error), CLO_EINVALID);
    assert_string_equal(
        error.message,
        "a ceiling of 63 MiB on the memory of all sandboxes together leaves no room for one; it must be 64 MiB at least");
    assert_int_equal(clo_memory_ceiling(), 512 * MIB);
}

static void runs_are_let_in_until_it_is_full_and_then_told_why_not(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    struct clo_error error;
    set_ceiling(1024);
    open_pool(&pool, 256);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take_now(&pool, 256, &error), 0);
    assert_int_equal(look().used, (3 * 256 + 16) * MIB);
    assert_int_equal(take_now(&pool, 256, &error), CLO_EBUSY);
    assert_string_equal(error.message,
                        "there was no memory for this run within 0 s: it wants 256 MiB, and of the "
                        "1 GiB that all sandboxes may use together 784 MiB are in use, by 3 runs "
                        "in progress and 1 sandbox");
    assert_non_null(strstr(error.hint, "sandbox.total_memory"));
    assert_non_null(strstr(error.hint, "sandbox.memory"));
    assert_non_null(strstr(error.hint, "sandbox.count"));
    assert_int_equal(take_now(&pool, 240, &error), 0); /* to the last byte */
    assert_int_equal(look().used, 1024 * MIB);
    clo_memory_budget_give(256 * MIB);
    assert_int_equal(take_now(&pool, 256, &error), 0);
    clo_memory_budget_give(240 * MIB);
    for (int i = 0; i < 3; i++)
        clo_memory_budget_give(256 * MIB);
    end_pool(&pool);
}

static void runs_wait_in_turn_small_ones_behind_large_ones_too(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    set_ceiling(400);
    open_pool(&pool, 300);
    places = 0;
    struct runner runners[] = {{.mib = 300}, {.mib = 48}, {.mib = 290}, {.mib = 48}};
    const size_t count = sizeof runners / sizeof *runners;
    assert_int_equal(take_now(&pool, 300, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        runners[i].pool = &pool;
        runners[i].wait_ms = NEVER;
        start_waiting(&runners[i]);
    }
    assert_int_equal(look().used, 316 * MIB); /* 48 more would fit, but it is not their turn */
    clo_memory_budget_give(300 * MIB);
    wait_for_queue(2); /* 300 and the 48 behind it */
    assert_int_equal(look().used, 364 * MIB);
    assert_int_equal(look().runs, 2);
    join_runner(&runners[1]);
    wait_for_queue(2); /* 290 does not fit yet, and the last one stays behind it */
    join_runner(&runners[0]);
    wait_for_queue(0);
    join_runner(&runners[2]);
    join_runner(&runners[3]);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(runners[i].status, 0);
    assert_true(runners[0].place <= 2 && runners[1].place <= 2);
    assert_true(runners[2].place >= 3 && runners[3].place >= 3);
    end_pool(&pool);
}

static void who_gives_up_lets_those_behind_pass(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    set_ceiling(400);
    open_pool(&pool, 300);
    assert_int_equal(take_now(&pool, 300, NULL), 0);
    struct runner large = {.pool = &pool, .mib = 300, .wait_ms = 1500};
    struct runner small = {.pool = &pool, .mib = 48, .wait_ms = NEVER};
    uint64_t before = clo_monotonic_ns();
    start_waiting(&large);
    start_waiting(&small);
    wait_for_queue(0);
    join_runner(&large);
    assert_true(clo_monotonic_ns() - before >= 1500000000);
    assert_int_equal(large.status, CLO_EBUSY);
    assert_non_null(strstr(large.error.message, "within 1500 ms: it wants 300 MiB"));
    join_runner(&small);
    assert_int_equal(small.status, 0);
    clo_memory_budget_give(300 * MIB);
    end_pool(&pool);
}

static void a_wait_can_be_cancelled(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    set_ceiling(400);
    open_pool(&pool, 300);
    assert_int_equal(take_now(&pool, 300, NULL), 0);
    struct runner runner = {.pool = &pool, .mib = 300, .wait_ms = NEVER, .cancel = cancel};
    start_waiting(&runner);
    clo_cancel_trigger(cancel);
    join_runner(&runner);
    assert_int_equal(runner.status, CLO_ECANCELLED);
    struct runner late = {.pool = &pool, .mib = 300, .wait_ms = NEVER, .cancel = cancel};
    run(&late); /* a token that is triggered already */
    assert_int_equal(late.status, CLO_ECANCELLED);
    clo_cancel_free(cancel);
    clo_memory_budget_give(300 * MIB);
    end_pool(&pool);
}

static void the_end_of_a_pool_ends_its_waits_and_no_others(void **state)
{
    (void)state;
    struct clo_memory_budget_pool ending = {0}, other = {0};
    set_ceiling(400);
    open_pool(&other, 300);
    open_pool(&ending, 300);
    assert_int_equal(take_now(&other, 300, NULL), 0);
    struct runner first = {.pool = &ending, .mib = 300, .wait_ms = NEVER};
    struct runner second = {.pool = &other, .mib = 300, .wait_ms = NEVER};
    start_waiting(&first);
    start_waiting(&second);
    clo_memory_budget_close(&ending);
    join_runner(&first);
    assert_int_equal(first.status, CLO_ECANCELLED);
    assert_non_null(strstr(first.error.message, "the pool was destroyed"));
    assert_int_equal(take_now(&ending, 300, NULL), CLO_ECANCELLED);
    assert_false(atomic_load(&second.done));
    clo_memory_budget_give(300 * MIB);
    join_runner(&second);
    assert_int_equal(second.status, 0);
    end_pool(&ending);
    end_pool(&other);
}

static void lowering_ends_nothing_and_raising_lets_in(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    struct clo_error error;
    set_ceiling(1024);
    open_pool(&pool, 256);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take_now(&pool, 256, NULL), 0);
    set_ceiling(300);
    assert_int_equal(look().used, 784 * MIB); /* goes on */
    struct runner runner = {.pool = &pool, .mib = 256, .wait_ms = NEVER};
    start_waiting(&runner);
    clo_memory_budget_give(256 * MIB);
    clo_memory_budget_give(256 * MIB);
    assert_int_equal(look().waiting, 1); /* 272 + 256 > 300 */
    set_ceiling(530);
    join_runner(&runner);
    assert_int_equal(runner.status, 0);
    clo_memory_budget_give(256 * MIB);
    assert_int_equal(clo_memory_ceiling_set(271 * MIB, &error), CLO_EBUSY);
    assert_string_equal(
        error.message,
        "the ceiling on the memory of all sandboxes together cannot be lowered to 271 MiB now: the sandboxes of pools, 1, and a run in the largest of them need 272 MiB");
    assert_int_equal(clo_memory_ceiling(), 530 * MIB);
    set_ceiling(272);
    assert_int_equal(take_now(&pool, 256, NULL), 0);
    clo_memory_budget_give(256 * MIB);
    end_pool(&pool);
}

static void a_pool_grows_while_its_members_can_all_run(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0}, small = {0}, late = {0};
    struct clo_error error;
    set_ceiling(1024);
    open_pool(&pool, 256);
    assert_int_equal(clo_memory_budget_grow(&pool, NULL), 0);
    assert_int_equal(clo_memory_budget_grow(&pool, NULL), 0);
    assert_int_equal(clo_memory_budget_grow(&pool, &error), CLO_EBUSY); /* 4 × 272 > 1024 */
    assert_non_null(strstr(error.message, "it wants 272 MiB"));
    assert_int_equal(look().used, 3 * 16 * MIB);
    /* idle members of a pool of small ones never keep a large run of another pool out */
    open_pool(&small, 48);
    while (clo_memory_budget_grow(&small, NULL) == 0)
        ;
    assert_int_equal(small.members, 16); /* 16 × 64 = 1024 */
    assert_int_equal(take_now(&pool, 256, NULL), 0);
    assert_int_equal(clo_memory_budget_join(&late, 900 * MIB, 900 * MIB, &error), CLO_EBUSY);
    assert_false(late.joined);
    clo_memory_budget_give(256 * MIB);
    end_pool(&small);
    open_pool(&late, 900);
    end_pool(&late);
    end_pool(&pool);
}

static void a_pool_does_not_grow_at_the_cost_of_who_waits(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0}, other = {0};
    set_ceiling(600);
    open_pool(&pool, 256);
    open_pool(&other, 500);
    assert_int_equal(take_now(&pool, 256, NULL), 0);
    struct runner large = {.pool = &other, .mib = 500, .wait_ms = NEVER};
    start_waiting(&large);
    assert_int_equal(clo_memory_budget_grow(&pool, NULL), CLO_EBUSY);
    clo_memory_budget_give(256 * MIB);
    join_runner(&large);
    assert_int_equal(large.status, 0);
    assert_int_equal(clo_memory_budget_grow(&pool, NULL), 0);
    end_pool(&other);
    end_pool(&pool);
}

static void a_sandbox_by_itself_holds_its_limit(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pool = {0};
    struct clo_error error;
    set_ceiling(600);
    assert_int_equal(clo_memory_budget_hold(256 * MIB, 256 * MIB, &error), 0);
    assert_int_equal(look().used, 272 * MIB);
    assert_int_equal(clo_memory_budget_hold(256 * MIB, 256 * MIB, &error), 0);
    assert_int_equal(clo_memory_budget_hold(48 * MIB, 48 * MIB, &error), CLO_EBUSY);
    assert_non_null(strstr(error.message, "no memory for a sandbox now: it wants 64 MiB"));
    assert_non_null(strstr(error.message, "544 MiB are in use, by 0 runs in progress and 2 "));
    open_pool(&pool, 256);
    struct runner runner = {.pool = &pool, .mib = 256, .wait_ms = NEVER};
    start_waiting(&runner);
    clo_memory_budget_release(256 * MIB);
    wait_for_queue(0);
    join_runner(&runner);
    assert_int_equal(runner.status, 0);
    clo_memory_budget_release(256 * MIB);
    end_pool(&pool);
}

#define CROWD 12

struct crowd {
    struct clo_memory_budget_pool *pool;
    unsigned seed;
    int let_in;
    bool over;
};

static void *press(void *argument)
{
    struct crowd *self = argument;
    for (int i = 0; i < 300; i++) {
        uint64_t mib = 48 + 2 * ((unsigned)rand_r(&self->seed) % 100);
        uint64_t wait_us = (unsigned)rand_r(&self->seed) % 2000;
        if (clo_memory_budget_await(self->pool, mib * MIB, clo_monotonic_ns() + wait_us * 1000, 1,
                                    NULL, NULL))
            continue;
        self->let_in++;
        struct clo_memory_budget_state now = look();
        self->over |= now.used > now.ceiling;
        if (i % 4 == 0)
            nanosleep(&(struct timespec){0, 200000}, NULL);
        clo_memory_budget_give(mib * MIB);
    }
    return NULL;
}

static void a_crowd_never_passes_the_ceiling(void **state)
{
    (void)state;
    struct clo_memory_budget_pool pools[2] = {{0}, {0}};
    pthread_t threads[CROWD];
    struct crowd crowd[CROWD];
    set_ceiling(700);
    open_pool(&pools[0], 250);
    open_pool(&pools[1], 250);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (struct crowd){.pool = &pools[i % 2], .seed = i};
        pthread_create(&threads[i], NULL, press, &crowd[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_false(crowd[i].over);
        assert_true(crowd[i].let_in > 0);
    }
    end_pool(&pools[0]);
    end_pool(&pools[1]);
}

#define CASE(test) cmocka_unit_test_teardown(test, everything_is_back)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_default_is_half_of_the_memory),
        CASE(what_can_never_fit_is_refused_with_both_values),
        CASE(runs_are_let_in_until_it_is_full_and_then_told_why_not),
        CASE(runs_wait_in_turn_small_ones_behind_large_ones_too),
        CASE(who_gives_up_lets_those_behind_pass),
        CASE(a_wait_can_be_cancelled),
        CASE(the_end_of_a_pool_ends_its_waits_and_no_others),
        CASE(lowering_ends_nothing_and_raising_lets_in),
        CASE(a_pool_grows_while_its_members_can_all_run),
        CASE(a_pool_does_not_grow_at_the_cost_of_who_waits),
        CASE(a_sandbox_by_itself_holds_its_limit),
        CASE(a_crowd_never_passes_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

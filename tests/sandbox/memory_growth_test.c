/* memory_growth_test.c - runs that ask the account for more while they run: who gets it, who waits,
 * and who does without when nobody would ever give any back.
 *
 * No sandbox is made here: the runs are threads, and what they have is numbers in the account.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sandbox/memory_budget.h"

#define MIB (1ull << 20)
#define NS_PER_MS 1000000ull
#define NEVER UINT64_MAX
#define CEILING (16 + 400) /* MiB: one member, and what its runs share */

static struct clo_memory_budget_pool pool;

static struct clo_memory_budget_state look(void)
{
    struct clo_memory_budget_state state;
    clo_memory_budget_look(&state);
    return state;
}

static int open_all(void **state)
{
    (void)state;
    pool = (struct clo_memory_budget_pool){0};
    return clo_memory_ceiling_set(CEILING * MIB, NULL) ||
           clo_memory_budget_join(&pool, 400 * MIB, 32 * MIB, NULL) ||
           clo_memory_budget_grow(&pool, NULL);
}

static int everything_is_back(void **state)
{
    (void)state;
    clo_memory_budget_close(&pool);
    clo_memory_budget_shrink(&pool);
    clo_memory_budget_leave(&pool);
    struct clo_memory_budget_state now = look();
    return now.used || now.runs || now.waiting || now.growing || clo_memory_ceiling_set(0, NULL);
}

static void begin(uint64_t mib)
{
    assert_int_equal(clo_memory_budget_await(&pool, mib * MIB, 0, 0, NULL, NULL), 0);
}

static void give(uint64_t mib)
{
    clo_memory_budget_give(mib * MIB);
}

static int more(uint64_t bytes, uint64_t deadline_ns, struct clo_cancel *cancel, uint64_t *ceiling)
{
    struct clo_memory_budget_asker asker = {
        .pool = &pool, .deadline_ns = deadline_ns, .cancel = cancel};
    return clo_memory_budget_more(&asker, bytes, ceiling);
}

static int more_now(uint64_t mib)
{
    uint64_t ceiling;
    int status = more(mib * MIB, 0, NULL, &ceiling);
    assert_int_equal(ceiling, status ? CEILING * MIB : 0);
    return status;
}

/* Somebody who wants more, or wants to begin, on a thread of their own. */
struct asker {
    pthread_t thread;
    bool begins;
    uint64_t mib, wait_ms;
    struct clo_cancel *cancel;
    uint64_t ceiling;
    int status;
    atomic_bool done;
};

static void *ask(void *argument)
{
    struct asker *self = argument;
    uint64_t end = self->wait_ms == NEVER ? NEVER : clo_monotonic_ns() + self->wait_ms * NS_PER_MS;
    if (self->begins)
        self->status = clo_memory_budget_await(&pool, self->mib * MIB, end, 0, self->cancel, NULL);
    else
        self->status = more(self->mib * MIB, end, self->cancel, &self->ceiling);
    atomic_store(&self->done, true);
    return NULL;
}

static void start(struct asker *asker)
{
    pthread_create(&asker->thread, NULL, ask, asker);
}

static void wait_until(size_t growing, size_t waiting)
{
    for (int i = 0; i < 20000 && (look().growing != growing || look().waiting != waiting); i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    assert_int_equal(look().growing, growing);
    assert_int_equal(look().waiting, waiting);
}

static int end_of(struct asker *asker)
{
    pthread_join(asker->thread, NULL);
    return asker->status;
}

/* ---- */

static void who_grows_gets_what_is_free(void **state)
{
    (void)state;
    begin(32);
    assert_int_equal(more_now(368), 0); /* all there is */
    assert_int_equal(look().used, CEILING * MIB);
    assert_int_equal(look().runs, 1);
    assert_int_equal(more_now(8), CLO_EBUSY);
    give(400);
    assert_int_equal(look().used, 16 * MIB);
}

static void who_grows_waits_for_another_that_ends(void **state)
{
    (void)state;
    begin(300);
    begin(32);
    struct asker asker = {.mib = 200, .wait_ms = NEVER};
    start(&asker);
    wait_until(1, 0);
    assert_false(atomic_load(&asker.done));
    give(300);
    assert_int_equal(end_of(&asker), 0);
    assert_int_equal(asker.ceiling, 0);
    assert_int_equal(look().used, (16 + 232) * MIB);
    give(232);
}

static void who_grows_comes_before_who_begins(void **state)
{
    (void)state;
    begin(200);
    begin(100);
    struct asker grows = {.mib = 200, .wait_ms = NEVER};
    struct asker begins = {.begins = true, .mib = 32, .wait_ms = NEVER};
    start(&grows);
    wait_until(1, 0);
    start(&begins); /* it would fit, and would put off the other */
    wait_until(1, 1);
    give(200);
    assert_int_equal(end_of(&grows), 0);
    assert_int_equal(end_of(&begins), 0);
    give(300);
    give(32);
}

static void a_small_wish_passes_a_large_one(void **state)
{
    (void)state;
    begin(200);
    begin(100);
    begin(50);
    struct asker large = {.mib = 200, .wait_ms = NEVER};
    start(&large);
    wait_until(1, 0);
    assert_int_equal(more_now(50), 0);
    give(100); /* of the third, 50 and 50 */
    assert_false(atomic_load(&large.done));
    give(200);
    assert_int_equal(end_of(&large), 0);
    give(300);
}

/* Likewise where both wait already. */
static void who_fits_is_served_past_who_does_not(void **state)
{
    (void)state;
    begin(200);
    begin(100);
    begin(50);
    begin(50);
    struct asker large = {.mib = 200, .wait_ms = NEVER}, small = {.mib = 40, .wait_ms = NEVER};
    start(&large);
    wait_until(1, 0);
    start(&small);
    wait_until(2, 0);
    give(50);
    assert_int_equal(end_of(&small), 0);
    assert_false(atomic_load(&large.done));
    give(200);
    assert_int_equal(end_of(&large), 0);
    give(100);
    give(290);
}

static void where_all_wait_the_last_to_ask_does_without(void **state)
{
    (void)state;
    begin(200);
    begin(180);
    struct asker first = {.mib = 100, .wait_ms = NEVER}, last = {.mib = 60, .wait_ms = NEVER};
    start(&first);
    wait_until(1, 0);
    start(&last);
    assert_int_equal(end_of(&last), CLO_EBUSY); /* at once: nobody would ever have ended */
    assert_int_equal(last.ceiling, CEILING * MIB);
    assert_false(atomic_load(&first.done));
    give(180);
    assert_int_equal(end_of(&first), 0);
    give(300);
}

static void who_is_alone_does_not_wait(void **state)
{
    (void)state;
    begin(300);
    struct asker asker = {.mib = 200, .wait_ms = NEVER};
    start(&asker);
    assert_int_equal(end_of(&asker), CLO_EBUSY);
    give(300);
}

/* The one that ran was what the others waited for; it ends, and it was not enough. */
static void the_rule_holds_when_one_ends(void **state)
{
    (void)state;
    begin(150);
    begin(150);
    begin(50);
    struct asker first = {.mib = 210, .wait_ms = NEVER}, second = {.mib = 220, .wait_ms = NEVER};
    start(&first);
    wait_until(1, 0);
    start(&second);
    wait_until(2, 0);
    give(50);
    assert_int_equal(end_of(&second), CLO_EBUSY);
    wait_until(1, 0);
    give(150);
    assert_int_equal(end_of(&first), 0);
    give(360);
}

/* Somebody gives up, and begins to wait for what nobody gives back: the rest is looked at anew. */
static void who_is_refused_may_ask_again(void **state)
{
    (void)state;
    begin(200);
    begin(200);
    struct asker first = {.mib = 8, .wait_ms = NEVER};
    start(&first);
    wait_until(1, 0);
    for (int i = 0; i < 3; i++) {
        struct asker again = {.mib = 8, .wait_ms = NEVER};
        start(&again);
        assert_int_equal(end_of(&again), CLO_EBUSY);
    }
    assert_false(atomic_load(&first.done));
    give(200);
    assert_int_equal(end_of(&first), 0);
    give(208);
}

static void a_wait_for_more_ends_by_its_time_by_cancel_and_with_the_pool(void **state)
{
    (void)state;
    struct clo_cancel *cancel = clo_cancel_create();
    assert_non_null(cancel);
    begin(300);
    begin(100);
    struct asker brief = {.mib = 100, .wait_ms = 50}; /* nobody ends meanwhile */
    uint64_t before = clo_monotonic_ns();
    start(&brief);
    assert_int_equal(end_of(&brief), CLO_EBUSY);
    assert_true(clo_monotonic_ns() - before >= 50 * NS_PER_MS);
    assert_int_equal(brief.ceiling, CEILING * MIB);
    struct asker stopped = {.mib = 100, .wait_ms = NEVER, .cancel = cancel};
    struct asker behind = {.begins = true, .mib = 32, .wait_ms = NEVER};
    start(&stopped);
    wait_until(1, 0);
    start(&behind);
    wait_until(1, 1);
    clo_cancel_trigger(cancel);
    assert_int_equal(end_of(&stopped), CLO_ECANCELLED);
    wait_until(0, 1);
    give(100);
    assert_int_equal(end_of(&behind), 0);
    struct asker left = {.mib = 100, .wait_ms = NEVER};
    start(&left);
    wait_until(1, 0);
    clo_memory_budget_close(&pool);
    assert_int_equal(end_of(&left), CLO_ECANCELLED);
    give(32);
    give(300);
    clo_cancel_free(cancel);
}

static void a_sandbox_by_itself_grows_and_does_not_wait(void **state)
{
    (void)state;
    struct clo_memory_budget_asker alone = {.deadline_ns = NEVER};
    uint64_t ceiling;
    assert_int_equal(clo_memory_budget_hold(256 * MIB, 40 * MIB, NULL), 0);
    assert_int_equal(look().used, (16 + 16 + 40) * MIB);
    assert_int_equal(clo_memory_budget_more(&alone, 100 * MIB, &ceiling), 0);
    begin(200);
    assert_int_equal(clo_memory_budget_more(&alone, 100 * MIB, &ceiling), CLO_EBUSY);
    assert_int_equal(ceiling, CEILING * MIB);
    assert_int_equal(more_now(44), 0);
    assert_int_equal(look().used, CEILING * MIB);
    clo_memory_budget_release(140 * MIB);
    assert_int_equal(look().used, (16 + 244) * MIB);
    give(244);
}

static void raising_the_ceiling_lets_grow(void **state)
{
    (void)state;
    begin(200);
    begin(200);
    struct asker asker = {.mib = 100, .wait_ms = NEVER};
    start(&asker);
    wait_until(1, 0);
    assert_int_equal(clo_memory_ceiling_set((CEILING + 100) * MIB, NULL), 0);
    assert_int_equal(end_of(&asker), 0);
    give(300);
    give(200);
}

#define CROWD 12

struct member {
    unsigned seed;
    int grown, refused, full;
    bool over;
};

/* Runs that grow step by step and wait as long as it takes: that the test ends is the test. */
static void *press(void *argument)
{
    struct member *self = argument;
    for (int i = 0; i < 200; i++) {
        uint64_t have = 32, want = 32 + 8 * ((unsigned)rand_r(&self->seed) % 46), ceiling;
        bool refused = false;
        if (clo_memory_budget_await(&pool, have * MIB, NEVER, NEVER, NULL, NULL))
            return NULL;
        while (have < want && !refused) {
            if (more(8 * MIB, NEVER, NULL, &ceiling))
                refused = true;
            else
                have += 8;
            struct clo_memory_budget_state now = look();
            self->over |= now.used > now.ceiling;
            if (have % 64 == 0)
                nanosleep(&(struct timespec){0, 100000}, NULL);
        }
        self->refused += refused;
        self->grown += have > 32;
        self->full += have == want;
        give(have);
    }
    return NULL;
}

static void a_crowd_that_grows_ends(void **state)
{
    (void)state;
    pthread_t threads[CROWD];
    struct member members[CROWD];
    int refused = 0, full = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        members[i] = (struct member){.seed = i};
        pthread_create(&threads[i], NULL, press, &members[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_false(members[i].over);
        assert_true(members[i].grown > 0);
        refused += members[i].refused;
        full += members[i].full;
    }
    assert_true(refused > 0); /* together they want more than there is */
    assert_true(full > 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_all, everything_is_back)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_grows_gets_what_is_free),
        CASE(who_grows_waits_for_another_that_ends),
        CASE(who_grows_comes_before_who_begins),
        CASE(a_small_wish_passes_a_large_one),
        CASE(who_fits_is_served_past_who_does_not),
        CASE(where_all_wait_the_last_to_ask_does_without),
        CASE(who_is_alone_does_not_wait),
        CASE(the_rule_holds_when_one_ends),
        CASE(who_is_refused_may_ask_again),
        CASE(a_wait_for_more_ends_by_its_time_by_cancel_and_with_the_pool),
        CASE(a_sandbox_by_itself_grows_and_does_not_wait),
        CASE(raising_the_ceiling_lets_grow),
        CASE(a_crowd_that_grows_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

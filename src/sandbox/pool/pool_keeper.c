/* pool_keeper.c - the thread that keeps a pool in order, so that no run has to.
 *
 *   least              members                                most (size)
 *     [ busy ][ waiting ][ ahead ].............................]
 *
 * It breathes in: there is a member more than is needed, one in eight more where many are busy, and
 * never fewer than the least. It breathes out: as many as nobody needed for a whole period are given
 * back, the coldest first; `low` is how many that were, the fewest that were idle at a time.
 *
 * It looks after members that rest and have not said yet that they are clean, every CLO_POOL_LOOK_NS,
 * and replaces workers that died, so that no run waits for their end or for new ones.
 */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "sandbox/pool/pool_state.h"
#include "sandbox/worker_client.h"

#define AHEAD_PART 8

static size_t ahead(const struct clo_pool *pool)
{
    size_t busy = pool->members - pool->idle - pool->starting;
    return 1 + busy / AHEAD_PART;
}

static bool is_short(const struct clo_pool *pool)
{
    return pool->members < pool->size &&
           (pool->members < pool->least ||
            pool->idle + pool->starting < pool->waiting + ahead(pool));
}

/* After a failure only where nobody could serve at all. */
static bool may_try(const struct clo_pool *pool)
{
    return !pool->members || !pool->retry_ns || clo_monotonic_ns() >= pool->retry_ns;
}

void clo_pool_want(struct clo_pool *pool)
{
    if (pool->keeper_until_ns && is_short(pool) && may_try(pool))
        pthread_cond_signal(&pool->care);
}

void clo_pool_took(struct clo_pool *pool)
{
    if (pool->idle < pool->low)
        pool->low = pool->idle;
}

static void breathe_in(struct clo_pool *pool)
{
    struct clo_error error;
    while (!pool->ending && is_short(pool) && may_try(pool)) {
        if (clo_pool_start_member(pool, &error)) {
            clo_pool_tell_waiting(pool, &error);
            return;
        }
        pool->retry_ns = 0;
    }
}

/* The one that was used longest ago, if nothing is left to be done for it. */
static struct member *coldest(struct clo_pool *pool)
{
    struct member *member = TAILQ_LAST(&pool->resting, members);
    while (member && (member->lost || member->memory.bytes))
        member = TAILQ_PREV(member, members, entry);
    return clo_pool_take(pool, member);
}

static void breathe_out(struct clo_pool *pool)
{
    size_t surplus = pool->low > ahead(pool) ? pool->low - ahead(pool) : 0;
    size_t spare = pool->members > pool->least ? pool->members - pool->least : 0;
    struct member *member;
    pool->low = pool->idle;
    surplus = surplus < spare ? surplus : spare;
    if (!pool->zygote) {
        pool->leaving = surplus;
        if (surplus)
            pthread_cond_broadcast(&pool->work);
        return;
    }
    for (; surplus && !pool->ending && (member = coldest(pool)); surplus--) {
        pool->members--;
        pthread_mutex_unlock(&pool->lock);
        clo_pool_end_member(pool, member);
        pthread_mutex_lock(&pool->lock);
    }
}

/* The next that is to be looked after; *until: when to look again. */
static struct member *needs_care(struct clo_pool *pool, uint64_t *until)
{
    struct member *member, *next = NULL;
    TAILQ_FOREACH(member, &pool->resting, entry)
        if ((member->memory.bytes || member->lost) && (!next || member->look_ns < next->look_ns))
            next = member;
    *until = next ? next->look_ns : UINT64_MAX;
    return *until <= clo_monotonic_ns() ? next : NULL;
}

/* Without the lock. A worker that does not say that it is clean is not waited for: others rest,
 * too. */
static void look_after(struct member *member)
{
    uint64_t now = clo_monotonic_ns();
    if (member->lost || clo_backend_is_clean(member->backend) ||
        now - member->since_ns >= CLO_WORKER_HELLO_NS)
        clo_pool_settle(member);
    else
        member->look_ns = now + CLO_POOL_LOOK_NS;
}

static void care_for(struct clo_pool *pool, struct member *member)
{
    pool->starting++; /* as good as idle */
    pthread_mutex_unlock(&pool->lock);
    look_after(member);
    pthread_mutex_lock(&pool->lock);
    pool->starting--;
    if (pool->waiting)
        clo_pool_put_back(pool, member);
    else
        clo_pool_rest(pool, member);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void *keep(void *argument)
{
    struct clo_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    uint64_t period_end = clo_monotonic_ns() + pool->idle_ns;
    while (!pool->ending) {
        uint64_t until;
        breathe_in(pool);
        if (clo_monotonic_ns() >= period_end) {
            breathe_out(pool);
            period_end = clo_monotonic_ns() + pool->idle_ns;
        }
        struct member *member = clo_pool_take(pool, needs_care(pool, &until));
        if (member) {
            care_for(pool, member);
            continue;
        }
        if (pool->ending)
            break;
        until = earlier(until, period_end);
        if (is_short(pool) && pool->waiting)
            until = earlier(until, pool->retry_ns);
        pool->keeper_until_ns = until;
        clo_wait_until(&pool->care, &pool->lock, until);
        pool->keeper_until_ns = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int clo_pool_start_keeper(struct clo_pool *pool, struct clo_error *error)
{
    int failed = clo_thread_start(&pool->keeper, keep, pool);
    pool->has_keeper = !failed;
    return failed ? clo_fail(error, CLO_ESYSTEM, "a thread for a pool cannot be started: %s",
                             strerror(failed))
                  : 0;
}

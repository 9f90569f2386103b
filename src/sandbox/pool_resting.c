/* pool_resting.c - members of a pool that have a worker process: they rest in a list, and belong to
 * whoever takes one.
 *
 * A worker restores its micro-VM after its caller has the result, and says so. Until that has been
 * heard its run's memory counts. Who takes the member next hears it; for the others there is the
 * reclaimer, a thread that looks after members that rest, every RECLAIM_NS while there is one that
 * holds memory. It replaces workers that died, too, so that no run waits for their end or for new
 * ones. Functions are called with the pool's lock held where not said otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "sandbox/pool_state.h"
#include "sandbox/worker_client.h"

#define RECLAIM_NS 2000000u
#define SURELY_CLEAN_NS 200000u /* a worker has usually restored by then */

/* Without the lock: wait until it is clean, or have its worker replaced. */
static void settle(struct member *member)
{
    clo_backend_settle(member->backend);
    member->lost = false;
    clo_pool_give_memory(&member->memory);
}

static void rest(struct clo_pool *pool, struct member *member)
{
    if (member->lost)
        TAILQ_INSERT_TAIL(&pool->resting, member, entry);
    else
        TAILQ_INSERT_HEAD(&pool->resting, member, entry);
    pool->idle++;
    if (member->lost || (member->memory.bytes && pool->reclaimer_sleeps))
        pthread_cond_signal(&pool->care);
}

/* After a run, or when it is new: to the first who waits, or to rest. One without a worker is the
 * reclaimer's first: nobody shall wait for the end of a process. */
void clo_pool_put_back(struct clo_pool *pool, struct member *member)
{
    struct request *request = pool->ending || member->lost ? NULL : clo_pool_pop(pool);
    if (request) {
        request->member = member;
        pthread_cond_signal(&request->change);
        return;
    }
    member->since_ns = clo_monotonic_ns();
    member->look_ns = member->since_ns + (member->lost ? 0 : RECLAIM_NS);
    rest(pool, member);
}

static struct member *take(struct clo_pool *pool, struct member *member)
{
    if (!member)
        return NULL;
    TAILQ_REMOVE(&pool->resting, member, entry);
    pool->idle--;
    return member;
}

/* The one whose memory is the warmest, but not one that is still restoring if there is another. */
struct member *clo_pool_take_best(struct clo_pool *pool)
{
    uint64_t now = clo_monotonic_ns();
    struct member *member, *oldest = NULL;
    TAILQ_FOREACH(member, &pool->resting, entry) {
        if (member->lost)
            continue;
        if (!member->memory.bytes || now - member->since_ns >= SURELY_CLEAN_NS)
            return take(pool, member);
        oldest = member;
    }
    return take(pool, oldest);
}

/* With a member of one's own, without the lock: the run. */
void clo_pool_run_on(struct clo_pool *pool, struct member *member, struct request *request)
{
    if (member->memory.bytes)
        settle(member);
    request->status = clo_pool_get_memory(pool, request, &member->memory);
    if (!request->status)
        request->status = clo_backend_run(member->backend, request->run, &member->memory,
                                          &request->result, &request->error);
    member->lost = !clo_backend_is_there(member->backend);
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
        settle(member);
    else
        member->look_ns = now + RECLAIM_NS;
}

static void *reclaim(void *argument)
{
    struct clo_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        uint64_t until;
        struct member *member = take(pool, needs_care(pool, &until));
        if (!member) {
            pool->reclaimer_sleeps = until == UINT64_MAX;
            clo_wait_until(&pool->care, &pool->lock, until);
            pool->reclaimer_sleeps = false;
            continue;
        }
        pool->starting++; /* as good as idle */
        pthread_mutex_unlock(&pool->lock);
        look_after(member);
        pthread_mutex_lock(&pool->lock);
        pool->starting--;
        if (pool->waiting)
            clo_pool_put_back(pool, member);
        else
            rest(pool, member);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int clo_pool_start_reclaimer(struct clo_pool *pool, struct clo_error *error)
{
    int failed = clo_thread_start(&pool->reclaimer, reclaim, pool);
    pool->has_reclaimer = !failed;
    return failed ? clo_fail(error, CLO_ESYSTEM, "a thread for a pool cannot be started: %s",
                             strerror(failed))
                  : 0;
}

void clo_pool_end_resting(struct clo_pool *pool)
{
    struct member *member;
    while ((member = take(pool, TAILQ_FIRST(&pool->resting)))) {
        clo_backend_destroy(member->backend);
        clo_pool_give_memory(&member->memory);
        clo_memory_budget_shrink(&pool->share);
        free(member);
    }
}

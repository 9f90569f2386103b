/* pool_resting.c - members of a pool that have a worker process: they rest in a list, and belong to
 * whoever takes one.
 *
 * A worker restores its micro-VM after its caller has the result, and says so. Until that has been
 * heard its run's memory counts. Who takes the member next hears it, and else the keeper, which
 * replaces workers that died, too (pool_keeper.c). Functions are called with the pool's lock held where not said otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "sandbox/pool/pool_state.h"
#include "sandbox/worker_client.h"

#define SURELY_CLEAN_NS 200000u /* a worker has usually restored by then */

/* Without the lock: wait until it is clean, or have its worker replaced. */
void clo_pool_settle(struct member *member)
{
    clo_backend_settle(member->backend);
    member->lost = false;
    clo_pool_give_memory(&member->memory);
}

void clo_pool_rest(struct clo_pool *pool, struct member *member)
{
    if (member->lost)
        TAILQ_INSERT_TAIL(&pool->resting, member, entry);
    else
        TAILQ_INSERT_HEAD(&pool->resting, member, entry);
    pool->idle++;
    if ((member->lost || member->memory.bytes) && pool->keeper_until_ns > member->look_ns)
        pthread_cond_signal(&pool->care);
}

/* After a run, or when it is new: to the first who waits, or to rest. One without a worker is the
 * keeper's first: nobody shall wait for the end of a process. */
void clo_pool_put_back(struct clo_pool *pool, struct member *member)
{
    struct request *request = pool->ending || member->lost ? NULL : clo_pool_pop(pool);
    if (request) {
        request->member = member;
        pthread_cond_signal(&request->change);
        return;
    }
    member->since_ns = clo_monotonic_ns();
    member->look_ns = member->since_ns + (member->lost ? 0 : CLO_POOL_LOOK_NS);
    clo_pool_rest(pool, member);
}

struct member *clo_pool_take(struct clo_pool *pool, struct member *member)
{
    if (!member)
        return NULL;
    TAILQ_REMOVE(&pool->resting, member, entry);
    pool->idle--;
    return member;
}

static struct member *best(struct clo_pool *pool, struct member *member)
{
    member = clo_pool_take(pool, member);
    clo_pool_took(pool);
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
            return best(pool, member);
        oldest = member;
    }
    return best(pool, oldest);
}

/* With a member of one's own, without the lock: the run. */
void clo_pool_run_on(struct clo_pool *pool, struct member *member, struct request *request)
{
    if (member->memory.bytes)
        clo_pool_settle(member);
    request->status = clo_pool_get_memory(pool, request, &member->memory);
    if (!request->status)
        request->status = clo_backend_run(member->backend, request->run, &member->memory,
                                          &request->result, &request->error);
    member->lost = !clo_backend_is_there(member->backend);
}

/* Without the lock, or with no other thread left. */
void clo_pool_end_member(struct clo_pool *pool, struct member *member)
{
    clo_backend_destroy(member->backend);
    clo_pool_give_memory(&member->memory);
    clo_memory_budget_shrink(&pool->share);
    free(member);
}

void clo_pool_end_resting(struct clo_pool *pool)
{
    struct member *member;
    while ((member = clo_pool_take(pool, TAILQ_FIRST(&pool->resting)))) {
        clo_pool_end_member(pool, member);
    }
}

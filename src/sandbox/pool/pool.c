/* pool.c - sandboxes of one configuration, serving one queue.
 *
 *   caller ─ clo_pool_run ─▶ a member that rests ─▶ the run, on the caller's thread ─▶ it rests again
 *                 │ none
 *                 ▼
 *              requests ◀─ a member of a thread takes one    (placement thread)
 *                       ◀─ who puts a member back hands it to the first (worker)
 *
 *   keeper (one thread): makes members ahead of need, gives back those that nobody needed, and looks
 *                        after those that rest (pool_keeper.c)
 *
 * A micro-VM of this process belongs to the thread that made it: such a member has one for its
 * life, which takes requests from the queue. A worker process belongs to nobody: a member with one
 * rests in a list, and whoever wants a run takes it, runs on their own thread and puts it back, or
 * hands it to the first who waits. That is two wakes of a thread fewer.
 *
 * Who wants a run never makes or ends a member: it tells the keeper at most. Requests wait in the
 * order in which they came. One lock guards everything here; runs happen outside it.
 *
 * Who has a request and a member waits for the memory that the run begins with (reservation.h). It is
 * given back, with what the run has got since, when the micro-VM has been restored. A worker says so,
 * and is heard by who takes it next, or by the keeper. There are no more members than the ceiling
 * lets begin a run at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/sync.h"
#include "sandbox/pool/pool_state.h"
#include "sandbox/sandbox.h"
#include "sandbox/snapshot/snapshot.h"
#include "sandbox/worker/jail.h"

#define NS_PER_MS 1000000ull
#define IDLE_MS 60000u /* unless the configuration says something else */

/* ---- the queue; all with the lock held ---- */

static void push(struct clo_pool *pool, struct request *request)
{
    TAILQ_INSERT_TAIL(&pool->requests, request, entry);
    pool->waiting++;
}

static void unlink_request(struct clo_pool *pool, struct request *request)
{
    TAILQ_REMOVE(&pool->requests, request, entry);
    pool->waiting--;
}

struct request *clo_pool_pop(struct clo_pool *pool)
{
    struct request *request = TAILQ_FIRST(&pool->requests);
    if (request) {
        unlink_request(pool, request);
        request->taken = true;
    }
    return request;
}

void clo_pool_finish(struct request *request)
{
    request->done = true;
    pthread_cond_signal(&request->change);
}

/* ---- a run's memory ---- */

static uint64_t ns_of(uint64_t ms)
{
    return ms > UINT64_MAX / NS_PER_MS ? UINT64_MAX : ms * NS_PER_MS;
}

/* A run of a session, or one that was suspended, has all of its state's memory at once. */
static int begins_with(struct clo_pool *pool, struct request *request, uint64_t limit,
                       uint64_t *bytes)
{
    const struct clo_run_state *state = request->run->state;
    const struct clo_run_resume *resume = request->run->resume;
    *bytes = clo_config_start(&pool->config, limit);
    if (!resume && (!state || state->from < 0))
        return 0;
    uint64_t has;
    int status = clo_snapshot_memory(pool->config.image, resume ? resume->from : state->from,
                                     resume ? resume->options : state->from_options, resume != NULL,
                                     limit, &has, &request->error);
    has = clo_reservation_for(has, limit);
    if (has > *bytes)
        *bytes = has;
    return status;
}

int clo_pool_get_memory(struct clo_pool *pool, struct request *request,
                        struct clo_reservation *memory)
{
    struct clo_limits limits;
    int status =
        clo_limits_resolve(&limits, &request->run->limits, &pool->config.limits, &request->error);
    *memory = (struct clo_reservation){.pool = &pool->share, .wait_ns = ns_of(request->wait_ms)};
    if (status)
        return status;
    uint64_t bytes;
    status = begins_with(pool, request, limits.memory, &bytes);
    if (status)
        return status;
    status = clo_memory_budget_await(&pool->share, bytes, request->deadline_ns, request->wait_ms,
                                     request->run->cancel, &request->error);
    memory->bytes = status ? 0 : bytes;
    return status;
}

void clo_pool_give_memory(struct clo_reservation *memory)
{
    if (memory->bytes)
        clo_memory_budget_give(memory->bytes);
    memory->bytes = 0;
}

/* ---- the public side ---- */

static int start_first(struct clo_pool *pool, struct clo_error *error)
{
    pthread_mutex_lock(&pool->lock);
    int status = clo_pool_start_member(pool, error);
    while (!status && pool->starting)
        pthread_cond_wait(&pool->born, &pool->lock);
    if (!status && !pool->members) {
        status = pool->failure.code;
        if (error)
            *error = pool->failure;
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

int clo_pool_create(struct clo_pool **result, const struct clo_sandbox_config *config, size_t size,
                    struct clo_error *error)
{
    *result = NULL;
    if (size < 1 || size > POOL_SIZE_MAX)
        return clo_fail(error, CLO_EINVALID, "a pool of %zu sandboxes; it must be from 1 to %d",
                        size, POOL_SIZE_MAX);
    if (config->pool_least > size) {
        clo_fail(error, CLO_EINVALID, "a pool of at most %zu sandboxes that keeps %zu", size,
                 config->pool_least);
        return clo_hint(error, CLO_EINVALID,
                        "lower the least (sandbox.least), or raise the most (sandbox.count)");
    }
    if (config->pool_idle_ms > CLO_POOL_IDLE_MS_MAX)
        return clo_fail(error, CLO_EINVALID, "idle sandboxes are kept for %llu ms; at most %llu",
                        (unsigned long long)config->pool_idle_ms,
                        (unsigned long long)CLO_POOL_IDLE_MS_MAX);
    struct clo_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return clo_fail_memory(error);
    pool->size = size;
    pool->least = config->pool_least ? config->pool_least : 1;
    pool->idle_ns = (config->pool_idle_ms ? config->pool_idle_ms : IDLE_MS) * NS_PER_MS;
    TAILQ_INIT(&pool->requests);
    TAILQ_INIT(&pool->resting);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->born, NULL);
    pthread_cond_init(&pool->care, NULL);
    int status = clo_config_open(&pool->config, config, true, error);
    if (!status)
        status = clo_memory_budget_join(&pool->share, pool->config.limits.memory,
                                        clo_config_start(&pool->config, pool->config.limits.memory),
                                        error);
    if (!status && config->placement == CLO_PLACEMENT_WORKER)
        status = clo_zygote_create(&pool->zygote, &pool->config, error);
    if (!status)
        status = start_first(pool, error);
    if (!status)
        status = clo_pool_start_keeper(pool, error);
    if (status) {
        clo_pool_destroy(pool);
        return status;
    }
    *result = pool;
    return 0;
}

void clo_pool_destroy(struct clo_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    struct request *request;
    while ((request = clo_pool_pop(pool))) {
        request->status = clo_fail(&request->error, CLO_ECANCELLED, "the pool was destroyed");
        clo_pool_finish(request);
    }
    pthread_cond_broadcast(&pool->work);
    pthread_cond_broadcast(&pool->care);
    pthread_mutex_unlock(&pool->lock);
    clo_memory_budget_close(&pool->share);
    pthread_mutex_lock(&pool->lock);
    while (pool->callers)
        pthread_cond_wait(&pool->born, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    if (pool->has_keeper) /* it starts threads, and joins them */
        pthread_join(pool->keeper, NULL);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    clo_pool_end_resting(pool);
    clo_zygote_destroy(pool->zygote);
    clo_memory_budget_leave(&pool->share);
    clo_config_close(&pool->config);
    pthread_cond_destroy(&pool->care);
    pthread_cond_destroy(&pool->born);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void clo_pool_jail(struct clo_pool *pool, char text[CLO_JAIL_TEXT_MAX])
{
    pthread_mutex_lock(&pool->lock);
    unsigned layers = pool->layers;
    pthread_mutex_unlock(&pool->lock);
    clo_jail_describe(layers, text);
}

void clo_pool_jail_missing(struct clo_pool *pool, char text[CLO_JAIL_TEXT_MAX])
{
    pthread_mutex_lock(&pool->lock);
    unsigned missing = CLO_JAIL_ALL & ~pool->layers;
    pthread_mutex_unlock(&pool->lock);
    text[0] = '\0';
    if (missing)
        clo_jail_describe(missing, text);
}

static void wake_request(void *context)
{
    struct request *request = context;
    pthread_mutex_lock(&request->pool->lock);
    pthread_cond_signal(&request->change);
    pthread_mutex_unlock(&request->pool->lock);
}

static int refuse(struct clo_pool *pool, struct request *request)
{
    if (pool->crowded)
        return clo_memory_budget_refuse(pool->share.start + CLO_MEMORY_BUDGET_OWN, request->wait_ms,
                                        &request->error);
    return clo_fail(&request->error, CLO_EBUSY,
                    "no sandbox became free within %llu ms; all %zu are in use",
                    (unsigned long long)request->wait_ms, pool->size);
}

/* With the lock held: wait until the request is done; before it is taken, its wait may end. A
 * member that has taken it looks after its time while it waits for memory. */
static void await(struct clo_pool *pool, struct request *request)
{
    while (!request->done && !request->member) {
        if (request->taken) {
            pthread_cond_wait(&request->change, &pool->lock);
            continue;
        }
        if (clo_cancel_is_set(request->run->cancel)) {
            request->status =
                clo_fail(&request->error, CLO_ECANCELLED, "the run was cancelled before it began");
            break;
        }
        if (clo_monotonic_ns() >= request->deadline_ns) {
            request->status = refuse(pool, request);
            break;
        }
        clo_wait_until(&request->change, &pool->lock, request->deadline_ns);
    }
    if (!request->taken && !request->done)
        unlink_request(pool, request);
}

/* With the lock held: through the queue, to the run's end or to a member. */
static void await_turn(struct clo_pool *pool, struct request *request)
{
    struct clo_cancel_watch watch = {.wake = wake_request, .context = request};
    pthread_cond_init(&request->change, NULL);
    pthread_mutex_unlock(&pool->lock); /* a token's comes before a pool's */
    clo_cancel_add(request->run->cancel, &watch);
    pthread_mutex_lock(&pool->lock);
    if (!pool->waiting &&
        (request->member = clo_pool_take_best(pool))) /* has come to rest just now */
        request->taken = true;
    if (pool->ending) {
        request->status = clo_fail(&request->error, CLO_ECANCELLED, "the pool was destroyed");
    } else if (!request->member) {
        push(pool, request);
        pthread_cond_signal(&pool->work);
        clo_pool_want(pool);
        await(pool, request);
    }
    pthread_mutex_unlock(&pool->lock);
    clo_cancel_remove(request->run->cancel, &watch);
    pthread_cond_destroy(&request->change);
    pthread_mutex_lock(&pool->lock);
}

int clo_pool_run(struct clo_pool *pool, const struct clo_run *run, uint64_t wait_ms,
                 struct clo_run_result **result, struct clo_error *error)
{
    *result = NULL;
    if (run->keep_state) {
        clo_fail(error, CLO_EINVALID,
                 "keep_state needs a sandbox of its own; a pool's runs share no state");
        return clo_hint(error, CLO_EINVALID, "give the run its session's files (clo_run.state)");
    }
    struct request request = {
        .run = run, .pool = pool, .wait_ms = wait_ms, .deadline_ns = clo_after_ms(wait_ms)};
    pthread_mutex_lock(&pool->lock);
    pool->callers++;
    request.member = pool->waiting || pool->ending ? NULL : clo_pool_take_best(pool);
    if (!request.member)
        await_turn(pool, &request);
    if (request.member) {
        clo_pool_want(pool);
        pthread_mutex_unlock(&pool->lock);
        clo_pool_run_on(pool, request.member, &request);
        pthread_mutex_lock(&pool->lock);
        clo_pool_put_back(pool, request.member);
    }
    pool->callers--;
    if (pool->ending)
        pthread_cond_broadcast(&pool->born);
    pthread_mutex_unlock(&pool->lock);
    if (request.status && error)
        *error = request.error;
    *result = request.result;
    return request.status;
}

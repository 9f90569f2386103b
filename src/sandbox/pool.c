/* pool.c - sandboxes of one configuration, serving one queue.
 *
 * A micro-VM of this process belongs to the thread that made it: such a member has one for its
 * life, which takes requests from the queue. A worker process belongs to nobody: a member with one
 * rests in a list, and whoever wants a run takes it, runs on their own thread and puts it back, or
 * hands it to the first who waits. That is two wakes of a thread fewer.
 *
 * Members are made when they are needed, up to the pool's size, one ahead of the need: the one that
 * takes a run while nobody else is idle has the next one made. A member that has made its micro-VM
 * warms it before it counts as idle. Requests wait in the order in which they came. One lock guards
 * everything here; runs happen outside it.
 *
 * Who has a request and a member waits for the memory of the run (memory_budget.h) before it
 * begins. It is given back when the micro-VM has been restored. A worker says so, and is heard by
 * who takes it next, or by the pool's reclaimer: a thread that looks after members that rest,
 * every RECLAIM_NS while there is one that has not given back, and replaces workers that died.
 * There are no more members than the ceiling lets run at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/sync.h"
#include "sandbox/pool_state.h"
#include "sandbox/sandbox.h"
#include "sandbox/worker/jail.h"

#define NS_PER_MS 1000000u

struct birth { /* handed to a member's thread */
    struct clo_pool *pool;
    size_t place;
};

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

static void finish(struct request *request)
{
    request->done = true;
    pthread_cond_signal(&request->change);
}

/* ---- members ---- */

static int start_member(struct clo_pool *pool, struct clo_error *error);

/* Have one more member than is needed now, if there may be one. */
static void keep_ahead(struct clo_pool *pool)
{
    if (!pool->ending && pool->idle + pool->starting <= pool->waiting && pool->members < pool->size)
        start_member(pool, NULL);
}

static uint64_t ns_of(uint64_t ms)
{
    return ms > UINT64_MAX / NS_PER_MS ? UINT64_MAX : ms * NS_PER_MS;
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
    uint64_t bytes = clo_reservation_start(&pool->config, limits.memory);
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

/* On a member's own thread. */
static void carry_out(struct clo_pool *pool, struct clo_backend *backend, struct request *request)
{
    struct clo_reservation memory;
    request->status = clo_pool_get_memory(pool, request, &memory);
    if (!request->status)
        request->status =
            clo_backend_run(backend, request->run, &memory, &request->result, &request->error);
    pthread_mutex_lock(&pool->lock);
    finish(request); /* the caller's from here on */
    pthread_mutex_unlock(&pool->lock);
    if (!memory.bytes)
        return;
    clo_backend_settle(backend); /* while the caller already has the result */
    clo_pool_give_memory(&memory);
}

static void serve_requests(struct clo_pool *pool, struct clo_backend *backend)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        struct request *request = clo_pool_pop(pool);
        if (!request) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
            continue;
        }
        keep_ahead(pool);
        pthread_mutex_unlock(&pool->lock);
        carry_out(pool, backend, request);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* With the lock held: a member with a worker process joins those that rest. */
static void join(struct clo_pool *pool, size_t place, struct member *member,
                 struct clo_backend *backend)
{
    *member = (struct member){.backend = backend};
    clo_pool_put_back(pool, member);
    pool->finished[place] = true; /* its thread has done its work */
}

/* No member could be made. Whoever waits is told, if nobody is left who could serve. */
static void member_failed(struct clo_pool *pool, size_t place, const struct clo_error *error)
{
    pool->failure = *error;
    pool->members--;
    clo_memory_budget_shrink(&pool->share);
    pool->finished[place] = true;
    struct request *request;
    while (!pool->members && (request = clo_pool_pop(pool))) {
        request->status = error->code;
        request->error = *error;
        finish(request);
    }
}

static void *live(void *argument)
{
    struct birth birth = *(struct birth *)argument;
    struct clo_pool *pool = birth.pool;
    struct clo_backend *backend;
    struct clo_error error = {0};
    free(argument);
    struct member *member = pool->zygote ? calloc(1, sizeof *member) : NULL;
    int status = pool->zygote && !member
                     ? clo_fail_memory(&error)
                     : clo_backend_create(&backend, &pool->config, pool->zygote, &error);
    if (status)
        free(member);
    pthread_mutex_lock(&pool->lock);
    pool->starting--;
    if (status) {
        member_failed(pool, birth.place, &error);
    } else {
        pool->layers = clo_backend_layers(backend);
        if (member)
            join(pool, birth.place, member, backend);
        else
            pool->idle++; /* as good as idle: it is being warmed */
    }
    pthread_cond_broadcast(&pool->born);
    pthread_mutex_unlock(&pool->lock);
    if (status || member)
        return NULL;
    clo_backend_warm(backend);
    pthread_mutex_lock(&pool->lock);
    pool->idle--;
    pthread_mutex_unlock(&pool->lock);
    serve_requests(pool, backend);
    clo_backend_destroy(backend);
    clo_memory_budget_shrink(&pool->share);
    return NULL;
}

/* A place in the table of threads: a new one, or that of one that has finished. */
static size_t find_place(struct clo_pool *pool)
{
    for (size_t i = 0; i < pool->thread_count; i++) {
        if (pool->finished[i]) {
            pthread_join(pool->threads[i], NULL); /* it has left the lock for the last time */
            pool->finished[i] = false;
            return i;
        }
    }
    return pool->thread_count;
}

static int start_thread(struct clo_pool *pool, struct clo_error *error)
{
    struct birth *birth = malloc(sizeof *birth);
    if (!birth)
        return clo_fail_memory(error);
    size_t place = find_place(pool); /* the thread frees its birth as soon as it lives */
    birth->pool = pool;
    birth->place = place;
    int failed = clo_thread_start(&pool->threads[place], live, birth);
    if (failed) {
        if (place < pool->thread_count) { /* an emptied place in the middle: close the gap */
            pool->threads[place] = pool->threads[--pool->thread_count];
            pool->finished[place] = pool->finished[pool->thread_count];
        }
        free(birth);
        return clo_fail(error, CLO_ESYSTEM, "a thread for a sandbox cannot be started: %s",
                        strerror(failed));
    }
    if (place == pool->thread_count)
        pool->thread_count++;
    pool->members++;
    pool->starting++;
    return 0;
}

/* Without memory for it there is no new member: those that live serve its requests. */
static int start_member(struct clo_pool *pool, struct clo_error *error)
{
    int status = clo_memory_budget_grow(&pool->share, error);
    pool->crowded = status != 0;
    if (status)
        return status;
    status = start_thread(pool, error);
    if (status)
        clo_memory_budget_shrink(&pool->share);
    return status;
}

/* ---- the public side ---- */

static int start_first(struct clo_pool *pool, struct clo_error *error)
{
    pthread_mutex_lock(&pool->lock);
    int status = start_member(pool, error);
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
    struct clo_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return clo_fail_memory(error);
    pool->size = size;
    TAILQ_INIT(&pool->requests);
    TAILQ_INIT(&pool->resting);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->born, NULL);
    pthread_cond_init(&pool->care, NULL);
    int status = clo_config_open(&pool->config, config, true, error);
    if (!status)
        status = clo_memory_budget_join(
            &pool->share, pool->config.limits.memory,
            clo_reservation_start(&pool->config, pool->config.limits.memory), error);
    if (!status && config->placement == CLO_PLACEMENT_WORKER)
        status = clo_zygote_create(&pool->zygote, &pool->config, error);
    if (!status && pool->zygote)
        status = clo_pool_start_reclaimer(pool, error);
    if (!status)
        status = start_first(pool, error);
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
        finish(request);
    }
    pthread_cond_broadcast(&pool->work);
    pthread_cond_broadcast(&pool->care);
    pthread_mutex_unlock(&pool->lock);
    clo_memory_budget_close(&pool->share);
    pthread_mutex_lock(&pool->lock);
    while (pool->callers)
        pthread_cond_wait(&pool->born, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    if (pool->has_reclaimer)
        pthread_join(pool->reclaimer, NULL);
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
    else if (pool->idle + pool->starting <= pool->waiting && pool->members < pool->size)
        request->status = start_member(pool, &request->error);
    if (pool->ending) {
        request->status = clo_fail(&request->error, CLO_ECANCELLED, "the pool was destroyed");
    } else if (!request->member && (!request->status || pool->members)) {
        request->status = 0;
        push(pool, request);
        pthread_cond_signal(&pool->work);
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
    if (run->keep_state)
        return clo_fail(error, CLO_EINVALID,
                        "keep_state needs a sandbox of its own; a pool's runs share no state");
    struct request request = {
        .run = run, .pool = pool, .wait_ms = wait_ms, .deadline_ns = clo_after_ms(wait_ms)};
    pthread_mutex_lock(&pool->lock);
    pool->callers++;
    request.member = pool->waiting || pool->ending ? NULL : clo_pool_take_best(pool);
    if (!request.member)
        await_turn(pool, &request);
    if (request.member) {
        keep_ahead(pool);
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

/* pool_members.c - making members, each on a thread of its own; and the life of those whose micro-VM
 * belongs to that thread.
 *
 * A member that has made its micro-VM warms it before it counts as idle; a worker does that by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "sandbox/pool/pool_state.h"

#define RETRY_NS 20000000u

struct birth { /* handed to a member's thread */
    struct clo_pool *pool;
    size_t place;
};

/* On a member's own thread. */
static void carry_out(struct clo_pool *pool, struct clo_backend *backend, struct request *request)
{
    struct clo_reservation memory;
    request->status = clo_pool_get_memory(pool, request, &memory);
    if (!request->status)
        request->status =
            clo_backend_run(backend, request->run, &memory, &request->result, &request->error);
    pthread_mutex_lock(&pool->lock);
    clo_pool_finish(request); /* the caller's from here on */
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
        if (!request && pool->leaving)
            break;
        if (!request) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
            continue;
        }
        clo_pool_took(pool);
        clo_pool_want(pool);
        pthread_mutex_unlock(&pool->lock);
        carry_out(pool, backend, request);
        pthread_mutex_lock(&pool->lock);
    }
    pool->leaving -= !pool->ending;
    pool->members--;
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

/* With the lock held: no member could be made. Whoever waits is told, if nobody is left who could
 * serve; else it is tried again after a while. */
void clo_pool_tell_waiting(struct clo_pool *pool, const struct clo_error *error)
{
    struct request *request;
    pool->retry_ns = clo_monotonic_ns() + RETRY_NS;
    while (!pool->members && (request = clo_pool_pop(pool))) {
        request->status = error->code;
        request->error = *error;
        clo_pool_finish(request);
    }
}

static void member_failed(struct clo_pool *pool, size_t place, const struct clo_error *error)
{
    pool->failure = *error;
    pool->members--;
    clo_memory_budget_shrink(&pool->share);
    pool->finished[place] = true;
    clo_pool_tell_waiting(pool, error);
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
    pool->idle--; /* now it is */
    pthread_mutex_unlock(&pool->lock);
    serve_requests(pool, backend);
    clo_backend_destroy(backend);
    clo_memory_budget_shrink(&pool->share);
    pthread_mutex_lock(&pool->lock);
    pool->finished[birth.place] = true;
    pthread_mutex_unlock(&pool->lock);
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

/* With the lock held. Without memory for it there is no new member: those that live serve its
 * requests. */
int clo_pool_start_member(struct clo_pool *pool, struct clo_error *error)
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

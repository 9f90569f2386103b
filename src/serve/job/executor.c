/* executor.c - worker threads around one queue, and the janitor for what was cancelled in it. */
#include "serve/job/executor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "serve/log.h"

struct list {
    struct clo_job *head, *tail;
};

struct clo_turns {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work, hurry, idle;
    struct list waiting, hurried;
    unsigned workers, queue; /* ceilings */
    unsigned threads, busy;  /* started; running a job */
    unsigned waiting_count;
    bool hurrying, closing;
    pthread_t janitor;
    pthread_t *handles; /* [workers] */
};

static void list_append(struct list *list, struct clo_job *job)
{
    job->next = NULL;
    job->previous = list->tail;
    *(list->tail ? &list->tail->next : &list->head) = job;
    list->tail = job;
}

static void list_remove(struct list *list, struct clo_job *job)
{
    *(job->previous ? &job->previous->next : &list->head) = job->next;
    *(job->next ? &job->next->previous : &list->tail) = job->previous;
    job->next = job->previous = NULL;
}

static bool all_done(const struct clo_turns *turns)
{
    return !turns->waiting.head && !turns->hurried.head && !turns->busy && !turns->hurrying;
}

static void *worker(void *context)
{
    struct clo_turns *turns = context;
    pthread_mutex_lock(&turns->lock);
    for (;;) {
        struct clo_job *job = turns->waiting.head;
        if (!job && turns->closing)
            break;
        if (!job) {
            pthread_cond_wait(&turns->work, &turns->lock);
            continue;
        }
        list_remove(&turns->waiting, job);
        job->queued = false;
        turns->waiting_count--;
        turns->busy++;
        pthread_mutex_unlock(&turns->lock);
        job->run(job);
        pthread_mutex_lock(&turns->lock);
        turns->busy--;
        if (all_done(turns))
            pthread_cond_broadcast(&turns->idle);
    }
    pthread_mutex_unlock(&turns->lock);
    return NULL;
}

static void *janitor(void *context)
{
    struct clo_turns *turns = context;
    pthread_mutex_lock(&turns->lock);
    for (;;) {
        struct clo_job *job = turns->hurried.head;
        if (!job && turns->closing)
            break;
        if (!job) {
            pthread_cond_wait(&turns->hurry, &turns->lock);
            continue;
        }
        list_remove(&turns->hurried, job);
        turns->hurrying = true;
        pthread_mutex_unlock(&turns->lock);
        job->run(job);
        pthread_mutex_lock(&turns->lock);
        turns->hurrying = false;
        if (all_done(turns))
            pthread_cond_broadcast(&turns->idle);
    }
    pthread_mutex_unlock(&turns->lock);
    return NULL;
}

static int start_janitor(struct clo_turns *turns, struct clo_error *error)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->work, NULL);
    pthread_cond_init(&turns->hurry, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&turns->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    errno = pthread_create(&turns->janitor, NULL, janitor, turns);
    return errno ? clo_fail_errno(error, CLO_ESYSTEM, "a thread cannot be started") : 0;
}

int clo_turns_create(struct clo_turns **turns, unsigned workers, unsigned queue,
                     struct clo_error *error)
{
    struct clo_turns *made = calloc(1, sizeof *made);
    *turns = NULL;
    if (!made)
        return clo_fail_memory(error);
    made->workers = workers;
    made->queue = queue;
    made->handles = calloc(workers, sizeof *made->handles);
    int status = made->handles ? start_janitor(made, error) : clo_fail_memory(error);
    if (status < 0) {
        free(made->handles);
        free(made);
        return status;
    }
    *turns = made;
    return 0;
}

/* One more worker, if none is free for what waits. A failure is fine while others live. */
static void grow(struct clo_turns *turns)
{
    if (turns->threads == turns->workers || turns->threads - turns->busy >= turns->waiting_count)
        return;
    int code = pthread_create(&turns->handles[turns->threads], NULL, worker, turns);
    if (code == 0)
        turns->threads++;
    else
        clo_log_event("error", "turns", "a worker thread cannot be started: %s", strerror(code));
}

int clo_turns_submit(struct clo_turns *turns, struct clo_job *job)
{
    int status = CLO_EBUSY;
    pthread_mutex_lock(&turns->lock);
    if (turns->waiting_count < turns->workers - turns->busy + turns->queue) {
        list_append(&turns->waiting, job);
        job->queued = true;
        turns->waiting_count++;
        grow(turns);
        status = 0;
        if (turns->threads == 0) { /* nobody would ever run it */
            list_remove(&turns->waiting, job);
            job->queued = false;
            turns->waiting_count--;
            status = CLO_EBUSY;
        }
        pthread_cond_signal(&turns->work);
    }
    pthread_mutex_unlock(&turns->lock);
    return status;
}

void clo_turns_hurry(struct clo_turns *turns, struct clo_job *job)
{
    pthread_mutex_lock(&turns->lock);
    if (job->queued) {
        list_remove(&turns->waiting, job);
        job->queued = false;
        turns->waiting_count--;
        list_append(&turns->hurried, job);
        pthread_cond_signal(&turns->hurry);
    }
    pthread_mutex_unlock(&turns->lock);
}

bool clo_turns_wait_idle(struct clo_turns *turns, unsigned milliseconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += milliseconds / 1000;
    deadline.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&turns->lock);
    int code = 0;
    while (!all_done(turns) && code == 0)
        code = pthread_cond_timedwait(&turns->idle, &turns->lock, &deadline);
    bool done = all_done(turns);
    pthread_mutex_unlock(&turns->lock);
    return done;
}

void clo_turns_destroy(struct clo_turns *turns)
{
    if (!turns)
        return;
    pthread_mutex_lock(&turns->lock);
    turns->closing = true;
    pthread_cond_broadcast(&turns->work);
    pthread_cond_broadcast(&turns->hurry);
    pthread_mutex_unlock(&turns->lock);
    for (unsigned i = 0; i < turns->threads; i++)
        pthread_join(turns->handles[i], NULL);
    pthread_join(turns->janitor, NULL);
    pthread_cond_destroy(&turns->work);
    pthread_cond_destroy(&turns->hurry);
    pthread_cond_destroy(&turns->idle);
    pthread_mutex_destroy(&turns->lock);
    free(turns->handles);
    free(turns);
}

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
    struct clo_executor_job *head, *tail;
};

struct clo_executor {
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

static void list_append(struct list *list, struct clo_executor_job *task)
{
    task->next = NULL;
    task->previous = list->tail;
    *(list->tail ? &list->tail->next : &list->head) = task;
    list->tail = task;
}

static void list_remove(struct list *list, struct clo_executor_job *task)
{
    *(task->previous ? &task->previous->next : &list->head) = task->next;
    *(task->next ? &task->next->previous : &list->tail) = task->previous;
    task->next = task->previous = NULL;
}

static bool all_done(const struct clo_executor *executor)
{
    return !executor->waiting.head && !executor->hurried.head && !executor->busy &&
           !executor->hurrying;
}

static void *worker(void *context)
{
    struct clo_executor *executor = context;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        struct clo_executor_job *task = executor->waiting.head;
        if (!task && executor->closing)
            break;
        if (!task) {
            pthread_cond_wait(&executor->work, &executor->lock);
            continue;
        }
        list_remove(&executor->waiting, task);
        task->queued = false;
        executor->waiting_count--;
        executor->busy++;
        pthread_mutex_unlock(&executor->lock);
        task->run(task);
        pthread_mutex_lock(&executor->lock);
        executor->busy--;
        if (all_done(executor))
            pthread_cond_broadcast(&executor->idle);
    }
    pthread_mutex_unlock(&executor->lock);
    return NULL;
}

static void *janitor(void *context)
{
    struct clo_executor *executor = context;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        struct clo_executor_job *task = executor->hurried.head;
        if (!task && executor->closing)
            break;
        if (!task) {
            pthread_cond_wait(&executor->hurry, &executor->lock);
            continue;
        }
        list_remove(&executor->hurried, task);
        executor->hurrying = true;
        pthread_mutex_unlock(&executor->lock);
        task->run(task);
        pthread_mutex_lock(&executor->lock);
        executor->hurrying = false;
        if (all_done(executor))
            pthread_cond_broadcast(&executor->idle);
    }
    pthread_mutex_unlock(&executor->lock);
    return NULL;
}

static int start_janitor(struct clo_executor *executor, struct clo_error *error)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->work, NULL);
    pthread_cond_init(&executor->hurry, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&executor->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    errno = pthread_create(&executor->janitor, NULL, janitor, executor);
    return errno ? clo_fail_errno(error, CLO_ESYSTEM, "a thread cannot be started") : 0;
}

int clo_executor_create(struct clo_executor **executor, unsigned workers, unsigned queue,
                        struct clo_error *error)
{
    struct clo_executor *made = calloc(1, sizeof *made);
    *executor = NULL;
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
    *executor = made;
    return 0;
}

/* One more worker, if none is free for what waits. A failure is fine while others live. */
static void grow(struct clo_executor *executor)
{
    if (executor->threads == executor->workers ||
        executor->threads - executor->busy >= executor->waiting_count)
        return;
    int code = pthread_create(&executor->handles[executor->threads], NULL, worker, executor);
    if (code == 0)
        executor->threads++;
    else
        clo_log_event("error", "executor", "a worker thread cannot be started: %s", strerror(code));
}

int clo_executor_submit(struct clo_executor *executor, struct clo_executor_job *task)
{
    int status = CLO_EBUSY;
    pthread_mutex_lock(&executor->lock);
    if (executor->waiting_count < executor->workers - executor->busy + executor->queue) {
        list_append(&executor->waiting, task);
        task->queued = true;
        executor->waiting_count++;
        grow(executor);
        status = 0;
        if (executor->threads == 0) { /* nobody would ever run it */
            list_remove(&executor->waiting, task);
            task->queued = false;
            executor->waiting_count--;
            status = CLO_EBUSY;
        }
        pthread_cond_signal(&executor->work);
    }
    pthread_mutex_unlock(&executor->lock);
    return status;
}

void clo_executor_hurry(struct clo_executor *executor, struct clo_executor_job *task)
{
    pthread_mutex_lock(&executor->lock);
    if (task->queued) {
        list_remove(&executor->waiting, task);
        task->queued = false;
        executor->waiting_count--;
        list_append(&executor->hurried, task);
        pthread_cond_signal(&executor->hurry);
    }
    pthread_mutex_unlock(&executor->lock);
}

bool clo_executor_wait_idle(struct clo_executor *executor, unsigned milliseconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += milliseconds / 1000;
    deadline.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&executor->lock);
    int code = 0;
    while (!all_done(executor) && code == 0)
        code = pthread_cond_timedwait(&executor->idle, &executor->lock, &deadline);
    bool done = all_done(executor);
    pthread_mutex_unlock(&executor->lock);
    return done;
}

void clo_executor_destroy(struct clo_executor *executor)
{
    if (!executor)
        return;
    pthread_mutex_lock(&executor->lock);
    executor->closing = true;
    pthread_cond_broadcast(&executor->work);
    pthread_cond_broadcast(&executor->hurry);
    pthread_mutex_unlock(&executor->lock);
    for (unsigned i = 0; i < executor->threads; i++)
        pthread_join(executor->handles[i], NULL);
    pthread_join(executor->janitor, NULL);
    pthread_cond_destroy(&executor->work);
    pthread_cond_destroy(&executor->hurry);
    pthread_cond_destroy(&executor->idle);
    pthread_mutex_destroy(&executor->lock);
    free(executor->handles);
    free(executor);
}

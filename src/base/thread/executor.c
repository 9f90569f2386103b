/* executor.c - threads around a ring of the lanes that could begin a task. One lock guards
 * everything: tasks are slow, the lock is not. */
#include "base/thread/executor.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/thread/sync.h"

struct clo_lane {
    struct clo_executor *executor;
    struct clo_task_list tasks; /* that wait */
    size_t waiting, running, waiting_max, running_max;
    bool held, left;
    bool ready; /* in the ring */
    TAILQ_ENTRY(clo_lane) turn;
};

struct clo_executor {
    pthread_mutex_t lock;
    pthread_cond_t work;          /* a lane is ready, or the end has come */
    pthread_cond_t all_done;      /* no task waits or runs */
    TAILQ_HEAD(, clo_lane) ready; /* the ring: exactly the lanes that could begin a task */
    size_t tasks;                 /* that wait or run */
    size_t idle;                  /* threads without a task, also those about to look for one */
    void (*thread_failed)(int code);
    bool ending;
    size_t thread_count, threads_max;
    pthread_t threads[];
};

/* ---- with the lock held ---- */

/* Called after each change to a lane: is it in the ring as it should be? */
static void update(struct clo_lane *lane)
{
    bool ready = lane->waiting && !lane->held && lane->running < lane->running_max;
    if (ready && !lane->ready)
        TAILQ_INSERT_TAIL(&lane->executor->ready, lane, turn);
    if (!ready && lane->ready)
        TAILQ_REMOVE(&lane->executor->ready, lane, turn);
    lane->ready = ready;
}

static void put(struct clo_lane *lane, struct clo_task *task)
{
    task->lane = lane;
    TAILQ_INSERT_TAIL(&lane->tasks, task, entry);
    lane->waiting++;
    update(lane);
}

static void take(struct clo_lane *lane, struct clo_task *task)
{
    task->lane = NULL;
    TAILQ_REMOVE(&lane->tasks, task, entry);
    lane->waiting--;
    update(lane);
}

static void forget(struct clo_executor *executor, size_t tasks)
{
    executor->tasks -= tasks;
    if (!executor->tasks)
        pthread_cond_broadcast(&executor->all_done);
}

static void *work(void *context);

static int start_thread(struct clo_executor *executor)
{
    int code = clo_thread_start(&executor->threads[executor->thread_count], work, executor);
    if (code && executor->thread_failed)
        executor->thread_failed(code);
    if (code)
        return code;
    executor->thread_count++;
    executor->idle++;
    return 0;
}

/* If a task could begin, have a thread look for it. The thread that takes it calls this again, so
 * that one call is enough for any number of tasks. */
static void provide(struct clo_executor *executor)
{
    if (TAILQ_EMPTY(&executor->ready))
        return;
    if (executor->idle)
        pthread_cond_signal(&executor->work);
    else if (executor->thread_count < executor->threads_max)
        start_thread(executor);
}

/* One task of the lane whose turn it is; the lane then goes to the end of the ring. */
static void carry_out(struct clo_executor *executor, struct clo_lane *lane)
{
    struct clo_task *task = TAILQ_FIRST(&lane->tasks);
    TAILQ_REMOVE(&executor->ready, lane, turn);
    lane->ready = false;
    lane->running++;
    take(lane, task);
    executor->idle--;
    provide(executor);
    pthread_mutex_unlock(&executor->lock);
    task->run(task);
    pthread_mutex_lock(&executor->lock);
    executor->idle++;
    lane->running--;
    forget(executor, 1);
    if (lane->left && !lane->running)
        free(lane);
    else
        update(lane); /* this thread looks next */
}

static void *work(void *context)
{
    struct clo_executor *executor = context;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        struct clo_lane *lane = TAILQ_FIRST(&executor->ready);
        if (lane)
            carry_out(executor, lane);
        else if (executor->ending)
            break;
        else
            pthread_cond_wait(&executor->work, &executor->lock);
    }
    pthread_mutex_unlock(&executor->lock);
    return NULL;
}

/* ---- the executor ---- */

int clo_executor_create(struct clo_executor **result, size_t threads,
                        void (*thread_failed)(int code), struct clo_error *error)
{
    struct clo_executor *executor = calloc(1, sizeof *executor + threads * sizeof(pthread_t));
    *result = executor;
    if (!executor)
        return clo_fail_memory(error);
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->work, NULL);
    pthread_cond_init(&executor->all_done, NULL);
    TAILQ_INIT(&executor->ready);
    executor->threads_max = threads;
    executor->thread_failed = thread_failed;
    return 0;
}

void clo_executor_destroy(struct clo_executor *executor)
{
    if (!executor)
        return;
    pthread_mutex_lock(&executor->lock);
    executor->ending = true;
    pthread_cond_broadcast(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    for (size_t i = 0; i < executor->thread_count; i++)
        pthread_join(executor->threads[i], NULL);
    pthread_cond_destroy(&executor->all_done);
    pthread_cond_destroy(&executor->work);
    pthread_mutex_destroy(&executor->lock);
    free(executor);
}

bool clo_executor_wait_idle(struct clo_executor *executor, uint64_t deadline_ns)
{
    bool in_time = true;
    pthread_mutex_lock(&executor->lock);
    while (executor->tasks && in_time)
        in_time = clo_wait_until(&executor->all_done, &executor->lock, deadline_ns);
    bool idle = !executor->tasks;
    pthread_mutex_unlock(&executor->lock);
    return idle;
}

/* ---- lanes ---- */

int clo_lane_create(struct clo_lane **result, struct clo_executor *executor, size_t running_max,
                    size_t waiting_max, struct clo_error *error)
{
    struct clo_lane *lane = calloc(1, sizeof *lane);
    *result = lane;
    if (!lane)
        return clo_fail_memory(error);
    lane->executor = executor;
    lane->running_max = running_max;
    lane->waiting_max = waiting_max;
    TAILQ_INIT(&lane->tasks);
    return 0;
}

static int add(struct clo_lane *lane, struct clo_task *task, struct clo_error *error)
{
    struct clo_executor *executor = lane->executor;
    if (lane->waiting + lane->running >= lane->running_max + lane->waiting_max)
        return clo_fail(error, CLO_EBUSY, "%zu tasks are in work and %zu wait; that is all",
                        lane->running, lane->waiting);
    int code = executor->thread_count ? 0 : start_thread(executor);
    if (code)
        return clo_fail(error, CLO_ESYSTEM, "a thread cannot be started: %s", strerror(code));
    put(lane, task);
    executor->tasks++;
    provide(executor);
    return 0;
}

int clo_lane_add(struct clo_lane *lane, struct clo_task *task, struct clo_error *error)
{
    pthread_mutex_lock(&lane->executor->lock);
    int status = add(lane, task, error);
    pthread_mutex_unlock(&lane->executor->lock);
    return status;
}

void clo_lane_hold(struct clo_lane *lane, bool held)
{
    pthread_mutex_lock(&lane->executor->lock);
    lane->held = held;
    update(lane);
    provide(lane->executor);
    pthread_mutex_unlock(&lane->executor->lock);
}

size_t clo_lane_waiting(struct clo_lane *lane)
{
    pthread_mutex_lock(&lane->executor->lock);
    size_t waiting = lane->waiting;
    pthread_mutex_unlock(&lane->executor->lock);
    return waiting;
}

void clo_lane_leave(struct clo_lane *lane, struct clo_task_list *rest)
{
    TAILQ_INIT(rest);
    if (!lane)
        return;
    struct clo_executor *executor = lane->executor;
    struct clo_task *task;
    pthread_mutex_lock(&executor->lock);
    forget(executor, lane->waiting);
    while ((task = TAILQ_FIRST(&lane->tasks))) {
        take(lane, task);
        TAILQ_INSERT_TAIL(rest, task, entry);
    }
    lane->left = true;
    if (!lane->running)
        free(lane);
    pthread_mutex_unlock(&executor->lock);
}

void clo_task_move(struct clo_task *task, struct clo_lane *to)
{
    pthread_mutex_lock(&to->executor->lock);
    if (task->lane) {
        take(task->lane, task);
        put(to, task);
        provide(to->executor);
    }
    pthread_mutex_unlock(&to->executor->lock);
}

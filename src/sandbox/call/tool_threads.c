/* tool_threads.c - threads that run tools. One lock guards everything: jobs are slow, the lock is not. */
#include "sandbox/call/tool_threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct clo_lane {
    struct clo_tool_job *first, *last;
    size_t waiting, running;
    bool queued; /* in the tool threads' ring of lanes that have work to give */
    bool held;   /* nothing is to be begun now */
    bool left;   /* its run has ended */
    struct clo_lane *next;
};

struct clo_tool_threads {
    pthread_mutex_t lock;
    pthread_cond_t work; /* a lane has work to give, or the end has come */
    struct clo_lane *first, *last;
    size_t thread_count, idle, waiting;
    bool ending;
    pthread_t threads[CLO_TOOL_THREADS_MAX];
};

struct clo_tool_threads *clo_tool_threads_create(void)
{
    struct clo_tool_threads *threads = calloc(1, sizeof *threads);
    if (!threads)
        return NULL;
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->work, NULL);
    return threads;
}

void clo_tool_threads_free(struct clo_tool_threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->ending = true;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    for (size_t i = 0; i < threads->thread_count; i++)
        pthread_join(threads->threads[i], NULL);
    pthread_cond_destroy(&threads->work);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

/* Put the lane at the end of the ring, if it has work to give and is not there already. */
static void queue_lane(struct clo_tool_threads *threads, struct clo_lane *lane)
{
    if (lane->queued || lane->held || !lane->first || lane->running >= CLO_LANE_RUNNING_MAX)
        return;
    lane->queued = true;
    lane->next = NULL;
    if (threads->last)
        threads->last->next = lane;
    else
        threads->first = lane;
    threads->last = lane;
    pthread_cond_signal(&threads->work);
}

static void unqueue_lane(struct clo_tool_threads *threads, struct clo_lane *lane)
{
    if (!lane->queued)
        return;
    struct clo_lane *before = NULL;
    for (struct clo_lane *at = threads->first; at != lane; at = at->next)
        before = at;
    if (before)
        before->next = lane->next;
    else
        threads->first = lane->next;
    if (threads->last == lane)
        threads->last = before;
    lane->queued = false;
}

/* One job of the lane whose turn it is; the lane then goes to the end of the ring. */
static struct clo_tool_job *take_job(struct clo_tool_threads *threads, struct clo_lane **from)
{
    struct clo_lane *lane = threads->first;
    if (!lane)
        return NULL;
    unqueue_lane(threads, lane);
    struct clo_tool_job *job = lane->first;
    lane->first = job->next;
    if (!lane->first)
        lane->last = NULL;
    lane->waiting--;
    threads->waiting--;
    lane->running++;
    queue_lane(threads, lane);
    *from = lane;
    return job;
}

static void job_ended(struct clo_tool_threads *threads, struct clo_lane *lane)
{
    lane->running--;
    if (lane->left && !lane->running)
        free(lane);
    else
        queue_lane(threads, lane);
}

static void *serve(void *argument)
{
    struct clo_tool_threads *threads = argument;
    pthread_mutex_lock(&threads->lock);
    while (!threads->ending) {
        struct clo_lane *lane;
        struct clo_tool_job *job = take_job(threads, &lane);
        if (!job) {
            threads->idle++;
            pthread_cond_wait(&threads->work, &threads->lock);
            threads->idle--;
            continue;
        }
        pthread_mutex_unlock(&threads->lock);
        job->work(job);
        pthread_mutex_lock(&threads->lock);
        job_ended(threads, lane);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

/* The program's signals are for the program's own threads. */
static int start_thread(struct clo_tool_threads *threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&threads->threads[threads->thread_count], NULL, serve, threads);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        threads->thread_count++;
    return failed;
}

struct clo_lane *clo_lane_create(void)
{
    return calloc(1, sizeof(struct clo_lane));
}

struct clo_tool_job *clo_tool_threads_leave(struct clo_tool_threads *threads, struct clo_lane *lane)
{
    if (!lane)
        return NULL;
    pthread_mutex_lock(&threads->lock);
    struct clo_tool_job *jobs = lane->first;
    threads->waiting -= lane->waiting;
    lane->first = lane->last = NULL;
    lane->waiting = 0;
    lane->left = true;
    unqueue_lane(threads, lane);
    if (!lane->running)
        free(lane);
    pthread_mutex_unlock(&threads->lock);
    return jobs;
}

void clo_tool_threads_hold(struct clo_tool_threads *threads, struct clo_lane *lane, bool held)
{
    pthread_mutex_lock(&threads->lock);
    lane->held = held;
    if (held)
        unqueue_lane(threads, lane);
    else
        queue_lane(threads, lane);
    pthread_mutex_unlock(&threads->lock);
}

int clo_tool_threads_add(struct clo_tool_threads *threads, struct clo_lane *lane,
                         struct clo_tool_job *job, struct clo_error *error)
{
    int status = 0;
    pthread_mutex_lock(&threads->lock);
    if (threads->waiting >= threads->idle && threads->thread_count < CLO_TOOL_THREADS_MAX) {
        int failed = start_thread(threads);
        if (failed && !threads->thread_count) /* the threads there are will do otherwise */
            status = clo_fail(error, CLO_ESYSTEM, "a thread for a tool cannot be started: %s",
                              strerror(failed));
    }
    if (!status) {
        job->next = NULL;
        if (lane->last)
            lane->last->next = job;
        else
            lane->first = job;
        lane->last = job;
        lane->waiting++;
        threads->waiting++;
        queue_lane(threads, lane);
    }
    pthread_mutex_unlock(&threads->lock);
    return status;
}

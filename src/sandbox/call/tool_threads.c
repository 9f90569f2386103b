/* tool_threads.c - threads that run tools. One lock guards everything: jobs are slow, the lock is not. */
#include "sandbox/call/tool_threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct clo_lane {
    struct clo_job *first, *last;
    size_t waiting, running;
    bool queued; /* in the crew's ring of lanes that have work to give */
    bool held;   /* nothing is to be begun now */
    bool left;   /* its run has ended */
    struct clo_lane *next;
};

struct clo_crew {
    pthread_mutex_t lock;
    pthread_cond_t work; /* a lane has work to give, or the end has come */
    struct clo_lane *first, *last;
    size_t thread_count, idle, waiting;
    bool ending;
    pthread_t threads[CLO_CREW_THREADS_MAX];
};

struct clo_crew *clo_crew_create(void)
{
    struct clo_crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return NULL;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    return crew;
}

void clo_crew_free(struct clo_crew *crew)
{
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->ending = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->thread_count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->work);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}

/* Put the lane at the end of the ring, if it has work to give and is not there already. */
static void queue_lane(struct clo_crew *crew, struct clo_lane *lane)
{
    if (lane->queued || lane->held || !lane->first || lane->running >= CLO_LANE_RUNNING_MAX)
        return;
    lane->queued = true;
    lane->next = NULL;
    if (crew->last)
        crew->last->next = lane;
    else
        crew->first = lane;
    crew->last = lane;
    pthread_cond_signal(&crew->work);
}

static void unqueue_lane(struct clo_crew *crew, struct clo_lane *lane)
{
    if (!lane->queued)
        return;
    struct clo_lane *before = NULL;
    for (struct clo_lane *at = crew->first; at != lane; at = at->next)
        before = at;
    if (before)
        before->next = lane->next;
    else
        crew->first = lane->next;
    if (crew->last == lane)
        crew->last = before;
    lane->queued = false;
}

/* One job of the lane whose turn it is; the lane then goes to the end of the ring. */
static struct clo_job *take_job(struct clo_crew *crew, struct clo_lane **from)
{
    struct clo_lane *lane = crew->first;
    if (!lane)
        return NULL;
    unqueue_lane(crew, lane);
    struct clo_job *job = lane->first;
    lane->first = job->next;
    if (!lane->first)
        lane->last = NULL;
    lane->waiting--;
    crew->waiting--;
    lane->running++;
    queue_lane(crew, lane);
    *from = lane;
    return job;
}

static void job_ended(struct clo_crew *crew, struct clo_lane *lane)
{
    lane->running--;
    if (lane->left && !lane->running)
        free(lane);
    else
        queue_lane(crew, lane);
}

static void *serve(void *argument)
{
    struct clo_crew *crew = argument;
    pthread_mutex_lock(&crew->lock);
    while (!crew->ending) {
        struct clo_lane *lane;
        struct clo_job *job = take_job(crew, &lane);
        if (!job) {
            crew->idle++;
            pthread_cond_wait(&crew->work, &crew->lock);
            crew->idle--;
            continue;
        }
        pthread_mutex_unlock(&crew->lock);
        job->work(job);
        pthread_mutex_lock(&crew->lock);
        job_ended(crew, lane);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* The program's signals are for the program's own threads. */
static int start_thread(struct clo_crew *crew)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&crew->threads[crew->thread_count], NULL, serve, crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        crew->thread_count++;
    return failed;
}

struct clo_lane *clo_lane_create(void)
{
    return calloc(1, sizeof(struct clo_lane));
}

struct clo_job *clo_crew_leave(struct clo_crew *crew, struct clo_lane *lane)
{
    if (!lane)
        return NULL;
    pthread_mutex_lock(&crew->lock);
    struct clo_job *jobs = lane->first;
    crew->waiting -= lane->waiting;
    lane->first = lane->last = NULL;
    lane->waiting = 0;
    lane->left = true;
    unqueue_lane(crew, lane);
    if (!lane->running)
        free(lane);
    pthread_mutex_unlock(&crew->lock);
    return jobs;
}

void clo_crew_hold(struct clo_crew *crew, struct clo_lane *lane, bool held)
{
    pthread_mutex_lock(&crew->lock);
    lane->held = held;
    if (held)
        unqueue_lane(crew, lane);
    else
        queue_lane(crew, lane);
    pthread_mutex_unlock(&crew->lock);
}

int clo_crew_add(struct clo_crew *crew, struct clo_lane *lane, struct clo_job *job,
                 struct clo_error *error)
{
    int status = 0;
    pthread_mutex_lock(&crew->lock);
    if (crew->waiting >= crew->idle && crew->thread_count < CLO_CREW_THREADS_MAX) {
        int failed = start_thread(crew);
        if (failed && !crew->thread_count) /* the threads there are will do otherwise */
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
        crew->waiting++;
        queue_lane(crew, lane);
    }
    pthread_mutex_unlock(&crew->lock);
    return status;
}

/* in_flight.c - the register: every job between its acceptance and its end, by id. The list is as
 * long as there are turns in progress and waiting, so looking through it is cheap beside a turn. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "serve/job/response_job.h"

struct clo_in_flight {
    pthread_mutex_t lock;
    struct clo_response_job *head;
};

int clo_in_flight_create(struct clo_in_flight **in_flight, struct clo_error *error)
{
    *in_flight = calloc(1, sizeof **in_flight);
    if (!*in_flight)
        return clo_fail_memory(error);
    pthread_mutex_init(&(*in_flight)->lock, NULL);
    return 0;
}

void clo_in_flight_destroy(struct clo_in_flight *in_flight)
{
    if (!in_flight)
        return;
    pthread_mutex_destroy(&in_flight->lock);
    free(in_flight);
}

static struct clo_response_job *find(struct clo_in_flight *in_flight, const char *id)
{
    struct clo_response_job *job = in_flight->head;
    while (job && strcmp(job->id, id) != 0)
        job = job->next;
    return job;
}

int clo_in_flight_add(struct clo_in_flight *in_flight, struct clo_response_job *job)
{
    int status = CLO_EBUSY;
    pthread_mutex_lock(&in_flight->lock);
    if (!find(in_flight, job->id)) {
        clo_response_job_retain(job);
        job->previous = NULL;
        job->next = in_flight->head;
        if (in_flight->head)
            in_flight->head->previous = job;
        in_flight->head = job;
        status = 0;
    }
    pthread_mutex_unlock(&in_flight->lock);
    return status;
}

void clo_in_flight_remove(struct clo_in_flight *in_flight, struct clo_response_job *job)
{
    pthread_mutex_lock(&in_flight->lock);
    *(job->previous ? &job->previous->next : &in_flight->head) = job->next;
    if (job->next)
        job->next->previous = job->previous;
    job->next = job->previous = NULL;
    pthread_mutex_unlock(&in_flight->lock);
    clo_response_job_release(job);
}

struct clo_response_job *clo_in_flight_find(struct clo_in_flight *in_flight, const char *id)
{
    pthread_mutex_lock(&in_flight->lock);
    struct clo_response_job *job = find(in_flight, id);
    if (job)
        clo_response_job_retain(job);
    pthread_mutex_unlock(&in_flight->lock);
    return job;
}

void clo_in_flight_cancel_all(struct clo_in_flight *in_flight, enum clo_job_reason reason)
{
    pthread_mutex_lock(&in_flight->lock);
    for (struct clo_response_job *job = in_flight->head; job; job = job->next)
        clo_response_job_cancel(job, reason);
    pthread_mutex_unlock(&in_flight->lock);
}

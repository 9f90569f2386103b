/* in_flight.c - the register: every job between its acceptance and its end, by id. The list is as
 * long as there are turns in progress and waiting, so looking through it is cheap beside a turn. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "serve/job/response_job.h"

struct clo_in_flight {
    pthread_mutex_t lock;
    LIST_HEAD(, clo_response_job) jobs;
};

int clo_in_flight_create(struct clo_in_flight **in_flight, struct clo_error *error)
{
    *in_flight = calloc(1, sizeof **in_flight);
    if (!*in_flight)
        return clo_fail_memory(error);
    pthread_mutex_init(&(*in_flight)->lock, NULL);
    LIST_INIT(&(*in_flight)->jobs);
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
    struct clo_response_job *job;
    LIST_FOREACH(job, &in_flight->jobs, entry) {
        if (strcmp(job->id, id) == 0)
            return job;
    }
    return NULL;
}

int clo_in_flight_add(struct clo_in_flight *in_flight, struct clo_response_job *job)
{
    int status = CLO_EBUSY;
    pthread_mutex_lock(&in_flight->lock);
    if (!find(in_flight, job->id)) {
        clo_response_job_retain(job);
        LIST_INSERT_HEAD(&in_flight->jobs, job, entry);
        status = 0;
    }
    pthread_mutex_unlock(&in_flight->lock);
    return status;
}

void clo_in_flight_remove(struct clo_in_flight *in_flight, struct clo_response_job *job)
{
    pthread_mutex_lock(&in_flight->lock);
    LIST_REMOVE(job, entry);
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
    struct clo_response_job *job;
    pthread_mutex_lock(&in_flight->lock);
    LIST_FOREACH(job, &in_flight->jobs, entry)
        clo_response_job_cancel(job, reason);
    pthread_mutex_unlock(&in_flight->lock);
}

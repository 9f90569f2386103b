/* serve/job/executor.h - the bounded executor of executor.
 *
 * At most `workers` jobs run at once, each on a thread of its own that blocks as long as it likes;
 * at most `queue` more wait, first come, first served. Threads are started as they are needed and
 * live as long as the executor. A job is owned by its submitter and must live until its `run` has
 * begun.
 */
#ifndef CLO_SERVE_JOB_EXECUTOR_H
#define CLO_SERVE_JOB_EXECUTOR_H

#include <stdbool.h>

#include "cloche/error.h"

struct clo_executor;

struct clo_executor_job {
    void (*run)(struct clo_executor_job *task);
    struct clo_executor_job *next, *previous; /* the queue's */
    bool queued;                              /* the queue's */
};

int clo_executor_create(struct clo_executor **executor, unsigned workers, unsigned queue,
                        struct clo_error *error);

/* 0, or CLO_EBUSY: the queue is full. */
int clo_executor_submit(struct clo_executor *executor, struct clo_executor_job *task);

/* If the job still waits, take it out of the queue and run it on a thread kept for this: for jobs
 * that were cancelled and only have to end. Else nothing. */
void clo_executor_hurry(struct clo_executor *executor, struct clo_executor_job *task);

/* True once no job waits or runs; false after that many milliseconds. */
bool clo_executor_wait_idle(struct clo_executor *executor, unsigned milliseconds);

/* Waits for every job, also those in the queue. */
void clo_executor_destroy(struct clo_executor *executor);

#endif

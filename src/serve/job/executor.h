/* serve/job/executor.h - the bounded executor of turns.
 *
 * At most `workers` jobs run at once, each on a thread of its own that blocks as long as it likes;
 * at most `queue` more wait, first come, first served. Threads are started as they are needed and
 * live as long as the executor. A job is owned by its submitter and must live until its `run` has
 * begun.
 */
#ifndef CLO_SERVE_TURNS_H
#define CLO_SERVE_TURNS_H

#include <stdbool.h>

#include "cloche/error.h"

struct clo_turns;

struct clo_job {
    void (*run)(struct clo_job *job);
    struct clo_job *next, *previous; /* the queue's */
    bool queued;                     /* the queue's */
};

int clo_turns_create(struct clo_turns **turns, unsigned workers, unsigned queue,
                     struct clo_error *error);

/* 0, or CLO_EBUSY: the queue is full. */
int clo_turns_submit(struct clo_turns *turns, struct clo_job *job);

/* If the job still waits, take it out of the queue and run it on a thread kept for this: for jobs
 * that were cancelled and only have to end. Else nothing. */
void clo_turns_hurry(struct clo_turns *turns, struct clo_job *job);

/* True once no job waits or runs; false after that many milliseconds. */
bool clo_turns_wait_idle(struct clo_turns *turns, unsigned milliseconds);

/* Waits for every job, also those in the queue. */
void clo_turns_destroy(struct clo_turns *turns);

#endif

/* sandbox/pool/pool_state.h - what the files of a pool share: the pool, its requests and members.
 *
 * Read pool.c first.
 */
#ifndef CLO_SANDBOX_POOL_STATE_H
#define CLO_SANDBOX_POOL_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sandbox/backend.h"
#include "sandbox/reservation.h"

#define POOL_SIZE_MAX 1024
#define CLO_POOL_LOOK_NS                                                                           \
    2000000u /* between two looks at a member that has not said that it is clean */

struct member { /* with a worker process; in the list of those that rest, or one thread's */
    struct clo_backend *backend;
    struct clo_reservation memory; /* of its last run, until it is clean */
    bool lost;                     /* its worker is gone */
    uint64_t since_ns;             /* when it was put to rest */
    uint64_t look_ns;              /* when the keeper looks after it, while it holds memory */
    TAILQ_ENTRY(member) entry;
};

struct request { /* on the stack of the caller, who waits for it */
    const struct clo_run *run;
    struct clo_run_result *result;
    struct clo_error error;
    int status;
    uint64_t wait_ms, deadline_ns; /* for a member, and for memory */
    bool taken, done;
    struct member *member; /* handed to the caller, who runs on it */
    TAILQ_ENTRY(request) entry;
    struct clo_pool *pool;
    pthread_cond_t change;
};

struct clo_pool {
    struct clo_config config;
    struct clo_zygote *zygote;
    struct clo_memory_budget_pool share; /* of the memory for all sandboxes */
    size_t size, least;                  /* members: at most, and those that are kept when idle */
    uint64_t idle_ns;                    /* a member that nobody needed for so long is given back */

    pthread_mutex_t lock;
    pthread_cond_t work; /* a request is waiting, or the end has come */
    pthread_cond_t born; /* a member was made, or could not be */
    TAILQ_HEAD(, request) requests;
    size_t waiting;
    size_t members, idle, starting; /* members: all that live, the other two included */
    size_t low;        /* the fewest that were idle at a time, since the period began */
    size_t leaving;    /* members of threads that shall end when they have nothing to do */
    bool crowded;      /* the last member that was wanted found no memory */
    uint64_t retry_ns; /* after a failure: no other is tried before */
    bool ending;
    TAILQ_HEAD(members, member) resting; /* the one that was used last comes first */
    size_t callers;                      /* in clo_pool_run */
    pthread_t keeper;
    bool has_keeper;
    uint64_t keeper_until_ns; /* it sleeps for so long unless `care` is signalled; 0: it does not */
    pthread_cond_t care;
    unsigned layers;          /* of the jail around the last worker that was made */
    struct clo_error failure; /* why the last member could not be made */
    size_t thread_count;      /* threads that were started and not joined */
    pthread_t threads[POOL_SIZE_MAX];
    bool finished[POOL_SIZE_MAX]; /* the thread has ended, or does so without the lock */
};

/* Where not said otherwise functions are called with the lock held. */

/* pool.c. The first who waits; it is taken. NULL: nobody does. */
struct request *clo_pool_pop(struct clo_pool *pool);
void clo_pool_finish(struct request *request); /* it is its caller's from here on */
/* Without the lock: room for the run's memory, and giving back what it then has. */
int clo_pool_get_memory(struct clo_pool *pool, struct request *request,
                        struct clo_reservation *memory);
void clo_pool_give_memory(struct clo_reservation *memory);

/* pool_members.c. One more. CLO_EBUSY: no memory for it now. */
int clo_pool_start_member(struct clo_pool *pool, struct clo_error *error);
void clo_pool_tell_waiting(struct clo_pool *pool, const struct clo_error *error);

/* pool_resting.c: members with worker processes. After a run, or when it is new, to the first who
 * waits, or to rest; the one that is best taken, NULL: none that has a worker rests. */
void clo_pool_put_back(struct clo_pool *pool, struct member *member);
struct member *clo_pool_take_best(struct clo_pool *pool);
struct member *clo_pool_take(struct clo_pool *pool, struct member *member); /* NULL: as given */
void clo_pool_rest(struct clo_pool *pool, struct member *member);
/* Without the lock, on a member that is the caller's: a run; wait until it is clean, or have its
 * worker replaced; its end. */
void clo_pool_run_on(struct clo_pool *pool, struct member *member, struct request *request);
void clo_pool_settle(struct member *member);
void clo_pool_end_member(struct clo_pool *pool, struct member *member);
/* When no other thread is left: end those that rest. */
void clo_pool_end_resting(struct clo_pool *pool);

/* pool_keeper.c. A member was taken, or may be missing: have the keeper look, if one is. */
void clo_pool_want(struct clo_pool *pool);
/* A run has begun on one that was idle. */
void clo_pool_took(struct clo_pool *pool);
int clo_pool_start_keeper(struct clo_pool *pool, struct clo_error *error);

#endif

/* sandbox/reservation.h - what a run has of the memory budget, and how it gets more while it runs.
 *
 *   0                        start                bytes              the run's limit
 *   [ what the image has ... ][ STEP ][ STEP ][ STEP ]....................]
 *     admission grow: let in      asked for as the guest grows (CLO_OP_GROW)
 *     with this
 *
 * A reservation belongs to the thread that runs. What a run asks for may come from a worker that
 * has been taken over: nothing above its limit is given, whatever it says that it needs.
 */
#ifndef CLO_SANDBOX_RESERVATION_H
#define CLO_SANDBOX_RESERVATION_H

#include "sandbox/memory_budget.h"
#include "sandbox/run/run.h"

/* Memory is asked for in such pieces: a worker's question costs as much as a call of a tool. */
#define CLO_RESERVATION_STEP (8ull << 20)
#define CLO_RESERVATION_LEAST (32ull << 20)

struct clo_reservation {
    struct clo_memory_budget_pool *pool; /* NULL: of a sandbox by itself, which waits for nothing */
    uint64_t bytes;                      /* reserved; 0: nothing */
    uint64_t wait_ns;                    /* that the run may still wait for more, in all */
};

struct clo_wish {          /* of a run that grows */
    uint64_t bytes, limit; /* in all; and the most that it may have */
    bool may_wait;
    struct clo_cancel *cancel;
    bool (*gone)(void *context); /* it needs nothing any more; NULL: never */
    void *context;
};

/* What a run with this memory limit is let in with. */
uint64_t clo_reservation_start(const struct clo_image *image, enum clo_admission admission,
                               uint64_t limit);

/* How much is reserved for a guest that has `bytes`, which are at most `limit`. */
uint64_t clo_reservation_for(uint64_t bytes, uint64_t limit);

/* Fills *grant. CLO_EGUEST: it may not even wish for that. */
int clo_reservation_ask(struct clo_reservation *reservation, const struct clo_wish *wish,
                        struct clo_grant *grant, struct clo_error *error);

#endif

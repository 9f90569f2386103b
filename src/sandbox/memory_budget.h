/* sandbox/memory_budget.h - one ceiling on the memory of all sandboxes of this process together.
 *
 *   0                                                                          ceiling
 *   [own][own][own] [ run of 256 MiB ][ run of 64 MiB ] [own + memory][   free   ]
 *    members of      runs in progress on members         a sandbox    next run in
 *    pools           of pools                            by itself    the queue
 *
 * Memory is reserved, not hoped for: a run is let in only when what it may have without asking is
 * free. With admission "reserve" that is its whole limit, so that a run that has begun never fails
 * for want of the host's memory. With "grow" it is what it begins with, and the run asks for more
 * before its guest gets it (reservation.h); it then waits, and may be refused.
 *
 * Invariants
 * - What is in use = CLO_MEMORY_BUDGET_OWN for each sandbox, from before it is made until it is
 *   gone, and what is reserved for each run in progress, from before it starts until its micro-VM is
 *   restored or its worker process has ended: what may still be resident counts. A sandbox by
 *   itself keeps the most that it had for its whole life, because its state may last between runs.
 * - It is above the ceiling only after the ceiling was lowered under runs in progress.
 * - The own parts of all pools' members and the largest run of any pool fit under the ceiling
 *   together. So the first in the queue gets in when others end, whatever the pools are.
 * - Runs that grow come before those that want to begin, and each that fits gets it: while one waits
 *   nobody else begins, those that have memory end, so that it gets its own in the end.
 * - If all runs that have memory wait for more none of them would end: the last to ask is refused at
 *   once, and again when one ends or gives up and nothing that waits fits.
 * - Whoever wants to begin waits in the order in which they came; nobody overtakes, or small runs would
 *   keep a large one out for ever. A small run behind a large one waits, too, within its time.
 * - Every function is thread-safe. The one lock may be taken while a pool's or a cancellation
 *   token's is held; nothing is called back while it is held.
 */
#ifndef CLO_SANDBOX_MEMORY_BUDGET_H
#define CLO_SANDBOX_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cloche/cancel.h"
#include "cloche/sandbox.h"

/* What a sandbox may have besides the memory that its runs' limit counts. Between runs that are the
 * pages it keeps (8 MiB at most: CLO_KEEP_PAGES in vm/internal.h), page tables, KVM's own, and the
 * worker process; in a run, the stack (4 MiB) in place of kept pages, which then belong to the
 * limit. Not in it: buffers for host calls of megabytes, and what the host makes of them. */
#define CLO_MEMORY_BUDGET_OWN (16ull << 20)

/* The ceiling if nobody sets one: this part of the memory that the process may use. The rest is for
 * the program itself, its tools and buffers, and for the machine. */
#define CLO_MEMORY_BUDGET_DEFAULT_PART 2 /* one half */

struct clo_memory_budget_pool { /* a pool's place in the account; zeroed by its owner */
    uint64_t memory;            /* the limit of its largest run */
    uint64_t start;             /* and what that begins with */
    size_t members;
    bool joined, closed;
    LIST_ENTRY(clo_memory_budget_pool) entry;
};

struct clo_memory_budget_state {
    uint64_t ceiling, used;
    size_t runs, members, singles; /* members of pools; sandboxes by themselves */
    size_t waiting, growing;       /* to begin; for more */
};

/* Can a sandbox with this limit ever fit? CLO_EINVALID names both values. */
int clo_memory_budget_check(uint64_t memory, struct clo_error *error);

/* How many sandboxes may run at once with so much reserved for each run, if there are no others. */
size_t clo_memory_budget_room(uint64_t memory);

/* ---- pools ---- */

/* Before the first member. CLO_EINVALID as clo_memory_budget_check; CLO_EBUSY: what other pools
 * keep leaves no room. */
int clo_memory_budget_join(struct clo_memory_budget_pool *pool, uint64_t memory, uint64_t start,
                           struct clo_error *error);

/* Those of the pool that wait, and whoever comes later, get CLO_ECANCELLED. */
void clo_memory_budget_close(struct clo_memory_budget_pool *pool);
void clo_memory_budget_leave(struct clo_memory_budget_pool *pool); /* after the last member */

/* One member more. CLO_EBUSY: not now; for a pool that has members also where one more could not
 * run beside them. */
int clo_memory_budget_grow(struct clo_memory_budget_pool *pool, struct clo_error *error);
void clo_memory_budget_shrink(struct clo_memory_budget_pool *pool);

/* Room for a run of at most pool->memory bytes. Waits in turn. CLO_EBUSY at the deadline (of the
 * monotonic clock; `wait_ms` is for the message), CLO_ECANCELLED. Give back what was got. */
int clo_memory_budget_await(struct clo_memory_budget_pool *pool, uint64_t bytes,
                            uint64_t deadline_ns, uint64_t wait_ms, struct clo_cancel *cancel,
                            struct clo_error *error);
void clo_memory_budget_give(uint64_t bytes);

struct clo_memory_budget_asker { /* who wants more, and how long they may be kept waiting */
    struct clo_memory_budget_pool *pool;
    uint64_t deadline_ns;
    struct clo_cancel *cancel;
    /* Is it gone meanwhile? Asked now and then, without the lock; NULL: never. */
    bool (*gone)(void *context);
    void *context;
};

/* `bytes` more for a run in progress; of a sandbox by itself (pool NULL) they are released with the
 * rest of it. CLO_EBUSY: no room at the deadline, or nobody would ever make any; CLO_ECANCELLED, also where
 * it is gone. With either *ceiling is the one in force. */
int clo_memory_budget_more(const struct clo_memory_budget_asker *asker, uint64_t bytes,
                           uint64_t *ceiling);

/* The words for a run that found no room in its time: CLO_EBUSY with the values as they are now. */
int clo_memory_budget_refuse(uint64_t bytes, uint64_t wait_ms, struct clo_error *error);

/* ---- sandboxes by themselves ---- */

/* Room for a sandbox and what its runs begin with, or CLO_EBUSY at once; CLO_EINVALID as
 * clo_memory_budget_check of its limit. */
int clo_memory_budget_hold(uint64_t memory, uint64_t start, struct clo_error *error);
void clo_memory_budget_release(uint64_t bytes); /* all that it has */

void clo_memory_budget_look(struct clo_memory_budget_state *state);

#endif

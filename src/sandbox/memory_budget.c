/* memory_budget.c - the account of what all sandboxes may use, and the queue for it. */
#include "sandbox/memory_budget.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory_limit.h"
#include "base/quantity.h"
#include "base/thread/cancel.h"
#include "base/thread/sync.h"
#include "sandbox/run/limits.h"

#define MIB (1ull << 20)
#define GONE_LOOK_NS 250000000ull /* whoever waits for more is looked at so often */

struct waiter { /* on the stack of the thread that waits */
    const struct clo_memory_budget_pool *pool;
    uint64_t bytes;
    bool granted, refused;
    TAILQ_ENTRY(waiter) entry;
    pthread_cond_t change;
};

static struct {
    pthread_mutex_t lock;
    uint64_t ceiling;         /* 0: the machine has not been asked yet */
    uint64_t running, single; /* bytes of runs in progress, and of sandboxes by themselves */
    size_t runs, members, singles, waiting, growing;
    TAILQ_HEAD(waiters, waiter) waiters, growers; /* that want to begin; that want more */
    LIST_HEAD(, clo_memory_budget_pool) pools;
} account = {.lock = PTHREAD_MUTEX_INITIALIZER,
             .waiters = TAILQ_HEAD_INITIALIZER(account.waiters),
             .growers = TAILQ_HEAD_INITIALIZER(account.growers)};

/* ---- sums; all with the lock held ---- */

static uint64_t default_ceiling(void)
{
    uint64_t memory = clo_memory_limit("");
    if (!memory) /* no /proc here */
        memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return memory / CLO_MEMORY_BUDGET_DEFAULT_PART / MIB * MIB;
}

static void enter(void)
{
    pthread_mutex_lock(&account.lock);
    if (!account.ceiling)
        account.ceiling = default_ceiling();
}

static void leave(void)
{
    pthread_mutex_unlock(&account.lock);
}

static uint64_t used(void)
{
    return account.running + account.single +
           (account.members + account.singles) * CLO_MEMORY_BUDGET_OWN;
}

static bool fits(uint64_t bytes)
{
    return bytes <= account.ceiling && used() <= account.ceiling - bytes;
}

/* What pools need at least: their members, `more` of them, and one run of the largest. */
static uint64_t least_for_pools(size_t more, uint64_t memory)
{
    const struct clo_memory_budget_pool *pool;
    LIST_FOREACH(pool, &account.pools, entry)
        memory = pool->memory > memory ? pool->memory : memory;
    return (account.members + more) * CLO_MEMORY_BUDGET_OWN + memory;
}

/* ---- words; all with the lock held ---- */

static int fail_busy(const char *what, uint64_t wanted, uint64_t wait_ms, struct clo_error *error)
{
    char want[CLO_QUANTITY_TEXT_MAX], use[CLO_QUANTITY_TEXT_MAX], most[CLO_QUANTITY_TEXT_MAX];
    size_t sandboxes = account.members + account.singles;
    char time[CLO_QUANTITY_TEXT_MAX], within[CLO_QUANTITY_TEXT_MAX + 16] = "now";
    clo_size_format(want, wanted);
    clo_size_format(use, used());
    clo_size_format(most, account.ceiling);
    clo_duration_format(time, wait_ms);
    if (wait_ms != UINT64_MAX)
        snprintf(within, sizeof within, "within %s", time);
    clo_fail(
        error, CLO_EBUSY,
        "there was no memory for %s %s: it wants %s, and of the %s that all sandboxes may use together %s are in use, by %zu run%s in progress and %zu sandbox%s",
        what, within, want, most, use, account.runs, account.runs == 1 ? "" : "s", sandboxes,
        sandboxes == 1 ? "" : "es");
    return clo_hint(
        error, CLO_EBUSY,
        "raise the ceiling (sandbox.total_memory, clo_memory_ceiling_set), lower the memory limit (sandbox.memory), or have fewer sandboxes (sandbox.count)");
}

static int check(uint64_t memory, struct clo_error *error)
{
    char limit[CLO_QUANTITY_TEXT_MAX], own[CLO_QUANTITY_TEXT_MAX], most[CLO_QUANTITY_TEXT_MAX];
    if (memory <= account.ceiling && account.ceiling - memory >= CLO_MEMORY_BUDGET_OWN)
        return 0;
    clo_size_format(limit, memory);
    clo_size_format(own, CLO_MEMORY_BUDGET_OWN);
    clo_size_format(most, account.ceiling);
    clo_fail(
        error, CLO_EINVALID,
        "limit memory is %s; with %s for the sandbox itself that is more than the %s that all sandboxes may use together",
        limit, own, most);
    return clo_hint(
        error, CLO_EINVALID,
        "lower the memory limit (sandbox.memory, --memory), or raise the ceiling (sandbox.total_memory, --total-memory, clo_memory_ceiling_set)");
}

/* ---- the queue; all with the lock held ---- */

static void admit(uint64_t bytes)
{
    account.running += bytes;
    account.runs++;
}

static void leave_growers(struct waiter *waiter)
{
    TAILQ_REMOVE(&account.growers, waiter, entry);
    account.growing--;
    pthread_cond_signal(&waiter->change);
}

/* Those that grow, each that fits. If then all runs that have memory still wait, nobody will give
 * any back: the last to ask does without. */
static void advance_growers(void)
{
    struct waiter *waiter, *next;
    for (waiter = TAILQ_FIRST(&account.growers); waiter; waiter = next) {
        next = TAILQ_NEXT(waiter, entry);
        if (!fits(waiter->bytes))
            continue;
        account.running += waiter->bytes;
        waiter->granted = true;
        leave_growers(waiter);
    }
    if (account.growing && account.growing == account.runs) {
        waiter = TAILQ_LAST(&account.growers, waiters);
        waiter->refused = true;
        leave_growers(waiter);
    }
}

static void advance(void)
{
    struct waiter *waiter;
    advance_growers();
    if (account.growing)
        return;
    while ((waiter = TAILQ_FIRST(&account.waiters)) && fits(waiter->bytes)) {
        TAILQ_REMOVE(&account.waiters, waiter, entry);
        account.waiting--;
        admit(waiter->bytes);
        waiter->granted = true;
        pthread_cond_signal(&waiter->change);
    }
}

static void enqueue(struct waiter *waiter)
{
    TAILQ_INSERT_TAIL(&account.waiters, waiter, entry);
    account.waiting++;
}

/* It gives up. Who stood behind it may fit where it did not. */
static void dequeue(struct waiter *waiter)
{
    TAILQ_REMOVE(&account.waiters, waiter, entry);
    account.waiting--;
    advance();
}

/* ---- the ceiling itself ---- */

static int check_ceiling(uint64_t bytes, struct clo_error *error)
{
    char wanted[CLO_QUANTITY_TEXT_MAX], least[CLO_QUANTITY_TEXT_MAX];
    clo_size_format(wanted, bytes);
    if (bytes < CLO_MEMORY_BUDGET_OWN + CLO_MEMORY_MIN) {
        clo_size_format(least, CLO_MEMORY_BUDGET_OWN + CLO_MEMORY_MIN);
        return clo_fail(
            error, CLO_EINVALID,
            "a ceiling of %s on the memory of all sandboxes together leaves no room for one; it must be %s at least",
            wanted, least);
    }
    if (bytes >= least_for_pools(0, 0))
        return 0;
    clo_size_format(least, least_for_pools(0, 0));
    clo_fail(
        error, CLO_EBUSY,
        "the ceiling on the memory of all sandboxes together cannot be lowered to %s now: the sandboxes of pools, %zu, and a run in the largest of them need %s",
        wanted, account.members, least);
    return clo_hint(error, CLO_EBUSY, "destroy a pool first");
}

int clo_memory_ceiling_set(uint64_t bytes, struct clo_error *error)
{
    enter();
    bytes = bytes ? bytes / MIB * MIB : default_ceiling();
    int status = check_ceiling(bytes, error);
    if (!status) {
        account.ceiling = bytes;
        advance();
    }
    leave();
    return status;
}

uint64_t clo_memory_ceiling(void)
{
    enter();
    uint64_t ceiling = account.ceiling;
    leave();
    return ceiling;
}

int clo_memory_budget_check(uint64_t memory, struct clo_error *error)
{
    enter();
    int status = check(memory, error);
    leave();
    return status;
}

size_t clo_memory_budget_room(uint64_t memory)
{
    return (size_t)(clo_memory_ceiling() / (memory + CLO_MEMORY_BUDGET_OWN));
}

/* ---- pools ---- */

int clo_memory_budget_join(struct clo_memory_budget_pool *pool, uint64_t memory, uint64_t start,
                           struct clo_error *error)
{
    enter();
    int status = check(memory, error);
    if (!status && least_for_pools(1, memory) > account.ceiling)
        status = fail_busy("a pool", memory + CLO_MEMORY_BUDGET_OWN, UINT64_MAX, error);
    if (!status) {
        *pool = (struct clo_memory_budget_pool){.memory = memory, .start = start, .joined = true};
        LIST_INSERT_HEAD(&account.pools, pool, entry);
    }
    leave();
    return status;
}

void clo_memory_budget_close(struct clo_memory_budget_pool *pool)
{
    struct waiter *waiter;
    enter();
    pool->closed = true;
    TAILQ_FOREACH(waiter, &account.waiters, entry)
        if (waiter->pool == pool)
            pthread_cond_signal(&waiter->change);
    TAILQ_FOREACH(waiter, &account.growers, entry)
        if (waiter->pool == pool)
            pthread_cond_signal(&waiter->change);
    leave();
}

void clo_memory_budget_leave(struct clo_memory_budget_pool *pool)
{
    enter();
    if (pool->joined)
        LIST_REMOVE(pool, entry);
    pool->joined = false;
    leave();
}

/* A member that could not run beside the others would only keep pages, from those that run. */
static bool may_grow(const struct clo_memory_budget_pool *pool)
{
    bool first = pool->members == 0;
    uint64_t all_running = (pool->members + 1) * (CLO_MEMORY_BUDGET_OWN + pool->start);
    return (first || (TAILQ_EMPTY(&account.waiters) && !account.growing &&
                      all_running <= account.ceiling)) &&
           least_for_pools(1, 0) <= account.ceiling && fits(CLO_MEMORY_BUDGET_OWN);
}

int clo_memory_budget_grow(struct clo_memory_budget_pool *pool, struct clo_error *error)
{
    int status = 0;
    enter();
    if (may_grow(pool)) {
        pool->members++;
        account.members++;
    } else {
        status =
            fail_busy("one more sandbox", CLO_MEMORY_BUDGET_OWN + pool->start, UINT64_MAX, error);
    }
    leave();
    return status;
}

void clo_memory_budget_shrink(struct clo_memory_budget_pool *pool)
{
    enter();
    pool->members--;
    account.members--;
    advance();
    leave();
}

/* ---- runs ---- */

static void wake_waiter(void *context)
{
    struct waiter *waiter = context;
    enter();
    pthread_cond_signal(&waiter->change);
    leave();
}

/* Waits with the lock held. */
static int wait_in_turn(struct waiter *self, uint64_t deadline_ns, uint64_t wait_ms,
                        struct clo_cancel *cancel, struct clo_error *error)
{
    int status = 0;
    enqueue(self);
    advance();
    while (!self->granted && !status) {
        if (self->pool->closed)
            status = clo_fail(error, CLO_ECANCELLED, "the pool was destroyed");
        else if (clo_cancel_is_set(cancel))
            status = clo_fail(error, CLO_ECANCELLED, "the run was cancelled before it began");
        else if (clo_monotonic_ns() >= deadline_ns)
            status = fail_busy("this run", self->bytes, wait_ms, error);
        else
            clo_wait_until(&self->change, &account.lock, deadline_ns);
    }
    if (!self->granted)
        dequeue(self);
    return status;
}

int clo_memory_budget_await(struct clo_memory_budget_pool *pool, uint64_t bytes,
                            uint64_t deadline_ns, uint64_t wait_ms, struct clo_cancel *cancel,
                            struct clo_error *error)
{
    struct waiter self = {.pool = pool, .bytes = bytes};
    struct clo_cancel_watch watch = {.wake = wake_waiter, .context = &self};
    pthread_cond_init(&self.change, NULL);
    clo_cancel_add(cancel, &watch); /* its lock is not taken under ours: wake takes ours */
    enter();
    int status = wait_in_turn(&self, deadline_ns, wait_ms, cancel, error);
    leave();
    clo_cancel_remove(cancel, &watch);
    pthread_cond_destroy(&self.change);
    return status;
}

void clo_memory_budget_give(uint64_t bytes)
{
    enter();
    account.running -= bytes;
    account.runs--;
    advance();
    leave();
}

static bool is_gone(const struct clo_memory_budget_asker *asker)
{
    leave();
    bool gone = asker->gone && asker->gone(asker->context);
    enter();
    return gone;
}

/* Waits with the lock held, in the queue that it stands in already. */
static int wait_for_more(struct waiter *self, const struct clo_memory_budget_asker *asker)
{
    bool gone = false;
    int status = 0;
    while (!self->granted && !self->refused && !status) {
        uint64_t now = clo_monotonic_ns(), look = now + GONE_LOOK_NS;
        if (self->pool->closed || clo_cancel_is_set(asker->cancel) || gone)
            status = CLO_ECANCELLED;
        else if (now >= asker->deadline_ns)
            status = CLO_EBUSY;
        else
            gone = !clo_wait_until(&self->change, &account.lock,
                                   look < asker->deadline_ns ? look : asker->deadline_ns) &&
                   is_gone(asker);
    }
    if (status && !self->granted && !self->refused) {
        leave_growers(self);
        advance();
    }
    return self->granted ? 0 : status ? status : CLO_EBUSY;
}

static int queue_for_more(const struct clo_memory_budget_asker *asker, uint64_t bytes)
{
    struct waiter self = {.pool = asker->pool, .bytes = bytes};
    struct clo_cancel_watch watch = {.wake = wake_waiter, .context = &self};
    pthread_cond_init(&self.change, NULL);
    clo_cancel_add(asker->cancel, &watch);
    enter();
    TAILQ_INSERT_TAIL(&account.growers, &self, entry);
    account.growing++;
    advance();
    int status = wait_for_more(&self, asker);
    leave();
    clo_cancel_remove(asker->cancel, &watch);
    pthread_cond_destroy(&self.change);
    return status;
}

/* Without waiting. What those that wait cannot have others may: it ends them the sooner. */
static bool take_more(const struct clo_memory_budget_pool *pool, uint64_t bytes, uint64_t *ceiling)
{
    enter();
    bool taken = fits(bytes);
    if (taken && pool)
        account.running += bytes;
    else if (taken)
        account.single += bytes;
    *ceiling = taken ? 0 : account.ceiling;
    leave();
    return taken;
}

int clo_memory_budget_more(const struct clo_memory_budget_asker *asker, uint64_t bytes,
                           uint64_t *ceiling)
{
    if (take_more(asker->pool, bytes, ceiling))
        return 0;
    if (!asker->pool || clo_monotonic_ns() >= asker->deadline_ns)
        return CLO_EBUSY;
    int status = queue_for_more(asker, bytes);
    *ceiling = status ? clo_memory_ceiling() : 0;
    return status;
}

int clo_memory_budget_refuse(uint64_t bytes, uint64_t wait_ms, struct clo_error *error)
{
    enter();
    int status = fail_busy("this run", bytes, wait_ms, error);
    leave();
    return status;
}

/* ---- sandboxes by themselves ---- */

int clo_memory_budget_hold(uint64_t memory, uint64_t start, struct clo_error *error)
{
    enter();
    int status = check(memory, error);
    if (!status &&
        (!TAILQ_EMPTY(&account.waiters) || account.growing || !fits(start + CLO_MEMORY_BUDGET_OWN)))
        status = fail_busy("a sandbox", start + CLO_MEMORY_BUDGET_OWN, UINT64_MAX, error);
    if (!status) {
        account.single += start;
        account.singles++;
    }
    leave();
    return status;
}

void clo_memory_budget_release(uint64_t bytes)
{
    enter();
    account.single -= bytes;
    account.singles--;
    advance();
    leave();
}

void clo_memory_budget_look(struct clo_memory_budget_state *state)
{
    enter();
    *state = (struct clo_memory_budget_state){.ceiling = account.ceiling,
                                              .used = used(),
                                              .runs = account.runs,
                                              .members = account.members,
                                              .singles = account.singles,
                                              .waiting = account.waiting,
                                              .growing = account.growing};
    leave();
}

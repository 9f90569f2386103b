/* pending_calls.c - calls in flight.
 *
 * Each is in one of three lists under the lock: `pending` (with the tool threads, or waiting for one
 * in the lane), `suspended` (with nobody here, arguments and all) or `done` (in the order in which they
 * ended). A call whose run has ended is in none; its tool thread frees it.
 * The executor's lock may be taken under this one, never the other way round.
 */
#include "sandbox/call/pending_calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi/hostcall.h"
#include "base/clock.h"
#include "base/error.h"
#include "sandbox/run/run.h"
#include "sandbox/value/value.h"

/* A map of short texts is what takes most: a lone call has room whatever it brings. */
_Static_assert(CLO_VALUE_NODES_MAX *(sizeof(struct clo_member) + 2 * CLO_VALUE_BLOCK_LEAST) +
                       CLO_MESSAGE_MAX <=
                   CLO_PENDING_ARGUMENTS_MAX,
               "the largest message fits");

TAILQ_HEAD(list, clo_pending_call);

struct clo_pending_calls {
    struct clo_executor *threads;
    struct clo_lane *lane; /* of this run; NULL until a call is started */
    int event;

    pthread_mutex_t lock;
    struct list pending, suspended, done;
    size_t count, argument_bytes, reply_bytes;
    uint64_t cpu_ns; /* of calls that have ended */
    bool held;       /* the lane: too many replies wait */
    size_t orphans;  /* calls of ended runs that are still in work */
    pthread_cond_t orphan_done;
};

int clo_pending_calls_create(struct clo_pending_calls **result, struct clo_executor *threads,
                             struct clo_error *error)
{
    struct clo_pending_calls *pending_calls = calloc(1, sizeof *pending_calls);
    *result = pending_calls;
    if (!pending_calls)
        return clo_fail_memory(error);
    pending_calls->threads = threads;
    pending_calls->event = -1;
    TAILQ_INIT(&pending_calls->pending);
    TAILQ_INIT(&pending_calls->suspended);
    TAILQ_INIT(&pending_calls->done);
    pthread_mutex_init(&pending_calls->lock, NULL);
    pthread_cond_init(&pending_calls->orphan_done, NULL);
    return 0;
}

void clo_pending_calls_free(struct clo_pending_calls *pending_calls)
{
    if (!pending_calls)
        return;
    pthread_mutex_lock(&pending_calls->lock);
    while (pending_calls->orphans)
        pthread_cond_wait(&pending_calls->orphan_done, &pending_calls->lock);
    pthread_mutex_unlock(&pending_calls->lock);
    if (pending_calls->event >= 0)
        close(pending_calls->event);
    pthread_cond_destroy(&pending_calls->orphan_done);
    pthread_mutex_destroy(&pending_calls->lock);
    free(pending_calls);
}

int clo_pending_calls_event(const struct clo_pending_calls *pending_calls)
{
    return pending_calls->event;
}

/* ---- one call ---- */

struct clo_pending_call *clo_pending_call_create(struct clo_pending_calls *pending_calls,
                                                 uint32_t id, struct clo_error *error)
{
    if (pending_calls->count >= CLO_PENDING_CALLS_MAX) {
        clo_fail(error, CLO_EBUSY, "too many host calls in flight: at most %d; wait for one first",
                 CLO_PENDING_CALLS_MAX);
        return NULL;
    }
    struct clo_pending_call *pending = calloc(1, sizeof *pending);
    if (!pending) {
        clo_fail_memory(error);
        return NULL;
    }
    pending->pending_calls = pending_calls;
    pending->id = id;
    return pending;
}

void clo_pending_call_drop(struct clo_pending_call *pending)
{
    clo_tool_call_clear(&pending->arguments);
    clo_buffer_free(&pending->reply);
    free(pending);
}

static struct clo_pending_call *find(struct list *list, uint32_t id)
{
    struct clo_pending_call *pending;
    TAILQ_FOREACH(pending, list, entry) {
        if (pending->id == id)
            return pending;
    }
    return NULL;
}

/* Under the lock: too much waits for the guest, or no longer. */
static void hold_or_go_on(struct clo_pending_calls *pending_calls)
{
    bool full = pending_calls->reply_bytes >= CLO_PENDING_REPLIES_MAX;
    if (full != pending_calls->held && pending_calls->lane)
        clo_lane_hold(pending_calls->lane, pending_calls->held = full);
}

/* Under the lock. */
static void add_reply(struct clo_pending_calls *pending_calls, struct clo_pending_call *pending)
{
    TAILQ_INSERT_TAIL(&pending_calls->done, pending, entry);
    pending_calls->reply_bytes += pending->reply.length;
    hold_or_go_on(pending_calls);
}

static void wake(struct clo_pending_calls *pending_calls)
{
    uint64_t one = 1;
    while (write(pending_calls->event, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* On a tool thread. */
static void work(struct clo_task *task)
{
    struct clo_pending_call *pending = (struct clo_pending_call *)task;
    struct clo_pending_calls *pending_calls = pending->pending_calls;
    size_t argument_bytes = pending->arguments.bytes;
    uint64_t before = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint32_t status =
        clo_tool_call_run(&pending->arguments, pending->deadline_ns, NULL, &pending->reply);
    bool suspended = status == CLO_CALL_SUSPENDED;
    if (!suspended)
        clo_tool_call_clear(&pending->arguments);
    uint64_t cpu_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    pthread_mutex_lock(&pending_calls->lock);
    bool orphan = pending->orphan;
    if (orphan) {
        if (!--pending_calls->orphans)
            pthread_cond_signal(&pending_calls->orphan_done);
    } else {
        pending->status = status;
        pending_calls->cpu_ns += cpu_ns;
        TAILQ_REMOVE(&pending_calls->pending, pending, entry);
        if (suspended) {
            TAILQ_INSERT_TAIL(&pending_calls->suspended, pending, entry);
        } else {
            pending_calls->argument_bytes -= argument_bytes;
            add_reply(pending_calls, pending);
        }
        wake(pending_calls);
    }
    pthread_mutex_unlock(&pending_calls->lock);
    if (orphan)
        clo_pending_call_drop(pending);
}

static int prepare(struct clo_pending_calls *pending_calls, struct clo_error *error)
{
    if (pending_calls->event < 0)
        pending_calls->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pending_calls->event < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "eventfd for calls in flight");
    if (pending_calls->lane)
        return 0;
    int status = clo_lane_create(&pending_calls->lane, pending_calls->threads,
                                 CLO_PENDING_RUNNING_MAX, CLO_PENDING_CALLS_MAX, error);
    if (status)
        return status;
    pthread_mutex_lock(&pending_calls->lock);
    hold_or_go_on(pending_calls); /* replies of before a suspension may wait already */
    pthread_mutex_unlock(&pending_calls->lock);
    return 0;
}

/* Into the account and a list, unless there is too much in it. */
static bool add_to(struct list *list, struct clo_pending_calls *pending_calls,
                   struct clo_pending_call *pending)
{
    size_t bytes = pending->arguments.bytes;
    pthread_mutex_lock(&pending_calls->lock);
    bool fits = pending_calls->argument_bytes + bytes <= CLO_PENDING_ARGUMENTS_MAX;
    if (fits) {
        TAILQ_INSERT_TAIL(list, pending, entry);
        pending_calls->argument_bytes += bytes;
        pending_calls->count++;
    }
    pthread_mutex_unlock(&pending_calls->lock);
    return fits;
}

static void remove_pending(struct clo_pending_calls *pending_calls,
                           struct clo_pending_call *pending)
{
    pthread_mutex_lock(&pending_calls->lock);
    TAILQ_REMOVE(&pending_calls->pending, pending, entry);
    pending_calls->argument_bytes -= pending->arguments.bytes;
    pending_calls->count--;
    pthread_mutex_unlock(&pending_calls->lock);
}

static int too_large(const struct clo_pending_call *pending, struct clo_error *error)
{
    return clo_fail(
        error, CLO_EBUSY,
        "too many host calls in flight: the arguments of this one take %zu KiB of the host, those of the run may take %llu MiB; wait for one first",
        pending->arguments.bytes >> 10, CLO_PENDING_ARGUMENTS_MAX >> 20);
}

int clo_pending_call_start(struct clo_pending_call *pending, struct clo_error *error)
{
    struct clo_pending_calls *pending_calls = pending->pending_calls;
    int status = prepare(pending_calls, error);
    if (status)
        return status;
    pending->task.run = work;
    pending->status = CLO_CALL_PENDING;
    if (!add_to(&pending_calls->pending, pending_calls, pending))
        return too_large(pending, error);
    status = clo_lane_add(pending_calls->lane, &pending->task, error);
    if (status)
        remove_pending(pending_calls, pending);
    return status;
}

int clo_pending_call_suspend(struct clo_pending_call *pending, struct clo_error *error)
{
    struct clo_pending_calls *pending_calls = pending->pending_calls;
    pending->status = CLO_CALL_SUSPENDED;
    return add_to(&pending_calls->suspended, pending_calls, pending) ? 0
                                                                     : too_large(pending, error);
}

void clo_pending_call_put(struct clo_pending_call *pending)
{
    struct clo_pending_calls *pending_calls = pending->pending_calls;
    pthread_mutex_lock(&pending_calls->lock);
    pending_calls->count++;
    add_reply(pending_calls, pending);
    pthread_mutex_unlock(&pending_calls->lock);
}

void clo_pending_call_finish(struct clo_pending_call *pending, const struct clo_error *why)
{
    pending->status = clo_tool_call_error(&pending->reply, why);
    clo_pending_call_put(pending);
}

/* ---- all of them ---- */

bool clo_pending_calls_have(struct clo_pending_calls *pending_calls, uint32_t id)
{
    pthread_mutex_lock(&pending_calls->lock);
    bool found = find(&pending_calls->pending, id) || find(&pending_calls->suspended, id) ||
                 find(&pending_calls->done, id);
    pthread_mutex_unlock(&pending_calls->lock);
    return found;
}

/* Under the lock: does no tool thread have a call, and gets none while the guest waits? */
static bool none_in_work(struct clo_pending_calls *pending_calls)
{
    struct clo_pending_call *pending;
    size_t count = 0;
    if (TAILQ_EMPTY(&pending_calls->pending))
        return true;
    if (!pending_calls->held)
        return false;
    TAILQ_FOREACH(pending, &pending_calls->pending, entry)
        count++;
    return clo_lane_waiting(pending_calls->lane) == count;
}

bool clo_pending_calls_rest(struct clo_pending_calls *pending_calls, uint32_t id)
{
    pthread_mutex_lock(&pending_calls->lock);
    bool rest = none_in_work(pending_calls) &&
                (id ? find(&pending_calls->suspended, id) != NULL
                    : TAILQ_EMPTY(&pending_calls->done) && !TAILQ_EMPTY(&pending_calls->suspended));
    pthread_mutex_unlock(&pending_calls->lock);
    return rest;
}

/* No tool thread has any of them: nobody else looks at the lists. */
int clo_pending_calls_each(struct clo_pending_calls *pending_calls,
                           int (*each)(void *context, struct clo_pending_call *pending,
                                       struct clo_error *error),
                           void *context, struct clo_error *error)
{
    struct list *const lists[] = {&pending_calls->suspended, &pending_calls->done,
                                  &pending_calls->pending};
    struct clo_pending_call *pending;
    int status = 0;
    for (int i = 0; i < 3; i++) {
        TAILQ_FOREACH(pending, lists[i], entry) {
            if (!status)
                status = each(context, pending, error);
        }
    }
    return status;
}

bool clo_pending_calls_any(struct clo_pending_calls *pending_calls)
{
    pthread_mutex_lock(&pending_calls->lock);
    bool any = pending_calls->count > 0;
    pthread_mutex_unlock(&pending_calls->lock);
    return any;
}

struct clo_pending_call *clo_pending_calls_fetch(struct clo_pending_calls *pending_calls,
                                                 uint32_t id)
{
    pthread_mutex_lock(&pending_calls->lock);
    struct clo_pending_call *pending =
        id ? find(&pending_calls->done, id) : TAILQ_FIRST(&pending_calls->done);
    if (pending) {
        TAILQ_REMOVE(&pending_calls->done, pending, entry);
        pending_calls->count--;
        pending_calls->reply_bytes -= pending->reply.length;
        hold_or_go_on(pending_calls);
    }
    pthread_mutex_unlock(&pending_calls->lock);
    return pending;
}

uint64_t clo_pending_calls_cpu_ns(struct clo_pending_calls *pending_calls)
{
    if (!pending_calls->lane) /* nothing was with the tool threads yet */
        return 0;
    pthread_mutex_lock(&pending_calls->lock);
    uint64_t cpu_ns = pending_calls->cpu_ns;
    pthread_mutex_unlock(&pending_calls->lock);
    return cpu_ns;
}

static void drop_list(struct list *list)
{
    struct clo_pending_call *pending;
    while ((pending = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, pending, entry);
        clo_pending_call_drop(pending);
    }
}

void clo_pending_calls_end(struct clo_pending_calls *pending_calls)
{
    struct clo_pending_call *pending;
    if (!pending_calls->lane && TAILQ_EMPTY(&pending_calls->done) &&
        TAILQ_EMPTY(&pending_calls->suspended))
        return; /* without a lane no tool thread has anything: nobody else looks at the lists */
    struct clo_task_list rest;
    clo_lane_leave(pending_calls->lane, &rest);
    pthread_mutex_lock(&pending_calls->lock);
    while ((pending = (struct clo_pending_call *)TAILQ_FIRST(&rest))) { /* not begun */
        TAILQ_REMOVE(&rest, &pending->task, entry);
        TAILQ_REMOVE(&pending_calls->pending, pending, entry);
        clo_pending_call_drop(pending);
    }
    drop_list(&pending_calls->suspended);
    drop_list(&pending_calls->done);
    TAILQ_FOREACH(pending, &pending_calls->pending, entry) {
        pending->orphan = true;
        pending_calls->orphans++;
    }
    TAILQ_INIT(&pending_calls->pending); /* what becomes of them is the threads' */
    pending_calls->lane = NULL; /* under the lock: until now a call that ended could hold it */
    pending_calls->held = false;
    pending_calls->count = pending_calls->argument_bytes = pending_calls->reply_bytes = 0;
    pending_calls->cpu_ns = 0;
    pthread_mutex_unlock(&pending_calls->lock);
}

/* pending_calls.c - calls in flight.
 *
 * Each is in one of two lists under the lock: `pending` (with the crew) or `done` (in the order in
 * which they ended). A call whose run has ended is in neither; the crew's thread frees it. The
 * crew's lock may be taken under this one, never the other way round.
 */
#include "sandbox/call/pending_calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi/hostcall.h"
#include "base/error.h"
#include "sandbox/value/value.h"

/* A map of short texts is what takes most: a lone call has room whatever it brings. */
_Static_assert(CLO_VALUE_NODES_MAX *(sizeof(struct clo_member) + 2 * CLO_VALUE_BLOCK_LEAST) +
                       CLO_MESSAGE_MAX <=
                   CLO_ARGUMENTS_IN_FLIGHT_MAX,
               "the largest message fits");

struct clo_flights {
    struct clo_crew *crew;
    struct clo_lane *lane; /* of this run; NULL until a call is started */
    int event;

    pthread_mutex_t lock;
    struct clo_flight *pending, *done;
    size_t count, argument_bytes, reply_bytes;
    bool held;      /* the lane: too many replies wait */
    size_t orphans; /* calls of ended runs that are still in work */
    pthread_cond_t orphan_done;
};

int clo_flights_create(struct clo_flights **result, struct clo_crew *crew, struct clo_error *error)
{
    struct clo_flights *flights = calloc(1, sizeof *flights);
    *result = flights;
    if (!flights)
        return clo_fail_memory(error);
    flights->crew = crew;
    flights->event = -1;
    pthread_mutex_init(&flights->lock, NULL);
    pthread_cond_init(&flights->orphan_done, NULL);
    return 0;
}

void clo_flights_free(struct clo_flights *flights)
{
    if (!flights)
        return;
    pthread_mutex_lock(&flights->lock);
    while (flights->orphans)
        pthread_cond_wait(&flights->orphan_done, &flights->lock);
    pthread_mutex_unlock(&flights->lock);
    if (flights->event >= 0)
        close(flights->event);
    pthread_cond_destroy(&flights->orphan_done);
    pthread_mutex_destroy(&flights->lock);
    free(flights);
}

int clo_flights_event(const struct clo_flights *flights)
{
    return flights->event;
}

/* ---- one call ---- */

struct clo_flight *clo_flight_create(struct clo_flights *flights, uint32_t id,
                                     struct clo_error *error)
{
    if (flights->count >= CLO_CALLS_IN_FLIGHT_MAX) {
        clo_fail(error, CLO_EBUSY, "too many host calls in flight: at most %d; wait for one first",
                 CLO_CALLS_IN_FLIGHT_MAX);
        return NULL;
    }
    struct clo_flight *flight = calloc(1, sizeof *flight);
    if (!flight) {
        clo_fail_memory(error);
        return NULL;
    }
    flight->flights = flights;
    flight->id = id;
    return flight;
}

void clo_flight_drop(struct clo_flight *flight)
{
    clo_answer_clear(&flight->arguments);
    clo_buffer_free(&flight->reply);
    free(flight);
}

static void unlink_flight(struct clo_flight **list, struct clo_flight *flight)
{
    while (*list != flight)
        list = &(*list)->next;
    *list = flight->next;
    flight->next = NULL;
}

static void append_flight(struct clo_flight **list, struct clo_flight *flight)
{
    while (*list)
        list = &(*list)->next;
    *list = flight;
    flight->next = NULL;
}

static struct clo_flight *find_flight(struct clo_flight *list, uint32_t id)
{
    while (list && list->id != id)
        list = list->next;
    return list;
}

/* Under the lock: too much waits for the guest, or no longer. */
static void hold_or_go_on(struct clo_flights *flights)
{
    bool full = flights->reply_bytes >= CLO_REPLIES_WAITING_MAX;
    if (full != flights->held && flights->lane)
        clo_crew_hold(flights->crew, flights->lane, flights->held = full);
}

/* Under the lock. */
static void add_reply(struct clo_flights *flights, struct clo_flight *flight)
{
    append_flight(&flights->done, flight);
    flights->reply_bytes += flight->reply.length;
    hold_or_go_on(flights);
}

static void wake(struct clo_flights *flights)
{
    uint64_t one = 1;
    while (write(flights->event, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* On a thread of the crew. */
static void work(struct clo_job *job)
{
    struct clo_flight *flight = (struct clo_flight *)job;
    struct clo_flights *flights = flight->flights;
    size_t argument_bytes = flight->arguments.bytes;
    uint32_t status = clo_answer_run(&flight->arguments, flight->deadline_ns, NULL, &flight->reply);
    clo_answer_clear(&flight->arguments);
    pthread_mutex_lock(&flights->lock);
    bool orphan = flight->orphan;
    if (orphan) {
        if (!--flights->orphans)
            pthread_cond_signal(&flights->orphan_done);
    } else {
        flight->status = status;
        unlink_flight(&flights->pending, flight);
        flights->argument_bytes -= argument_bytes;
        add_reply(flights, flight);
        wake(flights);
    }
    pthread_mutex_unlock(&flights->lock);
    if (orphan)
        clo_flight_drop(flight);
}

static int prepare(struct clo_flights *flights, struct clo_error *error)
{
    if (flights->event < 0)
        flights->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (flights->event < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "eventfd for calls in flight");
    if (!flights->lane)
        flights->lane = clo_lane_create();
    return flights->lane ? 0 : clo_fail_memory(error);
}

/* Into the account, unless there is too much in it. */
static bool add_pending(struct clo_flights *flights, struct clo_flight *flight)
{
    size_t bytes = flight->arguments.bytes;
    pthread_mutex_lock(&flights->lock);
    bool fits = flights->argument_bytes + bytes <= CLO_ARGUMENTS_IN_FLIGHT_MAX;
    if (fits) {
        append_flight(&flights->pending, flight);
        flights->argument_bytes += bytes;
        flights->count++;
    }
    pthread_mutex_unlock(&flights->lock);
    return fits;
}

static void remove_pending(struct clo_flights *flights, struct clo_flight *flight)
{
    pthread_mutex_lock(&flights->lock);
    unlink_flight(&flights->pending, flight);
    flights->argument_bytes -= flight->arguments.bytes;
    flights->count--;
    pthread_mutex_unlock(&flights->lock);
}

int clo_flight_start(struct clo_flight *flight, struct clo_error *error)
{
    struct clo_flights *flights = flight->flights;
    int status = prepare(flights, error);
    if (status)
        return status;
    if (!add_pending(flights, flight))
        return clo_fail(error, CLO_EBUSY,
                        "too many host calls in flight: the arguments of this one take %zu KiB of "
                        "the host, those of the run may take %llu MiB; wait for one first",
                        flight->arguments.bytes >> 10, CLO_ARGUMENTS_IN_FLIGHT_MAX >> 20);
    flight->job.work = work;
    status = clo_crew_add(flights->crew, flights->lane, &flight->job, error);
    if (status)
        remove_pending(flights, flight);
    return status;
}

void clo_flight_finish(struct clo_flight *flight, const struct clo_error *why)
{
    struct clo_flights *flights = flight->flights;
    flight->status = clo_answer_error(&flight->reply, why);
    pthread_mutex_lock(&flights->lock);
    flights->count++;
    add_reply(flights, flight);
    pthread_mutex_unlock(&flights->lock);
}

/* ---- all of them ---- */

bool clo_flights_have(struct clo_flights *flights, uint32_t id)
{
    pthread_mutex_lock(&flights->lock);
    bool found = find_flight(flights->pending, id) || find_flight(flights->done, id);
    pthread_mutex_unlock(&flights->lock);
    return found;
}

struct clo_flight *clo_flights_fetch(struct clo_flights *flights, uint32_t id)
{
    pthread_mutex_lock(&flights->lock);
    struct clo_flight *flight = id ? find_flight(flights->done, id) : flights->done;
    if (flight) {
        unlink_flight(&flights->done, flight);
        flights->count--;
        flights->reply_bytes -= flight->reply.length;
        hold_or_go_on(flights);
    }
    pthread_mutex_unlock(&flights->lock);
    return flight;
}

void clo_flights_end(struct clo_flights *flights)
{
    if (!flights->lane && !flights->done)
        return; /* without a lane nothing is with the crew, so nobody else looks at the lists */
    struct clo_job *jobs = clo_crew_leave(flights->crew, flights->lane);
    pthread_mutex_lock(&flights->lock);
    while (jobs) { /* not begun: the crew does not know them any more */
        struct clo_flight *flight = (struct clo_flight *)jobs;
        jobs = jobs->next;
        unlink_flight(&flights->pending, flight);
        clo_flight_drop(flight);
    }
    while (flights->done) {
        struct clo_flight *flight = flights->done;
        flights->done = flight->next;
        clo_flight_drop(flight);
    }
    for (struct clo_flight *flight = flights->pending; flight;) {
        struct clo_flight *next = flight->next;
        flight->orphan = true;
        flights->orphans++;
        flight->next = NULL;
        flight = next;
    }
    flights->pending = NULL;
    flights->lane = NULL; /* under the lock: until now a call that ended could hold it */
    flights->held = false;
    flights->count = flights->argument_bytes = flights->reply_bytes = 0;
    pthread_mutex_unlock(&flights->lock);
}

/* sandbox/call/pending_calls.h - the calls of one run in flight: submitted, and not yet waited for.
 *
 * The guest chooses how many there are and how large, so both have a ceiling, in the bytes that
 * they take of the host: arguments beyond it are refused; while results beyond it wait, no further
 * call is begun. A run that ends waits for none of its calls: those not begun are dropped, the
 * results of the others are thrown away. One thread uses it, the run's; calls run on the crew's.
 */
#ifndef CLO_SANDBOX_FLIGHTS_H
#define CLO_SANDBOX_FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "sandbox/call/tool_call.h"
#include "sandbox/call/tool_threads.h"

/* Of one run: calls; bytes of arguments; bytes of replies that wait, on top of which come those of
 * the calls that are in work then. */
#define CLO_CALLS_IN_FLIGHT_MAX 1024
#define CLO_ARGUMENTS_IN_FLIGHT_MAX (128ull << 20)
#define CLO_REPLIES_WAITING_MAX (16ull << 20)

struct clo_flights;

struct clo_flight {     /* one call */
    struct clo_job job; /* first: the crew hands back this address */
    struct clo_flights *flights;
    struct clo_flight *next;
    struct clo_arguments arguments;
    uint32_t id, status; /* status: enum clo_call_status, once it has ended */
    bool orphan;         /* its run has ended */
    uint64_t deadline_ns;
    struct clo_buffer reply;
};

int clo_flights_create(struct clo_flights **flights, struct clo_crew *crew,
                       struct clo_error *error);
void clo_flights_free(struct clo_flights *flights); /* waits for the tools that are in work */

/* A call to be filled in: arguments, deadline, the reply's limit. NULL: CLO_EBUSY, there are
 * too many; CLO_ENOMEMORY. It is in flight once it was started or finished; else clo_flight_drop.
 */
struct clo_flight *clo_flight_create(struct clo_flights *flights, uint32_t id,
                                     struct clo_error *error);
void clo_flight_drop(struct clo_flight *flight);

/* Hand the call to the crew. CLO_EBUSY: the arguments are too large now; CLO_ENOMEMORY,
 * CLO_ESYSTEM. After an error it is still the caller's. */
int clo_flight_start(struct clo_flight *flight, struct clo_error *error);

/* It has ended already: its reply, an error, is to be fetched like any other. */
void clo_flight_finish(struct clo_flight *flight, const struct clo_error *why);

bool clo_flights_have(struct clo_flights *flights, uint32_t id);

/* The call of that id, of 0 the one that ended first, if it has ended: it is the caller's, to drop.
 */
struct clo_flight *clo_flights_fetch(struct clo_flights *flights, uint32_t id);

/* Readable when a call has ended since it was last read; -1 until one was started. */
int clo_flights_event(const struct clo_flights *flights);

void clo_flights_end(struct clo_flights *flights); /* the run has ended */

#endif

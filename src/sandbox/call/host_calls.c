/* host_calls.c - answering host calls: what is refused, what runs here, what is submitted. */
#include "sandbox/call/host_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "sandbox/call/tool_call.h"
#include "sandbox/call/pending_calls.h"

#define NAP_NS 1000000000u

struct clo_service {
    const struct clo_tools *tools;
    struct clo_flights *flights;
    struct clo_limits limits;
    struct clo_cancel *cancel;
    int abort_fd;
    uint64_t calls;
};

int clo_service_create(struct clo_service **result, const struct clo_tools *tools,
                       struct clo_crew *crew, struct clo_error *error)
{
    struct clo_service *service = calloc(1, sizeof *service);
    *result = service;
    if (!service)
        return clo_fail_memory(error);
    service->tools = tools;
    service->abort_fd = -1;
    int status = clo_flights_create(&service->flights, crew, error);
    if (status) {
        free(service);
        *result = NULL;
    }
    return status;
}

void clo_service_free(struct clo_service *service)
{
    if (!service)
        return;
    clo_flights_free(service->flights);
    free(service);
}

void clo_service_begin(struct clo_service *service, const struct clo_limits *limits,
                       struct clo_cancel *cancel, int abort_fd)
{
    service->limits = *limits;
    service->cancel = cancel;
    service->abort_fd = abort_fd;
    service->calls = 0;
}

uint64_t clo_service_calls(const struct clo_service *service)
{
    return service->calls;
}

static void refuse_limit(struct clo_service *service, struct clo_reply *reply, enum clo_limit limit)
{
    char text[CLO_LIMIT_TEXT_MAX];
    clo_limit_text(text, limit, clo_limit_value(&service->limits, limit));
    clo_answer_message(&reply->data, text);
    reply->status = CLO_CALL_REFUSED;
    reply->limit = limit;
}

static void call_now(struct clo_service *service, const struct clo_call *call,
                     struct clo_reply *reply)
{
    struct clo_arguments arguments;
    struct clo_error error;
    if (clo_answer_read(service->tools, call->message, call->length, &arguments, &error)) {
        reply->status = clo_answer_error(&reply->data, &error);
        return;
    }
    uint64_t before = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    reply->data.limit = service->limits.host_call_bytes;
    reply->status = clo_answer_run(&arguments, call->deadline_ns, service->cancel, &reply->data);
    reply->data.limit = CLO_MESSAGE_MAX;
    reply->cpu_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    clo_answer_clear(&arguments);
}

/* To be answered by the crew, and fetched by a wait. What is wrong with the call itself is such an
 * answer too; only what there is no room for is refused now. */
static void submit(struct clo_service *service, const struct clo_call *call,
                   struct clo_reply *reply)
{
    struct clo_error error;
    struct clo_flight *flight = clo_flight_create(service->flights, call->id, &error);
    int status = flight ? 0 : (int)error.code;
    if (flight) {
        flight->deadline_ns = call->deadline_ns;
        flight->reply = CLO_BUFFER(service->limits.host_call_bytes);
        status = clo_answer_read(service->tools, call->message, call->length, &flight->arguments,
                                 &error);
        if (!status)
            status = clo_flight_start(flight, &error);
    }
    if (!status)
        return;
    if (flight && status != CLO_EBUSY) {
        clo_flight_finish(flight, &error);
        return;
    }
    if (flight)
        clo_flight_drop(flight);
    clo_answer_message(&reply->data, error.message);
    reply->status = CLO_CALL_REFUSED;
}

/* ---- waiting ---- */

static bool fetch(struct clo_service *service, uint32_t wait_id, struct clo_reply *reply)
{
    struct clo_flight *flight =
        wait_id == CLO_WAIT_NONE ? NULL : clo_flights_fetch(service->flights, wait_id);
    if (!flight)
        return false;
    reply->status = flight->status;
    reply->id = flight->id;
    clo_buffer_reset(&reply->data);
    clo_buffer_append(&reply->data, flight->reply.data, flight->reply.length);
    if (reply->data.failed) {
        reply->status = CLO_CALL_ERROR;
        clo_answer_message(&reply->data, "the host is out of memory");
    }
    clo_flight_drop(flight);
    return true;
}

/* Sleep until something may have changed or `until`, but not for long: a call whose end could not
 * be signalled must still be found. True: the wait must end. */
static bool sleep_until(struct clo_service *service, uint64_t now, uint64_t until)
{
    struct pollfd fds[3] = {{.fd = clo_flights_event(service->flights), .events = POLLIN},
                            {.fd = clo_cancel_fd(service->cancel), .events = POLLIN},
                            {.fd = service->abort_fd, .events = POLLIN}};
    uint64_t left = until - now < NAP_NS ? until - now : NAP_NS;
    struct timespec time = {.tv_sec = (time_t)(left / 1000000000u),
                            .tv_nsec = (long)(left % 1000000000u)};
    int ready = ppoll(fds, 3, &time, NULL);
    if (ready <= 0)
        return false;
    uint64_t count;
    if (fds[0].revents && read(fds[0].fd, &count, sizeof count) < 0)
        return errno != EAGAIN && errno != EINTR;
    return fds[1].revents || fds[2].revents;
}

static int check_wait(struct clo_service *service, const struct clo_call *call,
                      struct clo_error *error)
{
    uint32_t id = call->wait_id;
    if (!id || id == CLO_WAIT_NONE || clo_flights_have(service->flights, id))
        return 0;
    return clo_fail(error, CLO_EGUEST, "a wait for call %" PRIu32 ", which is not in flight", id);
}

static int wait_for(struct clo_service *service, const struct clo_call *call,
                    struct clo_reply *reply, struct clo_error *error)
{
    int status = check_wait(service, call, error);
    if (status)
        return status;
    uint64_t now = clo_monotonic_ns();
    uint64_t timeout = call->timeout_ns < UINT64_MAX - now ? now + call->timeout_ns : UINT64_MAX;
    for (;;) {
        if (fetch(service, call->wait_id, reply))
            return 0;
        bool timed_out = now >= timeout;
        if (timed_out || now >= call->deadline_ns || clo_cancel_is_set(service->cancel)) {
            reply->status = timed_out ? CLO_CALL_PENDING : CLO_CALL_INTERRUPTED;
            return 0;
        }
        uint64_t until = timeout < call->deadline_ns ? timeout : call->deadline_ns;
        if (sleep_until(service, now, until)) {
            reply->status = CLO_CALL_INTERRUPTED;
            return 0;
        }
        now = clo_monotonic_ns();
    }
}

/* ---- the public side ---- */

static int check_call(struct clo_service *service, const struct clo_call *call,
                      struct clo_error *error)
{
    if (!call->flags || (call->flags & ~(CLO_CALL_SUBMIT | CLO_CALL_WAIT)))
        return clo_fail(error, CLO_EGUEST, "a host call with the flags 0x%" PRIx32, call->flags);
    if (!(call->flags & CLO_CALL_SUBMIT))
        return 0;
    if (!call->id || call->id == CLO_WAIT_NONE)
        return clo_fail(error, CLO_EGUEST, "a host call with the id %" PRIu32, call->id);
    if (clo_flights_have(service->flights, call->id))
        return clo_fail(error, CLO_EGUEST, "a host call with the id %" PRIu32 ", which is in use",
                        call->id);
    return 0;
}

/* True: the submitted call is refused, and reply says why. */
static bool refuse(struct clo_service *service, const struct clo_call *call,
                   struct clo_reply *reply)
{
    if (service->calls >= service->limits.host_calls) {
        refuse_limit(service, reply, CLO_LIMIT_HOST_CALLS);
        return true;
    }
    service->calls++;
    if (call->length > service->limits.host_call_bytes) {
        refuse_limit(service, reply, CLO_LIMIT_HOST_CALL_BYTES);
        return true;
    }
    if (call->kind != CLO_CALL_TOOL) {
        clo_answer_message(&reply->data, "this host knows no such kind of call");
        reply->status = CLO_CALL_REFUSED;
        return true;
    }
    return false;
}

int clo_service_call(struct clo_service *service, const struct clo_call *call,
                     struct clo_reply *reply, struct clo_error *error)
{
    reply->status = CLO_CALL_OK;
    reply->id = call->id;
    reply->limit = CLO_LIMIT_NONE;
    reply->cpu_ns = 0;
    reply->data.limit = CLO_MESSAGE_MAX;
    clo_buffer_reset(&reply->data);
    int status = check_call(service, call, error);
    if (status)
        return status;
    if (call->flags & CLO_CALL_SUBMIT) {
        if (refuse(service, call, reply))
            return 0;
        bool synchronous = (call->flags & CLO_CALL_WAIT) && call->wait_id == call->id &&
                           call->timeout_ns == CLO_TIMEOUT_NONE;
        if (synchronous) {
            call_now(service, call, reply);
            return 0;
        }
        submit(service, call, reply);
        if (reply->status != CLO_CALL_OK)
            return 0;
    }
    return call->flags & CLO_CALL_WAIT ? wait_for(service, call, reply, error) : 0;
}

void clo_service_end(struct clo_service *service)
{
    clo_flights_end(service->flights);
}

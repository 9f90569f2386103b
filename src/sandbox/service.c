/* service.c - answering host calls: what is refused, what runs here, what is submitted.
 *
 * Calls in flight are in one of two lists under the lock: `pending` (with the crew) or `done` (in
 * the order in which they ended). A call whose run has ended is in neither; the crew's thread frees
 * it.
 */
#include "sandbox/service.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "sandbox/cbor.h"

#define NAP_NS 1000000000u

struct flight {         /* a call that was submitted and not yet waited for */
    struct clo_job job; /* first: the crew hands back this address */
    struct clo_service *service;
    struct flight *next;
    const struct clo_tool_entry *tool;
    struct clo_value arguments;
    uint32_t id, status;
    bool orphan; /* its run has ended */
    uint64_t deadline_ns;
    size_t bytes;
    struct clo_buffer reply;
};

struct clo_service {
    const struct clo_tools *tools;
    struct clo_crew *crew;
    struct clo_lane *lane; /* of this run; NULL until a call is submitted */
    struct clo_limits limits;
    struct clo_cancel *cancel;
    int abort_fd;
    uint64_t calls;

    pthread_mutex_t lock;
    struct flight *pending, *done;
    size_t count, bytes;
    size_t orphans; /* calls of ended runs that are still in work */
    pthread_cond_t orphan_done;
    int event; /* readable when a call has ended; -1 until the first is submitted */
};

int clo_service_create(struct clo_service **result, const struct clo_tools *tools,
                       struct clo_crew *crew, struct clo_error *error)
{
    struct clo_service *service = calloc(1, sizeof *service);
    *result = service;
    if (!service)
        return clo_fail_memory(error);
    service->tools = tools;
    service->crew = crew;
    service->event = service->abort_fd = -1;
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->orphan_done, NULL);
    return 0;
}

void clo_service_free(struct clo_service *service)
{
    if (!service)
        return;
    pthread_mutex_lock(&service->lock);
    while (service->orphans)
        pthread_cond_wait(&service->orphan_done, &service->lock);
    pthread_mutex_unlock(&service->lock);
    if (service->event >= 0)
        close(service->event);
    pthread_cond_destroy(&service->orphan_done);
    pthread_mutex_destroy(&service->lock);
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

static void free_flight(struct flight *flight)
{
    clo_value_clear(&flight->arguments);
    clo_buffer_free(&flight->reply);
    free(flight);
}

/* ---- what is said ---- */

static void put_message(struct clo_buffer *data, const char *message)
{
    size_t limit = data->limit;
    data->limit = CLO_MESSAGE_MAX; /* a run may allow less than a complaint needs */
    clo_buffer_reset(data);
    clo_cbor_put_map(data, 1);
    clo_cbor_put_string(data, "message");
    clo_cbor_put_string(data, message);
    data->limit = limit;
}

static uint32_t say_error(struct clo_buffer *data, const struct clo_error *error)
{
    put_message(data, error->message);
    return CLO_CALL_ERROR;
}

static void refuse_limit(struct clo_service *service, struct clo_reply *reply, enum clo_limit limit)
{
    char text[CLO_LIMIT_TEXT_MAX];
    clo_limit_text(text, limit, clo_limit_value(&service->limits, limit));
    put_message(&reply->data, text);
    reply->status = CLO_CALL_REFUSED;
    reply->limit = limit;
}

/* ---- one tool call ---- */

/* [name, {argument: value, ...}] */
static int read_call(struct clo_service *service, const struct clo_call *call,
                     const struct clo_tool_entry **tool, struct clo_value *arguments,
                     struct clo_error *error)
{
    struct clo_value message;
    int status = clo_cbor_decode(&message, call->message, call->length, error);
    if (status)
        return status;
    bool shaped = message.type == CLO_LIST && message.list.count == 2 &&
                  message.list.items[0].type == CLO_TEXT && message.list.items[1].type == CLO_MAP;
    if (!shaped) {
        status = clo_fail(error, CLO_EINVALID, "a tool call is not [name, {argument: value}]");
    } else {
        *tool = clo_tools_find(service->tools, &message.list.items[0], error);
        status =
            *tool ? clo_tool_check_arguments(*tool, &message.list.items[1], error) : CLO_ENOTFOUND;
    }
    if (!status) {
        *arguments = message.list.items[1];
        message.list.items[1] = (struct clo_value){0};
    }
    clo_value_clear(&message);
    return status;
}

/* The answer as the guest will read it; `data` is empty and has the message ceiling as its limit.
 */
static uint32_t say_result(const struct clo_tool_entry *tool, const struct clo_value *result,
                           struct clo_buffer *data)
{
    struct clo_error why, error;
    if (clo_cbor_encode(data, result, &why) == 0)
        return CLO_CALL_OK;
    clo_fail(&error, CLO_EINVALID, "the result of tool '%s' cannot be passed on: %s",
             clo_tool_entry_name(tool), why.message);
    return say_error(data, &error);
}

static uint32_t run_tool(const struct clo_tool_entry *tool, const struct clo_value *arguments,
                         uint64_t deadline_ns, const struct clo_cancel *cancel,
                         struct clo_buffer *data)
{
    struct clo_value result = {0};
    struct clo_error error;
    int failed = clo_tool_call(tool, arguments, deadline_ns, cancel, &result, &error);
    uint32_t status = failed == CLO_EBUSY || failed == CLO_ECANCELLED ? CLO_CALL_INTERRUPTED
                      : failed                                        ? say_error(data, &error)
                               : say_result(tool, &result, data);
    clo_value_clear(&result);
    return status;
}

static void call_now(struct clo_service *service, const struct clo_call *call,
                     struct clo_reply *reply)
{
    const struct clo_tool_entry *tool;
    struct clo_value arguments;
    struct clo_error error;
    if (read_call(service, call, &tool, &arguments, &error)) {
        reply->status = say_error(&reply->data, &error);
        return;
    }
    uint64_t before = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    reply->data.limit = service->limits.host_call_bytes;
    reply->status = run_tool(tool, &arguments, call->deadline_ns, service->cancel, &reply->data);
    reply->data.limit = CLO_MESSAGE_MAX;
    reply->cpu_ns = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    clo_value_clear(&arguments);
}

/* ---- calls in flight ---- */

static void unlink_flight(struct flight **list, struct flight *flight)
{
    while (*list != flight)
        list = &(*list)->next;
    *list = flight->next;
    flight->next = NULL;
}

static void append_flight(struct flight **list, struct flight *flight)
{
    while (*list)
        list = &(*list)->next;
    *list = flight;
    flight->next = NULL;
}

static struct flight *find_flight(struct flight *list, uint32_t id)
{
    while (list && list->id != id)
        list = list->next;
    return list;
}

static void wake(struct clo_service *service)
{
    uint64_t one = 1;
    while (write(service->event, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* On a thread of the crew. */
static void work(struct clo_job *job)
{
    struct flight *flight = (struct flight *)job;
    struct clo_service *service = flight->service;
    uint32_t status =
        run_tool(flight->tool, &flight->arguments, flight->deadline_ns, NULL, &flight->reply);
    pthread_mutex_lock(&service->lock);
    bool orphan = flight->orphan;
    if (orphan) {
        if (!--service->orphans)
            pthread_cond_signal(&service->orphan_done);
    } else {
        flight->status = status;
        service->bytes += flight->reply.length;
        flight->bytes += flight->reply.length;
        unlink_flight(&service->pending, flight);
        append_flight(&service->done, flight);
        wake(service);
    }
    pthread_mutex_unlock(&service->lock);
    if (orphan)
        free_flight(flight);
}

static int prepare(struct clo_service *service, struct clo_error *error)
{
    if (service->event < 0)
        service->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service->event < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "eventfd for calls in flight");
    if (!service->lane)
        service->lane = clo_lane_create();
    return service->lane ? 0 : clo_fail_memory(error);
}

/* A call that is answered already, to be fetched by a wait like any other. */
static void finish_at_once(struct clo_service *service, struct flight *flight,
                           const struct clo_error *error)
{
    flight->status = say_error(&flight->reply, error);
    pthread_mutex_lock(&service->lock);
    append_flight(&service->done, flight);
    pthread_mutex_unlock(&service->lock);
}

static int start(struct clo_service *service, const struct clo_call *call, struct flight *flight,
                 struct clo_error *error)
{
    int status = read_call(service, call, &flight->tool, &flight->arguments, error);
    if (!status)
        status = prepare(service, error);
    if (status)
        return status;
    pthread_mutex_lock(&service->lock);
    append_flight(&service->pending, flight);
    pthread_mutex_unlock(&service->lock);
    status = clo_crew_add(service->crew, service->lane, &flight->job, error);
    if (status) {
        pthread_mutex_lock(&service->lock);
        unlink_flight(&service->pending, flight);
        pthread_mutex_unlock(&service->lock);
    }
    return status;
}

static void submit(struct clo_service *service, const struct clo_call *call,
                   struct clo_reply *reply)
{
    pthread_mutex_lock(&service->lock);
    bool full = service->count >= CLO_CALLS_IN_FLIGHT_MAX ||
                service->bytes + call->length > CLO_CALLS_IN_FLIGHT_BYTES;
    if (!full) {
        service->count++;
        service->bytes += call->length;
    }
    pthread_mutex_unlock(&service->lock);
    struct flight *flight = full ? NULL : calloc(1, sizeof *flight);
    reply->status = CLO_CALL_OK;
    if (!flight) {
        put_message(&reply->data, full ? "too many host calls in flight: at most 1024, of 64 MiB"
                                       : "the host is out of memory");
        reply->status = CLO_CALL_REFUSED;
        return;
    }
    flight->job.work = work;
    flight->service = service;
    flight->id = call->id;
    flight->deadline_ns = call->deadline_ns;
    flight->bytes = call->length;
    flight->reply = CLO_BUFFER(service->limits.host_call_bytes);
    struct clo_error error;
    if (start(service, call, flight, &error))
        finish_at_once(service, flight, &error);
}

/* ---- waiting ---- */

static bool fetch(struct clo_service *service, uint32_t wait_id, struct clo_reply *reply)
{
    pthread_mutex_lock(&service->lock);
    struct flight *flight = wait_id == CLO_WAIT_NONE ? NULL
                            : wait_id                ? find_flight(service->done, wait_id)
                                                     : service->done;
    if (flight) {
        unlink_flight(&service->done, flight);
        service->count--;
        service->bytes -= flight->bytes;
    }
    pthread_mutex_unlock(&service->lock);
    if (!flight)
        return false;
    reply->status = flight->status;
    reply->id = flight->id;
    clo_buffer_reset(&reply->data);
    clo_buffer_append(&reply->data, flight->reply.data, flight->reply.length);
    if (reply->data.failed) {
        reply->status = CLO_CALL_ERROR;
        put_message(&reply->data, "the host is out of memory");
    }
    free_flight(flight);
    return true;
}

/* Sleep until something may have changed or `until`, but not for long: a call whose end could not
 * be signalled must still be found. True: the wait must end. */
static bool sleep_until(struct clo_service *service, uint64_t now, uint64_t until)
{
    struct pollfd fds[3] = {{.fd = service->event, .events = POLLIN},
                            {.fd = clo_cancel_fd(service->cancel), .events = POLLIN},
                            {.fd = service->abort_fd, .events = POLLIN}};
    uint64_t left = until - now < NAP_NS ? until - now : NAP_NS;
    struct timespec time = {.tv_sec = (time_t)(left / 1000000000u),
                            .tv_nsec = (long)(left % 1000000000u)};
    int ready = ppoll(fds, 3, &time, NULL);
    if (ready <= 0)
        return false;
    uint64_t count;
    if (fds[0].revents && read(service->event, &count, sizeof count) < 0)
        return errno != EAGAIN && errno != EINTR;
    return fds[1].revents || fds[2].revents;
}

static int check_wait(struct clo_service *service, const struct clo_call *call,
                      struct clo_error *error)
{
    uint32_t id = call->wait_id;
    if (!id || id == CLO_WAIT_NONE)
        return 0;
    pthread_mutex_lock(&service->lock);
    bool known = find_flight(service->pending, id) || find_flight(service->done, id);
    pthread_mutex_unlock(&service->lock);
    if (known)
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
    pthread_mutex_lock(&service->lock);
    bool used = find_flight(service->pending, call->id) || find_flight(service->done, call->id);
    pthread_mutex_unlock(&service->lock);
    if (used)
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
        put_message(&reply->data, "this host knows no such kind of call");
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
    if (!service->lane && !service->done)
        return; /* without a lane nothing is with the crew, so nobody else looks at the lists */
    struct clo_job *jobs = clo_crew_leave(service->crew, service->lane);
    service->lane = NULL;
    pthread_mutex_lock(&service->lock);
    while (jobs) { /* not begun: the crew does not know them any more */
        struct flight *flight = (struct flight *)jobs;
        jobs = jobs->next;
        unlink_flight(&service->pending, flight);
        free_flight(flight);
    }
    while (service->done) {
        struct flight *flight = service->done;
        service->done = flight->next;
        free_flight(flight);
    }
    for (struct flight *flight = service->pending; flight;) {
        struct flight *next = flight->next;
        flight->orphan = true;
        service->orphans++;
        flight->next = NULL;
        flight = next;
    }
    service->pending = NULL;
    service->count = service->bytes = 0;
    pthread_mutex_unlock(&service->lock);
}

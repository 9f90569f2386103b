/* disconnect.c - slots of watched connections, found again by number and generation, never by
 * pointer: an event that was already fetched from epoll may be about a connection that is gone. */
#include "serve/http/disconnect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/sync.h"
#include "serve/http/event_stream.h"
#include "serve/log.h"

#define EVENTS_AT_ONCE 64
#define STOP_ID 0
#define TICK_MIN_MS 10
#define TICK_MAX_MS 1000

struct slot {
    uint32_t generation; /* odd: in use */
    int descriptor;
    struct clo_answerer answerer;
    struct clo_event_stream *stream;
};

struct clo_disconnect_watch {
    int epoll, stop;
    unsigned capacity, keepalive_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the slots and cut */
    bool cut;
    struct slot slots[];
};

static clo_disconnect_watch_id make_id(size_t index, uint32_t generation)
{
    return ((uint64_t)generation << 32) | (uint32_t)index;
}

static struct slot *find(struct clo_disconnect_watch *watch, clo_disconnect_watch_id id)
{
    uint32_t index = (uint32_t)id, generation = (uint32_t)(id >> 32);
    if (index >= watch->capacity || !(generation & 1) ||
        watch->slots[index].generation != generation)
        return NULL;
    return &watch->slots[index];
}

static void gone(struct clo_disconnect_watch *watch, clo_disconnect_watch_id id)
{
    pthread_mutex_lock(&watch->lock);
    struct slot *slot = find(watch, id);
    if (slot && slot->answerer.calls)
        slot->answerer.calls->client_gone(slot->answerer.context);
    if (slot && slot->stream)
        clo_event_stream_kill(slot->stream);
    pthread_mutex_unlock(&watch->lock);
}

static void tick(struct clo_disconnect_watch *watch)
{
    uint64_t now = clo_monotonic_ns();
    pthread_mutex_lock(&watch->lock);
    for (unsigned i = 0; i < watch->capacity; i++) {
        if (watch->slots[i].stream)
            clo_event_stream_tick(watch->slots[i].stream, now, watch->keepalive_ms);
    }
    pthread_mutex_unlock(&watch->lock);
}

static void *look(void *context)
{
    struct clo_disconnect_watch *watch = context;
    struct epoll_event events[EVENTS_AT_ONCE];
    unsigned tick_ms = watch->keepalive_ms / 4;
    tick_ms = tick_ms < TICK_MIN_MS ? TICK_MIN_MS : tick_ms > TICK_MAX_MS ? TICK_MAX_MS : tick_ms;
    uint64_t next_tick = clo_monotonic_ns() + tick_ms * 1000000ull;
    for (;;) {
        uint64_t now = clo_monotonic_ns();
        int wait = now >= next_tick ? 0 : (int)((next_tick - now) / 1000000u) + 1;
        int count = epoll_wait(watch->epoll, events, EVENTS_AT_ONCE, wait);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == STOP_ID)
                return NULL;
            gone(watch, events[i].data.u64);
        }
        if (clo_monotonic_ns() >= next_tick) {
            tick(watch);
            next_tick = clo_monotonic_ns() + tick_ms * 1000000ull;
        }
    }
}

static int start(struct clo_disconnect_watch *watch, struct clo_error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = STOP_ID};
    pthread_mutex_init(&watch->lock, NULL);
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    watch->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->epoll < 0 || watch->stop < 0 ||
        epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->stop, &event) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "connections cannot be watched");
    errno = clo_thread_start(&watch->thread, look, watch);
    return errno ? clo_fail_errno(error, CLO_ESYSTEM, "a thread cannot be started") : 0;
}

static void discard(struct clo_disconnect_watch *watch)
{
    if (watch->epoll >= 0)
        close(watch->epoll);
    if (watch->stop >= 0)
        close(watch->stop);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

int clo_disconnect_watch_create(struct clo_disconnect_watch **watch, unsigned capacity,
                                unsigned keepalive_ms, struct clo_error *error)
{
    struct clo_disconnect_watch *made = calloc(1, sizeof *made + capacity * sizeof made->slots[0]);
    *watch = NULL;
    if (!made)
        return clo_fail_memory(error);
    made->capacity = capacity;
    made->keepalive_ms = keepalive_ms;
    if (start(made, error) < 0) {
        discard(made);
        return CLO_ESYSTEM;
    }
    *watch = made;
    return 0;
}

void clo_disconnect_watch_destroy(struct clo_disconnect_watch *watch)
{
    if (!watch)
        return;
    uint64_t one = 1;
    if (write(watch->stop, &one, sizeof one) < 0) {
        /* only a full counter refuses, and then it is readable already */
    }
    pthread_join(watch->thread, NULL);
    discard(watch);
}

clo_disconnect_watch_id clo_disconnect_watch_add(struct clo_disconnect_watch *watch, int descriptor,
                                                 const struct clo_answerer *answerer)
{
    clo_disconnect_watch_id id = 0;
    pthread_mutex_lock(&watch->lock);
    for (unsigned i = 0; i < watch->capacity; i++) {
        struct slot *slot = &watch->slots[i];
        if (slot->generation & 1)
            continue;
        id = make_id(i, slot->generation + 1);
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = id};
        if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) {
            id = 0;
            break;
        }
        *slot = (struct slot){.generation = slot->generation + 1, .descriptor = descriptor};
        if (answerer) {
            slot->answerer = *answerer;
            answerer->calls->retain(answerer->context);
        }
        break;
    }
    pthread_mutex_unlock(&watch->lock);
    if (!id)
        clo_log_event("warning", "watch",
                      "a connection is not watched: its client's leaving will not stop its job");
    return id;
}

void clo_disconnect_watch_stream(struct clo_disconnect_watch *watch, clo_disconnect_watch_id id,
                                 struct clo_event_stream *stream)
{
    pthread_mutex_lock(&watch->lock);
    struct slot *slot = find(watch, id);
    if (slot) {
        clo_event_stream_retain(stream);
        slot->stream = stream;
    }
    bool cut = watch->cut;
    pthread_mutex_unlock(&watch->lock);
    if (cut)
        clo_event_stream_kill(stream);
}

void clo_disconnect_watch_remove(struct clo_disconnect_watch *watch, clo_disconnect_watch_id id)
{
    pthread_mutex_lock(&watch->lock);
    struct slot *slot = find(watch, id), was = {0};
    if (slot) {
        was = *slot;
        epoll_ctl(watch->epoll, EPOLL_CTL_DEL, slot->descriptor, NULL);
        *slot = (struct slot){.generation = was.generation + 1};
    }
    pthread_mutex_unlock(&watch->lock);
    clo_event_stream_release(was.stream);
    if (was.answerer.calls)
        was.answerer.calls->release(was.answerer.context);
}

void clo_disconnect_watch_cut(struct clo_disconnect_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->cut = true;
    for (unsigned i = 0; i < watch->capacity; i++) {
        if (watch->slots[i].stream)
            clo_event_stream_kill(watch->slots[i].stream);
    }
    pthread_mutex_unlock(&watch->lock);
}

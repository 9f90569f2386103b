/* event_stream.c - a queue of whole events between a job's thread and an HTTP thread.
 *
 * Suspending happens under the lock, after the queue was seen empty; waking happens under the same
 * lock. So no event can arrive between the look and the sleep.
 */
#include "serve/http/event_stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/thread/sync.h"
#include "cloche/error.h"

#define DONE_TEXT "data: [DONE]\n\n"
#define COMMENT ": keep-alive\n\n"

struct event {
    STAILQ_ENTRY(event) entry;
    size_t length;
    char text[];
};

struct clo_event_stream {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t space;
    struct MHD_Connection *connection;     /* NULL once detached */
    struct clo_event_stream_source source; /* next NULL: none */
    STAILQ_HEAD(, event) events;
    size_t queued; /* bytes */
    size_t sent;   /* bytes of the first that are gone */
    unsigned references, stall_ms;
    uint64_t read_at; /* monotonic ns of the last read of anything */
    bool suspended, ended, dead, comment;
};

struct clo_event_stream *clo_event_stream_create(struct MHD_Connection *connection,
                                                 unsigned stall_ms,
                                                 const struct clo_event_stream_source *source)
{
    struct clo_event_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->space, NULL);
    STAILQ_INIT(&stream->events);
    stream->connection = connection;
    stream->stall_ms = stall_ms;
    stream->references = 1;
    stream->read_at = clo_monotonic_ns();
    if (source)
        stream->source = *source;
    return stream;
}

void clo_event_stream_retain(struct clo_event_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->references++;
    pthread_mutex_unlock(&stream->lock);
}

static void pop(struct clo_event_stream *stream)
{
    struct event *event = STAILQ_FIRST(&stream->events);
    STAILQ_REMOVE_HEAD(&stream->events, entry);
    stream->queued -= event->length;
    stream->sent = 0;
    free(event);
}

void clo_event_stream_release(struct clo_event_stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_lock(&stream->lock);
    bool last = --stream->references == 0;
    pthread_mutex_unlock(&stream->lock);
    if (!last)
        return;
    while (!STAILQ_EMPTY(&stream->events))
        pop(stream);
    if (stream->source.release)
        stream->source.release(stream->source.context);
    pthread_cond_destroy(&stream->space);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static void wake(struct clo_event_stream *stream)
{
    if (!stream->suspended || !stream->connection)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
}

static int append(struct clo_event_stream *stream, const char *text, size_t length)
{
    struct event *event = malloc(sizeof *event + length);
    if (!event)
        return CLO_ENOMEMORY;
    event->length = length;
    memcpy(event->text, text, length);
    STAILQ_INSERT_TAIL(&stream->events, event, entry);
    stream->queued += length;
    return 0;
}

static void kill(struct clo_event_stream *stream)
{
    stream->dead = true;
    pthread_cond_broadcast(&stream->space);
    wake(stream);
}

/* Wait for room until the reader has not moved for stall_ms; then the stream is dead. */
static void wait_for_space(struct clo_event_stream *stream, size_t length)
{
    while (!stream->dead && stream->queued &&
           stream->queued + length > CLO_EVENT_STREAM_QUEUE_MAX) {
        uint64_t deadline = stream->read_at + (uint64_t)stream->stall_ms * 1000000u;
        if (clo_monotonic_ns() >= deadline)
            kill(stream);
        else
            clo_wait_until(&stream->space, &stream->lock, deadline);
    }
}

int clo_event_stream_push(struct clo_event_stream *stream, const char *text, size_t length)
{
    pthread_mutex_lock(&stream->lock);
    wait_for_space(stream, length);
    int status = stream->dead || stream->ended ? CLO_ECANCELLED : append(stream, text, length);
    if (status == 0)
        wake(stream);
    pthread_mutex_unlock(&stream->lock);
    return status;
}

void clo_event_stream_end(struct clo_event_stream *stream, bool mark)
{
    pthread_mutex_lock(&stream->lock);
    if (!stream->ended && mark && append(stream, DONE_TEXT, sizeof DONE_TEXT - 1) < 0)
        stream->dead = true;
    stream->ended = true;
    wake(stream);
    pthread_mutex_unlock(&stream->lock);
}

bool clo_event_stream_wake(struct clo_event_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    wake(stream);
    bool there = !stream->dead;
    pthread_mutex_unlock(&stream->lock);
    return there;
}

void clo_event_stream_kill(struct clo_event_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    kill(stream);
    pthread_mutex_unlock(&stream->lock);
}

void clo_event_stream_detach(struct clo_event_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->connection = NULL;
    kill(stream);
    pthread_mutex_unlock(&stream->lock);
}

void clo_event_stream_tick(struct clo_event_stream *stream, uint64_t now_ns, unsigned keepalive_ms)
{
    pthread_mutex_lock(&stream->lock);
    uint64_t due = stream->read_at + (uint64_t)keepalive_ms * 1000000u;
    if (stream->suspended && now_ns >= due) {
        stream->comment = true;
        wake(stream);
    }
    pthread_mutex_unlock(&stream->lock);
}

static void ask_source(struct clo_event_stream *stream)
{
    char *text = NULL;
    size_t length = 0;
    switch (stream->source.next(stream->source.context, &text, &length)) {
    case CLO_EVENT_STREAM_EVENT:
        if (append(stream, text, length) < 0)
            stream->dead = true;
        break;
    case CLO_EVENT_STREAM_QUIET: break;
    case CLO_EVENT_STREAM_OVER:
        if (append(stream, DONE_TEXT, sizeof DONE_TEXT - 1) < 0)
            stream->dead = true;
        stream->ended = true;
        break;
    }
    free(text);
}

static ssize_t take(struct clo_event_stream *stream, char *into, size_t max)
{
    const struct event *event = STAILQ_FIRST(&stream->events);
    size_t left = event->length - stream->sent, length = left < max ? left : max;
    memcpy(into, event->text + stream->sent, length);
    stream->sent += length;
    if (length == left)
        pop(stream);
    pthread_cond_broadcast(&stream->space);
    return (ssize_t)length;
}

static ssize_t read_locked(struct clo_event_stream *stream, char *into, size_t max)
{
    if (!stream->dead && STAILQ_EMPTY(&stream->events) && !stream->ended && stream->source.next)
        ask_source(stream);
    if (stream->dead)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    stream->read_at = clo_monotonic_ns();
    if (!STAILQ_EMPTY(&stream->events))
        return take(stream, into, max);
    if (stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (stream->comment && max >= sizeof COMMENT - 1) {
        stream->comment = false;
        memcpy(into, COMMENT, sizeof COMMENT - 1);
        return sizeof COMMENT - 1;
    }
    if (!stream->connection)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    stream->suspended = true;
    MHD_suspend_connection(stream->connection);
    return 0;
}

ssize_t clo_event_stream_read(struct clo_event_stream *stream, char *into, size_t max)
{
    pthread_mutex_lock(&stream->lock);
    ssize_t length = read_locked(stream, into, max);
    pthread_mutex_unlock(&stream->lock);
    return length;
}

static ssize_t on_read(void *context, uint64_t position, char *into, size_t max)
{
    (void)position;
    return clo_event_stream_read(context, into, max);
}

static void on_free(void *context)
{
    clo_event_stream_kill(context);
    clo_event_stream_release(context);
}

struct MHD_Response *clo_event_stream_response(struct clo_event_stream *stream)
{
    /* The block size is what MHD's own reader buffer would hold; with chunks it is not used. */
    clo_event_stream_retain(stream);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_read, stream, on_free);
    if (!response)
        clo_event_stream_release(stream);
    return response;
}

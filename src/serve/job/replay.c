/* replay.c - readers of a background response's events, which lie in the store.
 *
 * A reader remembers the next sequence number and asks the store when its stream is empty. If there
 * is nothing yet, the stream sleeps until the reply notifies it. `ended` is read before the store
 * is asked, so that a last event written in between is not missed.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/protocol/events.h"
#include "serve/job/response_job.h"
#include "serve/store/store.h"

struct clo_subscriber {
    struct clo_server *server;
    struct clo_reply *reply; /* reference; NULL: not in flight */
    struct clo_feed *stream; /* not a reference: the stream owns this */
    char id[CLO_SERVE_NAME_MAX + 1];
    uint64_t next_sequence;
    bool broken; /* an error event was sent */
    struct clo_subscriber *next;
};

static enum clo_feed_next fail(struct clo_subscriber *reader, char **text, size_t *length)
{
    struct clo_problem problem;
    clo_problem_internal(&problem);
    *text = clo_events_error(reader->next_sequence, &problem);
    *length = *text ? strlen(*text) : 0;
    reader->broken = true;
    return *text ? CLO_FEED_EVENT : CLO_FEED_OVER;
}

static enum clo_feed_next next(void *context, char **text, size_t *length)
{
    struct clo_subscriber *reader = context;
    bool ended = !reader->reply || atomic_load(&reader->reply->ended);
    if (reader->broken)
        return CLO_FEED_OVER;
    uint64_t sequence = reader->next_sequence;
    int status = clo_store_event(reader->server->store, reader->id, &sequence, text, length);
    if (status == CLO_ENOTFOUND)
        return ended ? CLO_FEED_OVER : CLO_FEED_QUIET;
    if (status < 0)
        return fail(reader, text, length);
    reader->next_sequence = sequence + 1;
    return CLO_FEED_EVENT;
}

static void release(void *context)
{
    struct clo_subscriber *reader = context;
    if (reader->reply) {
        pthread_mutex_lock(&reader->reply->lock);
        struct clo_subscriber **at = &reader->reply->subscribers;
        while (*at && *at != reader)
            at = &(*at)->next;
        if (*at)
            *at = reader->next;
        pthread_mutex_unlock(&reader->reply->lock);
        clo_reply_release(reader->reply);
    }
    free(reader);
}

struct clo_feed *clo_reply_replay(struct clo_server *server, struct clo_reply *reply,
                                  const char *id, uint64_t from, struct MHD_Connection *connection)
{
    struct clo_subscriber *reader = calloc(1, sizeof *reader);
    struct clo_feed_source source = {next, release, reader};
    struct clo_feed *stream =
        reader ? clo_feed_create(connection, CLO_SERVE_STALL_MS, &source) : NULL;
    if (!stream) {
        free(reader);
        return NULL;
    }
    reader->server = server;
    reader->stream = stream;
    reader->next_sequence = from;
    clo_name_copy(reader->id, id);
    if (reply) {
        clo_reply_retain(reply);
        reader->reply = reply;
        pthread_mutex_lock(&reply->lock);
        reader->next = reply->subscribers;
        reply->subscribers = reader;
        pthread_mutex_unlock(&reply->lock);
    }
    /* cppcheck-suppress memleak ; the feed owns the reader, by its source */
    return stream;
}

void clo_reply_notify(struct clo_reply *reply)
{
    pthread_mutex_lock(&reply->lock);
    for (struct clo_subscriber *reader = reply->subscribers; reader; reader = reader->next)
        clo_feed_wake(reader->stream);
    pthread_mutex_unlock(&reply->lock);
}

/* replay.c - readers of a background response's events, which lie in the store.
 *
 * A reader remembers the next sequence number and asks the store when its stream is empty. If there
 * is nothing yet, the stream sleeps until the job notifies it. `ended` is read before the store
 * is asked, so that a last event written in between is not missed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "serve/job/response_job.h"
#include "serve/protocol/events.h"
#include "serve/store/store.h"

struct clo_subscriber {
    struct clo_server *server;
    struct clo_response_job *job;    /* reference; NULL: not in flight */
    struct clo_event_stream *stream; /* not a reference: the stream owns this */
    char id[CLO_NAME_BYTES_MAX + 1];
    uint64_t next_sequence;
    bool broken; /* an error event was sent */
    LIST_ENTRY(clo_subscriber) entry;
};

static enum clo_event_stream_next fail(struct clo_subscriber *reader, char **text, size_t *length)
{
    struct clo_problem problem;
    clo_problem_internal(&problem);
    *text = clo_events_error(reader->next_sequence, &problem);
    *length = *text ? strlen(*text) : 0;
    reader->broken = true;
    return *text ? CLO_EVENT_STREAM_EVENT : CLO_EVENT_STREAM_OVER;
}

static enum clo_event_stream_next next(void *context, char **text, size_t *length)
{
    struct clo_subscriber *reader = context;
    bool ended = !reader->job || atomic_load(&reader->job->ended);
    if (reader->broken)
        return CLO_EVENT_STREAM_OVER;
    uint64_t sequence = reader->next_sequence;
    int status = clo_store_event(reader->server->store, reader->id, &sequence, text, length);
    if (status == CLO_ENOTFOUND)
        return ended ? CLO_EVENT_STREAM_OVER : CLO_EVENT_STREAM_QUIET;
    if (status < 0)
        return fail(reader, text, length);
    reader->next_sequence = sequence + 1;
    return CLO_EVENT_STREAM_EVENT;
}

static void release(void *context)
{
    struct clo_subscriber *reader = context;
    if (reader->job) {
        pthread_mutex_lock(&reader->job->lock);
        LIST_REMOVE(reader, entry);
        pthread_mutex_unlock(&reader->job->lock);
        clo_response_job_release(reader->job);
    }
    free(reader);
}

struct clo_event_stream *clo_response_job_replay(struct clo_server *server,
                                                 struct clo_response_job *job, const char *id,
                                                 uint64_t from, struct MHD_Connection *connection)
{
    struct clo_subscriber *reader = calloc(1, sizeof *reader);
    struct clo_event_stream_source source = {next, release, reader};
    struct clo_event_stream *stream =
        reader ? clo_event_stream_create(connection, CLO_SERVE_STALL_MS, &source) : NULL;
    if (!stream) {
        free(reader);
        return NULL;
    }
    reader->server = server;
    reader->stream = stream;
    reader->next_sequence = from;
    clo_name_copy(reader->id, id);
    if (job) {
        clo_response_job_retain(job);
        reader->job = job;
        pthread_mutex_lock(&job->lock);
        LIST_INSERT_HEAD(&job->subscribers, reader, entry);
        pthread_mutex_unlock(&job->lock);
    }
    /* cppcheck-suppress memleak ; the stream owns the reader, by its source */
    return stream;
}

void clo_response_job_notify(struct clo_response_job *job)
{
    struct clo_subscriber *reader;
    pthread_mutex_lock(&job->lock);
    LIST_FOREACH(reader, &job->subscribers, entry)
        clo_event_stream_wake(reader->stream);
    pthread_mutex_unlock(&job->lock);
}

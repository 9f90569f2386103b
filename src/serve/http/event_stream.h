/* serve/http/event_stream.h - one event stream on its way to one client.
 *
 *   job   ─ push (waits while full) ─▶ [ queue, CLO_EVENT_STREAM_QUEUE_MAX ] ─ HTTP thread ▶ client
 *   store ─ source (asked when empty) ─────────────────▲
 *
 * An event leaves in one chunk of its own, so that a client's read gets it whole; one that is
 * longer than the connection's memory (CLO_SERVE_CONNECTION_MEMORY) takes several. While there is
 * nothing to send the connection is suspended. A slow reader makes push wait; one that has read
 * nothing for CLO_SERVE_STALL_MS is cut. Counted: the creator has one reference, the HTTP response
 * another. Every function is thread-safe.
 */
#ifndef CLO_SERVE_HTTP_EVENT_STREAM_H
#define CLO_SERVE_HTTP_EVENT_STREAM_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLO_EVENT_STREAM_QUEUE_MAX (256u << 10) /* bytes; a single longer event is let in alone */

struct clo_event_stream;

/* Gives the next event, owned by the caller. Called with the stream's lock held. */
enum clo_event_stream_next {
    CLO_EVENT_STREAM_EVENT,
    CLO_EVENT_STREAM_QUIET,
    CLO_EVENT_STREAM_OVER
};
struct clo_event_stream_source {
    enum clo_event_stream_next (*next)(void *context, char **text, size_t *length);
    void (*release)(void *context); /* when the stream is freed */
    void *context;
};

/* NULL when out of memory. `source` may be NULL: events come by push and end by end. */
struct clo_event_stream *clo_event_stream_create(struct MHD_Connection *connection,
                                                 unsigned stall_ms,
                                                 const struct clo_event_stream_source *source);
void clo_event_stream_release(struct clo_event_stream *stream); /* NULL is allowed */
void clo_event_stream_retain(struct clo_event_stream *stream);

/* 0, or CLO_ECANCELLED: the client is gone or was cut. */
int clo_event_stream_push(struct clo_event_stream *stream, const char *text, size_t length);
/* "data: [DONE]", then the end of the body. */
void clo_event_stream_end(struct clo_event_stream *stream, bool mark);

/* The source has something new. False: the client is gone or was cut. */
bool clo_event_stream_wake(struct clo_event_stream *stream);

/* Cut it: nothing more is sent, push fails. */
void clo_event_stream_kill(struct clo_event_stream *stream);

/* The connection is no more; kill, and never touch it again. */
void clo_event_stream_detach(struct clo_event_stream *stream);

/* Called now and then: a stream that was quiet for so long sends a comment. */
void clo_event_stream_tick(struct clo_event_stream *stream, uint64_t now_ns, unsigned keepalive_ms);

/* The HTTP response that reads from it; holds a reference. NULL when out of memory. */
struct MHD_Response *clo_event_stream_response(struct clo_event_stream *stream);

/* The next bytes for the client, as the HTTP response's reader: > 0 bytes, 0 nothing now (then the
 * connection was suspended), or MHD_CONTENT_READER_END_OF_STREAM / _END_WITH_ERROR. */
ssize_t clo_event_stream_read(struct clo_event_stream *stream, char *into, size_t max);

#endif

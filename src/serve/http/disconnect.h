/* serve/http/disconnect.h - the watch: one thread that looks after connections that the HTTP
 * library is not looking at.
 *
 * A suspended connection is not read by the library, so a client that goes away would not be
 * noticed: the watch polls its descriptor for that alone, tells the answerer and cuts the stream.
 * The same thread sends comments on quiet streams.
 *
 * A client that only shuts down its sending side counts as gone.
 */
#ifndef CLO_SERVE_HTTP_DISCONNECT_H
#define CLO_SERVE_HTTP_DISCONNECT_H

#include <stdint.h>

#include "cloche/error.h"

struct clo_event_stream;
struct clo_disconnect_watch;

/* Who answers an exchange later: a response job. Every call is thread-safe and must not call
 * back. */
struct clo_answerer {
    const struct clo_answerer_calls {
        void (*retain)(void *context);
        void (*release)(void *context);
        void (*client_gone)(void *context);      /* stop, nobody will read the answer */
        const char *(*outcome)(void *context);   /* static, for the log: how it ended, or goes on */
        const char *(*isolation)(void *context); /* static, for the log: the wall around the code
                                                    that ran; NULL: none ran, or not yet */
    } * calls;                                   /* NULL: nobody */
    void *context;
};

typedef uint64_t clo_disconnect_watch_id; /* 0: none */

/* At most `capacity` connections at once. One lock guards them all; answerers and streams are told
 * under it. */
int clo_disconnect_watch_create(struct clo_disconnect_watch **watch, unsigned capacity,
                                unsigned keepalive_ms, struct clo_error *error);
void clo_disconnect_watch_destroy(struct clo_disconnect_watch *watch);

/* From now on, if the client goes away, tell the answerer (copied, and held; NULL: there is none).
 * Returns 0 when it cannot be watched, which is logged. */
clo_disconnect_watch_id clo_disconnect_watch_add(struct clo_disconnect_watch *watch, int descriptor,
                                                 const struct clo_answerer *answerer);

/* The connection now carries this stream; a reference is held. */
void clo_disconnect_watch_stream(struct clo_disconnect_watch *watch, clo_disconnect_watch_id id,
                                 struct clo_event_stream *stream);

/* Before the descriptor is closed. After this returns neither answerer nor stream is touched. */
void clo_disconnect_watch_remove(struct clo_disconnect_watch *watch, clo_disconnect_watch_id id);

/* The server ends: cut every stream, and those that come later. */
void clo_disconnect_watch_cut(struct clo_disconnect_watch *watch);

#endif

/* serve/http/disconnect.h - one thread that looks after connections the HTTP library is not looking at.
 *
 * A suspended connection is not read by the library, so a client that goes away would not be
 * noticed: the watch polls its descriptor for that alone, cancels the reply it is told of and cuts
 * the stream. The same thread sends comments on quiet streams.
 *
 * A client that only shuts down its sending side counts as gone.
 */
#ifndef CLO_SERVE_WATCH_H
#define CLO_SERVE_WATCH_H

#include <stdint.h>

#include "cloche/error.h"

struct clo_reply;
struct clo_feed;
struct clo_watch;

typedef uint64_t clo_watch_id; /* 0: none */

/* At most `capacity` connections at once. */
int clo_watch_create(struct clo_watch **watch, unsigned capacity, unsigned keepalive_ms,
                     struct clo_error *error);
void clo_watch_destroy(struct clo_watch *watch);

/* From now on, if the client goes away, cancel the reply (may be NULL; a reference is held).
 * Returns 0 when it cannot be watched, which is logged. */
clo_watch_id clo_watch_add(struct clo_watch *watch, int descriptor, struct clo_reply *reply);

/* The connection now carries this stream; a reference is held. */
void clo_watch_stream(struct clo_watch *watch, clo_watch_id id, struct clo_feed *stream);

/* Before the descriptor is closed. After this returns neither reply nor stream is touched. */
void clo_watch_remove(struct clo_watch *watch, clo_watch_id id);

/* The server ends: cut every stream, and those that come later. */
void clo_watch_cut(struct clo_watch *watch);

#endif

/* base/thread/cancel.h - what the library's own waits need of a struct clo_cancel.
 *
 * A wait on descriptors polls clo_cancel_fd; code that cannot poll registers a watch, which is
 * called once, on the triggering thread, when the token is triggered (at once if it already is).
 */
#ifndef CLO_BASE_THREAD_CANCEL_H
#define CLO_BASE_THREAD_CANCEL_H

#include <sys/queue.h>

#include "cloche/cancel.h"

struct clo_cancel_watch {
    void (*wake)(void *context); /* must not call back into the token */
    void *context;
    LIST_ENTRY(clo_cancel_watch) entry; /* the token's list; the caller leaves it alone */
};

int clo_cancel_fd(const struct clo_cancel *cancel); /* readable once triggered; -1 for NULL */
void clo_cancel_add(struct clo_cancel *cancel, struct clo_cancel_watch *watch);

/* The watch was added. After this returns, wake is not running and will not be called. NULL token:
 * nothing. */
void clo_cancel_remove(struct clo_cancel *cancel, struct clo_cancel_watch *watch);

#endif

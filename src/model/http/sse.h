/* model/http/sse.h - a parser for server-sent events (WHATWG HTML, section 9.2.6) that is fed as
 * bytes arrive, cut anywhere.
 *
 * Lines end with LF, CR or CRLF; "data" lines are joined by LF; comments, "id" and "retry" are
 * skipped; an event whose final blank line is missing at the end is dropped unless its last line
 * was ended. `data: [DONE]`, which ends a stream of the OpenAI protocols, is reported as such, and
 * what follows it is ignored.
 */
#ifndef CLO_MODEL_HTTP_SSE_H
#define CLO_MODEL_HTTP_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define CLO_SSE_TYPE_MAX 128 /* an event type that is longer is cut */

struct clo_sse {
    /* 0: go on; anything else stops and is returned. `data` NULL: [DONE]. */
    int (*event)(void *context, const char *type, const char *data, size_t length);
    void *context;
    struct clo_buffer line, data;
    char type[CLO_SSE_TYPE_MAX];
    bool has_data, after_cr, started, done;
};

/* `most`: bytes of one event; CLO_ELIMIT beyond it. */
void clo_sse_init(struct clo_sse *sse, size_t most,
                  int (*event)(void *, const char *, const char *, size_t), void *context);
int clo_sse_feed(struct clo_sse *sse, const char *bytes, size_t length);
int clo_sse_finish(struct clo_sse *sse); /* the stream ended */
void clo_sse_clear(struct clo_sse *sse);

#endif

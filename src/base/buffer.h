/* base/buffer.h - a growing byte buffer with a ceiling.
 *
 * `data` is always NUL-terminated when not NULL and owned by the buffer. Once an append does not
 * fit below `limit` or memory runs out, the buffer is marked `failed`, keeps what it had, and every
 * later append fails too: check once at the end. Zero-initialise with CLO_BUFFER(limit).
 */
#ifndef CLO_BASE_BUFFER_H
#define CLO_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/error.h"

struct clo_buffer {
    char *data;
    size_t length, capacity;
    size_t limit; /* bytes that `length` may not pass */
    bool failed;
    bool no_memory; /* and that is why */
};

#define CLO_BUFFER(ceiling) ((struct clo_buffer){.limit = (ceiling)})

int clo_buffer_append(struct clo_buffer *buffer, const void *data, size_t length);
/* Have room for `more` bytes behind those that are there; who writes them adds to `length`. Fails as
 * an append of as many does. */
int clo_buffer_reserve(struct clo_buffer *buffer, size_t more);
int clo_buffer_text(struct clo_buffer *buffer, const char *text);
int clo_buffer_format(struct clo_buffer *buffer, const char *format, ...) CLO_PRINTF(2, 3);
/* Empty it and forget that it failed; keep the memory. What failed must have been looked at. */
void clo_buffer_reset(struct clo_buffer *buffer);
/* The same, and leave none of its bytes in memory. */
void clo_buffer_wipe(struct clo_buffer *buffer);
void clo_buffer_free(struct clo_buffer *buffer);

/* Take the bytes (the caller frees them); the buffer is empty afterwards. Never NULL unless failed
 * or out of memory. */
char *clo_buffer_take(struct clo_buffer *buffer, size_t *length);

#endif

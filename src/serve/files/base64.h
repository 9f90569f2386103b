/* serve/files/base64.h - base64 (RFC 4648) as clients send it, and as models are sent images. */
#ifndef CLO_SERVE_FILES_BASE64_H
#define CLO_SERVE_FILES_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/error.h"

/* Well-formed, padded, with line breaks or blanks wherever. */
bool clo_base64_ok(const char *text, size_t length);

/* Hand the bytes of well-formed base64 to `put`, some KiB at a time, until it returns not 0, which is
 * returned. CLO_EINVALID: it is not well-formed. CLO_ENOMEMORY. */
int clo_base64_decode(const char *text, size_t length,
                      int (*put)(void *context, const void *data, size_t length), void *context);

/* The base64 of `length` bytes without line breaks, behind `head`. The caller frees it; NULL: out of
 * memory. */
char *clo_base64_encode(const char *head, const void *data, size_t length);

#endif

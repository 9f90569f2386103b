/* base/error.h - filling struct clo_error.
 *
 * The functions return the code they were given, so that a failure is one line:
 *     return clo_fail(error, CLO_EINVALID, "port %d is not in 1..65535", port);
 * `error` may be NULL everywhere.
 */
#ifndef CLO_BASE_ERROR_H
#define CLO_BASE_ERROR_H

#include "cloche/error.h"

int clo_fail(struct clo_error *error, enum clo_status code, const char *format, ...)
    CLO_PRINTF(3, 4);

/* Like clo_fail, with ": <strerror(errno)>" appended; errno is left as it was. */
int clo_fail_errno(struct clo_error *error, enum clo_status code, const char *format, ...)
    CLO_PRINTF(3, 4);

/* Set the remedy of an error that is already filled; returns error's code (or `code`). */
int clo_hint(struct clo_error *error, enum clo_status code, const char *format, ...)
    CLO_PRINTF(3, 4);

int clo_fail_memory(struct clo_error *error); /* CLO_ENOMEMORY, "out of memory" */

#endif

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

/* clang's analyzer sees one file at a time: let it know that a failure's status is its code. */
#ifdef __clang_analyzer__
#define clo_fail(error, code, ...) ((clo_fail)(error, code, __VA_ARGS__), (int)(code))
#define clo_fail_errno(error, code, ...) ((clo_fail_errno)(error, code, __VA_ARGS__), (int)(code))
#define clo_hint(error, code, ...) ((clo_hint)(error, code, __VA_ARGS__), (int)(code))
#define clo_fail_memory(error) ((clo_fail_memory)(error), (int)CLO_ENOMEMORY)
#endif

#endif

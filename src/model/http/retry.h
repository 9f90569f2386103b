/* model/http/retry.h - whether a failed attempt at a model's server is followed by another, and
 * when.
 *
 * Pure: no clock, no socket, no memory, no state. Callable from any thread.
 */
#ifndef CLO_MODEL_HTTP_RETRY_H
#define CLO_MODEL_HTTP_RETRY_H

#include <stdint.h>

#define CLO_RETRY_MAX 2          /* attempts after the first */
#define CLO_RETRY_BACKOFF_MS 400 /* before the first retry; doubled for each further one */
#define CLO_RETRY_BUDGET_MS                                                                        \
    60000 /* from the first attempt's start to the last one's, unless told otherwise */
#define CLO_RETRY_NO_CONNECTION 0 /* nothing came, and it may do so the next time */

enum clo_retry_word { CLO_RETRY_SILENT = 0, CLO_RETRY_YES, CLO_RETRY_NO }; /* x-should-retry */

/* An attempt of whose answer nothing has been handed on. */
struct clo_retry_attempt {
    unsigned number; /* 0: the first */
    long status;     /* of HTTP, or CLO_RETRY_NO_CONNECTION */
    int64_t
        after_ms; /* by Retry-After or retry-after-ms; 0 or less: the server asked for nothing */
    uint8_t dice; /* any number: spreads clients that failed at the same moment */
    uint64_t left_ms;         /* of the budget */
    enum clo_retry_word word; /* what the server says of it */
};

/* Milliseconds to wait before the next attempt, less than left_ms; -1: give up. A wait that the
 * server asks for is kept exactly; else the pause grows by up to a quarter. */
int64_t clo_retry_wait(const struct clo_retry_attempt *attempt);

#endif

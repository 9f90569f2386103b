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
#define CLO_RETRY_AFTER_MAX_S 30 /* seconds that a server may ask us to wait */
#define CLO_RETRY_NO_CONNECTION 0

/* An attempt of whose answer nothing has been handed on. */
struct clo_retry_attempt {
    unsigned number; /* 0: the first */
    long status;     /* of HTTP, or CLO_RETRY_NO_CONNECTION: it was refused */
    int64_t after_s; /* seconds by Retry-After; 0 or less: the server asked for nothing */
    uint8_t dice;    /* any number: spreads clients that failed at the same moment */
};

/* Milliseconds to wait before the next attempt, from 0 to CLO_RETRY_AFTER_MAX_S * 1000; -1: give
 * up. A wait that the server asks for is kept exactly; else the pause grows by up to a quarter. */
int clo_retry_wait(const struct clo_retry_attempt *attempt);

#endif

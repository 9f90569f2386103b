/* serve/log.h - structured lines on stderr, one JSON object each, written whole.
 *
 * Never a prompt, code, a tool's data or a credential. Thread-safe.
 */
#ifndef CLO_SERVE_LOG_H
#define CLO_SERVE_LOG_H

#include <stdint.h>

#include "cloche/error.h"

/* The end of a request. Text may be NULL or empty: the field is then left out. */
struct clo_log_request {
    const char *method, *path, *request_id, *trace_id, *response_id, *outcome;
    const char *isolation; /* the wall around the code that ran for it */
    unsigned status;
    uint64_t milliseconds;
};

void clo_log_request(const struct clo_log_request *request);

/* `event` is a short constant; the message is for the operator. */
void clo_log_event(const char *level, const char *event, const char *format, ...) CLO_PRINTF(3, 4);

#endif

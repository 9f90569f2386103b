/* serve/protocol/problem.h - what a client is told when a request fails.
 *
 * A problem is filled where the failure is found, and becomes the body
 * {"error": {"message", "type", "code", "param"}} in one place. The type follows from the status.
 */
#ifndef CLO_SERVE_PROTOCOL_PROBLEM_H
#define CLO_SERVE_PROTOCOL_PROBLEM_H

#include <jansson.h>

#include "cloche/error.h"

struct clo_problem {
    unsigned status;      /* HTTP */
    unsigned retry_after; /* seconds; 0: no header */
    char code[40];        /* "" becomes null */
    char param[128];      /* "" becomes null */
    char message[768];
};

/* All return CLO_EINVALID, so that a refusal is one line. `param` and `code` may be NULL. */
int clo_problem_set(struct clo_problem *problem, unsigned status, const char *code,
                    const char *param, const char *format, ...) CLO_PRINTF(5, 6);
int clo_problem_response_missing(struct clo_problem *problem, const char *id);
/* 500 without details, which belong in the log. */
int clo_problem_internal(struct clo_problem *problem);

/* The body; NULL when out of memory. */
json_t *clo_problem_json(const struct clo_problem *problem);

#endif

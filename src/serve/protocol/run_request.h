/* serve/protocol/run_request.h - POST /runs: a request's JSON into a struct clo_run.
 *
 * These requests are nobody's protocol but ours, so a field that is not known is refused: a limit that
 * is misspelt must not be one that does not hold. Every refusal names the field, the value found and
 * what would be right. */
#ifndef CLO_SERVE_PROTOCOL_RUN_REQUEST_H
#define CLO_SERVE_PROTOCOL_RUN_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "cloche/sandbox.h"
#include "serve/protocol/problem.h"
#include "serve/protocol/user.h"

#define CLO_RUN_CODE_MAX (4u << 20) /* bytes of source */
#define CLO_RUN_NAME_MAX 1024       /* bytes */

#define CLO_RUN_FILES_MAX CLO_SANDBOX_MOUNTS_MAX

struct clo_run_file { /* one that was uploaded */
    const char *id;
    const char *path; /* where it stands; NULL: /input and its name */
};

struct clo_run_request {
    json_t *body;           /* what the others point into */
    const char **arguments; /* likewise */
    struct clo_run_file *files;
    size_t file_count;
    struct clo_run run; /* without mounts, cancel and on_output */
    bool stream;
    bool session;                /* its state lasts */
    char user[CLO_USER_MAX + 1]; /* whose it is, see user.h; of the headers */
    const char *previous;        /* the run that it goes on from; NULL: none, the session begins */
};

/* `isolation`: the wall that there is; a request may ask for no other. After an error the request is
 * empty. CLO_EINVALID: the problem says why. */
int clo_run_request_parse(struct clo_run_request *request, const char *text, size_t length,
                          const char *isolation, struct clo_problem *problem);
void clo_run_request_clear(struct clo_run_request *request);

#endif

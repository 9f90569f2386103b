/* serve/protocol/request.h - POST /responses: what a client asked for, checked. Read this first.
 *
 *   a body ─▶ request, request_input, request_tools ─▶ struct clo_request ─▶ (a turn)
 *             each field by field.h; a refusal is a problem                     │ item events
 *   SSE   ◀─ events   ◀─ output_filter: in the form that the client reads ◀─────┤
 *   JSON  ◀─ response ◀─ output_filter ◀────────────────────────────────────────┘ output
 *
 * What is always true of this room
 * - It makes JSON of JSON. No thread, no socket, no store, no lock: whoever calls has its objects
 *   on one thread, but for a base response, which never changes and is copied by many.
 * - Everything in a parsed request has its right type and range; unknown fields are ignored, as
 *   clients are ahead of servers. Borrowed pointers point into `body`.
 * - A refusal names the parameter, the value found and what would be right.
 */
#ifndef CLO_SERVE_PROTOCOL_REQUEST_H
#define CLO_SERVE_PROTOCOL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/id.h"
#include "cloche/serve.h"
#include "serve/protocol/problem.h"
#include "serve/protocol/trace.h"
#include "serve/protocol/user.h"

#define CLO_REQUEST_ITEMS_MAX 4096 /* entries of input */
#define CLO_REQUEST_PARTS_MAX 1024 /* parts of one item's content */
#define CLO_REQUEST_TOOLS_MAX 128
#define CLO_REQUEST_METADATA_MAX 16 /* pairs; keys of 64, values of 512 characters */
#define CLO_REQUEST_ID_MAX 256      /* bytes of an item's id or call_id */

/* What the runs of a request begin with. */
enum clo_request_state {
    CLO_REQUEST_STATE_AGENT, /* it does not say: as the agent's sandbox.state does */
    CLO_REQUEST_STATE_CLEAN,
    CLO_REQUEST_STATE_SESSION,
};

struct clo_request {
    json_t *body;             /* the object as sent; owned */
    json_t *input;            /* array of items in their full form; owned; ids only where sent */
    json_t *options;          /* what is passed on to the model; owned */
    json_t *inline_files;     /* files that came within it, see files/intake.h; owned; NULL: none */
    json_t *client_tools;     /* array of function tools in their full form, and of hosted ones as
                                 sent (model/hosted_tool.h); owned; NULL: none */
    const char *instructions; /* or NULL */
    const char *previous;     /* previous_response_id, or NULL */
    char conversation[CLO_NAME_BYTES_MAX + 1]; /* "" : none */
    char session[CLO_NAME_BYTES_MAX + 1];      /* agent_session_id, "": none */
    char user[CLO_USER_MAX + 1];               /* whose it is, see user.h; of the headers */
    bool stream, store, background, truncate;
    bool invocation;              /* its client speaks that protocol, see invocation.h */
    enum clo_request_state state; /* "sandbox": {"state": …} */
    enum clo_serve_items items;   /* see output_filter.h; set by who read the headers */
    unsigned max_tool_calls;      /* 0: no limit */
    char traceparent[CLO_TRACE_PARENT_MAX + 1]; /* see trace.h; of the headers; "": none */
};

/* Zero-initialise; clear after success and after failure. */
int clo_request_parse(struct clo_request *request, const char *text, size_t length,
                      struct clo_problem *problem);
void clo_request_clear(struct clo_request *request);

/* The parts, each with its own file (request_input.c, request_tools.c). */
int clo_request_input(const json_t *body, json_t **items, struct clo_problem *problem);
int clo_request_tools(const json_t *body, json_t **tools, struct clo_problem *problem);
/* `without`: as clo_model_without_tools. Where that is not NULL, hosted tools are refused by name. */
int clo_request_check_hosted(const struct clo_request *request, const char *without,
                             struct clo_problem *problem);
int clo_request_tool_choice(const json_t *body, const json_t *tools, struct clo_problem *problem);

#endif

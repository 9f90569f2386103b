/* serve/protocol/output_filter.h - which part of the agent's work a client is shown.
 *
 * By default all of it: the agent's calls of execute_code, their outputs, reasoning, messages. Some
 * clients take every function_call for one that they must carry out themselves, or refuse a
 * response that holds a function_call_output. They get the answer only: messages, and calls of
 * their own tools. A client chooses by the header "x-cloche-output: all" or "answer"; without it,
 * those that are known to need it are recognised by their User-Agent. The store always has it all.
 */
#ifndef CLO_SERVE_PROTOCOL_OUTPUT_FILTER_H
#define CLO_SERVE_PROTOCOL_OUTPUT_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "model/model.h"
#include "serve/protocol/problem.h"

/* Both values may be NULL. *answer_only is set; a wrong header is a problem. */
int clo_output_filter_choose(const char *header, const char *user_agent, bool *answer_only,
                             struct clo_problem *problem);

/* The output as it is for the answer only; a new reference, NULL when out of memory. `tools` are
 * the client's own, or NULL. */
json_t *clo_output_filter_output(const json_t *output, const json_t *tools);

/* A sink that passes on what such a client is shown; for struct clo_item_sink. */
struct clo_output_filter {
    struct clo_item_sink next;
    const json_t *tools;
    bool hidden; /* the open item is */
};
void clo_output_filter_item(void *context, const struct clo_item_event *event);

#endif

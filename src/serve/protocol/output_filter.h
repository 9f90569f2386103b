/* serve/protocol/output_filter.h - the form in which a client is shown the agent's own work.
 *
 *   agent's items          mcp (default)              calls                   answer
 *   reasoning              reasoning                  reasoning               -
 *   function_call ──┐      mcp_call ◀─ joined         function_call           -
 *   message         │      message                    message                 message
 *   f._c._output ◀──┘      -                          function_call_output    -
 *
 * Calls of the client's own tools are function_call in every form. Most clients answer each
 * function_call that they see; an mcp_call is work that the server has done. Agent Framework reads
 * "calls". The agent, the store and the model know the left column alone: this is a translation of
 * item events (or of stored items, as events) on their way to a client, and nothing else.
 *
 * An mcp_call has the id of its function_call, with another prefix, so that either is found from
 * the other. In a stream it is open until its output is there; what the agent reports in between
 * waits, since items do not overlap. Outputs come in the order of their calls.
 */
#ifndef CLO_SERVE_PROTOCOL_OUTPUT_FILTER_H
#define CLO_SERVE_PROTOCOL_OUTPUT_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "cloche/serve.h"
#include "model/model.h"
#include "serve/protocol/problem.h"

#define CLO_OUTPUT_FILTER_LABEL_MAX 64 /* bytes of server_label */
#define CLO_OUTPUT_FILTER_CALL_PREFIX "fc_"
#define CLO_OUTPUT_FILTER_MCP_PREFIX "mcp_"

/* The form that the header x-cloche-items asks for, else `otherwise`. `old` is the value of
 * x-cloche-output, which is refused with the new name. Both may be NULL. */
int clo_output_filter_choose(const char *header, const char *old, enum clo_serve_items otherwise,
                             enum clo_serve_items *items, struct clo_problem *problem);

/* A server_label of the agent's name: a letter, then letters, digits, '-' and '_'. */
void clo_output_filter_label(char label[CLO_OUTPUT_FILTER_LABEL_MAX + 1], const char *name);

/* What a client is shown. Borrowed; must outlive what uses it. */
struct clo_output_filter_view {
    enum clo_serve_items items;
    const char *label;   /* server_label */
    const json_t *tools; /* the client's own, or NULL */
};

/* Stored or finished output in that form; a new reference, NULL when out of memory. */
json_t *clo_output_filter_output(const struct clo_output_filter_view *view, const json_t *output);

/* A sink that passes on the agent's item events in that form; for struct clo_item_sink. */
struct clo_output_filter {
    struct clo_output_filter_view view;
    struct clo_item_sink next;
    enum clo_output_filter_open { /* how the open item is shown */
                                  CLO_OUTPUT_FILTER_SHOWN,
                                  CLO_OUTPUT_FILTER_HIDDEN,
                                  CLO_OUTPUT_FILTER_MCP
    } open;
    json_t *call;    /* the mcp_call whose output is awaited; NULL: none */
    json_t *call_id; /* of its function_call */
    TAILQ_HEAD(clo_output_filter_events, clo_output_filter_event) waiting; /* what came meanwhile */
    bool failed; /* out of memory; events were lost */
};
void clo_output_filter_init(struct clo_output_filter *filter,
                            const struct clo_output_filter_view *view,
                            const struct clo_item_sink *next);
void clo_output_filter_item(void *context, const struct clo_item_event *event);
/* After the last event: what still waits is passed on. Frees what it holds. */
void clo_output_filter_end(struct clo_output_filter *filter);

#endif

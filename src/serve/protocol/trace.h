/* serve/protocol/trace.h - the trace that a request belongs to: W3C Trace Context, the header
 * traceparent.
 *
 *     00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *     version  trace id                   parent id        flags
 *
 * No spans are recorded here, so it is passed on to the model's server with the parent that it came
 * with; its trace id stands in the log line of the request. A header that is not valid counts as
 * none (section 3.2.2 and 3.2.4 of the recommendation).
 */
#ifndef CLO_SERVE_PROTOCOL_TRACE_H
#define CLO_SERVE_PROTOCOL_TRACE_H

#define CLO_TRACE_PARENT_MAX 55 /* characters */
#define CLO_TRACE_ID_MAX 32

/* What is passed on of the header (may be NULL), in version 00; "" if there is nothing valid. */
void clo_trace_take(const char *header, char parent[CLO_TRACE_PARENT_MAX + 1]);

/* The trace id of what was taken; "" of "". */
void clo_trace_id(const char *parent, char id[CLO_TRACE_ID_MAX + 1]);

#endif

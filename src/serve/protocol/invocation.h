/* serve/protocol/invocation.h - the invocations protocol of Foundry's hosted agents: one message in,
 * one text out.
 *
 *     {"message": "…", "options": {…}, "stream": false}  ─▶  a struct clo_request, whose conversation
 *                                                            is the session (?agent_session_id=)
 *     a response  ─▶  {"response": "…"}, or {"error": "…"}
 *     its text    ─▶  event: delta  data: {"text": "…"}         while it comes
 *                     event: done   data: {"session_id": "…"}   or
 *                     event: error  data: {"message", "code", "status"}
 *
 * Options have Agent Framework's names or those of the Responses protocol. Those that are the agent's
 * own business are refused, those that are not known ignored.
 */
#ifndef CLO_SERVE_PROTOCOL_INVOCATION_H
#define CLO_SERVE_PROTOCOL_INVOCATION_H

#include "serve/protocol/request.h"

/* As clo_request_parse; request->invocation is set. `session` is not "". */
int clo_invocation_parse(struct clo_request *request, const char *session, const char *text,
                         size_t length, struct clo_problem *problem);

/* The answer to a finished response, and its HTTP status. NULL: out of memory. */
json_t *clo_invocation_answer(const json_t *response, unsigned *status);

/* An error as the protocol has it. NULL: out of memory. */
json_t *clo_invocation_problem(const struct clo_problem *problem);

/* Events; the caller frees them. NULL: out of memory. `end`: done or error, by the response (NULL: it
 * was lost). */
char *clo_invocation_delta(const char *text, size_t length);
char *clo_invocation_end(const json_t *response, const char *session);

#endif

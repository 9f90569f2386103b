/* job_invocation.c - a response in the making whose client speaks the invocations protocol. */
#include <stdlib.h>
#include <string.h>

#include "serve/job/response_job.h"
#include "serve/protocol/invocation.h"

/* Takes the text; NULL: there was no memory for it. */
static void push(struct clo_event_stream *stream, char *text)
{
    if (text)
        clo_event_stream_push(stream, text, strlen(text));
    free(text);
}

void clo_job_invocation_item(void *context, const struct clo_item_event *event)
{
    if (event->kind == CLO_ITEM_TEXT && event->length > 0)
        push(context, clo_invocation_delta(event->delta, event->length));
}

void clo_job_invocation_end(struct clo_response_job *job, struct clo_event_stream *stream,
                            const json_t *response)
{
    push(stream, clo_invocation_end(response, job->request.session));
}

void clo_job_invocation_answer(struct clo_exchange *exchange, const json_t *response)
{
    unsigned status;
    json_t *answer = clo_invocation_answer(response, &status);
    if (status >= 500)
        exchange->error_source = "upstream";
    clo_exchange_json(exchange, status, answer);
}

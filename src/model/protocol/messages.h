/* model/protocol/messages.h - the two halves of a request to Anthropic's Messages API. */
#ifndef CLO_MODEL_PROTOCOL_MESSAGES_H
#define CLO_MODEL_PROTOCOL_MESSAGES_H

#include "model/model.h"

/* The history as messages in turn, of the user and of the assistant, and what the system says
 * (*system; NULL: nothing). CLO_EINVALID: content that the protocol has no form for; CLO_ELIMIT,
 * CLO_ENOMEMORY. */
int clo_messages_input(json_t **messages, json_t **system, const struct clo_model_request *request,
                       struct clo_error *error);

/* Put tools and options into the body. CLO_ENOMEMORY. */
int clo_messages_options(json_t *body, const struct clo_model_request *request);

#endif

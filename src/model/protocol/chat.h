/* model/protocol/chat.h - a request in Responses items as one of chat completions. */
#ifndef CLO_MODEL_PROTOCOL_CHAT_H
#define CLO_MODEL_PROTOCOL_CHAT_H

#include <jansson.h>

#include "cloche/error.h"
#include "model/model.h"

/* The messages for a history. Instructions and what of the system stands before the first message
 * of another become one system message. An assistant's text and calls between two results are one
 * message; each call is followed at once by its result, as the protocol demands, wherever that
 * stands in the items; a call without a result gets one that says so. No field is null and no list
 * is empty. CLO_EINVALID names a content part that has no form in this protocol. */
int clo_chat_messages(json_t **messages, const struct clo_model_request *request,
                      struct clo_error *error);

/* Tools, and options under this protocol's names, put into the body. `openai`: the server is
 * OpenAI's own, whose newer models want max_completion_tokens. CLO_ENOMEMORY. */
int clo_chat_options(json_t *body, const struct clo_model_request *request, bool openai);

#endif

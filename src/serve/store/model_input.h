/* serve/store/model_input.h - items of every kind as the four that models know: message,
 * function_call, function_call_output, reasoning.
 *
 *   mcp_call of execute_code   the function_call and function_call_output that it was made of
 *   item_reference             the stored item, then as that
 *   reasoning without content  nothing; so compaction and mcp_list_tools, which say nothing to a
 *                              model
 *   what hosted tools did      itself, where the request has such tools (model/hosted_tool.h)
 *   any other                  its content as the text of a message: of the assistant, or of the
 *                              user where the item is the client's answer to a call
 *
 * Clients send items back in many ways (without their null fields, with empty arguments, as a
 * reference): what is missing is filled in from the store where the id is known there. What the
 * client says itself comes first.
 */
#ifndef CLO_SERVE_STORE_MODEL_INPUT_H
#define CLO_SERVE_STORE_MODEL_INPUT_H

#include <jansson.h>

#include "serve/store/store.h"

#define CLO_MODEL_INPUT_TEXT_MAX 8192 /* bytes of one string of an item that becomes text */
#define CLO_MODEL_INPUT_BLOB_MAX 256  /* the same for ASCII without a blank: encoded data */

/* Append to `to` what a model is shown of `item` to a user. `hosted`: the request has hosted tools.
 * CLO_ENOTFOUND: a reference to what is not stored; CLO_ENOMEMORY, CLO_ESYSTEM. Then `to` may have a part of it. */
int clo_model_input_add(struct clo_store *store, const char *user, const json_t *item, bool hosted,
                        json_t *to);

/* The text of parts that are text and nothing else, joined by line breaks: every model's server reads
 * a string. Other parts are returned as they are. Takes `parts`. NULL: out of memory. */
json_t *clo_model_input_joined(json_t *parts);

/* The function_call and the function_call_output that the mcp_call of that id was made of; each
 * NULL where it is not stored. The caller owns them. */
int clo_model_input_run(struct clo_store *store, const char *user, const char *id, json_t **call,
                        json_t **output);

#endif

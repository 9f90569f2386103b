/* model/client.h - what a client for one protocol is, and what the clients share.
 *
 * What is always true
 * - A client is one function, `clo_NAME_call`, in a file of its own: request in, pieces to the item
 *   builder, usage and the end into the reply. It keeps nothing between calls, and shares a struct
 *   clo_model with the calls of other threads, which it only reads (but for `found`).
 * - model.c starts the builder before it, closes it after it, and takes the output: an item that
 *   the server did not finish is closed there, too.
 * - Network, retries and reading of streams are in http/; a client sees JSON.
 */
#ifndef CLO_MODEL_CLIENT_H
#define CLO_MODEL_CLIENT_H

#include <stdatomic.h>

#include "model/http/http_client.h"
#include "model/model.h"
#include "model/protocol/item_builder.h"
#include "model/script/script.h"

struct clo_model {
    enum clo_model_kind kind; /* never AUTO */
    bool or_chat;             /* RESPONSES, by AUTO, of a server that may have chat alone */
    atomic_int found; /* if or_chat: RESPONSES or CHAT once an answer has shown it, else AUTO */
    bool encrypted;   /* RESPONSES: reasoning comes back encrypted whenever that is asked for */
    bool in_vain;     /* SCRIPT, though the environment names a part of something else */
    char *name;
    char *description;
    char *chat_path;                   /* of chat completions; NULL: /chat/completions */
    struct clo_credential *credential; /* whose tokens `http` sends; NULL: none */
    struct clo_http_client *http;      /* RESPONSES, CHAT, ANTHROPIC */
    struct clo_script *script;         /* SCRIPT */
};

/* One call each, as clo_model_call; `builder` is started and closed there, and reply->output filled
 * from it. */
int clo_responses_call(struct clo_model *model, const struct clo_model_request *request,
                       struct clo_item_builder *builder, struct clo_model_reply *reply,
                       struct clo_error *error);
int clo_chat_call(struct clo_model *model, const struct clo_model_request *request,
                  struct clo_item_builder *builder, struct clo_model_reply *reply,
                  struct clo_error *error);
int clo_messages_call(struct clo_model *model, const struct clo_model_request *request,
                      struct clo_item_builder *builder, struct clo_model_reply *reply,
                      struct clo_error *error);
int clo_script_call(struct clo_model *model, const struct clo_model_request *request,
                    struct clo_item_builder *builder, struct clo_model_reply *reply,
                    struct clo_error *error);

/* The arguments of a function_call of the history as text that every server can read back: itself
 * where it is a JSON object, else {"unreadable": text}. A new string, NULL: out of memory. */
json_t *clo_client_arguments(const json_t *call);

/* A member that is there and not null, borrowed; else NULL: servers that take a field's absence
 * often refuse a null. */
json_t *clo_client_member(const json_t *object, const char *name);

/* The start of encrypted_content that stands for a thinking block of the Messages API: what follows
 * is the block's signature, or its data where it is redacted. No other protocol's server can read
 * it. */
#define CLO_CLIENT_THINKING "messages.thinking:"
#define CLO_CLIENT_REDACTED "messages.redacted:"

/* Copy the named options (NULL-terminated list) that are there and not null. */
int clo_client_options(json_t *body, const json_t *options, const char *const *names);

/* Take over what the call told: what the server refused with, if it did, the model that it names in
 * a header, what the log should say. */
void clo_client_told(struct clo_model_reply *reply, const struct clo_http_client_told *told);

/* Add a line for the operator's log. */
void clo_client_notice(struct clo_model_reply *reply, const char *level, const char *text);

/* The error of a server that reports a failure within its answer: CLO_EMODEL. */
int clo_client_failed(const struct clo_model *model, struct clo_model_reply *reply,
                      const json_t *where, struct clo_error *error);

/* Take over the names of the model and of the service tier from an answer that has them. */
void clo_client_served(struct clo_model_reply *reply, const json_t *answer);

/* The tier alone, from the object that has it. Words that the Responses protocol has not are left out. */
void clo_client_tier(struct clo_model_reply *reply, const json_t *object);

#endif

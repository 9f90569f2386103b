/* model/model.h - every model behind one interface. Read this first.
 *
 *   struct clo_model_request ─▶ model.c ─┬▶ protocol/responses.c ─┬▶ http/  json_call, http_client,
 *   (items)                      │       ├▶ protocol/chat.c      ─┤    │    retry, sse
 *                                │       ├▶ protocol/messages.c  ─┘    │
 *                 place.c: where │       └▶ script/  offline, YAML     └▶ credential/  tokens
 *   struct clo_model_reply   ◀─ item_builder.h ◀─ what comes, piece by piece
 *   (items)       and to the sink, as they grow
 *
 * What is always true
 * - The lingua franca is the Responses protocol's items as jansson values: `input` is an array of
 *   input items (message, function_call, function_call_output, reasoning, and what hosted tools
 *   did), replies are output items. A client for another protocol translates on its own side.
 * - A model may be used from many threads at once; each call blocks its thread. It does not change,
 *   but for one thing that it learns once: whether the server that AUTO found has the Responses API
 *   or chat completions alone (an atomic).
 * - While it answers, a model reports its items in order to a sink: ADDED (the skeleton), deltas,
 *   DONE (the whole item). Items do not overlap. Every ADDED is followed by a DONE, also on failure
 *   (status "incomplete").
 * - What a server sends is bounded, and what it says of a failure passes redact.h before a client
 *   is told.
 * - The only locks are that of the HTTP client's idle connections and that of a credential's token.
 */
#ifndef CLO_MODEL_MODEL_H
#define CLO_MODEL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/agent.h"
#include "cloche/cancel.h"
#include "cloche/error.h"
#include "model/credential/credential.h"

#define CLO_MODEL_REPLY_MAX (32u << 20)                        /* bytes of one reply */
#define CLO_MODEL_NOTICE_MAX (CLO_CREDENTIAL_NOTICE_MAX + 200) /* of what the log should say */

enum clo_item_event_kind {
    CLO_ITEM_ADDED,          /* item: type, id if known, role or name and call_id; content empty */
    CLO_ITEM_TEXT,           /* delta of a message's output_text */
    CLO_ITEM_REFUSAL,        /* delta of a message's refusal */
    CLO_ITEM_ARGUMENTS,      /* delta of a function_call's arguments */
    CLO_ITEM_REASONING,      /* delta of a reasoning item's summary text */
    CLO_ITEM_DONE,           /* item: complete */
    CLO_ITEM_ARGUMENTS_DONE, /* item: its arguments are whole; no model reports this, but who passes
                                items on to a stream (serve/protocol/output_filter.h) */
};

struct clo_item_event {
    enum clo_item_event_kind kind;
    const json_t *item; /* ADDED, DONE, ARGUMENTS_DONE; borrowed */
    const char *delta;  /* the others; UTF-8, whole characters, not NUL-terminated */
    size_t length;
};

struct clo_item_sink {
    void (*event)(void *context, const struct clo_item_event *event); /* may be NULL */
    void *context;
};

struct clo_model_request {
    const char *instructions; /* may be NULL */
    const json_t *input;      /* array of items, never empty */
    const json_t *tools;      /* array of {type: "function", name, description, parameters, strict},
                              and of hosted ones (hosted_tool.h) as the client gave them */
    const json_t *options;    /* object or NULL: temperature, top_p, max_output_tokens, tool_choice,
                              parallel_tool_calls, reasoning, text … passed on where they exist */
    const char *traceparent;  /* W3C trace context, sent to the model's server; or NULL */
    struct clo_cancel *cancel;
};

struct clo_usage_tokens {
    uint64_t input, cached, output, reasoning;
};

struct clo_model_reply {
    json_t *output; /* array of items, owned by the reply: message, function_call, reasoning */
    struct clo_usage_tokens usage;
    const char *incomplete;   /* static: "max_output_tokens", "content_filter"; NULL: complete */
    char served[128];         /* the model's name as the server gave it */
    const char *error_code;   /* static: of a failure whose cause the server named (error_code.h) */
    const char *service_tier; /* static, of the Responses protocol: that it used; NULL: not said */
    long refused;             /* the HTTP status that it refused with; 0: it did not */
    bool no_path;             /* because it has nothing at the protocol's path */
    char notice[CLO_MODEL_NOTICE_MAX]; /* what the operator's log should say, once; or "" */
    const char *notice_level;          /* static: "info" or "warning" */
};

struct clo_model;

/* Errors: CLO_EINVALID (naming what is missing), CLO_ENOTFOUND (the script), CLO_ENOMEMORY. */
int clo_model_create(struct clo_model **model, const struct clo_model_config *config,
                     struct clo_error *error);
void clo_model_destroy(struct clo_model *model);

/* One call. Errors: CLO_EMODEL (status and message of the server), CLO_EINVALID (input that the
 * protocol has no form for), CLO_ECANCELLED, CLO_ELIMIT, CLO_ENOMEMORY, CLO_ESYSTEM. The message is
 * fit for a client: no host names, no secrets; the hint is for the operator alone. On failure
 * reply->output is NULL, and reply->error_code may be set. */
int clo_model_call(struct clo_model *model, const struct clo_model_request *request,
                   const struct clo_item_sink *sink, struct clo_model_reply *reply,
                   struct clo_error *error);
void clo_model_reply_clear(struct clo_model_reply *reply);

/* Whether calls may be authorised now: a token is had where the server wants one; else nothing is
 * done. For `doctor`. `notice`: as clo_credential_token. Errors as of that. */
int clo_model_try_credentials(struct clo_model *model, char notice[CLO_CREDENTIAL_NOTICE_MAX],
                              struct clo_error *error);

/* Whether a server answers, or one is named in vain: what a person who checks a configuration wants
 * to read. */
bool clo_model_is_chosen(const struct clo_model *model);

/* Whether it has none of the tools that makers host (hosted_tool.h), by what is known now: a static text that
 * ends "this model, ...", as the protocol has no form for them; NULL: it may have them. A call with such a tool
 * is refused all the same (CLO_EINVALID). */
const char *clo_model_without_tools(const struct clo_model *model);

const char *clo_model_name(const struct clo_model *model);        /* as configured */
const char *clo_model_description(const struct clo_model *model); /* for people, at start-up */

#endif

/* model.c - choosing the client from the configuration, and the frame around each call. */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "model/client.h"
#include "model/error_code.h"
#include "model/http/http_client_error.h"

#define DEFAULT_NAME "gpt-4.1-mini"
#define DEFAULT_URL "https://api.openai.com/v1"
#define DEFAULT_TIMEOUT_MS 120000
#define TEXT_MAX 16384 /* of a description */

static const char *given(const char *configured, const char *variable)
{
    if (configured && *configured)
        return configured;
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static char *describe(const char *first, const char *middle, const char *last)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    clo_buffer_format(&text, "%s%s%s", first, middle, last);
    return clo_buffer_take(&text, NULL);
}

static int open_server(struct clo_model *model, const struct clo_model_config *config,
                       struct clo_error *error)
{
    const char *url = given(config->base_url, "OPENAI_BASE_URL");
    const char *key = given(config->api_key, "OPENAI_API_KEY");
    const char *name = given(config->name, "OPENAI_MODEL");
    if (!url && !key)
        return clo_hint(
            error,
            clo_fail(error, CLO_EINVALID,
                     "no API key for OpenAI's server, and no other server is named"),
            "Set OPENAI_API_KEY (api_key), or OPENAI_BASE_URL (base_url) of a server that needs none.");
    int status =
        clo_http_client_create(&model->http, url ? url : DEFAULT_URL, key,
                               config->timeout_ms ? config->timeout_ms : DEFAULT_TIMEOUT_MS, error);
    if (status)
        return status;
    model->name = strdup(name ? name : DEFAULT_NAME);
    if (!model->name)
        return clo_fail_memory(error);
    model->or_chat = config->kind == CLO_MODEL_AUTO && url;
    model->description =
        describe(model->name,
                 model->kind == CLO_MODEL_CHAT ? " by chat completions at "
                 : model->or_chat ? " by the Responses API, or chat completions if it has none, at "
                                  : " by the Responses API at ",
                 clo_http_client_address(model->http));
    return model->description ? 0 : clo_fail_memory(error);
}

static int open_script(struct clo_model *model, const struct clo_model_config *config,
                       struct clo_error *error)
{
    int status = clo_script_open(&model->script, config->script, error);
    if (status)
        return status;
    model->name = strdup(config->name && *config->name ? config->name : "script");
    model->description = describe("the offline script model", config->script ? ", playing " : "",
                                  config->script ? config->script : "");
    return model->name && model->description ? 0 : clo_fail_memory(error);
}

int clo_model_create(struct clo_model **model, const struct clo_model_config *config,
                     struct clo_error *error)
{
    *model = NULL;
    struct clo_model *made = calloc(1, sizeof *made);
    if (!made)
        return clo_fail_memory(error);
    made->kind = config->kind;
    if (made->kind == CLO_MODEL_AUTO)
        made->kind =
            given(config->api_key, "OPENAI_API_KEY") || given(config->base_url, "OPENAI_BASE_URL")
                ? CLO_MODEL_RESPONSES
                : CLO_MODEL_SCRIPT;
    int status;
    switch (made->kind) {
    case CLO_MODEL_RESPONSES:
    case CLO_MODEL_CHAT: status = open_server(made, config, error); break;
    case CLO_MODEL_SCRIPT: status = open_script(made, config, error); break;
    default: status = clo_fail(error, CLO_EINVALID, "model kind %d is unknown", config->kind);
    }
    if (status) {
        clo_model_destroy(made);
        return status;
    }
    *model = made;
    return 0;
}

void clo_model_destroy(struct clo_model *model)
{
    if (!model)
        return;
    clo_http_client_destroy(model->http);
    clo_script_close(model->script);
    free(model->name);
    free(model->description);
    free(model);
}

/* Keep what an answer has shown, for the client's life; true: just now, and by this call alone. */
static bool learn(struct clo_model *model, enum clo_model_kind found)
{
    int unknown = CLO_MODEL_AUTO;
    return atomic_compare_exchange_strong(&model->found, &unknown, found);
}

/* Chat completions, for a server that has nothing at /responses. Anything but another "nothing
 * here", or trouble on its side, shows that they are there. */
static int try_chat(struct clo_model *model, const struct clo_model_request *request,
                    struct clo_item_builder *builder, struct clo_model_reply *reply,
                    struct clo_error *error)
{
    reply->error_code = NULL;
    clo_client_refused(reply, &(struct clo_http_client_refusal){0});
    int status = clo_chat_call(model, request, builder, reply, error);
    if (reply->no_path)
        return clo_hint(
            error, status,
            "Neither /responses nor /chat/completions is there: check base_url (usually ending in /v1) and the model's name; it is %.160s.",
            clo_http_client_address(model->http));
    bool there = !status || (reply->refused >= 400 && reply->refused < 500);
    if (there && learn(model, CLO_MODEL_CHAT))
        reply->notice =
            "the model's server has no Responses API; from now on chat completions are used (kind: chat says so from the start)";
    return status;
}

static int call_responses(struct clo_model *model, const struct clo_model_request *request,
                          struct clo_item_builder *builder, struct clo_model_reply *reply,
                          struct clo_error *error)
{
    int found = atomic_load(&model->found);
    if (found == CLO_MODEL_CHAT)
        return clo_chat_call(model, request, builder, reply, error);
    int status = clo_responses_call(model, request, builder, reply, error);
    if (!status && model->or_chat)
        learn(model, CLO_MODEL_RESPONSES);
    if (!status || !reply->no_path)
        return status;
    if (model->or_chat && found == CLO_MODEL_AUTO)
        return try_chat(model, request, builder, reply, error);
    return clo_hint(
        error, status,
        "If the server has chat completions alone, set model.kind to chat (kind: chat); else check base_url (usually ending in /v1); it is %.160s.",
        clo_http_client_address(model->http));
}

static int dispatch(struct clo_model *model, const struct clo_model_request *request,
                    struct clo_item_builder *builder, struct clo_model_reply *reply,
                    struct clo_error *error)
{
    switch (model->kind) {
    case CLO_MODEL_CHAT: return clo_chat_call(model, request, builder, reply, error);
    case CLO_MODEL_SCRIPT: return clo_script_call(model, request, builder, reply, error);
    default: return call_responses(model, request, builder, reply, error);
    }
}

int clo_model_call(struct clo_model *model, const struct clo_model_request *request,
                   const struct clo_item_sink *sink, struct clo_model_reply *reply,
                   struct clo_error *error)
{
    struct clo_item_builder builder;
    *reply = (struct clo_model_reply){0};
    clo_text_copy(reply->served, sizeof reply->served, model->name);
    if (clo_cancel_is_set(request->cancel))
        return clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
    clo_item_builder_start(&builder, sink);
    int status = dispatch(model, request, &builder, reply, error);
    clo_item_builder_close(&builder, !status && !reply->incomplete);
    if (!status)
        status = clo_item_builder_check(&builder, error);
    if (!status) {
        reply->output = builder.output;
        builder.output = NULL;
    }
    clo_item_builder_clear(&builder);
    return status;
}

void clo_model_reply_clear(struct clo_model_reply *reply)
{
    json_decref(reply->output);
    reply->output = NULL;
}

const char *clo_model_name(const struct clo_model *model)
{
    return model->name;
}

const char *clo_model_description(const struct clo_model *model)
{
    return model->description;
}

json_t *clo_client_arguments(const json_t *call)
{
    json_t *text = json_object_get(call, "arguments");
    json_error_t why = {0};
    json_t *parsed = json_is_string(text)
                         ? clo_json_load(json_string_value(text), json_string_length(text), &why)
                         : NULL;
    if (!parsed && clo_json_no_memory(&why))
        return NULL;
    bool good = json_is_object(parsed);
    json_decref(parsed);
    if (good)
        return json_incref(text);
    json_t *wrapped = json_pack("{s:O}", "unreadable", json_is_string(text) ? text : json_null());
    char *dump = wrapped ? clo_json_dump(wrapped, JSON_COMPACT) : NULL;
    json_t *result = dump ? json_string(dump) : NULL;
    json_decref(wrapped);
    free(dump);
    return result;
}

json_t *clo_client_member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

int clo_client_options(json_t *body, const json_t *options, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = clo_client_member(options, *names);
        if (value && json_object_set(body, *names, value))
            return CLO_ENOMEMORY;
    }
    return 0;
}

void clo_client_refused(struct clo_model_reply *reply,
                        const struct clo_http_client_refusal *refusal)
{
    reply->refused = refusal->status;
    reply->no_path = refusal->no_path;
    if (refusal->code)
        reply->error_code = refusal->code;
}

int clo_client_failed(const struct clo_model *model, struct clo_model_reply *reply,
                      const json_t *where, struct clo_error *error)
{
    char said[CLO_HTTP_CLIENT_SAID_MAX + 4];
    clo_http_client_error_said(said, where, clo_http_client_hidden(model->http));
    reply->error_code = clo_error_code(0, where);
    return clo_fail(error, CLO_EMODEL, "the model's server reported a failure%s%s",
                    *said ? ": " : "", said);
}

void clo_client_served(struct clo_model_reply *reply, const json_t *answer)
{
    const char *name = clo_json_text(answer, "model");
    if (name && *name)
        clo_text_copy(reply->served, sizeof reply->served, name);
}

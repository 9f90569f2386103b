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
#include "model/hosted_tool.h"
#include "model/http/http_client_error.h"
#include "model/place.h"

#define TEXT_MAX 16384 /* of a description */
#define CHAT_WORDS "by chat completions"

static const char *protocol_of(const struct clo_model *model)
{
    switch (model->kind) {
    case CLO_MODEL_CHAT: return " by chat completions at ";
    case CLO_MODEL_ANTHROPIC: return " by the Messages API at ";
    default:
        return model->or_chat ? " by the Responses API, or chat completions if it has none, at "
                              : " by the Responses API at ";
    }
}

static char *describe(const struct clo_model *model, const struct clo_model_place *place)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    clo_buffer_format(&text, "%s%s%s%s%s%s%s%s", model->name, place->where, protocol_of(model),
                      clo_http_client_address(model->http),
                      place->scope ? ", with tokens of Microsoft Entra ID" : "",
                      *place->reason ? " (" : "", place->reason, *place->reason ? ")" : "");
    return clo_buffer_take(&text, NULL);
}

static int open_server(struct clo_model *model, const struct clo_model_config *config,
                       struct clo_model_place *place, struct clo_error *error)
{
    int status = place->scope ? clo_credential_create(&model->credential, place->scope, error) : 0;
    struct clo_http_client_config server = {.base_url = place->url,
                                            .auth = place->auth,
                                            .key = place->key,
                                            .key_from = place->key_from,
                                            .credential = model->credential,
                                            .header = place->header,
                                            .times = {.connect = config->connect_timeout_ms,
                                                      .first = config->first_byte_timeout_ms,
                                                      .idle = config->timeout_ms,
                                                      .total = config->total_timeout_ms,
                                                      .retry = config->retry_time_ms}};
    if (!status)
        status = clo_http_client_create(&model->http, &server, error);
    if (status)
        return status;
    model->name = strdup(place->name);
    model->or_chat = place->or_chat;
    model->encrypted = place->encrypted;
    model->chat_path = place->chat_path;
    place->chat_path = NULL;
    model->description = model->name ? describe(model, place) : NULL;
    return model->description ? 0 : clo_fail_memory(error);
}

static int open_script(struct clo_model *model, const struct clo_model_config *config,
                       const struct clo_model_place *place, struct clo_error *error)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    int status = clo_script_open(&model->script, config->script, error);
    if (status)
        return status;
    model->in_vain = *place->reason;
    model->name = strdup(config->name && *config->name ? config->name : "script");
    clo_buffer_format(&text, "the offline script model%s%s%s%s%s",
                      config->script ? ", playing " : "", config->script ? config->script : "",
                      *place->reason ? " (" : "", place->reason, *place->reason ? ")" : "");
    model->description = clo_buffer_take(&text, NULL);
    return model->name && model->description ? 0 : clo_fail_memory(error);
}

int clo_model_create(struct clo_model **model, const struct clo_model_config *config,
                     struct clo_error *error)
{
    *model = NULL;
    struct clo_model *made = calloc(1, sizeof *made);
    if (!made)
        return clo_fail_memory(error);
    struct clo_model_place place;
    int status = clo_model_place_find(&place, config, error);
    if (!status) {
        made->kind = place.speaks;
        status = made->kind == CLO_MODEL_SCRIPT ? open_script(made, config, &place, error)
                                                : open_server(made, config, &place, error);
        clo_model_place_clear(&place);
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
    clo_credential_destroy(model->credential);
    clo_script_close(model->script);
    free(model->chat_path);
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

const char *clo_model_without_tools(const struct clo_model *model)
{
    switch (model->kind) {
    case CLO_MODEL_CHAT: return CHAT_WORDS;
    case CLO_MODEL_ANTHROPIC: return "by the Messages API";
    case CLO_MODEL_SCRIPT: return "the offline script";
    default: return atomic_load(&model->found) == CLO_MODEL_CHAT ? CHAT_WORDS : NULL;
    }
}

/* A hosted tool is refused by its name where the protocol spoken, as clo_model_without_tools, has no form for
 * it. */
static int check_tools(const struct clo_model_request *request, const char *spoken,
                       struct clo_error *error)
{
    const char *type = clo_hosted_tool_in(request->tools, NULL);
    if (!type || !spoken)
        return 0;
    clo_fail(
        error, CLO_EINVALID,
        "the tool '%s' is one that a model's maker hosts; this model, %s, has none: leave it out",
        type, spoken);
    return clo_hint(
        error, CLO_EINVALID,
        "Such tools are there where the Responses API is: kind responses, foundry or azure.");
}

/* Chat completions, for a server that has nothing at /responses. Anything but another "nothing
 * here", or trouble on its side, shows that they are there. */
static int try_chat(struct clo_model *model, const struct clo_model_request *request,
                    struct clo_item_builder *builder, struct clo_model_reply *reply,
                    struct clo_error *error)
{
    reply->error_code = NULL;
    clo_client_told(reply, &(struct clo_http_client_told){0});
    int status = check_tools(request, CHAT_WORDS, error);
    if (status)
        return status;
    status = clo_chat_call(model, request, builder, reply, error);
    if (reply->no_path)
        return clo_hint(
            error, status,
            "Neither /responses nor /chat/completions is there: check base_url (usually ending in /v1) and the model's name; it is %.160s.",
            clo_http_client_address(model->http));
    bool there = !status || (reply->refused >= 400 && reply->refused < 500);
    if (there && learn(model, CLO_MODEL_CHAT))
        clo_client_notice(
            reply, "warning",
            "the model's server has no Responses API; from now on chat completions are used (kind: chat says so from the start)");
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
    case CLO_MODEL_ANTHROPIC: return clo_messages_call(model, request, builder, reply, error);
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
    int status = check_tools(request, clo_model_without_tools(model), error);
    if (status)
        return status;
    clo_item_builder_start(&builder, sink);
    status = dispatch(model, request, &builder, reply, error);
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

int clo_model_try_credentials(struct clo_model *model, char notice[CLO_CREDENTIAL_NOTICE_MAX],
                              struct clo_error *error)
{
    char *token;
    notice[0] = '\0';
    if (!model->credential)
        return 0;
    int status = clo_credential_token(model->credential, NULL, NULL, &token, notice, error);
    clo_credential_token_free(token);
    return status;
}

bool clo_model_is_chosen(const struct clo_model *model)
{
    return model->kind != CLO_MODEL_SCRIPT || model->in_vain;
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

void clo_client_notice(struct clo_model_reply *reply, const char *level, const char *text)
{
    size_t length = strlen(reply->notice);
    snprintf(reply->notice + length, sizeof reply->notice - length, "%s%s", length ? "; " : "",
             text);
    if (!reply->notice_level || strcmp(level, "warning") == 0)
        reply->notice_level = level;
}

void clo_client_told(struct clo_model_reply *reply, const struct clo_http_client_told *told)
{
    reply->refused = told->refusal.status;
    reply->no_path = told->refusal.no_path;
    if (told->refusal.code)
        reply->error_code = told->refusal.code;
    if (*told->served)
        clo_text_copy(reply->served, sizeof reply->served, told->served);
    if (*told->notice)
        clo_client_notice(reply, told->no_token ? "warning" : "info", told->notice);
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

void clo_client_tier(struct clo_model_reply *reply, const json_t *object)
{
    static const char *const words[] = {"default", "flex", "priority", "scale", "auto"};
    const char *said = clo_json_text(object, "service_tier");
    if (said && strcmp(said, "standard") == 0) /* the Messages API's word */
        said = "default";
    for (size_t i = 0; said && i < sizeof words / sizeof *words; i++)
        if (strcmp(said, words[i]) == 0)
            reply->service_tier = words[i];
}

void clo_client_served(struct clo_model_reply *reply, const json_t *answer)
{
    clo_client_tier(reply, answer);
    const char *name = clo_json_text(answer, "model");
    if (name && *name)
        clo_text_copy(reply->served, sizeof reply->served, name);
}

/* response.c - building Response objects; the order of fields is that of the protocol's reference.
 */
#include "serve/protocol/response.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "serve/protocol/field.h"

/* The request's value, or the default (stolen). */
static json_t *echo(const struct clo_request *request, const char *name, json_t *otherwise)
{
    json_t *value = clo_field_get(request->body, name);
    if (!value)
        return otherwise;
    json_decref(otherwise);
    return json_incref(value);
}

static json_t *echo_text(const struct clo_request *request)
{
    json_t *given = clo_field_get(request->body, "text");
    json_t *text = given ? clo_json_copy(given) : json_object();
    if (!clo_field_get(text, "format"))
        clo_json_put(&text, "format", json_pack("{s:s}", "type", "text"));
    return text;
}

json_t *clo_response_base(const struct clo_request *request, const char *id, int64_t created,
                          const char *model)
{
    struct {
        const char *name;
        json_t *value;
    } const fields[CLO_RESPONSE_FIELDS] = {
        {"id", json_string(id)},
        {"object", json_string("response")},
        {"created_at", json_integer(created)},
        {"completed_at", json_null()},
        {"status", json_string("queued")},
        {"incomplete_details", json_null()},
        {"model", echo(request, "model", json_string(model))},
        {"previous_response_id", echo(request, "previous_response_id", json_null())},
        {"instructions", echo(request, "instructions", json_null())},
        {"output", json_array()},
        {"error", json_null()},
        {"tools", request->client_tools ? json_incref(request->client_tools) : json_array()},
        {"tool_choice", echo(request, "tool_choice", json_string("auto"))},
        {"truncation", echo(request, "truncation", json_string("disabled"))},
        {"parallel_tool_calls", echo(request, "parallel_tool_calls", json_true())},
        {"text", echo_text(request)},
        {"top_p", echo(request, "top_p", json_real(1))},
        {"presence_penalty", echo(request, "presence_penalty", json_real(0))},
        {"frequency_penalty", echo(request, "frequency_penalty", json_real(0))},
        {"top_logprobs", echo(request, "top_logprobs", json_integer(0))},
        {"temperature", echo(request, "temperature", json_real(1))},
        {"reasoning", echo(request, "reasoning", json_null())},
        {"usage", json_null()},
        {"max_output_tokens", echo(request, "max_output_tokens", json_null())},
        {"max_tool_calls", echo(request, "max_tool_calls", json_null())},
        {"store", json_boolean(request->store)},
        {"background", json_boolean(request->background)},
        {"service_tier", json_string("default")},
        {"metadata", echo(request, "metadata", json_object())},
        {"safety_identifier", echo(request, "safety_identifier", json_null())},
        {"prompt_cache_key", echo(request, "prompt_cache_key", json_null())},
    };
    json_t *base = json_object();
    int failed = base ? 0 : -1;
    for (size_t i = 0; i < CLO_RESPONSE_FIELDS; i++)
        failed |= json_object_set_new(base, fields[i].name, fields[i].value);
    if (request->conversation[0])
        failed |= json_object_set_new(base, "conversation",
                                      json_pack("{s:s}", "id", request->conversation));
    json_t *user = clo_field_get(request->body, "user");
    if (user) /* older than safety_identifier; shown to those who send it */
        failed |= json_object_set(base, "user", user);
    json_t *sandbox = clo_field_get(request->body, "sandbox");
    if (sandbox) /* ours: who asks for a session sees that it was understood */
        failed |= json_object_set(base, "sandbox", sandbox);
    if (failed) {
        json_decref(base);
        return NULL;
    }
    return base;
}

static json_t *usage_json(const struct clo_usage_tokens *usage)
{
    return json_pack("{s:I, s:{s:I}, s:I, s:{s:I}, s:I}", "input_tokens", (json_int_t)usage->input,
                     "input_tokens_details", "cached_tokens", (json_int_t)usage->cached,
                     "output_tokens", (json_int_t)usage->output, "output_tokens_details",
                     "reasoning_tokens", (json_int_t)usage->reasoning, "total_tokens",
                     (json_int_t)usage->input + (json_int_t)usage->output);
}

json_t *clo_response_at(const json_t *base, const struct clo_response_state *state)
{
    json_t *response = clo_json_copy(base);
    int failed = response ? 0 : -1;
    failed |= json_object_set_new(response, "status", json_string(state->status));
    if (state->output)
        failed |= json_object_set(response, "output", (json_t *)state->output);
    if (strcmp(state->status, "completed") == 0)
        failed |= json_object_set_new(response, "completed_at", json_integer(time(NULL)));
    if (state->incomplete)
        failed |= json_object_set_new(response, "incomplete_details",
                                      json_pack("{s:s}", "reason", state->incomplete));
    if (state->error_code)
        failed |= json_object_set_new(
            response, "error",
            json_pack("{s:s, s:s}", "code", state->error_code, "message", state->error_message));
    if (state->service_tier)
        failed |= json_object_set_new(response, "service_tier", json_string(state->service_tier));
    if (state->usage)
        failed |= json_object_set_new(response, "usage", usage_json(state->usage));
    if (failed) {
        json_decref(response);
        return NULL;
    }
    return response;
}

char *clo_response_text(const json_t *value)
{
    /* 15 digits: 0.7 stays 0.7. */
    return clo_json_dump(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
}

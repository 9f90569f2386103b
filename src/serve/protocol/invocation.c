/* invocation.c - see invocation.h. */
#include "serve/protocol/invocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"

#define TEXT_MAX (64u << 20) /* bytes of an answer */
#define FAILED "The agent failed."

static int wrong(struct clo_problem *problem, const char *param, const char *format)
{
    return clo_problem_set(problem, 400, "invalid_value", param, format, param);
}

/* ---- the request ---- */

/* What the agent alone decides. */
static const char *const agents[] = {"instructions",
                                     "tools",
                                     "session",
                                     "middleware",
                                     "tokenizer",
                                     "client_kwargs",
                                     "compaction_strategy",
                                     "additional_function_arguments",
                                     "function_invocation_kwargs"};

/* An option, and the field of a request that it is. */
static const struct option {
    const char *name, *field;
} options[] = {
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"max_tokens", "max_output_tokens"},
    {"max_output_tokens", "max_output_tokens"},
    {"frequency_penalty", "frequency_penalty"},
    {"presence_penalty", "presence_penalty"},
    {"reasoning", "reasoning"},
    {"text", "text"},
    {"metadata", "metadata"},
    {"user", "user"},
    {"safety_identifier", "safety_identifier"},
    {"prompt_cache_key", "prompt_cache_key"},
};

static int take_options(json_t *body, const json_t *given, struct clo_problem *problem)
{
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++) {
        if (json_object_get(given, agents[i]))
            return clo_problem_set(
                problem, 400, "invalid_value", "options",
                "'options.%s' is the agent's own business and cannot be set by a request; leave it out.",
                agents[i]);
    }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        json_t *value = json_object_get(given, options[i].name);
        if (value && json_object_set(body, options[i].field, value) < 0)
            return clo_problem_internal(problem);
    }
    return 0;
}

static int translate(const json_t *given, const char *session, json_t **body,
                     struct clo_problem *problem)
{
    json_t *message = json_object_get(given, "message"), *stream = json_object_get(given, "stream");
    json_t *set = json_object_get(given, "options");
    if (!json_is_object(given))
        return clo_problem_set(problem, 400, "invalid_json", NULL,
                               "The body must be a JSON object, e.g. {\"message\": \"Hello\"}.");
    if (!json_is_string(message))
        return wrong(problem, "message", "'%s' must be a string, what the user says.");
    if (stream && !json_is_boolean(stream))
        return wrong(problem, "stream", "'%s' must be true or false.");
    if (set && !json_is_object(set))
        return wrong(problem, "options", "'%s' must be an object, e.g. {\"temperature\": 0}.");
    *body = json_pack("{s:O, s:s, s:s, s:b}", "input", message, "conversation", session,
                      "agent_session_id", session, "stream", json_is_true(stream));
    if (!*body)
        return clo_problem_internal(problem);
    return take_options(*body, set, problem);
}

int clo_invocation_parse(struct clo_request *request, const char *session, const char *text,
                         size_t length, struct clo_problem *problem)
{
    json_error_t where;
    json_t *body = NULL;
    json_t *given = clo_json_parse(text, length, JSON_REJECT_DUPLICATES, &where);
    int status = given ? translate(given, session, &body, problem)
                       : clo_problem_set(problem, 400, "invalid_json", NULL,
                                         "The body is no JSON (line %d, column %d); send e.g. "
                                         "{\"message\": \"Hello\"}.",
                                         where.line, where.column);
    char *same = status == 0 ? clo_json_dump(body, JSON_COMPACT) : NULL;
    if (status == 0)
        status = same ? clo_request_parse(request, same, strlen(same), problem)
                      : clo_problem_internal(problem);
    request->invocation = true;
    free(same);
    json_decref(body);
    json_decref(given);
    return status;
}

/* ---- the answer ---- */

/* The text of all messages, one behind the other. */
static json_t *text_of(const json_t *response)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    json_t *item, *part;
    size_t index, at;
    json_array_foreach(json_object_get(response, "output"), index, item) {
        if (!clo_json_is(item, "type", "message"))
            continue;
        json_array_foreach(json_object_get(item, "content"), at, part) {
            const json_t *words = json_object_get(part, "text");
            if (clo_json_is(part, "type", "output_text") && json_is_string(words))
                clo_buffer_append(&text, json_string_value(words), json_string_length(words));
        }
    }
    json_t *whole = text.failed ? NULL : json_stringn(text.data ? text.data : "", text.length);
    clo_buffer_free(&text);
    return whole;
}

static bool has_failed(const json_t *response)
{
    return !clo_json_is(response, "status", "completed") &&
           !clo_json_is(response, "status", "incomplete");
}

static const char *why(const json_t *response, const char *member, const char *otherwise)
{
    const char *text = clo_json_text(json_object_get(response, "error"), member);
    return text ? text : otherwise;
}

json_t *clo_invocation_answer(const json_t *response, unsigned *status)
{
    *status = has_failed(response) ? 500 : 200;
    if (*status != 200)
        return json_pack("{s:s}", "error", why(response, "message", FAILED));
    return json_pack("{s:o}", "response", text_of(response));
}

json_t *clo_invocation_problem(const struct clo_problem *problem)
{
    json_t *whole = clo_problem_json(problem);
    json_t *message = json_object_get(json_object_get(whole, "error"), "message");
    json_t *short_form = json_pack("{s:O}", "error", message);
    json_decref(whole);
    return short_form;
}

/* Takes the data. */
static char *event(const char *name, json_t *data)
{
    char *text = data ? clo_json_dump(data, JSON_COMPACT) : NULL, *whole = NULL;
    if (text && asprintf(&whole, "event: %s\ndata: %s\n\n", name, text) < 0)
        whole = NULL;
    free(text);
    json_decref(data);
    return whole;
}

char *clo_invocation_delta(const char *text, size_t length)
{
    return event("delta", json_pack("{s:s%}", "text", text, length));
}

char *clo_invocation_end(const json_t *response, const char *session)
{
    return has_failed(response)
               ? event("error",
                       json_pack("{s:s, s:s, s:i}", "message", why(response, "message", FAILED),
                                 "code", why(response, "code", "invocation_failed"), "status", 500))
               : event("done", json_pack("{s:s}", "session_id", session));
}

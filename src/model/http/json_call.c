/* json_call.c - deciding what kind of answer it is, and parsing it piece by piece. */
#include "model/http/json_call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "model/error_code.h"
#include "model/http/sse.h"
#include "model/model.h"

enum form { UNKNOWN, EVENTS, WHOLE };

struct answer {
    const struct clo_http_client *http;
    const struct clo_json_call *reader;
    struct clo_error *error;
    enum form form;
    struct clo_sse sse;
    struct clo_buffer whole;
    bool explained; /* an event's failure is in `error` */
};

/* The parser's reason quotes a piece of what the server sent. */
static int refuse_event(const struct answer *answer, const json_error_t *why)
{
    struct clo_buffer reason = CLO_BUFFER(16 * sizeof why->text);
    clo_redact(&reason, why->text, strlen(why->text), clo_http_client_hidden(answer->http));
    clo_fail(answer->error, CLO_EMODEL, "the model's server sent an event that is not JSON: %s",
             reason.data ? reason.data : "");
    clo_buffer_free(&reason);
    return CLO_EMODEL;
}

static int on_event(void *context, const char *type, const char *data, size_t length)
{
    struct answer *answer = context;
    if (!data)
        return 1;
    json_error_t why;
    json_t *event = clo_json_load(data, length, &why);
    if (!event && clo_json_no_memory(&why))
        return clo_fail_memory(answer->error);
    if (!event)
        return refuse_event(answer, &why);
    int status = answer->reader->event(answer->reader->context, type, event, answer->error);
    answer->explained = status < 0;
    json_decref(event);
    return status;
}

/* By the media type (RFC 9110, section 8.3.1; "+json": RFC 6839), else by the first byte. */
static enum form guess(const char *content_type, const char *bytes, size_t length)
{
    size_t type = strcspn(content_type, "; \t");
    if (type == strlen("text/event-stream") &&
        strncasecmp(content_type, "text/event-stream", type) == 0)
        return EVENTS;
    if ((type == strlen("application/json") &&
         strncasecmp(content_type, "application/json", type) == 0) ||
        (type > strlen("+json") && strncasecmp(content_type + type - 5, "+json", 5) == 0))
        return WHOLE;
    while (length && strchr(" \t\r\n", *bytes)) {
        bytes++;
        length--;
    }
    if (length == 0)
        return UNKNOWN;
    return *bytes == '{' || *bytes == '<' ? WHOLE : EVENTS;
}

static int on_data(void *context, const char *content_type, const char *bytes, size_t length,
                   struct clo_error *error)
{
    struct answer *answer = context;
    if (answer->form == UNKNOWN)
        answer->form = guess(content_type, bytes, length);
    int status = answer->form == EVENTS ? clo_sse_feed(&answer->sse, bytes, length)
                                        : clo_buffer_append(&answer->whole, bytes, length);
    if (answer->explained)
        return status;
    if (status == CLO_ELIMIT)
        return clo_fail(error, CLO_ELIMIT, "the model's reply is larger than %u MiB",
                        CLO_MODEL_REPLY_MAX >> 20);
    return status == CLO_ENOMEMORY ? clo_fail_memory(error) : status;
}

static int finish(struct answer *answer)
{
    if (answer->form == EVENTS) {
        int status = clo_sse_finish(&answer->sse);
        return status > 0 ? 0 : status;
    }
    json_error_t why;
    json_t *whole =
        clo_json_load(answer->whole.data ? answer->whole.data : "", answer->whole.length, &why);
    if (!whole && clo_json_no_memory(&why))
        return clo_fail_memory(answer->error);
    if (!json_is_object(whole)) {
        json_decref(whole);
        return clo_hint(
            answer->error,
            clo_fail(
                answer->error, CLO_EMODEL,
                "the model's server answered with something that is neither a JSON object nor a stream of events"),
            "Check base_url; it usually ends in /v1.");
    }
    int status = answer->reader->whole(answer->reader->context, whole, answer->error);
    json_decref(whole);
    return status;
}

int clo_json_call(struct clo_http_client *http, const char *path, const json_t *request,
                  struct clo_cancel *cancel, const struct clo_json_call *reader,
                  struct clo_error *error)
{
    struct clo_error local = {0};
    error = error ? error : &local;
    char *body = clo_json_dump(request, JSON_COMPACT);
    if (!body)
        return clo_fail_memory(error);
    size_t length = strlen(body);
    if (length > CLO_JSON_CALL_MAX) {
        free(body);
        if (reader->told)
            reader->told->refusal.code = CLO_ERROR_CODE_LENGTH;
        return clo_fail(error, CLO_ELIMIT, "the request to the model is larger than %u MiB",
                        CLO_JSON_CALL_MAX >> 20);
    }
    struct answer answer = {
        .http = http, .reader = reader, .error = error, .whole = CLO_BUFFER(CLO_MODEL_REPLY_MAX)};
    clo_sse_init(&answer.sse, CLO_MODEL_REPLY_MAX, on_event, &answer);
    struct clo_http_client_call call = {.path = path,
                                        .body = body,
                                        .body_length = length,
                                        .traceparent = reader->traceparent,
                                        .cancel = cancel,
                                        .data = on_data,
                                        .context = &answer,
                                        .told = reader->told};
    int status = clo_http_client_post(http, &call, error);
    if (!status)
        status = finish(&answer);
    clo_sse_clear(&answer.sse);
    clo_buffer_free(&answer.whole);
    free(body);
    return status;
}

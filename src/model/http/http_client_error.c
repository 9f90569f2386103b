/* http_client_error.c - naming the failures of a model's server. */
#include "model/http/http_client_error.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "model/error_code.h"

#define LOOKED_AT 4096            /* bytes of a text, of which CLO_HTTP_CLIENT_SAID_MAX are shown */
#define SHOWN_MAX (4 * LOOKED_AT) /* of them when redacted: "a.b" becomes "[server]" */

/* One line of well-formed text with nothing in it that must not be shown, cut to size. */
static void tidy(char said[CLO_HTTP_CLIENT_SAID_MAX + 4], const char *text, size_t length,
                 const struct clo_redact *hidden)
{
    struct clo_buffer shown = CLO_BUFFER(SHOWN_MAX), clean = CLO_BUFFER(3 * SHOWN_MAX);
    if (clo_redact(&shown, text, length < LOOKED_AT ? length : LOOKED_AT, hidden) == 0)
        clo_text_clean(&clean, shown.data, shown.length);
    size_t cut = clean.data ? clo_text_head(clean.data, clean.length, CLO_HTTP_CLIENT_SAID_MAX) : 0;
    for (size_t i = 0; i < cut; i++)
        said[i] = (unsigned char)clean.data[i] < ' ' || clean.data[i] == 0x7f ? ' ' : clean.data[i];
    snprintf(said + cut, 4, "%s", cut < clean.length ? "..." : "");
    clo_buffer_free(&shown);
    clo_buffer_free(&clean);
}

static const json_t *find_message(const json_t *body)
{
    const json_t *inner = json_object_get(body, "error");
    if (json_is_string(inner))
        return inner;
    static const char *const names[] = {"message", "detail"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *found = json_object_get(inner ? inner : body, names[i]);
        if (json_is_string(found))
            return found;
    }
    return NULL;
}

void clo_http_client_error_said(char said[CLO_HTTP_CLIENT_SAID_MAX + 4], const json_t *body,
                                const struct clo_redact *hidden)
{
    const json_t *message = find_message(body);
    said[0] = '\0';
    if (message)
        tidy(said, json_string_value(message), json_string_length(message), hidden);
}

/* What the body says in words, and by its members. */
static void read_refusal(char said[CLO_HTTP_CLIENT_SAID_MAX + 4], const struct clo_buffer *body,
                         const struct clo_redact *hidden, struct clo_http_client_refusal *refusal)
{
    json_t *json = body->length ? clo_json_load(body->data, body->length, NULL) : NULL;
    refusal->code = clo_error_code(refusal->status, json);
    refusal->no_path = clo_error_no_path(refusal->status, json);
    said[0] = '\0';
    const json_t *message = find_message(json);
    if (message)
        tidy(said, json_string_value(message), json_string_length(message), hidden);
    else if (body->length &&
             body->data[strspn(body->data, " \t\r\n")] != '<') /* a page for people says nothing */
        tidy(said, body->data, body->length, hidden);
    json_decref(json);
}

static int refuse_credentials(struct clo_error *error, long code, const char *said,
                              const struct clo_http_client_server *server)
{
    int status =
        clo_fail(error, CLO_EMODEL, "the model's server refused the credentials (HTTP %ld)", code);
    said = *said ? said : "nothing";
    if (server->key_from)
        return clo_hint(error, status, "Check %s. %.80s said: %.200s", server->key_from,
                        server->address, said);
    return clo_hint(error, status,
                    "The identity needs a role that may use models there (Azure AI User, Cognitive "
                    "Services OpenAI User). %.80s said: %.160s",
                    server->address, said);
}

int clo_http_client_error_status(struct clo_error *error, long code, const struct clo_buffer *body,
                                 const struct clo_http_client_server *server,
                                 struct clo_http_client_refusal *refusal)
{
    char said[CLO_HTTP_CLIENT_SAID_MAX + 4];
    const char *address = server->address;
    *refusal = (struct clo_http_client_refusal){.status = code};
    read_refusal(said, body, server->hidden, refusal);
    if (code == 401 || code == 403)
        return refuse_credentials(error, code, said, server);
    if (code / 100 == 3)
        return clo_hint(
            error,
            clo_fail(error, CLO_EMODEL,
                     "the model's server redirects (HTTP %ld), and redirects are not followed",
                     code),
            "Set base_url to the final address; it is %.200s.", address);
    if (code == 404 || code == 405)
        return clo_hint(
            error,
            clo_fail(error, CLO_EMODEL, "the model's server answered HTTP %ld%s%s", code,
                     *said ? ": " : "", said),
            "Check the model's name and base_url (usually ending in /v1); it is %.200s.", address);
    return clo_hint(error,
                    clo_fail(error, CLO_EMODEL, "the model's server answered HTTP %ld%s%s", code,
                             *said ? ": " : "", said),
                    "The server is %.200s.", address);
}

int clo_http_client_error_transport(struct clo_error *error, CURLcode result, const char *reason,
                                    const char *address, bool begun)
{
    const char *what = "the connection to the model's server failed";
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: what = "the model's server cannot be reached"; break;
    case CURLE_OPERATION_TIMEDOUT:
        what = "the model's server did not take the connection in time";
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE: what = "the model's server gave no valid TLS certificate"; break;
    case CURLE_GOT_NOTHING:
        what = "the model's server closed the connection without an answer";
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2_STREAM: what = "the model's server broke off"; break;
    case CURLE_OUT_OF_MEMORY: return clo_fail_memory(error);
    default: break;
    }
    return clo_hint(
        error,
        clo_fail(error, CLO_EMODEL, "%s%s", what, begun ? " in the middle of its answer" : ""),
        "The server is %.120s; libcurl says: %.160s.", address,
        *reason ? reason : curl_easy_strerror(result));
}

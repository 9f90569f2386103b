/* outcome.c - how a run ended, as the guest tells it and as the caller reads it. */
#include "sandbox/run/outcome.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/run/run.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

#define TYPE_MAX 200 /* bytes of an exception's name that are kept */

/* Take a text out of a value; what was a lone surrogate is U+FFFD then. NULL: it is none. */
static char *take_text(struct clo_value *value, size_t *length)
{
    char *text = clo_value_take_text(value, length);
    if (text)
        clo_utf8_repair(text, *length);
    return text;
}

static struct clo_value *member(struct clo_value *map, const char *name)
{
    return (struct clo_value *)clo_value_get(map, name); /* the map is ours to take from */
}

static int read_error(struct clo_run_error *out, struct clo_value *map, struct clo_error *error)
{
    size_t length;
    int64_t line;
    out->type = take_text(member(map, "type"), &length);
    out->message = take_text(member(map, "message"), &length);
    out->traceback = take_text(member(map, "traceback"), &length);
    if (!out->type || !out->message)
        return clo_fail(error, CLO_EGUEST, "the outcome's error has no type or no message");
    if (strlen(out->type) > TYPE_MAX)
        out->type[clo_utf8_cut(out->type, TYPE_MAX)] = '\0';
    if (clo_value_integer(clo_value_get(map, "line"), &line) && line > 0 && line <= INT_MAX)
        out->line = (int)line;
    out->kind = CLO_RUN_EXCEPTION;
    return 0;
}

/* One line, whatever the guest has sent. NULL: there is none. */
static char *take_note(struct clo_value *map)
{
    size_t length;
    char *note = take_text(member(map, "note"), &length);
    if (!note)
        return NULL;
    if (strlen(note) > CLO_NOTE_MAX)
        note[clo_utf8_cut(note, CLO_NOTE_MAX)] = '\0';
    for (char *at = note; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    return note;
}

static void free_error(struct clo_run_error *error)
{
    free(error->type);
    free(error->message);
    free(error->traceback);
    *error = (struct clo_run_error){0};
}

int clo_outcome_decode(struct clo_run_result *result, const uint8_t *data, size_t length,
                       bool *refused, struct clo_error *error)
{
    struct clo_value outcome;
    struct clo_error why;
    int status = clo_cbor_decode(&outcome, data, length, &why);
    if (status)
        return clo_fail(error, status == CLO_ENOMEMORY ? CLO_ENOMEMORY : CLO_EGUEST,
                        "the outcome cannot be read: %s", why.message);
    int64_t code;
    struct clo_value *failure = member(&outcome, "error");
    struct clo_run_error read = {0};
    *refused = false;
    (void)clo_value_bool(clo_value_get(&outcome, "refused"), refused);
    if (!clo_value_integer(clo_value_get(&outcome, "exit_code"), &code))
        status = clo_fail(error, CLO_EGUEST, "the outcome has no exit code");
    else if (clo_value_type(failure) == CLO_MAP)
        status = read_error(&read, failure, error);
    if (!status) {
        result->exit_code = code < INT_MIN || code > INT_MAX ? 1 : (int)code;
        result->result = take_text(member(&outcome, "result"), &result->result_length);
        result->note = take_note(&outcome);
        result->error = read;
    } else {
        free_error(&read);
    }
    clo_value_clear(&outcome);
    return status;
}

int clo_result_set_error(struct clo_run_result *result, enum clo_run_error_kind kind,
                         const char *type, const char *message)
{
    char *new_type = strdup(type), *new_message = strdup(message);
    if (!new_type || !new_message) {
        free(new_type);
        free(new_message);
        return CLO_ENOMEMORY;
    }
    free(result->error.type);
    free(result->error.message);
    result->error.type = new_type;
    result->error.message = new_message;
    result->error.kind = kind;
    return 0;
}

void clo_result_free(struct clo_run_result *result)
{
    if (!result)
        return;
    free(result->out);
    free(result->err);
    free(result->result);
    free(result->note);
    free(result->state_note);
    free_error(&result->error);
    free(result);
}

const char *clo_run_error_name(enum clo_run_error_kind kind)
{
    switch (kind) {
    case CLO_RUN_OK: return "ok";
    case CLO_RUN_EXCEPTION: return "exception";
    case CLO_RUN_LIMIT: return "limit";
    case CLO_RUN_FAULT: return "fault";
    case CLO_RUN_GUEST: return "guest";
    case CLO_RUN_CANCELLED: return "cancelled";
    case CLO_RUN_WORKER: return "worker";
    case CLO_RUN_SUSPENDED: return "suspended";
    case CLO_RUN_NOT_KEPT: return "not_kept";
    }
    return "unknown";
}

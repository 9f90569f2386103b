/* frames.c - writing and reading the bodies of frames. Readers trust no length. */
#include "sandbox/worker/frames.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/run/fixed.h"

#define NAME_MAX_BYTES 1024 /* of the file name in tracebacks */

/* ---- writing ---- */

void clo_frame_put_run(struct clo_frame_socket *frames, const struct clo_order *order,
                       uint32_t sequence)
{
    size_t name = strnlen(order->name, NAME_MAX_BYTES);
    size_t zone = order->fixed.timezone ? strlen(order->fixed.timezone) : 0;
    struct clo_run_body body = {.limits = order->limits,
                                .reserved = order->reserved,
                                .sequence = sequence,
                                .keep_state = order->keep_state,
                                .write_through = order->write_through,
                                .has_input = order->has_input,
                                .has_files = order->has_files,
                                .wants_result = order->wants_result,
                                .argument_count = (uint32_t)order->argument_count,
                                .name_length = (uint32_t)name,
                                .repair = order->repair,
                                .no_tools = order->no_tools,
                                .may_suspend = order->may_suspend,
                                .resume = order->resume,
                                .elsewhere = order->elsewhere,
                                .has_seed = order->fixed.has_seed,
                                .has_clock = order->fixed.has_clock,
                                .seed = order->fixed.seed,
                                .clock_ns = order->fixed.clock_ns,
                                .timezone_length = (uint32_t)zone,
                                .more_tools_length = order->more_tools_length};
    for (size_t i = 0; i < order->argument_count; i++)
        body.argument_bytes += (uint32_t)strlen(order->arguments[i]) + 1;
    clo_frame_socket_begin(frames, CLO_FRAME_RUN,
                           sizeof body + name + zone + body.argument_bytes +
                               order->more_tools_length + order->code_length);
    clo_frame_socket_put(frames, &body, sizeof body);
    clo_frame_socket_put(frames, order->name, name);
    clo_frame_socket_put(frames, order->fixed.timezone, zone);
    for (size_t i = 0; i < order->argument_count; i++)
        clo_frame_socket_put(frames, order->arguments[i], strlen(order->arguments[i]) + 1);
    clo_frame_socket_put(frames, order->more_tools, order->more_tools_length);
    clo_frame_socket_put(frames, order->code, order->code_length);
}

void clo_frame_put_output(struct clo_frame_socket *frames, enum clo_stream stream, const char *data,
                          size_t length)
{
    struct clo_output_body body = {.stream = stream};
    clo_frame_socket_begin(frames, CLO_FRAME_OUTPUT, sizeof body + length);
    clo_frame_socket_put(frames, &body, sizeof body);
    clo_frame_socket_put(frames, data, length);
}

void clo_frame_put_call(struct clo_frame_socket *frames, const struct clo_call *call)
{
    struct clo_call_body body = {.flags = call->flags,
                                 .kind = call->kind,
                                 .id = call->id,
                                 .wait_id = call->wait_id,
                                 .timeout_ns = call->timeout_ns,
                                 .deadline_ns = call->deadline_ns,
                                 .tool_deadline_ns = call->tool_deadline_ns,
                                 .may_suspend = call->may_suspend};
    clo_frame_socket_begin(frames, CLO_FRAME_CALL, sizeof body + call->length);
    clo_frame_socket_put(frames, &body, sizeof body);
    clo_frame_socket_put(frames, call->message, call->length);
}

static void put_reply(struct clo_frame_socket *frames, const struct clo_call_reply_body *body,
                      const void *data, size_t length)
{
    clo_frame_socket_begin(frames, CLO_FRAME_REPLY, sizeof *body + length);
    clo_frame_socket_put(frames, body, sizeof *body);
    clo_frame_socket_put(frames, data, length);
}

void clo_frame_put_reply(struct clo_frame_socket *frames, const struct clo_call_reply *reply,
                         bool cancelled)
{
    struct clo_call_reply_body body = {.status = reply->status,
                                       .id = reply->id,
                                       .limit = (uint32_t)reply->limit,
                                       .cancelled = cancelled,
                                       .descriptor = reply->descriptor >= 0,
                                       .cpu_ns = reply->cpu_ns,
                                       .tool_ns = reply->tool_ns};
    if (reply->descriptor >= 0)
        clo_frame_socket_attach(frames, reply->descriptor);
    put_reply(frames, &body, reply->data.data, reply->data.length);
}

void clo_frame_put_violation(struct clo_frame_socket *frames, const char *message)
{
    struct clo_call_reply_body body = {.status = CLO_REPLY_VIOLATION};
    put_reply(frames, &body, message, strlen(message));
}

void clo_frame_put_grow(struct clo_frame_socket *frames, uint64_t bytes, bool may_wait)
{
    struct clo_grow_body body = {.bytes = bytes, .may_wait = may_wait};
    clo_frame_socket_begin(frames, CLO_FRAME_GROW, sizeof body);
    clo_frame_socket_put(frames, &body, sizeof body);
}

void clo_frame_put_grant(struct clo_frame_socket *frames, const struct clo_grant *grant,
                         bool cancelled)
{
    struct clo_grant_body body = {.grant = *grant, .cancelled = cancelled};
    clo_frame_socket_begin(frames, CLO_FRAME_GRANT, sizeof body);
    clo_frame_socket_put(frames, &body, sizeof body);
}

static uint32_t length_of(const char *text)
{
    return text ? (uint32_t)strlen(text) : 0;
}

void clo_frame_put_result(struct clo_frame_socket *frames, const struct clo_run_result *result,
                          bool last)
{
    const struct clo_run_error *error = &result->error;
    struct clo_result_body body = {
        .usage = result->usage,
        .kind = error->kind,
        .exit_code = result->exit_code,
        .line = error->line,
        .limit = error->limit,
        .has = (error->traceback ? CLO_HAS_TRACEBACK : 0) | (result->result ? CLO_HAS_RESULT : 0) |
               (result->note ? CLO_HAS_NOTE : 0),
        .last = last,
        .type_length = length_of(error->type),
        .message_length = length_of(error->message),
        .traceback_length = length_of(error->traceback),
        .result_length = (uint32_t)result->result_length,
        .note_length = length_of(result->note),
    };
    clo_frame_socket_begin(frames, CLO_FRAME_RESULT,
                           sizeof body + body.type_length + body.message_length +
                               body.traceback_length + body.result_length + body.note_length);
    clo_frame_socket_put(frames, &body, sizeof body);
    clo_frame_socket_put(frames, error->type, body.type_length);
    clo_frame_socket_put(frames, error->message, body.message_length);
    clo_frame_socket_put(frames, error->traceback, body.traceback_length);
    clo_frame_socket_put(frames, result->result, body.result_length);
    clo_frame_socket_put(frames, result->note, body.note_length);
}

void clo_frame_put_status(struct clo_frame_socket *frames, enum clo_frame_type type, int status,
                          unsigned layers, const struct clo_error *error)
{
    struct clo_failed_body body = {.status = status, .layers = layers};
    if (status) {
        body.message_length = (uint32_t)strlen(error->message);
        body.hint_length = (uint32_t)strlen(error->hint);
    }
    clo_frame_socket_begin(frames, type, sizeof body + body.message_length + body.hint_length);
    clo_frame_socket_put(frames, &body, sizeof body);
    if (status) {
        clo_frame_socket_put(frames, error->message, body.message_length);
        clo_frame_socket_put(frames, error->hint, body.hint_length);
    }
}

/* ---- reading ---- */

/* Copy the fixed part; *rest is what follows it. */
static int split(const struct clo_frame *frame, void *body, size_t size, const uint8_t **rest,
                 size_t *length, struct clo_error *error)
{
    memset(body, 0, size);
    *rest = frame->data;
    *length = 0;
    if (frame->length < size)
        return clo_fail(error, CLO_EGUEST, "a frame of type %d with %zu bytes where %zu are due",
                        frame->type, frame->length, size);
    memcpy(body, frame->data, size);
    *rest = frame->data + size;
    *length = frame->length - size;
    return 0;
}

/* Find `count` strings in `length` bytes that they fill. */
static int find_arguments(const char *at, size_t length, size_t count, const char **arguments)
{
    const char *end = at + length;
    for (size_t i = 0; i < count; i++) {
        const char *zero = memchr(at, '\0', (size_t)(end - at));
        if (!zero)
            return CLO_EGUEST;
        arguments[i] = at;
        at = zero + 1;
    }
    return at == end ? 0 : CLO_EGUEST;
}

int clo_frame_read_run(const struct clo_frame *frame, struct clo_order *order, uint32_t *sequence,
                       struct clo_error *error)
{
    static char name[NAME_MAX_BYTES + 1]; /* a worker reads one run at a time */
    static char timezone[CLO_TIMEZONE_MAX + 1];
    static const char *arguments[CLO_ARGUMENTS_MAX];
    struct clo_run_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    if (status)
        return status;
    if (body.name_length > length || body.name_length > NAME_MAX_BYTES)
        return clo_fail(error, CLO_EGUEST, "a run's name of %u bytes", body.name_length);
    memcpy(name, rest, body.name_length);
    name[body.name_length] = '\0';
    const char *after = (const char *)rest + body.name_length;
    length -= body.name_length;
    if (body.timezone_length > length || body.timezone_length > CLO_TIMEZONE_MAX)
        return clo_fail(error, CLO_EGUEST, "a run's time zone of %u bytes", body.timezone_length);
    memcpy(timezone, after, body.timezone_length);
    timezone[body.timezone_length] = '\0';
    after += body.timezone_length;
    length -= body.timezone_length;
    if (body.argument_count > CLO_ARGUMENTS_MAX || body.argument_bytes > length ||
        find_arguments(after, body.argument_bytes, body.argument_count, arguments))
        return clo_fail(error, CLO_EGUEST, "%u arguments of a run in %u bytes", body.argument_count,
                        body.argument_bytes);
    after += body.argument_bytes;
    length -= body.argument_bytes;
    if (body.more_tools_length > length)
        return clo_fail(error, CLO_EGUEST, "a run's tools of %llu bytes",
                        (unsigned long long)body.more_tools_length);
    if (body.repair > CLO_REPAIR_ARGUMENTS)
        return clo_fail(error, CLO_EGUEST, "repair %u of a run", body.repair);
    *order = (struct clo_order){.code = after + body.more_tools_length,
                                .code_length = length - body.more_tools_length,
                                .more_tools = body.more_tools_length ? after : NULL,
                                .more_tools_length = body.more_tools_length,
                                .name = name,
                                .limits = body.limits,
                                .reserved = body.reserved,
                                .keep_state = body.keep_state != 0,
                                .write_through = body.write_through != 0,
                                .arguments = arguments,
                                .argument_count = body.argument_count,
                                .has_input = body.has_input != 0,
                                .has_files = body.has_files != 0,
                                .wants_result = body.wants_result != 0,
                                .repair = (enum clo_repair)body.repair,
                                .no_tools = body.no_tools != 0,
                                .may_suspend = body.may_suspend != 0,
                                .resume = body.resume != 0,
                                .elsewhere = body.elsewhere != 0,
                                .fixed = {.has_seed = body.has_seed != 0,
                                          .has_clock = body.has_clock != 0,
                                          .seed = body.seed,
                                          .clock_ns = body.clock_ns,
                                          .timezone = body.timezone_length ? timezone : NULL}};
    *sequence = body.sequence;
    return 0;
}

int clo_frame_read_output(const struct clo_frame *frame, enum clo_stream *stream, const char **data,
                          size_t *length, struct clo_error *error)
{
    struct clo_output_body body;
    const uint8_t *rest;
    int status = split(frame, &body, sizeof body, &rest, length, error);
    if (status)
        return status;
    if (body.stream != CLO_STDOUT && body.stream != CLO_STDERR)
        return clo_fail(error, CLO_EGUEST, "output for stream %u", body.stream);
    if (!*length)
        return clo_fail(error, CLO_EGUEST, "output of no bytes");
    *stream = (enum clo_stream)body.stream;
    *data = (const char *)rest;
    return 0;
}

int clo_frame_read_call(const struct clo_frame *frame, struct clo_call *call,
                        struct clo_error *error)
{
    struct clo_call_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    if (status)
        return status;
    *call = (struct clo_call){.flags = body.flags,
                              .kind = body.kind,
                              .id = body.id,
                              .wait_id = body.wait_id,
                              .timeout_ns = body.timeout_ns,
                              .deadline_ns = body.deadline_ns,
                              .tool_deadline_ns = body.tool_deadline_ns,
                              .may_suspend = body.may_suspend != 0,
                              .message = rest,
                              .length = length};
    return 0;
}

int clo_frame_read_reply(struct clo_frame_socket *frames, const struct clo_frame *frame,
                         struct clo_call_reply *reply, bool *cancelled, struct clo_error *error)
{
    struct clo_call_reply_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    if (status)
        return status;
    if (body.status == CLO_REPLY_VIOLATION)
        return clo_fail(error, CLO_EGUEST, "%.*s", (int)(length < 512 ? length : 512),
                        (const char *)rest);
    reply->status = body.status;
    reply->id = body.id;
    reply->limit = body.limit < CLO_LIMIT_COUNT ? (enum clo_limit)body.limit : CLO_LIMIT_NONE;
    reply->on_thread = false;
    reply->cpu_ns = body.cpu_ns;
    reply->tool_ns = body.tool_ns;
    reply->descriptor = body.descriptor ? clo_frame_socket_detach(frames) : -1;
    reply->data.limit = CLO_MESSAGE_MAX;
    clo_buffer_wipe(&reply->data);
    if (clo_buffer_append(&reply->data, rest, length))
        return clo_fail_memory(error);
    *cancelled = body.cancelled != 0;
    return 0;
}

int clo_frame_read_grow(const struct clo_frame *frame, uint64_t *bytes, bool *may_wait,
                        struct clo_error *error)
{
    struct clo_grow_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    *bytes = body.bytes;
    *may_wait = body.may_wait != 0;
    if (!status && length)
        status = clo_fail(error, CLO_EGUEST, "%zu bytes behind a wish for memory", length);
    return status;
}

int clo_frame_read_grant(const struct clo_frame *frame, struct clo_grant *grant, bool *cancelled,
                         struct clo_error *error)
{
    struct clo_grant_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    *grant = body.grant;
    *cancelled = body.cancelled != 0;
    return status;
}

/* Take `length` bytes as a text: UTF-8 without surrogates, or the worker is not what it should be.
 * CLO_EGUEST, CLO_ENOMEMORY. */
static int take_text(const uint8_t **rest, size_t length, char **text)
{
    if (!clo_utf8_strict(*rest, length))
        return CLO_EGUEST;
    *text = malloc(length + 1);
    if (!*text)
        return CLO_ENOMEMORY;
    memcpy(*text, *rest, length);
    (*text)[length] = '\0';
    *rest += length;
    return 0;
}

/* Likewise, and nothing in it that a line has not. */
static int take_line(const uint8_t **rest, size_t length, char **line)
{
    for (size_t i = 0; i < length; i++)
        if ((*rest)[i] < ' ' || (*rest)[i] == 0x7f)
            return CLO_EGUEST;
    return take_text(rest, length, line);
}

static int read_texts(const struct clo_result_body *body, const uint8_t *rest,
                      struct clo_run_result *result)
{
    struct clo_run_error *error = &result->error;
    int status = 0;
    if (body->kind != CLO_RUN_OK) {
        status = take_text(&rest, body->type_length, &error->type);
        if (!status)
            status = take_text(&rest, body->message_length, &error->message);
        if (!status && (body->has & CLO_HAS_TRACEBACK))
            status = take_text(&rest, body->traceback_length, &error->traceback);
    }
    if (!status && (body->has & CLO_HAS_RESULT)) {
        status = take_text(&rest, body->result_length, &result->result);
        result->result_length = status ? 0 : body->result_length;
    }
    if (!status && (body->has & CLO_HAS_NOTE))
        status = take_line(&rest, body->note_length, &result->note);
    return status;
}

static bool consistent(const struct clo_result_body *body, size_t length)
{
    uint64_t total = (uint64_t)body->type_length + body->message_length + body->traceback_length +
                     body->result_length + body->note_length;
    bool plain = body->kind == CLO_RUN_OK
                     ? !body->type_length && !body->message_length && !body->traceback_length
                     : (body->kind > CLO_RUN_OK && body->kind < CLO_RUN_WORKER) ||
                           body->kind == CLO_RUN_SUSPENDED;
    bool limit = body->kind == CLO_RUN_LIMIT
                     ? body->limit > CLO_LIMIT_NONE && body->limit < CLO_LIMIT_COUNT
                     : body->limit == CLO_LIMIT_NONE;
    return total == length && plain && limit &&
           ((body->has & CLO_HAS_TRACEBACK) || !body->traceback_length) &&
           ((body->has & CLO_HAS_RESULT) || !body->result_length) &&
           ((body->has & CLO_HAS_NOTE) || !body->note_length) && body->note_length <= CLO_NOTE_MAX;
}

int clo_frame_read_result(const struct clo_frame *frame, const struct clo_limits *limits,
                          struct clo_run_result *result, bool *last, struct clo_error *error)
{
    struct clo_result_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    if (status)
        return status;
    *last = body.last != 0;
    status = consistent(&body, length) ? read_texts(&body, rest, result) : CLO_EGUEST;
    if (status)
        return status == CLO_ENOMEMORY
                   ? clo_fail_memory(error)
                   : clo_fail(error, CLO_EGUEST, "a result that is not well-formed");
    result->error.kind = (enum clo_run_error_kind)body.kind;
    result->error.line = body.line > 0 ? body.line : 0;
    result->error.limit = (enum clo_limit)body.limit;
    if (body.limit)
        result->error.limit_value = clo_limit_value(limits, result->error.limit);
    result->exit_code = body.exit_code;
    result->usage = body.usage;
    return 0;
}

int clo_frame_read_status(const struct clo_frame *frame, unsigned *layers, struct clo_error *error)
{
    struct clo_failed_body body;
    const uint8_t *rest;
    size_t length;
    int status = split(frame, &body, sizeof body, &rest, &length, error);
    if (status)
        return status;
    if ((uint64_t)body.message_length + body.hint_length != length || body.status > 0 ||
        body.status < CLO_EINTERNAL || !clo_utf8_strict(rest, body.message_length) ||
        !clo_utf8_strict(rest + body.message_length, body.hint_length))
        return clo_fail(error, CLO_EGUEST, "a status that is not well-formed");
    *layers = body.layers;
    if (!body.status)
        return 0;
    clo_fail(error, (enum clo_status)body.status, "%.*s", (int)body.message_length,
             (const char *)rest);
    clo_hint(error, (enum clo_status)body.status, "%.*s", (int)body.hint_length,
             (const char *)rest + body.message_length);
    return body.status;
}

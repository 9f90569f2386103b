/* capture.c - two bounded buffers and the caller's callback. */
#include "sandbox/capture.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define NOTE_ROOM 4096 /* for lines of the host's own, which the output limit does not count */

void clo_capture_begin(struct clo_capture *capture, const struct clo_run *run,
                       uint64_t output_limit)
{
    *capture = (struct clo_capture){.run = run,
                                    .out = CLO_BUFFER(output_limit + NOTE_ROOM),
                                    .err = CLO_BUFFER(output_limit + NOTE_ROOM),
                                    .room = output_limit + NOTE_ROOM};
}

int clo_capture_go_on(struct clo_capture *capture, const char *out, size_t out_length,
                      const char *err, size_t err_length, struct clo_error *error)
{
    if (clo_buffer_append(&capture->out, out, out_length) ||
        clo_buffer_append(&capture->err, err, err_length))
        return clo_fail_memory(error);
    capture->room -=
        out_length + err_length < capture->room ? out_length + err_length : capture->room;
    if (err_length)
        capture->last_err = err[err_length - 1];
    return 0;
}

void clo_capture_take(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct clo_capture *capture = context;
    if (length > capture->room) {
        capture->overflow = true;
        length = clo_utf8_cut(data, (size_t)capture->room);
    }
    if (!length)
        return;
    capture->room -= length;
    clo_buffer_append(stream == CLO_STDERR ? &capture->err : &capture->out, data, length);
    if (stream == CLO_STDERR)
        capture->last_err = data[length - 1];
    if (capture->run->on_output)
        capture->run->on_output(capture->run->context, stream, data, length);
}

void clo_capture_note(struct clo_capture *capture, const char *message)
{
    struct clo_buffer line = CLO_BUFFER(1024);
    bool open = capture->last_err && capture->last_err != '\n';
    clo_buffer_format(&line, "%scloche: %s\n", open ? "\n" : "", message);
    if (line.length)
        clo_capture_take(capture, CLO_STDERR, line.data, line.length);
    clo_buffer_free(&line);
}

int clo_capture_finish(struct clo_capture *capture, struct clo_run_result *result,
                       struct clo_error *error)
{
    result->usage.output_bytes = capture->out.length + capture->err.length;
    result->out = clo_buffer_take(&capture->out, &result->out_length);
    result->err = clo_buffer_take(&capture->err, &result->err_length);
    return result->out && result->err ? 0 : clo_fail_memory(error);
}

int clo_capture_add_note(const struct clo_run *run, const struct clo_limits *limits,
                         const char *message, struct clo_run_result *result,
                         struct clo_error *error)
{
    struct clo_capture capture;
    clo_capture_begin(&capture, run, limits->output);
    int status = clo_capture_go_on(&capture, result->out, result->out_length, result->err,
                                   result->err_length, error);
    if (!status) {
        clo_capture_note(&capture, message);
        free(result->out);
        free(result->err);
        result->out = result->err = NULL;
        status = clo_capture_finish(&capture, result, error);
    }
    clo_capture_clear(&capture);
    return status;
}

void clo_capture_clear(struct clo_capture *capture)
{
    clo_buffer_free(&capture->out);
    clo_buffer_free(&capture->err);
}

/* capture.c - two bounded buffers and the caller's callback. */
#include "sandbox/capture.h"

#include <string.h>

#include "base/error.h"

#define NOTE_ROOM 4096 /* for lines of the host's own, which the output limit does not count */

void clo_collector_begin(struct clo_collector *collector, const struct clo_run *run,
                         uint64_t output_limit)
{
    *collector = (struct clo_collector){.run = run,
                                        .out = CLO_BUFFER(output_limit + NOTE_ROOM),
                                        .err = CLO_BUFFER(output_limit + NOTE_ROOM),
                                        .room = output_limit + NOTE_ROOM};
}

void clo_collector_take(void *context, enum clo_stream stream, const char *data, size_t length)
{
    struct clo_collector *collector = context;
    if (length > collector->room) {
        collector->overflow = true;
        length = (size_t)collector->room;
    }
    if (!length)
        return;
    collector->room -= length;
    clo_buffer_append(stream == CLO_STDERR ? &collector->err : &collector->out, data, length);
    if (stream == CLO_STDERR)
        collector->last_err = data[length - 1];
    if (collector->run->on_output)
        collector->run->on_output(collector->run->context, stream, data, length);
}

void clo_collector_note(struct clo_collector *collector, const char *message)
{
    struct clo_buffer line = CLO_BUFFER(1024);
    bool open = collector->last_err && collector->last_err != '\n';
    clo_buffer_format(&line, "%scloche: %s\n", open ? "\n" : "", message);
    if (line.length)
        clo_collector_take(collector, CLO_STDERR, line.data, line.length);
    clo_buffer_free(&line);
}

int clo_collector_finish(struct clo_collector *collector, struct clo_run_result *result,
                         struct clo_error *error)
{
    result->out = clo_buffer_take(&collector->out, &result->out_length);
    result->err = clo_buffer_take(&collector->err, &result->err_length);
    return result->out && result->err ? 0 : clo_fail_memory(error);
}

void clo_collector_clear(struct clo_collector *collector)
{
    clo_buffer_free(&collector->out);
    clo_buffer_free(&collector->err);
}

/* sse.c - server-sent events out of a stream of bytes. */
#include "model/http/sse.h"

#include <stdio.h>
#include <string.h>

void clo_sse_init(struct clo_sse *sse, size_t most,
                  int (*event)(void *, const char *, const char *, size_t), void *context)
{
    *sse = (struct clo_sse){
        .event = event, .context = context, .line = CLO_BUFFER(most), .data = CLO_BUFFER(most)};
}

void clo_sse_clear(struct clo_sse *sse)
{
    clo_buffer_free(&sse->line);
    clo_buffer_free(&sse->data);
}

static int dispatch(struct clo_sse *sse)
{
    int status = 0;
    if (sse->has_data && !sse->done) {
        sse->done = sse->data.length == 6 && memcmp(sse->data.data, "[DONE]", 6) == 0;
        status = sse->event(sse->context, sse->type, sse->done ? NULL : sse->data.data,
                            sse->done ? 0 : sse->data.length);
    }
    clo_buffer_reset(&sse->data);
    sse->has_data = false;
    sse->type[0] = '\0';
    return status;
}

static int add_data(struct clo_sse *sse, const char *value, size_t length)
{
    if (sse->has_data)
        clo_buffer_append(&sse->data, "\n", 1);
    sse->has_data = true;
    return clo_buffer_append(&sse->data, value, length);
}

static int take_line(struct clo_sse *sse)
{
    const char *line = sse->line.data ? sse->line.data : "";
    size_t length = sse->line.length;
    if (!sse->started && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        length -= 3;
    }
    sse->started = true;
    if (length == 0)
        return dispatch(sse);
    const char *colon = memchr(line, ':', length);
    size_t name = colon ? (size_t)(colon - line) : length;
    const char *value = colon ? colon + 1 : line + length;
    if (colon && value < line + length && *value == ' ')
        value++;
    size_t value_length = (size_t)(line + length - value);
    if (name == 4 && memcmp(line, "data", 4) == 0)
        return add_data(sse, value, value_length);
    if (name == 5 && memcmp(line, "event", 5) == 0)
        snprintf(sse->type, sizeof sse->type, "%.*s", (int)value_length, value);
    return 0;
}

int clo_sse_feed(struct clo_sse *sse, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    while (bytes < end) {
        if (sse->after_cr && *bytes == '\n')
            bytes++; /* the second half of CRLF */
        sse->after_cr = false;
        const char *stop = bytes;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        int status = clo_buffer_append(&sse->line, bytes, (size_t)(stop - bytes));
        if (status || stop == end)
            return status;
        sse->after_cr = *stop == '\r';
        bytes = stop + 1;
        status = take_line(sse);
        clo_buffer_reset(&sse->line);
        if (status)
            return status;
    }
    return 0;
}

int clo_sse_finish(struct clo_sse *sse)
{
    return sse->line.length ? 0 : dispatch(sse);
}

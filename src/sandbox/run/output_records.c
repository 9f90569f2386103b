/* output_records.c - the output area's records, copied once and then read. */
#include "sandbox/run/output_records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define HEADER_SIZE 4u

void clo_output_records_begin(struct clo_output_records *output, clo_output_sink sink,
                              void *context, uint64_t limit)
{
    output->sink = sink;
    output->context = context;
    output->limit = limit;
    output->produced = 0;
    output->open_line = false;
    memset(output->held, 0, sizeof output->held);
}

static void pass(struct clo_output_records *output, enum clo_stream stream, const char *data,
                 size_t length)
{
    if (!length)
        return;
    if (stream == CLO_STDERR)
        output->open_line = data[length - 1] != '\n';
    output->sink(output->context, stream, data, length);
}

/* Go on with the character whose first bytes are held; returns how many bytes it took. */
static size_t go_on(struct clo_output_records *output, enum clo_stream stream, const char *data,
                    size_t length)
{
    struct clo_output_held *held = &output->held[stream - CLO_STDOUT];
    size_t taken = 0;
    while (held->length && taken < length) {
        uint32_t point;
        held->bytes[held->length] = data[taken];
        if (clo_utf8_begun(held->bytes, held->length + 1) == held->length + 1) {
            held->length++;
            taken++;
            continue;
        }
        bool whole = clo_utf8_next((const uint8_t *)held->bytes, held->length + 1, &point);
        pass(output, stream, held->bytes, held->length + whole);
        held->length = 0;
        taken += whole;
    }
    return taken;
}

static void hand_on(struct clo_output_records *output, enum clo_stream stream, const char *data,
                    size_t length)
{
    struct clo_output_held *held = &output->held[stream - CLO_STDOUT];
    uint64_t left = output->produced < output->limit ? output->limit - output->produced : 0;
    bool cut = length > left;
    output->produced += length;
    if (cut)
        length = (size_t)left;
    size_t taken = go_on(output, stream, data, length);
    data += taken;
    length -= taken;
    size_t begun = clo_utf8_begun(data, length);
    pass(output, stream, data, length - begun);
    if (begun) {
        memcpy(held->bytes, data + length - begun, begun);
        held->length = begun;
    }
    if (cut)
        held->length = 0;
}

struct clo_output_joined { /* records of one stream, without their headers */
    uint32_t stream, start, length;
};

static void hand_on_joined(struct clo_output_records *output,
                           const struct clo_output_joined *joined)
{
    if (joined->length)
        hand_on(output, (enum clo_stream)joined->stream,
                (const char *)output->records + joined->start, joined->length);
}

/* What follows each other in one stream is moved together: `print` makes a record of each value and of
 * what stands between them, and who is handed them does something for each. */
static int read_records(struct clo_output_records *output, uint32_t length,
                        struct clo_output_joined *joined, struct clo_error *error)
{
    for (uint32_t at = 0; at < length;) {
        uint32_t header;
        if (length - at < HEADER_SIZE)
            return clo_fail(error, CLO_EGUEST,
                            "an output record's header is cut off after %" PRIu32 " bytes",
                            length - at);
        memcpy(&header, output->records + at, HEADER_SIZE);
        at += HEADER_SIZE;
        uint32_t stream = header >> 24, size = header & 0xffffff;
        if (stream != CLO_STDOUT && stream != CLO_STDERR)
            return clo_fail(error, CLO_EGUEST, "an output record for stream %" PRIu32, stream);
        if (size > length - at)
            return clo_fail(error, CLO_EGUEST,
                            "an output record of %" PRIu32 " bytes where %" PRIu32 " are left",
                            size, length - at);
        if (stream != joined->stream) {
            hand_on_joined(output, joined);
            *joined = (struct clo_output_joined){stream, at, 0};
        }
        memmove(output->records + joined->start + joined->length, output->records + at, size);
        joined->length += size;
        at += size;
    }
    return 0;
}

int clo_output_records_take(struct clo_output_records *output, const uint8_t *area, uint32_t length,
                            struct clo_error *error)
{
    if (length > sizeof output->records)
        return clo_fail(error, CLO_EGUEST, "output of %" PRIu32 " bytes in an area of %zu", length,
                        sizeof output->records);
    memcpy(output->records, area, length);
    struct clo_output_joined joined = {0};
    int status = read_records(output, length, &joined, error);
    hand_on_joined(output, &joined);
    explicit_bzero(output->records, length); /* a worker keeps nothing of a run */
    return status;
}

bool clo_output_records_over(const struct clo_output_records *output)
{
    return output->produced > output->limit;
}

void clo_output_end(struct clo_output_records *output)
{
    for (int stream = CLO_STDOUT; stream <= CLO_STDERR; stream++) {
        struct clo_output_held *held = &output->held[stream - CLO_STDOUT];
        if (!clo_output_records_over(output))
            pass(output, (enum clo_stream)stream, held->bytes, held->length);
        held->length = 0;
    }
}

void clo_output_records_note(struct clo_output_records *output, const char *message)
{
    clo_output_end(output);
    char line[1024];
    int length =
        snprintf(line, sizeof line, "%scloche: %s\n", output->open_line ? "\n" : "", message);
    output->sink(output->context, CLO_STDERR, line,
                 (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    output->open_line = false;
}

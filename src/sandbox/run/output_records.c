/* output_records.c - the output area's records, copied once and then read. */
#include "sandbox/run/output_records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define HEADER_SIZE 4u

void clo_output_records_begin(struct clo_output_records *output, clo_output_sink sink,
                              void *context, uint64_t limit)
{
    output->sink = sink;
    output->context = context;
    output->limit = limit;
    output->produced = 0;
    output->open_line = false;
}

static void hand_on(struct clo_output_records *output, enum clo_stream stream, const char *data,
                    size_t length)
{
    uint64_t left = output->produced < output->limit ? output->limit - output->produced : 0;
    output->produced += length;
    if (length > left)
        length = (size_t)left;
    if (!length)
        return;
    if (stream == CLO_STDERR)
        output->open_line = data[length - 1] != '\n';
    output->sink(output->context, stream, data, length);
}

int clo_output_records_take(struct clo_output_records *output, const uint8_t *area, uint32_t length,
                            struct clo_error *error)
{
    if (length > sizeof output->records)
        return clo_fail(error, CLO_EGUEST, "output of %" PRIu32 " bytes in an area of %zu", length,
                        sizeof output->records);
    memcpy(output->records, area, length);
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
        hand_on(output, (enum clo_stream)stream, (const char *)output->records + at, size);
        at += size;
    }
    return 0;
}

bool clo_output_records_over(const struct clo_output_records *output)
{
    return output->produced > output->limit;
}

void clo_output_records_note(struct clo_output_records *output, const char *message)
{
    char line[1024];
    int length =
        snprintf(line, sizeof line, "%scloche: %s\n", output->open_line ? "\n" : "", message);
    output->sink(output->context, CLO_STDERR, line,
                 (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    output->open_line = false;
}

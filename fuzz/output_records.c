/* output_records.c - the output area as a guest may leave it: the first four bytes are the length
 * that it claims. What is handed on never passes the limit, and a refusal has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "sandbox/run/output_records.h"

#define LIMIT 1000u
#define CUT_MOST 6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *context, enum clo_stream stream, const char *data, size_t length)
{
    uint64_t *total = context;
    volatile char last = data[length - 1]; /* it is there */
    (void)last;
    if (stream != CLO_STDOUT && stream != CLO_STDERR)
        abort();
    *total += length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct clo_output_records output;
    static uint8_t area[CLO_OUTPUT_AREA_SIZE];
    struct clo_error error = {.message = ""};
    uint64_t total = 0;
    uint32_t length;
    if (size < sizeof length)
        return 0;
    memcpy(&length, data, sizeof length);
    data += sizeof length;
    size -= sizeof length;
    memcpy(area, data, size < sizeof area ? size : sizeof area);
    clo_output_records_begin(&output, count, &total, LIMIT);
    if (clo_output_records_take(&output, area, length, &error) && !error.message[0])
        abort();
    clo_output_end(&output);
    /* beyond the limit each stream may lack a character that was begun: nothing else is lost */
    if (clo_output_records_over(&output) ? total > LIMIT || total + CUT_MOST < LIMIT
                                         : total != output.produced)
        abort();
    return 0;
}

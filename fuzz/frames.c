/* frames.c - what a worker that was taken over may send: the first byte chooses the frame's type.
 */
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/run/limits.h"
#include "sandbox/worker/frames.h"
#include "sandbox/worker/state_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_result(const struct clo_frame *frame)
{
    struct clo_limits limits = {0}, defaults;
    struct clo_error error;
    bool last;
    struct clo_run_result *result = calloc(1, sizeof *result);
    if (!result || clo_limits_resolve(&defaults, &limits, NULL, NULL))
        abort();
    clo_frame_read_result(frame, &defaults, result, &last, &error);
    clo_run_result_free(result);
}

static volatile unsigned sink; /* what is read into it is read */

/* All that the pages are said to be must be within the frame. */
static void read_pages(const struct clo_frame *frame)
{
    struct clo_state_pages pages;
    struct clo_error error;
    if (clo_frame_read_pages(frame, &pages, &error))
        return;
    for (unsigned i = 0; i < pages.count; i++)
        sink = pages.numbers[i] + pages.bytes[i][0] + pages.bytes[i][CLO_PAGE_SIZE - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct clo_frame frame = {.data = data + 1, .length = size - 1};
    struct clo_error error;
    struct clo_order order;
    struct clo_call call;
    enum clo_stream stream;
    const char *text;
    size_t length;
    uint32_t sequence;
    unsigned layers;
    bool cancelled, may_wait;
    uint64_t bytes;
    struct clo_grant grant;
    struct clo_state_head head;
    struct clo_frame_socket frames = {.fd = -1}; /* no descriptor has come */
    struct clo_call_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    switch (data[0] % 10) {
    case 0: clo_frame_read_run(&frame, &order, &sequence, &error); break;
    case 1: clo_frame_read_output(&frame, &stream, &text, &length, &error); break;
    case 2: clo_frame_read_call(&frame, &call, &error); break;
    case 3: clo_frame_read_reply(&frames, &frame, &reply, &cancelled, &error); break;
    case 4: read_result(&frame); break;
    case 5: clo_frame_read_status(&frame, &layers, &error); break;
    case 6: clo_frame_read_grow(&frame, &bytes, &may_wait, &error); break;
    case 7: clo_frame_read_grant(&frame, &grant, &cancelled, &error); break;
    case 8: clo_frame_read_state(&frame, &head, &error); break;
    default: read_pages(&frame);
    }
    clo_buffer_free(&reply.data);
    return 0;
}

/* frames.c - what a worker that was taken over may send: the first byte chooses the frame's type.
 */
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/run/limits.h"
#include "sandbox/worker/frames.h"

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
    bool cancelled;
    struct clo_frame_socket frames = {.fd = -1}; /* no descriptor has come */
    struct clo_call_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    switch (data[0] % 6) {
    case 0: clo_frame_read_run(&frame, &order, &sequence, &error); break;
    case 1: clo_frame_read_output(&frame, &stream, &text, &length, &error); break;
    case 2: clo_frame_read_call(&frame, &call, &error); break;
    case 3: clo_frame_read_reply(&frames, &frame, &reply, &cancelled, &error); break;
    case 4: read_result(&frame); break;
    default: clo_frame_read_status(&frame, &layers, &error);
    }
    clo_buffer_free(&reply.data);
    return 0;
}

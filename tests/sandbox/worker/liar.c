/* liar.c - a worker that has been taken over: what it sends its host is chosen by the run's code.
 *
 * Linked with the real zygote in the real worker's place, so that it stands where a worker stands.
 * For an honest answer the code is "good ...": it is then the run's result.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/worker/frames.h"
#include "sandbox/worker/jail.h"
#include "sandbox/worker/worker.h"

static struct clo_frame_socket frames;

static void send_all(void)
{
    if (clo_frame_socket_flush(&frames, UINT64_MAX, NULL))
        _exit(0);
}

static void put_raw(uint32_t type, uint32_t length, const void *data, size_t size)
{
    uint32_t head[2] = {type, length};
    clo_frame_socket_put(&frames, head, sizeof head);
    clo_frame_socket_put(&frames, data, size);
    send_all();
}

static void say_hello(int status)
{
    struct clo_error error = {.message = "it says no"};
    clo_frame_put_status(&frames, CLO_FRAME_HELLO, status, CLO_JAIL_ALL, &error);
    send_all();
}

static void put_result(const char *text)
{
    struct clo_run_result result = {.result = (char *)text, .result_length = strlen(text)};
    clo_frame_put_result(&frames, &result, false);
    send_all();
}

static void put_body(struct clo_result_body body, const char *rest, size_t length)
{
    char bytes[sizeof body + 64];
    memcpy(bytes, &body, sizeof body);
    memcpy(bytes + sizeof body, rest, length);
    put_raw(CLO_FRAME_RESULT, (uint32_t)(sizeof body + length), bytes, sizeof body + length);
}

/* A host call, and what the host says to it: the status, or -1 for a broken contract. */
static int call(const char *message, size_t length, uint32_t id)
{
    struct clo_frame frame;
    struct clo_call_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    struct clo_call order = {.flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT,
                             .kind = CLO_CALL_TOOL,
                             .id = id,
                             .wait_id = id,
                             .timeout_ns = CLO_TIMEOUT_NONE,
                             .deadline_ns = UINT64_MAX,
                             .message = (const uint8_t *)message,
                             .length = length};
    bool cancelled;
    clo_frame_put_call(&frames, &order);
    send_all();
    if (clo_frame_socket_receive(&frames, UINT64_MAX, -1, &frame, NULL))
        _exit(0);
    int status = clo_frame_read_reply(&frame, &reply, &cancelled, NULL);
    clo_buffer_free(&reply.data);
    return status ? -1 : (int)reply.status;
}

#define ADD                                                                                        \
    "\x82\x63"                                                                                     \
    "add\xa2\x61"                                                                                  \
    "a\x01\x61"                                                                                    \
    "b\x02" /* CBOR: ["add", {"a": 1, "b": 2}] */
#define OPEN_FILE                                                                                  \
    "\x82\x69"                                                                                     \
    "open_file\xa0"

static void lie_in_calls(const char *lie)
{
    char text[64] = "";
    if (strcmp(lie, "a tool that was not offered") == 0) {
        put_result(call(OPEN_FILE, sizeof OPEN_FILE - 1, 1) == CLO_CALL_ERROR ? "refused"
                                                                              : "served");
    } else if (strcmp(lie, "a call without a message") == 0) {
        put_result(call("\xff\xff", 2, 1) == CLO_CALL_OK ? "served" : "refused");
    } else if (strcmp(lie, "an id of zero") == 0) {
        put_result(call(ADD, sizeof ADD - 1, 0) == -1 ? "refused" : "served");
    } else if (strcmp(lie, "calls beyond the limit") == 0) {
        uint32_t served = 0;
        while (served < 1000 && call(ADD, sizeof ADD - 1, served + 1) == CLO_CALL_OK)
            served++;
        text[0] = (char)('0' + served % 10);
        put_result(served < 10 ? text : "many");
    } else if (strcmp(lie, "waits for ever") == 0) {
        for (;;) {
            struct clo_frame frame;
            struct clo_call wait = {.flags = CLO_CALL_WAIT,
                                    .wait_id = CLO_WAIT_NONE,
                                    .timeout_ns = 1000000,
                                    .deadline_ns = UINT64_MAX};
            clo_frame_put_call(&frames, &wait);
            send_all();
            if (clo_frame_socket_receive(&frames, UINT64_MAX, -1, &frame, NULL))
                _exit(0);
        }
    }
}

static void lie_in_frames(const char *lie)
{
    static const char noise[65536];
    struct clo_result_body body = {0};
    struct clo_error odd = {.message = "\xff\xfe"};
    if (strcmp(lie, "an unknown frame") == 0)
        put_raw(99, 0, NULL, 0);
    else if (strcmp(lie, "a frame for workers") == 0)
        put_raw(CLO_FRAME_RUN, 0, NULL, 0);
    else if (strcmp(lie, "an endless frame") == 0)
        put_raw(CLO_FRAME_OUTPUT, UINT32_MAX, NULL, 0);
    else if (strcmp(lie, "half a header") == 0) {
        clo_frame_socket_put(&frames, "\3\0\0", 3);
        send_all();
        _exit(0);
    } else if (strcmp(lie, "a short result") == 0)
        put_raw(CLO_FRAME_RESULT, 4, "abcd", 4);
    else if (strcmp(lie, "lengths that lie") == 0) {
        body.has = CLO_HAS_RESULT;
        body.result_length = UINT32_MAX;
        put_body(body, "xy", 2);
    } else if (strcmp(lie, "a result that is no text") == 0) {
        body.has = CLO_HAS_RESULT;
        body.result_length = 2;
        put_body(body, "\xff\xfe", 2);
    } else if (strcmp(lie, "an unknown kind") == 0) {
        body.kind = 77;
        put_body(body, "", 0);
    } else if (strcmp(lie, "an unknown limit") == 0) {
        body.kind = CLO_RUN_LIMIT;
        body.limit = 1000;
        put_body(body, "", 0);
    } else if (strcmp(lie, "a second hello") == 0)
        say_hello(0);
    else if (strcmp(lie, "an unknown stream") == 0)
        put_raw(CLO_FRAME_OUTPUT, 5, "\7\0\0\0x", 5);
    else if (strcmp(lie, "a failure that is no text") == 0) {
        clo_frame_put_status(&frames, CLO_FRAME_FAILED, CLO_EINVALID, 0, &odd);
        send_all();
    } else if (strcmp(lie, "a failure without a reason") == 0) {
        clo_frame_put_status(&frames, CLO_FRAME_FAILED, 0, 0, &odd);
        send_all();
    } else if (strcmp(lie, "a flood") == 0) {
        for (;;) {
            clo_frame_put_output(&frames, CLO_STDOUT, noise, sizeof noise);
            send_all();
        }
    } else if (strcmp(lie, "two results") == 0) {
        put_result(lie);
        put_result("the second");
    }
}

_Noreturn void clo_worker_main(const struct clo_bootstrap *bootstrap, int socket, pid_t zygote,
                               unsigned layers)
{
    (void)zygote;
    (void)layers;
    clo_frame_socket_open(&frames, socket, CLO_TO_WORKER);
    say_hello(0);
    for (;;) {
        struct clo_frame frame;
        struct clo_order order;
        uint32_t sequence;
        char code[64] = "";
        if (clo_frame_socket_receive(&frames, UINT64_MAX, -1, &frame, NULL) ||
            clo_frame_read_run(&frame, &order, &sequence, NULL))
            _exit(0);
        memcpy(code, order.code, order.code_length < 63 ? order.code_length : 63);
        if (strncmp(code, "good", 4) == 0)
            put_result(code);
        lie_in_frames(code);
        lie_in_calls(code); /* "silence" is neither's */
        if (strncmp(code, "good", 4) == 0 && bootstrap->pooled)
            say_hello(0);
    }
}

/* liar.c - a worker that has been taken over: what it sends its host is chosen by the run's code.
 *
 * Linked with the real zygote in the real worker's place, so that it stands where a worker stands.
 * For an honest answer the code is "good ...": it is then the run's result. After a result it says
 * hello, as an honest worker does that has restored its micro-VM, but for the lie "no hello"; after one of
 * a session when it is told to be clean.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/worker/frames.h"
#include "sandbox/worker/jail.h"
#include "sandbox/worker/state_frames.h"
#include "sandbox/worker/worker.h"

static struct clo_frame_socket frames;
static bool answered; /* a whole result was sent for this run */

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
    answered = true;
}

static void put_body(struct clo_result_body body, const char *rest, size_t length)
{
    char bytes[sizeof body + CLO_NOTE_MAX + 1]; /* the longest that any lie puts after its body */
    if (length > sizeof bytes - sizeof body)
        abort();
    memcpy(bytes, &body, sizeof body);
    memcpy(bytes + sizeof body, rest, length);
    put_raw(CLO_FRAME_RESULT, (uint32_t)(sizeof body + length), bytes, sizeof body + length);
}

/* A host call, and what the host says to it: the status, or -1 for a broken contract. */
static int ask_host(const struct clo_call *call)
{
    struct clo_frame frame;
    struct clo_call_reply reply = {.data = CLO_BUFFER(CLO_MESSAGE_MAX)};
    bool cancelled;
    clo_frame_put_call(&frames, call);
    send_all();
    if (clo_frame_socket_receive(&frames, UINT64_MAX, &frame, NULL))
        _exit(0);
    int status = clo_frame_read_reply(&frames, &frame, &reply, &cancelled, NULL);
    clo_buffer_free(&reply.data);
    return status ? -1 : (int)reply.status;
}

static int call_for(const char *message, size_t length, uint32_t id, uint64_t timeout_ns)
{
    struct clo_call order = {.flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT,
                             .kind = CLO_CALL_TOOL,
                             .id = id,
                             .wait_id = id,
                             .timeout_ns = timeout_ns,
                             .deadline_ns = UINT64_MAX,
                             .tool_deadline_ns = UINT64_MAX,
                             .message = (const uint8_t *)message,
                             .length = length};
    return ask_host(&order);
}

static int call(const char *message, size_t length, uint32_t id)
{
    return call_for(message, length, id, CLO_TIMEOUT_NONE);
}

#define ADD                                                                                        \
    "\x82\x63"                                                                                     \
    "add\xa2\x61"                                                                                  \
    "a\x01\x61"                                                                                    \
    "b\x02" /* CBOR: ["add", {"a": 1, "b": 2}] */
#define OPEN_FILE                                                                                  \
    "\x82\x69"                                                                                     \
    "open_file\xa0"

#define NAP                                                                                        \
    "\x82\x63"                                                                                     \
    "nap\xa1\x62"                                                                                  \
    "ms\x19\x07\x6c" /* ["nap", {"ms": 1900}] */

static volatile uint32_t sink;

static void burn(uint32_t turns)
{
    while (turns--)
        sink += turns;
}

static void lie_about_usage(struct clo_usage usage)
{
    struct clo_run_result result = {.result = "usage", .result_length = 5, .usage = usage};
    clo_frame_put_result(&frames, &result, false);
    send_all();
    answered = true;
}

static void lie_in_time(const char *lie)
{
    if (strcmp(lie, "naps one after another") == 0)
        for (uint32_t id = 1;; id++)
            call(NAP, sizeof NAP - 1, id);
    else if (strcmp(lie, "naps that are waits") == 0)
        for (uint32_t id = 1;; id++)
            call_for(NAP, sizeof NAP - 1, id, UINT64_MAX - 1);
    else if (strcmp(lie, "processor time for ever") == 0)
        for (;;)
            burn(1000000);
    else if (strcmp(lie, "empty words for ever") == 0)
        for (;;) {
            clo_frame_put_output(&frames, CLO_STDOUT, "", 0);
            send_all();
        }
    else if (strcmp(lie, "a byte at a time") == 0)
        for (;;) { /* slowly, so that the output's limit is far: a frame is there at each look */
            clo_frame_put_output(&frames, CLO_STDOUT, "x", 1);
            send_all();
            burn(20000);
        }
    else if (strcmp(lie, "little usage") == 0) {
        burn(200000000);
        lie_about_usage((struct clo_usage){0});
    } else if (strcmp(lie, "much usage") == 0) {
        lie_about_usage((struct clo_usage){.wall_us = UINT64_MAX,
                                           .cpu_us = UINT64_MAX,
                                           .memory_peak = UINT64_MAX,
                                           .host_calls = UINT64_MAX,
                                           .output_bytes = UINT64_MAX});
    } else if (strcmp(lie, "a cancellation") == 0) {
        struct clo_run_result result = {.error = {.kind = CLO_RUN_CANCELLED,
                                                  .type = "Cancelled",
                                                  .message = "the run was cancelled"}};
        clo_frame_put_result(&frames, &result, false);
        send_all();
    }
}

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
                                    .deadline_ns = UINT64_MAX,
                                    .tool_deadline_ns = UINT64_MAX};
            clo_frame_put_call(&frames, &wait);
            send_all();
            if (clo_frame_socket_receive(&frames, UINT64_MAX, &frame, NULL))
                _exit(0);
        }
    }
}

static void touch(size_t bytes)
{
    volatile char *memory = malloc(bytes);
    for (size_t at = 0; memory && at < bytes; at += 4096)
        memory[at] = 1;
    for (;;)
        pause();
}

static uint64_t grow(uint64_t bytes)
{
    struct clo_frame frame;
    struct clo_grant grant = {0};
    bool cancelled;
    clo_frame_put_grow(&frames, bytes, true);
    send_all();
    if (clo_frame_socket_receive(&frames, UINT64_MAX, &frame, NULL) ||
        clo_frame_read_grant(&frame, &grant, &cancelled, NULL))
        _exit(0);
    return grant.bytes;
}

#define MIB (1ull << 20)

static void lie_about_memory(const char *lie)
{
    struct clo_run_result refused = {.error = {.kind = CLO_RUN_LIMIT,
                                               .limit = CLO_LIMIT_TOTAL_MEMORY,
                                               .type = "MemoryError",
                                               .message = "none"}};
    if (strcmp(lie, "memory that it did not ask for") == 0)
        touch(160 * MIB);
    else if (strcmp(lie, "memory beyond its limit") == 0)
        grow(UINT64_MAX);
    else if (strcmp(lie, "a little beyond its limit") == 0)
        grow(256 * MIB + 1);
    else if (strcmp(lie, "a grant of its limit") == 0)
        put_result(grow(256 * MIB) == 256 * MIB && grow(1) == 256 * MIB ? "granted" : "refused");
    else if (strcmp(lie, "asks for memory for ever") == 0)
        for (uint64_t bytes = 1;; bytes++)
            grow(bytes % (256 * MIB));
    else if (strcmp(lie, "a grow of no length") == 0)
        put_raw(CLO_FRAME_GROW, 3, "abc", 3);
    else if (strcmp(lie, "a grow with more behind it") == 0)
        put_raw(CLO_FRAME_GROW, 24, "abcdefghabcdefghabcdefgh", 24);
    else if (strcmp(lie, "an endless grow") == 0)
        put_raw(CLO_FRAME_GROW, UINT32_MAX, NULL, 0);
    else if (strcmp(lie, "a refusal") == 0) {
        clo_frame_put_result(&frames, &refused, false);
        send_all();
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
    } else if (strcmp(lie, "a note of two lines") == 0) {
        body.has = CLO_HAS_NOTE;
        body.note_length = 3;
        put_body(body, "a\nb", 3);
    } else if (strcmp(lie, "a long note") == 0) {
        body.has = CLO_HAS_NOTE;
        char note[CLO_NOTE_MAX + 1];
        memset(note, 'x', sizeof note);
        body.note_length = sizeof note;
        put_body(body, note, sizeof note);
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
    } else if (strcmp(lie, "no hello") == 0)
        put_result(lie);
}

/* ---- a state: what the run before said ---- */

static char state_lie[64];

static void put_pages(uint32_t first, uint32_t second, bool last)
{
    static const uint8_t page[CLO_PAGE_SIZE] = "a page";
    struct clo_state_pages pages = {
        .count = 2, .last = last, .numbers = {first, second}, .bytes = {page, page}};
    clo_frame_put_pages(&frames, &pages);
    send_all();
}

static void put_head(uint64_t linear, uint64_t heap, uint64_t clock)
{
    struct clo_state_head head = {.region_size = {linear, heap}, .monotonic_ns = clock};
    clo_frame_put_state(&frames, CLO_FRAME_STATE, &head);
    send_all();
}

static void lie_in_save(const char *lie)
{
    struct clo_error odd = {.message = "\xff\xfe"};
    if (strcmp(lie, "a state of an unknown frame") == 0)
        put_raw(99, 0, NULL, 0);
    else if (strcmp(lie, "a result for a state") == 0)
        put_result(lie);
    else if (strcmp(lie, "a failure of a state that is no text") == 0) {
        clo_frame_put_status(&frames, CLO_FRAME_FAILED, CLO_EINVALID, 0, &odd);
        send_all();
    } else if (strcmp(lie, "a short head") == 0)
        put_raw(CLO_FRAME_STATE, 4, "abcd", 4);
    else if (strcmp(lie, "a huge guest") == 0)
        put_head(UINT64_MAX - 65535, 65536, 0);
    else if (strcmp(lie, "a late clock") == 0)
        put_head(32 << 20, 2 << 20, UINT64_MAX);
    put_head(32 << 20, 2 << 20, 0);
    if (strcmp(lie, "a death in the middle") == 0)
        _exit(0);
    else if (strcmp(lie, "a count that lies") == 0)
        put_raw(CLO_FRAME_PAGES, 8, "\x40\0\0\0\0\0\0\0", 8);
    else if (strcmp(lie, "more than a frame's pages") == 0)
        put_raw(CLO_FRAME_PAGES, 8 + 65 * 4100, NULL, 0);
    else if (strcmp(lie, "no pages, and more to come") == 0)
        put_raw(CLO_FRAME_PAGES, 8, "\0\0\0\0\0\0\0\0", 8);
    else if (strcmp(lie, "a page of the stack") == 0)
        put_pages(4, CLO_STACK_VA / CLO_PAGE_SIZE, true);
    else if (strcmp(lie, "a page of the code") == 0)
        put_pages(4, CLO_IMAGE_VA / CLO_PAGE_SIZE, true);
    else if (strcmp(lie, "a page that is not granted") == 0)
        put_pages(4, (32 << 20) / CLO_PAGE_SIZE, true);
    else if (strcmp(lie, "pages out of order") == 0)
        put_pages(5, 4, true);
    else if (strcmp(lie, "a page for ever") == 0)
        for (;;)
            put_pages(4, 5, false);
    else if (strcmp(lie, "an honest state") == 0 || strcmp(lie, "no hello when it is clean") == 0)
        put_pages(4, 5, true);
}

/* ---- a run in its middle ---- */

/* It was told that it is suspended, and is asked where it stands. */
static void lie_in_stand(const char *lie)
{
    struct clo_state_head head = {
        .region_size = {32 << 20, 2 << 20}, .in_run = 1, .registers.rip = CLO_IMAGE_VA + 4096};
    if (strcmp(lie, "stop between runs") == 0)
        head.in_run = 0;
    else if (strcmp(lie, "stop halfway") == 0)
        head.in_run = 2;
    else if (strcmp(lie, "stop beyond limits") == 0)
        head.used.refused = 99;
    else if (strcmp(lie, "stop and late") == 0)
        head.used.cpu_ns = UINT64_MAX;
    else if (strcmp(lie, "stop and die") == 0)
        _exit(0);
    clo_frame_put_state(&frames, CLO_FRAME_STATE, &head);
    send_all();
    put_pages(4, 5, true);
}

static void put_suspended(void)
{
    struct clo_run_result result = {.error = {.kind = CLO_RUN_SUSPENDED,
                                              .type = (char *)"Suspended",
                                              .message = (char *)"it waits"}};
    clo_frame_put_result(&frames, &result, false);
    send_all();
    answered = true;
}

static void lie_about_suspension(const char *lie)
{
    static const uint8_t message[] = "\x82\x63"
                                     "ask"
                                     "\xa1\x65"
                                     "value"
                                     "\x01";
    struct clo_call ask = {.flags = CLO_CALL_SUBMIT | CLO_CALL_WAIT,
                           .kind = CLO_CALL_TOOL,
                           .id = 1,
                           .wait_id = 1,
                           .timeout_ns = CLO_TIMEOUT_NONE,
                           .deadline_ns = UINT64_MAX,
                           .tool_deadline_ns = UINT64_MAX,
                           .may_suspend = true,
                           .message = message,
                           .length = sizeof message - 1};
    if (strncmp(lie, "stop", 4) != 0)
        return;
    if (strcmp(lie, "stop for nothing") != 0 && ask_host(&ask) != (int)CLO_CALL_SUSPENDED)
        _exit(0);
    if (strcmp(lie, "stop and go on") == 0) { /* a call in work, whose end comes when it likes */
        struct clo_call nap = ask;
        static const uint8_t long_message[] = "\x82\x63"
                                              "nap"
                                              "\xa1\x62"
                                              "ms"
                                              "\x19\x01\xf4";
        nap.flags = CLO_CALL_SUBMIT;
        nap.id = 2;
        nap.message = long_message;
        nap.length = sizeof long_message - 1;
        (void)ask_host(&nap);
    }
    put_suspended();
}

static void lie_in_load(const char *lie)
{
    struct clo_frame frame;
    struct clo_state_pages pages = {0};
    struct clo_error odd = {.message = "no"};
    if (strcmp(lie, "a death at once") == 0)
        _exit(0);
    while (!pages.last)
        if (clo_frame_socket_receive(&frames, UINT64_MAX, &frame, NULL) ||
            clo_frame_read_pages(&frame, &pages, NULL))
            _exit(0);
    if (strcmp(lie, "a death at the end") == 0)
        _exit(0);
    else if (strcmp(lie, "a result for a load") == 0)
        put_result(lie);
    else if (strcmp(lie, "a failure of the contract") == 0) {
        clo_frame_put_status(&frames, CLO_FRAME_FAILED, CLO_EGUEST, 0, &odd);
        send_all();
    } else
        put_head(32 << 20, 2 << 20, 0);
}

_Noreturn void clo_worker_main(const struct clo_bootstrap *bootstrap,
                               const struct clo_jail_shared *shared, struct clo_runner *mapped,
                               int socket, pid_t zygote, unsigned layers)
{
    (void)bootstrap;
    (void)shared;
    (void)mapped;
    (void)zygote;
    (void)layers;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever it does for ever */
    clo_frame_socket_open(&frames, socket, CLO_TO_WORKER);
    say_hello(0);
    for (;;) {
        struct clo_frame frame;
        struct clo_order order;
        uint32_t sequence;
        char code[64] = "";
        if (clo_frame_socket_receive(&frames, UINT64_MAX, &frame, NULL))
            _exit(0);
        if (frame.type == CLO_FRAME_CLEAN) {
            if (strcmp(state_lie, "no hello when it is clean") == 0)
                _exit(0);
            say_hello(0);
            continue;
        }
        if (frame.type == CLO_FRAME_SAVE || frame.type == CLO_FRAME_LOAD) {
            if (frame.type == CLO_FRAME_SAVE && strncmp(state_lie, "stop", 4) == 0)
                lie_in_stand(state_lie);
            else
                (frame.type == CLO_FRAME_SAVE ? lie_in_save : lie_in_load)(state_lie);
            continue;
        }
        if (clo_frame_read_run(&frame, &order, &sequence, NULL))
            _exit(0);
        memcpy(code, order.code, order.code_length < 63 ? order.code_length : 63);
        answered = false;
        memcpy(state_lie, code + (strncmp(code, "good ", 5) ? 0 : 5), sizeof code - 5);
        if (strncmp(code, "good", 4) == 0)
            put_result(code);
        lie_in_frames(code);
        lie_in_calls(code); /* "silence" is nobody's */
        lie_in_time(code);
        lie_about_memory(code);
        lie_about_suspension(code);
        if (answered && bootstrap->pooled && !order.keep_state && strcmp(code, "no hello") != 0)
            say_hello(0);
    }
}

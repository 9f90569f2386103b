/* frame_socket_test.c - frames between host and worker: whole, in pieces, too long, of the wrong
 * kind. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sandbox/run/outcome.h"
#include "sandbox/worker/fd_pass.h"
#include "sandbox/worker/frames.h"

#define MS 1000000ull

struct pair {
    struct clo_frame_socket host, worker;
};

static int set_up(void **state)
{
    static struct pair pair;
    int fds[2];
    if (clo_frame_socket_pair(fds, NULL))
        return -1;
    clo_frame_socket_open(&pair.host, fds[0], CLO_TO_HOST);
    clo_frame_socket_open(&pair.worker, fds[1], CLO_TO_WORKER);
    *state = &pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;
    clo_frame_socket_close(&pair->host);
    clo_frame_socket_close(&pair->worker);
    return 0;
}

static uint64_t soon(void)
{
    return clo_monotonic_ns() + 2000 * MS;
}

static void receive(struct clo_frame_socket *frames, enum clo_frame_type type,
                    struct clo_frame *frame)
{
    struct clo_error error = {0};
    if (clo_frame_socket_receive(frames, soon(), frame, &error))
        fail_msg("%s", error.message);
    assert_int_equal(frame->type, type);
}

static void a_run_and_its_result_arrive_as_they_were(void **state)
{
    struct pair *pair = *state;
    struct clo_frame frame;
    struct clo_order order = {.code = "print(1)",
                              .code_length = 8,
                              .name = "x.py",
                              .limits = {.wall_ms = 5, .memory = 7},
                              .keep_state = true,
                              .arguments = (const char *const[]){"a", "", "\xff b"},
                              .argument_count = 3,
                              .has_input = true,
                              .wants_result = true,
                              .repair = CLO_REPAIR_ARGUMENTS,
                              .more_tools = "\x80",
                              .more_tools_length = 1};
    struct clo_order got;
    uint32_t sequence;
    clo_frame_put_run(&pair->host, &order, 77);
    assert_int_equal(clo_frame_socket_flush(&pair->host, soon(), NULL), 0);
    receive(&pair->worker, CLO_FRAME_RUN, &frame);
    assert_int_equal(clo_frame_read_run(&frame, &got, &sequence, NULL), 0);
    assert_int_equal(sequence, 77);
    assert_string_equal(got.name, "x.py");
    assert_int_equal(got.code_length, 8);
    assert_memory_equal(got.code, "print(1)", 8);
    assert_int_equal(got.limits.memory, 7);
    assert_true(got.keep_state && !got.write_through && got.has_input && got.wants_result);
    assert_int_equal(got.repair, CLO_REPAIR_ARGUMENTS);
    assert_int_equal(got.argument_count, 3);
    assert_string_equal(got.arguments[0], "a");
    assert_string_equal(got.arguments[1], "");
    assert_string_equal(got.arguments[2], "\xff b");
    assert_int_equal(got.more_tools_length, 1);
    assert_memory_equal(got.more_tools, "\x80", 1);

    struct clo_run_result *result = calloc(1, sizeof *result), *back = calloc(1, sizeof *back);
    struct clo_limits limits = {.wall_ms = 200};
    bool last;
    assert_int_equal(clo_result_set_error(result, CLO_RUN_LIMIT, "TimeLimitExceeded", "late"), 0);
    result->error.limit = CLO_LIMIT_WALL;
    result->error.line = 3;
    result->error.traceback = strdup("Traceback");
    result->result = strdup("42");
    result->result_length = 2;
    result->note = strdup("a fence was taken off");
    result->exit_code = 124;
    result->usage.cpu_us = 9;
    clo_frame_put_result(&pair->worker, result, true);
    assert_int_equal(clo_frame_socket_flush(&pair->worker, soon(), NULL), 0);
    receive(&pair->host, CLO_FRAME_RESULT, &frame);
    assert_int_equal(clo_frame_read_result(&frame, &limits, back, &last, NULL), 0);
    assert_true(last);
    assert_int_equal(back->error.kind, CLO_RUN_LIMIT);
    assert_string_equal(back->error.type, "TimeLimitExceeded");
    assert_string_equal(back->error.message, "late");
    assert_string_equal(back->error.traceback, "Traceback");
    assert_int_equal(back->error.limit, CLO_LIMIT_WALL);
    assert_int_equal(back->error.limit_value, 200);
    assert_int_equal(back->error.line, 3);
    assert_string_equal(back->result, "42");
    assert_string_equal(back->note, "a fence was taken off");
    assert_int_equal(back->exit_code, 124);
    assert_int_equal(back->usage.cpu_us, 9);
    clo_run_result_free(result);
    clo_run_result_free(back);
}

static void calls_replies_and_failures_too(void **state)
{
    struct pair *pair = *state;
    struct clo_frame frame;
    struct clo_error error;
    struct clo_call got, call = {.flags = 3,
                                 .kind = 1,
                                 .id = 5,
                                 .wait_id = 5,
                                 .timeout_ns = 6,
                                 .deadline_ns = 7,
                                 .tool_deadline_ns = 9,
                                 .message = (const uint8_t *)"abc",
                                 .length = 3};
    clo_frame_put_output(&pair->worker, CLO_STDERR, "oops", 4);
    clo_frame_put_call(&pair->worker, &call);
    assert_int_equal(clo_frame_socket_flush(&pair->worker, soon(), NULL), 0);
    enum clo_stream stream;
    const char *data;
    size_t length;
    receive(&pair->host, CLO_FRAME_OUTPUT, &frame);
    assert_int_equal(clo_frame_read_output(&frame, &stream, &data, &length, NULL), 0);
    assert_int_equal(stream, CLO_STDERR);
    assert_int_equal(length, 4);
    receive(&pair->host, CLO_FRAME_CALL, &frame);
    assert_int_equal(clo_frame_read_call(&frame, &got, NULL), 0);
    assert_int_equal(got.deadline_ns, 7);
    assert_int_equal(got.tool_deadline_ns, 9);
    assert_int_equal(got.length, 3);
    assert_memory_equal(got.message, "abc", 3);

    struct clo_call_reply reply = {.status = 1,
                                   .id = 5,
                                   .cpu_ns = 77,
                                   .descriptor = -1,
                                   .data = CLO_BUFFER(10)},
                          answer = {.data = CLO_BUFFER(10)};
    bool cancelled;
    clo_buffer_text(&reply.data, "xyz");
    clo_frame_put_reply(&pair->host, &reply, true);
    clo_frame_put_violation(&pair->host, "that was wrong");
    assert_int_equal(clo_frame_socket_flush(&pair->host, soon(), NULL), 0);
    receive(&pair->worker, CLO_FRAME_REPLY, &frame);
    assert_int_equal(clo_frame_read_reply(&pair->worker, &frame, &answer, &cancelled, &error), 0);
    assert_true(cancelled && answer.status == 1 && answer.id == 5 && answer.cpu_ns == 77);
    assert_string_equal(answer.data.data, "xyz");
    receive(&pair->worker, CLO_FRAME_REPLY, &frame);
    assert_int_equal(clo_frame_read_reply(&pair->worker, &frame, &answer, &cancelled, &error),
                     CLO_EGUEST);
    assert_string_equal(error.message, "that was wrong");
    clo_buffer_free(&reply.data);
    clo_buffer_free(&answer.data);

    struct clo_error why = {.code = CLO_ENOHYPERVISOR, .message = "none", .hint = "get one"};
    clo_frame_put_status(&pair->worker, CLO_FRAME_HELLO, CLO_ENOHYPERVISOR, 5, &why);
    assert_int_equal(clo_frame_socket_flush(&pair->worker, soon(), NULL), 0);
    receive(&pair->host, CLO_FRAME_HELLO, &frame);
    unsigned layers = 0;
    assert_int_equal(clo_frame_read_status(&frame, &layers, &error), CLO_ENOHYPERVISOR);
    assert_int_equal(layers, 5);
    assert_string_equal(error.message, "none");
    assert_string_equal(error.hint, "get one");
}

static void send_raw(int fd, const void *data, size_t length)
{
    assert_int_equal(send(fd, data, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void what_may_not_be_sent_is_refused(void **state)
{
    static const struct {
        uint32_t type, length;
    } cases[] = {
        {0, 0},
        {CLO_FRAME_RUN, 0},
        {CLO_FRAME_REPLY, 0},
        {CLO_FRAME_COUNT, 0},
        {0xffffffff, 0},
        {CLO_FRAME_OUTPUT, 1u << 20},
        {CLO_FRAME_HELLO, 5000},
        {CLO_FRAME_CALL, 9u << 20},
        {CLO_FRAME_RESULT, 0xffffffff},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *fresh;
        set_up(&fresh);
        struct pair *pair = fresh;
        struct clo_frame frame;
        send_raw(pair->worker.fd, &cases[i], 8);
        assert_int_equal(clo_frame_socket_receive(&pair->host, soon(), &frame, NULL), CLO_EGUEST);
        tear_down(&fresh);
    }
}

static void bodies_are_not_trusted(void **state)
{
    (void)state;
    struct clo_result_body good = {
        .kind = CLO_RUN_EXCEPTION, .type_length = 1, .message_length = 1};
    struct clo_limits limits = {.wall_ms = 1};
    static const enum {
        FIT,
        LENGTH,
        KIND,
        LIMIT,
        WORKER,
        TEXT,
        SURPLUS,
        SHORT
    } cases[] = {FIT, LENGTH, KIND, LIMIT, WORKER, TEXT, SURPLUS, SHORT};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[sizeof good + 2];
        struct clo_result_body body = good;
        size_t length = sizeof bytes;
        memcpy(bytes + sizeof good, "TM", 2);
        switch (cases[i]) {
        case FIT: break;
        case LENGTH: body.traceback_length = 0xffffffff; break;
        case KIND: body.kind = 99; break;
        case LIMIT: body.limit = 3; break; /* of an exception */
        case WORKER: body.kind = CLO_RUN_WORKER; break;
        case TEXT: bytes[sizeof good] = 0xff; break;
        case SURPLUS: body.message_length = 0; break;
        case SHORT: length = sizeof good - 1; break;
        }
        memcpy(bytes, &body, sizeof body);
        struct clo_frame frame = {CLO_FRAME_RESULT, bytes, length};
        struct clo_run_result *result = calloc(1, sizeof *result);
        bool last;
        int status = clo_frame_read_result(&frame, &limits, result, &last, NULL);
        assert_int_equal(status, cases[i] == FIT ? 0 : CLO_EGUEST);
        clo_run_result_free(result);
    }
    struct clo_run_body run = {.name_length = 2000};
    struct clo_frame frame = {CLO_FRAME_RUN, (const uint8_t *)&run, sizeof run};
    struct clo_order order;
    uint32_t sequence;
    assert_int_equal(clo_frame_read_run(&frame, &order, &sequence, NULL), CLO_EGUEST);
    static const struct clo_run_body wrong[] = {
        {.argument_count = 2, .argument_bytes = 3},
        {.argument_count = 1, .argument_bytes = 4},
        {.argument_count = 1, .argument_bytes = 99},
        {.argument_count = 3, .argument_bytes = 4},
        {.argument_count = 1},
        {.argument_bytes = 4},
        {.argument_count = UINT32_MAX, .argument_bytes = 4},
        {.more_tools_length = 9},
        {.argument_count = 2, .argument_bytes = 4, .more_tools_length = 5},
        {.more_tools_length = UINT64_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t bytes[sizeof *wrong + 8] = {0};
        memcpy(bytes, &wrong[i], sizeof *wrong);
        memcpy(bytes + sizeof *wrong, "x\0y\0code", 8);
        frame = (struct clo_frame){CLO_FRAME_RUN, bytes, sizeof bytes};
        assert_int_equal(clo_frame_read_run(&frame, &order, &sequence, NULL), CLO_EGUEST);
    }
    struct clo_failed_body failed = {.status = -1, .message_length = 5};
    frame = (struct clo_frame){CLO_FRAME_FAILED, (const uint8_t *)&failed, sizeof failed};
    unsigned layers;
    assert_int_equal(clo_frame_read_status(&frame, &layers, NULL), CLO_EGUEST);
    struct clo_output_body output = {.stream = 3};
    frame = (struct clo_frame){CLO_FRAME_OUTPUT, (const uint8_t *)&output, sizeof output};
    enum clo_stream stream;
    const char *data;
    size_t length;
    assert_int_equal(clo_frame_read_output(&frame, &stream, &data, &length, NULL), CLO_EGUEST);
    output.stream = CLO_STDOUT; /* of no bytes: a flood of them would pass no limit */
    assert_int_equal(clo_frame_read_output(&frame, &stream, &data, &length, NULL), CLO_EGUEST);
}

static void a_frame_in_pieces_survives_a_deadline(void **state)
{
    struct pair *pair = *state;
    struct clo_frame frame;
    uint32_t header[2] = {CLO_FRAME_OUTPUT, 6};
    send_raw(pair->worker.fd, header, 5);
    assert_int_equal(
        clo_frame_socket_receive(&pair->host, clo_monotonic_ns() + 5 * MS, &frame, NULL),
        CLO_EBUSY);
    send_raw(pair->worker.fd, (char *)header + 5, 3);
    send_raw(pair->worker.fd, "\1\0\0\0h", 5);
    assert_int_equal(
        clo_frame_socket_receive(&pair->host, clo_monotonic_ns() + 5 * MS, &frame, NULL),
        CLO_EBUSY);
    send_raw(pair->worker.fd, "i", 1);
    receive(&pair->host, CLO_FRAME_OUTPUT, &frame);
    assert_memory_equal(frame.data, "\1\0\0\0hi", 6);
}

static void hanging_up_is_noticed(void **state)
{
    struct pair *pair = *state;
    struct clo_frame frame;
    assert_false(clo_frame_socket_has_more(&pair->host));
    clo_frame_socket_close(&pair->worker);
    assert_true(clo_frame_socket_has_more(&pair->host));
    assert_int_equal(clo_frame_socket_receive(&pair->host, soon(), &frame, NULL), CLO_ESYSTEM);
    clo_frame_socket_put(&pair->host, "x", 1);
    assert_int_equal(clo_frame_socket_flush(&pair->host, soon(), NULL), CLO_ESYSTEM);
}

/* However far the deadline is, and however a wait for it is divided. */
static void a_deadline_is_kept(void **state)
{
    struct pair *pair = *state;
    struct clo_frame frame;
    static const unsigned waits[] = {0, 5, 99, 101, 230};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        uint64_t deadline = clo_monotonic_ns() + waits[i] * MS;
        assert_int_equal(clo_frame_socket_receive(&pair->host, deadline, &frame, NULL), CLO_EBUSY);
        assert_in_range(clo_monotonic_ns(), deadline, deadline + 2000 * MS);
    }
}

/* What is put before a flush is one message, so that the other end wakes once. */
static void what_belongs_together_is_one_message(void **state)
{
    struct pair *pair = *state;
    static uint8_t bytes[2 * CLO_FRAME_PIECE];
    struct clo_order order = {.code = "print(1)", .code_length = 8, .name = "main.py"};
    struct clo_run_result result = {0};
    clo_frame_put_run(&pair->host, &order, 1);
    size_t length = pair->host.out.length;
    assert_int_equal(clo_frame_socket_flush(&pair->host, soon(), NULL), 0);
    assert_int_equal(recv(pair->worker.fd, bytes, sizeof bytes, MSG_DONTWAIT), length);
    clo_frame_put_output(&pair->worker, CLO_STDOUT, "1", 1);
    clo_frame_put_output(&pair->worker, CLO_STDOUT, "\n", 1);
    clo_frame_put_result(&pair->worker, &result, false);
    length = pair->worker.out.length;
    assert_int_equal(clo_frame_socket_flush(&pair->worker, soon(), NULL), 0);
    assert_int_equal(recv(pair->host.fd, bytes, sizeof bytes, MSG_DONTWAIT), length);
    assert_int_equal(recv(pair->host.fd, bytes, sizeof bytes, MSG_DONTWAIT), -1);
}

static void *read_it(void *argument)
{
    struct clo_frame frame;
    struct clo_call call;
    assert_int_equal(clo_frame_socket_receive(argument, soon(), &frame, NULL), 0);
    assert_int_equal(clo_frame_read_call(&frame, &call, NULL), 0);
    assert_int_equal(call.length, CLO_MESSAGE_MAX);
    assert_int_equal(call.message[CLO_MESSAGE_MAX - 1], 'z');
    return NULL;
}

static void the_largest_message_passes_and_a_deaf_reader_costs_only_time(void **state)
{
    struct pair *pair = *state;
    uint8_t *message = malloc(CLO_MESSAGE_MAX);
    memset(message, 'z', CLO_MESSAGE_MAX);
    struct clo_call call = {.message = message, .length = CLO_MESSAGE_MAX};
    pthread_t thread;
    pthread_create(&thread, NULL, read_it, &pair->host);
    clo_frame_put_call(&pair->worker, &call);
    assert_int_equal(clo_frame_socket_flush(&pair->worker, soon(), NULL), 0);
    pthread_join(thread, NULL);
    clo_frame_put_call(&pair->worker, &call);
    assert_int_equal(clo_frame_socket_flush(&pair->worker, clo_monotonic_ns() + 20 * MS, NULL),
                     CLO_EBUSY);
    free(message);
}

static void descriptors_pass_with_a_number(void **state)
{
    (void)state;
    int fds[2], ends[2], number, got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(clo_fd_pass_send(fds[0], 42, ends[1]), 0);
    assert_int_equal(clo_fd_pass_receive(fds[1], &number, &got), 0);
    assert_int_equal(number, 42);
    assert_int_equal(write(got, "q", 1), 1);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'q');
    close(got);
    assert_int_equal(clo_fd_pass_send(fds[0], 7, -1), 0);
    assert_int_equal(clo_fd_pass_receive(fds[1], &number, &got), 0);
    assert_int_equal(number, 7);
    assert_int_equal(got, -1);
    close(fds[0]);
    assert_int_equal(clo_fd_pass_receive(fds[1], &number, &got), -1);
    close(fds[1]);
    close(ends[0]);
    close(ends[1]);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A host without memory does not blame the worker. */
static void a_result_without_memory_is_not_the_workers_fault(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("SKIPPED: AddressSanitizer's allocator has no part in the limit\n");
    skip();
#endif
    enum { LENGTH = 64 << 20 }; /* more than malloc keeps for later */
    const struct clo_result_body body = {
        .kind = CLO_RUN_OK, .has = CLO_HAS_RESULT, .result_length = LENGTH};
    uint8_t *bytes = malloc(sizeof body + LENGTH);
    struct clo_run_result *result = calloc(1, sizeof *result);
    assert_true(bytes && result);
    memset(bytes, 'r', sizeof body + LENGTH);
    memcpy(bytes, &body, sizeof body);
    struct clo_frame frame = {CLO_FRAME_RESULT, bytes, sizeof body + LENGTH};
    const struct clo_limits limits = {0};
    bool last;
    struct rlimit before, none = {0};
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none.rlim_max = before.rlim_max;
    struct clo_error error;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    int status = clo_frame_read_result(&frame, &limits, result, &last, &error);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(status, CLO_ENOMEMORY);
    assert_non_null(strstr(error.message, "memory"));
    assert_int_equal(clo_frame_read_result(&frame, &limits, result, &last, &error), 0);
    assert_int_equal(result->result_length, LENGTH);
    clo_run_result_free(result);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_run_and_its_result_arrive_as_they_were),
        WITH_PAIR(calls_replies_and_failures_too),
        cmocka_unit_test(what_may_not_be_sent_is_refused),
        cmocka_unit_test(bodies_are_not_trusted),
        WITH_PAIR(a_frame_in_pieces_survives_a_deadline),
        WITH_PAIR(hanging_up_is_noticed),
        WITH_PAIR(a_deadline_is_kept),
        WITH_PAIR(what_belongs_together_is_one_message),
        WITH_PAIR(the_largest_message_passes_and_a_deaf_reader_costs_only_time),
        cmocka_unit_test(descriptors_pass_with_a_number),
        cmocka_unit_test(a_result_without_memory_is_not_the_workers_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

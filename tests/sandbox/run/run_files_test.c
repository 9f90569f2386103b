/* run_files_test.c - reading mounted files on the side of the run: into the guest's memory and nowhere
 * else, whatever the guest asks for. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/run/run_files.h"

#define SIZE (3u << 20) /* of the file, and more than a chunk of memory */
#define GRANTED (9 * MIB)

struct fixture {
    struct clo_vm *vm;
    struct clo_run_files files;
    int fd;
    uint8_t *data;
    struct clo_error error;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    char path[] = "/tmp/cloche-run-files-XXXXXX";
    memset(&fixture, 0, sizeof fixture);
    *state = &fixture;
    int file = mkstemp(path);
    fixture.data = malloc(SIZE);
    if (file < 0 || !fixture.data)
        return -1;
    for (uint32_t i = 0; i < SIZE; i++)
        fixture.data[i] = (uint8_t)(i * 2654435761u >> 24);
    if (write(file, fixture.data, SIZE) != SIZE)
        return -1;
    close(file);
    fixture.fd = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    fixture.vm = harness_vm(NULL);
    harness_run(fixture.vm, GUEST_GROW, CLO_REGION_LINEAR, GRANTED, 0);
    struct clo_file_reply opened = {.handle = 7};
    struct clo_call_reply reply = {.descriptor = fixture.fd, .data = CLO_BUFFER(1000)};
    clo_buffer_append(&reply.data, &opened, sizeof opened);
    clo_run_files_keep(&fixture.files, &reply);
    clo_buffer_free(&reply.data);
    return reply.descriptor == -1 && fixture.files.count == 1 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clo_run_files_close(&fixture->files);
    clo_vm_destroy(fixture->vm);
    free(fixture->data);
    return 0;
}

static int take(struct fixture *fixture, struct clo_file_request request,
                struct clo_file_reply *reply)
{
    size_t length = 0;
    int status = clo_run_files_take(&fixture->files, fixture->vm, (const uint8_t *)&request,
                                    sizeof request, &length, &fixture->error);
    if (status > 0) {
        memcpy(reply, clo_vm_reply_area(fixture->vm), sizeof *reply);
        assert_int_equal(length, sizeof *reply + (reply->direct ? 0 : reply->length));
    }
    return status;
}

static bool memory_is(struct fixture *fixture, uint32_t address, uint32_t offset, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        uint64_t one = 1;
        if (*clo_vm_linear(fixture->vm, address + i, &one) != fixture->data[offset + i])
            return false;
    }
    return true;
}

static void bytes_go_straight_to_their_place(void **state)
{
    struct fixture *fixture = *state;
    struct clo_file_reply reply;
    struct clo_file_request request = {.op = CLO_FILE_READ,
                                       .handle = 7,
                                       .offset = 5,
                                       .length = SIZE,
                                       .address = 3 * MIB + 12345,
                                       .into_memory = 1};
    assert_int_equal(take(fixture, request, &reply), 1);
    assert_true(!reply.error && reply.length == SIZE - 5 && reply.end && reply.direct);
    assert_true(memory_is(fixture, request.address, 5, SIZE - 5));
    uint64_t one = 1;
    assert_int_equal(*clo_vm_linear(fixture->vm, request.address + SIZE - 5, &one), 0);
    /* to the last byte that there is */
    request.offset = 0;
    request.length = 70000;
    request.address = GRANTED - 70000;
    assert_int_equal(take(fixture, request, &reply), 1);
    assert_true(reply.length == 70000 && !reply.end &&
                memory_is(fixture, request.address, 0, 70000));
}

static void or_to_the_reply_area(void **state)
{
    struct fixture *fixture = *state;
    struct clo_file_reply reply;
    struct clo_file_request request = {
        .op = CLO_FILE_READ, .handle = 7, .offset = SIZE - 100, .length = 4096};
    assert_int_equal(take(fixture, request, &reply), 1);
    assert_true(!reply.error && !reply.direct && reply.end && reply.length == 100);
    assert_memory_equal(clo_vm_reply_area(fixture->vm) + sizeof reply, fixture->data + SIZE - 100,
                        100);
    request.offset = (uint64_t)1 << 60;
    assert_int_equal(take(fixture, request, &reply), 1);
    assert_true(!reply.error && reply.end && reply.length == 0);
}

static void what_is_not_the_guests_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct clo_file_reply reply;
    const struct {
        uint32_t address, length;
        uint64_t offset;
    } bad[] = {
        {GRANTED, 1, 0},
        {GRANTED - 1, 2, 0},
        {UINT32_MAX, 1, 0},
        {0x10000, GRANTED, 0},
        {UINT32_MAX - 100, UINT32_MAX, 0},
        {0x10000, CLO_FILE_READ_MAX + 1, 0},
        {0x10000, 1, UINT64_MAX},
        {0x10000, 1, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct clo_file_request request = {.op = CLO_FILE_READ,
                                           .handle = 7,
                                           .offset = bad[i].offset,
                                           .length = bad[i].length,
                                           .address = bad[i].address,
                                           .into_memory = 1};
        if (take(fixture, request, &reply) != CLO_EGUEST)
            fail_msg("read %zu is carried out", i);
    }
    struct clo_file_request request = {
        .op = CLO_FILE_READ, .handle = 7, .length = CLO_FILE_DATA_MAX + 1};
    assert_int_equal(take(fixture, request, &reply), CLO_EGUEST);
}

static void the_rest_is_the_hosts_to_answer(void **state)
{
    struct fixture *fixture = *state;
    struct clo_file_reply reply;
    const struct clo_file_request others[] = {
        {.op = CLO_FILE_READ, .handle = 8, .length = 1},
        {.op = CLO_FILE_READ, .handle = 7 + CLO_FILES_OPEN_MAX, .length = 1},
        {.op = CLO_FILE_READ, .handle = 0, .length = 1},
        {.op = CLO_FILE_STAT, .handle = 7},
        {.op = CLO_FILE_OPEN},
        {.op = 99, .handle = 7},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(take(fixture, others[i], &reply), 0);
    size_t length;
    assert_int_equal(clo_run_files_take(&fixture->files, fixture->vm, (const uint8_t *)others, 5,
                                        &length, &fixture->error),
                     0);
}

static void a_closed_handle_is_closed_here_too(void **state)
{
    struct fixture *fixture = *state;
    struct {
        struct clo_file_request request;
        uint32_t closed[2];
    } message = {{.op = CLO_FILE_CLOSE, .closed_count = 2}, {12345, 7}};
    size_t length;
    /* more than the message has: nothing is read beyond it */
    message.request.closed_count = CLO_FILE_CLOSED_MAX;
    assert_int_equal(clo_run_files_take(&fixture->files, fixture->vm, (const uint8_t *)&message,
                                        sizeof message, &length, &fixture->error),
                     0);
    assert_int_equal(fcntl(fixture->fd, F_GETFD) & ~FD_CLOEXEC, 0);
    message.request.closed_count = 2;
    assert_int_equal(clo_run_files_take(&fixture->files, fixture->vm, (const uint8_t *)&message,
                                        sizeof message, &length, &fixture->error),
                     0);
    assert_int_equal(fcntl(fixture->fd, F_GETFD), -1);
    assert_int_equal(fixture->files.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    harness_begin(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_straight_to_their_place),      TEST(or_to_the_reply_area),
        TEST(what_is_not_the_guests_is_not_written), TEST(the_rest_is_the_hosts_to_answer),
        TEST(a_closed_handle_is_closed_here_too),
    };
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

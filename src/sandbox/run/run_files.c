/* run_files.c - reading mounted files into guest memory. */
#include "sandbox/run/run_files.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define WASI_EFAULT 21
#define WASI_EINVAL 28
#define WASI_EIO 29

static void forget(struct clo_run_files *files, unsigned slot)
{
    if (!files->open[slot].handle)
        return;
    close(files->open[slot].fd);
    files->open[slot].handle = 0;
    files->count--;
}

void clo_run_files_close(struct clo_run_files *files)
{
    for (unsigned slot = 0; files->count && slot < CLO_FILES_OPEN_MAX; slot++)
        forget(files, slot);
}

void clo_run_files_keep(struct clo_run_files *files, struct clo_call_reply *reply)
{
    struct clo_file_reply opened;
    int fd = reply->descriptor;
    if (fd < 0)
        return;
    reply->descriptor = -1;
    if (reply->data.length < sizeof opened) {
        close(fd);
        return;
    }
    memcpy(&opened, reply->data.data, sizeof opened);
    unsigned slot = opened.handle % CLO_FILES_OPEN_MAX;
    forget(files, slot);
    if (!opened.handle) {
        close(fd);
        return;
    }
    files->open[slot].handle = opened.handle;
    files->open[slot].fd = fd;
    files->count++;
}

static void close_closed(struct clo_run_files *files, const uint8_t *closed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t handle;
        memcpy(&handle, closed + i * sizeof handle, sizeof handle);
        unsigned slot = handle % CLO_FILES_OPEN_MAX;
        if (files->open[slot].handle == handle)
            forget(files, slot);
    }
}

/* One read(2)'s worth; *got 0 at the end. The number of an error of WASI. */
static uint32_t read_some(int fd, uint8_t *at, uint64_t length, uint64_t offset, uint64_t *got)
{
    ssize_t now;
    do
        now = pread(fd, at, length, (off_t)offset);
    while (now < 0 && errno == EINTR);
    *got = now > 0 ? (uint64_t)now : 0;
    return now >= 0 ? 0 : errno == EFAULT ? WASI_EFAULT : errno == EINVAL ? WASI_EINVAL : WASI_EIO;
}

/* Piece by piece, as the guest's memory lies. */
static void read_file(int fd, struct clo_vm *vm, const struct clo_file_request *request,
                      struct clo_file_reply *reply)
{
    uint64_t done = 0, got = 1;
    while (done < request->length && got && !reply->error) {
        uint64_t piece = request->length - done;
        uint8_t *at = request->into_memory
                          ? clo_vm_linear(vm, (uint64_t)request->address + done, &piece)
                          : clo_vm_reply_area(vm) + sizeof *reply + done;
        reply->error = read_some(fd, at, piece, request->offset + done, &got);
        done += got;
    }
    if (reply->error && done)
        reply->error = 0; /* what was read counts; the next read meets the error again */
    else if (!got)
        reply->end = 1;
    reply->length = (uint32_t)done;
    reply->direct = request->into_memory != 0;
}

static int check_memory(struct clo_vm *vm, const struct clo_file_request *request,
                        struct clo_error *error)
{
    uint64_t most = request->into_memory ? CLO_FILE_READ_MAX : CLO_FILE_DATA_MAX;
    uint64_t granted = clo_vm_region_size(vm, CLO_REGION_LINEAR);
    if (request->length > most || request->offset > INT64_MAX - most)
        return clo_fail(error, CLO_EGUEST, "a read of %" PRIu32 " bytes at %" PRIu64,
                        request->length, request->offset);
    if (request->into_memory &&
        (request->address > granted || request->length > granted - request->address))
        return clo_fail(error, CLO_EGUEST,
                        "a read of %" PRIu32 " bytes to %#" PRIx32 " in %" PRIu64 " of memory",
                        request->length, request->address, granted);
    return 0;
}

int clo_run_files_take(struct clo_run_files *files, struct clo_vm *vm, const uint8_t *message,
                       size_t message_length, size_t *length, struct clo_error *error)
{
    struct clo_file_request request;
    struct clo_file_reply reply = {0};
    if (message_length < sizeof request)
        return 0; /* the host says what is wrong */
    memcpy(&request, message, sizeof request);
    size_t room = (message_length - sizeof request) / sizeof(uint32_t);
    if (request.closed_count <= CLO_FILE_CLOSED_MAX && request.closed_count <= room)
        close_closed(files, message + sizeof request, request.closed_count);
    unsigned slot = request.handle % CLO_FILES_OPEN_MAX;
    if (request.op != CLO_FILE_READ || !request.handle || request.closed_count ||
        files->open[slot].handle != request.handle)
        return 0;
    int status = check_memory(vm, &request, error);
    if (status)
        return status;
    read_file(files->open[slot].fd, vm, &request, &reply);
    *length = sizeof reply + (reply.direct ? 0 : reply.length);
    memcpy(clo_vm_reply_area(vm), &reply, sizeof reply);
    clo_vm_used_reply(vm, *length);
    return 1;
}

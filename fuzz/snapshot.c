/* snapshot.c - files of sessions and of suspended runs, with right seals: what somebody may make who has
 * the key.
 *
 *   byte 0: 1 a run in its middle; 2 with registers that can be. Then, in 64 KiB, the sizes of the two
 *   regions; then blocks: kind, 16 bits of length, bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/run/limits.h"
#include "sandbox/snapshot/block.h"
#include "sandbox/snapshot/snapshot.h"
#include "sandbox/suspend/suspend.h"
#include "vm/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[16] = "for fuzzing only";
static const struct clo_snapshot_options options = {
    .key = key, .key_length = sizeof key, .max_bytes = 16 << 20};
static uint8_t image_bytes[2 * CLO_PAGE_SIZE] = {0xe6, CLO_PORT_CALL, 0x90}; /* a host call */
static struct clo_image image = {.path = (char *)"image",
                                 .size = sizeof image_bytes,
                                 .bytes = image_bytes,
                                 .header = {.segment_count = 3,
                                            .segments = {{.kind = CLO_SEGMENT_LINEAR,
                                                          .flags = CLO_SEGMENT_WRITE,
                                                          .size = 65536,
                                                          .file_offset = CLO_PAGE_SIZE,
                                                          .file_size = CLO_PAGE_SIZE},
                                                         {.kind = CLO_SEGMENT_SHARED,
                                                          .flags = CLO_SEGMENT_EXECUTE,
                                                          .address = CLO_IMAGE_VA,
                                                          .size = CLO_PAGE_SIZE,
                                                          .file_size = CLO_PAGE_SIZE},
                                                         {.kind = CLO_SEGMENT_HEAP,
                                                          .flags = CLO_SEGMENT_WRITE,
                                                          .address = CLO_HEAP_VA,
                                                          .size = 65536}}}};

/* ---- what a guest would be ---- */

static volatile uint64_t sink; /* what is read into it is read */

static int begin(void *context, const struct clo_state_head *head, struct clo_error *error)
{
    (void)context;
    return clo_state_check(head, error);
}

static int page(void *context, uint32_t number, const uint8_t *bytes, struct clo_error *error)
{
    (void)context;
    (void)error;
    sink = number + bytes[0] + bytes[CLO_PAGE_SIZE - 1];
    return 0;
}

static int end(void *context, struct clo_error *error)
{
    (void)context;
    (void)error;
    return 0;
}

static void drop(void *context)
{
    (void)context;
}

/* What the host kept comes back whole, and goes into bytes again. */
static int put(void *context, const void *bytes, size_t length, struct clo_error *error)
{
    const uint8_t *at = bytes;
    (void)context;
    (void)error;
    sink = length ? at[0] + at[length - 1] : 0;
    return 0;
}

static int get_run(void *context, struct clo_run_used *used, clo_keep_get get, void *from,
                   struct clo_error *error)
{
    struct clo_suspended suspended;
    struct clo_limits *limits = context;
    struct clo_run_resume resume = {.from = -1};
    struct clo_run run = {.resume = &resume};
    int status = clo_suspended_get(&suspended, get, from, error);
    if (status)
        return status;
    (void)clo_suspended_check(&suspended, &run, error);
    if (clo_suspended_put(&suspended, put, NULL, error))
        abort();
    *used = suspended.used;
    *limits = suspended.limits;
    clo_suspended_clear(&suspended);
    return 0;
}

/* ---- the file ---- */

static int make_file(const uint8_t *data, size_t size)
{
    struct clo_snapshot_file file;
    struct clo_error error;
    struct clo_snapshot_head head = {
        .abi = CLO_ABI_VERSION,
        .kind = data[0] & 1 ? CLO_SNAPSHOT_IN_RUN : CLO_SNAPSHOT_BETWEEN_RUNS,
        .machine = CLO_SNAPSHOT_X86_64,
        .region_size = {(uint64_t)data[1] << 16, (uint64_t)data[2] << 16}};
    struct clo_vm_registers registers = {
        .rip = CLO_IMAGE_VA + 2, .rsp = CLO_STACK_VA + CLO_STACK_SIZE - 4096, .mxcsr = 0x1f80};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || clo_snapshot_file_open(&file, fd, true, &options, &error))
        abort();
    int status = clo_snapshot_put_head(&file, &head, &options, &error);
    if (!status && (data[0] & 3) == 3)
        status = clo_snapshot_put_block(&file, CLO_BLOCK_RUN, &registers, sizeof registers, &error);
    for (size_t at = 3; size - at > 3 && !status;) {
        size_t length = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;
        if (length > left)
            length = left;
        status = clo_snapshot_put_block(&file, (enum clo_block_kind)(data[at] % 6), data + at + 3,
                                        length, &error);
        at += 3 + length;
    }
    if (!status)
        status = clo_snapshot_put_block(&file, CLO_BLOCK_END, NULL, 0, &error);
    clo_snapshot_file_close(&file);
    if (!status)
        return fd;
    close(fd); /* it is longer than it may be */
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clo_limits none = {0}, limits;
    struct clo_error error;
    struct clo_artifact_tree *output;
    if (size < 3 || clo_limits_resolve(&limits, &none, NULL, NULL) ||
        clo_artifact_tree_create(&output, &error))
        return 0;
    int fd = make_file(data, size);
    struct clo_reservation reservation = {.bytes = limits.memory};
    struct clo_snapshot_run in_run = {.get = get_run, .context = &limits};
    struct clo_snapshot_terms terms = {
        .limits = &limits, .reservation = &reservation, .run = data[0] & 1 ? &in_run : NULL};
    struct clo_state_port port = {.begin = begin, .page = page, .end = end, .drop = drop};
    if (fd >= 0) {
        (void)clo_snapshot_read(&port, &image, output, &terms, fd, &options, &error);
        close(fd);
    }
    clo_artifact_tree_free(output);
    return 0;
}

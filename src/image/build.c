/* build.c - boot a guest, and write its memory as an image file.
 *
 * The file holds what cannot be made again: code, data, linear memory and heap up to the last page
 * that is not zero. Page tables, stack and window are the VMM's to make. At the end the fresh image
 * runs small programs, and the pages that they write are recorded in it as the hot list.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "image/image.h"
#include "vm/internal.h"

#define BOOT_MEMORY (256ull << 20)

/* What is made of an image: in memory that a confined child shares with this process. */
struct draft {
    struct clo_image_header header;
    uint32_t hot[CLO_IMAGE_HOT_MAX];
    uint8_t bytes[]; /* of the file, CLO_IMAGE_FILE_MAX at most */
};
#define DRAFT_SIZE (sizeof(struct draft) + CLO_IMAGE_FILE_MAX)

struct build {
    const char *elf, *path, *inputs;
    enum clo_isolation isolation;
    char temporary[PATH_MAX];
    int fd;
    struct draft *draft;
    struct clo_image *guest; /* of the step that is in work: the ELF file, then the draft */
};

static int put(struct build *build, const void *bytes, uint64_t size, uint64_t offset,
               struct clo_error *error)
{
    if (offset > CLO_IMAGE_FILE_MAX || size > CLO_IMAGE_FILE_MAX - offset)
        return clo_fail(error, CLO_EIMAGE, "guest %s: its image would pass the limit of %llu bytes",
                        build->elf, CLO_IMAGE_FILE_MAX);
    memcpy(build->draft->bytes + offset, bytes, size);
    return 0;
}

/* Of a page that cannot be mapped (the lowest, by process isolation) as well. */
static bool is_zero(const uint8_t *page)
{
    return !page || (page[0] == 0 && !memcmp(page, page + 1, CLO_PAGE_SIZE - 1));
}

/* Bytes up to the last page that is not zero. */
static uint64_t used_size(const struct clo_vm *vm, uint64_t va, uint64_t size)
{
    while (size && is_zero(clo_memory_at(vm, va + size - CLO_PAGE_SIZE)))
        size -= CLO_PAGE_SIZE;
    return size;
}

/* Pages of zeros are left out: the file has holes there. */
static int put_memory(struct build *build, const struct clo_vm *vm,
                      const struct clo_image_segment *segment, struct clo_error *error)
{
    for (uint64_t at = 0; at < segment->file_size; at += CLO_PAGE_SIZE) {
        const uint8_t *page = clo_memory_at(vm, segment->address + at);
        if (is_zero(page))
            continue;
        int status = put(build, page, CLO_PAGE_SIZE, segment->file_offset + at, error);
        if (status)
            return status;
    }
    return 0;
}

static struct clo_image_segment *add_segment(struct build *build, uint32_t kind, uint32_t flags,
                                             uint64_t address, uint64_t size, uint64_t file_size)
{
    struct clo_image_header *header = &build->draft->header;
    struct clo_image_segment *segment = &header->segments[header->segment_count++];
    *segment = (struct clo_image_segment){.kind = kind,
                                          .flags = flags,
                                          .address = address,
                                          .size = size,
                                          .file_offset = header->file_size,
                                          .file_size = file_size};
    header->file_size += file_size;
    return segment;
}

static int save_region(struct build *build, const struct clo_vm *vm, enum clo_region which,
                       uint32_t kind, struct clo_error *error)
{
    const struct clo_growth *region = &vm->regions[which];
    if (!region->size)
        return 0;
    uint64_t used = clo_round_up(used_size(vm, region->va, region->size), CLO_HUGE_PAGE_SIZE);
    const struct clo_image_segment *segment =
        add_segment(build, kind, CLO_SEGMENT_WRITE, region->va, region->size,
                    used < region->size ? used : region->size);
    return put_memory(build, vm, segment, error);
}

static int save_image_segment(struct build *build, const struct clo_vm *vm,
                              const struct clo_image_segment *from, struct clo_error *error)
{
    if (from->kind == CLO_SEGMENT_SHARED) {
        const struct clo_image_segment *to =
            add_segment(build, from->kind, from->flags, from->address, from->size, from->file_size);
        return put(build, vm->image->bytes + from->file_offset, from->file_size, to->file_offset,
                   error);
    }
    const struct clo_image_segment *to =
        add_segment(build, from->kind, from->flags, from->address, from->size,
                    used_size(vm, from->address, from->size));
    return put_memory(build, vm, to, error);
}

/* In the order of addresses: linear memory, the ELF file's segments, the heap. */
static int save_memory(struct build *build, const struct clo_vm *vm, struct clo_error *error)
{
    build->draft->header.file_size = CLO_PAGE_SIZE;
    int status = save_region(build, vm, CLO_REGION_LINEAR, CLO_SEGMENT_LINEAR, error);
    for (uint32_t i = 0; i < vm->image->header.segment_count && !status; i++)
        status = save_image_segment(build, vm, &vm->image->header.segments[i], error);
    if (!status)
        status = save_region(build, vm, CLO_REGION_HEAP, CLO_SEGMENT_HEAP, error);
    build->draft->header.hot_offset = build->draft->header.file_size;
    return status;
}

static void name_image(const struct build *build, struct clo_image_header *header)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", build->elf);
    const char *name = basename(copy);
    snprintf(header->name, sizeof header->name, "%.*s", (int)strcspn(name, "."), name);
    if (build->inputs)
        snprintf(header->inputs, sizeof header->inputs, "%s", build->inputs);
}

/* Confined: boot the guest, and draft an image of its memory. */
static int boot_and_save(struct clo_vm *vm, void *context, struct clo_error *error)
{
    struct build *build = context;
    struct clo_image_header *header = &build->draft->header;
    struct clo_boot boot = {0};
    int status = clo_image_boot(vm, build->elf, NULL, &boot, error);
    if (status)
        return status;
    memcpy(header->magic, CLO_IMAGE_MAGIC, sizeof header->magic);
    header->version = CLO_IMAGE_VERSION;
    header->abi = CLO_ABI_VERSION;
    header->header_size = sizeof *header;
    memcpy(header->runtime, boot.runtime, sizeof boot.runtime);
    memcpy(header->cpu, build->guest->header.cpu, sizeof header->cpu);
    header->run_entry = boot.entry;
    header->interrupt_count = boot.interrupt_count;
    memcpy(header->interrupts, boot.interrupts, boot.interrupt_count * sizeof *boot.interrupts);
    name_image(build, header);
    return save_memory(build, vm, error);
}

/* Write the draft to the temporary file. Pages of zeros are left out: the file has holes there. */
static int write_file(const struct build *build, struct clo_error *error)
{
    struct draft *draft = build->draft;
    uint64_t size = draft->header.file_size;
    if (size > CLO_IMAGE_FILE_MAX)
        return clo_fail(error, CLO_EGUEST, "guest %s: an image of %llu bytes", build->elf,
                        (unsigned long long)size);
    memcpy(draft->bytes, &draft->header, sizeof draft->header);
    int failed = ftruncate(build->fd, (off_t)size);
    for (uint64_t at = 0; at < size && !failed; at += CLO_PAGE_SIZE) {
        const uint8_t *page = draft->bytes + at;
        if (!is_zero(page))
            failed = pwrite(build->fd, page, CLO_PAGE_SIZE, (off_t)at) != (ssize_t)CLO_PAGE_SIZE;
    }
    if (failed)
        return clo_fail_errno(error, CLO_ESYSTEM, "writing %s", build->temporary);
    return 0;
}

static int make_draft(struct build *build, struct clo_error *error)
{
    struct clo_vm_config config = {
        .isolation = build->isolation, .memory_limit = BOOT_MEMORY, .one_shot = true};
    int status = clo_image_load_elf(&build->guest, build->elf, error);
    if (status)
        return status;
    status = clo_image_confine(build->guest, &config, boot_and_save, build, error);
    clo_image_close(build->guest);
    return status ? status : write_file(build, error);
}

/* ---- the hot list ---- */

/* Add the pages that are private now, as far as a restore keeps them. */
static int collect(const struct clo_vm *vm, uint32_t *hot, uint32_t *count)
{
    struct clo_scan scan;
    struct clo_scan_range range;
    int more = 0;
    for (unsigned i = 0; i < vm->part_count && more >= 0; i++) {
        const struct clo_part *part = &vm->parts[i];
        if (!part->keep)
            continue;
        clo_scan_begin(&scan, vm->pagemap, false, clo_vm_at(vm, part->offset), part->length);
        while ((more = clo_scan_next(&scan, &range)) > 0) {
            uint64_t va = part->va + (range.start - (uintptr_t)clo_vm_at(vm, part->offset));
            for (uint64_t at = 0; at < range.end - range.start; at += CLO_PAGE_SIZE)
                if (*count < CLO_IMAGE_HOT_MAX)
                    hot[(*count)++] = (uint32_t)((va + at) / CLO_PAGE_SIZE);
        }
    }
    return more;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Confined: one guest runs all requests, restored in between, and keeps every page that any of them
 * wrote. */
static int record(struct clo_vm *vm, void *context, struct clo_error *error)
{
    struct build *build = context;
    struct draft *draft = build->draft;
    struct clo_buffer request = CLO_BUFFER(CLO_MESSAGE_MAX);
    int status = 0;
    bool more = clo_image_request(&request, 0);
    for (size_t i = 1; !status && more; i++) {
        status = request.failed ? clo_fail_memory(error)
                                : clo_image_boot(vm, build->elf, &request, NULL, error);
        more = clo_image_request(&request, i);
        if (!status && vm->pagemap >= 0 && !more &&
            collect(vm, draft->hot, &draft->header.hot_count) < 0)
            status = clo_fail_errno(error, CLO_ESYSTEM, "scanning a guest's memory");
        if (!status)
            status = clo_vm_restore(vm, NULL, error);
    }
    clo_buffer_free(&request);
    if (!status && vm->pagemap < 0)
        fprintf(
            stderr,
            "image: /proc/self/pagemap cannot be read: the image gets no hot list, its first runs take longer\n");
    return status;
}

static int add_hot_list(struct build *build, struct clo_error *error)
{
    struct clo_vm_config config = {.isolation = build->isolation, .memory_limit = BOOT_MEMORY};
    struct draft *draft = build->draft;
    int fd, status = clo_image_open_file(build->temporary, &fd, error);
    if (!status)
        status = clo_image_attach(&build->guest, fd, build->temporary, false, CLO_ISOLATION_MICROVM,
                                  error);
    if (status)
        return status;
    status = clo_image_confine(build->guest, &config, record, build, error);
    clo_image_close(build->guest);
    if (status)
        return status;
    if (draft->header.hot_count > CLO_IMAGE_HOT_MAX)
        return clo_fail(error, CLO_EGUEST, "guest %s: a hot list of %u entries", build->elf,
                        draft->header.hot_count);
    uint64_t size = draft->header.hot_count * sizeof *draft->hot;
    qsort(draft->hot, draft->header.hot_count, sizeof *draft->hot, ascending);
    draft->header.file_size += clo_round_up(size, CLO_PAGE_SIZE);
    return put(build, draft->hot, size, draft->header.hot_offset, error);
}

static int seal(struct build *build, struct clo_error *error)
{
    struct draft *draft = build->draft;
    int status = write_file(build, error);
    if (!status)
        status = clo_image_hash(draft->bytes, draft->header.file_size, draft->header.sha256, error);
    if (!status)
        status = write_file(build, error);
    if (!status && fsync(build->fd))
        status = clo_fail_errno(error, CLO_ESYSTEM, "writing %s", build->temporary);
    return status;
}

static int make(struct build *build, struct clo_error *error)
{
    build->fd = open(build->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (build->fd < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "creating %s", build->temporary);
    int status = make_draft(build, error);
    if (!status)
        status = add_hot_list(build, error);
    if (!status)
        status = seal(build, error);
    if (close(build->fd) && !status)
        status = clo_fail_errno(error, CLO_ESYSTEM, "writing %s", build->temporary);
    if (!status && rename(build->temporary, build->path))
        status =
            clo_fail_errno(error, CLO_ESYSTEM, "renaming %s to %s", build->temporary, build->path);
    if (status)
        unlink(build->temporary);
    return status;
}

int clo_image_build(const char *elf, const char *path, const char *inputs,
                    enum clo_isolation isolation, struct clo_error *error)
{
    struct build build = {.elf = elf, .path = path, .inputs = inputs, .isolation = isolation};
    const struct clo_image_header *header;
    if (inputs && strlen(inputs) >= sizeof header->inputs)
        return clo_fail(error, CLO_EINVALID,
                        "the hash of the inputs has %zu characters, at most %zu are possible",
                        strlen(inputs), sizeof header->inputs - 1);
    if ((size_t)snprintf(build.temporary, sizeof build.temporary, "%s.new.%d", path,
                         (int)getpid()) >= sizeof build.temporary)
        return clo_fail(error, CLO_EINVALID, "the path %.60s... is too long", path);
    build.draft = clo_image_share(DRAFT_SIZE);
    if (!build.draft)
        return clo_fail_errno(error, CLO_ENOMEMORY, "memory for a draft of the image");
    int status = make(&build, error);
    munmap(build.draft, DRAFT_SIZE);
    return status;
}

/* build.c - boot a guest, and write its memory as an image file.
 *
 * The file holds what cannot be made again: code, data, linear memory and heap up to the last page
 * that is not zero. Page tables, stack and window are the VMM's to make. At the end the fresh image
 * runs small programs, and the pages that they write are recorded in it as the hot list.
 */
#include <errno.h>
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

struct build {
    const char *elf, *path;
    char temporary[PATH_MAX];
    int fd;
    struct clo_image_header header;
    struct clo_error *error;
};

static int fail_write(struct build *build)
{
    clo_fail_errno(build->error, CLO_ESYSTEM, "writing %s", build->temporary);
    return CLO_ESYSTEM;
}

static int put(struct build *build, const void *bytes, uint64_t size, uint64_t offset)
{
    while (size) {
        ssize_t done = pwrite(build->fd, bytes, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return fail_write(build);
        bytes = (const uint8_t *)bytes + done;
        offset += (uint64_t)done;
        size -= (uint64_t)done;
    }
    return 0;
}

static bool is_zero(const uint8_t *page)
{
    return page[0] == 0 && !memcmp(page, page + 1, CLO_PAGE_SIZE - 1);
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
                      const struct clo_image_segment *segment)
{
    for (uint64_t at = 0; at < segment->file_size; at += CLO_PAGE_SIZE) {
        const uint8_t *page = clo_memory_at(vm, segment->address + at);
        if (is_zero(page))
            continue;
        int status = put(build, page, CLO_PAGE_SIZE, segment->file_offset + at);
        if (status)
            return status;
    }
    return 0;
}

static struct clo_image_segment *add_segment(struct build *build, uint32_t kind, uint32_t flags,
                                             uint64_t address, uint64_t size, uint64_t file_size)
{
    struct clo_image_header *header = &build->header;
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
                       uint32_t kind)
{
    const struct clo_growth *region = &vm->regions[which];
    if (!region->size)
        return 0;
    uint64_t used = clo_round_up(used_size(vm, region->va, region->size), CLO_HUGE_PAGE_SIZE);
    const struct clo_image_segment *segment =
        add_segment(build, kind, CLO_SEGMENT_WRITE, region->va, region->size,
                    used < region->size ? used : region->size);
    return put_memory(build, vm, segment);
}

static int save_image_segment(struct build *build, const struct clo_vm *vm,
                              const struct clo_image_segment *from)
{
    if (from->kind == CLO_SEGMENT_SHARED) {
        const struct clo_image_segment *to =
            add_segment(build, from->kind, from->flags, from->address, from->size, from->file_size);
        return put(build, vm->image->bytes + from->file_offset, from->file_size, to->file_offset);
    }
    const struct clo_image_segment *to =
        add_segment(build, from->kind, from->flags, from->address, from->size,
                    used_size(vm, from->address, from->size));
    return put_memory(build, vm, to);
}

/* In the order of addresses: linear memory, the ELF file's segments, the heap. */
static int save_memory(struct build *build, const struct clo_vm *vm)
{
    build->header.file_size = CLO_PAGE_SIZE;
    int status = save_region(build, vm, CLO_REGION_LINEAR, CLO_SEGMENT_LINEAR);
    for (uint32_t i = 0; i < vm->image->header.segment_count && !status; i++)
        status = save_image_segment(build, vm, &vm->image->header.segments[i]);
    if (!status)
        status = save_region(build, vm, CLO_REGION_HEAP, CLO_SEGMENT_HEAP);
    build->header.hot_offset = build->header.file_size;
    return status;
}

static void name_image(struct build *build, const char *inputs)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", build->elf);
    const char *name = basename(copy);
    snprintf(build->header.name, sizeof build->header.name, "%.*s", (int)strcspn(name, "."), name);
    if (inputs)
        snprintf(build->header.inputs, sizeof build->header.inputs, "%s", inputs);
}

static int put_header(struct build *build)
{
    if (ftruncate(build->fd, (off_t)build->header.file_size))
        return fail_write(build);
    return put(build, &build->header, sizeof build->header, 0);
}

static int boot_and_save(struct build *build, const char *inputs)
{
    struct clo_image *guest;
    struct clo_vm *vm = NULL;
    struct clo_boot boot = {0};
    struct clo_vm_config config = {.memory_limit = BOOT_MEMORY, .one_shot = true};
    int status = clo_image_load_elf(&guest, build->elf, build->error);
    if (status)
        return status;
    status = clo_vm_create(&vm, guest, &config, build->error);
    if (!status)
        status = clo_image_boot(vm, build->elf, NULL, &boot, build->error);
    if (status)
        goto out;

    memcpy(build->header.magic, CLO_IMAGE_MAGIC, sizeof build->header.magic);
    build->header.version = CLO_IMAGE_VERSION;
    build->header.abi = CLO_ABI_VERSION;
    build->header.header_size = sizeof build->header;
    memcpy(build->header.runtime, boot.runtime, sizeof boot.runtime);
    memcpy(build->header.cpu, guest->header.cpu, sizeof build->header.cpu);
    build->header.run_entry = boot.entry;
    build->header.interrupt_count = boot.interrupt_count;
    memcpy(build->header.interrupts, boot.interrupts,
           boot.interrupt_count * sizeof *boot.interrupts);
    name_image(build, inputs);
    status = save_memory(build, vm);
    if (!status)
        status = put_header(build);

out:
    clo_vm_destroy(vm);
    clo_image_close(guest);
    return status;
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
        clo_scan_begin(&scan, vm->pagemap, false, vm->memory + part->offset, part->length);
        while ((more = clo_scan_next(&scan, &range)) > 0) {
            uint64_t va = part->va + (range.start - (uintptr_t)vm->memory - part->offset);
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

/* One micro-VM runs all requests, restored in between, and keeps every page that any of them
 * wrote. */
static int record(struct build *build, const struct clo_image *image, uint32_t *hot,
                  uint32_t *count)
{
    struct clo_vm *vm;
    struct clo_vm_config config = {.memory_limit = BOOT_MEMORY};
    int status = clo_vm_create(&vm, image, &config, build->error);
    if (status)
        return status;
    struct clo_buffer request = CLO_BUFFER(CLO_MESSAGE_MAX);
    bool more = clo_image_request(&request, 0);
    for (size_t i = 1; !status && more; i++) {
        status = request.failed ? clo_fail_memory(build->error)
                                : clo_image_boot(vm, build->elf, &request, NULL, build->error);
        more = clo_image_request(&request, i);
        if (!status && vm->pagemap >= 0 && !more && collect(vm, hot, count) < 0)
            status = clo_fail_errno(build->error, CLO_ESYSTEM, "scanning a guest's memory");
        if (!status)
            status = clo_vm_restore(vm, NULL, build->error);
    }
    clo_buffer_free(&request);
    if (!status && vm->pagemap < 0)
        fprintf(
            stderr,
            "image: /proc/self/pagemap cannot be read: the image gets no hot list, its first runs take longer\n");
    clo_vm_destroy(vm);
    return status;
}

static int add_hot_list(struct build *build)
{
    int fd, status = clo_image_open_file(build->temporary, &fd, build->error);
    if (status)
        return status;
    struct clo_image *image;
    status = clo_image_attach(&image, fd, build->temporary, false, build->error);
    if (status)
        return status;
    uint32_t count = 0, *hot = calloc(CLO_IMAGE_HOT_MAX, sizeof *hot);
    status = hot ? record(build, image, hot, &count) : clo_fail_memory(build->error);
    clo_image_close(image);
    if (!status) {
        qsort(hot, count, sizeof *hot, ascending);
        build->header.hot_count = count;
        build->header.file_size += clo_round_up(count * sizeof *hot, CLO_PAGE_SIZE);
        status = put(build, hot, count * sizeof *hot, build->header.hot_offset);
    }
    free(hot);
    return status;
}

static int seal(struct build *build)
{
    int status = put_header(build);
    if (status)
        return status;
    void *bytes = mmap(NULL, build->header.file_size, PROT_READ, MAP_SHARED, build->fd, 0);
    if (bytes == MAP_FAILED)
        return clo_fail_errno(build->error, CLO_ENOMEMORY, "mapping %s", build->temporary);
    status = clo_image_hash(bytes, build->header.file_size, build->header.sha256, build->error);
    munmap(bytes, build->header.file_size);
    if (!status)
        status = put_header(build);
    if (!status && fsync(build->fd))
        status = fail_write(build);
    return status;
}

int clo_image_build(const char *elf, const char *path, const char *inputs, struct clo_error *error)
{
    struct build build = {.elf = elf, .path = path, .error = error};
    if (inputs && strlen(inputs) >= sizeof build.header.inputs)
        return clo_fail(error, CLO_EINVALID,
                        "the hash of the inputs has %zu characters, at most %zu are possible",
                        strlen(inputs), sizeof build.header.inputs - 1);
    if ((size_t)snprintf(build.temporary, sizeof build.temporary, "%s.new.%d", path,
                         (int)getpid()) >= sizeof build.temporary)
        return clo_fail(error, CLO_EINVALID, "the path %.60s... is too long", path);
    build.fd = open(build.temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (build.fd < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "creating %s", build.temporary);
    int status = boot_and_save(&build, inputs);
    if (!status)
        status = add_hot_list(&build);
    if (!status)
        status = seal(&build);
    if (close(build.fd) && !status)
        status = fail_write(&build);
    if (!status && rename(build.temporary, path))
        status = clo_fail_errno(error, CLO_ESYSTEM, "renaming %s to %s", build.temporary, path);
    if (status)
        unlink(build.temporary);
    return status;
}

/* memory.c - a guest's memory at its own addresses in this process. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "vm/process/process.h"

#define POPULATE_MAX (1ull << 20) /* a grant of less is likely to be used as a whole */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static uint8_t *address(uint64_t va)
{
    return (uint8_t *)(uintptr_t)va;
}

static int reserve(struct clo_error *error)
{
    const uint64_t size = CLO_PROCESS_END - CLO_PROCESS_FIRST;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    uint8_t *at = mmap(address(CLO_PROCESS_FIRST), size, PROT_NONE, flags, -1, 0);
    if (at == address(CLO_PROCESS_FIRST))
        return 0;
    if (at != MAP_FAILED) { /* before Linux 4.17 the address is a wish */
        munmap(at, size);
        errno = EEXIST;
    }
    int cause = errno;
    clo_fail_errno(error, CLO_ESYSTEM, "reserving addresses %#llx to %#llx for a guest",
                   CLO_PROCESS_FIRST, CLO_PROCESS_END);
    if (cause == EEXIST)
        return clo_hint(
            error, CLO_ESYSTEM,
            "something of this process lies there: a guest that is in it already, a "
            "program that is not position-independent, AddressSanitizer, or what gVisor "
            "patches system calls with (runsc --systrap-disable-syscall-patching)");
    if (cause == EPERM)
        return clo_hint(error, CLO_ESYSTEM, "lower the sysctl vm.mmap_min_addr to 65536");
    return clo_hint(error, CLO_ESYSTEM,
                    "raise the limit on address space (ulimit -v): 28 GiB are reserved, not used");
}

/* Memory of zeros, or without access again. */
static int map_zeros(uint64_t va, uint64_t size, struct clo_error *error)
{
    if (!size || !mprotect(address(va), size, PROT_READ | PROT_WRITE))
        return 0;
    return clo_fail_errno(error, CLO_ENOMEMORY, "mapping %llu bytes of guest memory",
                          (unsigned long long)size);
}

static int map_file(const struct clo_image *image, uint64_t va, uint64_t size, uint64_t offset,
                    int protection, struct clo_error *error)
{
    if (!size || mmap(address(va), size, protection, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                      image->fd, (off_t)offset) != MAP_FAILED)
        return 0;
    return clo_fail_errno(error, CLO_ENOMEMORY, "mapping %s", image->path);
}

/* The file itself, if all of the segment is in it. */
static int map_whole(const struct clo_image *image, const struct clo_image_segment *segment,
                     int protection)
{
    if (segment->size != segment->file_size)
        return CLO_ESYSTEM;
    return map_file(image, segment->address, segment->size, segment->file_offset, protection, NULL);
}

/* Code and constants as a copy in huge pages, where the image was opened for that, or where the
 * file may not be mapped to be executed (a file system that is mounted noexec). Written first, then
 * closed for writing: never both. Where what was written may never be executed (systemd's
 * MemoryDenyWriteExecute) the file has to do after all. */
static int copy_shared(const struct clo_image *image, const struct clo_image_segment *segment,
                       int protection, struct clo_error *error)
{
    int status = map_zeros(segment->address, segment->size, error);
    if (status)
        return status;
    (void)madvise(address(segment->address), clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE),
                  MADV_HUGEPAGE); /* advice only */
    memcpy(address(segment->address), image->bytes + segment->file_offset, segment->file_size);
    if (mprotect(address(segment->address), segment->size, protection) == 0)
        return 0;
    clo_fail_errno(error, CLO_ESYSTEM, "protecting the code of %s", image->path);
    return map_whole(image, segment, protection) ? CLO_ESYSTEM : 0;
}

static int map_shared(const struct clo_image *image, const struct clo_image_segment *segment,
                      struct clo_error *error)
{
    int protection = PROT_READ | (segment->flags & CLO_SEGMENT_EXECUTE ? PROT_EXEC : 0);
    if (!image->copied && map_whole(image, segment, protection) == 0)
        return 0;
    return copy_shared(image, segment, protection, error);
}

/* What a run may write: bytes of the file, then zeros up to `size`. */
static int map_written(struct clo_vm *vm, const struct clo_image_segment *segment, uint64_t size,
                       struct clo_error *error)
{
    const struct clo_image *image = vm->image;
    uint64_t skip = segment->address < CLO_PROCESS_FIRST ? CLO_PROCESS_FIRST : 0;
    uint64_t va = segment->address, filled = segment->file_size > skip ? segment->file_size : skip;
    if (size <= skip)
        return 0;
    int status = map_file(image, va + skip, filled - skip, segment->file_offset + skip,
                          PROT_READ | PROT_WRITE, error);
    if (!status)
        status = map_zeros(va + filled, size - filled, error);
    clo_parts_add(vm, va + skip, va + skip, filled - skip,
                  image->bytes + segment->file_offset + skip, true);
    clo_parts_add(vm, va + filled, va + filled, size - filled, NULL, true);
    return status;
}

static int map_segment(struct clo_vm *vm, const struct clo_image_segment *segment,
                       struct clo_error *error)
{
    switch (segment->kind) {
    case CLO_SEGMENT_SHARED: return map_shared(vm->image, segment, error);
    case CLO_SEGMENT_PRIVATE:
        return map_written(vm, segment, clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE), error);
    default: break;
    }
    struct clo_growth *region =
        &vm->regions[segment->kind == CLO_SEGMENT_LINEAR ? CLO_REGION_LINEAR : CLO_REGION_HEAP];
    region->initial = region->size = segment->size;
    return map_written(vm, segment, segment->size, error);
}

int clo_process_map(struct clo_vm *vm, struct clo_error *error)
{
    const struct clo_image_header *header = &vm->image->header;
    for (uint32_t i = 0; i < header->interrupt_count; i++)
        if (header->interrupts[i].address < CLO_PROCESS_FIRST)
            return clo_fail(error, CLO_EIMAGE,
                            "image %s: it is interrupted by a store to %#x; by process isolation "
                            "there is no memory below %#llx",
                            vm->image->path, header->interrupts[i].address, CLO_PROCESS_FIRST);
    int status = reserve(error);
    if (status)
        return status;
    vm->memory = NULL; /* offsets are addresses */
    vm->mapped = true;
    vm->layout.stack = CLO_STACK_VA;
    vm->layout.window = CLO_WINDOW_VA;
    vm->regions[CLO_REGION_LINEAR].va = CLO_LINEAR_VA;
    vm->regions[CLO_REGION_LINEAR].max = CLO_LINEAR_MAX;
    vm->regions[CLO_REGION_HEAP].va = CLO_HEAP_VA;
    vm->regions[CLO_REGION_HEAP].max = CLO_HEAP_MAX;
    for (uint32_t i = 0; i < header->segment_count && !status; i++)
        status = map_segment(vm, &header->segments[i], error);
    if (!status)
        status = map_zeros(CLO_STACK_VA, CLO_STACK_SIZE, error);
    if (!status)
        status = map_zeros(CLO_WINDOW_VA, CLO_WINDOW_SIZE, error);
    if (status)
        return status;
    clo_parts_add_stack(vm, CLO_STACK_VA);
    clo_parts_add_window(vm, CLO_WINDOW_VA);
    /* Huge pages only where growth asks for them: one touch of another would be 2 MiB to copy back.
     * A kernel built without huge pages has no use for the advice. */
    for (unsigned i = 0; i < vm->part_count; i++)
        (void)madvise(address(vm->parts[i].va), vm->parts[i].length, MADV_NOHUGEPAGE);
    return 0;
}

void clo_process_unmap(struct clo_vm *vm)
{
    if (vm->mapped)
        munmap(address(CLO_PROCESS_FIRST), CLO_PROCESS_END - CLO_PROCESS_FIRST);
    vm->mapped = false;
}

bool clo_process_is_code(const struct clo_vm *vm, uint64_t va, uint64_t length)
{
    const struct clo_image_header *header = &vm->image->header;
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        if ((segment->flags & CLO_SEGMENT_EXECUTE) && va - segment->address < segment->size &&
            length <= segment->size - (va - segment->address))
            return true;
    }
    return false;
}

/* Where a region's memory begins that can be mapped. */
static uint64_t above_null(const struct clo_growth *region, uint64_t size)
{
    uint64_t va = region->va + size;
    return va < CLO_PROCESS_FIRST ? CLO_PROCESS_FIRST : va;
}

int clo_process_grow(struct clo_vm *vm, enum clo_region which, uint64_t size,
                     struct clo_error *error)
{
    struct clo_growth *region = &vm->regions[which];
    uint64_t from = above_null(region, region->size), end = region->va + size;
    if (end > from) {
        int status = map_zeros(from, end - from, error);
        if (status)
            return status;
        uint64_t chunk = clo_round_up(from, CLO_HUGE_PAGE_SIZE);
        uint64_t chunk_end = end / CLO_HUGE_PAGE_SIZE * CLO_HUGE_PAGE_SIZE;
        if (chunk < chunk_end) /* advice only, like the next */
            (void)madvise(address(chunk), chunk_end - chunk, MADV_HUGEPAGE);
        else if (end - from <= POPULATE_MAX)
            (void)madvise(address(from), end - from, MADV_POPULATE_WRITE);
    }
    region->size = size;
    return 0;
}

static int shrink(struct clo_vm *vm, struct clo_growth *region, struct clo_error *error)
{
    uint64_t from = above_null(region, region->initial), end = region->va + region->size;
    region->size = region->initial;
    if (end <= from)
        return 0;
    /* A new reservation in its place: a jailed worker may not take access away, with which it could
     * hide written memory from the limit on it (jail_filter.c). */
    if (mmap(address(from), end - from, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        vm->spent = true;
        return clo_fail_errno(error, CLO_ESYSTEM, "taking back memory that the guest grew");
    }
    (void)madvise(address(from), end - from, MADV_NOHUGEPAGE); /* as before: one mapping again */
    return 0;
}

int clo_process_shrink(struct clo_vm *vm, struct clo_error *error)
{
    int status = shrink(vm, &vm->regions[CLO_REGION_LINEAR], error);
    return status ? status : shrink(vm, &vm->regions[CLO_REGION_HEAP], error);
}

int clo_process_drop_all(struct clo_vm *vm, struct clo_error *error)
{
    int status = 0;
    for (unsigned i = 0; i < vm->part_count && !status; i++)
        status = clo_memory_drop(vm, vm->parts[i].offset, vm->parts[i].length, error);
    return status;
}

uint8_t *clo_process_memory_at(const struct clo_vm *vm, uint64_t va)
{
    for (int i = 0; i < CLO_REGION_COUNT; i++)
        if (va >= CLO_PROCESS_FIRST && va - vm->regions[i].va < vm->regions[i].size)
            return address(va);
    return NULL;
}

/* memory.c - a micro-VM's memory: where everything stands in the host mapping and in guest-physical
 * memory, the two memory slots, and the page tables that a guest starts with.
 *
 * internal.h draws the layout. Nothing here copies the image: its file is mapped copy-on-write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/error.h"
#include "vm/internal.h"

#define GIB (1ull << 30)
#define USUAL_TABLES 14u /* page-table pages of an ordinary image */

int clo_memory_slot(struct clo_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size, void *memory,
                    uint32_t flags, struct clo_error *error)
{
    struct kvm_userspace_memory_region region = {.slot = slot,
                                                 .flags = flags,
                                                 .guest_phys_addr = gpa,
                                                 .memory_size = size,
                                                 .userspace_addr = (uintptr_t)memory};
    if (ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        enum clo_status code = errno == ENOMEM ? CLO_ENOMEMORY : CLO_ESYSTEM;
        return clo_fail_errno(error, code, "memory slot %u of %llu bytes", slot,
                              (unsigned long long)size);
    }
    return 0;
}

static void place_region(struct clo_vm *vm, enum clo_region which,
                         const struct clo_image_segment *segment, uint64_t *offset)
{
    struct clo_growth *region = &vm->regions[which];
    region->va = which == CLO_REGION_LINEAR ? CLO_LINEAR_VA : CLO_HEAP_VA;
    /* NOLINTNEXTLINE(bugprone-branch-clone): they happen to be of one size */
    region->max = which == CLO_REGION_LINEAR ? CLO_LINEAR_MAX : CLO_HEAP_MAX;
    region->offset = *offset;
    if (!segment)
        return;
    region->initial = region->size = segment->size;
    uint64_t rounded = clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE);
    region->initial_chunks = (uint32_t)(rounded / CLO_HUGE_PAGE_SIZE);
    clo_parts_add(vm, region->va, *offset, segment->file_size,
                  vm->image->bytes + segment->file_offset, true);
    clo_parts_add(vm, region->va + segment->file_size, *offset + segment->file_size,
                  segment->size - segment->file_size, NULL, true);
    *offset += rounded;
}

/* Fill layout, parts and regions from the image's header. */
static void place(struct clo_vm *vm)
{
    const struct clo_image_header *header = &vm->image->header;
    struct clo_layout *layout = &vm->layout;
    const struct clo_image_segment *linear = NULL, *heap = NULL;
    for (uint32_t i = 0; i < header->segment_count; i++) {
        if (header->segments[i].kind == CLO_SEGMENT_LINEAR)
            linear = &header->segments[i];
        if (header->segments[i].kind == CLO_SEGMENT_HEAP)
            heap = &header->segments[i];
    }
    uint64_t granted = (linear ? linear->size : 0) + (heap ? heap->size : 0);
    /* two more: either region may end within a chunk */
    layout->pool_chunks = (uint32_t)((vm->config.memory_limit - granted) / CLO_HUGE_PAGE_SIZE + 2);
    layout->pool_tables = CLO_SYSTEM_PAGES + CLO_INITIAL_TABLES;
    layout->system_size = clo_round_up((layout->pool_tables + layout->pool_chunks) * CLO_PAGE_SIZE,
                                       CLO_HUGE_PAGE_SIZE);
    uint64_t offset = layout->system_size;
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        if (segment->kind != CLO_SEGMENT_PRIVATE)
            continue;
        uint64_t rounded = clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE);
        clo_parts_add(vm, segment->address, offset, segment->file_size,
                      vm->image->bytes + segment->file_offset, true);
        clo_parts_add(vm, segment->address + segment->file_size, offset + segment->file_size,
                      rounded - segment->file_size, NULL, true);
        offset += rounded;
    }
    place_region(vm, CLO_REGION_LINEAR, linear, &offset);
    place_region(vm, CLO_REGION_HEAP, heap, &offset);

    layout->stack = offset;
    clo_parts_add_stack(vm, offset);
    layout->window = offset + CLO_STACK_SIZE;
    clo_parts_add_window(vm, layout->window);
    layout->pool = layout->window + CLO_WINDOW_SIZE;
    layout->size = layout->pool + layout->pool_chunks * CLO_HUGE_PAGE_SIZE;
    layout->shared_gpa = layout->size;
}

static int map_host(struct clo_vm *vm, struct clo_error *error)
{
    vm->memory = clo_memory_reserve(vm->layout.size, PROT_READ | PROT_WRITE);
    if (!vm->memory)
        return clo_fail_errno(error, CLO_ENOMEMORY, "reserving %llu MiB for a micro-VM",
                              (unsigned long long)(vm->layout.size >> 20));
    for (unsigned i = 0; i < vm->part_count; i++) {
        const struct clo_part *part = &vm->parts[i];
        if (!part->source)
            continue;
        if (mmap(vm->memory + part->offset, part->length, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, vm->image->fd,
                 part->source - vm->image->bytes) == MAP_FAILED)
            return clo_fail_errno(error, CLO_ENOMEMORY, "mapping %s", vm->image->path);
    }
    /* Huge pages only where growth asks for them: one touch of another would be 2 MiB to copy back.
     * Of all mappings, now that they are there. A kernel built without huge pages has no use for
     * the advice, so that its failure does not matter. */
    (void)madvise(vm->memory, vm->layout.size, MADV_NOHUGEPAGE);
    return 0;
}

/* A region's page tables: what the image grants, and directories for what it may grow to. */
static void map_region(struct clo_vm *vm, struct clo_growth *region)
{
    uint64_t reach = region->initial + vm->layout.pool_chunks * CLO_HUGE_PAGE_SIZE;
    clo_tables_reserve(vm, region->va,
                       clo_round_up(reach < region->max ? reach : region->max, GIB));
    uint64_t whole = region->initial / CLO_HUGE_PAGE_SIZE * CLO_HUGE_PAGE_SIZE;
    clo_tables_map(vm, region->va, region->offset, whole,
                   CLO_PTE_USER | CLO_PTE_WRITE | CLO_PTE_NX);
    if (whole == region->initial)
        return;
    region->tail_table = clo_tables_new(vm);
    clo_tables_grant(vm, region->va + whole, region->offset + whole, 0,
                     (unsigned)((region->initial - whole) / CLO_PAGE_SIZE), region->tail_table);
}

static void map_guest(struct clo_vm *vm)
{
    const uint64_t data = CLO_PTE_USER | CLO_PTE_WRITE | CLO_PTE_NX;
    const struct clo_image_header *header = &vm->image->header;
    uint64_t private = vm->layout.system_size, shared = vm->layout.shared_gpa;
    vm->table_next = CLO_SYSTEM_PAGES;
    /* a good guess of the pages that will be written, without a fault for each */
    (void)madvise(vm->memory, (CLO_SYSTEM_PAGES + USUAL_TABLES) * CLO_PAGE_SIZE,
                  MADV_POPULATE_WRITE);
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        uint64_t rounded = clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE);
        if (segment->kind == CLO_SEGMENT_SHARED) {
            uint64_t execute = segment->flags & CLO_SEGMENT_EXECUTE ? 0 : CLO_PTE_NX;
            clo_tables_map(vm, segment->address, shared, rounded, CLO_PTE_USER | execute);
            shared += rounded;
        } else if (segment->kind == CLO_SEGMENT_PRIVATE) {
            clo_tables_map(vm, segment->address, private, rounded, data);
            private += rounded;
        }
    }
    map_region(vm, &vm->regions[CLO_REGION_LINEAR]);
    map_region(vm, &vm->regions[CLO_REGION_HEAP]);
    clo_tables_map(vm, CLO_STACK_VA, vm->layout.stack, CLO_STACK_SIZE, data);
    clo_tables_map(vm, CLO_WINDOW_VA, vm->layout.window, CLO_WINDOW_SIZE, data);
}

int clo_memory_create(struct clo_vm *vm, struct clo_error *error)
{
    place(vm);
    vm->huge_advice = calloc((vm->layout.pool_chunks + 63) / 64, sizeof *vm->huge_advice);
    if (!vm->huge_advice)
        return clo_fail_memory(error);
    int status = map_host(vm, error);
    if (status)
        return status;
    map_guest(vm);
    clo_system_build(vm);
    status = clo_memory_slot(vm, CLO_SLOT_MEMORY, 0, vm->layout.pool, vm->memory, 0, error);
    if (!status && vm->image->shared_size)
        status = clo_memory_slot(vm, CLO_SLOT_SHARED, vm->layout.shared_gpa, vm->image->shared_size,
                                 vm->image->shared, KVM_MEM_READONLY, error);
    return status;
}

void clo_memory_destroy(struct clo_vm *vm)
{
    if (vm->memory)
        munmap(vm->memory, vm->layout.size);
    free(vm->huge_advice);
}

uint8_t *clo_kvm_memory_at(const struct clo_vm *vm, uint64_t va)
{
    for (int i = 0; i < CLO_REGION_COUNT; i++) {
        const struct clo_growth *region = &vm->regions[i];
        if (va - region->va >= region->size)
            continue;
        uint64_t offset = va - region->va, chunk = offset / CLO_HUGE_PAGE_SIZE;
        if (chunk < region->initial_chunks)
            return vm->memory + region->offset + offset;
        uint64_t k = chunk - region->initial_chunks;
        if (i == CLO_REGION_HEAP)
            k = vm->layout.pool_chunks - 1 - k;
        return vm->memory + vm->layout.pool + k * CLO_HUGE_PAGE_SIZE + offset % CLO_HUGE_PAGE_SIZE;
    }
    return NULL;
}

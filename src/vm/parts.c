/* parts.c - the parts of a guest's memory that restores treat alike, whichever wall is around it. */
#include <sys/mman.h>

#include "base/error.h"
#include "vm/internal.h"

uint8_t *clo_memory_reserve(uint64_t size, int protection)
{
    uint64_t with_slack = size + CLO_HUGE_PAGE_SIZE;
    uint8_t *start =
        mmap(NULL, with_slack, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    uint8_t *aligned = (uint8_t *)clo_round_up((uintptr_t)start, CLO_HUGE_PAGE_SIZE);
    if (aligned > start)
        munmap(start, (size_t)(aligned - start));
    uint8_t *end = start + with_slack;
    if (end > aligned + size)
        munmap(aligned + size, (size_t)(end - (aligned + size)));
    return aligned;
}

int clo_memory_drop(struct clo_vm *vm, uint64_t offset, uint64_t length, struct clo_error *error)
{
    if (madvise(clo_vm_at(vm, offset), length, MADV_DONTNEED)) {
        vm->spent = true;
        return clo_fail_errno(error, CLO_ESYSTEM, "giving back %llu bytes of guest memory",
                              (unsigned long long)length);
    }
    return 0;
}

void clo_parts_add(struct clo_vm *vm, uint64_t va, uint64_t offset, uint64_t length,
                   const uint8_t *source, bool keep)
{
    if (!length)
        return;
    vm->parts[vm->part_count++] = (struct clo_part){
        .va = va, .offset = offset, .length = length, .source = source, .keep = keep};
}

void clo_parts_add_stack(struct clo_vm *vm, uint64_t offset)
{
    const uint64_t rare = CLO_STACK_SIZE - CLO_KEEP_STACK;
    clo_parts_add(vm, CLO_STACK_VA, offset, rare, NULL, false);
    clo_parts_add(vm, CLO_STACK_VA + rare, offset + rare, CLO_KEEP_STACK, NULL, true);
}

void clo_parts_add_window(struct clo_vm *vm, uint64_t offset)
{
    const uint64_t small = CLO_WINDOW_OUTPUT + CLO_OUTPUT_AREA_SIZE, keep = CLO_KEEP_MESSAGE;
    const struct {
        uint64_t at, length;
        bool keep;
    } pieces[] = {
        {0, small, true},
        {small, CLO_WINDOW_CALL - small, false},
        {CLO_WINDOW_CALL, keep, true},
        {CLO_WINDOW_CALL + keep, CLO_MESSAGE_MAX - keep, false},
        {CLO_WINDOW_REPLY, keep, true},
        {CLO_WINDOW_REPLY + keep, CLO_MESSAGE_MAX - keep, false},
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        clo_parts_add(vm, CLO_WINDOW_VA + pieces[i].at, offset + pieces[i].at, pieces[i].length,
                      NULL, pieces[i].keep);
}

/* Pages that a first run writes: have them private already. Writing one byte (its own value) makes
 * the kernel copy the page; that fault is several times cheaper than one of a micro-VM's guest. */
void clo_parts_touch_hot(struct clo_vm *vm)
{
    const struct clo_part *part = vm->parts;
    for (uint32_t i = 0; i < vm->image->header.hot_count; i++) {
        uint64_t va = (uint64_t)vm->image->hot[i] * CLO_PAGE_SIZE;
        for (unsigned tries = 0; va - part->va >= part->length && tries < vm->part_count; tries++)
            part = part + 1 < vm->parts + vm->part_count ? part + 1 : vm->parts;
        if (va - part->va >= part->length)
            continue;
        uint64_t in_part = va - part->va;
        *(volatile uint8_t *)clo_vm_at(vm, part->offset + in_part) =
            part->source ? part->source[in_part] : 0;
    }
}

uint8_t *clo_memory_at(const struct clo_vm *vm, uint64_t va)
{
    uint8_t *in_region = vm->wall->at(vm, va);
    if (in_region)
        return in_region;
    for (unsigned i = 0; i < vm->part_count; i++) {
        const struct clo_part *part = &vm->parts[i];
        if (va - part->va < part->length)
            return clo_vm_at(vm, part->offset + (va - part->va));
    }
    return NULL;
}

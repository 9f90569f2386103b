/* grow.c - linear memory and the runtime's heap grow, and a restore takes back what they grew by.
 *
 * A 2 MiB chunk that is granted whole gets one large entry and may become a huge page; what ends
 * within a chunk gets 4 KiB entries, so that memory that was not granted faults. Invariant: the
 * memory of chunks that are not granted is not there (never touched, or dropped), so that a grant
 * is zero and a stale shadow of an old entry has nothing to show.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "vm/internal.h"

#define CHUNK_PAGES (CLO_HUGE_PAGE_SIZE / CLO_PAGE_SIZE)

/* Pool chunk number of a region's chunk behind the initial ones. */
static uint32_t pool_index(const struct clo_vm *vm, const struct clo_growth *region, uint32_t chunk)
{
    uint32_t k = chunk - region->initial_chunks;
    return region == &vm->regions[CLO_REGION_HEAP] ? vm->layout.pool_chunks - 1 - k : k;
}

/* May the region use its pool chunks up to `water`? Chunks that have belonged to the other region
 * since the slot was added may still be in KVM's shadow of that region's page tables: adding the
 * slot anew drops all shadows. Rare: only where different runs of one micro-VM grew different
 * regions to more than the pool together. */
static int bind(struct clo_vm *vm, struct clo_growth *region, uint32_t water,
                struct clo_error *error)
{
    struct clo_growth *other =
        &vm->regions[region == &vm->regions[CLO_REGION_LINEAR] ? CLO_REGION_HEAP
                                                               : CLO_REGION_LINEAR];
    if (water <= region->water)
        return 0;
    if (water + other->water > vm->layout.pool_chunks) {
        int status = clo_memory_slot(vm, CLO_SLOT_MEMORY, 0, 0, vm->memory, 0, error);
        if (!status)
            status = clo_memory_slot(vm, CLO_SLOT_MEMORY, 0, vm->layout.pool, vm->memory, 0, error);
        if (status) {
            vm->spent = true;
            return status;
        }
        uint64_t chunks = clo_round_up(other->size, CLO_HUGE_PAGE_SIZE) / CLO_HUGE_PAGE_SIZE;
        other->water =
            chunks > other->initial_chunks ? (uint32_t)chunks - other->initial_chunks : 0;
    }
    region->water = water;
    return 0;
}

/* Have memory slots under pool chunks first … first + count - 1. */
static int add_blocks(struct clo_vm *vm, uint32_t first, uint32_t count, struct clo_error *error)
{
    const uint64_t block_size = CLO_POOL_BLOCK_CHUNKS * CLO_HUGE_PAGE_SIZE;
    uint32_t last = (first + count - 1) / CLO_POOL_BLOCK_CHUNKS;
    for (uint32_t block = first / CLO_POOL_BLOCK_CHUNKS; block <= last; block++) {
        if (vm->block_added[block])
            continue;
        uint64_t offset = vm->layout.pool + block * block_size, rest = vm->layout.size - offset;
        int status =
            clo_memory_slot(vm, CLO_SLOT_POOL + block, offset,
                            rest < block_size ? rest : block_size, vm->memory + offset, 0, error);
        if (status)
            return status;
        vm->block_added[block] = true;
    }
    return 0;
}

/* Huge page or not: advice to the kernel, whose failure costs time only. */
static void advise(struct clo_vm *vm, uint32_t index, bool huge)
{
    uint64_t bit = 1ull << index % 64, *word = &vm->huge_advice[index / 64];
    if (!(*word & bit) == !huge)
        return;
    (void)madvise(vm->memory + vm->layout.pool + index * CLO_HUGE_PAGE_SIZE, CLO_HUGE_PAGE_SIZE,
                  huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    *word ^= bit;
}

/* Grant pages first … end - 1 of one chunk. */
static void grant(struct clo_vm *vm, struct clo_growth *region, uint32_t chunk, unsigned first,
                  unsigned end)
{
    uint64_t va = region->va + chunk * CLO_HUGE_PAGE_SIZE, offset;
    uint32_t table;
    if (chunk < region->initial_chunks) {
        offset = region->offset + chunk * CLO_HUGE_PAGE_SIZE;
        table = region->tail_table;
    } else {
        uint32_t index = pool_index(vm, region, chunk);
        bool whole = first == 0 && end == CHUNK_PAGES && clo_tables_chunk_empty(vm, va);
        offset = vm->layout.pool + index * CLO_HUGE_PAGE_SIZE;
        table = whole ? 0 : vm->layout.pool_tables + index;
        if (whole || first == 0)
            advise(vm, index, whole);
    }
    /* Small pages that the guest meets unprepared cost it several times as much as this does: all
     * of a small grant is likely to be used. Failure only leaves it to the guest. */
    if (table)
        (void)madvise(vm->memory + offset + first * CLO_PAGE_SIZE, (end - first) * CLO_PAGE_SIZE,
                      MADV_POPULATE_WRITE);
    clo_tables_grant(vm, va, offset, first, end - first, table);
}

int clo_kvm_grow(struct clo_vm *vm, enum clo_region which, uint64_t size, struct clo_error *error)
{
    struct clo_growth *region = &vm->regions[which];
    uint32_t chunks = (uint32_t)(clo_round_up(size, CLO_HUGE_PAGE_SIZE) / CLO_HUGE_PAGE_SIZE);
    if (chunks > region->initial_chunks) {
        uint32_t count = chunks - region->initial_chunks;
        int status = bind(vm, region, count, error);
        uint32_t a = pool_index(vm, region, region->initial_chunks);
        uint32_t b = pool_index(vm, region, chunks - 1);
        if (!status)
            status = add_blocks(vm, a < b ? a : b, count, error);
        if (status)
            return status;
    }
    while (region->size < size) {
        uint32_t chunk = (uint32_t)(region->size / CLO_HUGE_PAGE_SIZE);
        uint64_t base = chunk * CLO_HUGE_PAGE_SIZE;
        uint64_t end = size - base < CLO_HUGE_PAGE_SIZE ? size : base + CLO_HUGE_PAGE_SIZE;
        grant(vm, region, chunk, (unsigned)((region->size - base) / CLO_PAGE_SIZE),
              (unsigned)((end - base) / CLO_PAGE_SIZE));
        region->size = end;
    }
    return 0;
}

/* Entries first, then the memory: dropping it also drops KVM's shadows of the entries. */
static int undo(struct clo_vm *vm, struct clo_growth *region, struct clo_error *error)
{
    if (region->size == region->initial)
        return 0;
    uint32_t chunks =
        (uint32_t)(clo_round_up(region->size, CLO_HUGE_PAGE_SIZE) / CLO_HUGE_PAGE_SIZE);
    uint64_t initial_end = region->initial_chunks * CLO_HUGE_PAGE_SIZE;
    if (region->initial < initial_end) {
        uint32_t last = region->initial_chunks - 1;
        unsigned kept = (unsigned)(region->initial % CLO_HUGE_PAGE_SIZE / CLO_PAGE_SIZE);
        clo_tables_revoke(vm, region->va + last * CLO_HUGE_PAGE_SIZE, kept, region->tail_table);
        if (madvise(vm->memory + region->offset + region->initial, initial_end - region->initial,
                    MADV_DONTNEED))
            goto failed;
    }
    for (uint32_t chunk = region->initial_chunks; chunk < chunks; chunk++)
        clo_tables_revoke(vm, region->va + chunk * CLO_HUGE_PAGE_SIZE, 0,
                          vm->layout.pool_tables + pool_index(vm, region, chunk));
    if (chunks > region->initial_chunks) {
        uint32_t a = pool_index(vm, region, region->initial_chunks);
        uint32_t b = pool_index(vm, region, chunks - 1);
        uint32_t first = a < b ? a : b, count = chunks - region->initial_chunks;
        if (madvise(vm->memory + vm->layout.pool + first * CLO_HUGE_PAGE_SIZE,
                    count * CLO_HUGE_PAGE_SIZE, MADV_DONTNEED))
            goto failed;
    }
    region->size = region->initial;
    return 0;

failed:
    vm->spent = true;
    return clo_fail_errno(error, CLO_ESYSTEM, "giving back memory that the guest grew");
}

int clo_kvm_shrink(struct clo_vm *vm, struct clo_error *error)
{
    for (int i = 0; i < CLO_REGION_COUNT; i++) {
        int status = undo(vm, &vm->regions[i], error);
        if (status)
            return status;
    }
    return 0;
}

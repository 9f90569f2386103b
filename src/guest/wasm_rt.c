/* wasm_rt.c - the runtime that wasm2c's output calls: memory and traps (tables: wasm_tables.c).
 *
 * Linear memory is at address 0 and only its size is kept here: the host maps what it grants, so an
 * access beyond faults by itself. The size still matters for memory.size, memory.copy and the like.
 */
#include <wasm-rt.h>

#include "runtime.h"

_Static_assert(WASM_RT_TRAP_OOB == (int)CLO_TRAP_OUT_OF_BOUNDS, "same order");
_Static_assert(WASM_RT_TRAP_INT_OVERFLOW == (int)CLO_TRAP_INTEGER_OVERFLOW, "same order");
_Static_assert(WASM_RT_TRAP_DIV_BY_ZERO == (int)CLO_TRAP_DIVIDE_BY_ZERO, "same order");
_Static_assert(WASM_RT_TRAP_INVALID_CONVERSION == (int)CLO_TRAP_INVALID_CONVERSION, "same order");
_Static_assert(WASM_RT_TRAP_UNREACHABLE == (int)CLO_TRAP_UNREACHABLE, "same order");
_Static_assert(WASM_RT_TRAP_CALL_INDIRECT == (int)CLO_TRAP_INDIRECT_CALL, "same order");
_Static_assert(WASM_RT_TRAP_UNCAUGHT_EXCEPTION == (int)CLO_TRAP_EXCEPTION, "same order");
_Static_assert(WASM_RT_TRAP_UNALIGNED == (int)CLO_TRAP_UNALIGNED, "same order");
_Static_assert(WASM_RT_TRAP_EXHAUSTION == (int)CLO_TRAP_STACK_OVERFLOW, "same order");

bool wasm_rt_is_initialized(void)
{
    return true;
}

_Noreturn void wasm_rt_trap(wasm_rt_trap_t trap)
{
    clo_trap((enum clo_trap)trap);
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages,
                             bool is64)
{
    uint64_t size = pages * CLO_WASM_PAGE_SIZE;

    memory->data = (uint8_t *)CLO_LINEAR_VA;
    memory->pages = pages;
    memory->max_pages = max_pages;
    memory->size = size;
    memory->is64 = is64;
    /* A module with 64-bit or with several memories has no place here. */
    if (is64 || clo_region_size(CLO_REGION_LINEAR) != 0 ||
        (pages > 0 && !clo_host_grow(CLO_REGION_LINEAR, size))) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t pages)
{
    uint64_t before = memory->pages;

    if (pages == 0) {
        return before;
    }
    if (pages > CLO_LINEAR_MAX / CLO_WASM_PAGE_SIZE - before ||
        before + pages > memory->max_pages ||
        !clo_host_grow(CLO_REGION_LINEAR, (before + pages) * CLO_WASM_PAGE_SIZE)) {
        return UINT64_MAX;
    }
    memory->pages = before + pages;
    memory->size = memory->pages * CLO_WASM_PAGE_SIZE;
    return before;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
    (void)memory; /* an instance lives as long as the image */
}

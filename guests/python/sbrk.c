/* sbrk.c - where malloc gets its memory from, instead of the C library's own function.
 *
 * Linear memory grows to whole 2 MiB, so that the host can map it with large pages (30 times fewer
 * faults) and is asked seldom; the break moves inside. When the host refuses so much, what is
 * really needed is tried, and when it refuses that too malloc returns NULL: a MemoryError, no more.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#define WASM_PAGE 65536u
#define STEP (2u << 20)

static uintptr_t current; /* the break; 0: not asked yet */

static uintptr_t memory_size(void)
{
    return (uintptr_t)__builtin_wasm_memory_size(0) * WASM_PAGE;
}

/* The host's limit does not rise during a run: what was refused once is not asked for again. */
static uint64_t refused = UINT64_MAX;

static int grow_to(uint64_t size)
{
    uint64_t more = (size + WASM_PAGE - 1) / WASM_PAGE - __builtin_wasm_memory_size(0);

    if (size >= refused) {
        return 0;
    }
    if (__builtin_wasm_memory_grow(0, (size_t)more) == SIZE_MAX) {
        refused = size;
        return 0;
    }
    return 1;
}

void *sbrk(intptr_t increment)
{
    uint64_t wanted;
    uintptr_t before;

    if (current == 0) {
        current = memory_size();
    }
    before = current;
    if (increment < 0) {
        errno = ENOMEM; /* memory is not given back */
        return (void *)-1;
    }
    wanted = (uint64_t)before + (uintptr_t)increment;
    if (wanted > memory_size() && !grow_to((wanted + STEP - 1) / STEP * STEP) && !grow_to(wanted)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    if (wanted > UINTPTR_MAX) {
        errno = ENOMEM;
        return (void *)-1;
    }
    current = (uintptr_t)wanted;
    return (void *)before;
}

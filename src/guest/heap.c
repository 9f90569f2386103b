/* heap.c - the runtime's own memory, for tables and the RAM file system.
 *
 *   CLO_HEAP_VA [used: pages, or pages cut into pieces of one size][granted, zero] ... [not mapped]
 *
 * Pieces are powers of two from 64 bytes to a page; a freed piece goes to the list of its size. The
 * heap grows by 2 MiB, so that the host can map it with large pages, or by 64 KiB when no more than
 * that is left of the run's memory limit.
 */
#include <string.h>

#include "runtime.h"

#define SMALLEST_SHIFT 6
#define LARGEST_SHIFT 12
#define CLASSES (LARGEST_SHIFT - SMALLEST_SHIFT + 1)

_Static_assert(1u << LARGEST_SHIFT == CLO_BLOCK_SIZE, "the largest piece is a block");

struct piece {
    struct piece *next;
};

static struct piece *free_pieces[CLASSES];
static uint64_t used; /* bytes of the heap, whole pages */

static bool make_room(uint64_t size)
{
    uint64_t granted = clo_region_size(CLO_REGION_HEAP);

    if (size > CLO_HEAP_MAX - used) {
        return false;
    }
    if (used + size <= granted) {
        return true;
    }
    uint64_t wanted = (used + size + CLO_HUGE_PAGE_SIZE - 1) & ~(CLO_HUGE_PAGE_SIZE - 1);
    if (clo_host_grow(CLO_REGION_HEAP, wanted)) {
        return true;
    }
    wanted = (used + size + CLO_WASM_PAGE_SIZE - 1) & ~(CLO_WASM_PAGE_SIZE - 1);
    return clo_host_grow(CLO_REGION_HEAP, wanted);
}

void *clo_heap_alloc_pages(uint64_t size)
{
    size = (size + CLO_PAGE_SIZE - 1) & ~(CLO_PAGE_SIZE - 1);
    if (!make_room(size)) {
        return NULL;
    }
    void *memory = (void *)(CLO_HEAP_VA + used);
    used += size;
    return memory;
}

static unsigned class_of(uint32_t size)
{
    unsigned shift = SMALLEST_SHIFT;

    while (1u << shift < size) {
        shift++;
    }
    return shift - SMALLEST_SHIFT;
}

void *clo_heap_alloc(uint32_t size)
{
    unsigned class = class_of(size);
    uint32_t length = 1u << (class + SMALLEST_SHIFT);
    struct piece *piece = free_pieces[class];

    if (piece != NULL) {
        free_pieces[class] = piece->next;
        memset(piece, 0, length);
        return piece;
    }
    uint8_t *page = clo_heap_alloc_pages(CLO_PAGE_SIZE); /* never used before: zero */
    if (page == NULL) {
        return NULL;
    }
    for (uint32_t at = CLO_BLOCK_SIZE - length; at > 0; at -= length) {
        piece = (struct piece *)(page + at);
        piece->next = free_pieces[class];
        free_pieces[class] = piece;
    }
    return page;
}

void clo_heap_free(void *memory, uint32_t size)
{
    struct piece *piece = memory;
    unsigned class = class_of(size);

    piece->next = free_pieces[class];
    free_pieces[class] = piece;
}

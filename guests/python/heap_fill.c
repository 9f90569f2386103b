/* heap_fill.c - leave no free memory between the image's objects.
 *
 * Imports leave thousands of small holes. An allocator fills those first, so the objects of a run
 * would be strewn over as many pages of the image, each of which has to be copied when it is
 * written and copied back when the run is over. With the holes filled by memory that nobody uses,
 * all that a run allocates lies together: one page for each size class of pymalloc that it uses,
 * and one stretch at the end of malloc's memory.
 */
#define Py_BUILD_CORE 1
#include "interpreter.h"

#include <stdbool.h>
#include <stdlib.h>

#include "internal/pycore_obmalloc.h"

#define TOP_PROBE (256u << 10) /* larger than any hole that is left */
#define HOLE_MAX (128u << 10)
#define HOLE_MIN 16u

/* Take blocks of one size until pymalloc begins a new pool: it stays, with one block used. */
static int fill_class(size_t size)
{
    for (;;) {
        void *block = PyObject_Malloc(size);
        if (block == NULL) {
            return -1;
        }
        if (POOL_ADDR(block)->ref.count == 1) {
            return 0;
        }
    }
}

/* Take chunks of one size from malloc until one comes from the end of its memory. */
static int fill_chunks(size_t size, uintptr_t top)
{
    for (;;) {
        void *chunk = malloc(size);
        if (chunk == NULL) {
            return -1;
        }
        if ((uintptr_t)chunk >= top) {
            free(chunk);
            return 0;
        }
    }
}

int clo_heap_fill(void)
{
    void *probe;
    uintptr_t top;
    size_t size;

    for (size = ALIGNMENT; size <= SMALL_REQUEST_THRESHOLD; size += ALIGNMENT) {
        if (fill_class(size) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    probe = malloc(TOP_PROBE);
    top = (uintptr_t)probe;
    free(probe);
    for (size = HOLE_MAX; size >= HOLE_MIN; size -= size > 1024 ? size / 8 : HOLE_MIN) {
        if (probe == NULL || fill_chunks(size & ~(size_t)(HOLE_MIN - 1), top) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

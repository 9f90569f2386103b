/* wasm_tables.c - for wasm2c's output: tables of functions and of references to host objects.
 *
 * A table stands in the heap, in whole pages; one that grows is copied to new pages, and the old
 * ones stay behind (the run's memory limit bounds that, and the next run begins without them). An
 * element of zeros is a null reference.
 */
#include <string.h>
#include <wasm-rt.h>

#include "runtime.h"

#define TABLE_MAX (1u << 20) /* elements of one table */

static void *new_table(uint32_t elements, size_t element_size)
{
    void *data = NULL;

    if (elements == 0) {
        return NULL;
    }
    if (elements <= TABLE_MAX) {
        data = clo_heap_alloc_pages(elements * element_size);
    }
    if (data == NULL) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
    return data;
}

/* `size` elements, copied, with room for `delta` more; NULL: no room. */
static void *grown_table(const void *data, uint32_t size, uint32_t max_size, uint32_t delta,
                         size_t element_size)
{
    if (delta > max_size - size || delta > TABLE_MAX - size) {
        return NULL;
    }
    void *grown = clo_heap_alloc_pages((size + (uint64_t)delta) * element_size);
    if (grown != NULL && size > 0) {
        memcpy(grown, data, size * element_size);
    }
    return grown;
}

void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t elements,
                                    uint32_t max_elements)
{
    table->data = new_table(elements, sizeof *table->data);
    table->size = elements;
    table->max_size = max_elements;
}

void wasm_rt_allocate_externref_table(wasm_rt_externref_table_t *table, uint32_t elements,
                                      uint32_t max_elements)
{
    table->data = new_table(elements, sizeof *table->data);
    table->size = elements;
    table->max_size = max_elements;
}

uint32_t wasm_rt_grow_funcref_table(wasm_rt_funcref_table_t *table, uint32_t delta,
                                    wasm_rt_funcref_t init)
{
    uint32_t before = table->size;

    if (delta == 0) {
        return before;
    }
    wasm_rt_funcref_t *data =
        grown_table(table->data, before, table->max_size, delta, sizeof *data);
    if (data == NULL) {
        return UINT32_MAX;
    }
    table->data = data;
    while (table->size < before + delta) {
        data[table->size++] = init;
    }
    return before;
}

uint32_t wasm_rt_grow_externref_table(wasm_rt_externref_table_t *table, uint32_t delta,
                                      wasm_rt_externref_t init)
{
    uint32_t before = table->size;

    if (delta == 0) {
        return before;
    }
    wasm_rt_externref_t *data =
        grown_table(table->data, before, table->max_size, delta, sizeof *data);
    if (data == NULL) {
        return UINT32_MAX;
    }
    table->data = data;
    while (table->size < before + delta) {
        data[table->size++] = init;
    }
    return before;
}

void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table)
{
    (void)table; /* an instance lives as long as the image */
}

void wasm_rt_free_externref_table(wasm_rt_externref_table_t *table)
{
    (void)table;
}

/* heap_wipe.c - in a worker's program, memory that is given back to the heap holds nothing any more.
 *
 * A worker serves one run after another. Code that takes it over in one of them shall not find in it
 * what an earlier one brought: sources, arguments, messages, results. The linker has free and realloc
 * lead here (--wrap, meson.build).
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void __real_free(void *memory);
void __wrap_free(void *memory);
void *__wrap_realloc(void *memory, size_t size);

void __wrap_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    __real_free(memory);
}

void *__wrap_realloc(void *memory, size_t size)
{
    size_t before = memory ? malloc_usable_size(memory) : 0;
    if (memory && size && size <= before)
        return memory;
    void *more = size ? malloc(size) : NULL;
    if (more && memory)
        memcpy(more, memory, before);
    if (more || !size)
        __wrap_free(memory);
    return more;
}

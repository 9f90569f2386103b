/* memory.c - the allocating functions, replaced: each may fail, and counts what lives.
 *
 * AddressSanitizer's own come next in the order of symbols; the tables and red zones are theirs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

#pragma GCC visibility push(default)

void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t count, size_t size);
void *__interceptor_realloc(void *block, size_t size);
void *__interceptor_aligned_alloc(size_t alignment, size_t size);
int __interceptor_posix_memalign(void **block, size_t alignment, size_t size);
void __interceptor_free(void *block);

static atomic_long live;

long faults_live(void)
{
    return atomic_load(&live);
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *born(void *block)
{
    if (block)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return block;
}

void *malloc(size_t size)
{
    return FAULTS_HIT("malloc") ? no_memory() : born(__interceptor_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return FAULTS_HIT("calloc") ? no_memory() : born(__interceptor_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (size && FAULTS_HIT("realloc"))
        return no_memory();
    void *moved = __interceptor_realloc(block, size);
    if (!block)
        born(moved);
    else if (!size)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    return moved;
}

void *reallocarray(void *block, size_t count, size_t size)
{
    size_t whole;
    return __builtin_mul_overflow(count, size, &whole) ? no_memory() : realloc(block, whole);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return FAULTS_HIT("aligned_alloc") ? no_memory()
                                       : born(__interceptor_aligned_alloc(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (FAULTS_HIT("posix_memalign"))
        return ENOMEM;
    int status = __interceptor_posix_memalign(block, alignment, size);
    if (!status)
        born(*block);
    return status;
}

void free(void *block)
{
    if (block)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    __interceptor_free(block);
}

/* AddressSanitizer's copies would allocate past malloc. */
char *strndup(const char *text, size_t most)
{
    size_t length = strnlen(text, most);
    char *copy = FAULTS_HIT("strndup") ? no_memory() : born(__interceptor_malloc(length + 1));
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = FAULTS_HIT("strdup") ? no_memory() : born(__interceptor_malloc(size));
    return copy ? memcpy(copy, text, size) : NULL;
}

#pragma GCC visibility pop

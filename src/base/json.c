/* json.c - lenient parsing and short getters over jansson. */
#include "base/json.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_malloc_t allocate_before;
static json_free_t release_before;
static _Thread_local bool found_no_memory;

/* When its buffer for a token cannot grow, jansson 2.14 drops the byte and reads on: where it was a
 * string's closing quote, it copies on behind the buffer; where it was a digit, it may assert. So
 * while it reads, and once memory lacks, what that buffer wants (it doubles from 16 bytes) comes
 * from here. Nothing else is found any more, which soon ends the reading: a text of L bytes asks
 * for less than 13 L, 4 L of it for the buffer, 9 L for tables and strings of the same sizes. */
struct reserve {
    char *bytes;
    size_t size, used;
};
enum { RESERVE_MIN = 4096, RESERVE_FACTOR = 16, TOKEN_MIN = 32 };
static _Thread_local struct reserve reserve;

static void *from_reserve(size_t size)
{
    if (size < TOKEN_MIN || (size & (size - 1)) || size > reserve.size - reserve.used)
        return NULL;
    void *block = reserve.bytes + reserve.used;
    reserve.used += size;
    return block;
}

static void *watched_malloc(size_t size)
{
    void *block = reserve.bytes && found_no_memory ? NULL : allocate_before(size);
    if (block)
        return block;
    found_no_memory = true;
    return from_reserve(size);
}

static void watched_free(void *block)
{
    uintptr_t start = (uintptr_t)reserve.bytes, here = (uintptr_t)block;
    if (!reserve.bytes || here < start || here - start >= reserve.size)
        release_before(block);
}

static void wrap_allocations(void)
{
    json_get_alloc_funcs(&allocate_before, &release_before);
    json_set_alloc_funcs(watched_malloc, watched_free);
}

/* Note whether memory lacks from here on, in this thread. */
static void watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, wrap_allocations);
    found_no_memory = false;
}

static void say_no_memory(json_error_t *why)
{
    snprintf(why->text, sizeof why->text, "out of memory");
    why->text[sizeof why->text - 1] = json_error_out_of_memory; /* where json_error_code looks */
}

json_t *clo_json_parse(const char *text, size_t length, size_t flags, json_error_t *why)
{
    json_error_t own;
    if (!why)
        why = &own;
    watch();
    size_t size =
        length < SIZE_MAX / (2 * RESERVE_FACTOR) ? RESERVE_MIN + RESERVE_FACTOR * length : 0;
    reserve = (struct reserve){.bytes = size ? malloc(size) : NULL, .size = size};
    if (!reserve.bytes) {
        say_no_memory(why);
        return NULL;
    }
    json_t *value = json_loadb(text, length, flags, why);
    if (found_no_memory) {
        json_decref(value);
        value = NULL;
        say_no_memory(why);
    }
    free(reserve.bytes);
    reserve = (struct reserve){0};
    return value;
}

json_t *clo_json_copy(const json_t *value)
{
    watch();
    json_t *copy = json_copy((json_t *)value);
    if (!found_no_memory)
        return copy;
    json_decref(copy);
    return NULL;
}

char *clo_json_dump(const json_t *value, size_t flags)
{
    watch();
    char *text = json_dumps(value, flags);
    if (!found_no_memory)
        return text;
    free(text);
    return NULL;
}

bool clo_json_no_memory(const json_error_t *why)
{
    return json_error_code(why) == json_error_out_of_memory;
}

void clo_json_put(json_t **object, const char *name, json_t *value)
{
    if (json_object_set_new(*object, name, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

/* The four hex digits of a \u escape at text, or -1. */
static int unit_at(const char *text, size_t left)
{
    if (left < 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Overwrite every surrogate escape that has no partner; the length stays. */
static void mend_surrogates(char *text, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] != '\\')
            continue;
        int unit = unit_at(text + i, length - i);
        bool high = unit >= 0xd800 && unit < 0xdc00, low = unit >= 0xdc00 && unit < 0xe000;
        int next = high && i + 6 <= length ? unit_at(text + i + 6, length - i - 6) : -1;
        if (high && next >= 0xdc00 && next < 0xe000)
            i += 11;
        else if (high || low)
            memset(text + i + 2, 'f', 3), text[i + 5] = 'd';
        else
            i++; /* skip what the backslash escapes, or it would look like an escape itself */
    }
}

json_t *clo_json_load(const char *text, size_t length, json_error_t *why)
{
    const size_t flags = JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_error_t first;
    if (!why)
        why = &first;
    json_t *value = clo_json_parse(text, length, flags, why);
    if (value || clo_json_no_memory(why) || !memmem(text, length, "\\u", 2))
        return value;
    char *copy = malloc(length + 1);
    if (!copy) {
        say_no_memory(why);
        return NULL;
    }
    memcpy(copy, text, length);
    mend_surrogates(copy, length);
    value = clo_json_parse(copy, length, flags, why);
    free(copy);
    return value;
}

const char *clo_json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool clo_json_is(const json_t *object, const char *name, const char *text)
{
    const char *value = clo_json_text(object, name);
    return value && strcmp(value, text) == 0;
}

uint64_t clo_json_count(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

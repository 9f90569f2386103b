/* doc.c - lenient parsing and short getters over jansson. */
#include "base/doc.h"

#include <stdlib.h>
#include <string.h>

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

json_t *clo_doc_load(const char *text, size_t length, json_error_t *why)
{
    const size_t flags = JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_error_t first;
    json_t *value = json_loadb(text, length, flags, why ? why : &first);
    if (value || !memmem(text, length, "\\u", 2))
        return value;
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    mend_surrogates(copy, length);
    value = json_loadb(copy, length, flags, &first);
    free(copy);
    return value;
}

const char *clo_doc_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool clo_doc_is(const json_t *object, const char *name, const char *text)
{
    const char *value = clo_doc_text(object, name);
    return value && strcmp(value, text) == 0;
}

uint64_t clo_doc_count(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

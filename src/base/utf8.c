/* utf8.c - checking and counting the characters of a text (RFC 3629, section 4, with surrogates).
 */
#include "base/utf8.h"

#define HIGH_BITS 0x8080808080808080u

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t clo_utf8_next(const uint8_t *data, size_t length, uint32_t *point)
{
    uint32_t first = length ? data[0] : 0xff;
    if (first < 0x80) {
        *point = first;
        return 1;
    }
    size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length < need)
        return 0;
    uint32_t code = first & (0xffu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if (!is_tail(data[i]))
            return 0;
        code = code << 6 | (data[i] & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[need] || code > 0x10ffff)
        return 0;
    *point = code;
    return need;
}

static bool check(const uint8_t *data, size_t length, bool surrogates)
{
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof word) {
            __builtin_memcpy(&word, data + at, sizeof word);
            if (!(word & HIGH_BITS)) {
                at += sizeof word;
                continue;
            }
        }
        uint32_t point;
        size_t used = clo_utf8_next(data + at, length - at, &point);
        if (!used || (!surrogates && clo_utf8_is_surrogate(point)))
            return false;
        at += used;
    }
    return true;
}

bool clo_utf8_valid(const void *data, size_t length)
{
    return check(data, length, true);
}

bool clo_utf8_strict(const void *data, size_t length)
{
    return check(data, length, false);
}

size_t clo_utf8_count(const void *data, size_t length)
{
    const uint8_t *bytes = data;
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += !is_tail(bytes[i]);
    return count;
}

void clo_utf8_repair(char *data, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++) {
        if ((uint8_t)data[i] == 0xed && (uint8_t)data[i + 1] >= 0xa0)
            __builtin_memcpy(data + i, "\xef\xbf\xbd", 3);
    }
}

/* Can `length` bytes, fewer than 4, be a character's first? Some rest makes one of them, then. */
static bool may_go_on(const uint8_t *data, size_t length)
{
    static const uint8_t rests[] = {0x80, 0xbf}; /* the smallest and the largest */
    for (size_t i = 0; i < sizeof rests; i++) {
        uint8_t whole[4];
        uint32_t point;
        __builtin_memset(whole, rests[i], sizeof whole);
        __builtin_memcpy(whole, data, length);
        if (clo_utf8_next(whole, sizeof whole, &point) > length)
            return true;
    }
    return false;
}

size_t clo_utf8_begun(const char *data, size_t length)
{
    const uint8_t *end = (const uint8_t *)data + length;
    for (size_t count = 1; count <= 3 && count <= length; count++)
        if (!is_tail(end[-(ptrdiff_t)count]))
            return may_go_on(end - count, count) ? count : 0;
    return 0;
}

size_t clo_utf8_cut(const char *data, size_t length)
{
    return length - clo_utf8_begun(data, length);
}

/* text.c - checking, repairing and cutting UTF-8. */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The ranges are those of RFC 3629, section 4: no overlong forms, no surrogates, none past
 * U+10FFFF. */
size_t clo_text_next(const char *text, size_t length)
{
    if (length == 0)
        return 0;
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    size_t size = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (size > length)
        return 0;
    for (size_t i = 1; i < size; i++)
        if (!is_continuation(text[i]))
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return size;
}

bool clo_text_valid(const char *text, size_t length)
{
    while (length) {
        size_t size = clo_text_next(text, length);
        if (!size)
            return false;
        text += size;
        length -= size;
    }
    return true;
}

int clo_text_clean(struct clo_buffer *out, const char *text, size_t length)
{
    size_t good = 0; /* bytes before text that are not appended yet */
    while (length) {
        size_t size = *text ? clo_text_next(text, length) : 0;
        if (size) {
            good += size;
            text += size;
            length -= size;
            continue;
        }
        clo_buffer_append(out, text - good, good);
        clo_buffer_text(out, *text ? "\xef\xbf\xbd" : "\xe2\x90\x80");
        good = 0;
        text++;
        length--;
    }
    return clo_buffer_append(out, text - good, good);
}

size_t clo_text_head(const char *text, size_t length, size_t most)
{
    if (most >= length)
        return length;
    while (most > 0 && is_continuation(text[most]))
        most--;
    return most;
}

size_t clo_text_tail(const char *text, size_t length, size_t most)
{
    if (most >= length)
        return 0;
    size_t start = length - most;
    while (start < length && is_continuation(text[start]))
        start++;
    return start;
}

void clo_text_copy(char *to, size_t size, const char *from)
{
    size_t used = 0;
    while (*from && used + 4 < size) {
        size_t character = clo_text_next(from, strnlen(from, 4));
        if (character) {
            memcpy(to + used, from, character);
            used += character;
            from += character;
        } else {
            memcpy(to + used, "\xef\xbf\xbd", 3);
            used += 3;
            from++;
        }
    }
    to[used] = '\0';
}

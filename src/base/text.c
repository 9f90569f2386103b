/* text.c - repairing and cutting text. */
#include "base/text.h"

#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define NUL_PICTURE "\xe2\x90\x80" /* U+2400 */

size_t clo_text_next(const char *text, size_t length)
{
    uint32_t point;
    size_t size = clo_utf8_next((const uint8_t *)text, length, &point);
    return size && !clo_utf8_is_surrogate(point) ? size : 0;
}

static int append(struct clo_buffer *out, const char *text, size_t length, const char *nul)
{
    size_t good = 0; /* bytes before text that are not appended yet */
    while (length) {
        bool is_nul = nul && !*text;
        size_t size = is_nul ? 0 : clo_text_next(text, length);
        if (size) {
            good += size;
            text += size;
            length -= size;
            continue;
        }
        clo_buffer_append(out, text - good, good);
        clo_buffer_text(out, is_nul ? nul : REPLACEMENT);
        good = 0;
        text++;
        length--;
    }
    return clo_buffer_append(out, text - good, good);
}

int clo_text_mend(struct clo_buffer *out, const char *text, size_t length)
{
    return append(out, text, length, NULL);
}

int clo_text_clean(struct clo_buffer *out, const char *text, size_t length)
{
    return append(out, text, length, NUL_PICTURE);
}

size_t clo_text_head(const char *text, size_t length, size_t most)
{
    return most < length ? clo_utf8_cut(text, most) : length;
}

size_t clo_text_tail(const char *text, size_t length, size_t most)
{
    size_t start = most < length ? length - most : 0;
    while (start < length && !clo_text_next(text + start, length - start))
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
            memcpy(to + used, REPLACEMENT, 3);
            used += 3;
            from++;
        }
    }
    to[used] = '\0';
}

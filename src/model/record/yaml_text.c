/* yaml_text.c - quoting, for YAML and for PCRE2. */
#include "model/record/yaml_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define HEAD_MAX 8192 /* bytes of a long text's start in a pattern, */
#define TAIL_MAX 4096 /* and of its end: PCRE2 takes 64 KiB of compiled pattern */

/* Characters that YAML does not take as they are, or takes for a line break. */
static bool is_plain(uint32_t c)
{
    return c == '\t' || c == '\n' || (c >= 0x20 && c <= 0x7e) ||
           (c >= 0xa0 && c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff);
}

void clo_yaml_text_quote(struct clo_buffer *out, const char *text, size_t length)
{
    clo_buffer_text(out, "\"");
    for (size_t at = 0; at < length;) {
        uint32_t point = 0xfffd;
        size_t size = clo_utf8_next((const uint8_t *)text + at, length - at, &point);
        if (point == '\n')
            clo_buffer_text(out, "\\n");
        else if (point == '\t')
            clo_buffer_text(out, "\\t");
        else if (point == '"' || point == '\\')
            clo_buffer_format(out, "\\%c", (char)point);
        else if (size && is_plain(point))
            clo_buffer_append(out, text + at, size);
        else
            clo_buffer_format(out, "\\u%04x", (unsigned)point);
        at += size ? size : 1;
    }
    clo_buffer_text(out, "\"");
}

/* Can it stand as a block (YAML 1.1, literal style)? */
static bool is_block(const char *text, size_t length)
{
    bool words = false, lines = false;
    for (size_t at = 0; at < length;) {
        uint32_t point;
        size_t size = clo_utf8_next((const uint8_t *)text + at, length - at, &point);
        if (!size || !is_plain(point))
            return false;
        lines |= point == '\n';
        words |= point != '\n';
        at += size;
    }
    return words && lines;
}

void clo_yaml_text_write(struct clo_buffer *out, const char *text, size_t length, size_t column)
{
    if (!is_block(text, length)) {
        clo_yaml_text_quote(out, text, length);
        clo_buffer_text(out, "\n");
        return;
    }
    bool ends = text[length - 1] == '\n';
    bool more = ends && length > 1 && text[length - 2] == '\n';
    clo_buffer_format(out, "|2%s\n", more ? "+" : ends ? "" : "-");
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t line = end ? (size_t)(end - text) - at : length - at;
        if (line)
            clo_buffer_format(out, "%*s", (int)column + 2, "");
        clo_buffer_append(out, text + at, line);
        clo_buffer_text(out, "\n");
        at += line + 1;
    }
}

void clo_yaml_text_comment(struct clo_buffer *out, const char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        uint32_t point = 0;
        size_t size = clo_utf8_next((const uint8_t *)text + at, length - at, &point);
        if (size && point != '\n' && is_plain(point))
            clo_buffer_append(out, text + at, size);
        else
            clo_buffer_text(out, " ");
        at += size ? size : 1;
    }
}

static void add_pattern(struct clo_buffer *out, const char *text, size_t length, char gap)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == gap)
            clo_buffer_text(out, ".*?");
        else if (!text[i])
            clo_buffer_text(out, "\\x00");
        else if (strchr("\\^$.[]|()?*+{}", text[i]))
            clo_buffer_format(out, "\\%c", text[i]);
        else
            clo_buffer_append(out, text + i, 1);
    }
}

/* Inside of a character? */
static bool is_rest(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

void clo_yaml_text_pattern(struct clo_buffer *out, const char *text, size_t length, char gap)
{
    size_t head = length, tail = length;
    if (length > HEAD_MAX + TAIL_MAX) {
        for (head = HEAD_MAX; head && is_rest(text[head]);)
            head--;
        for (tail = length - TAIL_MAX; tail < length && is_rest(text[tail]);)
            tail++;
    }
    clo_buffer_text(out, "(?-i)\\A");
    add_pattern(out, text, head, gap);
    if (head < length)
        clo_buffer_text(out, ".*");
    add_pattern(out, text + tail, length - tail, gap);
    clo_buffer_text(out, "\\z");
}

/* table_head.c - see table_head.h. */
#include "serve/files/table_head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static bool is_table(const char *name, const char *media)
{
    static const char *const extensions[] = {".csv", ".tsv", ".tab", ".jsonl", ".ndjson"};
    static const char *const types[] = {"text/csv", "text/tab-separated-values",
                                        "application/jsonl", "application/x-ndjson"};
    const char *point = strrchr(name, '.');
    for (size_t i = 0; point && i < sizeof extensions / sizeof extensions[0]; i++) {
        if (strcasecmp(point, extensions[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(media, types[i]) == 0)
            return true;
    }
    return false;
}

void clo_table_head(char head[CLO_FILE_HEAD_MAX + 1], const char *name, const char *media,
                    const char *first, size_t length)
{
    size_t used = 0, size;
    uint32_t point;
    head[0] = '\0';
    if (!is_table(name, media))
        return;
    if (length >= 3 && memcmp(first, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        first += 3;
        length -= 3;
    }
    for (size_t i = 0; i < CLO_TABLE_HEAD_CHARACTERS && length; i++) {
        size = clo_utf8_next((const uint8_t *)first, length, &point);
        if (!size && clo_utf8_begun(first, length) == length)
            break; /* a character that the beginning has cut; other bytes are no text */
        if (size && (point == '\n' || point == '\r'))
            break;
        if (!size || clo_utf8_is_surrogate(point) || (point < ' ' && point != '\t')) {
            head[0] = '\0';
            return;
        }
        memcpy(head + used, first, size);
        used += size;
        head[used] = '\0';
        first += size;
        length -= size;
    }
}

/* file_name.c - cleaning names, and media types by extension. */
#include "serve/files/file_name.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/text.h"
#include "base/utf8.h"

#define EXTENSION_MAX 16 /* bytes that are kept at the end of a name that is cut */

/* Characters that show nothing, or make what stands around them look different. */
static bool is_hidden(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           point == 0x180e || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) || point >= 0xe0000;
}

/* Where the extension begins, its point included; the end where there is none. */
static size_t extension_at(const char *name, size_t length)
{
    for (size_t i = length; i-- > 1 && length - i <= EXTENSION_MAX;) {
        if (name[i] == '.')
            return i;
    }
    return length;
}

static void cut(struct clo_buffer *name, char clean[CLO_FILE_PART_MAX + 1])
{
    size_t at = extension_at(name->data, name->length), tail = name->length - at;
    size_t head = clo_text_head(name->data, at, CLO_FILE_PART_MAX - tail);
    memcpy(clean, name->data, head);
    memcpy(clean + head, name->data + at, tail);
    clean[head + tail] = '\0';
}

static void clean_part(char clean[CLO_FILE_PART_MAX + 1], const char *part, size_t length)
{
    struct clo_buffer mended = CLO_BUFFER(3 * CLO_FILE_PART_MAX * 8), kept = CLO_BUFFER(4096);
    clean[0] = '\0';
    clo_text_mend(&mended, part, length < 4096 ? length : 4096); /* 3 bytes each at most */
    const uint8_t *at = (const uint8_t *)mended.data;
    uint32_t point;
    for (size_t left = mended.length, size; left; at += size, left -= size) {
        size = clo_utf8_next(at, left, &point);
        if (!size)
            break;
        if (!is_hidden(point) && !(kept.length == 0 && point == ' '))
            clo_buffer_append(&kept, at, size);
    }
    while (kept.length && kept.data[kept.length - 1] == ' ')
        kept.data[--kept.length] = '\0';
    if (kept.length && strcmp(kept.data, ".") != 0 && strcmp(kept.data, "..") != 0)
        cut(&kept, clean);
    clo_buffer_free(&mended);
    clo_buffer_free(&kept);
}

void clo_file_name_clean(char clean[CLO_FILE_PART_MAX + 1], const char *name, size_t length)
{
    size_t from = length;
    while (from > 0 && name[from - 1] != '/' && name[from - 1] != '\\')
        from--;
    clean_part(clean, name + from, length - from);
}

bool clo_file_path_clean(char *clean, size_t size, const char *path)
{
    size_t used = 0;
    while (*path) {
        char part[CLO_FILE_PART_MAX + 1];
        size_t length = strcspn(path, "/");
        clean_part(part, path, length);
        path += length + (path[length] == '/');
        size_t more = strlen(part);
        if (!more)
            continue;
        if (used + (used > 0) + more >= size)
            return false;
        if (used)
            clean[used++] = '/';
        memcpy(clean + used, part, more);
        used += more;
    }
    if (size)
        clean[used] = '\0';
    return used > 0;
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

bool clo_file_name_number(char *to, size_t size, const char *name, unsigned number)
{
    const char *part = last_part(name);
    size_t at = extension_at(part, strlen(part)) + (size_t)(part - name);
    int made = snprintf(to, size, "%.*s (%u)%s", (int)at, name, number, name + at);
    return made > 0 && (size_t)made < size;
}

static const struct {
    const char *extension, *media;
} kinds[] = {
    {".csv", "text/csv"},
    {".tsv", "text/tab-separated-values"},
    {".txt", "text/plain"},
    {".md", "text/markdown"},
    {".json", "application/json"},
    {".jsonl", "application/jsonl"},
    {".ndjson", "application/x-ndjson"},
    {".html", "text/html"},
    {".htm", "text/html"},
    {".xml", "application/xml"},
    {".yaml", "application/yaml"},
    {".yml", "application/yaml"},
    {".py", "text/x-python"},
    {".sql", "application/sql"},
    {".log", "text/plain"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".svg", "image/svg+xml"},
    {".bmp", "image/bmp"},
    {".tiff", "image/tiff"},
    {".pdf", "application/pdf"},
    {".zip", "application/zip"},
    {".gz", "application/gzip"},
    {".tar", "application/x-tar"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {".xls", "application/vnd.ms-excel"},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {".ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {".parquet", "application/vnd.apache.parquet"},
    {".sqlite", "application/vnd.sqlite3"},
    {".db", "application/vnd.sqlite3"},
    {".mp3", "audio/mpeg"},
    {".wav", "audio/wav"},
    {".mp4", "video/mp4"},
};

const char *clo_file_media(const char *name)
{
    const char *point = strrchr(last_part(name), '.');
    for (size_t i = 0; point && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcasecmp(point, kinds[i].extension) == 0)
            return kinds[i].media;
    }
    return "application/octet-stream";
}

const char *clo_file_extension(const char *media)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcasecmp(media, kinds[i].media) == 0)
            return kinds[i].extension;
    }
    return "";
}

bool clo_file_media_clean(char *clean, size_t size, const char *media)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+/";
    size_t length = strcspn(media, "; \t"), slashes = 0;
    if (length + 1 > size)
        return false;
    for (size_t i = 0; i < length; i++) {
        clean[i] = (char)(media[i] >= 'A' && media[i] <= 'Z' ? media[i] + 32 : media[i]);
        slashes += clean[i] == '/';
    }
    clean[length] = '\0';
    return slashes == 1 && strspn(clean, token) == length && clean[0] != '/' &&
           clean[length - 1] != '/';
}

char *clo_file_disposition(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    struct clo_buffer text = CLO_BUFFER(8192);
    const char *part = last_part(name);
    clo_buffer_text(&text, "attachment; filename=\"");
    for (const char *at = part; *at; at++) {
        bool fits = *at >= ' ' && *at <= '~' && !strchr("\"\\%", *at);
        if (fits || ((unsigned char)*at & 0xc0) != 0x80) /* one for a whole character */
            clo_buffer_append(&text, fits ? at : "_", 1);
    }
    clo_buffer_text(&text, "\"; filename*=UTF-8''");
    for (const char *at = part; *at; at++) {
        if (strchr(plain, *at))
            clo_buffer_append(&text, at, 1);
        else
            clo_buffer_format(&text, "%%%02X", (unsigned char)*at);
    }
    return clo_buffer_take(&text, NULL);
}

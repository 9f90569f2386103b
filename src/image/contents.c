/* contents.c - see contents.h. */
#include "image/contents.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "vm/internal.h"

#define WORD_MAX 200u
#define MODULES_MAX 2000u

struct head {
    char magic[8];
    uint32_t length, zero;
};

static bool is_word(const char *text, size_t length, size_t most, const char *more)
{
    if (length == 0 || length > most)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!(c < 0x80 && isalnum(c)) && (!c || !strchr(more, c)))
            return false;
    }
    return true;
}

static bool is_name(const char *text, size_t length)
{
    return is_word(text, length, WORD_MAX, "._-");
}

static bool is_version(const char *text, size_t length)
{
    return is_word(text, length, WORD_MAX, ".!+_-");
}

static bool is_module(const char *text, size_t length)
{
    return is_word(text, length, WORD_MAX, "._");
}

static bool is_modules(const char *text, size_t length)
{
    return is_word(text, length, MODULES_MAX, "._,") || (length == 1 && *text == '-');
}

/* ---- writing ---- */

bool clo_contents_base(struct clo_buffer *text, const struct clo_image *image)
{
    const uint8_t *sha256 = clo_image_sha256(image);
    clo_buffer_text(text, "base ");
    for (int i = 0; i < 32; i++)
        clo_buffer_format(text, "%02x", sha256[i]);
    clo_buffer_text(text, "\n");
    return !text->failed;
}

bool clo_contents_package(struct clo_buffer *text, const char *name, const char *version,
                          const char *modules)
{
    version = version && *version ? version : "-";
    modules = modules && *modules ? modules : "-";
    if (!is_name(name, strlen(name)) || !is_version(version, strlen(version)) ||
        !is_modules(modules, strlen(modules)))
        return false;
    clo_buffer_format(text, "package %s %s %s\n", name, version, modules);
    return !text->failed;
}

bool clo_contents_import(struct clo_buffer *text, const char *module)
{
    if (!is_module(module, strlen(module)))
        return false;
    clo_buffer_format(text, "import %s\n", module);
    return !text->failed;
}

int clo_contents_wrap(struct clo_buffer *file, const struct clo_buffer *text,
                      struct clo_error *error)
{
    struct head head = {.length = (uint32_t)text->length};
    memcpy(head.magic, CLO_CONTENTS_MAGIC, sizeof head.magic);
    clo_buffer_append(file, &head, sizeof head);
    clo_buffer_append(file, text->data, text->length);
    if (text->no_memory || file->no_memory)
        return clo_fail_memory(error);
    if (text->failed || file->failed)
        return clo_fail(error, CLO_ELIMIT,
                        "the list of the image's packages is longer than %u bytes",
                        CLO_CONTENTS_MAX);
    return 0;
}

/* ---- reading ---- */

static int refuse(const struct clo_image *image, const char *why, struct clo_error *error)
{
    clo_fail(error, CLO_EIMAGE, "image %s: its list of packages %s", image->path, why);
    return clo_hint(error, CLO_EIMAGE, "make it again with: cloche image add");
}

/* The text in an image's file; *length 0: there is none. */
static int find(const struct clo_image *image, const char **text, size_t *length,
                struct clo_error *error)
{
    const struct clo_image_header *header = &image->header;
    uint64_t at =
        header->hot_offset + clo_round_up(header->hot_count * sizeof(uint32_t), CLO_PAGE_SIZE);
    struct head head;
    *length = 0;
    if (at >= header->file_size)
        return 0;
    if (header->file_size - at < sizeof head)
        return refuse(image, "is cut short", error);
    memcpy(&head, image->bytes + at, sizeof head);
    if (memcmp(head.magic, CLO_CONTENTS_MAGIC, sizeof head.magic) != 0)
        return refuse(image, "is none", error);
    if (head.zero || head.length > CLO_CONTENTS_MAX ||
        head.length > header->file_size - at - sizeof head)
        return refuse(image, "has an impossible length", error);
    *text = (const char *)image->bytes + at + sizeof head;
    *length = head.length;
    return 0;
}

bool clo_contents_inherit(struct clo_buffer *text, const struct clo_image *image)
{
    const char *old = "";
    size_t length;
    if (find(image, &old, &length, NULL))
        return false;
    clo_buffer_append(text, old, length);
    return !text->failed;
}

struct lists {
    char base[65];
    struct clo_buffer packages, imported;
};

static void separate(struct clo_buffer *list)
{
    if (list->length)
        clo_buffer_text(list, ", ");
}

/* "NAME VERSION MODULE,…" as people read it: "python-dateutil 2.9.0 (dateutil)". */
static bool take_package(struct lists *lists, const char *line, size_t length)
{
    const char *first = memchr(line, ' ', length);
    const char *end = line + length;
    const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!second || !is_name(line, (size_t)(first - line)) ||
        !is_version(first + 1, (size_t)(second - first - 1)) ||
        !is_modules(second + 1, (size_t)(end - second - 1)))
        return false;
    separate(&lists->packages);
    clo_buffer_append(&lists->packages, line, (size_t)(first - line));
    if (first[1] != '-' || second - first > 2)
        clo_buffer_append(&lists->packages, first, (size_t)(second - first));
    size_t name = (size_t)(first - line), modules = (size_t)(end - second - 1);
    if (second[1] == '-' || (name == modules && !memcmp(line, second + 1, name)))
        return true;
    clo_buffer_text(&lists->packages, " (");
    for (const char *c = second + 1; c < end; c++)
        clo_buffer_append(&lists->packages, *c == ',' ? ", " : c, *c == ',' ? 2 : 1);
    clo_buffer_text(&lists->packages, ")");
    return true;
}

static bool take_line(struct lists *lists, const char *line, size_t length)
{
    if (length > 8 && !memcmp(line, "package ", 8))
        return take_package(lists, line + 8, length - 8);
    if (length > 7 && !memcmp(line, "import ", 7)) {
        separate(&lists->imported);
        clo_buffer_append(&lists->imported, line + 7, length - 7);
        return is_module(line + 7, length - 7);
    }
    if (length != 5 + 64 || memcmp(line, "base ", 5) != 0 || !is_word(line + 5, 64, 64, ""))
        return false;
    memcpy(lists->base, line + 5, 64);
    return true;
}

static int keep(struct clo_image *image, struct lists *lists, struct clo_error *error)
{
    size_t length;
    if (lists->packages.no_memory || lists->imported.no_memory)
        return clo_fail_memory(error);
    image->base = strdup(lists->base);
    image->packages = clo_buffer_take(&lists->packages, &length);
    image->imported = clo_buffer_take(&lists->imported, &length);
    return image->base && image->packages && image->imported ? 0 : clo_fail_memory(error);
}

int clo_contents_read(struct clo_image *image, struct clo_error *error)
{
    struct lists lists = {.packages = CLO_BUFFER(2 * CLO_CONTENTS_MAX),
                          .imported = CLO_BUFFER(2 * CLO_CONTENTS_MAX)};
    const char *text, *end;
    size_t length;
    int status = find(image, &text, &length, error);
    if (status || !length)
        return status;
    for (const char *limit = text + length; text < limit && !status; text = end + 1) {
        end = memchr(text, '\n', (size_t)(limit - text));
        if (!end || !take_line(&lists, text, (size_t)(end - text))) {
            status = refuse(image, "has a line that is none", error);
            break;
        }
    }
    if (!status)
        status = keep(image, &lists, error);
    clo_buffer_free(&lists.packages);
    clo_buffer_free(&lists.imported);
    return status;
}

const char *clo_image_packages(const struct clo_image *image)
{
    return image->packages ? image->packages : "";
}

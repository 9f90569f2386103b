/* image_check.c - is this header right? Everything that the rest of src/vm relies on is established
 * here; the file is hostile until then. Pure functions of their arguments.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "vm/internal.h"

#define IMAGE_MEMORY_MAX (512ull << 20) /* code, constants and runtime data together */

CLO_PRINTF(3, 4)
static int refuse(const char *path, struct clo_error *error, const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    clo_fail(error, CLO_EIMAGE, "image %s: %s", path, reason);
    return clo_hint(error, CLO_EIMAGE, "rebuild it with make image, or cloche image add");
}

static bool looks_like_text(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x80 ? !isprint(c) && !isspace(c) : c < 0xc2)
            return false;
    }
    return true;
}

static int refuse_foreign(const struct clo_image_header *header, uint64_t size, const char *path,
                          struct clo_error *error)
{
    const char *bytes = (const char *)header;
    size_t length = size < 64 ? (size_t)size : 64;
    if (!size)
        return refuse(path, error, "the file is empty");
    if (length >= 4 && !memcmp(bytes, "\177ELF", 4)) {
        clo_fail(error, CLO_EIMAGE, "image %s: this is an ELF file, not an image", path);
        return clo_hint(error, CLO_EIMAGE, "make an image of a guest with: cloche image build");
    }
    if (length >= 4 && !memcmp(bytes, "\0asm", 4))
        return refuse(path, error, "this is a Wasm module, not an image");
    if (length >= 2 && !memcmp(bytes, "\x1f\x8b", 2)) {
        clo_fail(error, CLO_EIMAGE, "image %s: the file is compressed", path);
        return clo_hint(error, CLO_EIMAGE, "unpack it with gunzip");
    }
    if (length >= 7 && memmem(bytes, length, "CLOCHE", 6))
        return refuse(path, error, "its first bytes were altered, as a transfer in text mode does");
    if (looks_like_text(bytes, length))
        return refuse(path, error, "this is a text file, not an image");
    return refuse(path, error, "this is not an image (wrong magic number)");
}

static int check_versions(const struct clo_image_header *header, const char *path,
                          struct clo_error *error)
{
    if (header->version > CLO_IMAGE_VERSION) {
        clo_fail(error, CLO_EIMAGE, "image %s: format version %u is newer than this program's %u",
                 path, header->version, CLO_IMAGE_VERSION);
        return clo_hint(error, CLO_EIMAGE, "use a newer cloche, or rebuild it with make image");
    }
    if (header->version != CLO_IMAGE_VERSION)
        return refuse(path, error, "format version %u is not %u", header->version,
                      CLO_IMAGE_VERSION);
    if (header->abi != CLO_ABI_VERSION)
        return refuse(path, error,
                      "it speaks version %u of the host call contract, this program version %u",
                      header->abi, CLO_ABI_VERSION);
    if (header->header_size != sizeof *header)
        return refuse(path, error, "its header has %u bytes instead of %zu", header->header_size,
                      sizeof *header);
    return 0;
}

static bool terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static int check_texts(const struct clo_image_header *header, const char *path,
                       struct clo_error *error)
{
    if (!terminated(header->name, sizeof header->name) ||
        !terminated(header->runtime, sizeof header->runtime) ||
        !terminated(header->cpu, sizeof header->cpu) ||
        !terminated(header->inputs, sizeof header->inputs))
        return refuse(path, error, "a text in its header has no end");
    return 0;
}

static int check_cpu(const struct clo_image_header *header, const char *path,
                     struct clo_error *error)
{
    if (clo_cpu_has(header->cpu))
        return 0;
    clo_fail(error, CLO_EIMAGE, "image %s: it needs a processor with %s", path, header->cpu);
    return clo_hint(
        error, CLO_EIMAGE,
        "run it on a newer machine, or let the virtual machine's processor have these instructions");
}

/* Sizes, alignment and rights of one segment. */
static int check_segment(const struct clo_image_segment *segment, unsigned i, const char *path,
                         struct clo_error *error)
{
    uint64_t area = CLO_IMAGE_VA, area_end = CLO_STACK_VA, unit = CLO_PAGE_SIZE;
    uint32_t rights = CLO_SEGMENT_WRITE;
    switch (segment->kind) {
    case CLO_SEGMENT_SHARED: rights = segment->flags & CLO_SEGMENT_EXECUTE; break;
    case CLO_SEGMENT_PRIVATE: break;
    case CLO_SEGMENT_LINEAR:
        area = CLO_LINEAR_VA;
        area_end = CLO_LINEAR_VA + CLO_LINEAR_MAX;
        unit = CLO_WASM_PAGE_SIZE;
        break;
    case CLO_SEGMENT_HEAP:
        area = CLO_HEAP_VA;
        area_end = CLO_HEAP_VA + CLO_HEAP_MAX;
        unit = CLO_WASM_PAGE_SIZE;
        break;
    default: return refuse(path, error, "segment %u is of the unknown kind %u", i, segment->kind);
    }
    if (segment->flags != rights)
        return refuse(path, error, "segment %u has the rights %#x, which its kind may not have", i,
                      segment->flags);
    if (segment->address % CLO_HUGE_PAGE_SIZE || segment->size % unit ||
        segment->file_size % CLO_PAGE_SIZE || segment->file_offset % CLO_PAGE_SIZE)
        return refuse(path, error, "segment %u is not aligned", i);
    bool at_start = segment->kind == CLO_SEGMENT_LINEAR || segment->kind == CLO_SEGMENT_HEAP;
    if (segment->address < area || segment->address >= area_end ||
        segment->size > area_end - segment->address || (at_start && segment->address != area))
        return refuse(path, error, "segment %u (%llu bytes at %#llx) is outside its area", i,
                      (unsigned long long)segment->size, (unsigned long long)segment->address);
    if (segment->file_size > segment->size)
        return refuse(path, error, "segment %u has more bytes in the file than in memory", i);
    return 0;
}

static int check_segments(const struct clo_image_header *header, const char *path,
                          struct clo_error *error)
{
    uint64_t address_end = 0, file_end = CLO_PAGE_SIZE, image_memory = 0, growable = 0;
    if (header->segment_count > CLO_IMAGE_SEGMENTS_MAX)
        return refuse(path, error, "it has %u segments, at most %d are possible",
                      header->segment_count, CLO_IMAGE_SEGMENTS_MAX);
    for (unsigned i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        int status = check_segment(segment, i, path, error);
        if (status)
            return status;
        if (i && segment->address < address_end)
            return refuse(path, error, "segment %u overlaps the one before it, or is out of order",
                          i);
        if (segment->file_offset < file_end || segment->file_offset > header->file_size ||
            segment->file_size > header->file_size - segment->file_offset)
            return refuse(path, error,
                          "the bytes of segment %u overlap others or lie outside the file", i);
        uint64_t rounded = clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE);
        address_end = segment->address + rounded;
        file_end = segment->file_offset + segment->file_size;
        if (segment->kind == CLO_SEGMENT_SHARED || segment->kind == CLO_SEGMENT_PRIVATE)
            image_memory += rounded;
        else
            growable += segment->size;
    }
    if (image_memory > IMAGE_MEMORY_MAX)
        return refuse(path, error, "code and data of %llu bytes pass the limit of %llu",
                      (unsigned long long)image_memory, IMAGE_MEMORY_MAX);
    if (growable > CLO_MEMORY_LIMIT_MAX)
        return refuse(path, error, "its memory of %llu bytes passes the limit of %llu",
                      (unsigned long long)growable, CLO_MEMORY_LIMIT_MAX);
    if (header->hot_count > CLO_IMAGE_HOT_MAX)
        return refuse(path, error, "its hot list has %u entries, at most %d are possible",
                      header->hot_count, CLO_IMAGE_HOT_MAX);
    if (header->hot_offset % CLO_PAGE_SIZE || header->hot_offset < file_end ||
        header->hot_offset > header->file_size ||
        header->hot_count * sizeof(uint32_t) > header->file_size - header->hot_offset)
        return refuse(path, error, "its hot list lies outside the file");
    return 0;
}

static const struct clo_image_segment *segment_at(const struct clo_image_header *header,
                                                  uint64_t va)
{
    for (unsigned i = 0; i < header->segment_count; i++)
        if (va - header->segments[i].address < header->segments[i].size)
            return &header->segments[i];
    return NULL;
}

static int check_entry(const struct clo_image_header *header, const char *path,
                       struct clo_error *error)
{
    const struct clo_image_segment *code = segment_at(header, header->run_entry);
    if (!code || !(code->flags & CLO_SEGMENT_EXECUTE))
        return refuse(path, error, "its entry %#llx is not in code",
                      (unsigned long long)header->run_entry);
    if (header->interrupt_count > CLO_INTERRUPT_STORES_MAX)
        return refuse(path, error, "it has %u interrupt stores, at most %d are possible",
                      header->interrupt_count, CLO_INTERRUPT_STORES_MAX);
    for (unsigned i = 0; i < header->interrupt_count; i++) {
        const struct clo_interrupt_store *store = &header->interrupts[i];
        const struct clo_image_segment *memory = segment_at(header, CLO_LINEAR_VA + store->address);
        if (store->address % 4 || store->mode > 1 || !memory || memory->kind != CLO_SEGMENT_LINEAR)
            return refuse(path, error, "interrupt store %u (address %#x, mode %u) is not possible",
                          i, store->address, store->mode);
    }
    return 0;
}

int clo_image_check(const struct clo_image_header *header, uint64_t size, const char *path,
                    struct clo_error *error)
{
    size_t readable = size < sizeof *header ? (size_t)size : sizeof *header;
    if (readable < 8 || memcmp(header->magic, CLO_IMAGE_MAGIC, 8))
        return refuse_foreign(header, size, path, error);
    if (size < CLO_PAGE_SIZE)
        return refuse(path, error, "it is cut short: %llu bytes are less than its header",
                      (unsigned long long)size);
    int status = check_versions(header, path, error);
    if (status)
        return status;
    if (header->file_size > CLO_IMAGE_FILE_MAX)
        return refuse(path, error, "its header says %llu bytes, at most %llu are possible",
                      (unsigned long long)header->file_size, CLO_IMAGE_FILE_MAX);
    if (header->file_size != size)
        return refuse(path, error, "it has %llu bytes instead of %llu%s", (unsigned long long)size,
                      (unsigned long long)header->file_size,
                      size < header->file_size ? ": it is cut short" : "");
    status = check_texts(header, path, error);
    if (!status)
        status = check_segments(header, path, error);
    if (!status)
        status = check_entry(header, path, error);
    if (!status)
        status = check_cpu(header, path, error);
    return status;
}

static bool writable(const struct clo_image_header *header, uint64_t va)
{
    if (va - CLO_STACK_VA < CLO_STACK_SIZE || va - CLO_WINDOW_VA < CLO_WINDOW_SIZE)
        return true;
    const struct clo_image_segment *segment = segment_at(header, va);
    return segment && segment->flags & CLO_SEGMENT_WRITE;
}

int clo_image_check_hot(const struct clo_image_header *header, const uint32_t *hot,
                        const char *path, struct clo_error *error)
{
    for (uint32_t i = 0; i < header->hot_count; i++) {
        if (i && hot[i] <= hot[i - 1])
            return refuse(path, error, "its hot list is not in order at entry %u", i);
        if (!writable(header, (uint64_t)hot[i] * CLO_PAGE_SIZE))
            return refuse(
                path, error,
                "entry %u of its hot list (page %#x) is not in memory that a run may write", i,
                hot[i]);
    }
    return 0;
}

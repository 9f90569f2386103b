/* inspect.c - what an image's header says, for people and for programs.
 *
 * The texts of a header come from a file that anyone may have made: whatever could disturb a
 * terminal or break a JSON string is escaped.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/internal.h"

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case CLO_SEGMENT_SHARED: return "shared";
    case CLO_SEGMENT_PRIVATE: return "private";
    case CLO_SEGMENT_LINEAR: return "linear";
    default: return "heap";
    }
}

static const char *rights(const struct clo_image_segment *segment)
{
    if (segment->flags & CLO_SEGMENT_EXECUTE)
        return "r-x";
    return segment->flags & CLO_SEGMENT_WRITE ? "rw-" : "r--";
}

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else
            fputc(c, out);
    }
}

static void put_hash(FILE *out, const uint8_t sha256[32])
{
    for (int i = 0; i < 32; i++)
        fprintf(out, "%02x", sha256[i]);
}

static void put_row(FILE *out, const char *name, const char *text)
{
    fprintf(out, "%-12s", name);
    put_text(out, text);
    fputc('\n', out);
}

static void for_people(const struct clo_image *image, FILE *out)
{
    const struct clo_image_header *header = &image->header;
    put_row(out, "image", image->path);
    put_row(out, "name", header->name);
    put_row(out, "runtime", header->runtime);
    put_row(out, "processor", header->cpu);
    if (image->packages) {
        put_row(out, "base", image->base);
        put_row(out, "packages", image->packages);
        put_row(out, "imported", image->imported);
    }
    put_row(out, "inputs", header->inputs[0] ? header->inputs : "not recorded");
    fprintf(out, "%-12s%u, host call contract %u\n", "format", header->version, header->abi);
    fprintf(out, "%-12s%llu bytes\n", "file", (unsigned long long)header->file_size);
    fprintf(out, "%-12s", "sha256");
    put_hash(out, header->sha256);
    fprintf(out, "\n%-12s%#llx\n", "entry", (unsigned long long)header->run_entry);
    fprintf(out, "%-12s%u stores\n", "interrupt", header->interrupt_count);
    fprintf(out, "%-12s%u pages\n", "hot list", header->hot_count);
    fprintf(out, "\n%-8s %-6s %14s %12s %12s\n", "segment", "rights", "address", "memory",
            "in file");
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        fprintf(out, "%-8s %-6s %#14llx %12llu %12llu\n", kind_name(segment->kind), rights(segment),
                (unsigned long long)segment->address, (unsigned long long)segment->size,
                (unsigned long long)segment->file_size);
    }
}

static void put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":\"", name);
    put_text(out, text);
    fputc('"', out);
}

/* A list with ", " between its members; in brackets it is none. */
static void put_list(FILE *out, const char *name, const char *list)
{
    fprintf(out, ",\"%s\":[", name);
    for (const char *at = list; *at;) {
        size_t length = 0;
        bool inside = false;
        while (at[length] && (inside || at[length] != ',')) {
            inside = at[length] == '(' || (inside && at[length] != ')');
            length++;
        }
        fprintf(out, "%s\"%.*s\"", at == list ? "" : ",", (int)length, at);
        at += length + (at[length] ? 2 : 0);
    }
    fputc(']', out);
}

static void as_json(const struct clo_image *image, FILE *out)
{
    const struct clo_image_header *header = &image->header;
    fputs("{\"path\":\"", out);
    put_text(out, image->path);
    fputc('"', out);
    put_member(out, "name", header->name);
    put_member(out, "runtime", header->runtime);
    put_member(out, "cpu", header->cpu);
    put_member(out, "inputs", header->inputs);
    if (image->base)
        put_member(out, "base", image->base);
    put_list(out, "packages", clo_image_packages(image));
    put_list(out, "imported", image->imported ? image->imported : "");
    fprintf(out, ",\"version\":%u,\"abi\":%u,\"file_size\":%llu,\"sha256\":\"", header->version,
            header->abi, (unsigned long long)header->file_size);
    put_hash(out, header->sha256);
    fprintf(out, "\",\"run_entry\":%llu,\"interrupt_stores\":%u,\"hot_pages\":%u,\"segments\":[",
            (unsigned long long)header->run_entry, header->interrupt_count, header->hot_count);
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        fprintf(out,
                "%s{\"kind\":\"%s\",\"rights\":\"%s\",\"address\":%llu,\"size\":%llu,"
                "\"file_offset\":%llu,\"file_size\":%llu}",
                i ? "," : "", kind_name(segment->kind), rights(segment),
                (unsigned long long)segment->address, (unsigned long long)segment->size,
                (unsigned long long)segment->file_offset, (unsigned long long)segment->file_size);
    }
    fputs("]}\n", out);
}

int clo_image_inspect(const char *path, bool json, FILE *out, struct clo_error *error)
{
    struct clo_image *image;
    int status = clo_image_open(&image, path, CLO_IMAGE_MAP, error);
    if (status)
        return status;
    if (json)
        as_json(image, out);
    else
        for_people(image, out);
    clo_image_close(image);
    if (ferror(out))
        return clo_fail(error, CLO_ESYSTEM, "writing a description of an image failed");
    return 0;
}

/* image_check_test.c - an image file that is not right is refused, by name, with reason and remedy.
 * Works on hand-made images; needs no /dev/kvm. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "vm/internal.h"

static char folder[] = "/tmp/cloche-image-test-XXXXXX";

/* Linear memory, code, constants, data, heap; two hot pages. */
static const struct clo_image_header good = {
    .magic = CLO_IMAGE_MAGIC,
    .version = CLO_IMAGE_VERSION,
    .abi = CLO_ABI_VERSION,
    .header_size = sizeof(struct clo_image_header),
    .segment_count = 5,
    .file_size = 0xb000,
    .name = "hand-made",
    .runtime = "none \"quoted\"",
    .cpu = "x86-64-v2",
    .inputs = "",
    .run_entry = CLO_IMAGE_VA + 0x10,
    .interrupt_count = 1,
    .hot_count = 2,
    .hot_offset = 0xa000,
    .segments =
        {
            {CLO_SEGMENT_LINEAR, CLO_SEGMENT_WRITE, CLO_LINEAR_VA, 0x330000, 0x1000, 0x3000},
            {CLO_SEGMENT_SHARED, CLO_SEGMENT_EXECUTE, CLO_IMAGE_VA, 0x2000, 0x4000, 0x2000},
            {CLO_SEGMENT_SHARED, 0, CLO_IMAGE_VA + 0x200000, 0x1000, 0x6000, 0x1000},
            {CLO_SEGMENT_PRIVATE, CLO_SEGMENT_WRITE, CLO_IMAGE_VA + 0x400000, 0x5000, 0x7000,
             0x2000},
            {CLO_SEGMENT_HEAP, CLO_SEGMENT_WRITE, CLO_HEAP_VA, 0x10000, 0x9000, 0x1000},
        },
    .interrupts = {{.address = 0x40, .value = 1, .mode = 1}},
};
static const uint32_t good_hot[2] = {0x10, CLO_WINDOW_VA >> 12};

static int check(const struct clo_image_header *header, struct clo_error *error)
{
    return clo_image_check(header, header->file_size, "some.image", error);
}

static void a_right_header_is_accepted(void **state)
{
    (void)state;
    struct clo_error error;
    if (check(&good, &error))
        fail_msg("%s", error.message);
    assert_int_equal(clo_image_check_hot(&good, good_hot, "some.image", &error), 0);
}

struct wrong {
    size_t offset;
    unsigned size;
    uint64_t value;
    const char *reason;
};
#define FIELD(field, value, reason)                                                                \
    {                                                                                              \
        offsetof(struct clo_image_header, field), sizeof good.field, value, reason                 \
    }

static const struct wrong wrongs[] = {
    FIELD(version, 2, "newer"),
    FIELD(version, 0, "format version 0"),
    FIELD(abi, 7, "contract"),
    FIELD(header_size, 12, "header has 12 bytes"),
    FIELD(segment_count, 13, "13 segments"),
    FIELD(segment_count, 0xffffffff, "segments"),
    FIELD(run_entry, CLO_IMAGE_VA + 0x2000, "not in code"),
    FIELD(run_entry, CLO_IMAGE_VA + 0x400000, "not in code"),
    FIELD(run_entry, ~0ull, "not in code"),
    FIELD(interrupt_count, 5, "interrupt stores"),
    FIELD(interrupts[0].address, 0x41, "interrupt store 0"),
    FIELD(interrupts[0].address, 0x330000, "interrupt store 0"),
    FIELD(interrupts[0].address, 0xfffffffc, "interrupt store 0"),
    FIELD(interrupts[0].mode, 2, "interrupt store 0"),
    FIELD(hot_count, 5000, "hot list has 5000"),
    FIELD(hot_count, 2048, "hot list lies outside"),
    FIELD(hot_offset, 0x9000, "hot list lies outside"),
    FIELD(hot_offset, 0xa004, "hot list lies outside"),
    FIELD(hot_offset, 0xc000, "hot list lies outside"),
    FIELD(hot_offset, ~0xfffull, "hot list lies outside"),
    FIELD(segments[0].kind, 0, "unknown kind"),
    FIELD(segments[0].kind, 5, "unknown kind"),
    FIELD(segments[0].flags, 3, "rights"),
    FIELD(segments[0].address, 0x200000, "outside its area"),
    FIELD(segments[0].size, 0x331000, "not aligned"),
    FIELD(segments[0].size, (4ull << 30) + 0x10000, "outside its area"),
    FIELD(segments[0].size, 4ull << 30, "passes the limit"),
    FIELD(segments[0].file_size, 0x340000, "more bytes"),
    FIELD(segments[0].file_offset, 0, "overlap others"),
    FIELD(segments[0].file_offset, ~0xfffull, "overlap others"),
    FIELD(segments[1].flags, 3, "rights"),
    FIELD(segments[1].flags, 1, "rights"),
    FIELD(segments[1].flags, 4, "rights"),
    FIELD(segments[1].address, CLO_IMAGE_VA + 0x1000, "not aligned"),
    FIELD(segments[1].address, CLO_IMAGE_VA - 0x200000, "outside its area"),
    FIELD(segments[1].address, CLO_STACK_VA, "outside its area"),
    FIELD(segments[1].file_offset, 0x3000, "overlap others"),
    FIELD(segments[1].file_size, 0x8000, "more bytes"),
    FIELD(segments[2].address, CLO_IMAGE_VA, "overlaps"),
    FIELD(segments[2].size, 0x201000, "overlaps"),
    FIELD(segments[3].size, 1ull << 31, "pass the limit"),
    FIELD(segments[3].size, 0x30000000, "pass the limit"),
    FIELD(segments[3].size, ~0xfffull, "outside its area"),
    FIELD(segments[3].file_offset, 0x10000, "overlap others"),
    FIELD(segments[3].flags, 2, "rights"),
    FIELD(segments[4].address, CLO_HEAP_VA + 0x200000, "outside its area"),
    FIELD(segments[4].kind, CLO_SEGMENT_LINEAR, "outside its area"),
    FIELD(file_size, 2ull << 30, "at most"),
};

static void each_wrong_field_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct clo_image_header header = good;
        struct clo_error error = {0};
        memcpy((uint8_t *)&header + wrongs[i].offset, &wrongs[i].value, wrongs[i].size);
        if (check(&header, &error) != CLO_EIMAGE || !strstr(error.message, wrongs[i].reason) ||
            !strstr(error.message, "some.image") || !error.hint[0])
            fail_msg("case %zu (%s): %s; %s", i, wrongs[i].reason, error.message, error.hint);
    }
    struct clo_image_header header = good;
    struct clo_error error;
    memset(header.runtime, 'x', sizeof header.runtime);
    assert_int_equal(check(&header, &error), CLO_EIMAGE);
    header = good;
    strcpy(header.cpu, "x86-64-v9");
    assert_int_equal(check(&header, &error), CLO_EIMAGE);
    assert_non_null(strstr(error.message, "x86-64-v9"));
    assert_int_equal(clo_image_check(&good, 0xa000, "some.image", &error), CLO_EIMAGE);
    assert_non_null(strstr(error.message, "cut short"));
    assert_int_equal(clo_image_check(&good, 0xc000, "some.image", &error), CLO_EIMAGE);
    assert_int_equal(clo_image_check(&good, 100, "some.image", &error), CLO_EIMAGE);
}

static void a_wrong_hot_list_is_refused(void **state)
{
    (void)state;
    static const uint32_t lists[][2] = {
        {0x10, 0x10},
        {0x11, 0x10},
        {0x10, 0x330},
        {0x10, CLO_IMAGE_VA >> 12},
        {0x10, CLO_SYSTEM_VA >> 12},
        {0x10, 0xffffffff},
        {0x10, (CLO_STACK_VA >> 12) - 1},
    };
    struct clo_error error;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        assert_int_equal(clo_image_check_hot(&good, lists[i], "some.image", &error), CLO_EIMAGE);
}

/* Whatever the header says: refused, or everything that src/vm relies on holds. */
static void random_headers_are_refused_or_right(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    unsigned accepted = 0;
    for (int i = 0; i < 200000; i++) {
        struct clo_image_header header = good;
        struct clo_error error;
        for (int changes = 0; changes < 1 + i % 3; changes++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            size_t at = 8 + seed % (sizeof header - 8);
            ((uint8_t *)&header)[at] = (uint8_t)(seed >> 32);
        }
        if (check(&header, &error)) {
            assert_true(error.message[0] && error.hint[0]);
            continue;
        }
        accepted++;
        uint64_t end = 0;
        for (uint32_t s = 0; s < header.segment_count; s++) {
            const struct clo_image_segment *segment = &header.segments[s];
            assert_true(segment->address >= end && segment->address % CLO_HUGE_PAGE_SIZE == 0);
            end = segment->address + segment->size;
            assert_true(end <= CLO_HEAP_VA + CLO_HEAP_MAX);
            assert_true(segment->file_size <= segment->size);
            assert_true(segment->file_offset >= CLO_PAGE_SIZE);
            assert_true(segment->file_offset + segment->file_size <= header.file_size);
            assert_true((segment->flags & 3) != 3);
        }
        assert_true(header.hot_count <= CLO_IMAGE_HOT_MAX);
    }
    assert_in_range(accepted, 1000, 199999); /* the texts and the hash may be anything */
}

/* ---- files ---- */

static const char *write_file(const char *name, const void *bytes, size_t size)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    return path;
}

static uint8_t *make_good(size_t *size)
{
    *size = good.file_size;
    uint8_t *bytes = calloc(1, *size);
    assert_non_null(bytes);
    memcpy(bytes, &good, sizeof good);
    memcpy(bytes + good.hot_offset, good_hot, sizeof good_hot);
    uint8_t sha256[32];
    assert_int_equal(clo_image_hash(bytes, *size, sha256, NULL), 0);
    memcpy(bytes + offsetof(struct clo_image_header, sha256), sha256, sizeof sha256);
    return bytes;
}

static void foreign_files_are_called_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *reason;
    } files[] = {
        {"", 0, "empty"},
        {"\177ELF\2\1\1", 7, "ELF"},
        {"\0asm\1\0\0\0", 8, "Wasm"},
        {"\x1f\x8b\x08\0\0\0\0\0\0", 9, "compressed"},
        {"version https://example.org\nsize 12345\n", 39, "text file"},
        {"hi\n", 3, "text file"},
        {"\x89"
         "CLOCHE\r\n......",
         15, "text mode"},
        {"\x01\x02\x03\x04\x05\x06\x07\x08\x09", 9, "magic"},
        {CLO_IMAGE_MAGIC, 8, "cut short"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct clo_error error = {0};
        struct clo_image *image;
        const char *path = write_file("foreign", files[i].bytes, files[i].size);
        for (int mode = 0; mode < 2; mode++) {
            int status = clo_image_open(&image, path, (enum clo_image_mode)mode, &error);
            if (status != CLO_EIMAGE || !strstr(error.message, files[i].reason))
                fail_msg("case %zu: %d %s", i, status, error.message);
            assert_non_null(strstr(error.message, path));
            assert_true(error.hint[0] != '\0');
            assert_null(image);
        }
    }
    struct clo_image *image;
    struct clo_error error;
    assert_int_equal(clo_image_open(&image, folder, CLO_IMAGE_MAP, &error), CLO_EIMAGE);
    assert_int_equal(clo_image_open(&image, "/nonexistent", CLO_IMAGE_MAP, &error), CLO_ENOTFOUND);
}

static void a_good_file_opens_both_ways(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_good(&size);
    const char *path = write_file("good.image", bytes, size);
    struct clo_error error;
    for (int mode = 0; mode < 2; mode++) {
        struct clo_image *image;
        assert_int_equal(clo_image_open(&image, path, (enum clo_image_mode)mode, &error), 0);
        assert_string_equal(clo_image_path(image), path);
        assert_string_equal(clo_image_runtime(image), good.runtime);
        assert_int_equal(image->shared_size, 2 * CLO_HUGE_PAGE_SIZE);
        clo_image_close(image);
    }
    assert_int_equal(clo_image_verify(path, &error), 0);
    for (size_t at = 0; at < size; at += 89) { /* any flipped bit, anywhere */
        bytes[at] ^= 4;
        path = write_file("flipped.image", bytes, size);
        assert_true(clo_image_verify(path, &error) < 0);
        assert_non_null(strstr(error.message, "flipped.image"));
        bytes[at] ^= 4;
    }
    for (size_t cut = 0; cut < size; cut += 1000) {
        path = write_file("cut.image", bytes, cut);
        assert_int_equal(clo_image_verify(path, &error), CLO_EIMAGE);
    }
    free(bytes);
}

static void the_search_tells_where_it_looked(void **state)
{
    (void)state;
    struct clo_error error;
    struct clo_image *image;
    char path[160];
    snprintf(path, sizeof path, "%s/missing.image", folder);
    setenv("CLOCHE_IMAGE", path, 1);
    assert_int_equal(clo_image_open(&image, NULL, CLO_IMAGE_MAP, &error), CLO_ENOTFOUND);
    assert_non_null(strstr(error.message, "missing.image"));
    assert_non_null(strstr(error.message, "python.image"));
    assert_non_null(strstr(error.message, "../share/cloche/python.image"));
    size_t size;
    uint8_t *bytes = make_good(&size);
    setenv("CLOCHE_IMAGE", write_file("found.image", bytes, size), 1);
    assert_int_equal(clo_image_open(&image, NULL, CLO_IMAGE_MAP, &error), 0);
    clo_image_close(image);
    unsetenv("CLOCHE_IMAGE");
    free(bytes);
}

static void inspect_writes_what_the_header_says(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_good(&size);
    const char *path = write_file("inspect.image", bytes, size);
    struct clo_error error;
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_int_equal(clo_image_inspect(path, true, out, &error), 0);
    fclose(out);
    assert_non_null(strstr(text, "\"runtime\":\"none \\\"quoted\\\"\""));
    assert_non_null(strstr(text, "{\"kind\":\"heap\",\"rights\":\"rw-\",\"address\":25769803776"));
    assert_int_equal(text[length - 2], '}');
    free(text);
    out = open_memstream(&text, &length);
    assert_int_equal(clo_image_inspect(path, false, out, &error), 0);
    fclose(out);
    assert_non_null(strstr(text, "hand-made"));
    assert_non_null(strstr(text, "r-x"));
    free(text);
    free(bytes);
    out = fopen("/dev/full", "w");
    setvbuf(out, NULL, _IONBF, 0);
    assert_int_equal(clo_image_inspect(path, false, out, &error), CLO_ESYSTEM);
    fclose(out);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"foreign",   "good.image",  "flipped.image",
                                        "cut.image", "found.image", "inspect.image"};
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_header_is_accepted),
        cmocka_unit_test(each_wrong_field_is_refused_with_its_reason),
        cmocka_unit_test(a_wrong_hot_list_is_refused),
        cmocka_unit_test(random_headers_are_refused_or_right),
        cmocka_unit_test(foreign_files_are_called_what_they_are),
        cmocka_unit_test(a_good_file_opens_both_ways),
        cmocka_unit_test(the_search_tells_where_it_looked),
        cmocka_unit_test(inspect_writes_what_the_header_says),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

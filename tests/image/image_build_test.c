/* image_build_test.c - from a guest's ELF file to an image: what it holds, that it is the same each
 * time, and what is refused. */
#include "harness.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path_of(const char *name)
{
    static char path[4][128];
    static int next;
    char *at = path[next++ % 4];
    snprintf(at, sizeof path[0], "%s/%s", harness_folder, name);
    return at;
}

static uint8_t *read_all(const char *path, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    *size = (size_t)status.st_size;
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *size), *size);
    close(fd);
    return bytes;
}

static void the_header_says_what_the_guest_said(void **state)
{
    (void)state;
    const struct clo_image_header *header = &harness_image[0]->header;
    assert_string_equal(header->name, "test_guest");
    assert_string_equal(header->runtime, GUEST_RUNTIME);
    assert_string_equal(clo_image_runtime(harness_image[1]), GUEST_RUNTIME);
    assert_string_equal(header->cpu, "x86-64-v2");
    assert_string_equal(header->inputs, "0123456789abcdef");
    assert_int_equal(header->interrupt_count, 2);
    assert_int_equal(header->interrupts[0].address, GUEST_INTERRUPT_A);
    assert_int_equal(header->interrupts[1].mode, 1);
    assert_int_equal(header->segments[0].kind, CLO_SEGMENT_LINEAR);
    assert_int_equal(header->segments[0].size, GUEST_LINEAR);
    assert_int_equal(header->segments[0].file_size, 2 * MIB);
    assert_int_equal(header->segments[header->segment_count - 1].kind, CLO_SEGMENT_HEAP);
    assert_int_equal(header->segments[header->segment_count - 1].size, GUEST_HEAP);
    assert_in_range(header->run_entry, CLO_IMAGE_VA, CLO_STACK_VA);
}

static void the_hot_list_is_what_a_run_writes(void **state)
{
    (void)state;
    const struct clo_image *image = harness_image[0];
    struct clo_vm *vm = harness_vm(NULL);
    if (vm->pagemap < 0) {
        printf("SKIP: /proc/self/pagemap cannot be read: no hot list\n");
        clo_vm_destroy(vm);
        return;
    }
    clo_vm_destroy(vm);
    bool control = false, stack = false, bss = false;
    assert_in_range(image->header.hot_count, 3, 40);
    for (uint32_t i = 0; i < image->header.hot_count; i++) {
        uint64_t va = (uint64_t)image->hot[i] * CLO_PAGE_SIZE;
        control |= va == CLO_WINDOW_VA;
        stack |= va == CLO_STACK_VA + CLO_STACK_SIZE - CLO_PAGE_SIZE;
        bss |= va - CLO_IMAGE_VA < CLO_STACK_VA - CLO_IMAGE_VA;
        if (i)
            assert_true(image->hot[i] > image->hot[i - 1]);
    }
    assert_true(control && stack && bss);
}

/* Made once more, behind that wall, it is the harness's image, which was made in a micro-VM. */
static void expect_the_same(enum clo_isolation isolation)
{
    struct clo_error error = {0};
    const char *second = path_of("another-name.image");
    if (clo_image_build(harness_elf, second, "0123456789abcdef", isolation, &error))
        fail_msg("%s (%s)", error.message, error.hint);
    size_t size, size2;
    uint8_t *one = read_all(harness_image[0]->path, &size), *two = read_all(second, &size2);
    assert_int_equal(size, size2);
    assert_memory_equal(one, two, size);
    free(one);
    free(two);
    unlink(second);
}

static void the_same_guest_gives_the_same_bytes(void **state)
{
    (void)state;
    expect_the_same(CLO_ISOLATION_MICROVM);
}

static void without_a_hypervisor_too(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("SKIPPED: AddressSanitizer's own memory lies where a guest's has to be\n");
    skip();
#endif
    expect_the_same(CLO_ISOLATION_PROCESS);
}

static void verify_finds_every_kind_of_damage(void **state)
{
    (void)state;
    struct clo_error error;
    size_t size;
    assert_int_equal(clo_image_verify(harness_image[0]->path, &error), 0);
    uint8_t *bytes = read_all(harness_image[0]->path, &size);
    const char *damaged = path_of("damaged.image");
    for (int i = 0; i < 60; i++) {
        size_t at = i < 20 ? (size_t)i * 31 : (size_t)rand() % size;
        int fd = open(damaged, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, bytes, size), size);
        uint8_t bad = bytes[at] ^ (uint8_t)(1 << i % 8);
        assert_int_equal(pwrite(fd, &bad, 1, (off_t)at), 1);
        close(fd);
        assert_int_equal(clo_image_verify(damaged, &error), CLO_EIMAGE);
        assert_non_null(strstr(error.message, "damaged.image"));
        assert_true(error.hint[0] != '\0');
        struct clo_image *image;
        assert_int_equal(clo_image_open(&image, damaged, CLO_IMAGE_COPY, &error), CLO_EIMAGE);
        assert_null(image);
    }
    assert_int_equal(truncate(damaged, (off_t)size - 4096), 0);
    assert_int_equal(clo_image_verify(damaged, &error), CLO_EIMAGE);
    assert_non_null(strstr(error.message, "cut short"));
    free(bytes);
    unlink(damaged);
}

static void a_copy_does_not_care_what_becomes_of_the_file(void **state)
{
    (void)state;
    struct clo_error error;
    size_t size;
    uint8_t *bytes = read_all(harness_image[0]->path, &size);
    const char *path = path_of("changing.image");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    struct clo_image *image;
    assert_int_equal(clo_image_open(&image, path, CLO_IMAGE_COPY, &error), 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    unlink(path);
    struct clo_vm *vm = harness_vm_of(image, NULL);
    assert_int_equal(harness_run(vm, GUEST_DATA, 0, 0, 0), 0x1122334455667788);
    harness_restore(vm);
    assert_int_equal(clo_vm_compare(vm), 0);
    clo_vm_destroy(vm);
    /* and nobody can change the copy */
    assert_int_equal(pwrite(image->fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(image->fd, 0), -1);
    clo_image_close(image);
    free(bytes);
}

/* ---- guests that are refused ---- */

typedef void (*change)(uint8_t *elf);

static Elf64_Phdr *program(uint8_t *elf, unsigned flags)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)elf;
    Elf64_Phdr *programs = (Elf64_Phdr *)(elf + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++)
        if (programs[i].p_type == PT_LOAD && (programs[i].p_flags & flags) == flags)
            return &programs[i];
    fail_msg("no such segment");
    return NULL;
}

static void wrong_magic(uint8_t *elf)
{
    elf[1] = 'X';
}
static void wrong_machine(uint8_t *elf)
{
    ((Elf64_Ehdr *)elf)->e_machine = EM_AARCH64;
}
static void relocatable(uint8_t *elf)
{
    ((Elf64_Ehdr *)elf)->e_type = ET_DYN;
}
static void headers_outside(uint8_t *elf)
{
    ((Elf64_Ehdr *)elf)->e_phoff = 1ull << 40;
}
static void small_headers(uint8_t *elf)
{
    ((Elf64_Ehdr *)elf)->e_phentsize = 1;
}
static void segment_outside(uint8_t *elf)
{
    program(elf, PF_X)->p_filesz = 1ull << 40;
}
static void low_segment(uint8_t *elf)
{
    program(elf, PF_X)->p_vaddr = 0x400000;
}
static void high_segment(uint8_t *elf)
{
    program(elf, PF_W)->p_vaddr = CLO_STACK_VA - 4096;
}
static void endless_segment(uint8_t *elf)
{
    program(elf, PF_W)->p_memsz = ~0ull;
}
static void writable_code(uint8_t *elf)
{
    program(elf, PF_X)->p_flags |= PF_W;
}
static void shared_page(uint8_t *elf)
{
    program(elf, PF_W)->p_vaddr = program(elf, PF_X)->p_vaddr;
}
static void dynamic(uint8_t *elf)
{
    program(elf, PF_R)->p_type = PT_INTERP;
}
static void no_code(uint8_t *elf)
{
    ((Elf64_Ehdr *)elf)->e_entry = CLO_IMAGE_VA - 4096;
}
static uint8_t *first_instruction(uint8_t *elf)
{
    Elf64_Phdr *code = program(elf, PF_X);
    return elf + ((Elf64_Ehdr *)elf)->e_entry - code->p_vaddr + code->p_offset;
}
static void faulting(uint8_t *elf)
{
    uint8_t *at = first_instruction(elf);
    at[0] = 0x0f; /* ud2 */
    at[1] = 0x0b;
}
static void printing_to_stream_7(uint8_t *elf)
{
    static const char code[] =
        "\x48\xb8\x00\x10\x00\x00\x05\0\0\0" /* mov $the output area, %rax */
        "\xc7\x00\x00\x00\x00\x07"           /* movl $a record's header, (%rax) */
        "\x48\xb8\x00\x00\x00\x00\x05\0\0\0" /* mov $the control page, %rax */
        "\xc7\x00\x02\x00\x00\x00"           /* its op: FLUSH */
        "\xc7\x40\x04\x04\x00\x00\x00"       /* its output_length: 4 */
        "\xe6\x10";                          /* out %al to the port of calls */
    memcpy(first_instruction(elf), code, sizeof code - 1);
}

static void wrong_guests_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        change change;
        int status;
        const char *reason;
    } cases[] = {
        {wrong_magic, CLO_EINVALID, "not an ELF file"},
        {wrong_machine, CLO_EINVALID, "x86-64"},
        {relocatable, CLO_EINVALID, "fixed addresses"},
        {headers_outside, CLO_EINVALID, "outside the file"},
        {small_headers, CLO_EINVALID, "outside the file"},
        {segment_outside, CLO_EINVALID, "outside the file"},
        {low_segment, CLO_EINVALID, "outside the addresses"},
        {high_segment, CLO_EINVALID, "outside the addresses"},
        {endless_segment, CLO_EINVALID, "outside the addresses"},
        {writable_code, CLO_EINVALID, "writable and executable"},
        {shared_page, CLO_EINVALID, "share a 2 MiB page"},
        {dynamic, CLO_EINVALID, "dynamically"},
        {no_code, CLO_EIMAGE, "not in code"},
        {faulting, CLO_EGUEST, "CPU exception 6"},
        {printing_to_stream_7, CLO_EGUEST, "an output record for stream 7"},
    };
    size_t size;
    uint8_t *good = read_all(harness_elf, &size), *bytes = malloc(size);
    const char *elf = path_of("bad.elf"), *image = path_of("bad.image");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_error error = {0};
        memcpy(bytes, good, size);
        cases[i].change(bytes);
        int fd = open(elf, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, bytes, size), size);
        close(fd);
        int status = clo_image_build(elf, image, NULL, CLO_ISOLATION_MICROVM, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].reason))
            fail_msg("case %zu: status %d, %s", i, status, error.message);
        assert_int_equal(access(image, F_OK), -1);
    }
    struct clo_error error;
    assert_int_equal(
        clo_image_build(path_of("none.elf"), image, NULL, CLO_ISOLATION_MICROVM, &error),
        CLO_ENOTFOUND);
    assert_int_equal(truncate(elf, 0), 0);
    assert_int_equal(clo_image_build(elf, image, NULL, CLO_ISOLATION_MICROVM, &error),
                     CLO_EINVALID);
    assert_int_equal(
        clo_image_build(harness_elf, "/nonexistent/x.image", NULL, CLO_ISOLATION_MICROVM, &error),
        CLO_ESYSTEM);
    unlink(elf);
    free(bytes);
    free(good);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_what_the_guest_said),
        cmocka_unit_test(the_hot_list_is_what_a_run_writes),
        cmocka_unit_test(the_same_guest_gives_the_same_bytes),
        cmocka_unit_test(without_a_hypervisor_too),
        cmocka_unit_test(verify_finds_every_kind_of_damage),
        cmocka_unit_test(a_copy_does_not_care_what_becomes_of_the_file),
        cmocka_unit_test(wrong_guests_are_refused_with_a_reason),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

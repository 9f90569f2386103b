/* elf.c - the guest's ELF file as an image that has not run yet.
 *
 * The result has the same form as an image file, in a memfd, with linear memory and heap of size 0,
 * so that the same code makes a micro-VM of it. Segments must stand on 2 MiB pages of their own:
 * link with -z max-page-size=0x200000, statically, at CLO_IMAGE_VA.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "image/image.h"
#include "vm/internal.h"

struct elf {
    const char *path;
    const uint8_t *bytes;
    uint64_t size;
    const Elf64_Ehdr *header;
    const Elf64_Phdr *programs;
};

static int refuse(const struct elf *elf, struct clo_error *error, const char *reason)
{
    return clo_fail(error, CLO_EINVALID, "guest %s: %s", elf->path, reason);
}

static int check_header(struct elf *elf, struct clo_error *error)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)elf->bytes;
    if (elf->size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG))
        return refuse(elf, error, "this is not an ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64)
        return refuse(elf, error, "this is not an ELF file for x86-64");
    if (header->e_type != ET_EXEC)
        return refuse(elf, error, "it is not linked to fixed addresses (use -static -no-pie)");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff % 8 ||
        header->e_phoff > elf->size ||
        header->e_phnum * sizeof(Elf64_Phdr) > elf->size - header->e_phoff)
        return refuse(elf, error, "its program headers lie outside the file");
    elf->header = header;
    elf->programs = (const Elf64_Phdr *)(elf->bytes + header->e_phoff);
    return 0;
}

static int check_program(const struct elf *elf, const Elf64_Phdr *program, struct clo_error *error)
{
    if (program->p_filesz > program->p_memsz || program->p_offset > elf->size ||
        program->p_filesz > elf->size - program->p_offset)
        return refuse(elf, error, "a segment lies outside the file");
    if (program->p_vaddr < CLO_IMAGE_VA || program->p_vaddr >= CLO_STACK_VA ||
        program->p_memsz > CLO_STACK_VA - program->p_vaddr)
        return refuse(
            elf, error,
            "a segment lies outside the addresses of an image (link with -Ttext-segment=0x300000000)");
    if (program->p_flags & PF_W && program->p_flags & PF_X)
        return refuse(elf, error, "a segment is writable and executable");
    return 0;
}

/* Fill the header's segments; *bytes is the size that the image will have. */
static int plan(const struct elf *elf, struct clo_image_header *header, uint64_t *bytes,
                struct clo_error *error)
{
    uint64_t end = 0;
    *bytes = CLO_PAGE_SIZE;
    for (unsigned i = 0; i < elf->header->e_phnum; i++) {
        const Elf64_Phdr *program = &elf->programs[i];
        if (program->p_type == PT_INTERP || program->p_type == PT_DYNAMIC)
            return refuse(elf, error, "it is linked dynamically (use -static -no-pie)");
        if (program->p_type != PT_LOAD || !program->p_memsz)
            continue;
        int status = check_program(elf, program, error);
        if (status)
            return status;
        uint64_t start = program->p_vaddr / CLO_HUGE_PAGE_SIZE * CLO_HUGE_PAGE_SIZE;
        if (start < end)
            return refuse(elf, error,
                          "two segments share a 2 MiB page (link with -z max-page-size=0x200000)");
        if (header->segment_count == CLO_IMAGE_SEGMENTS_MAX - 2)
            return refuse(elf, error, "it has too many segments");
        struct clo_image_segment *segment = &header->segments[header->segment_count++];
        segment->address = start;
        segment->size = clo_round_up(program->p_vaddr + program->p_memsz - start, CLO_PAGE_SIZE);
        segment->file_offset = *bytes;
        segment->file_size =
            clo_round_up(program->p_vaddr - start + program->p_filesz, CLO_PAGE_SIZE);
        segment->kind = program->p_flags & PF_W ? CLO_SEGMENT_PRIVATE : CLO_SEGMENT_SHARED;
        segment->flags = program->p_flags & PF_W   ? CLO_SEGMENT_WRITE
                         : program->p_flags & PF_X ? CLO_SEGMENT_EXECUTE
                                                   : 0;
        *bytes += segment->file_size;
        end = clo_round_up(start + segment->size, CLO_HUGE_PAGE_SIZE);
    }
    if (*bytes > CLO_IMAGE_FILE_MAX)
        return refuse(elf, error, "it is too large for an image");
    return 0;
}

static void finish_header(const struct elf *elf, struct clo_image_header *header, uint64_t bytes)
{
    memcpy(header->magic, CLO_IMAGE_MAGIC, sizeof header->magic);
    header->version = CLO_IMAGE_VERSION;
    header->abi = CLO_ABI_VERSION;
    header->header_size = sizeof *header;
    header->file_size = header->hot_offset = bytes;
    header->run_entry = elf->header->e_entry;
    strcpy(header->cpu, "x86-64-v2");
}

static int write_all(int fd, const void *bytes, uint64_t size, uint64_t offset,
                     struct clo_error *error)
{
    while (size) {
        ssize_t done = pwrite(fd, bytes, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return clo_fail_errno(error, CLO_ENOMEMORY, "loading a guest into memory");
        bytes = (const uint8_t *)bytes + done;
        offset += (uint64_t)done;
        size -= (uint64_t)done;
    }
    return 0;
}

static int write_image(const struct elf *elf, const struct clo_image_header *header, int fd,
                       struct clo_error *error)
{
    if (ftruncate(fd, (off_t)header->file_size))
        return clo_fail_errno(error, CLO_ENOMEMORY, "loading a guest into memory");
    int status = write_all(fd, header, sizeof *header, 0, error);
    unsigned next = 0;
    for (unsigned i = 0; i < elf->header->e_phnum && !status; i++) {
        const Elf64_Phdr *program = &elf->programs[i];
        if (program->p_type != PT_LOAD || !program->p_memsz)
            continue;
        const struct clo_image_segment *segment = &header->segments[next++];
        status = write_all(fd, elf->bytes + program->p_offset, program->p_filesz,
                           segment->file_offset + program->p_vaddr - segment->address, error);
    }
    return status;
}

static int load(struct clo_image **image, const struct elf *elf, struct clo_error *error)
{
    struct clo_image_header header = {0};
    uint64_t bytes;
    int status = plan(elf, &header, &bytes, error);
    if (status)
        return status;
    finish_header(elf, &header, bytes);
    int fd = memfd_create("cloche-guest", MFD_CLOEXEC);
    if (fd < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "memfd_create");
    status = write_image(elf, &header, fd, error);
    if (status) {
        close(fd);
        return status;
    }
    return clo_image_attach(image, fd, elf->path, false, CLO_ISOLATION_MICROVM, error);
}

int clo_image_load_elf(struct clo_image **image, const char *path, struct clo_error *error)
{
    *image = NULL;
    int fd;
    int status = clo_image_open_file(path, &fd, error);
    if (status)
        return clo_hint(error, status,
                        "name the guest's ELF file, which tools/image/build.sh makes");
    struct elf elf = {.path = path};
    struct stat file;
    if (fstat(fd, &file) || file.st_size == 0) {
        close(fd);
        return refuse(&elf, error, "the file is empty");
    }
    elf.size = (uint64_t)file.st_size;
    void *bytes = mmap(NULL, elf.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return clo_fail_errno(error, CLO_ENOMEMORY, "mapping %s", path);
    elf.bytes = bytes;
    status = check_header(&elf, error);
    if (!status)
        status = load(image, &elf, error);
    munmap(bytes, elf.size);
    return status;
}

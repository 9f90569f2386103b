/* image_attach.c - an open image file as a struct clo_image: checked, mapped, its code laid out.
 *
 * Worker processes need this much of images and no more: files are found and hashed elsewhere
 * (src/image/file.c), before.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/internal.h"

int clo_image_read_header(int fd, const char *path, struct clo_image_header *header,
                          struct clo_error *error)
{
    struct stat status;
    memset(header, 0, sizeof *header);
    if (fstat(fd, &status))
        return clo_fail_errno(error, CLO_ESYSTEM, "image %s", path);
    if (pread(fd, header, sizeof *header, 0) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "reading image %s", path);
    return clo_image_check(header, (uint64_t)status.st_size, path, error);
}

static int read_hot(struct clo_image *image, struct clo_error *error)
{
    size_t size = image->header.hot_count * sizeof(uint32_t);
    image->hot = malloc(size ? size : 1);
    if (!image->hot)
        return clo_fail_memory(error);
    if (pread(image->fd, image->hot, size, (off_t)image->header.hot_offset) != (ssize_t)size)
        return clo_fail_errno(error, CLO_ESYSTEM, "reading image %s", image->path);
    return clo_image_check_hot(&image->header, image->hot, image->path, error);
}

/* Put the SHARED segments one behind the other, each on a 2 MiB boundary: the file's own pages, or
 * a copy in huge pages, which a guest enters with a fraction of the page faults. */
static int lay_out_shared(struct clo_image *image, bool copy, struct clo_error *error)
{
    const struct clo_image_header *header = &image->header;
    for (uint32_t i = 0; i < header->segment_count; i++)
        if (header->segments[i].kind == CLO_SEGMENT_SHARED)
            image->shared_size += clo_round_up(header->segments[i].size, CLO_HUGE_PAGE_SIZE);
    if (!image->shared_size)
        return 0;
    image->shared = clo_memory_reserve(image->shared_size, PROT_READ | PROT_WRITE);
    if (!image->shared)
        return clo_fail_errno(error, CLO_ENOMEMORY, "mapping image %s", image->path);
    if (copy) /* advice only */
        (void)madvise(image->shared, image->shared_size, MADV_HUGEPAGE);
    uint8_t *at = image->shared;
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct clo_image_segment *segment = &header->segments[i];
        if (segment->kind != CLO_SEGMENT_SHARED)
            continue;
        if (copy)
            memcpy(at, image->bytes + segment->file_offset, segment->file_size);
        else if (segment->file_size &&
                 mmap(at, segment->file_size, PROT_READ, MAP_PRIVATE | MAP_FIXED, image->fd,
                      (off_t)segment->file_offset) == MAP_FAILED)
            return clo_fail_errno(error, CLO_ENOMEMORY, "mapping image %s", image->path);
        at += clo_round_up(segment->size, CLO_HUGE_PAGE_SIZE);
    }
    if (mprotect(image->shared, image->shared_size, PROT_READ))
        return clo_fail_errno(error, CLO_ESYSTEM, "protecting image %s", image->path);
    return 0;
}

int clo_image_attach(struct clo_image **result, int fd, const char *path, bool copy_shared,
                     enum clo_isolation isolation, struct clo_error *error)
{
    *result = NULL;
    struct clo_image *image = calloc(1, sizeof *image);
    if (!image) {
        close(fd);
        return clo_fail_memory(error);
    }
    image->fd = fd;
    image->copied = copy_shared;
    image->path = strdup(path);
    int status = image->path ? clo_image_read_header(fd, path, &image->header, error)
                             : clo_fail_memory(error);
    if (status)
        goto failed;
    image->size = image->header.file_size;
    /* private, since older kernels refuse a shared mapping of a sealed file, even to read */
    void *bytes = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        status = clo_fail_errno(error, CLO_ENOMEMORY, "mapping image %s", path);
        goto failed;
    }
    image->bytes = bytes;
    status = read_hot(image, error);
    if (!status && isolation == CLO_ISOLATION_MICROVM)
        status = lay_out_shared(image, copy_shared, error);
    if (status)
        goto failed;
    *result = image;
    return 0;

failed:
    clo_image_close(image);
    return status;
}

void clo_image_close(struct clo_image *image)
{
    if (!image)
        return;
    if (image->shared)
        munmap(image->shared, image->shared_size);
    if (image->bytes)
        munmap((void *)image->bytes, image->size);
    close(image->fd);
    free(image->hot);
    free(image->base);
    free(image->packages);
    free(image->imported);
    free(image->path);
    free(image);
}

uint64_t clo_image_granted(const struct clo_image *image)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < image->header.segment_count; i++) {
        const struct clo_image_segment *segment = &image->header.segments[i];
        if (segment->kind == CLO_SEGMENT_LINEAR || segment->kind == CLO_SEGMENT_HEAP)
            sum += segment->size;
    }
    return sum;
}

int clo_image_fd(const struct clo_image *image, bool *copied)
{
    *copied = image->copied;
    return image->fd;
}

int clo_image_inherit(struct clo_image **image, int fd, const char *path, bool copied,
                      enum clo_isolation isolation, struct clo_error *error)
{
    return clo_image_attach(image, fd, path, copied, isolation, error);
}

const char *clo_image_path(const struct clo_image *image)
{
    return image->path;
}

const char *clo_image_runtime(const struct clo_image *image)
{
    return image->header.runtime;
}

/* file.c - finding image files, opening and hashing them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/program.h"
#include "image/contents.h"
#include "image/image.h"
#include "image/named.h"
#include "vm/internal.h"

#define IMAGE_NAME "python.image"
#define COPY_BLOCK (1u << 20)

/* ---- finding ---- */

/* The candidate number `index` in path; false: there are no more. An empty path: not this one. */
static bool candidate(int index, char path[PATH_MAX])
{
    path[0] = '\0';
    if (index == 0) {
        const char *chosen = getenv("CLOCHE_IMAGE");
        if (chosen && !clo_image_named(chosen, path))
            snprintf(path, PATH_MAX, "%s", chosen);
        return true;
    }
    if (index > 2)
        return false;
    if (!clo_program_beside(path, index == 1 ? IMAGE_NAME : "../share/cloche/" IMAGE_NAME))
        path[0] = '\0';
    return true;
}

static int find(char path[PATH_MAX], struct clo_error *error)
{
    struct clo_buffer tried = CLO_BUFFER(600);
    for (int i = 0; candidate(i, path); i++) {
        if (path[0] && access(path, F_OK) == 0) {
            clo_buffer_free(&tried);
            return 0;
        }
        if (path[0])
            clo_buffer_format(&tried, "%s%s", tried.length ? ", " : "", path);
    }
    clo_fail(error, CLO_ENOTFOUND, "no image was found; tried %s",
             tried.length ? tried.data : "nothing");
    clo_buffer_free(&tried);
    return clo_hint(error, CLO_ENOTFOUND,
                    "build one with make image, or set CLOCHE_IMAGE to its path or name");
}

/* ---- reading ---- */

int clo_image_open_file(const char *path, int *fd, struct clo_error *error)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd >= 0) {
        struct stat status;
        if (fstat(*fd, &status) == 0 && S_ISREG(status.st_mode))
            return 0;
        close(*fd);
        *fd = -1;
        clo_fail(error, CLO_EIMAGE, "image %s: this is not a regular file", path);
        return clo_hint(error, CLO_EIMAGE, "name the image file itself");
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        clo_fail_errno(error, CLO_ENOTFOUND, "image %s", path);
        return clo_hint(error, CLO_ENOTFOUND,
                        "build it with make image, or name one that cloche image list shows");
    }
    return clo_fail_errno(error, CLO_ESYSTEM, "image %s", path);
}

int clo_image_hash(const uint8_t *bytes, uint64_t size, uint8_t sha256[32], struct clo_error *error)
{
    static const uint8_t zeros[32];
    const size_t hole = offsetof(struct clo_image_header, sha256);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(context, bytes, hole) &&
                EVP_DigestUpdate(context, zeros, sizeof zeros) &&
                EVP_DigestUpdate(context, bytes + hole + sizeof zeros,
                                 (size_t)size - hole - sizeof zeros) &&
                EVP_DigestFinal_ex(context, sha256, NULL);
    EVP_MD_CTX_free(context);
    return done ? 0 : clo_fail(error, CLO_ESYSTEM, "computing a SHA-256 failed");
}

static int check_hash(const uint8_t *bytes, uint64_t size, const char *path,
                      struct clo_error *error)
{
    uint8_t sha256[32];
    int status = clo_image_hash(bytes, size, sha256, error);
    if (status)
        return status;
    if (!memcmp(sha256, bytes + offsetof(struct clo_image_header, sha256), sizeof sha256))
        return 0;
    clo_fail(error, CLO_EIMAGE, "image %s: its contents do not match its SHA-256: it is damaged",
             path);
    return clo_hint(error, CLO_EIMAGE, "rebuild it with make image");
}

/* ---- the two ways to open ---- */

static int copy_bytes(int from, int to, uint64_t size, const char *path, struct clo_error *error)
{
    char *block = malloc(COPY_BLOCK);
    if (!block)
        return clo_fail_memory(error);
    int status = 0;
    for (uint64_t done = 0; done < size && !status;) {
        size_t want = size - done < COPY_BLOCK ? (size_t)(size - done) : COPY_BLOCK;
        ssize_t got = pread(from, block, want, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = clo_fail_errno(error, CLO_ESYSTEM, "reading image %s", path);
        else if (got == 0)
            status = clo_fail(error, CLO_EIMAGE, "image %s became shorter while it was read", path);
        else if (pwrite(to, block, (size_t)got, (off_t)done) != got)
            status = clo_fail_errno(error, CLO_ENOMEMORY, "copying image %s to memory", path);
        else
            done += (uint64_t)got;
    }
    free(block);
    return status;
}

/* A sealed copy in memory; its hash is checked on the copy, where nothing can change it any more.
 */
static int seal_copy(int file, const char *path, int *sealed, struct clo_error *error)
{
    struct clo_image_header header;
    int status = clo_image_read_header(file, path, &header, error);
    if (status)
        return status;
    int fd = memfd_create("cloche-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "memfd_create");
    void *bytes = MAP_FAILED;
    status = copy_bytes(file, fd, header.file_size, path, error);
    if (status)
        goto out;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        status = clo_fail_errno(error, CLO_ESYSTEM, "sealing the copy of image %s", path);
        goto out;
    }
    bytes = mmap(NULL, header.file_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        status = clo_fail_errno(error, CLO_ENOMEMORY, "mapping image %s", path);
        goto out;
    }
    status = check_hash(bytes, header.file_size, path, error);

out:
    if (bytes != MAP_FAILED)
        munmap(bytes, header.file_size);
    if (status)
        close(fd);
    else
        *sealed = fd;
    return status;
}

static int open_as(struct clo_image **image, const char *path, enum clo_image_mode mode,
                   struct clo_error *error)
{
    int fd, sealed = -1;
    int status = clo_image_open_file(path, &fd, error);
    if (status)
        return status;
    if (mode == CLO_IMAGE_MAP)
        return clo_image_attach(image, fd, path, false, CLO_ISOLATION_MICROVM, error);
    status = seal_copy(fd, path, &sealed, error);
    close(fd);
    if (status)
        return status;
    return clo_image_attach(image, sealed, path, true, CLO_ISOLATION_MICROVM, error);
}

int clo_image_open(struct clo_image **image, const char *path, enum clo_image_mode mode,
                   struct clo_error *error)
{
    char found[PATH_MAX];
    int status = 0;
    *image = NULL;
    if (!path)
        status = find(found, error);
    if (!status)
        status = open_as(image, path && !clo_image_named(path, found) ? path : found, mode, error);
    if (status == CLO_ENOTFOUND && path && clo_image_is_name(path))
        (void)clo_image_missing(path, error);
    if (!status)
        status = clo_contents_read(*image, error);
    if (status) {
        clo_image_close(*image);
        *image = NULL;
    }
    return status;
}

int clo_image_verify(const char *path, struct clo_error *error)
{
    struct clo_image *image;
    int status = clo_image_open(&image, path, CLO_IMAGE_MAP, error);
    if (status)
        return status;
    status = check_hash(image->bytes, image->size, image->path, error);
    clo_image_close(image);
    return status;
}

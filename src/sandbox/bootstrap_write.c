/* bootstrap_write.c - put the zygote's bootstrap together. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/worker/bootstrap_head.h"
#include "vm/vm.h"

static int write_all(int fd, const char *data, size_t length, struct clo_error *error)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, data + done, length - done);
        if (n <= 0)
            return clo_fail_errno(error, CLO_ESYSTEM, "writing a worker's bootstrap");
        done += (size_t)n;
    }
    return 0;
}

int clo_bootstrap_write(const struct clo_bootstrap *bootstrap, int *fd, struct clo_error *error)
{
    bool copied;
    const char *path = clo_image_path(bootstrap->image);
    size_t length = bootstrap->manifest_length;
    clo_image_fd(bootstrap->image, &copied);
    struct clo_bootstrap_head head = {.memory = bootstrap->memory,
                                      .path_length = (uint32_t)strlen(path),
                                      .manifest_length = (uint32_t)length,
                                      .pooled = bootstrap->pooled,
                                      .isolation = (uint8_t)bootstrap->isolation,
                                      .image_copied = copied};
    struct clo_buffer words = CLO_BUFFER(CLO_BOOTSTRAP_MAX);
    clo_buffer_append(&words, (const char *)&head, sizeof head);
    clo_buffer_append(&words, path, head.path_length);
    clo_buffer_append(&words, bootstrap->manifest, length);
    *fd = -1;
    if (words.failed)
        return clo_fail(
            error, CLO_EINVALID,
            "the tools' descriptions have %zu bytes; with the image's path at most %u are allowed",
            length, CLO_BOOTSTRAP_MAX);
    *fd = memfd_create("cloche-bootstrap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int status = *fd < 0 ? clo_fail_errno(error, CLO_ESYSTEM, "memfd_create")
                         : write_all(*fd, words.data, words.length, error);
    if (!status &&
        fcntl(*fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        status = clo_fail_errno(error, CLO_ESYSTEM, "sealing a worker's bootstrap");
    if (status && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    clo_buffer_free(&words);
    return status;
}

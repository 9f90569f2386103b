/* zygote_program.c - the zygote's program as a sealed file in memory. */
#include "sandbox/zygote_program.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u /* Linux 6.3, include/uapi/linux/memfd.h */
#endif

extern const uint8_t clo_zygote_program_start[],
    clo_zygote_program_end[]; /* made by tools/embed.sh */

static const uint8_t *replacement;
static size_t replacement_size;

void clo_zygote_program_replace(const uint8_t *bytes, size_t size)
{
    replacement = bytes;
    replacement_size = size;
}

static int create(void)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("cloche-zygote", flags | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) /* older kernels know no other kind */
        fd = memfd_create("cloche-zygote", flags);
    return fd;
}

int clo_zygote_program_open(int *fd, struct clo_error *error)
{
    const uint8_t *bytes = replacement ? replacement : clo_zygote_program_start;
    size_t own_size = (uintptr_t)clo_zygote_program_end - (uintptr_t)clo_zygote_program_start;
    size_t size = replacement ? replacement_size : own_size;
    *fd = create();
    if (*fd < 0) {
        clo_fail_errno(error, CLO_ESYSTEM, "a file in memory for the worker program");
        return clo_hint(
            error, CLO_ESYSTEM,
            "where the sysctl vm.memfd_noexec is 2 workers cannot be started: lower it, or use placement: thread");
    }
    for (size_t done = 0; done < size;) {
        ssize_t n = write(*fd, bytes + done, size - done);
        if (n <= 0) {
            clo_fail_errno(error, CLO_ESYSTEM, "writing the worker program to memory");
            close(*fd);
            *fd = -1;
            return CLO_ESYSTEM;
        }
        done += (size_t)n;
    }
    /* best effort: nobody else has the descriptor */
    (void)fcntl(*fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return 0;
}

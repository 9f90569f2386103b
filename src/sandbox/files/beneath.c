/* beneath.c - openat2(2) with everything forbidden that could lead out of a folder. */
#include "sandbox/files/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTEMPTS 8 /* the kernel asks for another one when something was renamed meanwhile */

static int open_at(int root, const char *path, int flags)
{
    const struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                                 .resolve =
                                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = -1;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int)fd;
}

/* Filters of containers refuse what they do not know with EPERM: ask once, where nothing forbids. */
static bool have_openat2(void)
{
    static atomic_int known; /* 0: not asked yet */
    int answer = atomic_load(&known);
    if (!answer) {
        int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd = root < 0 ? -1 : open_at(root, ".", O_PATH | O_DIRECTORY);
        answer = fd < 0 && (errno == ENOSYS || errno == EPERM) ? -1 : 1;
        if (fd >= 0)
            close(fd);
        if (root >= 0)
            close(root);
        atomic_store(&known, answer);
    }
    return answer > 0;
}

int clo_beneath_walk(int root, const char *path, int flags)
{
    char name[NAME_MAX + 1];
    int at = root;
    if (!*path)
        return openat(root, ".", flags | O_CLOEXEC);
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        size_t length = (size_t)(slash - path);
        int next = -1;
        if (length > NAME_MAX) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(name, path, length);
            name[length] = '\0';
            next = openat(at, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        }
        int why = errno;
        if (at != root)
            close(at);
        errno = why;
        if (next < 0)
            return -1;
        at = next;
    }
    int fd = openat(at, path, flags | O_NOFOLLOW | O_CLOEXEC);
    int why = errno;
    if (at != root)
        close(at);
    errno = why;
    return fd;
}

int clo_beneath_open(int root, const char *path, int flags)
{
    if (!have_openat2())
        return clo_beneath_walk(root, path, flags);
    return open_at(root, *path ? path : ".", flags);
}

bool clo_beneath_valid(const char *path, size_t length)
{
    if (memchr(path, '\0', length))
        return false;
    for (size_t at = 0; at < length;) {
        const char *slash = memchr(path + at, '/', length - at);
        size_t end = slash ? (size_t)(slash - path) : length;
        size_t size = end - at;
        if (!size || (size == 1 && path[at] == '.') ||
            (size == 2 && path[at] == '.' && path[at + 1] == '.') || end + 1 == length)
            return false;
        at = end + 1;
    }
    return true;
}

/* calls.c - the C library's system calls, replaced: each may fail with an error that it knows.
 *
 * A failing close or munmap has still done its work, as in Linux. A futex, a clock and an exit have
 * no failure to show, nor has getrandom for the few bytes that are wanted here.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

#pragma GCC visibility push(default)
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wnonnull-compare"

#define FAIL(error, value)                                                                         \
    do {                                                                                           \
        errno = (error);                                                                           \
        return value;                                                                              \
    } while (0)

/* One that does nothing when it fails, and one that has done its work. */
#define CALL(result, name, parameters, arguments, value, error)                                    \
    REPLACED(result, name, parameters, arguments, value, error, false)
#define LATE(result, name, parameters, arguments, value, error)                                    \
    REPLACED(result, name, parameters, arguments, value, error, true)

#define REPLACED(result, name, parameters, arguments, value, error, late)                          \
    result name parameters                                                                         \
    {                                                                                              \
        static result(*real) parameters;                                                           \
        if (!real)                                                                                 \
            real = (result(*) parameters)dlsym(RTLD_NEXT, #name);                                  \
        if (!FAULTS_HIT(#name))                                                                    \
            return real arguments;                                                                 \
        if (late)                                                                                  \
            (void)real arguments;                                                                  \
        FAIL(error, value);                                                                        \
    }

/* One with a further argument that is only sometimes there. */
#define OPEN(name, parameters, arguments, last, error)                                             \
    int name parameters                                                                            \
    {                                                                                              \
        static int (*real)();                                                                      \
        if (!real)                                                                                 \
            real = (int (*)())dlsym(RTLD_NEXT, #name);                                             \
        va_list more;                                                                              \
        va_start(more, last);                                                                      \
        void *rest = va_arg(more, void *);                                                         \
        va_end(more);                                                                              \
        if (FAULTS_HIT(#name))                                                                     \
            FAIL(error, -1);                                                                       \
        return real arguments;                                                                     \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, rest), flags, EMFILE)
OPEN(open64, (const char *path, int flags, ...), (path, flags, rest), flags, EMFILE)
OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, rest), flags,
     EMFILE)
OPEN(fcntl, (int fd, int command, ...), (fd, command, rest), command, EINVAL)
OPEN(fcntl64, (int fd, int command, ...), (fd, command, rest), command, EINVAL)
OPEN(ioctl, (int fd, unsigned long request, ...), (fd, request, rest), request, EIO)

LATE(int, close, (int fd), (fd), -1, EIO)
LATE(int, munmap, (void *at, size_t size), (at, size), -1, ENOMEM)
LATE(int, fclose, (FILE * file), (file), EOF, EIO)

CALL(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size), -1, EIO)
CALL(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size), -1, ENOSPC)
CALL(ssize_t, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at), -1, EIO)
CALL(ssize_t, pread64, (int fd, void *to, size_t size, off_t at), (fd, to, size, at), -1, EIO)
CALL(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at), -1,
     ENOSPC)
CALL(ssize_t, pwrite64, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at), -1,
     ENOSPC)
CALL(ssize_t, readv, (int fd, const struct iovec *to, int count), (fd, to, count), -1, EIO)
CALL(ssize_t, writev, (int fd, const struct iovec *from, int count), (fd, from, count), -1, ENOSPC)
CALL(int, ftruncate, (int fd, off_t size), (fd, size), -1, ENOSPC)
CALL(int, ftruncate64, (int fd, off_t size), (fd, size), -1, ENOSPC)
CALL(int, fsync, (int fd), (fd), -1, EIO)
CALL(int, fdatasync, (int fd), (fd), -1, EIO)
CALL(int, fstat, (int fd, struct stat *about), (fd, about), -1, EIO)
CALL(int, fstat64, (int fd, struct stat64 *about), (fd, about), -1, EIO)
CALL(int, stat, (const char *path, struct stat *about), (path, about), -1, EACCES)
CALL(int, stat64, (const char *path, struct stat64 *about), (path, about), -1, EACCES)
CALL(int, lstat, (const char *path, struct stat *about), (path, about), -1, EACCES)
CALL(int, lstat64, (const char *path, struct stat64 *about), (path, about), -1, EACCES)
CALL(int, access, (const char *path, int mode), (path, mode), -1, EACCES)
CALL(int, unlink, (const char *path), (path), -1, EBUSY)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, EXDEV)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
CALL(int, rmdir, (const char *path), (path), -1, EBUSY)
CALL(ssize_t, readlink, (const char *path, char *to, size_t size), (path, to, size), -1, EIO)
CALL(char *, realpath, (const char *path, char *to), (path, to), NULL, EACCES)
CALL(char *, getcwd, (char *to, size_t size), (to, size), NULL, ENOENT)
CALL(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
CALL(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
CALL(ssize_t, getline, (char **line, size_t *size, FILE *file), (line, size, file), -1, EIO)

CALL(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
CALL(void *, mmap64, (void *at, size_t size, int protection, int flags, int fd, off64_t offset),
     (at, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
CALL(int, mprotect, (void *at, size_t size, int protection), (at, size, protection), -1, ENOMEM)
CALL(int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1, EAGAIN)
CALL(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)

CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
CALL(int, socketpair, (int domain, int type, int protocol, int pair[2]),
     (domain, type, protocol, pair), -1, EMFILE)
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size), -1,
     ECONNREFUSED)
CALL(int, bind, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size), -1, EADDRINUSE)
CALL(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
CALL(int, accept4, (int fd, struct sockaddr *from, socklen_t *size, int flags),
     (fd, from, size, flags), -1, EMFILE)
CALL(int, getsockname, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size), -1,
     ENOBUFS)
CALL(int, getpeername, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size), -1,
     ENOBUFS)
CALL(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t size),
     (fd, level, option, value, size), -1, ENOMEM)
CALL(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *size),
     (fd, level, option, value, size), -1, ENOBUFS)
CALL(ssize_t, send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags), -1,
     EPIPE)
CALL(ssize_t, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags), -1,
     ECONNRESET)
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1,
     EPIPE)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1,
     ECONNRESET)
CALL(int, shutdown, (int fd, int how), (fd, how), -1, ENOTCONN)
CALL(int, getaddrinfo,
     (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list),
     (host, service, hints, list), EAI_AGAIN, EAGAIN)

CALL(int, pipe, (int ends[2]), (ends), -1, EMFILE)
CALL(int, pipe2, (int ends[2], int flags), (ends, flags), -1, EMFILE)
CALL(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
CALL(int, epoll_create1, (int flags), (flags), -1, EMFILE)
CALL(int, epoll_ctl, (int set, int operation, int fd, struct epoll_event *event),
     (set, operation, fd, event), -1, ENOMEM)
CALL(int, epoll_wait, (int set, struct epoll_event *events, int most, int ms),
     (set, events, most, ms), -1, EINTR)
CALL(int, poll, (struct pollfd * list, nfds_t count, int ms), (list, count, ms), -1, EINTR)
CALL(int, ppoll,
     (struct pollfd * list, nfds_t count, const struct timespec *time, const sigset_t *mask),
     (list, count, time, mask), -1, EINTR)
CALL(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left), -1, EINTR)
CALL(int, dup, (int fd), (fd), -1, EMFILE)
CALL(int, dup2, (int fd, int to), (fd, to), -1, EMFILE)

CALL(int, timer_create, (clockid_t clock, struct sigevent *event, timer_t *timer),
     (clock, event, timer), -1, EAGAIN)
CALL(int, timer_settime,
     (timer_t timer, int flags, const struct itimerspec *time, struct itimerspec *before),
     (timer, flags, time, before), -1, EINVAL)
CALL(int, getrlimit, (__rlimit_resource_t what, struct rlimit *limit), (what, limit), -1, EPERM)
CALL(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit), -1,
     EPERM)
CALL(pid_t, fork, (void), (), -1, EAGAIN)
CALL(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), -1, EINTR)
CALL(int, kill, (pid_t pid, int signal), (pid, signal), -1, EPERM)

#pragma GCC visibility pop

/* spool.c - one sparse file with regions. */
#include "sandbox/artifacts/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096u
#define PIECE 65536u

struct clo_spool {
    atomic_uint holders;
    int fd;          /* -1: nothing was written */
    uint64_t region; /* bytes, whole pages */
    uint64_t most;   /* bytes of the file: writing beyond them would be a signal (RLIMIT_FSIZE) */
};

struct clo_spool *clo_spool_create(uint64_t region)
{
    struct clo_spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return NULL;
    atomic_init(&spool->holders, 1);
    spool->fd = -1;
    spool->region = (region + PAGE - 1) / PAGE * PAGE;
    return spool;
}

struct clo_spool *clo_spool_hold(struct clo_spool *spool)
{
    atomic_fetch_add(&spool->holders, 1);
    return spool;
}

void clo_spool_release(struct clo_spool *spool)
{
    if (!spool || atomic_fetch_sub(&spool->holders, 1) > 1)
        return;
    if (spool->fd >= 0)
        close(spool->fd);
    free(spool);
}

bool clo_spool_is_shared(const struct clo_spool *spool)
{
    return atomic_load(&spool->holders) > 1;
}

uint64_t clo_spool_region(const struct clo_spool *spool)
{
    return spool->region;
}

/* ---- the file ---- */

/* Can what is not needed any more be given back? */
static bool takes_holes(int fd)
{
    return ftruncate(fd, PAGE) == 0 &&
           fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0;
}

static int open_in(const char *folder)
{
    char name[PATH_MAX];
    if (!folder || folder[0] != '/')
        return -1;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) &&
        snprintf(name, sizeof name, "%s/cloche-XXXXXX", folder) < (int)sizeof name) {
        fd = mkostemp(name, O_CLOEXEC); /* file systems without O_TMPFILE */
        if (fd >= 0)
            unlink(name);
    }
    if (fd >= 0 && !takes_holes(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int have_file(struct clo_spool *spool)
{
    struct rlimit limit;
    if (spool->fd >= 0)
        return 0;
    const char *const folders[] = {secure_getenv("TMPDIR"), "/var/tmp", "/tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders && spool->fd < 0; i++)
        spool->fd = open_in(folders[i]);
    if (spool->fd < 0)
        spool->fd = memfd_create("cloche-spool", MFD_CLOEXEC);
    if (spool->fd < 0)
        return errno;
    spool->most = getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur > INT64_MAX
                      ? INT64_MAX
                      : (uint64_t)limit.rlim_cur;
    return 0;
}

/* ---- contents ---- */

int clo_spool_write(struct clo_spool *spool, uint32_t slot, uint64_t offset, const void *data,
                    size_t length, size_t *written)
{
    *written = 0;
    int why = have_file(spool);
    uint64_t at = slot * spool->region + offset;
    while (!why && *written < length) {
        size_t part = length - *written;
        if (at >= spool->most)
            return ENOSPC;
        if (part > spool->most - at)
            part = (size_t)(spool->most - at);
        ssize_t now = pwrite(spool->fd, (const char *)data + *written, part, (off_t)at);
        if (now > 0) {
            *written += (size_t)now;
            at += (uint64_t)now;
        } else if (now == 0 || errno != EINTR) {
            why = now == 0 ? EIO : errno;
        }
    }
    return why;
}

int clo_spool_read(const struct clo_spool *spool, uint32_t slot, uint64_t offset, void *data,
                   size_t length)
{
    uint64_t at = slot * spool->region + offset;
    size_t done = 0;
    while (done < length) {
        ssize_t now = spool->fd < 0 ? 0
                                    : pread(spool->fd, (char *)data + done, length - done,
                                            (off_t)(at + done));
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            return errno;
        if (now == 0) { /* the end of the file */
            memset((char *)data + done, 0, length - done);
            return 0;
        }
        done += (size_t)now;
    }
    return 0;
}

int clo_spool_clear(struct clo_spool *spool, uint32_t slot, uint64_t start, uint64_t end)
{
    if (spool->fd < 0 || start >= end)
        return 0;
    int status;
    do
        status = fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           (off_t)(slot * spool->region + start), (off_t)(end - start));
    while (status && errno == EINTR);
    return status ? errno : 0;
}

/* Where the next bytes that were written begin, from `at` on; `end`: there are none. */
static uint64_t next_data(const struct clo_spool *spool, uint64_t at, uint64_t end)
{
    off_t found = lseek(spool->fd, (off_t)at, SEEK_DATA);
    if (found < 0)
        return errno == ENXIO ? end : at; /* a file system that cannot tell: all of it */
    return (uint64_t)found < end ? (uint64_t)found : end;
}

int clo_spool_copy(struct clo_spool *to, uint32_t to_slot, const struct clo_spool *from,
                   uint32_t from_slot, uint64_t length)
{
    char piece[PIECE];
    uint64_t base = from_slot * from->region;
    int why = 0;
    for (uint64_t at = 0; from->fd >= 0 && at < length && !why;) {
        size_t part = PIECE, written;
        at = next_data(from, base + at, base + length) - base;
        if (part > length - at)
            part = (size_t)(length - at);
        why = clo_spool_read(from, from_slot, at, piece, part);
        if (!why && part)
            why = clo_spool_write(to, to_slot, at, piece, part, &written);
        at += part;
    }
    return why;
}

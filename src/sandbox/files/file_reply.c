/* file_reply.c - errors and files of Linux in the words of WASI. */
#include "sandbox/files/file_reply.h"

#include <errno.h>

#define NS_PER_S 1000000000ull

uint32_t clo_file_error(int number)
{
    switch (number) { /* the numbers are WASI's (witx, errno) */
    case EACCES: return 2;
    case EBADF: return 8;
    case EBUSY: return 10;
    case EDQUOT: return 19;
    case EEXIST: return 20;
    case EFBIG: return 22;
    case EINTR: return 27;
    case EINVAL: return 28;
    case EISDIR: return 31;
    case ELOOP: return 32;
    case EMFILE: return 33;
    case ENAMETOOLONG: return 37;
    case ENFILE: return 41;
    case ENODEV: return 43;
    case ENOENT: return 44;
    case ENOMEM: return 48;
    case ENOSPC: return 51;
    case ENOTDIR: return 54;
    case ENOTEMPTY: return 55;
    case ENXIO: return 60;
    case EOVERFLOW: return 61;
    case EPERM: return 63;
    case EROFS: return 69;
    case ESTALE: return 72;
    case ETIMEDOUT: return 73;
    default: return 29; /* EIO */
    }
}

uint32_t clo_file_type(mode_t mode)
{
    switch (mode & S_IFMT) { /* WASI's filetype */
    case S_IFBLK: return 1;
    case S_IFCHR: return 2;
    case S_IFDIR: return 3;
    case S_IFREG: return 4;
    case S_IFSOCK: return 6;
    case S_IFLNK: return 7;
    default: return 0;
    }
}

static uint64_t nanoseconds(struct timespec time)
{
    return time.tv_sec < 0 ? 0 : (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

void clo_file_tell(struct clo_file_reply *reply, const struct stat *stat)
{
    reply->type = clo_file_type(stat->st_mode);
    reply->inode = stat->st_ino;
    reply->links = stat->st_nlink;
    reply->size = stat->st_size < 0 ? 0 : (uint64_t)stat->st_size;
    reply->accessed_ns = nanoseconds(stat->st_atim);
    reply->modified_ns = nanoseconds(stat->st_mtim);
    reply->changed_ns = nanoseconds(stat->st_ctim);
}

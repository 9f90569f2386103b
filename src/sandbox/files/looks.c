/* looks.c - looks at what is mounted: below descriptors of the host's folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/files/beneath.h"
#include "sandbox/files/file_reply.h"
#include "sandbox/files/files_state.h"

#define ATTEMPTS 8 /* to open what was looked at, when it is replaced meanwhile */

/* ---- STAT, OPEN ---- */

/* What a path names, by a descriptor that can only be looked at, so that nothing happens to it. */
static int stat_beneath(int root, const char *path, struct stat *stat)
{
    if (!strchr(path, '/')) /* a name in the root itself: nothing on the way can be a link */
        return fstatat(root, path, stat, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    int fd = clo_beneath_open(root, path, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    int status = fstat(fd, stat);
    close(fd);
    return status;
}

/* 0, or -1 with errno. */
static int look_at(const struct clo_look *look, bool follow, struct stat *stat)
{
    if (look->root < 0)
        return errno = ENOTDIR, -1;
    if (stat_beneath(look->root, look->path, stat))
        return -1;
    if (follow && S_ISLNK(stat->st_mode))
        return errno = ELOOP, -1;
    if ((look->request.flags & CLO_FILE_FOLDER) && !S_ISDIR(stat->st_mode))
        return errno = S_ISLNK(stat->st_mode) ? ELOOP : ENOTDIR, -1;
    return 0;
}

int clo_look_stat(struct clo_files *files, const struct clo_look *look,
                  struct clo_file_reply *reply)
{
    struct stat stat;
    if (look->request.handle) {
        const struct clo_handle *handle = clo_files_handle(files, look->request.handle);
        if (!handle)
            return ESTALE;
        if (fstat(handle->fd, &stat))
            return errno;
    } else {
        if (look_at(look, look->request.flags & CLO_FILE_FOLLOW, &stat))
            return errno;
    }
    clo_file_tell(reply, &stat);
    return 0;
}

/* Look, and open the same for reading. */
static int open_seen(const struct clo_look *look, struct stat *stat)
{
    *stat = (struct stat){0};
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct stat opened;
        if (look_at(look, true, stat))
            return -1;
        bool folder = S_ISDIR(stat->st_mode);
        int fd = -1, why = EACCES; /* devices, pipes, sockets */
        if (folder || S_ISREG(stat->st_mode)) {
            fd = clo_beneath_open(look->root, look->path,
                                  O_RDONLY | O_NONBLOCK | O_NOCTTY | (folder ? O_DIRECTORY : 0));
            why = fd < 0 ? errno : 0;
        }
        if (fd >= 0 && fstat(fd, &opened) == 0 && opened.st_dev == stat->st_dev &&
            opened.st_ino == stat->st_ino &&
            clo_file_type(opened.st_mode) == clo_file_type(stat->st_mode)) {
            *stat = opened;
            return fd;
        }
        if (fd >= 0)
            close(fd);
        else
            return errno = why, -1;
    }
    return errno = ESTALE, -1;
}

static int read_at(int fd, uint64_t offset, uint32_t length, struct clo_buffer *data,
                   struct clo_file_reply *reply)
{
    if (offset > (uint64_t)INT64_MAX - length)
        return EINVAL;
    if (clo_buffer_reserve(data, length))
        return ENOMEM;
    while (reply->length < length) {
        ssize_t got = pread(fd, data->data + data->length, length - reply->length,
                            (off_t)(offset + reply->length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        reply->end = got == 0;
        if (!got)
            break;
        data->length += (size_t)got;
        reply->length += (uint32_t)got;
    }
    return 0;
}

/* Where the file has as many bytes as were read there is no need to try for more. Sizes of 0 are no
 * promise: files of the kernel's have them. */
static void note_end(struct clo_file_reply *reply, uint64_t offset, const struct stat *stat)
{
    if (stat->st_size > 0 && offset + reply->length >= (uint64_t)stat->st_size)
        reply->end = 1;
}

int clo_look_open(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply, int *descriptor)
{
    struct stat stat;
    struct clo_handle *handle = NULL;
    int fd = open_seen(look, &stat), why = fd < 0 ? errno : 0;
    DIR *listing = NULL;
    if (!why && S_ISDIR(stat.st_mode)) {
        listing = fdopendir(fd);
        why = listing ? 0 : errno;
    } else if (!why) {
        uint32_t length = look->request.length;
        /* one byte more than there is would be asked for in vain */
        if (stat.st_size > 0 && (uint64_t)stat.st_size < length)
            length = (uint32_t)stat.st_size;
        why = read_at(fd, 0, length, data, reply);
        note_end(reply, 0, &stat);
    }
    if (!why) {
        handle = clo_files_take(files, true);
        why = handle ? 0 : errno;
    }
    if (!handle) {
        if (listing)
            closedir(listing);
        else if (fd >= 0)
            close(fd);
        return why;
    }
    handle->fd = listing ? dirfd(listing) : fd;
    handle->listing = listing;
    clo_file_tell(reply, &stat);
    reply->handle = handle->number;
    if (!listing && !reply->end)
        *descriptor = fd;
    return 0;
}

/* ---- READ, LIST ---- */

int clo_look_read(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply)
{
    const struct clo_handle *handle = clo_files_handle(files, look->request.handle);
    struct stat stat;
    if (!handle || handle->listing)
        return handle ? EISDIR : ESTALE;
    int why = read_at(handle->fd, look->request.offset, look->request.length, data, reply);
    if (!why && fstat(handle->fd, &stat) == 0)
        note_end(reply, look->request.offset, &stat);
    return why;
}

static uint32_t entry_type(const struct clo_handle *handle, const struct dirent *entry)
{
    struct stat stat;
    if (entry->d_type != DT_UNKNOWN)
        return clo_file_type((mode_t)DTTOIF(entry->d_type));
    return fstatat(handle->fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW)
               ? 0
               : clo_file_type(stat.st_mode);
}

/* True: there is no room for it. */
static bool put_name(const struct clo_handle *handle, const struct dirent *entry, uint32_t room,
                     struct clo_buffer *data, struct clo_file_reply *reply)
{
    struct clo_file_name record = {.inode = entry->d_ino,
                                   .length = (uint32_t)strlen(entry->d_name)};
    if (sizeof record + record.length > room - reply->length)
        return true;
    record.type = entry_type(handle, entry);
    clo_buffer_append(data, &record, sizeof record);
    clo_buffer_append(data, entry->d_name, record.length);
    reply->length += (uint32_t)sizeof record + record.length;
    return false;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

int clo_look_list(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply)
{
    struct clo_handle *handle = clo_files_handle(files, look->request.handle);
    if (!handle || !handle->listing)
        return handle ? ENOTDIR : ESTALE;
    if (look->request.length < sizeof(struct clo_file_name) + NAME_MAX)
        return EINVAL;
    if (look->request.flags & CLO_FILE_RESTART) {
        rewinddir(handle->listing);
        handle->kept = NULL;
    }
    for (;;) {
        errno = 0;
        struct dirent *entry = handle->kept ? handle->kept : readdir(handle->listing);
        handle->kept = NULL;
        if (!entry) {
            reply->end = !errno;
            return errno;
        }
        if (is_dots(entry->d_name))
            continue;
        if (put_name(handle, entry, look->request.length, data, reply)) {
            handle->kept = entry; /* readdir(3): valid until the next readdir of this listing */
            return 0;
        }
        if (data->failed)
            return ENOMEM;
    }
}

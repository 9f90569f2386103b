/* files.c - the answers to a run's looks at what is mounted. */
#include "sandbox/files/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/files.h"
#include "base/error.h"
#include "sandbox/files/ahead.h"
#include "sandbox/files/beneath.h"
#include "sandbox/files/file_reply.h"

#define SHARE                                                                                      \
    4 /* part of the process's descriptors that all runs together may hold; in process, twice */
#define ATTEMPTS 8 /* to open what was looked at, when it is replaced meanwhile */

struct handle {
    uint32_t number;     /* 0: free */
    int fd;              /* of a folder the listing's */
    DIR *listing;        /* of a folder */
    struct dirent *kept; /* a name that did not fit, for the next reply */
};

struct clo_files {
    const struct clo_mounts *mounts; /* of the run */
    uint32_t given; /* the last handle; counts over runs, for a session may remember some */
    size_t open;
    unsigned most; /* that all runs may have open, as this one saw it; 0: it has not looked */
    struct handle *handles; /* CLO_FILES_OPEN_MAX of them */
    struct clo_ahead *ahead;
};

/* A message, once it is checked. */
struct look {
    struct clo_file_request request;
    int root; /* of the mount; -1: the path is below a file, where there is nothing */
    const uint8_t *closed;
    char path[CLO_FILE_PATH_MAX + NAME_MAX + 2];
};

static const struct clo_mounts no_mounts;

int clo_files_create(struct clo_files **result, struct clo_error *error)
{
    struct clo_files *files = calloc(1, sizeof *files);
    *result = NULL;
    if (!files)
        return clo_fail_memory(error);
    files->handles = calloc(CLO_FILES_OPEN_MAX, sizeof *files->handles);
    if (!files->handles || clo_ahead_create(&files->ahead, error)) {
        clo_files_free(files);
        return clo_fail_memory(error);
    }
    files->mounts = &no_mounts;
    *result = files;
    return 0;
}

/* Of all runs of the process: what they hold open shall not keep the process from opening its own. */
static atomic_uint open_in_all;

static unsigned most_in_all(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > (rlim_t)UINT_MAX)
        return UINT_MAX;
    return (unsigned)(limit.rlim_cur / SHARE);
}

static void close_handle(struct clo_files *files, struct handle *handle)
{
    if (!handle->number)
        return;
    atomic_fetch_sub(&open_in_all, 1);
    if (handle->listing)
        closedir(handle->listing);
    else
        close(handle->fd);
    *handle = (struct handle){0};
    files->open--;
}

void clo_files_begin(struct clo_files *files, const struct clo_mounts *mounts)
{
    files->mounts = mounts;
}

void clo_files_end(struct clo_files *files)
{
    for (size_t i = 0; files->open && i < CLO_FILES_OPEN_MAX; i++)
        close_handle(files, &files->handles[i]);
    files->most = 0;
    files->mounts = &no_mounts;
    clo_ahead_reset(files->ahead);
}

void clo_files_free(struct clo_files *files)
{
    if (!files)
        return;
    if (files->ahead)
        clo_files_end(files);
    clo_ahead_free(files->ahead);
    free(files->handles);
    free(files);
}

/* ---- messages ---- */

static int check(const struct clo_files *files, const uint8_t *message, size_t length,
                 struct look *look, struct clo_error *error)
{
    struct clo_file_request *request = &look->request;
    if (length < sizeof *request)
        return clo_fail(error, CLO_EGUEST, "a look at a file in %zu bytes, where %zu are due",
                        length, sizeof *request);
    memcpy(request, message, sizeof *request);
    if (request->closed_count > CLO_FILE_CLOSED_MAX || request->path_length > CLO_FILE_PATH_MAX ||
        length != sizeof *request + request->closed_count * sizeof(uint32_t) + request->path_length)
        return clo_fail(error, CLO_EGUEST,
                        "a look at a file with %" PRIu32 " handles and a path of %" PRIu32
                        " bytes in %zu",
                        request->closed_count, request->path_length, length);
    look->closed = message + sizeof *request;
    const char *path = (const char *)look->closed + request->closed_count * sizeof(uint32_t);
    if (!clo_beneath_valid(path, request->path_length))
        return clo_fail(error, CLO_EGUEST, "a path that leads elsewhere: \"%.*s\"",
                        (int)(request->path_length < 128 ? request->path_length : 128), path);
    bool by_path =
        request->op == CLO_FILE_OPEN || (request->op == CLO_FILE_STAT && !request->handle);
    if (by_path && request->mount >= files->mounts->count)
        return clo_fail(error, CLO_EGUEST, "mount %" PRIu32 " of %zu", request->mount,
                        files->mounts->count);
    const struct clo_mounted *mounted = by_path ? &files->mounts->all[request->mount] : NULL;
    const char *name = mounted ? mounted->name : NULL;
    look->root = mounted && !(name && request->path_length) ? mounted->root : -1;
    size_t used = 0;
    if (name) {
        used = strlen(name);
        memcpy(look->path, name, used);
    } else {
        used = request->path_length;
        memcpy(look->path, path, used);
    }
    look->path[used] = '\0';
    return 0;
}

static void close_all(struct clo_files *files, const struct look *look)
{
    for (uint32_t i = 0; i < look->request.closed_count; i++) {
        uint32_t number;
        memcpy(&number, look->closed + i * sizeof number, sizeof number);
        struct handle *handle = &files->handles[number % CLO_FILES_OPEN_MAX];
        if (number && handle->number == number)
            close_handle(files, handle);
    }
}

static struct handle *find(struct clo_files *files, uint32_t number)
{
    struct handle *handle = &files->handles[number % CLO_FILES_OPEN_MAX];
    return number && handle->number == number ? handle : NULL;
}

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
static int look_at(const struct look *look, bool follow, struct stat *stat)
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

static int answer_stat(struct clo_files *files, const struct look *look,
                       struct clo_file_reply *reply)
{
    struct stat stat;
    if (look->request.handle) {
        const struct handle *handle = find(files, look->request.handle);
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
static int open_seen(const struct look *look, struct stat *stat)
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

/* NULL with errno: there are too many. */
static struct handle *take_free(struct clo_files *files)
{
    if (files->open >= CLO_FILES_OPEN_MAX)
        return errno = EMFILE, NULL;
    if (!files->most)
        files->most = most_in_all();
    if (atomic_fetch_add(&open_in_all, 1) >= files->most) {
        atomic_fetch_sub(&open_in_all, 1);
        return errno = ENFILE, NULL;
    }
    do
        files->given++;
    while (!files->given || files->handles[files->given % CLO_FILES_OPEN_MAX].number);
    struct handle *handle = &files->handles[files->given % CLO_FILES_OPEN_MAX];
    handle->number = files->given;
    handle->fd = -1;
    files->open++;
    return handle;
}

static int answer_open(struct clo_files *files, const struct look *look, struct clo_buffer *data,
                       struct clo_file_reply *reply, int *descriptor)
{
    struct stat stat;
    struct handle *handle = NULL;
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
        handle = take_free(files);
        why = handle ? 0 : errno;
    }
    if (why) {
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

static int answer_read(struct clo_files *files, const struct look *look, struct clo_buffer *data,
                       struct clo_file_reply *reply)
{
    const struct handle *handle = find(files, look->request.handle);
    struct stat stat;
    if (!handle || handle->listing)
        return handle ? EISDIR : ESTALE;
    int why = read_at(handle->fd, look->request.offset, look->request.length, data, reply);
    if (!why && fstat(handle->fd, &stat) == 0)
        note_end(reply, look->request.offset, &stat);
    return why;
}

static uint32_t entry_type(const struct handle *handle, const struct dirent *entry)
{
    struct stat stat;
    if (entry->d_type != DT_UNKNOWN)
        return clo_file_type((mode_t)DTTOIF(entry->d_type));
    return fstatat(handle->fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW)
               ? 0
               : clo_file_type(stat.st_mode);
}

/* True: there is no room for it. */
static bool put_name(const struct handle *handle, const struct dirent *entry, uint32_t room,
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

static int answer_list(struct clo_files *files, const struct look *look, struct clo_buffer *data,
                       struct clo_file_reply *reply)
{
    struct handle *handle = find(files, look->request.handle);
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

/* Behind the answer to a look by path that went well. What lies beside a file that is mounted alone is
 * none of the run's business. */
static void tell_ahead(struct clo_files *files, const struct look *look, struct clo_buffer *data,
                       struct clo_file_reply *reply)
{
    bool opened = look->request.op == CLO_FILE_OPEN;
    if ((look->request.flags & CLO_FILE_AHEAD) && look->request.path_length > 0 &&
        !look->request.handle &&
        (opened ? reply->type == clo_file_type(S_IFREG) : look->request.op == CLO_FILE_STAT))
        reply->ahead = clo_ahead_append(files->ahead, look->request.mount, look->root, look->path,
                                        opened, data);
}

static int answer_mounts(const struct clo_files *files, struct clo_buffer *data,
                         struct clo_file_reply *reply)
{
    for (size_t i = 0; i < files->mounts->count; i++) {
        const struct clo_mounted *mounted = &files->mounts->all[i];
        struct clo_file_mount told = {.type = mounted->name ? 4 : 3,
                                      .length = (uint32_t)strlen(mounted->place)};
        clo_buffer_append(data, &told, sizeof told);
        clo_buffer_append(data, mounted->place, told.length);
        reply->length += (uint32_t)sizeof told + told.length;
    }
    return data->failed ? ENOMEM : 0;
}

int clo_files_answer(struct clo_files *files, const uint8_t *message, size_t length,
                     struct clo_buffer *data, int *descriptor, struct clo_error *error)
{
    struct look look;
    struct clo_file_reply reply = {0};
    *descriptor = -1;
    int status = check(files, message, length, &look, error);
    if (status)
        return status;
    if (look.request.length > CLO_FILE_DATA_MAX)
        look.request.length = CLO_FILE_DATA_MAX;
    size_t start = data->length;
    if (clo_buffer_append(data, &reply, sizeof reply)) /* its place */
        return clo_fail_memory(error);
    close_all(files, &look);
    int why = 0;
    switch (look.request.op) {
    case CLO_FILE_MOUNTS: why = answer_mounts(files, data, &reply); break;
    case CLO_FILE_STAT: why = answer_stat(files, &look, &reply); break;
    case CLO_FILE_OPEN: why = answer_open(files, &look, data, &reply, descriptor); break;
    case CLO_FILE_READ: why = answer_read(files, &look, data, &reply); break;
    case CLO_FILE_LIST: why = answer_list(files, &look, data, &reply); break;
    case CLO_FILE_CLOSE: break;
    default:
        return clo_fail(error, CLO_EGUEST, "a look at a file of the kind %" PRIu32,
                        look.request.op);
    }
    if (data->no_memory)
        return clo_fail_memory(error);
    if (why) {
        reply = (struct clo_file_reply){.error = clo_file_error(why)};
        data->length = start + sizeof reply;
    } else {
        tell_ahead(files, &look, data, &reply);
        if (data->no_memory)
            return clo_fail_memory(error);
    }
    memcpy(data->data + start, &reply, sizeof reply);
    return 0;
}

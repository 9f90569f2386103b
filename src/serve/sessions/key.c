/* key.c - see key.h. */
#include "serve/sessions/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define NEW_NAME CLO_SNAPSHOT_KEY_NAME ".new"

static int fail(struct clo_error *error, const struct clo_folder *folder, const char *what)
{
    return clo_fail_errno(error, CLO_ESYSTEM, "the key '%s/" CLO_SNAPSHOT_KEY_NAME "' %s",
                          folder->path, what);
}

static int draw(uint8_t key[CLO_SNAPSHOT_KEY_BYTES])
{
    ssize_t got;
    do
        got = getrandom(key, CLO_SNAPSHOT_KEY_BYTES, 0);
    while (got < 0 && errno == EINTR);
    return got == CLO_SNAPSHOT_KEY_BYTES ? 0 : -1; /* so few bytes come at once */
}

/* Who may read it may make snapshots of his own. */
static int check(const struct stat *status, const struct clo_folder *folder,
                 struct clo_error *error)
{
    if (!S_ISREG(status->st_mode) || status->st_size != CLO_SNAPSHOT_KEY_BYTES) {
        clo_fail(error, CLO_EINVALID,
                 "'%s/" CLO_SNAPSHOT_KEY_NAME "' is no key: it has %lld bytes, not %d",
                 folder->path, (long long)status->st_size, CLO_SNAPSHOT_KEY_BYTES);
        return clo_hint(error, CLO_EINVALID,
                        "put the right one back, or remove it: then all sessions begin anew");
    }
    if (status->st_uid != geteuid() || (status->st_mode & 077)) {
        clo_fail(error, CLO_EINVALID,
                 "the key '%s/" CLO_SNAPSHOT_KEY_NAME
                 "' may be read by others: it has mode %04o and "
                 "belongs to user %u",
                 folder->path, status->st_mode & 07777, (unsigned)status->st_uid);
        return clo_hint(error, CLO_EINVALID,
                        "give it to this user with mode 0600; if others had it, remove the folder: "
                        "then all sessions begin anew");
    }
    return 0;
}

static int take(uint8_t key[CLO_SNAPSHOT_KEY_BYTES], int descriptor,
                const struct clo_folder *folder, struct clo_error *error)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0)
        return fail(error, folder, "cannot be read");
    int checked = check(&status, folder, error);
    if (checked < 0)
        return checked;
    ssize_t got = pread(descriptor, key, CLO_SNAPSHOT_KEY_BYTES, 0);
    return got == CLO_SNAPSHOT_KEY_BYTES ? 0 : fail(error, folder, "cannot be read");
}

/* Whole on the disk under another name, then under its own: a crash leaves no half of a key. */
static int write_new(const uint8_t key[CLO_SNAPSHOT_KEY_BYTES], int folder)
{
    if (unlinkat(folder, NEW_NAME, 0) < 0 && errno != ENOENT)
        return -1;
    int descriptor = openat(folder, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            S_IRUSR | S_IWUSR);
    if (descriptor < 0)
        return -1;
    ssize_t written = write(descriptor, key, CLO_SNAPSHOT_KEY_BYTES);
    if (written >= 0 && written < CLO_SNAPSHOT_KEY_BYTES)
        errno = ENOSPC;
    int bad = written != CLO_SNAPSHOT_KEY_BYTES || fsync(descriptor) < 0;
    int code = errno;
    close(descriptor);
    errno = code;
    if (bad)
        return -1;
    return renameat(folder, NEW_NAME, folder, CLO_SNAPSHOT_KEY_NAME) < 0 ? -1 : fsync(folder);
}

int clo_snapshot_key(uint8_t key[CLO_SNAPSHOT_KEY_BYTES], const struct clo_folder *folder,
                     struct clo_error *error)
{
    int descriptor = -1;
    if (!folder->private)
        descriptor =
            openat(folder->descriptor, CLO_SNAPSHOT_KEY_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor >= 0) {
        int status = take(key, descriptor, folder, error);
        close(descriptor);
        return status;
    }
    if (!folder->private && errno != ENOENT)
        return fail(error, folder, "cannot be opened");
    if (draw(key) < 0)
        return fail(error, folder, "cannot be made: the kernel gives no random bytes");
    if (!folder->private && write_new(key, folder->descriptor) < 0)
        return fail(error, folder, "cannot be written");
    return 0;
}

/* folder.c - FILE-files or FILE-snapshots beside the store, or a private folder.
 *
 * A private folder is locked (flock) for as long as its server lives. So one that can be locked was
 * left by a server that died, and goes; a folder in /tmp that is somebody else's is never touched.
 */
#include "serve/store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define PRIVATE_MAX 64 /* bytes of the beginning of a private folder's name */
#define ID_DIGITS 32

const struct clo_folder_kind clo_folder_files = {"files", "file"};
const struct clo_folder_kind clo_folder_snapshots = {"snapshots", "snap"};

void clo_folder_id_make(const struct clo_folder_kind *kind, char id[CLO_ID_MAX])
{
    clo_id_make(id, kind->prefix);
    id[strlen(kind->prefix)] = '-'; /* as clients know such ids */
}

bool clo_folder_id_ok(const struct clo_folder_kind *kind, const char *id)
{
    size_t prefix = strlen(kind->prefix);
    return strncmp(id, kind->prefix, prefix) == 0 && id[prefix] == '-' &&
           strspn(id + prefix + 1, "0123456789abcdef") == ID_DIGITS && !id[prefix + 1 + ID_DIGITS];
}

void clo_folder_draft_name(char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX], const char *id)
{
    snprintf(name, CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX, CLO_FOLDER_DRAFT_PREFIX "%s", id);
}

static bool is_draft(const struct clo_folder_kind *kind, const char *name)
{
    static const size_t prefix = sizeof CLO_FOLDER_DRAFT_PREFIX - 1;
    return strncmp(name, CLO_FOLDER_DRAFT_PREFIX, prefix) == 0 &&
           clo_folder_id_ok(kind, name + prefix);
}

static void private_prefix(char text[PRIVATE_MAX], const struct clo_folder_kind *kind)
{
    snprintf(text, PRIVATE_MAX, "cloche-%s-", kind->name);
}

/* A stream of its own over the folder, from its beginning. */
static DIR *list(int descriptor)
{
    int again = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    if (!stream && again >= 0)
        close(again);
    return stream;
}

int clo_folder_sweep(const struct clo_folder *folder, bool (*keep)(void *context, const char *id),
                     void *context)
{
    DIR *stream = list(folder->descriptor);
    if (!stream)
        return CLO_ESYSTEM;
    for (const struct dirent *entry; (entry = readdir(stream));) {
        const char *name = entry->d_name;
        if (is_draft(folder->kind, name) ||
            (clo_folder_id_ok(folder->kind, name) && !keep(context, name)))
            unlinkat(folder->descriptor, name, 0);
    }
    closedir(stream);
    return 0;
}

static bool keep_none(void *context, const char *id)
{
    (void)context, (void)id;
    return false;
}

/* What a server that is gone has left: only if it is a folder of ours that nobody has locked. */
static void remove_left(const struct clo_folder_kind *kind, int parent, const char *name)
{
    struct stat status;
    struct clo_folder left = {
        .kind = kind,
        .descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (left.descriptor < 0)
        return;
    if (fstat(left.descriptor, &status) == 0 && status.st_uid == geteuid() &&
        flock(left.descriptor, LOCK_EX | LOCK_NB) == 0) {
        clo_folder_sweep(&left, keep_none, NULL);
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(left.descriptor);
}

static void remove_all_left(const struct clo_folder_kind *kind, const char *path)
{
    char prefix[PRIVATE_MAX];
    private_prefix(prefix, kind);
    int parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = parent < 0 ? NULL : list(parent);
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            remove_left(kind, parent, entry->d_name);
    }
    if (stream)
        closedir(stream);
    if (parent >= 0)
        close(parent);
}

/* Between its making and its lock another server may take it for left; then there is no such folder,
 * and the next attempt makes another. */
static int make_private_in(struct clo_folder *folder, const char *parent)
{
    char prefix[PRIVATE_MAX];
    private_prefix(prefix, folder->kind);
    remove_all_left(folder->kind, parent);
    for (int attempt = 0; attempt < 8; attempt++) {
        struct stat status;
        free(folder->path);
        if (asprintf(&folder->path, "%s/%sXXXXXX", parent, prefix) < 0) {
            folder->path = NULL;
            return CLO_ENOMEMORY;
        }
        if (!mkdtemp(folder->path))
            return CLO_ESYSTEM;
        folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder->descriptor >= 0 && flock(folder->descriptor, LOCK_EX | LOCK_NB) == 0 &&
            fstat(folder->descriptor, &status) == 0 && status.st_nlink > 0)
            return 0;
        if (folder->descriptor >= 0)
            close(folder->descriptor);
        folder->descriptor = -1;
    }
    return CLO_ESYSTEM;
}

/* Where a container's root is read-only there is often nothing but /dev/shm. */
static int make_private(struct clo_folder *folder)
{
    const char *wanted = getenv("TMPDIR");
    int status = make_private_in(folder, wanted && *wanted ? wanted : "/tmp");
    return status == CLO_ESYSTEM ? make_private_in(folder, "/dev/shm") : status;
}

static int make_beside(struct clo_folder *folder, const char *store)
{
    struct stat status;
    if (asprintf(&folder->path, "%s-%s", store, folder->kind->name) < 0) {
        folder->path = NULL;
        return CLO_ENOMEMORY;
    }
    if (mkdir(folder->path, 0700) < 0 && errno != EEXIST)
        return CLO_ESYSTEM;
    folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->descriptor < 0 || fstat(folder->descriptor, &status) < 0)
        return CLO_ESYSTEM;
    /* others may have been let in by an earlier hand: what is in it is this user's alone */
    if ((status.st_mode & 077) && fchmod(folder->descriptor, 0700) < 0)
        return CLO_ESYSTEM;
    return 0;
}

int clo_folder_open(struct clo_folder *folder, const struct clo_folder_kind *kind,
                    const char *store, struct clo_error *error)
{
    *folder = (struct clo_folder){.kind = kind, .descriptor = -1, .private = !store};
    int status = store ? make_beside(folder, store) : make_private(folder);
    if (status == CLO_ENOMEMORY)
        clo_fail_memory(error);
    if (status == CLO_ESYSTEM) {
        clo_fail_errno(error, CLO_ESYSTEM, "the folder '%s' for %s cannot be used", folder->path,
                       kind->name);
        clo_hint(error, CLO_ESYSTEM,
                 store ? "let this user write in the folder of the store"
                       : "set TMPDIR to a folder that can be written, or give a --store");
    }
    if (status < 0)
        clo_folder_close(folder);
    return status;
}

void clo_folder_close(struct clo_folder *folder)
{
    if (folder->private && folder->path && folder->descriptor >= 0) {
        clo_folder_sweep(folder, keep_none, NULL);
        rmdir(folder->path);
    }
    if (folder->descriptor >= 0)
        close(folder->descriptor);
    free(folder->path);
    *folder = (struct clo_folder){.descriptor = -1};
}

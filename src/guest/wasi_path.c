/* wasi_path.c - WASI's path functions, on the RAM file system and on what is mounted. */
#include <string.h>

#include "guest/files/hostfs.h"
#include "guest/files/ramfs.h"
#include "wasi.h"

/* False: it is no directory. */
static bool start_of(const struct clo_descriptor *descriptor, struct clo_start *start)
{
    if (descriptor->kind == CLO_FD_HOST) {
        const struct clo_host_file *file = descriptor->file;
        bool shown = file->path_length == file->node->backing_length;
        *start = (struct clo_start){file->node, shown ? NULL : file->path, file->path_length};
        return file->stat.type == CLO_NODE_DIRECTORY;
    }
    *start = (struct clo_start){.node = descriptor->node};
    return descriptor->kind == CLO_FD_NODE && descriptor->node->type == CLO_NODE_DIRECTORY;
}

static uint16_t walk(uint32_t fd, uint32_t path, uint32_t length, bool follow,
                     struct clo_path *found)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);
    struct clo_start start;

    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    if (!start_of(descriptor, &start)) {
        return CLO_E_NOTDIR;
    }
    return clo_path_walk(found, &start, (const char *)clo_linear(path, length), length, follow);
}

/* For what changes something here: nothing of a mount, nor a mount, is changed. In /output there are
 * no links of any kind. */
static uint16_t walk_to_change(uint32_t fd, uint32_t path, uint32_t length, bool follow,
                               struct clo_path *found)
{
    uint16_t error = walk(fd, path, length, follow, found);

    if (error != 0 || found->mounted == NULL) {
        return error;
    }
    return found->mounted->writable ? CLO_E_PERM : CLO_E_ROFS;
}

/* A path whose last component is to be made: it must not be there yet. */
static uint16_t walk_to_new(uint32_t fd, uint32_t path, uint32_t length, struct clo_path *found)
{
    uint16_t error = walk_to_change(fd, path, length, false, found);

    if (error != 0) {
        return error;
    }
    return found->node != NULL ? CLO_E_EXIST : 0;
}

/* A path to something that is there, and not mounted. */
static uint16_t walk_to_node(uint32_t fd, uint32_t path, uint32_t length, bool follow,
                             struct clo_path *found)
{
    uint16_t error = walk_to_change(fd, path, length, follow, found);

    if (error != 0) {
        return error;
    }
    return found->node == NULL ? CLO_E_NOENT : 0;
}

uint32_t CLO_WASI(path_create_directory)(clo_wasi self, uint32_t fd, uint32_t path, uint32_t length)
{
    struct clo_path found;
    struct clo_node *node;
    uint16_t error = walk(fd, path, length, false, &found);

    (void)self;
    if (error != 0 || found.mounted != NULL) {
        return error != 0 ? error : clo_hostfs_make_folder(&found);
    }
    if (found.node != NULL) {
        return CLO_E_EXIST;
    }
    return clo_ramfs_create(found.directory, found.name, found.length, CLO_NODE_DIRECTORY, &node);
}

/* A directory on the way to a mount in a mount, for which the host has no folder there. */
static bool only_here(const struct clo_path *found, uint16_t error)
{
    return found->node != NULL && found->node->backing_length > 0 &&
           (error == CLO_E_NOENT || error == CLO_E_NOTDIR);
}

uint32_t CLO_WASI(path_filestat_get)(clo_wasi self, uint32_t fd, uint32_t flags, uint32_t path,
                                     uint32_t length, uint32_t out)
{
    struct clo_path found;
    struct clo_file_reply stat;
    bool follow = flags & CLO_LOOKUP_FOLLOW;
    uint16_t error = walk(fd, path, length, follow, &found);

    (void)self;
    if (error == 0 && found.mounted != NULL) {
        error = clo_hostfs_stat(&found, follow, &stat);
        if (error == 0) {
            clo_filestat_store_host(out, &stat, found.mounted->mount);
        }
        if (!only_here(&found, error)) {
            return error;
        }
        error = 0;
    }
    if (error == 0 && found.node == NULL) {
        error = CLO_E_NOENT;
    }
    if (error == 0) {
        clo_filestat_store(out, found.node);
    }
    return error;
}

uint32_t CLO_WASI(path_filestat_set_times)(clo_wasi self, uint32_t fd, uint32_t flags,
                                           uint32_t path, uint32_t length, uint64_t accessed,
                                           uint64_t modified, uint32_t which)
{
    struct clo_path found;
    uint16_t error = walk(fd, path, length, flags & CLO_LOOKUP_FOLLOW, &found);

    (void)self;
    if (error == 0 && found.mounted != NULL) {
        return clo_hostfs_set_times_of(&found, accessed, modified, which);
    }
    if (error == 0 && found.node == NULL) {
        error = CLO_E_NOENT;
    }
    return error != 0 ? error : clo_node_set_times(found.node, accessed, modified, which);
}

uint32_t CLO_WASI(path_link)(clo_wasi self, uint32_t from_fd, uint32_t flags, uint32_t from,
                             uint32_t from_length, uint32_t to_fd, uint32_t to, uint32_t to_length)
{
    struct clo_path source, target;
    uint16_t error = walk_to_node(from_fd, from, from_length, flags & CLO_LOOKUP_FOLLOW, &source);

    (void)self;
    if (error == 0) {
        error = walk_to_new(to_fd, to, to_length, &target);
    }
    if (error == 0 && target.slash) {
        error = CLO_E_NOENT;
    }
    if (error != 0) {
        return error;
    }
    return clo_ramfs_link(target.directory, target.name, target.length, source.node);
}

static uint16_t open_new(struct clo_path *found, uint32_t how)
{
    if (!(how & CLO_OPEN_CREATE)) {
        return CLO_E_NOENT;
    }
    if (found->slash || (how & CLO_OPEN_DIRECTORY)) {
        return CLO_E_ISDIR;
    }
    return clo_ramfs_create(found->directory, found->name, found->length, CLO_NODE_FILE,
                            &found->node);
}

static uint16_t open_old(struct clo_path *found, uint32_t how, uint64_t rights)
{
    bool directory = found->node->type == CLO_NODE_DIRECTORY;

    if ((how & CLO_OPEN_CREATE) && (how & CLO_OPEN_EXCLUSIVE)) {
        return CLO_E_EXIST;
    }
    if (found->node->type == CLO_NODE_SYMLINK) {
        return CLO_E_LOOP; /* the caller wanted no link followed */
    }
    if ((how & CLO_OPEN_DIRECTORY) && !directory) {
        return CLO_E_NOTDIR;
    }
    if (directory &&
        ((rights & CLO_RIGHT_WRITE) || (how & (CLO_OPEN_TRUNCATE | CLO_OPEN_CREATE)))) {
        return CLO_E_ISDIR;
    }
    return how & CLO_OPEN_TRUNCATE ? clo_node_resize(found->node, 0) : 0;
}

static uint32_t open_flags(uint32_t how, uint64_t rights)
{
    return (how & CLO_OPEN_DIRECTORY ? CLO_FILE_FOLDER : 0) |
           (how & CLO_OPEN_CREATE ? CLO_FILE_CREATE : 0) |
           (how & CLO_OPEN_EXCLUSIVE ? CLO_FILE_EXCLUSIVE : 0) |
           (how & CLO_OPEN_TRUNCATE ? CLO_FILE_TRUNCATE : 0) |
           (rights & CLO_RIGHT_WRITE ? CLO_FILE_WRITABLE : 0);
}

static uint16_t open_mounted(const struct clo_path *found, uint32_t how, uint64_t rights,
                             uint16_t flags, uint32_t *fd)
{
    struct clo_host_file *file;

    if (!found->mounted->writable &&
        ((rights & CLO_RIGHT_WRITE) || (how & (CLO_OPEN_CREATE | CLO_OPEN_TRUNCATE)))) {
        return CLO_E_ROFS;
    }
    uint16_t error = clo_hostfs_open(found, open_flags(how, rights), &file);
    if (error != 0) {
        return error;
    }
    error = clo_descriptor_open_host(file, rights, CLO_RIGHTS_ALL, flags, fd);
    if (error != 0) {
        clo_hostfs_close(file);
    }
    return error;
}

uint32_t CLO_WASI(path_open)(clo_wasi self, uint32_t fd, uint32_t lookup, uint32_t path,
                             uint32_t length, uint32_t how, uint64_t rights, uint64_t inheriting,
                             uint32_t flags, uint32_t out)
{
    struct clo_path found;
    uint32_t opened;
    /* O_EXCL looks at the name itself, whatever it points to. */
    bool follow = (lookup & CLO_LOOKUP_FOLLOW) && !(how & CLO_OPEN_EXCLUSIVE);
    uint16_t error = walk(fd, path, length, follow, &found);

    (void)self;
    if (error == 0 && found.mounted != NULL) {
        error = open_mounted(&found, how, rights, (uint16_t)flags, &opened);
        if (!only_here(&found, error)) {
            if (error == 0) {
                clo_store32(out, opened);
            }
            return error;
        }
        error = 0;
    }
    if (error == 0) {
        error = found.node == NULL ? open_new(&found, how) : open_old(&found, how, rights);
    }
    if (error != 0) {
        return error;
    }
    if (found.node->type == CLO_NODE_DIRECTORY) {
        inheriting = CLO_RIGHTS_ALL; /* what is opened below may be written */
    }
    error = clo_descriptor_open(found.node, rights, inheriting, (uint16_t)flags, &opened);
    if (error == 0) {
        clo_store32(out, opened);
    }
    return error;
}

/* Where a link of the host leads is the host's affair: it is not followed, and not told. */
static uint16_t readlink_mounted(const struct clo_path *found)
{
    struct clo_file_reply stat;
    uint16_t error = clo_hostfs_stat(found, false, &stat);

    if (error != 0) {
        return error;
    }
    return stat.type == CLO_NODE_SYMLINK ? CLO_E_ACCES : CLO_E_INVAL;
}

uint32_t CLO_WASI(path_readlink)(clo_wasi self, uint32_t fd, uint32_t path, uint32_t length,
                                 uint32_t buffer, uint32_t capacity, uint32_t out)
{
    struct clo_path found;
    uint16_t error = walk(fd, path, length, false, &found);

    (void)self;
    if (error == 0 && found.mounted != NULL) {
        return readlink_mounted(&found);
    }
    if (error == 0 && found.node == NULL) {
        error = CLO_E_NOENT;
    }
    if (error != 0) {
        return error;
    }
    if (found.node->type != CLO_NODE_SYMLINK) {
        return CLO_E_INVAL;
    }
    uint64_t size = clo_node_read(found.node, 0, clo_linear(buffer, capacity), capacity);
    clo_store32(out, (uint32_t)size);
    return 0;
}

/* Unlink, rmdir and rename need the name, not what "." or "/" stand for. */
static uint16_t walk_to_entry(uint32_t fd, uint32_t path, uint32_t length, struct clo_path *found)
{
    uint16_t error = walk(fd, path, length, false, found);

    if (error != 0) {
        return error;
    }
    if (found->mounted != NULL) {
        return found->mounted->writable && found->length == 0 ? CLO_E_INVAL : 0;
    }
    if (found->node == NULL) {
        return CLO_E_NOENT;
    }
    return found->entry == NULL ? CLO_E_INVAL : 0;
}

uint32_t CLO_WASI(path_remove_directory)(clo_wasi self, uint32_t fd, uint32_t path, uint32_t length)
{
    struct clo_path found;
    uint16_t error = walk_to_entry(fd, path, length, &found);

    (void)self;
    if (error == 0 && found.mounted != NULL) {
        return clo_hostfs_remove_folder(&found);
    }
    return error != 0 ? error : clo_ramfs_remove(found.entry);
}

uint32_t CLO_WASI(path_unlink_file)(clo_wasi self, uint32_t fd, uint32_t path, uint32_t length)
{
    struct clo_path found;
    uint16_t error = walk_to_entry(fd, path, length, &found);

    (void)self;
    if (error == 0 && found.mounted != NULL) {
        return clo_hostfs_unlink(&found);
    }
    return error != 0 ? error : clo_ramfs_unlink(found.entry);
}

/* One end at least is the host's: within a mount, or between two file systems. */
static uint16_t rename_mounted(const struct clo_path *source, const struct clo_path *target)
{
    if ((source->mounted != NULL && !source->mounted->writable) ||
        (target->mounted != NULL && !target->mounted->writable)) {
        return CLO_E_ROFS;
    }
    if (source->mounted == NULL || target->mounted == NULL) {
        return CLO_E_XDEV; /* whoever moves files copies them then */
    }
    return source->length == 0 || target->length == 0 ? CLO_E_BUSY
                                                      : clo_hostfs_rename(source, target);
}

uint32_t CLO_WASI(path_rename)(clo_wasi self, uint32_t from_fd, uint32_t from, uint32_t from_length,
                               uint32_t to_fd, uint32_t to, uint32_t to_length)
{
    struct clo_path source, target;
    uint16_t error = walk(from_fd, from, from_length, false, &source);

    (void)self;
    if (error == 0) { /* both ways are walked before either end is looked at */
        error = walk(to_fd, to, to_length, false, &target);
    }
    if (error != 0) {
        return error;
    }
    if (source.mounted != NULL || target.mounted != NULL) {
        return rename_mounted(&source, &target);
    }
    if (source.node == NULL) {
        return CLO_E_NOENT;
    }
    if (source.entry == NULL || target.length == 0) {
        return CLO_E_BUSY; /* "." and "/" cannot be renamed */
    }
    if (target.slash && source.node->type != CLO_NODE_DIRECTORY) {
        return CLO_E_NOTDIR;
    }
    return clo_ramfs_rename(source.entry, target.directory, target.name, target.length);
}

uint32_t CLO_WASI(path_symlink)(clo_wasi self, uint32_t target, uint32_t target_length, uint32_t fd,
                                uint32_t path, uint32_t length)
{
    struct clo_path found;
    struct clo_node *node;
    uint64_t written;
    uint16_t error = walk_to_new(fd, path, length, &found);

    (void)self;
    if (error == 0 && (target_length == 0 || target_length > CLO_PATH_MAX)) {
        error = target_length == 0 ? CLO_E_NOENT : CLO_E_NAMETOOLONG;
    }
    if (error == 0) {
        error =
            clo_ramfs_create(found.directory, found.name, found.length, CLO_NODE_SYMLINK, &node);
    }
    if (error != 0) {
        return error;
    }
    error = clo_node_write(node, 0, clo_linear(target, target_length), target_length, &written);
    if (error == 0 && written == target_length) {
        return 0;
    }
    (void)clo_ramfs_unlink(clo_ramfs_find(found.directory, found.name, found.length));
    return CLO_E_NOSPC;
}

/* ramfs_path.c - from a path to a node: components, "..", symbolic links.
 *
 * A path that begins with '/' starts at the root wherever it comes from: the whole tree belongs to
 * the guest, so there is nothing to escape to. ".." of the root is the root.
 *
 * Below a mount no link is followed, so "." and ".." are resolved here, by the names alone, and the
 * host is given a path without them.
 */
#include <string.h>

#include "guest/files/hostfs.h"
#include "guest/files/ramfs.h"
#include "guest/wasi.h"

/* What is left to walk. A symbolic link's target is put before the rest, so it is a copy that may
 * grow, within CLO_PATH_MAX. */
struct walk {
    uint32_t at, length;
    uint32_t links; /* followed so far */
    char text[CLO_PATH_MAX];
};

static uint16_t put_link(struct walk *walk, struct clo_node *link)
{
    uint32_t rest = walk->length - walk->at;
    uint32_t size = (uint32_t)link->size;

    if (++walk->links > CLO_SYMLINKS_MAX) {
        return CLO_E_LOOP;
    }
    if (link->size + rest > CLO_PATH_MAX) {
        return CLO_E_NAMETOOLONG;
    }
    memmove(walk->text + size, walk->text + walk->at, rest);
    clo_node_read(link, 0, (uint8_t *)walk->text, size);
    walk->at = 0;
    walk->length = size + rest;
    return 0;
}

/* The next component; 0 at the end of the path. */
static uint32_t next_component(struct walk *walk, const char **name)
{
    uint32_t start;

    while (walk->at < walk->length && walk->text[walk->at] == '/') {
        walk->at++;
    }
    start = walk->at;
    while (walk->at < walk->length && walk->text[walk->at] != '/') {
        walk->at++;
    }
    *name = walk->text + start;
    return walk->at - start;
}

static bool has_nul(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (text[i] == '\0') {
            return true;
        }
    }
    return false;
}

static bool only_slashes_left(const struct walk *walk)
{
    for (uint32_t i = walk->at; i < walk->length; i++) {
        if (walk->text[i] != '/') {
            return false;
        }
    }
    return true;
}

static void stay_in(struct clo_path *path, struct clo_node *directory)
{
    path->mounted = NULL;
    path->directory = directory;
    path->node = directory;
    path->entry = NULL;
    path->length = 0;
}

/* From a directory here into what it shows of the host. */
static void go_below(struct clo_path *path, struct clo_node *directory)
{
    path->mounted = directory;
    path->host_length = directory->backing_length;
    memcpy(path->host, directory->backing, directory->backing_length);
}

static uint16_t append_name(struct clo_path *path, const char *name, uint32_t length)
{
    uint32_t slash = path->host_length > 0;

    if (path->host_length + slash + length > CLO_FILE_PATH_MAX) {
        return CLO_E_NAMETOOLONG;
    }
    if (slash) {
        path->host[path->host_length] = '/';
    }
    memcpy(path->host + path->host_length + slash, name, length);
    path->host_length += slash + length;
    path->length = length;
    memcpy(path->name, name, length);
    path->name[length] = '\0';
    return 0;
}

/* One component of a path that has left for the host. */
static uint16_t step_below(struct clo_path *path, const char *name, uint32_t length)
{
    struct clo_file_reply stat;
    struct clo_node *directory = path->mounted;
    bool here = length == 1 && name[0] == '.';

    if (!here && !(length == 2 && name[0] == '.' && name[1] == '.')) {
        return length > CLO_NAME_MAX ? CLO_E_NAMETOOLONG : append_name(path, name, length);
    }
    path->slash = true;
    uint16_t error = clo_hostfs_stat(path, true, &stat); /* a folder? */
    if (error != 0 || here) {
        path->length = 0;
        return error;
    }
    while (path->host_length > 0 && path->host[path->host_length - 1] != '/') {
        path->host_length--;
    }
    path->host_length -= path->host_length > 0;
    path->length = 0;
    if (path->host_length == directory->backing_length) {
        stay_in(path, directory);
    }
    return 0;
}

/* One component. *done: it was the last. */
static uint16_t step(struct clo_path *path, struct walk *walk, bool follow, bool *done)
{
    const char *name;
    uint32_t length = next_component(walk, &name);
    bool last = only_slashes_left(walk);

    *done = last;
    if (length == 0) {
        return 0; /* nothing but slashes: the directory itself */
    }
    path->slash = last && walk->at < walk->length;
    if (path->mounted != NULL) {
        return step_below(path, name, length);
    }
    if (length == 1 && name[0] == '.') {
        stay_in(path, path->node);
        return 0;
    }
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        stay_in(path, path->node->directory.parent);
        return 0;
    }
    if (length > CLO_NAME_MAX) {
        return CLO_E_NAMETOOLONG;
    }
    struct clo_node *directory = path->node;
    struct clo_entry *entry = clo_ramfs_find(directory, name, length);
    if (entry != NULL && entry->node->type == CLO_NODE_SYMLINK &&
        (!last || follow || path->slash)) {
        uint16_t error = put_link(walk, entry->node);
        if (error != 0) {
            return error;
        }
        stay_in(path, walk->length > 0 && walk->text[0] == '/' ? clo_ramfs_root() : directory);
        *done = walk->length == 0;
        return 0;
    }
    path->directory = directory;
    if (entry == NULL && directory->mount != 0) {
        path->entry = NULL;
        path->node = NULL;
        go_below(path, directory);
        return append_name(path, name, length);
    }
    path->entry = entry;
    path->node = entry != NULL ? entry->node : NULL;
    path->length = length;
    memcpy(path->name, name, length);
    path->name[length] = '\0';
    if (last) {
        return path->slash && path->node != NULL && path->node->type != CLO_NODE_DIRECTORY
                   ? CLO_E_NOTDIR
                   : 0;
    }
    if (path->node == NULL) {
        return CLO_E_NOENT;
    }
    return path->node->type == CLO_NODE_DIRECTORY ? 0 : CLO_E_NOTDIR;
}

static void start_at(struct clo_path *path, const struct clo_start *from)
{
    stay_in(path, from->node);
    if (from->host != NULL) {
        path->node = NULL;
        path->mounted = from->node;
        path->host_length = from->host_length;
        memcpy(path->host, from->host, from->host_length);
    }
}

uint16_t clo_path_walk(struct clo_path *path, const struct clo_start *from, const char *text,
                       uint32_t length, bool follow)
{
    struct walk walk;
    bool done = false;
    uint16_t error = 0;

    if (length == 0) {
        return CLO_E_NOENT;
    }
    if (length > CLO_PATH_MAX) {
        return CLO_E_NAMETOOLONG;
    }
    memcpy(walk.text, text, length);
    walk.at = 0;
    walk.length = length;
    walk.links = 0;
    if (has_nul(walk.text, length)) {
        return CLO_E_INVAL;
    }
    path->slash = false;
    error = clo_hostfs_start();
    if (walk.text[0] == '/') {
        stay_in(path, clo_ramfs_root());
    } else {
        start_at(path, from);
    }
    while (!done && error == 0) {
        error = step(path, &walk, follow, &done);
    }
    if (error == 0 && path->mounted == NULL && path->node != NULL && path->node->mount != 0) {
        go_below(path, path->node);
    }
    return error;
}

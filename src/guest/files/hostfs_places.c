/* hostfs_places.c - where mounts stand in the tree (hostfs.h). */
#include <string.h>

#include "guest/files/hostfs.h"
#include "guest/files/hostfs_call.h"
#include "guest/files/ramfs.h"
#include "guest/wasi.h"

static bool started;    /* the mounts of this run are in the tree */
static bool has_former; /* those of the last run may be, too */

/* What a new directory in `above`, which may show a folder of the host, shows itself. */
static uint16_t inherit(struct clo_node *node, const struct clo_node *above, const char *name,
                        uint32_t length)
{
    char path[CLO_FILE_PATH_MAX];
    uint32_t used = above->backing_length;

    if (above->mount == 0) {
        return 0;
    }
    if (used + 1 + length > sizeof path) {
        return CLO_E_NAMETOOLONG;
    }
    memcpy(path, above->backing, used);
    if (used > 0) {
        path[used++] = '/';
    }
    memcpy(path + used, name, length);
    node->backing = clo_hostfs_copy(path, used + length);
    if (node->backing == NULL) {
        return CLO_E_NOSPC;
    }
    node->mount = above->mount;
    node->backing_length = used + length;
    return 0;
}

/* The node with this name in `above`, which is not sealed yet; made where it is not there. */
static uint16_t place_name(struct clo_node *above, const char *name, uint32_t length,
                           enum clo_node_type type, struct clo_node **node)
{
    struct clo_entry *entry = clo_ramfs_find(above, name, length);
    uint16_t error;

    if (entry != NULL) {
        *node = entry->node;
        return entry->node->type == CLO_NODE_DIRECTORY ? 0 : CLO_E_NOTDIR;
    }
    above->sealed = false;
    error = clo_ramfs_create(above, name, length, type, node);
    above->sealed = above != clo_ramfs_root();
    return error != 0 ? error : inherit(*node, above, name, length);
}

static uint16_t place(uint32_t mount, const struct clo_file_mount *told, const char *path)
{
    uint32_t length = told->length;
    struct clo_node *node = clo_ramfs_root();
    uint32_t at = 0;

    while (at < length) {
        uint32_t start = ++at; /* behind a slash */
        while (at < length && path[at] != '/') {
            at++;
        }
        uint16_t error = place_name(
            node, path + start, at - start,
            at == length && told->type == CLO_NODE_FILE ? CLO_NODE_FILE : CLO_NODE_DIRECTORY,
            &node);
        if (error != 0) {
            return error;
        }
        node->sealed = true;
    }
    node->mount = mount + 1;
    node->writable = told->flags & CLO_MOUNT_WRITABLE;
    node->backing = NULL;
    node->backing_length = 0;
    return 0;
}

/* Take what was placed in the tree out of it again, but for what the program made there. */
static void take_away(struct clo_entry *entry)
{
    struct clo_node *node = entry->node;
    struct clo_entry *below, *next;

    if (!node->sealed) {
        return;
    }
    node->sealed = false;
    node->writable = false;
    node->mount = 0;
    if (node->backing != NULL) {
        clo_heap_free(node->backing, node->backing_length);
        node->backing = NULL;
        node->backing_length = 0;
    }
    if (node->type != CLO_NODE_DIRECTORY) {
        (void)clo_ramfs_unlink(entry);
        return;
    }
    for (below = node->directory.first; below != NULL; below = next) {
        next = below->next;
        take_away(below);
    }
    (void)clo_ramfs_remove(entry);
}

void clo_hostfs_begin(void)
{
    if (started) {
        clo_hostfs_forget();
    }
    has_former |= started;
    started = false;
}

static void forget_former(void)
{
    struct clo_entry *entry, *next;

    for (entry = clo_ramfs_root()->directory.first; has_former && entry != NULL; entry = next) {
        next = entry->next;
        take_away(entry);
    }
    has_former = false;
}

uint16_t clo_hostfs_start(void)
{
    struct clo_file_request request = {
        .op = CLO_FILE_MOUNTS, .length = CLO_FILE_DATA_MAX, .time_ns = clo_clock_realtime()};
    struct clo_file_reply reply;
    uint32_t at = 0, mount = 0;

    if (started) {
        return 0;
    }
    forget_former();
    if (!(CLO_CONTROL->run_flags & CLO_FILES_PRESENT)) {
        return 0;
    }
    uint16_t error = clo_hostfs_call(&request, NULL, NULL, &reply);
    while (error == 0 && at < reply.length) {
        struct clo_file_mount told;
        memcpy(&told, clo_hostfs_data() + at, sizeof told);
        at += sizeof told;
        error = place(mount++, &told, (const char *)clo_hostfs_data() + at);
        at += told.length;
    }
    started = error == 0;
    return error;
}

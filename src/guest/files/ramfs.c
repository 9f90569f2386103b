/* ramfs.c - directories of the RAM file system: names, links, renames (see ramfs.h). */
#include "guest/files/ramfs.h"

#include <string.h>

#include "guest/wasi.h"

#define BUCKETS 1024u

static struct clo_entry *buckets[BUCKETS];
static struct clo_node *root;
static uint64_t next_inode = 1;
static uint32_t node_count;

static uint32_t hash_name(const struct clo_node *directory, const char *name, uint32_t length)
{
    uint32_t hash = 2166136261u ^ (uint32_t)directory->inode * 2654435761u;

    for (uint32_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u; /* FNV-1a */
    }
    return hash ^ hash >> 15;
}

static uint32_t entry_size(uint32_t length)
{
    return (uint32_t)sizeof(struct clo_entry) + length;
}

static struct clo_node *node_create(enum clo_node_type type)
{
    struct clo_node *node;

    if (node_count >= CLO_NODES_MAX) {
        return NULL;
    }
    node = clo_heap_alloc(sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    node_count++;
    node->type = type;
    node->inode = next_inode++;
    node->accessed_ns = node->modified_ns = node->changed_ns = clo_clock_realtime();
    if (type == CLO_NODE_DIRECTORY) {
        node->directory.next_cookie = 3;
    }
    return node;
}

static void node_free_if_unused(struct clo_node *node)
{
    if (node->links > 0 || node->opens > 0) {
        return;
    }
    if (node->type != CLO_NODE_DIRECTORY) {
        (void)clo_node_resize(node, 0); /* shrinking cannot fail */
    }
    node_count--;
    clo_heap_free(node, sizeof *node);
}

void clo_node_hold(struct clo_node *node)
{
    node->opens++;
}

void clo_node_release(struct clo_node *node)
{
    node->opens--;
    node_free_if_unused(node);
}

struct clo_node *clo_ramfs_root(void)
{
    return root;
}

void clo_ramfs_start(void)
{
    struct clo_node *tmp, *dev, *null;

    root = node_create(CLO_NODE_DIRECTORY);
    if (root == NULL) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
    root->links = 1;
    root->directory.parent = root;
    if (clo_ramfs_create(root, "tmp", 3, CLO_NODE_DIRECTORY, &tmp) != 0 ||
        clo_ramfs_create(root, "dev", 3, CLO_NODE_DIRECTORY, &dev) != 0 ||
        clo_ramfs_create(dev, "null", 4, CLO_NODE_NULL, &null) != 0) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
}

struct clo_entry *clo_ramfs_find(struct clo_node *directory, const char *name, uint32_t length)
{
    uint32_t hash = hash_name(directory, name, length);
    struct clo_entry *entry = buckets[hash % BUCKETS];

    for (; entry != NULL; entry = entry->next_in_bucket) {
        if (entry->hash == hash && entry->directory == directory && entry->length == length &&
            memcmp(entry->name, name, length) == 0) {
            break;
        }
    }
    return entry;
}

static void touch(struct clo_node *node)
{
    node->modified_ns = node->changed_ns = clo_clock_realtime();
}

static void entry_insert(struct clo_entry *entry, struct clo_node *directory)
{
    struct clo_entry **bucket;

    entry->directory = directory;
    entry->hash = hash_name(directory, entry->name, entry->length);
    bucket = &buckets[entry->hash % BUCKETS];
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    entry->cookie = directory->directory.next_cookie++;
    entry->next = NULL;
    entry->previous = directory->directory.last;
    if (entry->previous != NULL) {
        entry->previous->next = entry;
    } else {
        directory->directory.first = entry;
    }
    directory->directory.last = entry;
    touch(directory);
}

static void entry_take_out(struct clo_entry *entry)
{
    struct clo_node *directory = entry->directory;
    struct clo_entry **link = &buckets[entry->hash % BUCKETS];

    while (*link != entry) {
        link = &(*link)->next_in_bucket;
    }
    *link = entry->next_in_bucket;
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        directory->directory.first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    } else {
        directory->directory.last = entry->previous;
    }
    touch(directory);
}

static uint16_t entry_create(struct clo_node *directory, const char *name, uint32_t length,
                             struct clo_node *node)
{
    struct clo_entry *entry;

    if (directory->sealed) {
        return CLO_E_ROFS;
    }
    if (directory->links == 0) {
        return CLO_E_NOENT; /* removed while somebody holds it open */
    }
    entry = clo_heap_alloc(entry_size(length));
    if (entry == NULL) {
        return CLO_E_NOSPC;
    }
    entry->node = node;
    entry->length = length;
    memcpy(entry->name, name, length);
    entry_insert(entry, directory);
    node->links++;
    node->changed_ns = clo_clock_realtime();
    return 0;
}

static uint32_t depth(const struct clo_node *directory)
{
    uint32_t levels = 0;

    while (directory->directory.parent != directory) {
        directory = directory->directory.parent;
        levels++;
    }
    return levels;
}

uint16_t clo_ramfs_create(struct clo_node *directory, const char *name, uint32_t length,
                          enum clo_node_type type, struct clo_node **node)
{
    struct clo_node *made;
    uint16_t error;

    if (type == CLO_NODE_DIRECTORY && depth(directory) >= CLO_DEPTH_MAX) {
        return CLO_E_NAMETOOLONG;
    }
    made = node_create(type);
    if (made == NULL) {
        return CLO_E_NOSPC;
    }
    error = entry_create(directory, name, length, made);
    if (error != 0) {
        node_free_if_unused(made);
        return error;
    }
    if (type == CLO_NODE_DIRECTORY) {
        made->directory.parent = directory;
    }
    *node = made;
    return 0;
}

uint16_t clo_ramfs_link(struct clo_node *directory, const char *name, uint32_t length,
                        struct clo_node *node)
{
    if (node->type == CLO_NODE_DIRECTORY) {
        return CLO_E_PERM;
    }
    return entry_create(directory, name, length, node);
}

static void entry_drop(struct clo_entry *entry)
{
    struct clo_node *node = entry->node;

    entry_take_out(entry);
    clo_heap_free(entry, entry_size(entry->length));
    node->links--;
    node->changed_ns = clo_clock_realtime();
    if (node->type == CLO_NODE_DIRECTORY) {
        node->directory.parent = root; /* its own may go before a descriptor lets go of it */
    }
    node_free_if_unused(node);
}

/* May the name be taken away? */
static uint16_t may_drop(const struct clo_entry *entry)
{
    if (entry->directory->sealed) {
        return CLO_E_ROFS;
    }
    return entry->node->sealed ? CLO_E_BUSY : 0;
}

uint16_t clo_ramfs_unlink(struct clo_entry *entry)
{
    uint16_t error = may_drop(entry);

    if (error != 0) {
        return error;
    }
    if (entry->node->type == CLO_NODE_DIRECTORY) {
        return CLO_E_ISDIR;
    }
    entry_drop(entry);
    return 0;
}

uint16_t clo_ramfs_remove(struct clo_entry *entry)
{
    uint16_t error = may_drop(entry);

    if (error != 0) {
        return error;
    }
    if (entry->node->type != CLO_NODE_DIRECTORY) {
        return CLO_E_NOTDIR;
    }
    if (entry->node->directory.first != NULL) {
        return CLO_E_NOTEMPTY;
    }
    entry_drop(entry);
    return 0;
}

/* May `from` take the place of what is there? */
static uint16_t may_replace(const struct clo_node *from, const struct clo_node *there)
{
    bool from_directory = from->type == CLO_NODE_DIRECTORY;

    if (there->type == CLO_NODE_DIRECTORY) {
        if (!from_directory) {
            return CLO_E_ISDIR;
        }
        return there->directory.first != NULL ? CLO_E_NOTEMPTY : 0;
    }
    return from_directory ? CLO_E_NOTDIR : 0;
}

uint16_t clo_ramfs_rename(struct clo_entry *from, struct clo_node *directory, const char *name,
                          uint32_t length)
{
    struct clo_node *node = from->node, *above = directory;
    struct clo_entry *there = clo_ramfs_find(directory, name, length), *entry;
    uint16_t error;

    error = directory->sealed ? CLO_E_ROFS : may_drop(from);
    if (error == 0 && there != NULL) {
        error = may_drop(there);
    }
    if (error != 0) {
        return error;
    }
    if (there != NULL && there->node == node) {
        return 0; /* two names of one file: POSIX says to do nothing */
    }
    if (directory->links == 0) {
        return CLO_E_NOENT;
    }
    if (node->type == CLO_NODE_DIRECTORY) {
        for (; above != above->directory.parent; above = above->directory.parent) {
            if (above == node) {
                return CLO_E_INVAL; /* into itself */
            }
        }
        if (depth(directory) >= CLO_DEPTH_MAX) {
            return CLO_E_NAMETOOLONG;
        }
    }
    for (above = from->directory; there != NULL; above = above->directory.parent) {
        if (there->node == above) {
            return CLO_E_NOTEMPTY; /* onto a directory that it lies in */
        }
        if (above == root) {
            break;
        }
    }
    error = there != NULL ? may_replace(node, there->node) : 0;
    if (error != 0) {
        return error;
    }
    entry = clo_heap_alloc(entry_size(length)); /* before anything changes */
    if (entry == NULL) {
        return CLO_E_NOSPC;
    }
    if (there != NULL) {
        entry_drop(there);
    }
    entry->node = node;
    entry->length = length;
    memcpy(entry->name, name, length);
    entry_insert(entry, directory);
    entry_take_out(from);
    clo_heap_free(from, entry_size(from->length));
    if (node->type == CLO_NODE_DIRECTORY) {
        node->directory.parent = directory;
    }
    node->changed_ns = clo_clock_realtime();
    return 0;
}

struct clo_entry *clo_ramfs_after(struct clo_node *directory, uint64_t cookie)
{
    struct clo_entry *entry = directory->directory.first;

    while (entry != NULL && entry->cookie <= cookie) {
        entry = entry->next;
    }
    return entry;
}

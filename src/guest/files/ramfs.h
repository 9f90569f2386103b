/* ramfs.h - the file system that lives in the guest's memory and ends with the run.
 *
 * Invariants
 * - A node is a file, a directory, a symbolic link or /dev/null. It lives while a directory names
 *   it (`links`) or a descriptor holds it (`opens`); the last of the two to go frees it and its
 *   blocks.
 * - Every directory but the root has one parent; there are no hard links to directories, and a
 *   directory never becomes its own ancestor.
 * - Names are 1 to CLO_NAME_MAX bytes without '/' and NUL; no two are equal in one directory.
 * - A block that is not there reads as zeros. Bytes beyond `size` in the last block are zero.
 * - Functions return 0 or a WASI errno (wasi.h).
 * - What is mounted from the host is not in here, but for the directories on the way to it. A node
 *   with a `mount` shows a folder or file of the host as well: a name that is not found in it is the
 *   host's (hostfs.h).
 *
 * Blocks of a file, as in the first Unix: direct[8] -> block
 *                                         indirect -> 512 pointers -> block
 *                                         twice    -> 512 pointers -> 512 pointers -> block
 */
#ifndef CLO_GUEST_FILES_RAMFS_H
#define CLO_GUEST_FILES_RAMFS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/files.h"
#include "guest/runtime.h"

#define CLO_NAME_MAX 255u
#define CLO_PATH_MAX 4096u
#define CLO_SYMLINKS_MAX 40u /* followed in one path */
#define CLO_DEPTH_MAX 256u   /* directories above a new one */
#define CLO_NODES_MAX 65536u /* in the whole file system */

#define CLO_DIRECT 8u
#define CLO_POINTERS (CLO_BLOCK_SIZE / 8u)
#define CLO_FILE_MAX                                                                               \
    ((CLO_DIRECT + CLO_POINTERS + (uint64_t)CLO_POINTERS * CLO_POINTERS) * CLO_BLOCK_SIZE)

enum clo_node_type {                    /* the numbers are WASI's */
                     CLO_NODE_NULL = 2, /* /dev/null: always at its end, takes everything */
                     CLO_NODE_DIRECTORY = 3,
                     CLO_NODE_FILE = 4,
                     CLO_NODE_SYMLINK = 7,
};

struct clo_entry;

struct clo_node {
    enum clo_node_type type;
    uint32_t links;
    uint32_t opens;
    uint64_t inode;
    uint64_t size;
    uint64_t accessed_ns, modified_ns, changed_ns;
    union {
        struct {
            struct clo_node *parent; /* the root's is itself */
            struct clo_entry *first, *last;
            uint64_t next_cookie;
        } directory;
        uint8_t *direct[CLO_DIRECT]; /* file, symbolic link */
    };
    uint8_t **indirect;
    uint8_t ***twice;
    /* On the way to a mount, or one (hostfs.h): nothing here is made, changed or taken away. */
    bool sealed;
    bool writable;  /* a mount in which the run writes: /output */
    uint32_t mount; /* 1 + the number of the mount that it shows; 0: none, all is here */
    char *backing;  /* its path below that mount's root, `backing_length` bytes; NULL: the root */
    uint32_t backing_length;
};

/* A name in a directory: in the directory's list, in order of creation, and in the hash table. */
struct clo_entry {
    struct clo_node *directory, *node;
    struct clo_entry *previous, *next;
    struct clo_entry *next_in_bucket;
    uint64_t cookie; /* ascending along the list; 1 and 2 are "." and ".." */
    uint32_t hash;
    uint32_t length;
    char name[];
};

void clo_ramfs_start(void); /* while the image is built: "/", "/tmp", "/dev/null" */
struct clo_node *clo_ramfs_root(void);

/* directories: ramfs.c */
struct clo_entry *clo_ramfs_find(struct clo_node *directory, const char *name, uint32_t length);
uint16_t clo_ramfs_create(struct clo_node *directory, const char *name, uint32_t length,
                          enum clo_node_type type, struct clo_node **node);
uint16_t clo_ramfs_link(struct clo_node *directory, const char *name, uint32_t length,
                        struct clo_node *node);
uint16_t clo_ramfs_unlink(struct clo_entry *entry);
uint16_t clo_ramfs_remove(struct clo_entry *entry); /* an empty directory */
uint16_t clo_ramfs_rename(struct clo_entry *from, struct clo_node *directory, const char *name,
                          uint32_t length);
struct clo_entry *clo_ramfs_after(struct clo_node *directory, uint64_t cookie);
void clo_node_hold(struct clo_node *node);
void clo_node_release(struct clo_node *node);

/* contents: ramfs_data.c */
uint64_t clo_node_read(struct clo_node *node, uint64_t offset, uint8_t *out, uint64_t length);
uint16_t clo_node_write(struct clo_node *node, uint64_t offset, const uint8_t *in, uint64_t length,
                        uint64_t *written);
uint16_t clo_node_resize(struct clo_node *node, uint64_t size);

/* names: ramfs_path.c. Walk a path from a directory. The last component is left in *last (inside
 * the caller's struct); `node` is what it names, or NULL when there is nothing.
 *
 * `mounted` is not NULL where the path leads to the host: what it names is `host` below that node's
 * mount. What there is, nobody has looked at; `slash` says that it must be a folder. `node` may be
 * there as well: a directory that shows the host's of that place, or the mount itself. */
struct clo_path {
    struct clo_node *directory; /* that holds the last component */
    struct clo_entry *entry;    /* NULL: nothing there, or the path names a directory by "." etc. */
    struct clo_node *node;
    bool slash;      /* the path ended in '/': it means a directory */
    uint32_t length; /* of the last component; 0: ".", "..", "/" */
    char name[CLO_NAME_MAX + 1];
    struct clo_node *mounted;
    uint32_t host_length;
    char host[CLO_FILE_PATH_MAX];
};

/* Where a relative path begins: a directory, or what is `host` below the mount of one. */
struct clo_start {
    struct clo_node *node;
    const char *host; /* NULL: the directory itself */
    uint32_t host_length;
};
uint16_t clo_path_walk(struct clo_path *path, const struct clo_start *from, const char *text,
                       uint32_t length, bool follow);

#endif

/* sandbox/artifacts/artifact_tree.h - the files and folders of /output while a run has them.
 *
 * A tree in memory: names are 1 to 255 bytes without '/' and NUL, none "." or ".."; paths are names
 * that '/' separates, "" the root, as clo_beneath_valid takes them. There are no links of any kind.
 *
 * A file that is open (clo_artifact_open) stays until it is closed, though it may have lost its name.
 * Functions return 0 or an errno, of Linux, as the system call of that name would fail.
 */
#ifndef CLO_SANDBOX_ARTIFACTS_ARTIFACT_TREE_H
#define CLO_SANDBOX_ARTIFACTS_ARTIFACT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "abi/files.h"
#include "cloche/sandbox.h"
#include "sandbox/artifacts/spool.h"

#define CLO_ARTIFACT_FOLDERS_MAX 4096u
#define CLO_ARTIFACT_NAME_MAX 255u
#define CLO_ARTIFACT_PATH_MAX CLO_FILE_PATH_MAX /* bytes, so that each can be named in a request */

TAILQ_HEAD(clo_artifact_nodes, clo_artifact_node);

struct clo_artifact_node {
    struct clo_artifact_node *parent; /* NULL: the root, or it has lost its name */
    struct clo_artifact_node *next_in_bucket;
    TAILQ_ENTRY(clo_artifact_node) entry; /* among its parent's, by `order` */
    struct clo_artifact_nodes below;      /* of a folder */
    uint64_t order;                       /* ascending in the tree; anew when it is renamed */
    uint64_t number;                      /* its inode */
    uint64_t size;
    uint64_t accessed_ns, modified_ns, changed_ns;
    uint32_t hash;
    uint32_t slot,
        copied; /* in the spool, and in one that it is copied to; UINT32_MAX: no contents */
    uint32_t opens;
    bool folder, named;
    bool changed;   /* a file that was made, written or moved since the run began */
    uint8_t length; /* of the name */
    char *name;
};

struct clo_artifact_tree;

/* Errors: CLO_ENOMEMORY. */
int clo_artifact_tree_create(struct clo_artifact_tree **tree, struct clo_error *error);
void clo_artifact_tree_free(struct clo_artifact_tree *tree);  /* NULL is allowed */
void clo_artifact_tree_clear(struct clo_artifact_tree *tree); /* all goes, and its spool */

/* A run begins, under these limits. keep: with what is there, else it is empty. What a
 * result holds is copied. Errors: CLO_ENOMEMORY, CLO_ESYSTEM (there is no room for the copy). */
int clo_artifact_tree_begin(struct clo_artifact_tree *tree, const struct clo_limits *limits,
                            bool keep, struct clo_error *error);

/* The quota that something was refused for first in this run, or CLO_LIMIT_NONE; *value: what it is. */
enum clo_limit clo_artifact_tree_refused(const struct clo_artifact_tree *tree, uint64_t *value);

/* The code looks for the first time: that is when /output was made, by its clock. */
void clo_artifact_tree_seen(struct clo_artifact_tree *tree, uint64_t now_ns);

struct clo_artifact_node *clo_artifact_tree_root(struct clo_artifact_tree *tree);
struct clo_spool *clo_artifact_tree_spool(struct clo_artifact_tree *tree); /* NULL: no contents */
size_t clo_artifact_tree_files(const struct clo_artifact_tree *tree);

/* ---- names ---- */

#define CLO_ARTIFACT_CREATE 1u
#define CLO_ARTIFACT_EXCLUSIVE 2u
#define CLO_ARTIFACT_TRUNCATE 4u
#define CLO_ARTIFACT_WRITE 8u
#define CLO_ARTIFACT_FOLDER 16u /* what is no folder is ENOTDIR */

int clo_artifact_find(struct clo_artifact_tree *tree, const char *path, size_t length,
                      struct clo_artifact_node **node);
int clo_artifact_open(struct clo_artifact_tree *tree, const char *path, size_t length,
                      unsigned flags, uint64_t now_ns, struct clo_artifact_node **node);
void clo_artifact_close(struct clo_artifact_tree *tree, struct clo_artifact_node *node);
int clo_artifact_mkdir(struct clo_artifact_tree *tree, const char *path, size_t length,
                       uint64_t now_ns);
int clo_artifact_unlink(struct clo_artifact_tree *tree, const char *path, size_t length,
                        uint64_t now_ns);
int clo_artifact_rmdir(struct clo_artifact_tree *tree, const char *path, size_t length,
                       uint64_t now_ns);
int clo_artifact_rename(struct clo_artifact_tree *tree, const char *from, size_t from_length,
                        const char *to, size_t to_length, bool folder, uint64_t now_ns);

/* The first of a folder's whose order is above `after`; NULL: there are no more. */
struct clo_artifact_node *clo_artifact_after(struct clo_artifact_node *folder, uint64_t after);
/* The one that comes after it when all are gone through, folders before what is in them; NULL: it was
 * the last. */
struct clo_artifact_node *clo_artifact_next(struct clo_artifact_node *node);
size_t clo_artifact_path_length(const struct clo_artifact_node *node);

/* ---- contents: artifact_data.c ---- */

/* Up to `length` bytes: *written says how many there was room for, and is 0 with an error. */
int clo_artifact_node_write(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                            uint64_t offset, const void *data, size_t length, uint64_t now_ns,
                            size_t *written);
int clo_artifact_node_read(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                           uint64_t offset, void *data, size_t length, size_t *got);
int clo_artifact_node_resize(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                             uint64_t size, uint64_t now_ns);

#endif

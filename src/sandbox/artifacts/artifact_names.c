/* artifact_names.c - the tree and its names: making, finding, renaming, taking away. */
#include "sandbox/artifacts/artifact_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/artifacts/artifact_state.h"
#include "sandbox/run/limits.h"

#define BUCKETS_MIN 64u

int clo_artifact_refuse(struct clo_artifact_tree *tree, enum clo_limit limit)
{
    if (!tree->refused)
        tree->refused = limit;
    return limit == CLO_LIMIT_ARTIFACT_FILE_BYTES ? EFBIG : EDQUOT;
}

/* ---- the table of names ---- */

static uint32_t hash_name(const struct clo_artifact_node *parent, const char *name, size_t length)
{
    uint32_t hash = 2166136261u ^ (uint32_t)parent->number * 2654435761u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u; /* FNV-1a */
    return hash ^ hash >> 15;
}

static struct clo_artifact_node **bucket_of(struct clo_artifact_tree *tree, uint32_t hash)
{
    return &tree->buckets[hash & (tree->bucket_count - 1)];
}

static struct clo_artifact_node *look_up(struct clo_artifact_tree *tree,
                                         const struct clo_artifact_node *parent, const char *name,
                                         size_t length)
{
    uint32_t hash = hash_name(parent, name, length);
    struct clo_artifact_node *node = *bucket_of(tree, hash);
    while (node && (node->hash != hash || node->parent != parent || node->length != length ||
                    memcmp(node->name, name, length) != 0))
        node = node->next_in_bucket;
    return node;
}

/* As many buckets as names; where there is no memory for more it gets slower. */
static void grow_table(struct clo_artifact_tree *tree)
{
    size_t count = tree->bucket_count * 2;
    if (tree->files + tree->folders < tree->bucket_count)
        return;
    struct clo_artifact_node **grown = calloc(count, sizeof *grown);
    if (!grown)
        return;
    struct clo_artifact_node **old = tree->buckets;
    size_t old_count = tree->bucket_count;
    tree->buckets = grown;
    tree->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct clo_artifact_node *node = old[i], *next; node; node = next) {
            struct clo_artifact_node **bucket = bucket_of(tree, node->hash);
            next = node->next_in_bucket;
            node->next_in_bucket = *bucket;
            *bucket = node;
        }
    }
    free(old);
}

/* ---- nodes ---- */

static void free_node(struct clo_artifact_tree *tree, struct clo_artifact_node *node)
{
    clo_artifact_drop_data(tree, node);
    free(node->name);
    free(node);
}

static void put_in(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                   struct clo_artifact_node *parent, uint64_t now_ns)
{
    node->parent = parent;
    node->named = true;
    node->hash = hash_name(parent, node->name, node->length);
    struct clo_artifact_node **bucket = bucket_of(tree, node->hash);
    node->next_in_bucket = *bucket;
    *bucket = node;
    node->order = ++tree->orders;
    TAILQ_INSERT_TAIL(&parent->below, node, entry);
    parent->modified_ns = parent->changed_ns = node->changed_ns = now_ns;
}

static void take_out(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                     uint64_t now_ns)
{
    struct clo_artifact_node **link = bucket_of(tree, node->hash);
    while (*link != node)
        link = &(*link)->next_in_bucket;
    *link = node->next_in_bucket;
    TAILQ_REMOVE(&node->parent->below, node, entry);
    node->parent->modified_ns = node->parent->changed_ns = node->changed_ns = now_ns;
    node->parent = NULL;
    node->named = false;
}

/* It loses its name, and goes if nobody has it open. */
static void drop_name(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                      uint64_t now_ns)
{
    take_out(tree, node, now_ns);
    *(node->folder ? &tree->folders : &tree->files) -= 1;
    if (!node->opens)
        free_node(tree, node);
}

static char *copy_name(const char *name, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy) {
        memcpy(copy, name, length);
        copy[length] = '\0';
    }
    return copy;
}

static int make(struct clo_artifact_tree *tree, struct clo_artifact_node *parent, const char *name,
                size_t length, bool folder, uint64_t now_ns, struct clo_artifact_node **made)
{
    if (folder && tree->folders >= CLO_ARTIFACT_FOLDERS_MAX)
        return EDQUOT;
    if (!folder && tree->files >= tree->limits.artifact_files)
        return clo_artifact_refuse(tree, CLO_LIMIT_ARTIFACT_FILES);
    struct clo_artifact_node *node = calloc(1, sizeof *node);
    if (node)
        node->name = copy_name(name, length);
    if (!node || !node->name) {
        free(node);
        return ENOMEM;
    }
    TAILQ_INIT(&node->below);
    node->length = (uint8_t)length;
    node->folder = folder;
    node->slot = CLO_NO_SLOT;
    node->changed = true;
    node->number = ++tree->numbers;
    node->accessed_ns = node->modified_ns = now_ns;
    *(folder ? &tree->folders : &tree->files) += 1;
    grow_table(tree);
    put_in(tree, node, parent, now_ns);
    *made = node;
    return 0;
}

/* ---- the tree ---- */

int clo_artifact_tree_create(struct clo_artifact_tree **result, struct clo_error *error)
{
    struct clo_artifact_tree *tree = calloc(1, sizeof *tree);
    *result = NULL;
    if (tree)
        tree->buckets = calloc(BUCKETS_MIN, sizeof *tree->buckets);
    if (!tree || !tree->buckets) {
        free(tree);
        return clo_fail_memory(error);
    }
    tree->bucket_count = BUCKETS_MIN;
    TAILQ_INIT(&tree->root.below);
    tree->root.folder = tree->root.named = true;
    tree->root.number = tree->numbers = 1;
    tree->root.slot = CLO_NO_SLOT;
    *result = tree;
    return 0;
}

/* The last of what is below a folder, so that going backwards frees what is in one before it. */
static struct clo_artifact_node *deepest(struct clo_artifact_node *node)
{
    while (!TAILQ_EMPTY(&node->below))
        node = TAILQ_LAST(&node->below, clo_artifact_nodes);
    return node;
}

void clo_artifact_tree_clear(struct clo_artifact_tree *tree)
{
    struct clo_artifact_node *node;
    clo_artifact_drop_spool(tree);
    while ((node = deepest(&tree->root)) != &tree->root)
        drop_name(tree, node, 0);
    tree->numbers = tree->root.number; /* a run learns nothing of how many files others had */
}

void clo_artifact_tree_free(struct clo_artifact_tree *tree)
{
    if (!tree)
        return;
    clo_artifact_tree_clear(tree);
    free(tree->buckets);
    free(tree);
}

int clo_artifact_tree_begin(struct clo_artifact_tree *tree, const struct clo_limits *limits,
                            bool keep, struct clo_error *error)
{
    if (!keep) {
        clo_artifact_tree_clear(tree);
        tree->root.accessed_ns = tree->root.modified_ns = tree->root.changed_ns = 0;
    }
    struct clo_artifact_node *node = &tree->root;
    while ((node = clo_artifact_next(node)))
        node->changed = false;
    tree->limits = *limits;
    tree->refused = CLO_LIMIT_NONE;
    return clo_artifact_own_spool(tree, error);
}

enum clo_limit clo_artifact_tree_refused(const struct clo_artifact_tree *tree, uint64_t *value)
{
    *value = tree->refused ? clo_limit_value(&tree->limits, tree->refused) : 0;
    return tree->refused;
}

void clo_artifact_tree_seen(struct clo_artifact_tree *tree, uint64_t now_ns)
{
    if (!tree->root.changed_ns)
        tree->root.accessed_ns = tree->root.modified_ns = tree->root.changed_ns = now_ns;
}

struct clo_artifact_node *clo_artifact_tree_root(struct clo_artifact_tree *tree)
{
    return &tree->root;
}

struct clo_spool *clo_artifact_tree_spool(struct clo_artifact_tree *tree)
{
    return tree->spool;
}

size_t clo_artifact_tree_files(const struct clo_artifact_tree *tree)
{
    return tree->files;
}

/* ---- paths ---- */

struct place {                        /* what a path names, or would name */
    struct clo_artifact_node *parent; /* NULL: the root itself */
    struct clo_artifact_node *node;   /* NULL: nothing is there */
    const char *name;
    size_t length;
};

static int resolve(struct clo_artifact_tree *tree, const char *path, size_t length,
                   struct place *place)
{
    *place = (struct place){.node = &tree->root};
    for (size_t at = 0; at < length;) {
        const char *slash = memchr(path + at, '/', length - at);
        size_t end = slash ? (size_t)(slash - path) : length;
        if (!place->node)
            return ENOENT;
        if (!place->node->folder)
            return ENOTDIR;
        if (end - at > CLO_ARTIFACT_NAME_MAX)
            return ENAMETOOLONG;
        place->parent = place->node;
        place->name = path + at;
        place->length = end - at;
        place->node = look_up(tree, place->parent, place->name, place->length);
        at = end + 1;
    }
    return 0;
}

size_t clo_artifact_path_length(const struct clo_artifact_node *node)
{
    size_t length = 0;
    for (; node->parent; node = node->parent)
        length += (length > 0) + node->length;
    return length;
}

int clo_artifact_find(struct clo_artifact_tree *tree, const char *path, size_t length,
                      struct clo_artifact_node **node)
{
    struct place place;
    int why = resolve(tree, path, length, &place);
    *node = place.node;
    return why || place.node ? why : ENOENT;
}

struct clo_artifact_node *clo_artifact_after(struct clo_artifact_node *folder, uint64_t after)
{
    struct clo_artifact_node *node = TAILQ_FIRST(&folder->below);
    while (node && node->order <= after)
        node = TAILQ_NEXT(node, entry);
    return node;
}

struct clo_artifact_node *clo_artifact_next(struct clo_artifact_node *node)
{
    if (!TAILQ_EMPTY(&node->below))
        return TAILQ_FIRST(&node->below);
    while (node->parent && !TAILQ_NEXT(node, entry))
        node = node->parent;
    return node->parent ? TAILQ_NEXT(node, entry) : NULL;
}

/* ---- opening ---- */

static int check_old(const struct clo_artifact_node *node, unsigned flags)
{
    if ((flags & CLO_ARTIFACT_CREATE) && (flags & CLO_ARTIFACT_EXCLUSIVE))
        return EEXIST;
    if ((flags & CLO_ARTIFACT_FOLDER) && !node->folder)
        return ENOTDIR;
    if (node->folder &&
        (flags & (CLO_ARTIFACT_WRITE | CLO_ARTIFACT_TRUNCATE | CLO_ARTIFACT_CREATE)))
        return EISDIR;
    return 0;
}

int clo_artifact_open(struct clo_artifact_tree *tree, const char *path, size_t length,
                      unsigned flags, uint64_t now_ns, struct clo_artifact_node **node)
{
    struct place place;
    int why = resolve(tree, path, length, &place);
    *node = place.node;
    if (!why && place.node) {
        why = check_old(place.node, flags);
        if (!why && (flags & CLO_ARTIFACT_TRUNCATE))
            why = clo_artifact_node_resize(tree, place.node, 0, now_ns);
    } else if (!why) {
        why = !(flags & CLO_ARTIFACT_CREATE) ? ENOENT
              : (flags & CLO_ARTIFACT_FOLDER)
                  ? EISDIR
                  : make(tree, place.parent, place.name, place.length, false, now_ns, node);
    }
    if (!why)
        (*node)->opens++;
    return why;
}

void clo_artifact_close(struct clo_artifact_tree *tree, struct clo_artifact_node *node)
{
    if (!--node->opens && !node->named)
        free_node(tree, node);
}

/* ---- changing ---- */

int clo_artifact_mkdir(struct clo_artifact_tree *tree, const char *path, size_t length,
                       uint64_t now_ns)
{
    struct place place;
    struct clo_artifact_node *made;
    int why = resolve(tree, path, length, &place);
    if (!why)
        why = place.node ? EEXIST
                         : make(tree, place.parent, place.name, place.length, true, now_ns, &made);
    return why;
}

int clo_artifact_unlink(struct clo_artifact_tree *tree, const char *path, size_t length,
                        uint64_t now_ns)
{
    struct clo_artifact_node *node;
    int why = clo_artifact_find(tree, path, length, &node);
    if (why || node->folder)
        return why ? why : EISDIR;
    drop_name(tree, node, now_ns);
    return 0;
}

int clo_artifact_rmdir(struct clo_artifact_tree *tree, const char *path, size_t length,
                       uint64_t now_ns)
{
    struct clo_artifact_node *node;
    int why = clo_artifact_find(tree, path, length, &node);
    if (why || !node->folder)
        return why ? why : ENOTDIR;
    if (node == &tree->root)
        return EBUSY;
    if (!TAILQ_EMPTY(&node->below))
        return ENOTEMPTY;
    drop_name(tree, node, now_ns);
    return 0;
}

static bool is_within(const struct clo_artifact_node *node, const struct clo_artifact_node *above)
{
    while (node && node != above)
        node = node->parent;
    return node != NULL;
}

/* Of the longest path below it, its own included. */
static size_t longest_path(struct clo_artifact_node *top)
{
    size_t longest = 0;
    for (struct clo_artifact_node *node = top; node && is_within(node, top);
         node = clo_artifact_next(node)) {
        size_t length = clo_artifact_path_length(node);
        if (length > longest)
            longest = length;
    }
    return longest;
}

static int check_rename(const struct place *from, const struct place *to, bool folder)
{
    const struct clo_artifact_node *node = from->node, *there = to->node;
    if (!node)
        return ENOENT;
    if (folder && !node->folder)
        return ENOTDIR;
    if (node == there)
        return 0;
    if (node->folder && is_within(to->parent, node))
        return EINVAL;
    if (there && there->folder && !node->folder)
        return is_within(from->parent, there) ? ENOTEMPTY : EISDIR;
    if (there && !there->folder && node->folder)
        return ENOTDIR;
    if (there && !TAILQ_EMPTY(&there->below))
        return ENOTEMPTY;
    size_t above = clo_artifact_path_length(to->parent);
    size_t path = above + (above > 0) + to->length;
    size_t below = node->folder ? longest_path(from->node) - clo_artifact_path_length(node) : 0;
    return path + below > CLO_ARTIFACT_PATH_MAX ? ENAMETOOLONG : 0;
}

int clo_artifact_rename(struct clo_artifact_tree *tree, const char *from, size_t from_length,
                        const char *to, size_t to_length, bool folder, uint64_t now_ns)
{
    struct place source, target = {0};
    int why = resolve(tree, from, from_length, &source);
    if (!why)
        why = resolve(tree, to, to_length, &target);
    if (!why)
        why = source.parent && target.parent ? check_rename(&source, &target, folder)
                                             : EBUSY; /* the root */
    if (why || source.node == target.node)
        return why;
    char *name = copy_name(target.name, target.length); /* before anything changes */
    if (!name)
        return ENOMEM;
    if (target.node)
        drop_name(tree, target.node, now_ns);
    take_out(tree, source.node, now_ns);
    free(source.node->name);
    source.node->name = name;
    source.node->length = (uint8_t)target.length;
    put_in(tree, source.node, target.parent, now_ns);
    for (struct clo_artifact_node *node = source.node; node && is_within(node, source.node);
         node = clo_artifact_next(node))
        node->changed = true;
    return 0;
}

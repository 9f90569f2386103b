/* artifact_data.c - contents: sizes and quotas, slots of the spool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/artifacts/artifact_state.h"

/* ---- slots ---- */

/* All files that can be at once, those that only are open too. */
static uint32_t slots_wanted(const struct clo_artifact_tree *tree)
{
    uint64_t files =
        tree->files > tree->limits.artifact_files ? tree->files : tree->limits.artifact_files;
    return (uint32_t)(files + CLO_FILES_OPEN_MAX);
}

/* A spool with slots of `region` bytes, in place of the one that there is. */
static int make_spool(struct clo_artifact_tree *tree, uint64_t region)
{
    uint32_t count = slots_wanted(tree);
    uint8_t *slots = calloc(count, sizeof *slots);
    struct clo_spool *spool = slots ? clo_spool_create(region) : NULL;
    if (!spool) {
        free(slots);
        return ENOMEM;
    }
    clo_artifact_drop_spool(tree);
    tree->spool = spool;
    tree->slots = slots;
    tree->slot_count = count;
    tree->slot_free = 0;
    return 0;
}

static int have_slot(struct clo_artifact_tree *tree, struct clo_artifact_node *node)
{
    if (node->slot != CLO_NO_SLOT)
        return 0;
    int why = tree->spool ? 0 : make_spool(tree, tree->limits.artifact_file_bytes);
    if (why)
        return why;
    while (tree->slot_free < tree->slot_count && tree->slots[tree->slot_free])
        tree->slot_free++;
    if (tree->slot_free >= tree->slot_count)
        return ENOSPC;
    tree->slots[tree->slot_free] = 1;
    node->slot = tree->slot_free++;
    return 0;
}

void clo_artifact_drop_data(struct clo_artifact_tree *tree, struct clo_artifact_node *node)
{
    tree->bytes -= node->size;
    if (node->slot == CLO_NO_SLOT || !tree->spool)
        return;
    /* What cannot be cleared is not used again. */
    if (clo_spool_clear(tree->spool, node->slot, 0, node->size) == 0) {
        tree->slots[node->slot] = 0;
        if (node->slot < tree->slot_free)
            tree->slot_free = node->slot;
    }
    node->slot = CLO_NO_SLOT;
}

void clo_artifact_drop_spool(struct clo_artifact_tree *tree)
{
    clo_spool_release(tree->spool);
    free(tree->slots);
    tree->spool = NULL;
    tree->slots = NULL;
}

/* ---- a spool of one's own ---- */

static int copy_all(struct clo_artifact_tree *tree, struct clo_spool *to)
{
    uint32_t count = 0;
    int why = 0;
    for (struct clo_artifact_node *node = &tree->root; node && !why;
         node = clo_artifact_next(node)) {
        if (node->slot == CLO_NO_SLOT)
            continue;
        node->copied = count++;
        why = clo_spool_copy(to, node->copied, tree->spool, node->slot, node->size);
    }
    return why;
}

static int move_to(struct clo_artifact_tree *tree, uint64_t region)
{
    struct clo_spool *to = clo_spool_create(region);
    int why = to ? copy_all(tree, to) : ENOMEM;
    if (!why)
        why = make_spool(tree, region);
    if (why) { /* all is as it was */
        clo_spool_release(to);
        return why;
    }
    clo_spool_release(tree->spool); /* an empty one */
    tree->spool = to;
    for (struct clo_artifact_node *node = &tree->root; node; node = clo_artifact_next(node)) {
        if (node->slot == CLO_NO_SLOT)
            continue;
        node->slot = node->copied;
        tree->slots[node->slot] = 1;
    }
    return 0;
}

int clo_artifact_own_spool(struct clo_artifact_tree *tree, struct clo_error *error)
{
    uint64_t region = tree->limits.artifact_file_bytes;
    if (!tree->spool ||
        (!clo_spool_is_shared(tree->spool) && tree->slot_count >= slots_wanted(tree) &&
         clo_spool_region(tree->spool) >= region))
        return 0;
    for (struct clo_artifact_node *node = &tree->root; node; node = clo_artifact_next(node)) {
        if (node->size > region)
            region = node->size; /* made under other limits */
    }
    int why = move_to(tree, region);
    if (!why)
        return 0;
    errno = why;
    return clo_fail_errno(error, CLO_ESYSTEM, "cannot keep what the session has in /output");
}

/* ---- contents ---- */

/* How much of a write there is room for. */
static int make_room(struct clo_artifact_tree *tree, const struct clo_artifact_node *node,
                     uint64_t offset, size_t *length)
{
    const struct clo_limits *limits = &tree->limits;
    if (offset >= limits->artifact_file_bytes)
        return clo_artifact_refuse(tree, CLO_LIMIT_ARTIFACT_FILE_BYTES);
    if (*length > limits->artifact_file_bytes - offset)
        *length = (size_t)(limits->artifact_file_bytes - offset);
    uint64_t left =
        limits->artifact_total_bytes > tree->bytes ? limits->artifact_total_bytes - tree->bytes : 0;
    uint64_t most = node->size + left; /* where the file may end */
    if (offset + *length <= node->size || offset + *length <= most)
        return 0;
    if (offset >= most)
        return clo_artifact_refuse(tree, CLO_LIMIT_ARTIFACT_TOTAL_BYTES);
    *length = (size_t)(most - offset);
    return 0;
}

static void set_size(struct clo_artifact_tree *tree, struct clo_artifact_node *node, uint64_t size)
{
    tree->bytes = tree->bytes - node->size + size;
    node->size = size;
}

int clo_artifact_node_write(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                            uint64_t offset, const void *data, size_t length, uint64_t now_ns,
                            size_t *written)
{
    *written = 0;
    if (!length)
        return 0;
    int why = make_room(tree, node, offset, &length);
    if (!why)
        why = have_slot(tree, node);
    if (why)
        return why;
    why = clo_spool_write(tree->spool, node->slot, offset, data, length, written);
    if (!*written)
        return why;
    if (offset + *written > node->size)
        set_size(tree, node, offset + *written);
    node->modified_ns = node->changed_ns = now_ns;
    node->changed = true;
    return 0; /* what was written counts; the next write meets the error again */
}

int clo_artifact_node_read(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                           uint64_t offset, void *data, size_t length, size_t *got)
{
    *got = 0;
    if (offset >= node->size)
        return 0;
    if (length > node->size - offset)
        length = (size_t)(node->size - offset);
    int why = 0;
    if (node->slot == CLO_NO_SLOT)
        memset(data, 0, length);
    else
        why = clo_spool_read(tree->spool, node->slot, offset, data, length);
    *got = why ? 0 : length;
    return why;
}

int clo_artifact_node_resize(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                             uint64_t size, uint64_t now_ns)
{
    if (size > node->size) {
        uint64_t more = size - node->size;
        if (size > tree->limits.artifact_file_bytes)
            return clo_artifact_refuse(tree, CLO_LIMIT_ARTIFACT_FILE_BYTES);
        if (tree->bytes > tree->limits.artifact_total_bytes ||
            more > tree->limits.artifact_total_bytes - tree->bytes)
            return clo_artifact_refuse(tree, CLO_LIMIT_ARTIFACT_TOTAL_BYTES);
    } else if (node->slot != CLO_NO_SLOT) {
        int why = clo_spool_clear(tree->spool, node->slot, size, node->size);
        if (why)
            return why;
    }
    set_size(tree, node, size);
    node->changed = true;
    node->modified_ns = node->changed_ns = now_ns;
    return 0;
}

/* kept.c - the handles of a run that is suspended: told, and had again. */
#include <errno.h>

#include "base/error.h"
#include "sandbox/files/files_state.h"

static uint64_t names_told(struct clo_artifact_node *folder, uint64_t after)
{
    uint64_t count = 0;
    struct clo_artifact_node *node = clo_artifact_after(folder, 0);
    for (; node && node->order <= after; node = clo_artifact_after(folder, node->order))
        count++;
    return count;
}

/* The order of the name with that number, from 1 on; of the last where there are fewer. */
static uint64_t order_of(struct clo_artifact_node *folder, uint64_t count)
{
    uint64_t order = 0;
    struct clo_artifact_node *node;
    while (count-- && (node = clo_artifact_after(folder, order)))
        order = node->order;
    return order;
}

size_t clo_files_keep(const struct clo_files *files, struct clo_file_kept *kept, uint32_t *given)
{
    size_t count = 0;
    *given = files->given;
    for (size_t i = 0; i < CLO_FILES_OPEN_MAX; i++) {
        const struct clo_handle *handle = &files->handles[i];
        struct clo_artifact_node *node = handle->artifact.node;
        if (!handle->number || !node || !node->named)
            continue;
        kept[count++] = (struct clo_file_kept){
            .number = handle->number,
            .flags = (handle->artifact.writable ? CLO_KEPT_WRITABLE : 0) |
                     (node->folder ? CLO_KEPT_FOLDER : 0),
            .node = node->number,
            .after = node->folder ? names_told(node, handle->artifact.after) : 0};
    }
    return count;
}

static struct clo_artifact_node *find(struct clo_files *files, uint64_t number)
{
    struct clo_artifact_node *node = clo_artifact_tree_root(files->tree);
    while (node && node->number != number)
        node = clo_artifact_next(node);
    return node;
}

int clo_files_reopen(struct clo_files *files, const struct clo_file_kept *kept, size_t count,
                     uint32_t given, struct clo_error *error)
{
    files->given = given;
    for (size_t i = 0; i < count; i++) {
        struct clo_handle *handle = &files->handles[kept[i].number % CLO_FILES_OPEN_MAX];
        if (!kept[i].number || handle->number)
            return clo_fail(error, CLO_EINVALID, "a suspended run with the file handle %u twice",
                            kept[i].number);
        struct clo_artifact_node *node = find(files, kept[i].node);
        if (!node || node->folder != ((kept[i].flags & CLO_KEPT_FOLDER) != 0))
            continue;
        node->opens++;
        *handle = (struct clo_handle){
            .number = kept[i].number,
            .fd = -1,
            .artifact = {.node = node,
                         .writable = (kept[i].flags & CLO_KEPT_WRITABLE) != 0,
                         .after = node->folder ? order_of(node, kept[i].after) : 0}};
        files->open++;
    }
    return 0;
}

/* artifact_calls.c - from requests to the tree and back. */
#include "sandbox/artifacts/artifact_calls.h"

#include <errno.h>
#include <string.h>

#define FOLDER 3u /* WASI's filetypes */
#define FILE_TYPE 4u

static void tell(struct clo_file_reply *reply, const struct clo_artifact_node *node)
{
    reply->type = node->folder ? FOLDER : FILE_TYPE;
    reply->inode = node->number;
    reply->links = !node->named ? 0 : node->folder ? 2 : 1;
    reply->size = node->size;
    reply->accessed_ns = node->accessed_ns;
    reply->modified_ns = node->modified_ns;
    reply->changed_ns = node->changed_ns;
}

static int read_into(struct clo_artifact_tree *tree, struct clo_artifact_node *node,
                     uint64_t offset, uint32_t length, struct clo_buffer *data,
                     struct clo_file_reply *reply)
{
    size_t got;
    uint64_t left = offset < node->size ? node->size - offset : 0;
    if (length > left)
        length = (uint32_t)left;
    if (clo_buffer_reserve(data, length))
        return ENOMEM;
    int why = clo_artifact_node_read(tree, node, offset, data->data + data->length, length, &got);
    data->length += got;
    reply->length = (uint32_t)got;
    reply->end = offset + got >= node->size;
    return why;
}

static int set_times(struct clo_artifact_node *node, const struct clo_artifact_call *call)
{
    struct clo_file_times times;
    if (call->request->data_length != sizeof times)
        return EINVAL;
    memcpy(&times, call->data, sizeof times);
    if (call->request->flags & CLO_FILE_ACCESSED)
        node->accessed_ns = times.accessed_ns;
    if (call->request->flags & CLO_FILE_MODIFIED)
        node->modified_ns = times.modified_ns;
    node->changed_ns = call->request->time_ns;
    return 0;
}

/* ---- by path ---- */

static int open_node(struct clo_artifact_tree *tree, const struct clo_artifact_call *call,
                     struct clo_artifact_handle *opened, struct clo_buffer *data,
                     struct clo_file_reply *reply)
{
    const struct clo_file_request *request = call->request;
    struct clo_artifact_node *node;
    unsigned flags = (request->flags & CLO_FILE_CREATE ? CLO_ARTIFACT_CREATE : 0) |
                     (request->flags & CLO_FILE_EXCLUSIVE ? CLO_ARTIFACT_EXCLUSIVE : 0) |
                     (request->flags & CLO_FILE_TRUNCATE ? CLO_ARTIFACT_TRUNCATE : 0) |
                     (request->flags & CLO_FILE_WRITABLE ? CLO_ARTIFACT_WRITE : 0) |
                     (request->flags & CLO_FILE_FOLDER ? CLO_ARTIFACT_FOLDER : 0);
    int why =
        clo_artifact_open(tree, call->path, request->path_length, flags, request->time_ns, &node);
    if (why)
        return why;
    *opened =
        (struct clo_artifact_handle){.node = node, .writable = request->flags & CLO_FILE_WRITABLE};
    if (!node->folder)
        why = read_into(tree, node, 0, request->length, data, reply);
    tell(reply, node);
    if (why) {
        clo_artifact_close(tree, node);
        *opened = (struct clo_artifact_handle){0};
    }
    return why;
}

static int on_node(struct clo_artifact_tree *tree, const struct clo_artifact_call *call,
                   struct clo_file_reply *reply)
{
    const struct clo_file_request *request = call->request;
    struct clo_artifact_node *node;
    int why = clo_artifact_find(tree, call->path, request->path_length, &node);
    if (!why && (request->flags & CLO_FILE_FOLDER) && !node->folder)
        why = ENOTDIR;
    if (!why && request->op == CLO_FILE_TIMES)
        why = set_times(node, call);
    if (!why)
        tell(reply, node);
    return why;
}

static int unlink_file(struct clo_artifact_tree *tree, const struct clo_artifact_call *call)
{
    const struct clo_file_request *request = call->request;
    struct clo_artifact_node *node;
    int why = clo_artifact_find(tree, call->path, request->path_length, &node);
    if (!why && (request->flags & CLO_FILE_FOLDER) && !node->folder)
        why = ENOTDIR; /* "file/" */
    return why ? why
               : clo_artifact_unlink(tree, call->path, request->path_length, request->time_ns);
}

int clo_artifact_answer_path(struct clo_artifact_tree *tree, const struct clo_artifact_call *call,
                             struct clo_artifact_handle *opened, struct clo_buffer *data,
                             struct clo_file_reply *reply)
{
    const struct clo_file_request *request = call->request;
    size_t length = request->path_length;
    switch (request->op) {
    case CLO_FILE_STAT:
    case CLO_FILE_TIMES: return on_node(tree, call, reply);
    case CLO_FILE_OPEN: return open_node(tree, call, opened, data, reply);
    case CLO_FILE_MKDIR: return clo_artifact_mkdir(tree, call->path, length, request->time_ns);
    case CLO_FILE_UNLINK: return unlink_file(tree, call);
    case CLO_FILE_RMDIR: return clo_artifact_rmdir(tree, call->path, length, request->time_ns);
    case CLO_FILE_RENAME:
        return clo_artifact_rename(tree, call->path, length, (const char *)call->data,
                                   request->data_length, request->flags & CLO_FILE_FOLDER,
                                   request->time_ns);
    default: return EINVAL;
    }
}

/* ---- by handle ---- */

static int write_to(struct clo_artifact_tree *tree, struct clo_artifact_handle *handle,
                    const struct clo_artifact_call *call, struct clo_file_reply *reply)
{
    const struct clo_file_request *request = call->request;
    uint64_t offset = request->flags & CLO_FILE_APPEND ? handle->node->size : request->offset;
    size_t written;
    if (!handle->writable)
        return EBADF;
    int why = clo_artifact_node_write(tree, handle->node, offset, call->data, request->data_length,
                                      request->time_ns, &written);
    reply->length = (uint32_t)written;
    return why;
}

static int resize(struct clo_artifact_tree *tree, struct clo_artifact_handle *handle,
                  const struct clo_artifact_call *call)
{
    const struct clo_file_request *request = call->request;
    if (!handle->writable || handle->node->folder)
        return EINVAL;
    if ((request->flags & CLO_FILE_GROW) && request->offset <= handle->node->size)
        return 0;
    return clo_artifact_node_resize(tree, handle->node, request->offset, request->time_ns);
}

static int list(struct clo_artifact_handle *handle, const struct clo_artifact_call *call,
                struct clo_buffer *data, struct clo_file_reply *reply)
{
    const struct clo_file_request *request = call->request;
    if (!handle->node->folder)
        return ENOTDIR;
    if (request->length < sizeof(struct clo_file_name) + CLO_ARTIFACT_NAME_MAX)
        return EINVAL;
    if (request->flags & CLO_FILE_RESTART)
        handle->after = 0;
    for (struct clo_artifact_node *node = clo_artifact_after(handle->node, handle->after); node;
         node = TAILQ_NEXT(node, entry)) {
        struct clo_file_name record = {.inode = node->number,
                                       .type = node->folder ? FOLDER : FILE_TYPE,
                                       .length = node->length};
        if (sizeof record + record.length > request->length - reply->length)
            return 0;
        clo_buffer_append(data, &record, sizeof record);
        clo_buffer_append(data, node->name, record.length);
        if (data->failed)
            return ENOMEM;
        reply->length += (uint32_t)sizeof record + record.length;
        handle->after = node->order;
    }
    reply->end = 1;
    return 0;
}

int clo_artifact_answer_handle(struct clo_artifact_tree *tree, struct clo_artifact_handle *handle,
                               const struct clo_artifact_call *call, struct clo_buffer *data,
                               struct clo_file_reply *reply)
{
    const struct clo_file_request *request = call->request;
    struct clo_artifact_node *node = handle->node;
    int why;
    switch (request->op) {
    case CLO_FILE_STAT: why = 0; break;
    case CLO_FILE_READ:
        return node->folder ? EISDIR
                            : read_into(tree, node, request->offset, request->length, data, reply);
    case CLO_FILE_LIST: return list(handle, call, data, reply);
    case CLO_FILE_WRITE: why = write_to(tree, handle, call, reply); break;
    case CLO_FILE_RESIZE: why = resize(tree, handle, call); break;
    case CLO_FILE_TIMES: why = set_times(node, call); break;
    default: return EINVAL;
    }
    if (!why)
        tell(reply, node);
    return why;
}

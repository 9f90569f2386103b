/* files.c - the handles of a run and the messages about its files: checked, then answered by looks.c
 * (what is mounted) or by artifacts/artifact_calls.c (/output). */
#include "sandbox/files/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/files/ahead.h"
#include "sandbox/files/beneath.h"
#include "sandbox/files/file_reply.h"
#include "sandbox/files/files_state.h"

#define SHARE                                                                                      \
    4 /* part of the process's descriptors that all runs together may hold; in process, twice */
#define OUTPUT_PLACE "/output"

static const struct clo_mounts no_mounts;

int clo_files_create(struct clo_files **result, struct clo_error *error)
{
    struct clo_files *files = calloc(1, sizeof *files);
    *result = NULL;
    if (!files)
        return clo_fail_memory(error);
    files->handles = calloc(CLO_FILES_OPEN_MAX, sizeof *files->handles);
    if (!files->handles || clo_ahead_create(&files->ahead, error)) {
        clo_files_free(files);
        return clo_fail_memory(error);
    }
    files->mounts = &no_mounts;
    *result = files;
    return 0;
}

void clo_files_free(struct clo_files *files)
{
    if (!files)
        return;
    if (files->ahead)
        clo_files_end(files);
    clo_ahead_free(files->ahead);
    free(files->handles);
    free(files);
}

void clo_files_begin(struct clo_files *files, const struct clo_mounts *mounts,
                     struct clo_artifact_tree *tree)
{
    files->mounts = mounts;
    files->tree = tree;
}

/* ---- handles ---- */

/* Of all runs of the process: what they hold open shall not keep the process from opening its own. */
static atomic_uint open_in_all;

static unsigned most_in_all(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > (rlim_t)UINT_MAX)
        return UINT_MAX;
    return (unsigned)(limit.rlim_cur / SHARE);
}

static void close_handle(struct clo_files *files, struct clo_handle *handle)
{
    if (!handle->number)
        return;
    if (handle->artifact.node)
        clo_artifact_close(files->tree, handle->artifact.node);
    else
        atomic_fetch_sub(&open_in_all, 1);
    if (handle->listing)
        closedir(handle->listing);
    else if (handle->fd >= 0)
        close(handle->fd);
    *handle = (struct clo_handle){0};
    files->open--;
}

void clo_files_end(struct clo_files *files)
{
    for (size_t i = 0; files->open && i < CLO_FILES_OPEN_MAX; i++)
        close_handle(files, &files->handles[i]);
    files->most = 0;
    files->mounts = &no_mounts;
    files->tree = NULL;
    clo_ahead_reset(files->ahead);
}

struct clo_handle *clo_files_handle(struct clo_files *files, uint32_t number)
{
    struct clo_handle *handle = &files->handles[number % CLO_FILES_OPEN_MAX];
    return number && handle->number == number ? handle : NULL;
}

struct clo_handle *clo_files_take(struct clo_files *files, bool descriptor)
{
    if (files->open >= CLO_FILES_OPEN_MAX)
        return errno = EMFILE, NULL;
    if (!files->most)
        files->most = most_in_all();
    if (descriptor && atomic_fetch_add(&open_in_all, 1) >= files->most) {
        atomic_fetch_sub(&open_in_all, 1);
        return errno = ENFILE, NULL;
    }
    do
        files->given++;
    while (!files->given || files->handles[files->given % CLO_FILES_OPEN_MAX].number);
    struct clo_handle *handle = &files->handles[files->given % CLO_FILES_OPEN_MAX];
    handle->number = files->given;
    handle->fd = -1;
    files->open++;
    return handle;
}

static void close_all(struct clo_files *files, const struct clo_look *look)
{
    for (uint32_t i = 0; i < look->request.closed_count; i++) {
        uint32_t number;
        memcpy(&number, look->closed + i * sizeof number, sizeof number);
        struct clo_handle *handle = clo_files_handle(files, number);
        if (handle)
            close_handle(files, handle);
    }
}

/* ---- messages ---- */

static bool is_by_path(const struct clo_file_request *request)
{
    switch (request->op) {
    case CLO_FILE_OPEN:
    case CLO_FILE_MKDIR:
    case CLO_FILE_UNLINK:
    case CLO_FILE_RMDIR:
    case CLO_FILE_RENAME: return true;
    case CLO_FILE_STAT:
    case CLO_FILE_TIMES: return !request->handle;
    default: return false;
    }
}

static int check_lengths(const struct clo_file_request *request, size_t length,
                         struct clo_error *error)
{
    if (request->closed_count <= CLO_FILE_CLOSED_MAX && request->path_length <= CLO_FILE_PATH_MAX &&
        request->data_length <= CLO_FILE_DATA_MAX &&
        length == sizeof *request + request->closed_count * sizeof(uint32_t) +
                      request->path_length + request->data_length)
        return 0;
    return clo_fail(error, CLO_EGUEST,
                    "a look at a file with %" PRIu32 " handles, a path of %" PRIu32
                    " bytes and %" PRIu32 " of data in %zu",
                    request->closed_count, request->path_length, request->data_length, length);
}

static int check_path(const char *path, size_t length, struct clo_error *error)
{
    if (length <= CLO_FILE_PATH_MAX && clo_beneath_valid(path, length))
        return 0;
    return clo_fail(error, CLO_EGUEST, "a path that leads elsewhere: \"%.*s\"",
                    (int)(length < 128 ? length : 128), path);
}

/* Where a path begins: at the root of a mount, or with the name of a file that is mounted. */
static int find_mount(const struct clo_files *files, struct clo_look *look, const char *path,
                      struct clo_error *error)
{
    const struct clo_file_request *request = &look->request;
    const char *name = NULL;
    size_t used = request->path_length;
    look->root = -1;
    look->of_output = files->tree && request->mount == files->mounts->count;
    if (!look->of_output) {
        if (request->mount >= files->mounts->count)
            return clo_fail(error, CLO_EGUEST, "mount %" PRIu32 " of %zu", request->mount,
                            files->mounts->count);
        const struct clo_mounted *mounted = &files->mounts->all[request->mount];
        name = mounted->name;
        look->root = name && request->path_length ? -1 : mounted->root;
    }
    if (name)
        used = strlen(name);
    memcpy(look->path, name ? name : path, used);
    look->path[used] = '\0';
    return 0;
}

static int check(const struct clo_files *files, const uint8_t *message, size_t length,
                 struct clo_look *look, struct clo_error *error)
{
    struct clo_file_request *request = &look->request;
    if (length < sizeof *request)
        return clo_fail(error, CLO_EGUEST, "a look at a file in %zu bytes, where %zu are due",
                        length, sizeof *request);
    memcpy(request, message, sizeof *request);
    int status = check_lengths(request, length, error);
    if (status)
        return status;
    look->closed = message + sizeof *request;
    const char *path = (const char *)look->closed + request->closed_count * sizeof(uint32_t);
    look->data = (const uint8_t *)path + request->path_length;
    status = check_path(path, request->path_length, error);
    if (!status && request->op == CLO_FILE_RENAME)
        status = check_path((const char *)look->data, request->data_length, error);
    if (!status && is_by_path(request))
        status = find_mount(files, look, path, error);
    return status;
}

/* ---- answers ---- */

static void put_mount(struct clo_buffer *data, struct clo_file_reply *reply, const char *place,
                      uint32_t type, uint32_t flags)
{
    struct clo_file_mount told = {.type = type, .length = (uint32_t)strlen(place), .flags = flags};
    clo_buffer_append(data, &told, sizeof told);
    clo_buffer_append(data, place, told.length);
    reply->length += (uint32_t)sizeof told + told.length;
}

/* Behind the answer to a look by path that went well. What lies beside a file that is mounted alone is
 * none of the run's business. */
static void tell_ahead(struct clo_files *files, const struct clo_look *look,
                       struct clo_buffer *data, struct clo_file_reply *reply)
{
    bool opened = look->request.op == CLO_FILE_OPEN;
    if ((look->request.flags & CLO_FILE_AHEAD) && look->request.path_length > 0 &&
        !look->request.handle && !look->of_output &&
        (opened ? reply->type == clo_file_type(S_IFREG) : look->request.op == CLO_FILE_STAT))
        reply->ahead = clo_ahead_append(files->ahead, look->request.mount, look->root, look->path,
                                        opened, data);
}

static int answer_mounts(const struct clo_files *files, const struct clo_file_request *request,
                         struct clo_buffer *data, struct clo_file_reply *reply)
{
    for (size_t i = 0; i < files->mounts->count; i++) {
        const struct clo_mounted *mounted = &files->mounts->all[i];
        put_mount(data, reply, mounted->place, mounted->name ? 4 : 3, 0);
    }
    if (files->tree) {
        put_mount(data, reply, OUTPUT_PLACE, 3, CLO_MOUNT_WRITABLE);
        clo_artifact_tree_seen(files->tree, request->time_ns);
    }
    return data->failed ? ENOMEM : 0;
}

static int answer_output_path(struct clo_files *files, const struct clo_look *look,
                              const struct clo_artifact_call *call, struct clo_buffer *data,
                              struct clo_file_reply *reply)
{
    struct clo_artifact_handle opened = {0};
    struct clo_handle *handle = NULL;
    if (look->request.op == CLO_FILE_OPEN) { /* before the file is made or made empty */
        handle = clo_files_take(files, false);
        if (!handle)
            return errno;
    }
    int why = clo_artifact_answer_path(files->tree, call, &opened, data, reply);
    if (handle && why) {
        *handle = (struct clo_handle){0};
        files->open--;
    } else if (handle) {
        handle->artifact = opened;
        reply->handle = handle->number;
    }
    return why;
}

static int answer_mounted(struct clo_files *files, const struct clo_look *look,
                          struct clo_buffer *data, struct clo_file_reply *reply, int *descriptor)
{
    const uint32_t changes = CLO_FILE_WRITABLE | CLO_FILE_CREATE | CLO_FILE_TRUNCATE;
    switch (look->request.op) {
    case CLO_FILE_STAT: return clo_look_stat(files, look, reply);
    case CLO_FILE_OPEN:
        return look->request.flags & changes ? EROFS
                                             : clo_look_open(files, look, data, reply, descriptor);
    case CLO_FILE_READ: return clo_look_read(files, look, data, reply);
    case CLO_FILE_LIST: return clo_look_list(files, look, data, reply);
    default: return EROFS;
    }
}

static int answer(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply, int *descriptor)
{
    const struct clo_file_request *request = &look->request;
    if (request->op == CLO_FILE_CLOSE)
        return 0;
    if (request->op == CLO_FILE_MOUNTS)
        return answer_mounts(files, request, data, reply);
    const struct clo_artifact_call call = {
        .request = request, .path = look->path, .data = look->data};
    if (is_by_path(request))
        return look->of_output ? answer_output_path(files, look, &call, data, reply)
                               : answer_mounted(files, look, data, reply, descriptor);
    struct clo_handle *handle = clo_files_handle(files, request->handle);
    if (!handle)
        return ESTALE;
    return handle->artifact.node
               ? clo_artifact_answer_handle(files->tree, &handle->artifact, &call, data, reply)
               : answer_mounted(files, look, data, reply, descriptor);
}

int clo_files_answer(struct clo_files *files, const uint8_t *message, size_t length,
                     struct clo_buffer *data, int *descriptor, struct clo_error *error)
{
    struct clo_look look;
    struct clo_file_reply reply = {0};
    *descriptor = -1;
    int status = check(files, message, length, &look, error);
    if (status)
        return status;
    if (look.request.op < CLO_FILE_MOUNTS || look.request.op > CLO_FILE_RENAME)
        return clo_fail(error, CLO_EGUEST, "a look at a file of the kind %" PRIu32,
                        look.request.op);
    if (look.request.length > CLO_FILE_DATA_MAX)
        look.request.length = CLO_FILE_DATA_MAX;
    size_t start = data->length;
    if (clo_buffer_append(data, &reply, sizeof reply)) /* its place */
        return clo_fail_memory(error);
    close_all(files, &look);
    int why = answer(files, &look, data, &reply, descriptor);
    if (data->no_memory)
        return clo_fail_memory(error);
    if (why) {
        reply = (struct clo_file_reply){.error = clo_file_error(why)};
        data->length = start + sizeof reply;
    } else {
        tell_ahead(files, &look, data, &reply);
        if (data->no_memory)
            return clo_fail_memory(error);
    }
    memcpy(data->data + start, &reply, sizeof reply);
    return 0;
}

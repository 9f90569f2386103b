/* hostfs_change.c - writing, making, renaming and taking away in /output (hostfs.h). */
#include <string.h>

#include "guest/files/hostfs.h"
#include "guest/files/hostfs_call.h"
#include "guest/files/ramfs.h"
#include "guest/wasi.h"

static uint16_t change_by_path(enum clo_file_op op, const struct clo_path *path)
{
    struct clo_file_request request = {.op = op, .time_ns = clo_clock_realtime()};
    struct clo_file_reply reply;

    if (!path->mounted->writable) {
        return CLO_E_ROFS;
    }
    clo_hostfs_changed_names();
    return clo_hostfs_call_on_path(&request, path, NULL, &reply);
}

uint16_t clo_hostfs_make_folder(const struct clo_path *path)
{
    return change_by_path(CLO_FILE_MKDIR, path);
}

uint16_t clo_hostfs_unlink(const struct clo_path *path)
{
    return change_by_path(CLO_FILE_UNLINK, path);
}

uint16_t clo_hostfs_remove_folder(const struct clo_path *path)
{
    return change_by_path(CLO_FILE_RMDIR, path);
}

uint16_t clo_hostfs_rename(const struct clo_path *from, const struct clo_path *to)
{
    struct clo_file_request request = {.op = CLO_FILE_RENAME,
                                       .flags = to->slash ? CLO_FILE_FOLDER : 0,
                                       .time_ns = clo_clock_realtime(),
                                       .data_length = to->host_length};
    struct clo_file_reply reply;

    if (!from->mounted->writable) {
        return CLO_E_ROFS;
    }
    clo_hostfs_changed_names();
    return clo_hostfs_call_on_path(&request, from, to->host, &reply);
}

/* ---- times ---- */

static uint16_t set_times(struct clo_file_request *request, struct clo_file_times *times,
                          uint32_t which)
{
    uint64_t now = clo_clock_realtime();

    if (((which & CLO_TIME_ACCESSED) && (which & CLO_TIME_ACCESSED_NOW)) ||
        ((which & CLO_TIME_MODIFIED) && (which & CLO_TIME_MODIFIED_NOW))) {
        return CLO_E_INVAL;
    }
    if (which & CLO_TIME_ACCESSED_NOW) {
        times->accessed_ns = now;
    }
    if (which & CLO_TIME_MODIFIED_NOW) {
        times->modified_ns = now;
    }
    *request = (struct clo_file_request){
        .op = CLO_FILE_TIMES,
        .flags = (which & (CLO_TIME_ACCESSED | CLO_TIME_ACCESSED_NOW) ? CLO_FILE_ACCESSED : 0) |
                 (which & (CLO_TIME_MODIFIED | CLO_TIME_MODIFIED_NOW) ? CLO_FILE_MODIFIED : 0),
        .time_ns = now,
        .data_length = sizeof *times};
    return 0;
}

uint16_t clo_hostfs_set_times(struct clo_host_file *file, uint64_t accessed, uint64_t modified,
                              uint32_t which)
{
    struct clo_file_times times = {accessed, modified};
    struct clo_file_request request;
    struct clo_file_reply reply;
    uint16_t error = file->node->writable ? set_times(&request, &times, which) : CLO_E_ROFS;

    if (error == 0) {
        request.handle = file->handle;
        error = clo_hostfs_call(&request, NULL, &times, &reply);
    }
    if (error == 0) {
        clo_hostfs_changed(file, &reply);
    }
    return error;
}

uint16_t clo_hostfs_set_times_of(const struct clo_path *path, uint64_t accessed, uint64_t modified,
                                 uint32_t which)
{
    struct clo_file_times times = {accessed, modified};
    struct clo_file_request request;
    struct clo_file_reply reply;
    uint16_t error = path->mounted->writable ? set_times(&request, &times, which) : CLO_E_ROFS;

    clo_hostfs_changed_names();
    return error != 0 ? error : clo_hostfs_call_on_path(&request, path, &times, &reply);
}

/* ---- contents ---- */

static uint16_t write_part(struct clo_host_file *file, uint64_t offset, bool append,
                           const uint8_t *in, uint32_t length, struct clo_file_reply *reply)
{
    struct clo_file_request request = {.op = CLO_FILE_WRITE,
                                       .handle = file->handle,
                                       .flags = append ? CLO_FILE_APPEND : 0,
                                       .offset = offset,
                                       .time_ns = clo_clock_realtime(),
                                       .data_length = length};
    uint16_t error = clo_hostfs_call(&request, NULL, in, reply);

    if (error == 0) {
        clo_hostfs_changed(file, reply);
    }
    return error;
}

uint16_t clo_hostfs_write(struct clo_host_file *file, uint64_t offset, bool append,
                          const uint8_t *in, uint64_t length, uint64_t *written, uint64_t *end)
{
    struct clo_file_reply reply;

    *written = 0;
    *end = append ? file->stat.size : offset;
    while (*written < length) {
        uint64_t left = length - *written;
        uint32_t part = left < CLO_FILE_DATA_MAX ? (uint32_t)left : CLO_FILE_DATA_MAX;
        uint16_t error = write_part(file, offset + *written, append, in + *written, part, &reply);
        if (error != 0) {
            return *written > 0 ? 0 : error; /* what was written counts */
        }
        *written += reply.length;
        *end = append ? reply.size : offset + *written;
        if (reply.length < part) {
            break;
        }
    }
    return 0;
}

uint16_t clo_hostfs_resize(struct clo_host_file *file, uint64_t size, bool grow_only)
{
    struct clo_file_request request = {.op = CLO_FILE_RESIZE,
                                       .handle = file->handle,
                                       .flags = grow_only ? CLO_FILE_GROW : 0,
                                       .offset = size,
                                       .time_ns = clo_clock_realtime()};
    struct clo_file_reply reply;
    uint16_t error =
        file->node->writable ? clo_hostfs_call(&request, NULL, NULL, &reply) : CLO_E_INVAL;

    if (error == 0) {
        clo_hostfs_changed(file, &reply);
    }
    return error;
}

/* hostfs.c - files of the host: calls, open files, what is read ahead (hostfs.h). */
#include "guest/files/hostfs.h"

#include <string.h>

#include "guest/files/hostfs_ahead.h"
#include "guest/files/hostfs_call.h"
#include "guest/wasi.h"

#define WINDOW_SIZE 131072u /* bytes that are read ahead */
#define WINDOWS_MAX 32u     /* files that have one at a time */
#define FIRST_SIZE 65536u   /* bytes that come with the opening of a file */
#define JUMP_SIZE 16384u    /* where a read does not go on where the last one ended */
#define DIRECT_MIN 65536u   /* a read of so much goes where it belongs without a window */
#define DIRECT_MAX (8u << 20)
#define NOT_READ UINT64_MAX /* `next` of a file of which nothing was read */

_Static_assert(WINDOW_SIZE <= CLO_FILE_DATA_MAX && FIRST_SIZE <= WINDOW_SIZE, "a reply each");
_Static_assert(DIRECT_MAX <= CLO_FILE_READ_MAX, "one read");

struct clo_window {
    struct clo_host_file *owner; /* NULL: free */
    uint64_t used;               /* the last time, for who takes it away */
    uint64_t offset;             /* in the file */
    uint32_t length;
    uint64_t read_ns;
    uint32_t read_epoch;
    uint8_t *data; /* WINDOW_SIZE bytes; NULL: not allocated yet */
};

static struct clo_window windows[WINDOWS_MAX];
static uint64_t window_uses;
static uint32_t
    closed[CLO_FILE_CLOSED_MAX]; /* handles that the host does not know to be done with */
static uint32_t closed_count;
static uint32_t changes; /* of /output */

/* ---- calls ---- */

static uint8_t *const call_area = (uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_CALL);
static const uint8_t *const reply_area = (const uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY);
static const uint8_t *const reply_data = reply_area + sizeof(struct clo_file_reply);

const uint8_t *clo_hostfs_data(void)
{
    return reply_data;
}

uint16_t clo_hostfs_call(struct clo_file_request *request, const char *path, const void *data,
                         struct clo_file_reply *reply)
{
    uint32_t length = sizeof *request;

    if (request->op != CLO_FILE_READ) { /* whoever has the descriptor answers that */
        request->closed_count = closed_count;
    }
    memcpy(call_area, request, sizeof *request);
    memcpy(call_area + length, closed, request->closed_count * sizeof *closed);
    length += request->closed_count * (uint32_t)sizeof *closed;
    memcpy(call_area + length, path, request->path_length);
    length += request->path_length;
    memcpy(call_area + length, data, request->data_length);
    if (!clo_host_file_call(length + request->data_length)) {
        return CLO_E_IO;
    }
    if (request->op != CLO_FILE_READ) {
        closed_count = 0;
    }
    memcpy(reply, reply_area, sizeof *reply);
    return (uint16_t)reply->error;
}

uint16_t clo_hostfs_call_on_path(struct clo_file_request *request, const struct clo_path *path,
                                 const void *data, struct clo_file_reply *reply)
{
    if (path->mounted->mount == 0) {
        return CLO_E_STALE; /* it was mounted in a former run, whose folder is still open */
    }
    request->mount = path->mounted->mount - 1;
    request->flags |= path->slash ? CLO_FILE_FOLDER : 0;
    request->path_length = path->host_length;
    uint16_t error = clo_hostfs_call(request, path->host, data, reply);
    if (error == 0 && reply->ahead > 0) {
        clo_ahead_keep(path, reply_data + reply->length, reply->ahead);
    }
    return error;
}

static uint16_t call_on_handle(enum clo_file_op op, const struct clo_host_file *file,
                               uint32_t flags, uint32_t length, struct clo_file_reply *reply)
{
    struct clo_file_request request = {
        .op = op, .handle = file->handle, .flags = flags, .length = length};

    return clo_hostfs_call(&request, NULL, NULL, reply);
}

static void done_with(uint32_t handle)
{
    struct clo_file_request request = {.op = CLO_FILE_CLOSE};
    struct clo_file_reply reply;

    if (closed_count == CLO_FILE_CLOSED_MAX && clo_hostfs_call(&request, NULL, NULL, &reply) != 0) {
        return; /* the host closes all at the end of the run */
    }
    closed[closed_count++] = handle;
}

/* /output is changed by this run alone, which counts its changes. */
static bool is_own(const struct clo_host_file *file)
{
    return file->node->writable;
}

static uint32_t epoch_of(const struct clo_host_file *file)
{
    return is_own(file) ? changes : clo_host_epoch();
}

static bool fresh(const struct clo_host_file *file, uint64_t since_ns, uint32_t epoch)
{
    return is_own(file) ? epoch == changes : clo_host_fresh(since_ns, epoch);
}

char *clo_hostfs_copy(const char *text, uint32_t length)
{
    char *copy = length > 0 ? clo_heap_alloc(length) : NULL;

    if (copy != NULL) {
        memcpy(copy, text, length);
    }
    return copy;
}

/* ---- windows ---- */

static void drop_window(struct clo_host_file *file)
{
    if (file->window != NULL) {
        file->window->owner = NULL;
        file->window->length = 0;
    }
    file->window = NULL;
    file->count = 0;
}

/* Free and with memory before free, free before taken, least used before others. */
static bool better(const struct clo_window *window, const struct clo_window *than)
{
    if (window->owner != NULL || than->owner != NULL) {
        return than->owner != NULL && (window->owner == NULL || window->used < than->used);
    }
    return than->data == NULL && window->data != NULL;
}

/* A window of the file's own: a free one, or the one that was not used for longest. NULL: no memory. */
static struct clo_window *have_window(struct clo_host_file *file)
{
    struct clo_window *best = file->window;

    for (uint32_t i = 0; i < WINDOWS_MAX && file->window == NULL; i++) {
        if (best == NULL || better(&windows[i], best)) {
            best = &windows[i];
        }
    }
    if (best->data == NULL) {
        best->data = clo_heap_alloc_pages(WINDOW_SIZE);
    }
    if (best->data == NULL) {
        return NULL;
    }
    if (best->owner != NULL && best->owner != file) {
        drop_window(best->owner);
    }
    best->owner = file;
    best->used = ++window_uses;
    file->window = best;
    return best;
}

/* Keep the data of the reply that has come. */
static void keep_data(struct clo_host_file *file, uint64_t offset, uint32_t length)
{
    struct clo_window *window = have_window(file);

    if (window == NULL || length > WINDOW_SIZE) {
        return;
    }
    memcpy(window->data, reply_data, length);
    window->offset = offset;
    window->length = length;
    window->read_ns = clo_clock_steady();
    window->read_epoch = epoch_of(file);
}

static void note_end(struct clo_host_file *file, const struct clo_file_reply *reply, uint64_t end)
{
    file->end_ns = 0;
    if (reply->end) {
        file->end = end;
        file->end_ns = clo_clock_steady();
        file->end_epoch = epoch_of(file);
    }
}

/* ---- files ---- */

static void note_stat(struct clo_host_file *file, const struct clo_file_reply *reply)
{
    file->stat = *reply;
    file->stat_ns = clo_clock_steady();
    file->stat_epoch = epoch_of(file);
}

uint16_t clo_hostfs_stat(const struct clo_path *path, bool follow, struct clo_file_reply *stat)
{
    struct clo_file_request request = {.op = CLO_FILE_STAT,
                                       .flags = CLO_FILE_AHEAD | (follow ? CLO_FILE_FOLLOW : 0)};
    const uint8_t *content;

    if (!path->slash && clo_ahead_find(path, stat, &content)) {
        return 0;
    }
    return clo_hostfs_call_on_path(&request, path, NULL, stat);
}

static void free_file(struct clo_host_file *file)
{
    for (uint32_t i = 0; i * CLO_BLOCK_SIZE < file->content_length; i++) {
        if (file->content[i] != NULL) {
            clo_heap_free(file->content[i], CLO_BLOCK_SIZE);
        }
    }
    if (file->path != NULL) {
        clo_heap_free(file->path, file->path_length);
    }
    clo_heap_free(file, sizeof *file);
}

/* The file with a copy of its content, as it came before it was asked for. */
static bool keep_content(struct clo_host_file *file, const uint8_t *content, uint32_t length)
{
    file->content_length = length;
    for (uint32_t at = 0; at < length; at += CLO_BLOCK_SIZE) {
        uint32_t part = length - at < CLO_BLOCK_SIZE ? length - at : CLO_BLOCK_SIZE;
        uint8_t *block = clo_heap_alloc(CLO_BLOCK_SIZE);
        if (block == NULL) {
            return false;
        }
        memcpy(block, content + at, part);
        file->content[at / CLO_BLOCK_SIZE] = block;
    }
    return true;
}

/* Open it, or have what came ahead. */
static uint16_t find_or_open(const struct clo_path *path, uint32_t flags,
                             struct clo_host_file *file)
{
    struct clo_file_request request = {.op = CLO_FILE_OPEN,
                                       .flags = flags | CLO_FILE_AHEAD,
                                       .length = FIRST_SIZE,
                                       .time_ns = clo_clock_stamp()};
    struct clo_file_reply reply;
    const uint8_t *content;

    if (flags == 0 && !path->slash && clo_ahead_find(path, &reply, &content) && content != NULL) {
        if (!keep_content(file, content, reply.length)) {
            return CLO_E_NOSPC;
        }
        note_stat(file, &reply);
        note_end(file, &reply, reply.length);
        return 0;
    }
    uint16_t error = clo_hostfs_call_on_path(&request, path, NULL, &reply);
    if (error != 0) {
        return error;
    }
    file->handle = reply.handle;
    note_stat(file, &reply);
    if (flags & (CLO_FILE_CREATE | CLO_FILE_TRUNCATE)) {
        clo_hostfs_changed(file, &reply);
    }
    if (reply.type == CLO_NODE_FILE) {
        keep_data(file, 0, reply.length);
        note_end(file, &reply, reply.length);
    }
    return 0;
}

uint16_t clo_hostfs_open(const struct clo_path *path, uint32_t flags, struct clo_host_file **result)
{
    struct clo_host_file *file = clo_heap_alloc(sizeof *file);
    uint16_t error;

    if (file == NULL) {
        return CLO_E_NOSPC;
    }
    file->next = NOT_READ;
    file->node = path->mounted;
    file->path = clo_hostfs_copy(path->host, path->host_length);
    file->path_length = file->path != NULL ? path->host_length : 0;
    error = file->path_length < path->host_length ? CLO_E_NOSPC : find_or_open(path, flags, file);
    if (error != 0) {
        free_file(file);
        return error;
    }
    clo_node_hold(file->node);
    *result = file;
    return 0;
}

/* Have a handle of what was opened by its content alone. Where another file has the name now, or
 * none, what came ahead stays all that there is, as of an open file that was deleted. */
static bool attach(struct clo_host_file *file)
{
    struct clo_file_request request = {
        .op = CLO_FILE_OPEN, .mount = file->node->mount - 1, .path_length = file->path_length};
    struct clo_file_reply reply;

    if (file->handle != 0) {
        return true;
    }
    if (file->detached || file->node->mount == 0 ||
        clo_hostfs_call(&request, file->path, NULL, &reply) != 0) {
        file->detached = true;
        return false;
    }
    if (reply.inode != file->stat.inode || reply.type != file->stat.type) {
        done_with(reply.handle);
        file->detached = true;
        return false;
    }
    file->handle = reply.handle;
    note_stat(file, &reply);
    return true;
}

void clo_hostfs_close(struct clo_host_file *file)
{
    drop_window(file);
    if (file->handle != 0) {
        done_with(file->handle);
    }
    clo_node_release(file->node);
    free_file(file);
}

void clo_hostfs_changed(struct clo_host_file *file, const struct clo_file_reply *reply)
{
    changes++;
    for (uint32_t i = 0; i < WINDOWS_MAX; i++) {
        struct clo_host_file *owner = windows[i].owner;
        if (owner != NULL && is_own(owner) && owner->stat.inode == file->stat.inode) {
            drop_window(owner);
        }
    }
    note_stat(file, reply);
}

void clo_hostfs_changed_names(void)
{
    changes++;
}

void clo_hostfs_forget(void)
{
    changes++;
    closed_count = 0; /* the host has closed all */
    for (uint32_t i = 0; i < WINDOWS_MAX; i++) {
        if (windows[i].owner != NULL) {
            drop_window(windows[i].owner);
        }
    }
}

uint16_t clo_hostfs_refresh(struct clo_host_file *file)
{
    struct clo_file_reply reply;

    if (fresh(file, file->stat_ns, file->stat_epoch) || (file->handle == 0 && !attach(file)) ||
        fresh(file, file->stat_ns, file->stat_epoch)) {
        return 0;
    }
    uint16_t error = call_on_handle(CLO_FILE_STAT, file, 0, 0, &reply);
    if (error == 0) {
        note_stat(file, &reply);
    }
    return error;
}

/* Does the window show the file as it is? One of /output's goes when the file is written to. */
static bool holds(const struct clo_host_file *file, const struct clo_window *window,
                  uint64_t offset)
{
    if (is_own(file)) {
        return true;
    }
    return window->read_epoch == clo_host_epoch() &&
           (offset == file->next || fresh(file, window->read_ns, window->read_epoch));
}

/* How much of a read the window has. */
static uint64_t from_window(struct clo_host_file *file, uint64_t offset, uint8_t *out,
                            uint64_t length)
{
    struct clo_window *window = file->window;

    if (window == NULL || offset < window->offset || offset - window->offset >= window->length ||
        !holds(file, window, offset)) {
        return 0;
    }
    uint64_t part = window->length - (offset - window->offset);
    if (part > length) {
        part = length;
    }
    memcpy(out, window->data + (offset - window->offset), part);
    window->used = ++window_uses;
    return part;
}

/* One call: straight to its place, or into the window and from there. */
static uint16_t from_host(struct clo_host_file *file, uint64_t offset, uint8_t *out,
                          uint64_t length, uint64_t *got)
{
    bool direct = length >= DIRECT_MIN;
    bool goes_on = offset == file->next || file->next == NOT_READ;
    struct clo_file_request request = {.op = CLO_FILE_READ,
                                       .handle = file->handle,
                                       .offset = offset,
                                       .length = goes_on ? WINDOW_SIZE : JUMP_SIZE};
    struct clo_file_reply reply;

    if (direct) {
        request.length = length < DIRECT_MAX ? (uint32_t)length : DIRECT_MAX;
        request.address = (uint32_t)((uintptr_t)out - CLO_LINEAR_VA);
        request.into_memory = 1;
    } else if (length > request.length) {
        request.length = WINDOW_SIZE;
    }
    uint16_t error = clo_hostfs_call(&request, NULL, NULL, &reply);
    if (error != 0) {
        return error;
    }
    note_end(file, &reply, offset + reply.length);
    *got = reply.length < length ? reply.length : length;
    if (!reply.direct) {
        if (!direct) {
            keep_data(file, offset, reply.length);
        }
        memcpy(out, reply_data, *got);
    }
    return 0;
}

/* Is what came ahead what a read there is to be told? */
static bool has_content(struct clo_host_file *file, uint64_t offset)
{
    bool counts = offset == file->next ? file->stat_epoch == clo_host_epoch()
                                       : clo_host_fresh(file->stat_ns, file->stat_epoch);

    return file->handle == 0 && (counts || !attach(file));
}

static uint64_t from_content(const struct clo_host_file *file, uint64_t offset, uint8_t *out,
                             uint64_t length)
{
    uint64_t done = 0;

    while (done < length && offset + done < file->content_length) {
        uint64_t at = offset + done, in_block = at % CLO_BLOCK_SIZE;
        uint64_t part = CLO_BLOCK_SIZE - in_block;
        if (part > file->content_length - at) {
            part = file->content_length - at;
        }
        if (part > length - done) {
            part = length - done;
        }
        memcpy(out + done, file->content[at / CLO_BLOCK_SIZE] + in_block, part);
        done += part;
    }
    return done;
}

uint16_t clo_hostfs_read(struct clo_host_file *file, uint64_t offset, uint8_t *out, uint64_t length,
                         uint64_t *got)
{
    uint16_t error = 0;

    *got = 0;
    while (*got < length && error == 0) {
        bool is_content = has_content(file, offset + *got);
        uint64_t part = is_content ? from_content(file, offset + *got, out + *got, length - *got)
                                   : from_window(file, offset + *got, out + *got, length - *got);
        if (part == 0 && file->end_ns != 0 && offset + *got >= file->end &&
            fresh(file, file->end_ns, file->end_epoch)) {
            break;
        }
        if (part == 0 && !attach(file)) {
            break;
        }
        if (part == 0) {
            error = from_host(file, offset + *got, out + *got, length - *got, &part);
            if (part == 0) {
                break;
            }
        }
        *got += part;
        file->next = offset + *got;
    }
    return *got > 0 ? 0 : error;
}

/* ---- folders ---- */

static uint16_t next_names(struct clo_host_file *file, bool restart)
{
    struct clo_file_reply reply;
    struct clo_file_name record;
    uint16_t error =
        call_on_handle(CLO_FILE_LIST, file, restart ? CLO_FILE_RESTART : 0, WINDOW_SIZE, &reply);
    uint64_t first = restart ? 0 : file->first + file->count;

    if (error != 0) {
        return error;
    }
    keep_data(file, 0, reply.length);
    if (file->window == NULL) {
        return CLO_E_NOSPC;
    }
    file->first = file->at_index = first;
    file->count = file->at_offset = 0;
    file->last = reply.end;
    for (uint32_t at = 0; at + sizeof record <= reply.length; at += sizeof record + record.length) {
        memcpy(&record, file->window->data + at, sizeof record);
        file->count++;
    }
    return 0;
}

uint16_t clo_hostfs_name(struct clo_host_file *file, uint64_t index, struct clo_file_name *record,
                         const char **name)
{
    uint16_t error = 0;

    *name = NULL;
    if (index == 0 || index < file->first || file->count == 0) {
        error = next_names(file, true);
    }
    while (error == 0 && index >= file->first + file->count && !file->last) {
        error = next_names(file, false);
    }
    if (error != 0 || index >= file->first + file->count) {
        return error;
    }
    if (index < file->at_index) {
        file->at_index = file->first;
        file->at_offset = 0;
    }
    for (;; file->at_index++) {
        memcpy(record, file->window->data + file->at_offset, sizeof *record);
        if (file->at_index == index) {
            break;
        }
        file->at_offset += (uint32_t)sizeof *record + record->length;
    }
    *name = (const char *)file->window->data + file->at_offset + sizeof *record;
    return 0;
}

/* wasi_io.c - data through descriptors: reads, writes, positions, listings.
 *
 * Standard output and error go to the output area. Standard input comes from the host, piece by
 * piece as it is read; a run without one is at its end from the start.
 */
#include <string.h>

#include "guest/files/hostfs.h"
#include "guest/files/ramfs.h"
#include "wasi.h"

#define HOST_COOKIE (1ull << 32) /* of a folder's names on the host: this and their number */

struct vector { /* ciovec, iovec */
    uint32_t address, length;
};

static void load_vector(uint32_t vectors, uint32_t index, struct vector *vector)
{
    uint64_t at = (uint64_t)vectors + 8ull * index;

    if (at > UINT32_MAX) {
        clo_trap(CLO_TRAP_OUT_OF_BOUNDS);
    }
    vector->address = clo_load32((uint32_t)at);
    vector->length = clo_load32((uint32_t)at + 4);
}

/* The descriptor of a file, opened for what `right` says. */
static uint16_t file_for(uint32_t fd, uint64_t right, struct clo_descriptor **descriptor)
{
    *descriptor = clo_descriptor_get(fd);
    if (*descriptor == NULL) {
        return CLO_E_BADF;
    }
    if (((*descriptor)->kind == CLO_FD_NODE && (*descriptor)->node->type == CLO_NODE_DIRECTORY) ||
        ((*descriptor)->kind == CLO_FD_HOST &&
         (*descriptor)->file->stat.type == CLO_NODE_DIRECTORY)) {
        return CLO_E_ISDIR;
    }
    return (*descriptor)->rights & right ? 0 : CLO_E_BADF;
}

static uint16_t read_part(const struct clo_descriptor *descriptor, uint64_t offset, uint8_t *out,
                          uint64_t length, uint64_t *got)
{
    if (descriptor->kind == CLO_FD_HOST) {
        return clo_hostfs_read(descriptor->file, offset, out, length, got);
    }
    *got = clo_node_read(descriptor->node, offset, out, length);
    return 0;
}

static uint16_t read_vectors(const struct clo_descriptor *descriptor, uint64_t offset,
                             uint32_t vectors, uint32_t count, uint64_t *total)
{
    *total = 0;
    if (count > CLO_VECTORS_MAX) {
        return CLO_E_INVAL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vector vector;
        load_vector(vectors, i, &vector);
        if (*total + vector.length > UINT32_MAX) {
            break;
        }
        uint8_t *out = clo_linear(vector.address, vector.length);
        uint64_t got;
        uint16_t error = read_part(descriptor, offset + *total, out, vector.length, &got);
        if (error != 0) {
            return *total > 0 ? 0 : error;
        }
        *total += got;
        if (got < vector.length) {
            break;
        }
    }
    return 0;
}

/* At *offset, or at the file's end; *offset is where it ended. */
static uint16_t write_part(const struct clo_descriptor *descriptor, uint64_t *offset, bool append,
                           const uint8_t *in, uint64_t length, uint64_t *done)
{
    uint16_t error;

    *done = 0;
    if (length == 0) {
        return 0; /* that moves nothing, to the end neither */
    }
    if (descriptor->kind == CLO_FD_HOST) {
        return clo_hostfs_write(descriptor->file, *offset, append, in, length, done, offset);
    }
    if (append) {
        *offset = descriptor->node->size;
    }
    error = clo_node_write(descriptor->node, *offset, in, length, done);
    *offset += error == 0 ? *done : 0;
    return error;
}

static uint16_t write_vectors(const struct clo_descriptor *descriptor, uint64_t *offset,
                              bool append, uint32_t vectors, uint32_t count, uint64_t *total)
{
    *total = 0;
    if (count > CLO_VECTORS_MAX) {
        return CLO_E_INVAL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vector vector;
        uint64_t done;
        load_vector(vectors, i, &vector);
        if (*total + vector.length > UINT32_MAX) {
            break;
        }
        const uint8_t *in = clo_linear(vector.address, vector.length);
        uint16_t error = write_part(descriptor, offset, append, in, vector.length, &done);
        if (error != 0) {
            return *total > 0 ? 0 : error; /* what was written counts */
        }
        *total += done;
        if (done < vector.length) {
            break;
        }
    }
    return 0;
}

/* As a pipe: what there is, into the first buffers. */
static uint16_t read_input(uint32_t vectors, uint32_t count, uint64_t *total)
{
    for (uint32_t i = 0; i < count && i < CLO_VECTORS_MAX; i++) {
        struct vector vector;
        load_vector(vectors, i, &vector);
        int64_t got = clo_input_read(clo_linear(vector.address, vector.length), vector.length);
        if (got < 0) {
            return CLO_E_IO;
        }
        *total = (uint64_t)got;
        if (got > 0 || vector.length > 0) {
            break;
        }
    }
    return 0;
}

uint32_t CLO_WASI(fd_read)(clo_wasi self, uint32_t fd, uint32_t vectors, uint32_t count,
                           uint32_t out)
{
    struct clo_descriptor *descriptor;
    uint64_t total = 0;
    uint16_t error = file_for(fd, CLO_RIGHT_READ, &descriptor);

    (void)self;
    if (error == 0 && descriptor->kind != CLO_FD_STREAM) {
        error = read_vectors(descriptor, descriptor->offset, vectors, count, &total);
        descriptor->offset += total;
    } else if (error == 0 && descriptor->stream == 0) {
        error = read_input(vectors, count, &total);
    }
    if (error == 0) {
        clo_store32(out, (uint32_t)total);
    }
    return error;
}

uint32_t CLO_WASI(fd_pread)(clo_wasi self, uint32_t fd, uint32_t vectors, uint32_t count,
                            uint64_t offset, uint32_t out)
{
    struct clo_descriptor *descriptor;
    uint64_t total;
    uint16_t error = file_for(fd, CLO_RIGHT_READ, &descriptor);

    (void)self;
    if (error == 0 && descriptor->kind == CLO_FD_STREAM) {
        error = CLO_E_SPIPE;
    }
    if (error == 0) {
        error = read_vectors(descriptor, offset, vectors, count, &total);
    }
    if (error == 0) {
        clo_store32(out, (uint32_t)total);
    }
    return error;
}

static uint16_t write_stream(uint32_t stream, uint32_t vectors, uint32_t count, uint64_t *total)
{
    *total = 0;
    if (count > CLO_VECTORS_MAX) {
        return CLO_E_INVAL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vector vector;
        load_vector(vectors, i, &vector);
        if (*total + vector.length > UINT32_MAX) {
            break;
        }
        clo_output_write(stream, clo_linear(vector.address, vector.length), vector.length);
        *total += vector.length;
    }
    clo_output_written();
    return 0;
}

/* A file of a mount, which was opened for reading whatever rights it has. */
static bool is_read_only(const struct clo_descriptor *descriptor)
{
    return descriptor->kind == CLO_FD_HOST && !descriptor->file->node->writable;
}

uint32_t CLO_WASI(fd_write)(clo_wasi self, uint32_t fd, uint32_t vectors, uint32_t count,
                            uint32_t out)
{
    struct clo_descriptor *descriptor;
    uint64_t total = 0;
    uint16_t error = file_for(fd, CLO_RIGHT_WRITE, &descriptor);

    (void)self;
    if (error != 0) {
        return error;
    }
    if (is_read_only(descriptor)) {
        return CLO_E_BADF;
    }
    if (descriptor->kind == CLO_FD_STREAM) {
        error = write_stream(descriptor->stream, vectors, count, &total);
    } else {
        error = write_vectors(descriptor, &descriptor->offset,
                              descriptor->flags & CLO_FDFLAG_APPEND, vectors, count, &total);
    }
    if (error == 0) {
        clo_store32(out, (uint32_t)total);
    }
    return error;
}

uint32_t CLO_WASI(fd_pwrite)(clo_wasi self, uint32_t fd, uint32_t vectors, uint32_t count,
                             uint64_t offset, uint32_t out)
{
    struct clo_descriptor *descriptor;
    uint64_t total;
    uint16_t error = file_for(fd, CLO_RIGHT_WRITE, &descriptor);

    (void)self;
    if (error == 0 && (descriptor->kind == CLO_FD_STREAM || is_read_only(descriptor))) {
        error = descriptor->kind == CLO_FD_HOST ? CLO_E_BADF : CLO_E_SPIPE;
    }
    if (error == 0) {
        error = write_vectors(descriptor, &offset, false, vectors, count, &total);
    }
    if (error == 0) {
        clo_store32(out, (uint32_t)total);
    }
    return error;
}

static uint16_t size_of(const struct clo_descriptor *descriptor, uint64_t *size)
{
    if (descriptor->kind == CLO_FD_HOST) {
        uint16_t error = clo_hostfs_refresh(descriptor->file);
        *size = descriptor->file->stat.size;
        return error;
    }
    *size = descriptor->node->size;
    return 0;
}

uint32_t CLO_WASI(fd_seek)(clo_wasi self, uint32_t fd, uint64_t offset, uint32_t whence,
                           uint32_t out)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);
    uint64_t base;

    (void)self;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    if (descriptor->kind == CLO_FD_STREAM) {
        return CLO_E_SPIPE;
    }
    switch (whence) { /* WASI: 0 from the start, 1 from here, 2 from the end */
    case 0: base = 0; break;
    case 1: base = descriptor->offset; break;
    case 2: {
        uint16_t error = size_of(descriptor, &base);
        if (error != 0) {
            return error;
        }
        break;
    }
    default: return CLO_E_INVAL;
    }
    uint64_t position = base + offset; /* the offset is signed: two's complement addition */
    if ((int64_t)position < 0 || (int64_t)offset > INT64_MAX - (int64_t)base) {
        return CLO_E_INVAL;
    }
    descriptor->offset = position;
    clo_store64(out, position);
    return 0;
}

uint32_t CLO_WASI(fd_tell)(clo_wasi self, uint32_t fd, uint32_t out)
{
    return CLO_WASI(fd_seek)(self, fd, 0, 1, out);
}

/* One listing: [next cookie u64][inode u64][length of the name u32][type u8][pad] name.
 * The last one may be cut: that tells the caller to come again with a larger buffer. */
struct listing {
    uint32_t buffer, capacity, used;
};

static void list(struct listing *listing, uint64_t next, uint64_t inode, uint32_t type,
                 const char *name, uint32_t length)
{
    uint8_t record[24 + CLO_NAME_MAX] = {0};
    uint32_t size = 24 + length, room = listing->capacity - listing->used;

    *(clo_u64 *)record = next;
    *(clo_u64 *)(record + 8) = inode;
    *(clo_u32 *)(record + 16) = length;
    record[20] = (uint8_t)type;
    memcpy(record + 24, name, length);
    if (size > room) {
        size = room;
    }
    memcpy(clo_linear(listing->buffer + listing->used, size), record, size);
    listing->used += size;
}

static void list_dots(struct listing *listing, uint64_t cookie, uint64_t self, uint64_t parent)
{
    if (cookie < 1) {
        list(listing, 1, self, CLO_NODE_DIRECTORY, ".", 1);
    }
    if (cookie < 2) {
        list(listing, 2, parent, CLO_NODE_DIRECTORY, "..", 2);
    }
}

static void list_node(struct listing *listing, struct clo_node *directory, uint64_t cookie)
{
    struct clo_entry *entry = clo_ramfs_after(directory, cookie);

    for (; entry != NULL && listing->used < listing->capacity; entry = entry->next) {
        list(listing, entry->cookie, entry->node->inode, entry->node->type, entry->name,
             entry->length);
    }
}

/* A folder of the host: what is mounted in it comes first, and hides names of the host's. */
static uint16_t list_host(struct listing *listing, struct clo_host_file *file, uint64_t cookie)
{
    struct clo_node *shown = file->path_length == file->node->backing_length ? file->node : NULL;
    uint64_t index = cookie >= HOST_COOKIE ? cookie - HOST_COOKIE : 0;

    list_dots(listing, cookie, file->stat.inode, file->node->inode);
    if (shown != NULL && cookie < HOST_COOKIE) {
        list_node(listing, shown, cookie);
    }
    for (; listing->used < listing->capacity; index++) {
        struct clo_file_name record;
        const char *name;
        uint16_t error = clo_hostfs_name(file, index, &record, &name);
        if (error != 0) {
            return error;
        }
        if (name == NULL) {
            break;
        }
        if (shown == NULL || clo_ramfs_find(shown, name, record.length) == NULL) {
            list(listing, HOST_COOKIE + index + 1, record.inode, record.type, name, record.length);
        }
    }
    return 0;
}

uint32_t CLO_WASI(fd_readdir)(clo_wasi self, uint32_t fd, uint32_t buffer, uint32_t capacity,
                              uint64_t cookie, uint32_t out)
{
    struct clo_descriptor *descriptor;
    struct listing listing = {buffer, capacity, 0};
    uint16_t error = clo_descriptor_node(fd, &descriptor);

    (void)self;
    if (descriptor == NULL || descriptor->kind == CLO_FD_STREAM) {
        return CLO_E_BADF;
    }
    if ((error != 0 ? descriptor->file->stat.type : descriptor->node->type) != CLO_NODE_DIRECTORY) {
        return CLO_E_NOTDIR;
    }
    clo_linear(buffer, capacity);
    error = error != 0 ? list_host(&listing, descriptor->file, cookie) : 0;
    if (error != 0) {
        return error;
    }
    if (descriptor->kind == CLO_FD_NODE) {
        struct clo_node *directory = descriptor->node;
        list_dots(&listing, cookie, directory->inode, directory->directory.parent->inode);
        list_node(&listing, directory, cookie);
    }
    clo_store32(out, listing.used);
    return 0;
}

/* wasi_fd.c - descriptors: the table, what is asked of one without moving data. */
#include <string.h>

#include "guest/files/hostfs.h"
#include "guest/files/ramfs.h"
#include "wasi.h"

#define FILESTAT_SIZE 64u
#define DEVICE 1u /* the RAM file system; mounts come after it */

static struct clo_descriptor table[CLO_DESCRIPTORS_MAX];
static bool table_ready;

/* The table fills itself at the first use, which is while the image is built. */
static void table_start(void)
{
    for (uint32_t fd = 0; fd < 3; fd++) {
        table[fd].kind = CLO_FD_STREAM;
        table[fd].stream = fd;
        table[fd].rights = fd == 0 ? CLO_RIGHT_READ : CLO_RIGHT_WRITE;
    }
    struct clo_descriptor *root = &table[CLO_ROOT_DESCRIPTOR];
    root->kind = CLO_FD_NODE;
    root->rights = root->inheriting = CLO_RIGHTS_ALL;
    root->node = clo_ramfs_root();
    clo_node_hold(root->node);
    table_ready = true;
}

struct clo_descriptor *clo_descriptor_get(uint32_t fd)
{
    if (!table_ready) {
        table_start();
    }
    return fd < CLO_DESCRIPTORS_MAX && table[fd].kind != CLO_FD_FREE ? &table[fd] : NULL;
}

uint16_t clo_descriptor_node(uint32_t fd, struct clo_descriptor **descriptor)
{
    *descriptor = clo_descriptor_get(fd);
    if (*descriptor == NULL) {
        return CLO_E_BADF;
    }
    return (*descriptor)->kind == CLO_FD_NODE ? 0 : CLO_E_INVAL;
}

/* The lowest that is free. */
static uint16_t take_free(struct clo_descriptor descriptor, uint32_t *fd)
{
    for (uint32_t i = 0; i < CLO_DESCRIPTORS_MAX; i++) {
        if (clo_descriptor_get(i) == NULL) {
            table[i] = descriptor;
            *fd = i;
            return 0;
        }
    }
    return CLO_E_MFILE;
}

uint16_t clo_descriptor_open(struct clo_node *node, uint64_t rights, uint64_t inheriting,
                             uint16_t flags, uint32_t *fd)
{
    struct clo_descriptor descriptor = {.kind = CLO_FD_NODE,
                                        .flags = flags,
                                        .rights = rights,
                                        .inheriting = inheriting,
                                        .node = node};
    uint16_t error = take_free(descriptor, fd);

    if (error == 0) {
        clo_node_hold(node);
    }
    return error;
}

uint16_t clo_descriptor_open_host(struct clo_host_file *file, uint64_t rights, uint64_t inheriting,
                                  uint16_t flags, uint32_t *fd)
{
    struct clo_descriptor descriptor = {.kind = CLO_FD_HOST,
                                        .flags = flags,
                                        .rights = rights,
                                        .inheriting = inheriting,
                                        .file = file};

    return take_free(descriptor, fd);
}

static void descriptor_close(struct clo_descriptor *descriptor)
{
    struct clo_node *node = descriptor->kind == CLO_FD_NODE ? descriptor->node : NULL;

    if (descriptor->kind == CLO_FD_HOST) {
        clo_hostfs_close(descriptor->file);
    }
    memset(descriptor, 0, sizeof *descriptor);
    if (node != NULL) {
        clo_node_release(node);
    }
}

uint32_t CLO_WASI(fd_close)(clo_wasi self, uint32_t fd)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);

    (void)self;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    descriptor_close(descriptor);
    return 0;
}

uint32_t CLO_WASI(fd_renumber)(clo_wasi self, uint32_t from, uint32_t to)
{
    struct clo_descriptor *source = clo_descriptor_get(from), *target = clo_descriptor_get(to);

    (void)self;
    if (source == NULL || target == NULL) {
        return CLO_E_BADF;
    }
    if (source != target) {
        descriptor_close(target);
        *target = *source;
        memset(source, 0, sizeof *source);
    }
    return 0;
}

/* fdstat: [type u8][pad][flags u16][pad][rights u64][inheriting u64] */
uint32_t CLO_WASI(fd_fdstat_get)(clo_wasi self, uint32_t fd, uint32_t out)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);

    (void)self;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    clo_store64(out, 0);
    clo_store8(out, descriptor->kind == CLO_FD_NODE   ? (uint8_t)descriptor->node->type
                    : descriptor->kind == CLO_FD_HOST ? (uint8_t)descriptor->file->stat.type
                                                      : CLO_FILETYPE_UNKNOWN);
    clo_store16(out + 2, descriptor->flags);
    clo_store64(out + 8, descriptor->rights);
    clo_store64(out + 16, descriptor->inheriting);
    return 0;
}

uint32_t CLO_WASI(fd_fdstat_set_flags)(clo_wasi self, uint32_t fd, uint32_t flags)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);

    (void)self;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    descriptor->flags = (uint16_t)flags;
    return 0;
}

uint32_t CLO_WASI(fd_fdstat_set_rights)(clo_wasi self, uint32_t fd, uint64_t base,
                                        uint64_t inheriting)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);

    (void)self;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    if ((base & ~descriptor->rights) != 0 || (inheriting & ~descriptor->inheriting) != 0) {
        return CLO_E_NOTCAPABLE; /* rights can be given up, not taken */
    }
    descriptor->rights = base;
    descriptor->inheriting = inheriting;
    return 0;
}

/* filestat: device, inode, type (u8), links, size, accessed, modified, changed; 8 bytes each */
static void filestat_store(uint32_t out, const uint64_t fields[8])
{
    for (uint32_t i = 0; i < FILESTAT_SIZE / 8; i++) {
        clo_store64(out + 8 * i, fields[i]);
    }
}

void clo_filestat_store(uint32_t out, const struct clo_node *node)
{
    const uint64_t fields[8] = {DEVICE,     node->inode,       node->type,        node->links,
                                node->size, node->accessed_ns, node->modified_ns, node->changed_ns};
    filestat_store(out, fields);
}

void clo_filestat_store_host(uint32_t out, const struct clo_file_reply *stat, uint32_t mount)
{
    const uint64_t fields[8] = {DEVICE + mount,    stat->inode,     stat->type,
                                stat->links,       stat->size,      stat->accessed_ns,
                                stat->modified_ns, stat->changed_ns};
    filestat_store(out, fields);
}

static uint16_t filestat_of_host(struct clo_host_file *file, uint32_t out)
{
    uint16_t error = clo_hostfs_refresh(file);

    if (error == 0) {
        clo_filestat_store_host(out, &file->stat, file->node->mount);
    }
    return error;
}

uint32_t CLO_WASI(fd_filestat_get)(clo_wasi self, uint32_t fd, uint32_t out)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);

    (void)self;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    if (descriptor->kind == CLO_FD_HOST) {
        return filestat_of_host(descriptor->file, out);
    }
    if (descriptor->kind == CLO_FD_NODE) {
        clo_filestat_store(out, descriptor->node);
    } else {
        const uint64_t fields[8] = {0, fd, CLO_FILETYPE_UNKNOWN, 1, 0, 0, 0, 0};
        filestat_store(out, fields);
    }
    return 0;
}

static enum clo_node_type type_of(const struct clo_descriptor *descriptor)
{
    return descriptor->kind == CLO_FD_HOST ? (enum clo_node_type)descriptor->file->stat.type
                                           : descriptor->node->type;
}

/* A descriptor of a file that may be written. */
static uint16_t writable_file(uint32_t fd, struct clo_descriptor **descriptor)
{
    uint16_t error = clo_descriptor_node(fd, descriptor);

    if (error != 0 && (error != CLO_E_INVAL || (*descriptor)->kind != CLO_FD_HOST)) {
        return error;
    }
    if (type_of(*descriptor) != CLO_NODE_FILE) {
        return CLO_E_INVAL;
    }
    return (*descriptor)->rights & CLO_RIGHT_WRITE ? 0 : CLO_E_INVAL;
}

static uint16_t resize(struct clo_descriptor *descriptor, uint64_t size, bool grow_only)
{
    if (descriptor->kind == CLO_FD_HOST) {
        return clo_hostfs_resize(descriptor->file, size, grow_only);
    }
    return grow_only && size <= descriptor->node->size ? 0
                                                       : clo_node_resize(descriptor->node, size);
}

uint32_t CLO_WASI(fd_filestat_set_size)(clo_wasi self, uint32_t fd, uint64_t size)
{
    struct clo_descriptor *descriptor;
    uint16_t error = writable_file(fd, &descriptor);

    (void)self;
    return error != 0 ? error : resize(descriptor, size, false);
}

uint32_t CLO_WASI(fd_allocate)(clo_wasi self, uint32_t fd, uint64_t offset, uint64_t length)
{
    struct clo_descriptor *descriptor;
    uint16_t error = writable_file(fd, &descriptor);

    (void)self;
    if (error != 0) {
        return error;
    }
    if (length == 0 || offset > INT64_MAX || length > INT64_MAX - offset) {
        return length == 0 ? CLO_E_INVAL : CLO_E_FBIG;
    }
    return resize(descriptor, offset + length, true);
}

uint16_t clo_node_set_times(struct clo_node *node, uint64_t accessed, uint64_t modified,
                            uint32_t flags)
{
    uint64_t now = clo_clock_realtime();

    if (node->sealed) {
        return CLO_E_ROFS;
    }
    if (((flags & CLO_TIME_ACCESSED) && (flags & CLO_TIME_ACCESSED_NOW)) ||
        ((flags & CLO_TIME_MODIFIED) && (flags & CLO_TIME_MODIFIED_NOW))) {
        return CLO_E_INVAL;
    }
    if (flags & (CLO_TIME_ACCESSED | CLO_TIME_ACCESSED_NOW)) {
        node->accessed_ns = flags & CLO_TIME_ACCESSED ? accessed : now;
    }
    if (flags & (CLO_TIME_MODIFIED | CLO_TIME_MODIFIED_NOW)) {
        node->modified_ns = flags & CLO_TIME_MODIFIED ? modified : now;
    }
    node->changed_ns = now;
    return 0;
}

uint32_t CLO_WASI(fd_filestat_set_times)(clo_wasi self, uint32_t fd, uint64_t accessed,
                                         uint64_t modified, uint32_t flags)
{
    struct clo_descriptor *descriptor;
    uint16_t error = clo_descriptor_node(fd, &descriptor);

    (void)self;
    if (error == CLO_E_INVAL && descriptor->kind == CLO_FD_HOST) {
        return clo_hostfs_set_times(descriptor->file, accessed, modified, flags);
    }
    return error != 0 ? error : clo_node_set_times(descriptor->node, accessed, modified, flags);
}

uint32_t CLO_WASI(fd_advise)(clo_wasi self, uint32_t fd, uint64_t offset, uint64_t length,
                             uint32_t advice)
{
    struct clo_descriptor *descriptor = clo_descriptor_get(fd);

    (void)self, (void)offset, (void)length, (void)advice;
    if (descriptor == NULL) {
        return CLO_E_BADF;
    }
    return descriptor->kind == CLO_FD_STREAM ? CLO_E_SPIPE : 0;
}

uint32_t CLO_WASI(fd_sync)(clo_wasi self, uint32_t fd)
{
    (void)self;
    return clo_descriptor_get(fd) == NULL ? CLO_E_BADF : 0; /* memory is as safe as it gets */
}

uint32_t CLO_WASI(fd_datasync)(clo_wasi self, uint32_t fd)
{
    return CLO_WASI(fd_sync)(self, fd);
}

/* prestat: [tag u8: 0 = directory][pad][length of its name u32]. The one preopen is "/". */
uint32_t CLO_WASI(fd_prestat_get)(clo_wasi self, uint32_t fd, uint32_t out)
{
    (void)self;
    if (fd != CLO_ROOT_DESCRIPTOR || clo_descriptor_get(fd) == NULL) {
        return CLO_E_BADF;
    }
    clo_store32(out, 0);
    clo_store32(out + 4, 1);
    return 0;
}

uint32_t CLO_WASI(fd_prestat_dir_name)(clo_wasi self, uint32_t fd, uint32_t path, uint32_t length)
{
    (void)self;
    if (fd != CLO_ROOT_DESCRIPTOR || clo_descriptor_get(fd) == NULL) {
        return CLO_E_BADF;
    }
    if (length < 1) {
        return CLO_E_NAMETOOLONG;
    }
    clo_store8(path, '/');
    return 0;
}

/* ramfs_data.c - contents of files in the RAM file system: blocks and pointers (ramfs.h). */
#include <string.h>

#include "guest/files/ramfs.h"
#include "guest/wasi.h"

/* Where the pointer to block `index` stands. With `make`, tables on the way are made; NULL: there
 * is none, or no memory for one. */
static uint8_t **block_slot(struct clo_node *node, uint64_t index, bool make)
{
    uint8_t ***table;

    if (index < CLO_DIRECT) {
        return &node->direct[index];
    }
    index -= CLO_DIRECT;
    if (index < CLO_POINTERS) {
        table = &node->indirect;
    } else {
        index -= CLO_POINTERS;
        if (node->twice == NULL) {
            if (!make) {
                return NULL;
            }
            node->twice = clo_heap_alloc(CLO_BLOCK_SIZE);
            if (node->twice == NULL) {
                return NULL;
            }
        }
        table = &node->twice[index / CLO_POINTERS];
        index %= CLO_POINTERS;
    }
    if (*table == NULL) {
        if (!make) {
            return NULL;
        }
        *table = clo_heap_alloc(CLO_BLOCK_SIZE);
        if (*table == NULL) {
            return NULL;
        }
    }
    return &(*table)[index];
}

uint64_t clo_node_read(struct clo_node *node, uint64_t offset, uint8_t *out, uint64_t length)
{
    uint64_t done = 0;

    if (offset >= node->size) {
        return 0;
    }
    if (length > node->size - offset) {
        length = node->size - offset;
    }
    while (done < length) {
        uint64_t within = (offset + done) % CLO_BLOCK_SIZE;
        uint64_t part = CLO_BLOCK_SIZE - within;
        uint8_t **slot = block_slot(node, (offset + done) / CLO_BLOCK_SIZE, false);

        if (part > length - done) {
            part = length - done;
        }
        if (slot != NULL && *slot != NULL) {
            memcpy(out + done, *slot + within, part);
        } else {
            memset(out + done, 0, part);
        }
        done += part;
    }
    node->accessed_ns = clo_clock_realtime();
    return length;
}

uint16_t clo_node_write(struct clo_node *node, uint64_t offset, const uint8_t *in, uint64_t length,
                        uint64_t *written)
{
    uint64_t done = 0;

    *written = 0;
    if (length == 0) {
        return 0;
    }
    if (node->type == CLO_NODE_NULL) {
        *written = length;
        return 0;
    }
    if (offset >= CLO_FILE_MAX) {
        return CLO_E_FBIG;
    }
    if (length > CLO_FILE_MAX - offset) {
        length = CLO_FILE_MAX - offset;
    }
    while (done < length) {
        uint64_t within = (offset + done) % CLO_BLOCK_SIZE;
        uint64_t part = CLO_BLOCK_SIZE - within;
        uint8_t **slot = block_slot(node, (offset + done) / CLO_BLOCK_SIZE, true);

        if (slot != NULL && *slot == NULL) {
            *slot = clo_heap_alloc(CLO_BLOCK_SIZE);
        }
        if (slot == NULL || *slot == NULL) {
            break;
        }
        if (part > length - done) {
            part = length - done;
        }
        memcpy(*slot + within, in + done, part);
        done += part;
    }
    if (done == 0) {
        return CLO_E_NOSPC;
    }
    if (offset + done > node->size) {
        node->size = offset + done;
    }
    node->modified_ns = node->changed_ns = clo_clock_realtime();
    *written = done;
    return 0;
}

static void free_block(uint8_t **slot)
{
    if (*slot != NULL) {
        clo_heap_free(*slot, CLO_BLOCK_SIZE);
        *slot = NULL;
    }
}

/* Free the blocks from `first` on in one table; with first 0 the table too. */
static void free_table(uint8_t ***table, uint64_t first)
{
    if (*table == NULL || first >= CLO_POINTERS) {
        return;
    }
    for (uint64_t i = first; i < CLO_POINTERS; i++) {
        free_block(&(*table)[i]);
    }
    if (first == 0) {
        clo_heap_free(*table, CLO_BLOCK_SIZE);
        *table = NULL;
    }
}

static void free_blocks(struct clo_node *node, uint64_t first)
{
    uint64_t table = 0;

    for (uint64_t i = first; i < CLO_DIRECT; i++) {
        free_block(&node->direct[i]);
    }
    first = first > CLO_DIRECT ? first - CLO_DIRECT : 0;
    free_table(&node->indirect, first);
    first = first > CLO_POINTERS ? first - CLO_POINTERS : 0;
    if (node->twice == NULL) {
        return;
    }
    for (table = first / CLO_POINTERS; table < CLO_POINTERS; table++) {
        free_table(&node->twice[table], table == first / CLO_POINTERS ? first % CLO_POINTERS : 0);
    }
    if (first == 0) {
        clo_heap_free(node->twice, CLO_BLOCK_SIZE);
        node->twice = NULL;
    }
}

uint16_t clo_node_resize(struct clo_node *node, uint64_t size)
{
    if (node->type == CLO_NODE_NULL) {
        return 0;
    }
    if (size > CLO_FILE_MAX) {
        return CLO_E_FBIG;
    }
    if (size < node->size) {
        uint64_t within = size % CLO_BLOCK_SIZE;
        uint8_t **slot = block_slot(node, size / CLO_BLOCK_SIZE, false);

        if (within != 0 && slot != NULL && *slot != NULL) {
            memset(*slot + within, 0, CLO_BLOCK_SIZE - within);
        }
        free_blocks(node, (size + CLO_BLOCK_SIZE - 1) / CLO_BLOCK_SIZE);
    }
    node->size = size;
    node->modified_ns = node->changed_ns = clo_clock_realtime();
    return 0;
}

/* snapshot_parts.h - a snapshot's file taken apart, altered, and sealed anew, for tests. */
#ifndef TESTS_SANDBOX_SNAPSHOT_PARTS_H
#define TESTS_SANDBOX_SNAPSHOT_PARTS_H

#include "snapshot_fixture.h"

#include "sandbox/snapshot/block.h"

#define BLOCKS_MAX 32

struct parts { /* of a snapshot, unpacked */
    struct clo_snapshot_head head;
    size_t count;
    enum clo_block_kind kinds[BLOCKS_MAX];
    uint8_t *bytes[BLOCKS_MAX];
    size_t lengths[BLOCKS_MAX];
};

/* A number below that; the same sequence in each program. */
uint32_t parts_any(uint32_t below);

void parts_take(int file, struct parts *parts);
int parts_put(const struct parts *parts); /* a new file, with right seals */
void parts_free(struct parts *parts);

/* A few bytes become others. */
void parts_alter_bytes(uint8_t *bytes, size_t length);
/* One change of what the parts are: of bytes most often, of their order and number now and then. */
void parts_alter(struct parts *parts);

#endif

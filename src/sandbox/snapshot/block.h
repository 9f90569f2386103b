/* sandbox/snapshot/block.h - the head and the blocks of a snapshot's file: written and read,
 * sealed.
 *
 * A struct clo_snapshot_file is for writing or for reading. It does not own its descriptor.
 */
#ifndef CLO_SANDBOX_SNAPSHOT_BLOCK_H
#define CLO_SANDBOX_SNAPSHOT_BLOCK_H

#include <stdbool.h>

#include "abi/image.h"
#include "cloche/sandbox.h"

#define CLO_SNAPSHOT_MAGIC                                                                         \
    "\x89"                                                                                         \
    "CLOSNP\n"
#define CLO_SNAPSHOT_VERSION 2u
#define CLO_SNAPSHOT_BETWEEN_RUNS 1u      /* kind: no registers are in it */
#define CLO_SNAPSHOT_IN_RUN 2u            /* they are, in RUN blocks */
#define CLO_SNAPSHOT_X86_64 1u            /* machine */
#define CLO_SNAPSHOT_BLOCK_MAX (1u << 20) /* bytes of a block before compression */
#define CLO_SEAL_SIZE 32

struct clo_snapshot_head {
    char magic[8];
    uint32_t version;   /* CLO_SNAPSHOT_VERSION */
    uint32_t head_size; /* sizeof(struct clo_snapshot_head) */
    uint32_t abi;       /* CLO_ABI_VERSION: layout and calls */
    uint32_t kind;
    uint32_t machine;
    uint32_t reserved;
    uint8_t image[32]; /* its hash */
    uint8_t salt[32];  /* random: of this file's seals; and its id */
    uint64_t region_size[CLO_REGION_COUNT];
    uint64_t monotonic_ns; /* the session's clock */
    uint8_t zeros[72];
    uint8_t seal[CLO_SEAL_SIZE];
};
_Static_assert(sizeof(struct clo_snapshot_head) == 224, "no padding");

enum clo_block_kind {
    CLO_BLOCK_PAGES = 1,
    CLO_BLOCK_OUTPUT,
    CLO_BLOCK_END,
    CLO_BLOCK_RUN,
};

struct clo_block_head { /* then the bytes, then the seal */
    uint32_t kind;
    uint32_t number; /* from 0 */
    uint32_t length; /* before compression, at most CLO_SNAPSHOT_BLOCK_MAX */
    uint32_t stored; /* bytes that follow; as many as `length`: they are not compressed */
};

struct clo_snapshot_file {
    int fd;
    uint64_t at, size; /* size: of the file, or what it may have at most */
    uint8_t key[CLO_SEAL_SIZE];
    uint32_t number; /* of the next block */
    uint8_t *block;  /* as it is in the file */
    void *packer;    /* a context of zstd, of the one direction or the other */
    bool writing;
    bool checking;  /* reading: only the seals; no bytes are handed out */
    uint8_t *bytes; /* of a block that was read */
};

/* Allocates nothing yet. Errors: CLO_EINVALID (options, or no such file as sandbox.h asks for),
 * CLO_ELIMIT. */
int clo_snapshot_file_open(struct clo_snapshot_file *file, int fd, bool writing,
                           const struct clo_snapshot_options *options, struct clo_error *error);
void clo_snapshot_file_close(struct clo_snapshot_file *file);

/* The head's salt and seal are filled in; what else it says is the caller's. */
int clo_snapshot_put_head(struct clo_snapshot_file *file, struct clo_snapshot_head *head,
                          const struct clo_snapshot_options *options, struct clo_error *error);
int clo_snapshot_put_block(struct clo_snapshot_file *file, enum clo_block_kind kind,
                           const void *bytes, size_t length, struct clo_error *error);

/* From the beginning, again if it was read before. Its magic, version and seal are right. */
int clo_snapshot_get_head(struct clo_snapshot_file *file, struct clo_snapshot_head *head,
                          const struct clo_snapshot_options *options, struct clo_error *error);
/* The next block, with its seal right. *bytes (NULL where `checking`) are the file's until the next. After END nothing may
 * follow in the file. */
int clo_snapshot_get_block(struct clo_snapshot_file *file, enum clo_block_kind *kind,
                           const uint8_t **bytes, size_t *length, struct clo_error *error);

#endif

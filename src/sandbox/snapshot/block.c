/* block.c - see block.h. */
#include "sandbox/snapshot/block.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zstd.h>

#include "base/error.h"
#include "base/quantity.h"

#define KEY_MIN 16u
#define KEY_MAX 1024u
#define ABOUT_MAX 1024u
#define FILE_MAX_DEFAULT (1ull << 30)
#define ROOM (sizeof(struct clo_block_head) + CLO_SNAPSHOT_BLOCK_MAX + CLO_SEAL_SIZE)
/* Of zstd: against 3 it takes half the time for files 3 % larger, against deflate at 1 a quarter of the
 * time for files a tenth smaller (states of JSON and tables; bench/sessions.c). */
#define LEVEL 1

/* ---- seals ---- */

static int make_seal(const void *key, size_t key_length, const void *bytes, size_t length,
                     uint8_t seal[CLO_SEAL_SIZE], struct clo_error *error)
{
    unsigned size = CLO_SEAL_SIZE;
    if (HMAC(EVP_sha256(), key, (int)key_length, bytes, length, seal, &size) &&
        size == CLO_SEAL_SIZE)
        return 0;
    return clo_fail(error, CLO_ESYSTEM, "cannot compute HMAC-SHA-256");
}

/* The key of one file: of the caller's, its salt and what it is about. */
static int make_key(struct clo_snapshot_file *file, const struct clo_snapshot_head *head,
                    const struct clo_snapshot_options *options, struct clo_error *error)
{
    static const char purpose[32] = "cloche snapshot, seals, 1";
    uint8_t words[sizeof purpose + sizeof head->salt + ABOUT_MAX];
    memcpy(words, purpose, sizeof purpose);
    memcpy(words + sizeof purpose, head->salt, sizeof head->salt);
    if (options->about_length)
        memcpy(words + sizeof purpose + sizeof head->salt, options->about, options->about_length);
    return make_seal(options->key, options->key_length, words,
                     sizeof purpose + sizeof head->salt + options->about_length, file->key, error);
}

static int refuse_altered(const struct clo_snapshot_file *file, struct clo_error *error)
{
    clo_fail(error, CLO_EINVALID, "the snapshot's seal before byte %" PRIu64 " does not fit it",
             file->at);
    return clo_hint(error, CLO_EINVALID,
                    "it was altered, or sealed with another key or for something else: only what "
                    "clo_sandbox_snapshot wrote with the same key can be restored");
}

/* ---- the file ---- */

static int check_options(const struct clo_snapshot_options *options, struct clo_error *error)
{
    if (!options || !options->key || options->key_length < KEY_MIN || options->key_length > KEY_MAX)
        return clo_fail(error, CLO_EINVALID, "a snapshot's key of %zu bytes; it has %u to %u",
                        options && options->key ? options->key_length : 0, KEY_MIN, KEY_MAX);
    if (options->about_length > ABOUT_MAX || (options->about_length && !options->about))
        return clo_fail(error, CLO_EINVALID,
                        "what a snapshot is about has %zu bytes%s; at most %u are allowed",
                        options->about_length, options->about ? "" : " and is NULL", ABOUT_MAX);
    return 0;
}

static int too_long(uint64_t most, struct clo_error *error)
{
    char text[CLO_QUANTITY_TEXT_MAX];
    clo_size_format(text, most);
    clo_fail(error, CLO_ELIMIT, "the snapshot has more than the %s that it may have", text);
    return clo_hint(error, CLO_ELIMIT,
                    "raise max_bytes, or have the code drop what it needs no more");
}

int clo_snapshot_file_open(struct clo_snapshot_file *file, int fd, bool writing,
                           const struct clo_snapshot_options *options, struct clo_error *error)
{
    struct stat is;
    *file = (struct clo_snapshot_file){.fd = fd};
    int status = check_options(options, error);
    if (status)
        return status;
    uint64_t most = options->max_bytes ? options->max_bytes : FILE_MAX_DEFAULT;
    if (fstat(fd, &is))
        return clo_fail_errno(error, CLO_EINVALID, "descriptor %d of a snapshot", fd);
    if (!S_ISREG(is.st_mode) || (writing && is.st_size))
        return clo_fail(error, CLO_EINVALID, "a snapshot %s regular file; descriptor %d is %s",
                        writing ? "is written to an empty" : "is read from a", fd,
                        S_ISREG(is.st_mode) ? "one that has something in it" : "none");
    if (!writing && (uint64_t)is.st_size > most)
        return too_long(most, error);
    file->size = writing ? most : (uint64_t)is.st_size;
    file->writing = writing;
    return 0;
}

/* What blocks take: not before there is one. */
static int have_room(struct clo_snapshot_file *file, struct clo_error *error)
{
    if (file->packer)
        return 0;
    if (!file->block)
        file->block = malloc(ROOM);
    if (!file->bytes && !file->writing)
        file->bytes = malloc(CLO_SNAPSHOT_BLOCK_MAX);
    if (file->block && (file->bytes || file->writing))
        file->packer = file->writing ? (void *)ZSTD_createCCtx() : (void *)ZSTD_createDCtx();
    return file->packer ? 0 : clo_fail_memory(error);
}

void clo_snapshot_file_close(struct clo_snapshot_file *file)
{
    OPENSSL_cleanse(file->key, sizeof file->key);
    free(file->block);
    free(file->bytes);
    if (file->writing)
        ZSTD_freeCCtx(file->packer);
    else
        ZSTD_freeDCtx(file->packer);
    file->block = file->bytes = NULL;
    file->packer = NULL;
}

/* ---- writing ---- */

static int write_all(struct clo_snapshot_file *file, const void *bytes, size_t length,
                     struct clo_error *error)
{
    if (length > file->size - file->at)
        return too_long(file->size, error);
    for (size_t done = 0; done < length;) {
        ssize_t now = pwrite(file->fd, (const uint8_t *)bytes + done, length - done,
                             (off_t)(file->at + done));
        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0) {
            if (!now)
                errno = ENOSPC;
            return clo_fail_errno(error, CLO_ESYSTEM, "writing a snapshot");
        }
        done += (size_t)now;
    }
    file->at += length;
    return 0;
}

int clo_snapshot_put_head(struct clo_snapshot_file *file, struct clo_snapshot_head *head,
                          const struct clo_snapshot_options *options, struct clo_error *error)
{
    memcpy(head->magic, CLO_SNAPSHOT_MAGIC, sizeof head->magic);
    head->version = CLO_SNAPSHOT_VERSION;
    head->head_size = sizeof *head;
    if (getrandom(head->salt, sizeof head->salt, 0) != sizeof head->salt)
        return clo_fail_errno(error, CLO_ESYSTEM, "getrandom");
    int status = make_key(file, head, options, error);
    if (!status)
        status = make_seal(file->key, sizeof file->key, head,
                           offsetof(struct clo_snapshot_head, seal), head->seal, error);
    return status ? status : write_all(file, head, sizeof *head, error);
}

int clo_snapshot_put_block(struct clo_snapshot_file *file, enum clo_block_kind kind,
                           const void *bytes, size_t length, struct clo_error *error)
{
    int status = have_room(file, error);
    if (status)
        return status;
    struct clo_block_head head = {.kind = kind,
                                  .number = file->number++,
                                  .length = (uint32_t)length,
                                  .stored = (uint32_t)length};
    uint8_t *at = file->block + sizeof head;
    /* one byte shorter, or it is no gain; zstd sees soon where there is none */
    size_t packed =
        length ? ZSTD_compressCCtx(file->packer, at, length - 1, bytes, length, LEVEL) : 0;
    if (!ZSTD_isError(packed))
        head.stored = (uint32_t)packed;
    else
        memcpy(at, bytes, length);
    memcpy(file->block, &head, sizeof head);
    size_t sealed = sizeof head + head.stored;
    status =
        make_seal(file->key, sizeof file->key, file->block, sealed, file->block + sealed, error);
    return status ? status : write_all(file, file->block, sealed + CLO_SEAL_SIZE, error);
}

/* ---- reading ---- */

static int read_all(struct clo_snapshot_file *file, void *bytes, size_t length,
                    struct clo_error *error)
{
    if (length > file->size - file->at)
        return clo_fail(error, CLO_EINVALID,
                        "the snapshot is cut short: %" PRIu64 " bytes, and %zu more are due",
                        file->size, length - (size_t)(file->size - file->at));
    for (size_t done = 0; done < length;) {
        ssize_t now =
            pread(file->fd, (uint8_t *)bytes + done, length - done, (off_t)(file->at + done));
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            return clo_fail_errno(error, CLO_ESYSTEM, "reading a snapshot");
        if (!now)
            return clo_fail(error, CLO_EINVALID, "the snapshot was cut short while it was read");
        done += (size_t)now;
    }
    file->at += length;
    return 0;
}

static int check_seal(const struct clo_snapshot_file *file, const void *bytes, size_t length,
                      const uint8_t seal[CLO_SEAL_SIZE], struct clo_error *error)
{
    uint8_t right[CLO_SEAL_SIZE];
    int status = make_seal(file->key, sizeof file->key, bytes, length, right, error);
    if (!status && CRYPTO_memcmp(right, seal, sizeof right) != 0)
        status = refuse_altered(file, error);
    return status;
}

int clo_snapshot_get_head(struct clo_snapshot_file *file, struct clo_snapshot_head *head,
                          const struct clo_snapshot_options *options, struct clo_error *error)
{
    file->at = file->number = 0;
    int status = read_all(file, head, sizeof *head, error);
    if (status)
        return status;
    if (memcmp(head->magic, CLO_SNAPSHOT_MAGIC, sizeof head->magic) != 0)
        return clo_fail(error, CLO_EINVALID, "this is no snapshot of a sandbox");
    if (head->version != CLO_SNAPSHOT_VERSION || head->head_size != sizeof *head)
        return clo_fail(error, CLO_EINVALID,
                        "the snapshot is of version %u, and this program reads version %u",
                        head->version, CLO_SNAPSHOT_VERSION);
    status = make_key(file, head, options, error);
    if (!status)
        status =
            check_seal(file, head, offsetof(struct clo_snapshot_head, seal), head->seal, error);
    return status;
}

static int unpack(struct clo_snapshot_file *file, const struct clo_block_head *head,
                  struct clo_error *error)
{
    const uint8_t *stored = file->block + sizeof *head;
    if (file->checking)
        return 0;
    if (head->stored == head->length)
        memcpy(file->bytes, stored, head->stored);
    else if (ZSTD_decompressDCtx(file->packer, file->bytes, head->length, stored, head->stored) !=
             head->length)
        return clo_fail(error, CLO_EINVALID, "block %u of the snapshot does not unpack to %u bytes",
                        head->number, head->length);
    return 0;
}

int clo_snapshot_get_block(struct clo_snapshot_file *file, enum clo_block_kind *kind,
                           const uint8_t **bytes, size_t *length, struct clo_error *error)
{
    struct clo_block_head head;
    int status = have_room(file, error);
    if (!status)
        status = read_all(file, &head, sizeof head, error);
    if (status)
        return status;
    if (head.length > CLO_SNAPSHOT_BLOCK_MAX || head.stored > head.length)
        return refuse_altered(file, error); /* nobody wrote that */
    memcpy(file->block, &head, sizeof head);
    status = read_all(file, file->block + sizeof head, head.stored + CLO_SEAL_SIZE, error);
    if (!status)
        status = check_seal(file, file->block, sizeof head + head.stored,
                            file->block + sizeof head + head.stored, error);
    if (!status && head.number != file->number)
        status = clo_fail(error, CLO_EINVALID, "block %u of the snapshot where block %u is due",
                          head.number, file->number);
    if (!status)
        status = unpack(file, &head, error);
    if (!status && head.kind == CLO_BLOCK_END && file->at != file->size)
        status = clo_fail(error, CLO_EINVALID, "%" PRIu64 " bytes follow the snapshot's end",
                          file->size - file->at);
    file->number++;
    *kind = (enum clo_block_kind)head.kind;
    *bytes = file->checking ? NULL : file->bytes;
    *length = head.length;
    return status;
}

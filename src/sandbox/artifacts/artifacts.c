/* artifacts.c - from the tree at the end of a run to what its result lists, and reading that. */
#include "sandbox/artifacts/artifacts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/artifacts/media_type.h"

#define PIECE (256u << 10)
#define HASH_SIZE 32
#define BEGUN_MAX 3 /* bytes of a character that a piece may end in */

struct clo_artifact_store { /* what a result holds of its artifacts' contents */
    struct clo_spool *spool;
    uint32_t slots[]; /* of each, in their order; UINT32_MAX: nothing but zeros */
};

/* One that is being collected: sorted before the result has it. */
struct collected {
    struct clo_artifact_node *node;
    char *path;
    bool renamed;
};

/* ---- paths ---- */

static size_t put_bytes(char *out, const char *name, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++)
        used += (size_t)sprintf(out + used, "\\x%02x", (uint8_t)name[i]);
    return used;
}

/* A name, at most four times as long; *renamed where it was no text. */
static size_t put_name(char *out, const struct clo_artifact_node *node, bool *renamed)
{
    size_t used = 0;
    for (size_t at = 0; at < node->length;) {
        uint32_t point;
        size_t size = clo_utf8_next((const uint8_t *)node->name + at, node->length - at, &point);
        bool text = size && !clo_utf8_is_surrogate(point);
        size += !size;
        if (text)
            memcpy(out + used, node->name + at, size);
        used += text ? size : put_bytes(out + used, node->name + at, size);
        *renamed |= !text;
        at += size;
    }
    return used;
}

/* From the name back to the root; put together from the other end. */
static char *path_of(const struct clo_artifact_node *node, bool *renamed)
{
    size_t room = 4 * clo_artifact_path_length(node) + 1, start = room - 1;
    char *path = malloc(room), name[4 * CLO_ARTIFACT_NAME_MAX + 1];
    *renamed = false;
    if (!path)
        return NULL;
    path[start] = '\0';
    for (const struct clo_artifact_node *at = node; at->parent; at = at->parent) {
        size_t length = put_name(name, at, renamed);
        if (at != node)
            path[--start] = '/';
        start -= length;
        memcpy(path + start, name, length);
    }
    memmove(path, path + start, room - start);
    return path;
}

/* ---- contents: hash, and whether it is text ---- */

struct reading {
    EVP_MD_CTX *hash;
    uint8_t *piece; /* PIECE bytes, behind BEGUN_MAX */
    size_t begun;   /* of them at the piece's start that are the last one's */
    bool text;
};

static void look_for_text(struct reading *reading, size_t length, bool last)
{
    const char *data = (const char *)reading->piece + BEGUN_MAX - reading->begun;
    size_t size = reading->begun + length;
    size_t rest = last ? 0 : clo_utf8_begun(data, size);
    reading->text = !memchr(data, '\0', size) && clo_utf8_strict(data, size - rest);
    reading->begun = rest;
    memcpy(reading->piece + BEGUN_MAX - rest, data + size - rest, rest);
}

static int read_all(struct reading *reading, struct clo_artifact_tree *tree,
                    struct clo_artifact_node *node)
{
    uint64_t at = 0;
    reading->begun = 0;
    reading->text = true;
    bool done = EVP_DigestInit_ex(reading->hash, EVP_sha256(), NULL);
    while (done && at < node->size) {
        size_t got;
        int why = clo_artifact_node_read(tree, node, at, reading->piece + BEGUN_MAX, PIECE, &got);
        if (why)
            return why;
        done = EVP_DigestUpdate(reading->hash, reading->piece + BEGUN_MAX, got);
        at += got;
        if (reading->text)
            look_for_text(reading, got, at >= node->size);
    }
    return done ? 0 : EIO;
}

static int describe(struct reading *reading, struct clo_artifact_tree *tree,
                    struct clo_artifact_node *node, struct clo_artifact *artifact)
{
    uint8_t hash[HASH_SIZE];
    int why = read_all(reading, tree, node);
    if (why)
        return why;
    if (!EVP_DigestFinal_ex(reading->hash, hash, NULL))
        return EIO;
    for (size_t i = 0; i < HASH_SIZE; i++)
        snprintf(artifact->sha256 + 2 * i, 3, "%02x", hash[i]);
    artifact->size = node->size;
    artifact->media_type = clo_media_type_by_name(artifact->path);
    if (!artifact->media_type)
        artifact->media_type = reading->text ? CLO_MEDIA_TYPE_TEXT : CLO_MEDIA_TYPE_BYTES;
    return 0;
}

/* ---- the list ---- */

static int by_path(const void *a, const void *b)
{
    const struct collected *one = a, *other = b;
    return strcmp(one->path, other->path);
}

/* All files, by path. NULL: no memory. */
static struct collected *list(struct clo_artifact_tree *tree, size_t count)
{
    struct collected *all = calloc(count, sizeof *all);
    size_t used = 0;
    bool failed = !all;
    for (struct clo_artifact_node *node = clo_artifact_tree_root(tree); node && !failed;
         node = clo_artifact_next(node)) {
        if (node->folder)
            continue;
        all[used].node = node;
        all[used].path = path_of(node, &all[used].renamed);
        failed = !all[used++].path;
    }
    for (size_t i = 0; failed && i < used; i++)
        free(all[i].path);
    if (failed) {
        free(all);
        return NULL;
    }
    qsort(all, count, sizeof *all, by_path);
    return all;
}

static int fill(struct clo_artifact_tree *tree, struct collected *all, size_t count,
                struct clo_run_result *result)
{
    struct reading reading = {.hash = EVP_MD_CTX_new(), .piece = malloc(BEGUN_MAX + PIECE)};
    struct clo_artifact_store *store = result->artifact_store;
    int why = reading.hash && reading.piece ? 0 : ENOMEM;
    for (size_t i = 0; i < count; i++) {
        result->artifacts[i].path = all[i].path; /* the result's from here on */
        result->artifacts[i].renamed = all[i].renamed;
        result->artifacts[i].changed = all[i].node->changed;
        result->artifact_count = i + 1;
        store->slots[i] = all[i].node->slot;
        if (!why)
            why = describe(&reading, tree, all[i].node, &result->artifacts[i]);
    }
    EVP_MD_CTX_free(reading.hash);
    free(reading.piece);
    return why;
}

static int collect(struct clo_artifact_tree *tree, size_t count, struct clo_run_result *result)
{
    struct collected *all = list(tree, count);
    result->artifacts = calloc(count, sizeof *result->artifacts);
    result->artifact_store =
        calloc(1, sizeof *result->artifact_store + count * sizeof *result->artifact_store->slots);
    if (!all || !result->artifacts || !result->artifact_store) {
        for (size_t i = 0; all && i < count; i++)
            free(all[i].path);
        free(all);
        return ENOMEM;
    }
    if (clo_artifact_tree_spool(tree))
        result->artifact_store->spool = clo_spool_hold(clo_artifact_tree_spool(tree));
    int why = fill(tree, all, count, result);
    free(all);
    return why;
}

int clo_artifacts_collect(struct clo_artifact_tree *tree, struct clo_run_result *result,
                          struct clo_error *error)
{
    size_t count = clo_artifact_tree_files(tree);
    result->artifacts_refused = clo_artifact_tree_refused(tree, &result->artifacts_refused_value);
    if (!count)
        return 0;
    uint64_t before = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int why = collect(tree, count, result);
    result->usage.cpu_us += (clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before) / 1000;
    if (!why)
        return 0;
    errno = why;
    return why == ENOMEM
               ? clo_fail_memory(error)
               : clo_fail_errno(error, CLO_ESYSTEM, "cannot read what the run left in /output");
}

void clo_artifacts_free(struct clo_run_result *result)
{
    for (size_t i = 0; i < result->artifact_count; i++)
        free(result->artifacts[i].path);
    free(result->artifacts);
    if (result->artifact_store)
        clo_spool_release(result->artifact_store->spool);
    free(result->artifact_store);
}

int clo_artifact_read(const struct clo_run_result *result, size_t index, uint64_t offset,
                      void *buffer, size_t length, size_t *got, struct clo_error *error)
{
    *got = 0;
    if (index >= result->artifact_count)
        return clo_fail(error, CLO_EINVALID, "artifact %zu of %zu", index, result->artifact_count);
    const struct clo_artifact *artifact = &result->artifacts[index];
    const struct clo_artifact_store *store = result->artifact_store;
    if (offset >= artifact->size)
        return 0;
    if (length > artifact->size - offset)
        length = (size_t)(artifact->size - offset);
    if (store->slots[index] == UINT32_MAX) {
        memset(buffer, 0, length);
    } else {
        int why = clo_spool_read(store->spool, store->slots[index], offset, buffer, length);
        if (why) {
            errno = why;
            return clo_fail_errno(error, CLO_ESYSTEM, "cannot read the artifact \"%s\"",
                                  artifact->path);
        }
    }
    *got = length;
    return 0;
}

/* snapshot_form_test.c - the parts of a snapshot's file without a guest: records of pages, sealed blocks,
 * /output as a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/artifacts/artifact_keep.h"
#include "sandbox/run/limits.h"
#include "sandbox/snapshot/block.h"
#include "sandbox/snapshot/page_code.h"

static uint64_t random_state = 88172645463325252ull;

static uint32_t any(uint32_t below)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % below);
}

static void fill(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)any(256);
}

/* ---- pages ---- */

static void pages_are_as_they_were(void **state)
{
    (void)state;
    uint8_t was[CLO_PAGE_SIZE], page[CLO_PAGE_SIZE], back[CLO_PAGE_SIZE],
        record[CLO_PAGE_RECORD_MAX];
    for (int round = 0; round < 600; round++) {
        uint32_t number;
        size_t size, words = round % 600;
        fill(was, sizeof was);
        memcpy(page, was, sizeof page);
        for (size_t i = 0; i < words; i++)
            page[(any(CLO_PAGE_SIZE / 8) * 8 + any(8)) % CLO_PAGE_SIZE] ^= (uint8_t)(1 + any(255));
        if (round == 1)
            memset(page, 0, sizeof page);
        size_t length = clo_page_encode(record, (uint32_t)round, page, was);
        assert_true(length <= sizeof record);
        assert_int_equal(clo_page_record(record, length, &number, &size, NULL), 0);
        assert_int_equal(number, round);
        assert_int_equal(size, length);
        clo_page_decode(back, record, was);
        assert_memory_equal(back, page, sizeof page);
        for (size_t cut = 0; cut < length; cut += 1 + cut / 8) /* none that is not whole */
            assert_int_equal(clo_page_record(record, cut, &number, &size, NULL), CLO_EINVALID);
    }
}

static void records_that_are_none_are_refused(void **state)
{
    (void)state;
    uint8_t *record = malloc(CLO_PAGE_RECORD_MAX), page[CLO_PAGE_SIZE], was[CLO_PAGE_SIZE] = {0};
    unsigned taken = 0;
    for (int round = 0; round < 3000; round++) {
        uint32_t number;
        size_t size;
        fill(record, CLO_PAGE_RECORD_MAX);
        record[4] = (uint8_t)any(4);
        record[5] = 0;
        if (clo_page_record(record, CLO_PAGE_RECORD_MAX, &number, &size, NULL) == 0) {
            assert_true(size <= CLO_PAGE_RECORD_MAX);
            clo_page_decode(page, record, was);
            taken++;
        }
    }
    assert_true(taken < 300); /* a length that is right by chance */
    free(record);
}

/* ---- blocks ---- */

static const uint8_t key[32] = "thirty-two bytes that are a key.";
static const struct clo_snapshot_options options = {.key = key, .key_length = sizeof key};

#define BLOCKS 5
static const size_t lengths[BLOCKS] = {0, 1, 70000, CLO_SNAPSHOT_BLOCK_MAX, CLO_SNAPSHOT_BLOCK_MAX};
static uint8_t *blocks[BLOCKS];

static int write_file(void)
{
    struct clo_snapshot_file out;
    struct clo_snapshot_head head = {.monotonic_ns = 5};
    struct clo_error error;
    int file = memfd_create("snapshot", MFD_CLOEXEC);
    assert_true(file >= 0);
    int status = clo_snapshot_file_open(&out, file, true, &options, &error);
    if (!status) {
        status = clo_snapshot_put_head(&out, &head, &options, &error);
        for (int i = 0; i < BLOCKS && !status; i++)
            status = clo_snapshot_put_block(&out, CLO_BLOCK_PAGES, blocks[i], lengths[i], &error);
        if (!status)
            status = clo_snapshot_put_block(&out, CLO_BLOCK_END, NULL, 0, &error);
        clo_snapshot_file_close(&out);
    }
    if (!status)
        return file;
    close(file);
    fail_msg("%s", error.message);
    return -1;
}

/* How many blocks are read before one is refused; BLOCKS + 1: all. */
static int read_file(int file)
{
    struct clo_snapshot_file in;
    struct clo_snapshot_head head;
    struct clo_error error;
    int count = 0;
    assert_int_equal(clo_snapshot_file_open(&in, file, false, &options, &error), 0);
    int status = clo_snapshot_get_head(&in, &head, &options, &error);
    for (enum clo_block_kind kind = CLO_BLOCK_PAGES; !status && kind != CLO_BLOCK_END;) {
        const uint8_t *bytes;
        size_t length;
        status = clo_snapshot_get_block(&in, &kind, &bytes, &length, &error);
        if (status)
            break;
        if (count < BLOCKS) {
            assert_int_equal(length, lengths[count]);
            assert_int_equal(memcmp(bytes, blocks[count], length), 0);
        }
        count++;
    }
    clo_snapshot_file_close(&in);
    return count;
}

/* Where block `number` begins, and how long it is. */
static off_t find_block(int file, int number, size_t *size)
{
    off_t at = sizeof(struct clo_snapshot_head);
    for (int i = 0;; i++) {
        struct clo_block_head head;
        assert_int_equal(pread(file, &head, sizeof head, at), sizeof head);
        *size = sizeof head + head.stored + CLO_SEAL_SIZE;
        if (i == number)
            return at;
        at += (off_t)*size;
    }
}

static void copy_block(int from, int to, int number, int place)
{
    size_t size, other;
    off_t at = find_block(from, number, &size), there = find_block(to, place, &other);
    uint8_t *bytes = malloc(size);
    assert_int_equal(pread(from, bytes, size, at), size);
    assert_int_equal(pwrite(to, bytes, size, there), size);
    free(bytes);
}

static void blocks_stand_where_they_were_written(void **state)
{
    (void)state;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(lengths[i] + 1);
        fill(blocks[i], lengths[i]);
    }
    for (size_t i = 0; i < lengths[4]; i++) /* this one can be compressed */
        blocks[4][i] = (uint8_t)(i / 1000);
    int one = write_file(), other = write_file();
    size_t size;
    find_block(one, 3, &size);
    assert_int_equal(size, sizeof(struct clo_block_head) + lengths[3] + CLO_SEAL_SIZE);
    find_block(one, 4, &size);
    assert_true(size < lengths[4] / 20);
    assert_int_equal(read_file(one), BLOCKS + 1);
    copy_block(other, one, 2, 2); /* the same bytes, of another file with the same key */
    assert_int_equal(read_file(one), 2);
    close(one);
    one = write_file();
    copy_block(one, one, 3, 2); /* a block in another's place */
    assert_int_equal(read_file(one), 2);
    close(one);
    one = write_file();
    copy_block(one, one, BLOCKS, 1); /* the end comes early */
    assert_int_equal(read_file(one), 1);
    close(one);
    close(other);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

/* ---- /output ---- */

static int put(void *context, const void *bytes, size_t length, struct clo_error *error)
{
    return clo_buffer_append(context, bytes, length) ? clo_fail_memory(error) : 0;
}

struct stream {
    const char *bytes;
    size_t length;
};

static int get(void *context, void *bytes, size_t length, struct clo_error *error)
{
    struct stream *stream = context;
    if (length > stream->length)
        return clo_fail(error, CLO_EINVALID, "the stream ends");
    memcpy(bytes, stream->bytes, length);
    stream->bytes += length;
    stream->length -= length;
    return 0;
}

static struct clo_artifact_tree *make_tree(void)
{
    struct clo_artifact_tree *tree;
    struct clo_limits limits;
    assert_int_equal(clo_limits_resolve(&limits, &(struct clo_limits){0}, NULL, NULL), 0);
    assert_int_equal(clo_artifact_tree_create(&tree, NULL), 0);
    assert_int_equal(clo_artifact_tree_begin(tree, &limits, false, NULL), 0);
    return tree;
}

static void write_to(struct clo_artifact_tree *tree, const char *path, uint64_t offset,
                     const void *bytes, size_t length)
{
    struct clo_artifact_node *node;
    size_t written;
    assert_int_equal(clo_artifact_open(tree, path, strlen(path),
                                       CLO_ARTIFACT_CREATE | CLO_ARTIFACT_WRITE, 7, &node),
                     0);
    assert_int_equal(clo_artifact_node_write(tree, node, offset, bytes, length, 8, &written), 0);
    assert_int_equal(written, length);
    clo_artifact_close(tree, node);
}

static void output_is_a_stream(void **state)
{
    (void)state;
    struct clo_artifact_tree *tree = make_tree(), *other = make_tree();
    struct clo_buffer first = CLO_BUFFER(64 << 20), second = CLO_BUFFER(64 << 20);
    static uint8_t bytes[200000];
    fill(bytes, sizeof bytes);
    assert_int_equal(clo_artifact_mkdir(tree, "a", 1, 3), 0);
    assert_int_equal(clo_artifact_mkdir(tree, "a/b", 3, 4), 0);
    write_to(tree, "a/b/one", 0, bytes, sizeof bytes);
    write_to(tree, "a/two", 30 << 20, "x", 1);
    write_to(tree, "three", 0, "", 0);
    assert_int_equal(clo_artifact_keep(tree, put, &first, NULL), 0);
    assert_true(first.length < 2 * sizeof bytes);
    struct stream stream = {first.data, first.length};
    assert_int_equal(clo_artifact_bring(other, get, &stream, NULL), 0);
    assert_int_equal(stream.length, 0);
    assert_int_equal(clo_artifact_keep(other, put, &second, NULL), 0);
    assert_int_equal(second.length, first.length);
    assert_memory_equal(second.data, first.data, first.length);
    clo_artifact_tree_free(other);

    unsigned taken = 0;
    for (int round = 0; round < 400; round++) { /* whatever comes: a tree, or an error */
        char *altered = malloc(first.length);
        memcpy(altered, first.data, first.length);
        for (uint32_t changes = 1 + any(4); changes; changes--) {
            uint32_t at = any(4) ? any(2000) : any((uint32_t)first.length);
            uint32_t end = any(2) ? at + 1 : at + any(9);
            for (; at < end && at < first.length; at++)
                altered[at] = (char)any(256);
        }
        other = make_tree();
        stream = (struct stream){altered, first.length};
        struct clo_error error = {0};
        int status = clo_artifact_bring(other, get, &stream, &error);
        taken += !status;
        assert_true(!status || *error.message);
        second.length = 0;
        if (!status)
            assert_int_equal(clo_artifact_keep(other, put, &second, NULL), 0);
        clo_artifact_tree_free(other);
        free(altered);
    }
    assert_in_range(taken, 1, 399);
    clo_buffer_free(&first);
    clo_buffer_free(&second);
    clo_artifact_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_as_they_were),
        cmocka_unit_test(records_that_are_none_are_refused),
        cmocka_unit_test(blocks_stand_where_they_were_written),
        cmocka_unit_test(output_is_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* snapshot_parts.c - see snapshot_parts.h. */
#include "snapshot_parts.h"

#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

uint32_t parts_any(uint32_t below)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % below);
}

void parts_take(int file, struct parts *parts)
{
    struct clo_snapshot_file in;
    struct clo_error error;
    *parts = (struct parts){0};
    assert_int_equal(clo_snapshot_file_open(&in, file, false, &snapshot_options, &error), 0);
    assert_int_equal(clo_snapshot_get_head(&in, &parts->head, &snapshot_options, &error), 0);
    do {
        const uint8_t *bytes;
        size_t i = parts->count++;
        assert_true(i < BLOCKS_MAX);
        assert_int_equal(
            clo_snapshot_get_block(&in, &parts->kinds[i], &bytes, &parts->lengths[i], &error), 0);
        parts->bytes[i] = malloc(parts->lengths[i] + 1);
        memcpy(parts->bytes[i], bytes, parts->lengths[i]);
    } while (parts->kinds[parts->count - 1] != CLO_BLOCK_END);
    clo_snapshot_file_close(&in);
}

int parts_put(const struct parts *parts)
{
    struct clo_snapshot_file out;
    struct clo_error error;
    struct clo_snapshot_head head = parts->head;
    int file = snapshot_file();
    assert_int_equal(clo_snapshot_file_open(&out, file, true, &snapshot_options, &error), 0);
    assert_int_equal(clo_snapshot_put_head(&out, &head, &snapshot_options, &error), 0);
    for (size_t i = 0; i < parts->count; i++)
        assert_int_equal(clo_snapshot_put_block(&out, parts->kinds[i], parts->bytes[i],
                                                parts->lengths[i], &error),
                         0);
    clo_snapshot_file_close(&out);
    return file;
}

void parts_alter_bytes(uint8_t *bytes, size_t length)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t at = parts_any((uint32_t)length), count = 1 + parts_any(parts_any(4) ? 2 : 200);
    for (size_t i = at; i < length && i < at + count; i++)
        bytes[i] = parts_any(3) ? (uint8_t)parts_any(256) : values[parts_any(5)];
}

void parts_alter(struct parts *parts)
{
    size_t i = parts_any((uint32_t)parts->count), j = parts_any((uint32_t)parts->count);
    switch (parts_any(16)) {
    case 0:
        parts_alter_bytes((uint8_t *)parts->head.region_size, sizeof parts->head.region_size + 8);
        break;
    case 1: parts_alter_bytes((uint8_t *)&parts->head.abi, 12 + 32); break;
    case 2: parts->head.region_size[parts_any(2)] += (uint64_t)parts_any(64) << 16; break;
    case 3: parts->kinds[i] = (enum clo_block_kind)parts_any(6); break;
    case 4: parts->lengths[i] = parts_any((uint32_t)parts->lengths[i] + 1); break;
    case 5: {
        uint8_t *bytes = parts->bytes[i];
        size_t length = parts->lengths[i];
        parts->bytes[i] = parts->bytes[j];
        parts->lengths[i] = parts->lengths[j];
        parts->bytes[j] = bytes;
        parts->lengths[j] = length;
        break;
    }
    default:
        if (parts->lengths[i])
            parts_alter_bytes(parts->bytes[i], parts->lengths[i]);
    }
}

void parts_free(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free(parts->bytes[i]);
}

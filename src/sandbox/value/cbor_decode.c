/* cbor_decode.c - from hostile bytes to a value. The tree is built without recursion, and all
 * ceilings are checked before memory is taken. */
#include <string.h>

#include "abi/cbor.h"
#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

struct item {
    struct clo_cbor_head head;
    const uint8_t *data; /* of a text or byte string: head.argument bytes */
};

struct level {
    struct clo_value *container;
    uint64_t missing; /* elements, of a map: members */
};

struct decoder {
    const uint8_t *data;
    size_t length, at;
    size_t nodes;
    uint64_t missing; /* elements of all levels together: each has its place already */
    size_t depth;
    struct level levels[CLO_VALUE_DEPTH_MAX];
    struct clo_error *error;
};

/* Is this the head of anything? Simple values without a meaning are not, nor is an integer or a tag
 * of indefinite length. */
static bool means_something(const struct clo_cbor_head *head)
{
    if (head->info == CLO_CBOR_INDEFINITE)
        return head->major >= CLO_CBOR_BYTES && head->major != CLO_CBOR_TAG;
    if (head->major == CLO_CBOR_SIMPLE && (head->info < CLO_CBOR_FALSE || head->info == 24))
        return false;
    return head->info < 28;
}

static int cut_off(struct decoder *decoder)
{
    return clo_fail(decoder->error, CLO_EINVALID, "CBOR is cut off at byte %zu", decoder->at);
}

static int next_item(struct decoder *decoder, struct item *item)
{
    const uint8_t *start = decoder->data + decoder->at;
    size_t left = decoder->length - decoder->at;
    struct clo_cbor_head *head = &item->head;
    if (!left)
        return clo_fail(decoder->error, CLO_EINVALID, "CBOR ends at byte %zu in mid-value",
                        decoder->at);
    size_t used = clo_cbor_head_read(head, start, left);
    if (!means_something(head))
        return clo_fail(decoder->error, CLO_EINVALID, "byte 0x%02x at %zu begins no CBOR value",
                        start[0], decoder->at);
    if (!used)
        return cut_off(decoder);
    if (head->info == CLO_CBOR_INDEFINITE)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR of indefinite length at byte %zu; only definite lengths are allowed",
                        decoder->at);
    if (head->major == CLO_CBOR_SIMPLE && head->info == CLO_CBOR_UNDEFINED)
        return clo_fail(decoder->error, CLO_EINVALID, "CBOR undefined at byte %zu", decoder->at);
    item->data = start + used;
    if (head->major == CLO_CBOR_BYTES || head->major == CLO_CBOR_TEXT) {
        if (head->argument > left - used)
            return cut_off(decoder);
        used += head->argument;
    }
    decoder->at += used;
    return 0;
}

static int put_text(struct decoder *decoder, struct clo_value *value, const struct item *item)
{
    if (!clo_utf8_valid(item->data, item->head.argument))
        return clo_fail(decoder->error, CLO_EINVALID, "text before byte %zu is not UTF-8",
                        decoder->at);
    if (clo_value_set_text_n(value, (const char *)item->data, item->head.argument))
        return clo_fail_memory(decoder->error);
    return 0;
}

static int put_integer(struct decoder *decoder, struct clo_value *value,
                       const struct clo_cbor_head *head)
{
    bool negative = head->major == CLO_CBOR_NEGATIVE;
    if (head->argument <= INT64_MAX) {
        int64_t integer = (int64_t)head->argument;
        clo_value_set_integer(value, negative ? -1 - integer : integer);
        return 0;
    }
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(head->argument >> (56 - 8 * i));
    if (clo_value_set_magnitude(value, negative, bytes, sizeof bytes))
        return clo_fail_memory(decoder->error);
    return 0;
}

/* RFC 8949, section 3.4.3: tag 2 is an unsigned, tag 3 a negative integer of any size. */
static int put_tagged(struct decoder *decoder, struct clo_value *value, uint64_t tag)
{
    if (tag != CLO_CBOR_TAG_POSITIVE && tag != CLO_CBOR_TAG_NEGATIVE)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR tag %llu before byte %zu; only 2 and 3 (integers) are allowed",
                        (unsigned long long)tag, decoder->at);
    struct item item;
    int status = next_item(decoder, &item);
    if (status)
        return status;
    if (item.head.major != CLO_CBOR_BYTES)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR integer (tag %llu) before byte %zu is no byte string",
                        (unsigned long long)tag, decoder->at);
    if (clo_value_set_magnitude(value, tag == CLO_CBOR_TAG_NEGATIVE, item.data, item.head.argument))
        return clo_fail_memory(decoder->error);
    return 0;
}

static int open_container(struct decoder *decoder, struct clo_value *value,
                          const struct clo_cbor_head *head)
{
    uint64_t least = head->major == CLO_CBOR_MAP ? 2 : 1; /* bytes that an element takes */
    uint64_t left = decoder->length - decoder->at;
    if (head->argument > left / least)
        return clo_fail(
            decoder->error, CLO_EINVALID,
            "CBOR container before byte %zu claims %llu elements, but only %llu bytes follow",
            decoder->at, (unsigned long long)head->argument, (unsigned long long)left);
    if (head->argument > CLO_VALUE_NODES_MAX - decoder->nodes ||
        decoder->missing > CLO_VALUE_NODES_MAX - decoder->nodes - head->argument)
        return clo_fail(decoder->error, CLO_ELIMIT, "a value has more than %u parts",
                        CLO_VALUE_NODES_MAX);
    if (decoder->depth == CLO_VALUE_DEPTH_MAX)
        return clo_fail(decoder->error, CLO_ELIMIT, "a value is nested more than %d levels deep",
                        CLO_VALUE_DEPTH_MAX);
    if (head->major == CLO_CBOR_MAP)
        clo_value_set_map(value);
    else
        clo_value_set_list(value);
    if (clo_value_reserve(value, head->argument))
        return clo_fail_memory(decoder->error);
    decoder->missing += head->argument;
    decoder->levels[decoder->depth++] = (struct level){value, head->argument};
    return 0;
}

static int put_simple(struct clo_value *value, const struct clo_cbor_head *head)
{
    if (head->info >= CLO_CBOR_FLOAT16)
        clo_value_set_number(value, clo_cbor_number(head));
    else if (head->info != CLO_CBOR_NULL)
        clo_value_set_bool(value, head->info == CLO_CBOR_TRUE);
    return 0;
}

static int decode_one(struct decoder *decoder, struct clo_value *value)
{
    struct item item;
    int status = next_item(decoder, &item);
    if (status)
        return status;
    if (decoder->nodes++ == CLO_VALUE_NODES_MAX)
        return clo_fail(decoder->error, CLO_ELIMIT, "a value has more than %u parts",
                        CLO_VALUE_NODES_MAX);
    switch ((enum clo_cbor_major)item.head.major) {
    case CLO_CBOR_UNSIGNED:
    case CLO_CBOR_NEGATIVE: return put_integer(decoder, value, &item.head);
    case CLO_CBOR_TEXT: return put_text(decoder, value, &item);
    case CLO_CBOR_BYTES:
        if (clo_value_set_bytes(value, item.data, item.head.argument))
            return clo_fail_memory(decoder->error);
        return 0;
    case CLO_CBOR_TAG: return put_tagged(decoder, value, item.head.argument);
    case CLO_CBOR_ARRAY:
    case CLO_CBOR_MAP: return open_container(decoder, value, &item.head);
    case CLO_CBOR_SIMPLE: break;
    }
    return put_simple(value, &item.head);
}

static struct clo_value *next_member(struct decoder *decoder, struct clo_value *map)
{
    struct item key;
    if (next_item(decoder, &key))
        return NULL;
    if (key.head.major != CLO_CBOR_TEXT || !clo_utf8_valid(key.data, key.head.argument)) {
        clo_fail(decoder->error, CLO_EINVALID, "a map key before byte %zu is not text",
                 decoder->at);
        return NULL;
    }
    struct clo_value *value = clo_value_add(map, (const char *)key.data, key.head.argument);
    if (!value)
        clo_fail_memory(decoder->error);
    return value;
}

/* Where the next value goes: into the innermost container. */
static struct clo_value *next_place(struct decoder *decoder)
{
    struct level *level = &decoder->levels[decoder->depth - 1];
    level->missing--;
    decoder->missing--;
    if (clo_value_type(level->container) == CLO_MAP)
        return next_member(decoder, level->container);
    struct clo_value *value = clo_value_append(level->container);
    if (!value)
        clo_fail_memory(decoder->error);
    return value;
}

static int close_full_levels(struct decoder *decoder)
{
    while (decoder->depth && !decoder->levels[decoder->depth - 1].missing) {
        const struct clo_value *container = decoder->levels[--decoder->depth].container;
        if (clo_value_type(container) != CLO_MAP)
            continue;
        const struct clo_member *twice;
        if (clo_value_find_duplicate(container, &twice))
            return clo_fail_memory(decoder->error);
        if (twice)
            return clo_fail(decoder->error, CLO_EINVALID, "a map has the key \"%.60s\" twice",
                            twice->name);
    }
    return 0;
}

int clo_cbor_decode(struct clo_value *value, const uint8_t *data, size_t length,
                    struct clo_error *error)
{
    struct clo_error own = {0};
    struct decoder decoder;
    decoder.data = data;
    decoder.length = length;
    decoder.at = decoder.nodes = decoder.missing = decoder.depth = 0;
    decoder.error = error ? error : &own;
    decoder.error->code = CLO_OK;
    *value = (struct clo_value){0};

    int status = decode_one(&decoder, value);
    while (!status && !(status = close_full_levels(&decoder)) && decoder.depth) {
        struct clo_value *place = next_place(&decoder);
        status = place ? decode_one(&decoder, place) : (int)decoder.error->code;
    }
    if (!status && decoder.at != length)
        status =
            clo_fail(decoder.error, CLO_EINVALID, "%zu bytes follow the CBOR value at byte %zu",
                     length - decoder.at, decoder.at);
    if (status)
        clo_value_clear(value);
    return status;
}

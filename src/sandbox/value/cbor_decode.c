/* cbor_decode.c - from hostile bytes to a value.
 *
 * libcbor's streaming decoder reads one head at a time and allocates nothing; what it reports is
 * put into a struct head here, and the tree is built without recursion. All ceilings are checked
 * before memory is taken.
 */
#include <cbor.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

enum head_kind {
    HEAD_NONE,
    HEAD_UNSIGNED,
    HEAD_NEGATIVE, /* the value is -1 - integer */
    HEAD_NUMBER,
    HEAD_BOOL,
    HEAD_NULL,
    HEAD_TEXT,
    HEAD_BYTES,
    HEAD_LIST,
    HEAD_MAP,
    HEAD_TAG,
    HEAD_INDEFINITE,
    HEAD_UNDEFINED,
};

struct head {
    enum head_kind kind;
    uint64_t integer; /* also the count of a list or map, the number of a tag */
    double number;
    const uint8_t *data;
    size_t length;
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

#define ON_INTEGER(name, type, what)                                                               \
    static void name(void *context, type integer)                                                  \
    {                                                                                              \
        *(struct head *)context = (struct head){.kind = (what), .integer = integer};               \
    }
#define ON_NUMBER(name, type)                                                                      \
    static void name(void *context, type number)                                                   \
    {                                                                                              \
        *(struct head *)context = (struct head){.kind = HEAD_NUMBER, .number = (double)number};    \
    }
#define ON_STRING(name, what)                                                                      \
    static void name(void *context, cbor_data data, size_t length)                                 \
    {                                                                                              \
        *(struct head *)context = (struct head){.kind = (what), .data = data, .length = length};   \
    }
#define ON_SIMPLE(name, what)                                                                      \
    static void name(void *context)                                                                \
    {                                                                                              \
        *(struct head *)context = (struct head){.kind = (what)};                                   \
    }

ON_INTEGER(on_uint8, uint8_t, HEAD_UNSIGNED)
ON_INTEGER(on_uint16, uint16_t, HEAD_UNSIGNED)
ON_INTEGER(on_uint32, uint32_t, HEAD_UNSIGNED)
ON_INTEGER(on_uint64, uint64_t, HEAD_UNSIGNED)
ON_INTEGER(on_negative8, uint8_t, HEAD_NEGATIVE)
ON_INTEGER(on_negative16, uint16_t, HEAD_NEGATIVE)
ON_INTEGER(on_negative32, uint32_t, HEAD_NEGATIVE)
ON_INTEGER(on_negative64, uint64_t, HEAD_NEGATIVE)
ON_INTEGER(on_tag, uint64_t, HEAD_TAG)
ON_INTEGER(on_list, size_t, HEAD_LIST)
ON_INTEGER(on_map, size_t, HEAD_MAP)
ON_INTEGER(on_bool, bool, HEAD_BOOL)
ON_NUMBER(on_float, float)
ON_NUMBER(on_double, double)
ON_STRING(on_text, HEAD_TEXT)
ON_STRING(on_bytes, HEAD_BYTES)
ON_SIMPLE(on_null, HEAD_NULL)
ON_SIMPLE(on_undefined, HEAD_UNDEFINED)
ON_SIMPLE(on_indefinite, HEAD_INDEFINITE)

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = on_negative64,
    .byte_string = on_bytes,
    .byte_string_start = on_indefinite,
    .string = on_text,
    .string_start = on_indefinite,
    .array_start = on_list,
    .indef_array_start = on_indefinite,
    .map_start = on_map,
    .indef_map_start = on_indefinite,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_undefined,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_indefinite,
};

static int next_head(struct decoder *decoder, struct head *head)
{
    size_t left = decoder->length - decoder->at;
    *head = (struct head){0};
    if (!left)
        return clo_fail(decoder->error, CLO_EINVALID, "CBOR ends at byte %zu in mid-value",
                        decoder->at);
    struct cbor_decoder_result result =
        cbor_stream_decode(decoder->data + decoder->at, left, &callbacks, head);
    if (result.status == CBOR_DECODER_NEDATA)
        return clo_fail(decoder->error, CLO_EINVALID, "CBOR is cut off at byte %zu", decoder->at);
    if (result.status != CBOR_DECODER_FINISHED || head->kind == HEAD_NONE || !result.read ||
        result.read > left)
        return clo_fail(decoder->error, CLO_EINVALID, "byte 0x%02x at %zu begins no CBOR value",
                        decoder->data[decoder->at], decoder->at);
    if (head->kind == HEAD_INDEFINITE)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR of indefinite length at byte %zu; only definite lengths are allowed",
                        decoder->at);
    if (head->kind == HEAD_UNDEFINED)
        return clo_fail(decoder->error, CLO_EINVALID, "CBOR undefined at byte %zu", decoder->at);
    decoder->at += result.read;
    return 0;
}

static int put_text(struct decoder *decoder, struct clo_value *value, const struct head *head)
{
    if (!clo_utf8_valid(head->data, head->length))
        return clo_fail(decoder->error, CLO_EINVALID, "text before byte %zu is not UTF-8",
                        decoder->at);
    if (clo_value_set_text_n(value, (const char *)head->data, head->length))
        return clo_fail_memory(decoder->error);
    return 0;
}

static int put_integer(struct decoder *decoder, struct clo_value *value, const struct head *head)
{
    bool negative = head->kind == HEAD_NEGATIVE;
    if (head->integer <= INT64_MAX) {
        int64_t integer = (int64_t)head->integer;
        clo_value_set_integer(value, negative ? -1 - integer : integer);
        return 0;
    }
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(head->integer >> (56 - 8 * i));
    if (clo_value_set_magnitude(value, negative, bytes, sizeof bytes))
        return clo_fail_memory(decoder->error);
    return 0;
}

/* RFC 8949, section 3.4.3: tag 2 is an unsigned, tag 3 a negative integer of any size. */
static int put_tagged(struct decoder *decoder, struct clo_value *value, uint64_t tag)
{
    if (tag != 2 && tag != 3)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR tag %llu before byte %zu; only 2 and "
                        "3 (integers) are allowed",
                        (unsigned long long)tag, decoder->at);
    struct head head;
    int status = next_head(decoder, &head);
    if (status)
        return status;
    if (head.kind != HEAD_BYTES)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR integer (tag %llu) before byte %zu is "
                        "no byte string",
                        (unsigned long long)tag, decoder->at);
    if (clo_value_set_magnitude(value, tag == 3, head.data, head.length))
        return clo_fail_memory(decoder->error);
    return 0;
}

static int open_container(struct decoder *decoder, struct clo_value *value, const struct head *head)
{
    uint64_t least = head->kind == HEAD_MAP ? 2 : 1; /* bytes that an element takes */
    uint64_t left = decoder->length - decoder->at;
    if (head->integer > left / least)
        return clo_fail(decoder->error, CLO_EINVALID,
                        "CBOR container before byte %zu claims %llu "
                        "elements, but only %llu bytes follow",
                        decoder->at, (unsigned long long)head->integer, (unsigned long long)left);
    if (head->integer > CLO_VALUE_NODES_MAX - decoder->nodes ||
        decoder->missing > CLO_VALUE_NODES_MAX - decoder->nodes - head->integer)
        return clo_fail(decoder->error, CLO_ELIMIT, "a value has more than %u parts",
                        CLO_VALUE_NODES_MAX);
    if (decoder->depth == CLO_VALUE_DEPTH_MAX)
        return clo_fail(decoder->error, CLO_ELIMIT, "a value is nested more than %d levels deep",
                        CLO_VALUE_DEPTH_MAX);
    if (head->kind == HEAD_MAP)
        clo_value_set_map(value);
    else
        clo_value_set_list(value);
    if (clo_value_reserve(value, head->integer))
        return clo_fail_memory(decoder->error);
    decoder->missing += head->integer;
    decoder->levels[decoder->depth++] = (struct level){value, head->integer};
    return 0;
}

static int decode_one(struct decoder *decoder, struct clo_value *value)
{
    struct head head;
    int status = next_head(decoder, &head);
    if (status)
        return status;
    if (decoder->nodes++ == CLO_VALUE_NODES_MAX)
        return clo_fail(decoder->error, CLO_ELIMIT, "a value has more than %u parts",
                        CLO_VALUE_NODES_MAX);
    switch (head.kind) {
    case HEAD_UNSIGNED:
    case HEAD_NEGATIVE: return put_integer(decoder, value, &head);
    case HEAD_NUMBER: clo_value_set_number(value, head.number); return 0;
    case HEAD_BOOL: clo_value_set_bool(value, head.integer != 0); return 0;
    case HEAD_TEXT: return put_text(decoder, value, &head);
    case HEAD_BYTES:
        if (clo_value_set_bytes(value, head.data, head.length))
            return clo_fail_memory(decoder->error);
        return 0;
    case HEAD_TAG: return put_tagged(decoder, value, head.integer);
    case HEAD_LIST:
    case HEAD_MAP: return open_container(decoder, value, &head);
    default: return 0; /* null */
    }
}

static struct clo_value *next_member(struct decoder *decoder, struct clo_value *map)
{
    struct head key;
    if (next_head(decoder, &key))
        return NULL;
    if (key.kind != HEAD_TEXT || !clo_utf8_valid(key.data, key.length)) {
        clo_fail(decoder->error, CLO_EINVALID, "a map key before byte %zu is not text",
                 decoder->at);
        return NULL;
    }
    struct clo_value *value = clo_value_add(map, (const char *)key.data, key.length);
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
        status = clo_fail(decoder.error, CLO_EINVALID,
                          "%zu bytes follow the CBOR value at byte "
                          "%zu",
                          length - decoder.at, decoder.at);
    if (status)
        clo_value_clear(value);
    return status;
}

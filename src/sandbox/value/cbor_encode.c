/* cbor_encode.c - from a value to bytes, straight into a bounded buffer.
 *
 * Values come from tools, which may build anything: depth and node ceilings hold here too, so that
 * what is sent can be read again.
 */
#include <string.h>

#include "abi/cbor.h"
#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

struct encoder {
    struct clo_buffer *buffer;
    struct clo_error *error;
    size_t nodes;
};

static void put_head(struct clo_buffer *buffer, enum clo_cbor_major major, uint64_t argument)
{
    uint8_t head[CLO_CBOR_HEAD_MAX];
    clo_buffer_append(buffer, head, clo_cbor_head_write(head, major, argument));
}

static void put_string(struct clo_buffer *buffer, enum clo_cbor_major major, const char *data,
                       size_t length)
{
    put_head(buffer, major, length);
    clo_buffer_append(buffer, data, length);
}

void clo_cbor_put_map(struct clo_buffer *buffer, size_t count)
{
    put_head(buffer, CLO_CBOR_MAP, count);
}

void clo_cbor_put_list(struct clo_buffer *buffer, size_t count)
{
    put_head(buffer, CLO_CBOR_ARRAY, count);
}

void clo_cbor_put_integer(struct clo_buffer *buffer, int64_t integer)
{
    if (integer < 0)
        put_head(buffer, CLO_CBOR_NEGATIVE, (uint64_t)(-1 - integer));
    else
        put_head(buffer, CLO_CBOR_UNSIGNED, (uint64_t)integer);
}

void clo_cbor_put_text(struct clo_buffer *buffer, const char *data, size_t length)
{
    put_string(buffer, CLO_CBOR_TEXT, data, length);
}

void clo_cbor_put_string(struct clo_buffer *buffer, const char *text)
{
    put_string(buffer, CLO_CBOR_TEXT, text, strlen(text));
}

void clo_cbor_put_bytes(struct clo_buffer *buffer, const void *data, size_t length)
{
    put_string(buffer, CLO_CBOR_BYTES, data, length);
}

static void put_number(struct clo_buffer *buffer, double number)
{
    uint8_t head[CLO_CBOR_HEAD_MAX];
    clo_buffer_append(buffer, head, clo_cbor_number_write(head, number));
}

void clo_cbor_put_bool(struct clo_buffer *buffer, bool boolean)
{
    put_head(buffer, CLO_CBOR_SIMPLE, boolean ? CLO_CBOR_TRUE : CLO_CBOR_FALSE);
}

static void put_big_integer(struct clo_buffer *buffer, const struct clo_value_fields *value)
{
    put_head(buffer, CLO_CBOR_TAG, value->negative ? CLO_CBOR_TAG_NEGATIVE : CLO_CBOR_TAG_POSITIVE);
    clo_cbor_put_bytes(buffer, value->text.data, value->text.length);
}

static int put_checked_text(struct encoder *encoder, const char *data, size_t length)
{
    if (!clo_utf8_valid(data, length))
        return clo_fail(encoder->error, CLO_EINVALID, "a text of %zu bytes is not UTF-8", length);
    clo_cbor_put_text(encoder->buffer, data, length);
    return 0;
}

/* Why the buffer failed. */
static int explain(const struct clo_buffer *buffer, struct clo_error *error)
{
    if (buffer->no_memory)
        return clo_fail_memory(error);
    return clo_fail(error, CLO_ELIMIT, "a value is larger than %zu bytes as CBOR", buffer->limit);
}

static int encode(struct encoder *encoder, const struct clo_value *whole, int depth);

static int encode_list(struct encoder *encoder, const struct clo_value_fields *value, int depth)
{
    clo_cbor_put_list(encoder->buffer, value->list.count);
    int status = 0;
    for (size_t i = 0; i < value->list.count && !status; i++)
        status = encode(encoder, &value->list.items[i], depth + 1);
    return status;
}

static int encode_map(struct encoder *encoder, const struct clo_value_fields *value, int depth)
{
    clo_cbor_put_map(encoder->buffer, value->map.count);
    int status = 0;
    for (size_t i = 0; i < value->map.count && !status; i++) {
        const struct clo_member *member = &value->map.members[i];
        status = put_checked_text(encoder, member->name, member->name_length);
        if (!status)
            status = encode(encoder, &member->value, depth + 1);
    }
    return status;
}

static int encode(struct encoder *encoder, const struct clo_value *whole, int depth)
{
    const struct clo_value_fields *value = clo_value_fields(whole);
    if (encoder->buffer->failed)
        return explain(encoder->buffer, encoder->error);
    if (encoder->nodes++ == CLO_VALUE_NODES_MAX)
        return clo_fail(encoder->error, CLO_ELIMIT, "a value has more than %u parts",
                        CLO_VALUE_NODES_MAX);
    bool container = value->type == CLO_LIST || value->type == CLO_MAP;
    if (container && depth > CLO_VALUE_DEPTH_MAX)
        return clo_fail(encoder->error, CLO_ELIMIT, "a value is nested more than %d levels deep",
                        CLO_VALUE_DEPTH_MAX);
    if (container && value->incomplete)
        return clo_fail_memory(encoder->error);
    switch (value->type) {
    case CLO_NULL: put_head(encoder->buffer, CLO_CBOR_SIMPLE, CLO_CBOR_NULL); return 0;
    case CLO_BOOL: clo_cbor_put_bool(encoder->buffer, value->boolean); return 0;
    case CLO_INTEGER: clo_cbor_put_integer(encoder->buffer, value->integer); return 0;
    case CLO_BIG_INTEGER: put_big_integer(encoder->buffer, value); return 0;
    case CLO_NUMBER: put_number(encoder->buffer, value->number); return 0;
    case CLO_TEXT: return put_checked_text(encoder, value->text.data, value->text.length);
    case CLO_BYTES:
        put_string(encoder->buffer, CLO_CBOR_BYTES, value->text.data, value->text.length);
        return 0;
    case CLO_LIST: return encode_list(encoder, value, depth);
    case CLO_MAP: return encode_map(encoder, value, depth);
    }
    return clo_fail(encoder->error, CLO_EINVALID, "a value has the unknown type %d", value->type);
}

int clo_cbor_encode(struct clo_buffer *buffer, const struct clo_value *value,
                    struct clo_error *error)
{
    struct encoder encoder = {.buffer = buffer, .error = error};
    int status = encode(&encoder, value, 1);
    return !status && buffer->failed ? explain(buffer, error) : status;
}

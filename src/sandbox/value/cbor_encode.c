/* cbor_encode.c - from a value to bytes, straight into a bounded buffer.
 *
 * Values come from tools, which may build anything: depth and node ceilings hold here too, so that
 * what is sent can be read again.
 */
#include <cbor.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/cbor.h"
#include "sandbox/value/value.h"

#define HEAD_MAX 9 /* bytes of the longest CBOR head */

struct encoder {
    struct clo_buffer *buffer;
    struct clo_error *error;
    size_t nodes;
};

static void put_head(struct clo_buffer *buffer, size_t (*encode)(size_t, unsigned char *, size_t),
                     size_t count)
{
    unsigned char head[HEAD_MAX];
    clo_buffer_append(buffer, head, encode(count, head, sizeof head));
}

void clo_cbor_put_map(struct clo_buffer *buffer, size_t count)
{
    put_head(buffer, cbor_encode_map_start, count);
}

void clo_cbor_put_list(struct clo_buffer *buffer, size_t count)
{
    put_head(buffer, cbor_encode_array_start, count);
}

void clo_cbor_put_integer(struct clo_buffer *buffer, int64_t integer)
{
    unsigned char head[HEAD_MAX];
    size_t used = integer < 0 ? cbor_encode_negint((uint64_t)(-1 - integer), head, sizeof head)
                              : cbor_encode_uint((uint64_t)integer, head, sizeof head);
    clo_buffer_append(buffer, head, used);
}

void clo_cbor_put_text(struct clo_buffer *buffer, const char *data, size_t length)
{
    put_head(buffer, cbor_encode_string_start, length);
    clo_buffer_append(buffer, data, length);
}

void clo_cbor_put_string(struct clo_buffer *buffer, const char *text)
{
    clo_cbor_put_text(buffer, text, strlen(text));
}

void clo_cbor_put_null(struct clo_buffer *buffer)
{
    unsigned char head[HEAD_MAX];
    clo_buffer_append(buffer, head, cbor_encode_null(head, sizeof head));
}

void clo_cbor_put_bytes(struct clo_buffer *buffer, const void *data, size_t length)
{
    put_head(buffer, cbor_encode_bytestring_start, length);
    clo_buffer_append(buffer, data, length);
}

static void put_number(struct clo_buffer *buffer, double number)
{
    unsigned char head[HEAD_MAX];
    clo_buffer_append(buffer, head, cbor_encode_double(number, head, sizeof head));
}

void clo_cbor_put_bool(struct clo_buffer *buffer, bool boolean)
{
    unsigned char head[HEAD_MAX];
    clo_buffer_append(buffer, head, cbor_encode_bool(boolean, head, sizeof head));
}

static void put_big_integer(struct clo_buffer *buffer, const struct clo_value_fields *value)
{
    unsigned char head[HEAD_MAX];
    clo_buffer_append(buffer, head, cbor_encode_tag(value->negative ? 3 : 2, head, sizeof head));
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
    case CLO_NULL: clo_cbor_put_null(encoder->buffer); return 0;
    case CLO_BOOL: clo_cbor_put_bool(encoder->buffer, value->boolean); return 0;
    case CLO_INTEGER: clo_cbor_put_integer(encoder->buffer, value->integer); return 0;
    case CLO_BIG_INTEGER: put_big_integer(encoder->buffer, value); return 0;
    case CLO_NUMBER: put_number(encoder->buffer, value->number); return 0;
    case CLO_TEXT: return put_checked_text(encoder, value->text.data, value->text.length);
    case CLO_BYTES:
        put_head(encoder->buffer, cbor_encode_bytestring_start, value->text.length);
        clo_buffer_append(encoder->buffer, value->text.data, value->text.length);
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

/* sandbox/value/cbor.h - values as CBOR (RFC 8949), the language of the wall.
 *
 * Decoding is for hostile bytes: every length is checked against what is there before anything is
 * allocated, a tree has at most CLO_VALUE_NODES_MAX nodes and CLO_VALUE_DEPTH_MAX levels, and there
 * is one way to say a thing: definite lengths only, maps with text keys, no key twice, nothing
 * behind the value. Tags other than 2 and 3 (integers of any size), undefined and other simple
 * values are refused. Text is UTF-8 in which lone surrogates are allowed, as Python's
 * "surrogatepass" writes them; any other bytes that are not UTF-8 are refused.
 */
#ifndef CLO_SANDBOX_VALUE_CBOR_H
#define CLO_SANDBOX_VALUE_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cloche/value.h"

/* Decode the one value that `data` holds. On failure *value is null, and the error says what is
 * wrong at which byte: CLO_EINVALID, CLO_ELIMIT, CLO_ENOMEMORY. */
int clo_cbor_decode(struct clo_value *value, const uint8_t *data, size_t length,
                    struct clo_error *error);

/* Append the value. CLO_ELIMIT: too deep, too many nodes, or beyond the buffer's limit. */
int clo_cbor_encode(struct clo_buffer *buffer, const struct clo_value *value,
                    struct clo_error *error);

/* Pieces of a message, for callers that have no value in hand. The buffer keeps the failure. */
void clo_cbor_put_map(struct clo_buffer *buffer, size_t count);
void clo_cbor_put_list(struct clo_buffer *buffer, size_t count);
void clo_cbor_put_integer(struct clo_buffer *buffer, int64_t integer);
void clo_cbor_put_text(struct clo_buffer *buffer, const char *data, size_t length);
void clo_cbor_put_string(struct clo_buffer *buffer, const char *text);
void clo_cbor_put_bytes(struct clo_buffer *buffer, const void *data, size_t length);
void clo_cbor_put_bool(struct clo_buffer *buffer, bool boolean);

#endif

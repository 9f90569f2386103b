/* sandbox/value/value.h - what a value holds, for the codecs and checks that walk it. Read this
 * first.
 *
 *   bytes of a message ─▶ cbor_decode.c ─▶ struct clo_value ─▶ cbor_encode.c ─▶ bytes of a message
 *   JSON of a schema   ─▶ json_read.c   ─▶  (value.c)       ─▶ value_preview.c: a few words of it
 *                                           value_compare.c, value_multiple.c
 *
 * What is always true
 * - This room knows no sandbox: it uses src/base and the head of CBOR in abi/cbor.h. Its codec is
 *   in worker processes too; JSON, comparing and words are the host's.
 * - The fields are read with clo_value_fields; value.c writes them, and value_compare.c those of
 *   its copies. Which member of the union counts is said by `type`, and nobody reads another.
 * - A tree has at most CLO_VALUE_NODES_MAX values and, where it was decoded, CLO_VALUE_DEPTH_MAX
 *   levels: functions that walk one may call themselves.
 * - No locks and no state: a value is its holder's, on one thread at a time.
 */
#ifndef CLO_SANDBOX_VALUE_VALUE_H
#define CLO_SANDBOX_VALUE_VALUE_H

#include <assert.h>

#include "cloche/value.h"

struct clo_member {
    char *name; /* NUL-terminated; may contain NUL bytes before name_length */
    size_t name_length;
    struct clo_value value;
};

struct __attribute__((may_alias)) clo_value_fields {
    enum clo_type type;
    bool negative;   /* CLO_BIG_INTEGER: the value is -1 - magnitude, else magnitude (as in CBOR) */
    bool incomplete; /* CLO_LIST, CLO_MAP: there was no memory for a place in it */
    bool marked;     /* CLO_NULL: the next sweep takes it out of its map */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct {
            char *data;    /* TEXT, BYTES: NUL-terminated for convenience; BIG_INTEGER: magnitude,
                              big-endian bytes without leading zeros, at least 8 */
            size_t length; /* bytes, without the NUL */
        } text;
        struct {
            struct clo_value *items;
            size_t count, capacity;
        } list;
        struct {
            struct clo_member *members; /* in order of insertion; names are unique */
            size_t count, capacity;
        } map;
    };
};
static_assert(sizeof(struct clo_value_fields) == sizeof(struct clo_value), "they are one");
static_assert(_Alignof(struct clo_value_fields) == _Alignof(struct clo_value), "they are one");

static inline const struct clo_value_fields *clo_value_fields(const struct clo_value *value)
{
    return (const struct clo_value_fields *)value;
}

/* Add a member without looking for one of that name. The caller checks for duplicates once, when
 * the map is complete. NULL: out of memory. */
struct clo_value *clo_value_add(struct clo_value *map, const char *name, size_t length);

/* Take members out of maps: mark their values, nulls, then sweep the tree (at most
 * CLO_VALUE_DEPTH_MAX levels) that they are in. */
void clo_value_mark(struct clo_value *null);
void clo_value_sweep(struct clo_value *root);

/* Make room for so many elements in an empty list or map. CLO_ENOMEMORY. */
int clo_value_reserve(struct clo_value *container, size_t count);

/* *duplicate is a member whose name another has too, or NULL. CLO_ENOMEMORY. */
int clo_value_find_duplicate(const struct clo_value *map, const struct clo_member **duplicate);

/* Take a CLO_TEXT's text out; the value is null then and the caller frees the text. NULL for any
 * other type, which stays as it is. */
char *clo_value_take_text(struct clo_value *value, size_t *length);

/* The magnitude of a whole number as in CLO_BIG_INTEGER, exactly, with leading zeros. */
#define CLO_WHOLE_BYTES 128 /* the largest double is below 2^1024 */
void clo_whole_magnitude(double whole, bool *negative, uint8_t magnitude[CLO_WHOLE_BYTES]);

#define CLO_VALUE_BLOCK_LEAST 32u /* bytes that malloc takes at least */

/* Bytes that a decoded value (at most CLO_VALUE_DEPTH_MAX levels) takes of the heap, about. */
size_t clo_value_footprint(const struct clo_value *value);

#endif

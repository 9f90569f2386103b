/* cloche/value.h - typed values that pass between the guest's code and the host's tools.
 *
 * A value owns everything below it. A zeroed struct clo_value is null and owns nothing.
 * Setters release what was there before; on failure the value is unchanged. All accept NULL, so
 * that a put or append can be passed on unchecked: they then do nothing, or return CLO_ENOMEMORY.
 * Nothing is lost unseen that way: a list or map that had no memory for a place is `incomplete`,
 * and what holds such a one is refused with CLO_ENOMEMORY where it would be sent or written. Text
 * is UTF-8 that may contain the three-byte forms of lone surrogates (Python strings can) and NUL
 * bytes: use the length. No function here is safe to call on one value from two threads at once.
 *
 *   Python          clo_value            JSON (tools given as JSON)
 *   None            CLO_NULL             null
 *   bool            CLO_BOOL             true, false
 *   int             CLO_INTEGER, beyond 64 bits CLO_BIG_INTEGER      number
 *   float           CLO_NUMBER           number; nan, inf: refused, naming the value
 *   str             CLO_TEXT             string
 *   bytes           CLO_BYTES            refused, naming the place
 *   list, tuple     CLO_LIST             array
 *   dict            CLO_MAP              object
 */
#ifndef CLOCHE_VALUE_H
#define CLOCHE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum clo_type {
    CLO_NULL = 0,
    CLO_BOOL,
    CLO_INTEGER,
    CLO_BIG_INTEGER,
    CLO_NUMBER,
    CLO_TEXT,
    CLO_BYTES,
    CLO_LIST,
    CLO_MAP,
};

/* Ceilings of one value tree. */
#define CLO_VALUE_DEPTH_MAX 128
#define CLO_VALUE_NODES_MAX (1u << 20)

/* What is in it is reached by the functions below alone. One that is asked for another type than
 * the value has says no, or converts without a change of the value: nobody sees one type's bits as
 * another's. To copy the struct is to move the value: clear one of the two. */
struct clo_value {
    uint64_t content[4];
};

/* Release what the value owns; it is null afterwards. */
CLO_API void clo_value_clear(struct clo_value *value);

CLO_API void clo_value_set_bool(struct clo_value *value, bool boolean);
CLO_API void clo_value_set_integer(struct clo_value *value, int64_t integer);
CLO_API void clo_value_set_number(struct clo_value *value, double number);
CLO_API CLO_MUST_USE int clo_value_set_text(struct clo_value *value, const char *text);
CLO_API CLO_MUST_USE int clo_value_set_text_n(struct clo_value *value, const char *data,
                                              size_t length);
CLO_API CLO_MUST_USE int clo_value_set_bytes(struct clo_value *value, const void *data,
                                             size_t length);
/* An integer of any size: `magnitude` is big-endian; `negative`: the integer is -1 - magnitude,
 * else magnitude (as in CBOR). CLO_INTEGER where it fits into 64 bits, else CLO_BIG_INTEGER. */
CLO_API CLO_MUST_USE int clo_value_set_magnitude(struct clo_value *value, bool negative,
                                                 const uint8_t *magnitude, size_t length);

CLO_API void clo_value_set_list(struct clo_value *value); /* an empty list */
CLO_API void clo_value_set_map(struct clo_value *value);  /* an empty map */

/* Append a null to the list and return it, owned by the list; valid until the next append.
 * NULL: out of memory, or `list` is no list (NULL, for one). */
CLO_API struct clo_value *clo_value_append(struct clo_value *list);

/* The value of `name` in the map, added as null if it was missing; valid until the next put.
 * NULL: out of memory, or `map` is no map (NULL, for one). */
CLO_API struct clo_value *clo_value_put(struct clo_value *map, const char *name);
CLO_API struct clo_value *clo_value_put_n(struct clo_value *map, const char *name, size_t length);

/* ---- reading; NULL is read as a null ---- */

CLO_API enum clo_type clo_value_type(const struct clo_value *value);

/* The value of `name` in the map. NULL: there is none, or `map` is no map. */
CLO_API const struct clo_value *clo_value_get(const struct clo_value *map, const char *name);
CLO_API const struct clo_value *clo_value_get_n(const struct clo_value *map, const char *name,
                                                size_t length);

/* Elements of a list, members of a map; 0 for all others. */
CLO_API size_t clo_value_count(const struct clo_value *value);

/* An element of a list. NULL: there is none, or `list` is no list. */
CLO_API const struct clo_value *clo_value_item(const struct clo_value *list, size_t index);

/* A member of a map, in order of insertion, and its name (which may be NULL here if it is not
 * wanted): NUL-terminated, *length bytes of which some may be NUL. NULL: there is none, or `map` is
 * no map. Names are unique. */
CLO_API const struct clo_value *clo_value_member(const struct clo_value *map, size_t index,
                                                 const char **name, size_t *length);

/* False, and *boolean as it was: no CLO_BOOL. */
CLO_API bool clo_value_bool(const struct clo_value *value, bool *boolean);

/* A CLO_INTEGER, or a CLO_NUMBER that is a whole number of 64 bits (2.0 is 2). False, and *integer
 * as it was: there is no such integer. */
CLO_API bool clo_value_integer(const struct clo_value *value, int64_t *integer);

/* CLO_NUMBER, or an integer of any size: the nearest double, of two the even one, as Python's
 * float(); beyond the largest double an infinity. False, and *number as it was: no number. */
CLO_API bool clo_value_number(const struct clo_value *value, double *number);

/* The text of a CLO_TEXT value, or NULL for any other type. NUL-terminated, owned by the value. */
CLO_API const char *clo_value_text(const struct clo_value *value);
CLO_API const char *clo_value_text_n(const struct clo_value *value, size_t *length);

/* The bytes of a CLO_BYTES value, or NULL for any other type. Owned by the value. */
CLO_API const uint8_t *clo_value_bytes(const struct clo_value *value, size_t *length);

/* The magnitude of a CLO_BIG_INTEGER, as for clo_value_set_magnitude and without leading zeros.
 * NULL for any other type. Owned by the value. */
CLO_API const uint8_t *clo_value_magnitude(const struct clo_value *value, bool *negative,
                                           size_t *length);

#ifdef __cplusplus
}
#endif

#endif

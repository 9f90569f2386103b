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

struct clo_member;

struct clo_value {
    enum clo_type type;
    bool negative;   /* CLO_BIG_INTEGER: the value is -1 - magnitude, else magnitude (as in CBOR) */
    bool incomplete; /* CLO_LIST, CLO_MAP: there was no memory for a place in it */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct {
            char *data;    /* TEXT, BYTES: NUL-terminated for convenience; BIG_INTEGER: magnitude,
                              big-endian bytes without leading zeros */
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

struct clo_member {
    char *name; /* NUL-terminated; may contain NUL bytes before name_length */
    size_t name_length;
    struct clo_value value;
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
CLO_API void clo_value_set_list(struct clo_value *value); /* an empty list */
CLO_API void clo_value_set_map(struct clo_value *value);  /* an empty map */

/* Append a null to the list and return it, owned by the list; valid until the next append.
 * NULL: out of memory, or `list` is no list (NULL, for one). */
CLO_API struct clo_value *clo_value_append(struct clo_value *list);

/* The value of `name` in the map, added as null if it was missing; valid until the next put.
 * NULL: out of memory, or `map` is no map (NULL, for one). */
CLO_API struct clo_value *clo_value_put(struct clo_value *map, const char *name);
CLO_API struct clo_value *clo_value_put_n(struct clo_value *map, const char *name, size_t length);

/* The value of `name` in the map, or NULL. */
CLO_API const struct clo_value *clo_value_get(const struct clo_value *map, const char *name);

/* The text of a CLO_TEXT value, or NULL for any other type and for NULL. */
CLO_API const char *clo_value_text(const struct clo_value *value);

/* The value as a double: CLO_NUMBER, CLO_INTEGER and CLO_BIG_INTEGER (rounded). False
 * for others and for NULL. */
CLO_API bool clo_value_number(const struct clo_value *value, double *number);

#ifdef __cplusplus
}
#endif

#endif

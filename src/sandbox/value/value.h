/* sandbox/value/value.h - what the codecs need of values beyond the public functions. */
#ifndef CLO_SANDBOX_VALUE_VALUE_H
#define CLO_SANDBOX_VALUE_VALUE_H

#include "cloche/value.h"

/* Add a member without looking for one of that name. The caller checks for duplicates once, when
 * the map is complete. NULL: out of memory. */
struct clo_value *clo_value_add(struct clo_value *map, const char *name, size_t length);

/* Make room for so many elements in an empty list or map. CLO_ENOMEMORY. */
int clo_value_reserve(struct clo_value *container, size_t count);

/* *duplicate is a member whose name another has too, or NULL. CLO_ENOMEMORY. */
int clo_value_find_duplicate(const struct clo_value *map, const struct clo_member **duplicate);

/* An integer from a magnitude (big-endian): CLO_INTEGER where it fits in 64 bits, otherwise
 * CLO_BIG_INTEGER. `negative`: the value is -1 - magnitude. CLO_ENOMEMORY. */
int clo_value_set_magnitude(struct clo_value *value, bool negative, const uint8_t *data,
                            size_t length);

#define CLO_VALUE_BLOCK_LEAST 32u /* bytes that malloc takes at least */

/* Bytes that a decoded value (at most CLO_VALUE_DEPTH_MAX levels) takes of the heap, about. */
size_t clo_value_footprint(const struct clo_value *value);

#endif

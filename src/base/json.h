/* base/json.h - JSON documents: reading what others wrote, in the few ways the code needs, and
 * adding to one's own, so that what memory lacked is never missed.
 *
 * The getters return NULL, or the fallback, where the object, the member or its type is missing, so
 * that a document from outside can be read without a check at every step. What they return belongs
 * to the object.
 */
#ifndef CLO_BASE_JSON_H
#define CLO_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* jansson's json_loadb, json_copy and json_dumps, but never with something lost on the way: jansson
 * drops bytes of a text, members of a copy, keys of a dump for which it finds no memory. Here that
 * is NULL, with clo_json_no_memory(why). To see it, the functions that jansson allocates with are
 * wrapped, once in the process, around those it had. */
json_t *clo_json_parse(const char *text, size_t length, size_t flags, json_error_t *why);
json_t *clo_json_copy(const json_t *value);
char *clo_json_dump(const json_t *value, size_t flags);

/* Parse one JSON value. Strings may hold NUL. A lone surrogate escape (a server that cut an emoji
 * in two writes one) becomes U+FFFD instead of failing the document. NULL: not JSON, and `why`, if
 * not NULL, says where. */
json_t *clo_json_load(const char *text, size_t length, json_error_t *why);

/* Whether a parser's `why` is that. */
bool clo_json_no_memory(const json_error_t *why);

/* Set a member of an own object (`value` is stolen). Without memory for it, or with value NULL, the
 * object is released and *object NULL, and stays so: one check after the last is enough. */
void clo_json_put(json_t **object, const char *name, json_t *value);

const char *clo_json_text(const json_t *object, const char *name); /* a string member, or NULL */
bool clo_json_is(const json_t *object, const char *name, const char *text);
uint64_t clo_json_count(const json_t *object, const char *name); /* an integer >= 0, or 0 */

#endif

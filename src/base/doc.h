/* base/doc.h - JSON documents from outside: reading what others wrote, in the few ways the code
 * needs.
 *
 * The getters return NULL, or the fallback, where the object, the member or its type is missing, so
 * that a document from outside can be read without a check at every step. What they return belongs
 * to the object.
 */
#ifndef CLO_BASE_DOC_H
#define CLO_BASE_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* jansson's json_loadb, but never a value that lost something on the way: jansson drops bytes of a
 * text for which it finds no memory. Then: NULL, and json_error_code(why) is
 * json_error_out_of_memory. To see that, the functions that jansson allocates with are wrapped,
 * once in the process, around those it had. */
json_t *clo_doc_parse(const char *text, size_t length, size_t flags, json_error_t *why);

/* Parse one JSON value. Strings may hold NUL. A lone surrogate escape (a server that cut an emoji
 * in two writes one) becomes U+FFFD instead of failing the document. NULL: not JSON, and `why`, if
 * not NULL, says where. */
json_t *clo_doc_load(const char *text, size_t length, json_error_t *why);

const char *clo_doc_text(const json_t *object, const char *name); /* a string member, or NULL */
bool clo_doc_is(const json_t *object, const char *name, const char *text);
uint64_t clo_doc_count(const json_t *object, const char *name); /* an integer >= 0, or 0 */

#endif

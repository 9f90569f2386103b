/* sandbox/tool/schema.h - JSON Schema for the arguments of tools.
 *
 * The subset of draft 2020-12 that tools use: type, enum, const, properties, required,
 * additionalProperties, items, prefixItems, minItems, maxItems, uniqueItems, minimum, maximum,
 * exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, anyOf, oneOf,
 * allOf, not, $ref within the document, boolean schemas. Other keywords are annotations and are
 * ignored; where patternProperties stands beside additionalProperties, the latter is ignored too.
 *
 * A compiled schema is immutable and may be used from many threads at once. Checking is bounded:
 * the schema is the tool author's, but the value is the guest's.
 */
#ifndef CLO_SANDBOX_TOOL_SCHEMA_H
#define CLO_SANDBOX_TOOL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "cloche/value.h"

#define CLO_SCHEMA_TEXT_MAX (256u << 10)   /* bytes of the document */
#define CLO_SCHEMA_NODES_MAX 4096          /* subschemas */
#define CLO_SCHEMA_DEPTH_MAX 64            /* levels of nesting of the document */
#define CLO_SCHEMA_STEPS_MAX 1000000       /* subschemas applied in one check */
#define CLO_SCHEMA_SUBJECT_MAX (64u << 10) /* bytes of a text that is matched with a pattern */

struct clo_schema;

/* Compile JSON text. CLO_EINVALID names the place ("parameters.properties.x.type: ..."). */
int clo_schema_compile(struct clo_schema **schema, const char *json, struct clo_error *error);
void clo_schema_free(struct clo_schema *schema); /* NULL is allowed */

/* The document as a value, owned by the schema. */
const struct clo_value *clo_schema_document(const struct clo_schema *schema);

/* Check a tool's arguments (a map). A number such as 2.0 where only an integer may stand becomes
 * that integer; null for a member of `properties` that is not in `required`, and whose schema
 * refuses null, is taken out. CLO_EINVALID: a message, beginning with `subject`, that lets the
 * caller mend the call. The order of the checks is fixed, so the same call gets the same message.
 */
int clo_schema_check(const struct clo_schema *schema, struct clo_value *arguments,
                     const char *subject, struct clo_error *error);

/* The same without that mending of nulls: what stands in `value` has to fit. */
int clo_schema_check_as_it_is(const struct clo_schema *schema, struct clo_value *value,
                              const char *subject, struct clo_error *error);

#endif

/* codeact/signature.h - a JSON Schema of type object as the signature of a Python function. */
#ifndef CLO_CODEACT_SIGNATURE_H
#define CLO_CODEACT_SIGNATURE_H

#include <jansson.h>

#include "base/buffer.h"

#define CLO_SIGNATURE_DEPTH_MAX 5 /* nested types; deeper ones are written Any */
#define CLO_SIGNATURE_ENUM_MAX 32 /* members of a Literal; more are written as their type */

/* `compute(operation: Literal["add", "subtract"], a: float, b: float = 1.0)`; a parameter that may
 * be left out and has no default is written `name: type = ...`. `schema` may be NULL. */
void clo_signature_write(struct clo_buffer *out, const char *name, const json_t *schema);

#endif

/* sandbox/value/value_json.h - values and JSON, at the edges where JSON is spoken.
 *
 * JSON holds less than a value does. What has no JSON form is refused by name, never changed
 * silently: nan and the infinities, bytes. Reading: an integer beyond 64 bits is refused (jansson
 * has no place for it); an object with a key twice is refused. Writing text: integers of any size
 * up to CLO_JSON_DIGITS_MAX digits, lone surrogates as \ud800 escapes.
 */
#ifndef CLO_SANDBOX_VALUE_VALUE_JSON_H
#define CLO_SANDBOX_VALUE_VALUE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cloche/value.h"

#define CLO_JSON_DIGITS_MAX 4300 /* as Python's own limit for int to str */

/* Read one JSON text, a bare scalar included. *value is null on failure. */
int clo_value_parse_json(struct clo_value *value, const char *text, size_t length,
                         struct clo_error *error);

/* Append the value as compact JSON text. The place of what has no JSON form is in the message. */
int clo_value_write_json(struct clo_buffer *buffer, const struct clo_value *value,
                         struct clo_error *error);

int clo_value_from_json(struct clo_value *value, const json_t *json, struct clo_error *error);

/* A new reference in *json. Integers beyond 64 bits and lone surrogates are refused too. */
int clo_value_to_json(json_t **json, const struct clo_value *value, struct clo_error *error);

/* A finite number in the shortest decimal form that reads back as the same double. */
#define CLO_NUMBER_FORMAT_MAX 32
void clo_number_format(char text[CLO_NUMBER_FORMAT_MAX], double number);

/* A big integer in decimal; CLO_ELIMIT beyond CLO_JSON_DIGITS_MAX digits. */
int clo_big_integer_text(struct clo_buffer *buffer, const struct clo_value *value);

#endif

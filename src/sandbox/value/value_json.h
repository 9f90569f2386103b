/* sandbox/value/value_json.h - values from JSON, and numbers as text. */
#ifndef CLO_SANDBOX_VALUE_VALUE_JSON_H
#define CLO_SANDBOX_VALUE_VALUE_JSON_H

#include <stddef.h>

#include "base/buffer.h"
#include "cloche/value.h"

#define CLO_JSON_DIGITS_MAX 4300 /* as Python's own limit for int to str */

/* Read one JSON text, a bare scalar included. An integer beyond 64 bits (jansson has no place for
 * it) and an object with a key twice are refused. *value is null on failure. */
int clo_value_parse_json(struct clo_value *value, const char *text, size_t length,
                         struct clo_error *error);

/* A finite number in the shortest decimal form that reads back as the same double. */
#define CLO_NUMBER_FORMAT_MAX 32
void clo_number_format(char text[CLO_NUMBER_FORMAT_MAX], double number);

/* A big integer in decimal; CLO_ELIMIT beyond CLO_JSON_DIGITS_MAX digits. */
int clo_big_integer_text(struct clo_buffer *buffer, const struct clo_value *value);

#endif

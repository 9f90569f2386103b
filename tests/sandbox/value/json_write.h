/* json_write.h - a value as JSON text, for tests that compare values. */
#ifndef TESTS_SANDBOX_VALUE_JSON_WRITE_H
#define TESTS_SANDBOX_VALUE_JSON_WRITE_H

#include "base/buffer.h"
#include "cloche/value.h"

/* Append the value as compact JSON text. What has no JSON form (nan, the infinities, bytes,
 * integers of more than CLO_JSON_DIGITS_MAX digits) is refused, with its place in the message. */
int clo_value_write_json(struct clo_buffer *buffer, const struct clo_value *value,
                         struct clo_error *error);

#endif

/* model/record/yaml_text.h - texts as YAML that base/yaml reads back byte by byte. No text holds NUL. */
#ifndef CLO_MODEL_RECORD_YAML_TEXT_H
#define CLO_MODEL_RECORD_YAML_TEXT_H

#include "base/buffer.h"

/* Append a value and the end of its line: several lines as they are, `column` from the left at least, where
 * YAML can have them so; else between quotes. `column` is that of the map's keys, or of the list's dashes.
 * UTF-8. Failures are the buffer's. */
void clo_yaml_text_write(struct clo_buffer *out, const char *text, size_t length, size_t column);

/* Between quotes, on one line, without the line's end. */
void clo_yaml_text_quote(struct clo_buffer *out, const char *text, size_t length);

/* Append what follows "# " to the end of a line: one line, whatever the text is. */
void clo_yaml_text_comment(struct clo_buffer *out, const char *text);

/* Append the regular expression (PCRE2) that fits the text and no other, but for the places of `gap`, a
 * byte that is in no UTF-8, where anything may stand; of a long text only its start and its end. Here NUL
 * is a character like others. */
void clo_yaml_text_pattern(struct clo_buffer *out, const char *text, size_t length, char gap);

#endif

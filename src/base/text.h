/* base/text.h - text from untrusted places made fit for people: well-formed UTF-8 without
 * surrogates (base/utf8.h decodes it), cut without splitting a character.
 */
#ifndef CLO_BASE_TEXT_H
#define CLO_BASE_TEXT_H

#include <stddef.h>

#include "base/buffer.h"

/* Bytes of the well-formed character at the start of text, 0 if there is none. */
size_t clo_text_next(const char *text, size_t length);

/* Append text with U+FFFD for every byte that is part of no character (lone surrogates included).
 * CLO_ELIMIT, CLO_ENOMEMORY. */
int clo_text_mend(struct clo_buffer *out, const char *text, size_t length);

/* Likewise, with U+2400, the picture of it, for NUL. */
int clo_text_clean(struct clo_buffer *out, const char *text, size_t length);

/* Of well-formed text: the most bytes up to `most` that end between two characters; and where the
 * last `most` bytes or fewer begin between two characters. */
size_t clo_text_head(const char *text, size_t length, size_t most);
size_t clo_text_tail(const char *text, size_t length, size_t most);

/* Copy as much as fits into `size` bytes, repaired, without splitting a character. */
void clo_text_copy(char *to, size_t size, const char *from);

#endif

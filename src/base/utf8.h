/* base/utf8.h - the one decoder of UTF-8 (RFC 3629), with the lone surrogates that Python strings
 * may hold. What makes text fit for people is in base/text.h. */
#ifndef CLO_BASE_UTF8_H
#define CLO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character at the start of `data`, 0 if it is none. *point is its code
 * point. Surrogates (three-byte forms of U+D800 to U+DFFF) are characters here; overlong forms
 * and what lies beyond U+10FFFF are not. */
size_t clo_utf8_next(const uint8_t *data, size_t length, uint32_t *point);

bool clo_utf8_valid(const void *data, size_t length);

/* Without surrogates: what JSON, PCRE2 and the rest of the world call UTF-8. */
bool clo_utf8_strict(const void *data, size_t length);

size_t clo_utf8_count(const void *data, size_t length); /* code points; valid text only */

static inline bool clo_utf8_is_surrogate(uint32_t point)
{
    return point >= 0xd800 && point <= 0xdfff;
}

/* Replace lone surrogates by U+FFFD, which is as long. Valid text only. */
void clo_utf8_repair(char *data, size_t length);

/* Bytes at the end of `data`, 0 to 3, that begin a character whose rest may follow. */
size_t clo_utf8_begun(const char *data, size_t length);

/* The largest cut at or below `length` that splits no character. */
size_t clo_utf8_cut(const char *data, size_t length);

#endif

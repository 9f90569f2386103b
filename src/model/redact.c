/* redact.c - finding what must not be shown. */
#include "model/redact.h"

#include <string.h>
#include <strings.h>

/* ASCII only: what a locale calls a letter is not asked. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_secret(const char *text, size_t length)
{
    return length >= CLO_REDACT_LONG ||
           (length >= CLO_REDACT_SHORT && strpbrk(text, "0123456789") != NULL);
}

/* Whether no letter or digit stands right before or behind the bytes from `at` on. */
static bool is_token(const char *text, size_t length, size_t at, size_t size)
{
    const char before = at ? text[at - 1] : ' ';
    const char behind = at + size < length ? text[at + size] : ' ';
    return !is_letter(before) && !is_digit(before) && !is_letter(behind) && !is_digit(behind);
}

size_t clo_redact_secret(const char *text, size_t length, size_t at, const char *secret)
{
    size_t size = secret ? strlen(secret) : 0;
    if (!size || size > length - at || memcmp(text + at, secret, size) != 0 ||
        !is_secret(secret, size))
        return 0;
    return size >= CLO_REDACT_LONG || is_token(text, length, at, size) ? size : 0;
}

static size_t find_host(const char *text, size_t length, size_t at, const char *host)
{
    size_t size = host ? strlen(host) : 0;
    if (!size || size > length - at || strncasecmp(text + at, host, size) != 0 ||
        !strpbrk(host, ".:"))
        return 0;
    return is_token(text, length, at, size) ? size : 0;
}

/* "eyJ" is the start of a JSON object in base64url; two dots are further on (RFC 7519). Entra ID's are
 * such, and which of them was sent is known to nobody here. */
size_t clo_redact_token(const char *text, size_t length, size_t at)
{
    size_t end = at, dots = 0;
    if (length - at < CLO_REDACT_TOKEN || memcmp(text + at, "eyJ", 3) != 0)
        return 0;
    for (; end < length; end++) {
        if (text[end] == '.')
            dots++;
        else if (!is_letter(text[end]) && !is_digit(text[end]) && text[end] != '-' &&
                 text[end] != '_')
            break;
    }
    return dots >= 2 && end - at >= CLO_REDACT_TOKEN ? end - at : 0;
}

int clo_redact(struct clo_buffer *out, const char *text, size_t length,
               const struct clo_redact *hidden)
{
    size_t shown = 0; /* up to here the text is in `out` */
    for (size_t at = 0; at < length;) {
        const char *word = "[key]";
        size_t size = clo_redact_secret(text, length, at, hidden->key);
        if (!size)
            size = clo_redact_secret(text, length, at, hidden->password);
        if (!size && (size = clo_redact_token(text, length, at)))
            word = "[token]";
        if (!size && (size = find_host(text, length, at, hidden->host)))
            word = "[server]";
        if (!size) {
            at++;
            continue;
        }
        clo_buffer_append(out, text + shown, at - shown);
        clo_buffer_text(out, word);
        shown = at += size;
    }
    return clo_buffer_append(out, text + shown, length - shown);
}

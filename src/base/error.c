/* error.c - struct clo_error: one place where messages are formatted and cut to size. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#undef clo_fail
#undef clo_fail_errno
#undef clo_hint
#undef clo_fail_memory

/* Messages are UTF-8: a '?' for what is no character, above all what a cut left of one. */
static void repair(char *text)
{
    char *to = text;
    for (size_t left = strlen(text), size; left; text += size, left -= size) {
        size = clo_text_next(text, left);
        if (size) {
            memmove(to, text, size);
            to += size;
            continue;
        }
        *to++ = '?';
        for (size = 1; size < left && ((unsigned char)text[size] & 0xc0) == 0x80;)
            size++;
    }
    *to = '\0';
}

/* Take off the character at the end of a full text of which only a part had room. */
static void drop_part(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && !clo_text_next(text + start - 1, length - start + 1))
        text[start - 1] = '\0';
}

static void format_text(char *text, size_t size, const char *format, va_list arguments)
{
    int length = vsnprintf(text, size, format, arguments);
    if (length >= 0 && (size_t)length >= size)
        drop_part(text, size - 1);
    repair(text);
}

static void set_message(struct clo_error *error, enum clo_status code, const char *format,
                        va_list arguments)
{
    if (!error)
        return;
    error->code = code;
    error->hint[0] = '\0';
    format_text(error->message, sizeof error->message, format, arguments);
}

int clo_fail(struct clo_error *error, enum clo_status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_message(error, code, format, arguments);
    va_end(arguments);
    return code;
}

int clo_fail_errno(struct clo_error *error, enum clo_status code, const char *format, ...)
{
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    set_message(error, code, format, arguments);
    va_end(arguments);
    if (error) {
        size_t used = strlen(error->message);
        snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(saved));
    }
    errno = saved;
    return code;
}

int clo_hint(struct clo_error *error, enum clo_status code, const char *format, ...)
{
    if (!error)
        return code;
    va_list arguments;
    va_start(arguments, format);
    format_text(error->hint, sizeof error->hint, format, arguments);
    va_end(arguments);
    return error->code;
}

int clo_fail_memory(struct clo_error *error)
{
    return clo_fail(error, CLO_ENOMEMORY, "out of memory");
}

const char *clo_status_name(enum clo_status status)
{
    switch (status) {
    case CLO_OK: return "ok";
    case CLO_EINVALID: return "invalid";
    case CLO_ENOMEMORY: return "no_memory";
    case CLO_ESYSTEM: return "system";
    case CLO_ENOHYPERVISOR: return "no_hypervisor";
    case CLO_EIMAGE: return "image";
    case CLO_ELIMIT: return "limit";
    case CLO_ECANCELLED: return "cancelled";
    case CLO_ENOTFOUND: return "not_found";
    case CLO_EBUSY: return "busy";
    case CLO_EMODEL: return "model";
    case CLO_EGUEST: return "guest";
    case CLO_EINTERNAL: return "internal";
    }
    return "unknown";
}

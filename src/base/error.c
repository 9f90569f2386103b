/* error.c - struct clo_error: one place where messages are formatted and cut to size. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#undef clo_fail
#undef clo_fail_errno
#undef clo_hint
#undef clo_fail_memory

/* Messages are UTF-8: a '?' for what is no character, above all what a cut left of one. */
static void repair(char *text)
{
    char *to = text;
    uint32_t point;
    for (size_t left = strlen(text), size; left; text += size, left -= size) {
        size = clo_utf8_next((const uint8_t *)text, left, &point);
        if (size && !clo_utf8_is_surrogate(point)) {
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

static void format_text(char *text, size_t size, const char *format, va_list arguments)
{
    int length = vsnprintf(text, size, format, arguments);
    if (length >= 0 && (size_t)length >= size)
        text[clo_utf8_cut(text, size - 1)] = '\0';
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

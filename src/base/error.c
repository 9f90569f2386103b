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

/* vsnprintf that takes off the character at the end of which only a part has room. */
static CLO_PRINTF(3, 0) void write_text(char *to, size_t size, const char *format,
                                        va_list arguments)
{
    int length = vsnprintf(to, size, format, arguments);
    if (length < 0 || (size_t)length < size)
        return;
    size_t end = size - 1, start = end;
    while (start > 0 && end - start < 3 && ((unsigned char)to[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && !clo_text_next(to + start - 1, end - start + 1))
        to[start - 1] = '\0';
}

static CLO_PRINTF(2, 3) void write_more(struct clo_error *error, const char *format, ...)
{
    size_t used = strlen(error->message);
    va_list arguments;
    va_start(arguments, format);
    write_text(error->message + used, sizeof error->message - used, format, arguments);
    va_end(arguments);
}

static void set_message(struct clo_error *error, enum clo_status code, const char *format,
                        va_list arguments)
{
    if (!error)
        return;
    error->code = code;
    error->hint[0] = '\0';
    write_text(error->message, sizeof error->message, format, arguments);
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
    if (error)
        write_more(error, ": %s", strerror(saved));
    errno = saved;
    return code;
}

int clo_hint(struct clo_error *error, enum clo_status code, const char *format, ...)
{
    if (!error)
        return code;
    va_list arguments;
    va_start(arguments, format);
    write_text(error->hint, sizeof error->hint, format, arguments);
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

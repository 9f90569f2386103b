/* buffer.c - a growing byte buffer with a ceiling. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int clo_buffer_reserve(struct clo_buffer *buffer, size_t more)
{
    if (buffer->failed || buffer->length > buffer->limit || more > buffer->limit - buffer->length) {
        buffer->failed = true;
        return buffer->no_memory ? CLO_ENOMEMORY : CLO_ELIMIT;
    }
    size_t need = buffer->length + more + 1;
    if (need <= buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity ? buffer->capacity : 128;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = buffer->no_memory = true;
        return CLO_ENOMEMORY;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int clo_buffer_append(struct clo_buffer *buffer, const void *data, size_t length)
{
    int status = clo_buffer_reserve(buffer, length);
    if (status)
        return status;
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return 0;
}

int clo_buffer_text(struct clo_buffer *buffer, const char *text)
{
    return clo_buffer_append(buffer, text, strlen(text));
}

int clo_buffer_format(struct clo_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return CLO_EINTERNAL;
    }
    int status = clo_buffer_reserve(buffer, (size_t)length);
    if (status)
        return status;
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return 0;
}

void clo_buffer_reset(struct clo_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = buffer->no_memory = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void clo_buffer_wipe(struct clo_buffer *buffer)
{
    if (buffer->length)
        explicit_bzero(buffer->data, buffer->length);
    clo_buffer_reset(buffer);
}

void clo_buffer_free(struct clo_buffer *buffer)
{
    free(buffer->data);
    *buffer = CLO_BUFFER(buffer->limit);
}

char *clo_buffer_take(struct clo_buffer *buffer, size_t *length)
{
    if (buffer->failed || clo_buffer_reserve(buffer, 0))
        return NULL;
    buffer->data[buffer->length] = '\0';
    char *data = buffer->data;
    if (length)
        *length = buffer->length;
    *buffer = CLO_BUFFER(buffer->limit);
    return data;
}

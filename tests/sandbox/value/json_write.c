/* json_write.c - from a value to JSON text: not by jansson, which holds neither big integers nor
 * lone surrogates. */
#include "json_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/value.h"
#include "sandbox/value/value_json.h"

#define NAME_SHOWN 40 /* bytes of a member's name in a message */

/* The way from the root to the value in hand, for messages: each level is on the C stack. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: an index */
    size_t index;
    int depth;
};

static void describe(const struct place *place, char *text, size_t size)
{
    if (!place->parent) {
        snprintf(text, size, "the value");
        return;
    }
    describe(place->parent, text, size);
    size_t used = strlen(text);
    if (!place->name) {
        snprintf(text + used, size - used, "[%zu]", place->index);
        return;
    }
    size_t shown = strlen(place->name);
    if (shown > NAME_SHOWN)
        shown = clo_utf8_cut(place->name, NAME_SHOWN);
    snprintf(text + used, size - used, ".%.*s", (int)shown, place->name);
    text[clo_utf8_cut(text, strlen(text))] = '\0'; /* where it did not fit */
}

static int refuse(const struct place *place, const char *what, struct clo_error *error)
{
    char where[256];
    describe(place, where, sizeof where);
    return clo_fail(error, CLO_EINVALID, "%s is %s, which JSON cannot express", where, what);
}

static int refuse_number(const struct place *place, double number, struct clo_error *error)
{
    char text[CLO_NUMBER_FORMAT_MAX];
    clo_number_format(text, number);
    return refuse(place, text, error);
}

static int check_container(const struct clo_value_fields *value, const struct place *place,
                           struct clo_error *error)
{
    if (value->incomplete)
        return clo_fail_memory(error);
    if (place->depth <= CLO_VALUE_DEPTH_MAX)
        return 0;
    return clo_fail(error, CLO_ELIMIT, "a value is nested more than %d levels deep",
                    CLO_VALUE_DEPTH_MAX);
}

static void put_character(struct clo_buffer *buffer, const uint8_t *data, size_t used,
                          uint32_t point)
{
    static const char escapes[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    const char *escape = point ? strchr(escapes, point < 128 ? (int)point : 1) : NULL;
    if (escape)
        clo_buffer_format(buffer, "\\%c", letters[escape - escapes]);
    else if (point < 0x20 || point == 0x7f || clo_utf8_is_surrogate(point))
        clo_buffer_format(buffer, "\\u%04x", point);
    else
        clo_buffer_append(buffer, data, used);
}

static int write_text(struct clo_buffer *buffer, const char *text, size_t length,
                      struct clo_error *error)
{
    const uint8_t *data = (const uint8_t *)text;
    clo_buffer_append(buffer, "\"", 1);
    while (length) {
        size_t plain = 0;
        while (plain < length && data[plain] >= 0x20 && data[plain] < 0x7f && data[plain] != '"' &&
               data[plain] != '\\')
            plain++;
        clo_buffer_append(buffer, data, plain);
        data += plain;
        length -= plain;
        if (!length)
            break;
        uint32_t point;
        size_t used = clo_utf8_next(data, length, &point);
        if (!used)
            return clo_fail(error, CLO_EINVALID, "a text is not UTF-8");
        put_character(buffer, data, used, point);
        data += used;
        length -= used;
    }
    clo_buffer_append(buffer, "\"", 1);
    return 0;
}

static int write(struct clo_buffer *buffer, const struct clo_value *whole,
                 const struct place *place, struct clo_error *error);

static int write_list(struct clo_buffer *buffer, const struct clo_value_fields *value,
                      const struct place *place, struct clo_error *error)
{
    int status = check_container(value, place, error);
    clo_buffer_append(buffer, "[", 1);
    for (size_t i = 0; i < value->list.count && !status; i++) {
        struct place below = {.parent = place, .index = i, .depth = place->depth + 1};
        if (i)
            clo_buffer_append(buffer, ",", 1);
        status = write(buffer, &value->list.items[i], &below, error);
    }
    clo_buffer_append(buffer, "]", 1);
    return status;
}

static int write_map(struct clo_buffer *buffer, const struct clo_value_fields *value,
                     const struct place *place, struct clo_error *error)
{
    int status = check_container(value, place, error);
    clo_buffer_append(buffer, "{", 1);
    for (size_t i = 0; i < value->map.count && !status; i++) {
        const struct clo_member *member = &value->map.members[i];
        struct place below = {.parent = place, .name = member->name, .depth = place->depth + 1};
        if (i)
            clo_buffer_append(buffer, ",", 1);
        status = write_text(buffer, member->name, member->name_length, error);
        clo_buffer_append(buffer, ":", 1);
        if (!status)
            status = write(buffer, &member->value, &below, error);
    }
    clo_buffer_append(buffer, "}", 1);
    return status;
}

static int write_number(struct clo_buffer *buffer, double number, const struct place *place,
                        struct clo_error *error)
{
    if (isnan(number) || isinf(number))
        return refuse_number(place, number, error);
    char text[CLO_NUMBER_FORMAT_MAX];
    clo_number_format(text, number);
    clo_buffer_text(buffer, text);
    return 0;
}

static int write(struct clo_buffer *buffer, const struct clo_value *whole,
                 const struct place *place, struct clo_error *error)
{
    const struct clo_value_fields *value = clo_value_fields(whole);
    switch (value->type) {
    case CLO_NULL: clo_buffer_text(buffer, "null"); return 0;
    case CLO_BOOL: clo_buffer_text(buffer, value->boolean ? "true" : "false"); return 0;
    case CLO_INTEGER: clo_buffer_format(buffer, "%lld", (long long)value->integer); return 0;
    case CLO_BIG_INTEGER:
        if (clo_big_integer_text(buffer, whole) == CLO_ELIMIT && !buffer->failed)
            return refuse(place, "an integer of more than 4300 digits", error);
        return 0;
    case CLO_NUMBER: return write_number(buffer, value->number, place, error);
    case CLO_TEXT: return write_text(buffer, value->text.data, value->text.length, error);
    case CLO_BYTES: return refuse(place, "bytes", error);
    case CLO_LIST: return write_list(buffer, value, place, error);
    case CLO_MAP: return write_map(buffer, value, place, error);
    }
    return refuse(place, "of an unknown type", error);
}

int clo_value_write_json(struct clo_buffer *buffer, const struct clo_value *value,
                         struct clo_error *error)
{
    int status = write(buffer, value, &(struct place){.depth = 1}, error);
    if (!status && buffer->no_memory)
        status = clo_fail_memory(error);
    if (!status && buffer->failed)
        status =
            clo_fail(error, CLO_ELIMIT, "a value is larger than %zu bytes as JSON", buffer->limit);
    return status;
}

/* value_unique.c - finding a repeated item of a list without comparing every pair.
 *
 * Each item is written in a canonical form in which equal values are equal bytes (map members
 * sorted, 2.0 as 2); the forms are sorted. The guest chose the list: the cost must stay n log n.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/tool/schema_node.h"
#include "sandbox/value/value_json.h"

#define CANONICAL_MAX (64u << 20) /* bytes of all forms together */

static int by_name(const void *left, const void *right)
{
    const struct clo_member *a = *(const struct clo_member *const *)left;
    const struct clo_member *b = *(const struct clo_member *const *)right;
    size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
    int order = memcmp(a->name, b->name, shorter);
    return order ? order : (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static void put_bytes(struct clo_buffer *buffer, char kind, const char *data, size_t length)
{
    clo_buffer_format(buffer, "%c%zu:", kind, length);
    clo_buffer_append(buffer, data, length);
}

static void put_number(struct clo_buffer *buffer, double number)
{
    if (number == rint(number) && fabs(number) < 0x1p63) {
        clo_buffer_format(buffer, "i%lld", (long long)number);
        return;
    }
    char text[CLO_NUMBER_FORMAT_MAX];
    clo_number_format(text, number);
    clo_buffer_format(buffer, "d%s", text);
}

static void put(struct clo_buffer *buffer, const struct clo_value *value);

static void put_map(struct clo_buffer *buffer, const struct clo_value *value)
{
    size_t count = value->map.count;
    const struct clo_member **sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        buffer->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &value->map.members[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    clo_buffer_format(buffer, "{%zu:", count);
    for (size_t i = 0; i < count; i++) {
        put_bytes(buffer, 'k', sorted[i]->name, sorted[i]->name_length);
        put(buffer, &sorted[i]->value);
    }
    free(sorted);
}

static void put(struct clo_buffer *buffer, const struct clo_value *value)
{
    switch (value->type) {
    case CLO_NULL: clo_buffer_text(buffer, "n"); break;
    case CLO_BOOL: clo_buffer_text(buffer, value->boolean ? "t" : "f"); break;
    case CLO_INTEGER: clo_buffer_format(buffer, "i%lld", (long long)value->integer); break;
    case CLO_BIG_INTEGER:
        put_bytes(buffer, value->negative ? '-' : '+', value->text.data, value->text.length);
        break;
    case CLO_NUMBER: put_number(buffer, value->number); break;
    case CLO_TEXT: put_bytes(buffer, 's', value->text.data, value->text.length); break;
    case CLO_BYTES: put_bytes(buffer, 'b', value->text.data, value->text.length); break;
    case CLO_LIST:
        clo_buffer_format(buffer, "[%zu:", value->list.count);
        for (size_t i = 0; i < value->list.count; i++)
            put(buffer, &value->list.items[i]);
        break;
    case CLO_MAP: put_map(buffer, value); break;
    }
}

struct form {
    const char *data;
    size_t start, length, index;
};

static int by_form(const void *left, const void *right)
{
    const struct form *a = left, *b = right;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    int order = memcmp(a->data, b->data, a->length);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

size_t clo_value_first_repeated(const struct clo_value *list)
{
    size_t count = list->list.count;
    size_t repeated = count;
    struct clo_buffer buffer = CLO_BUFFER(CANONICAL_MAX);
    struct form *forms = calloc(count + 1, sizeof *forms);
    for (size_t i = 0; forms && i < count; i++) {
        forms[i].start = buffer.length;
        forms[i].index = i;
        put(&buffer, &list->list.items[i]);
        forms[i].length = buffer.length - forms[i].start;
    }
    if (!forms || buffer.failed) {
        repeated = (size_t)-1;
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        forms[i].data = buffer.data + forms[i].start;
    qsort(forms, count, sizeof *forms, by_form);
    for (size_t i = 1; i < count; i++) {
        bool same = forms[i].length == forms[i - 1].length &&
                    memcmp(forms[i].data, forms[i - 1].data, forms[i].length) == 0;
        if (same && forms[i].index < repeated)
            repeated = forms[i].index;
    }
out:
    free(forms);
    clo_buffer_free(&buffer);
    return repeated;
}

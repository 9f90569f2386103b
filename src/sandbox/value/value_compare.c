/* value_compare.c - one order over all values, and what is made of it.
 *
 * compare() is a total order: by kind, then by content. Equal values have the same place in it; the
 * converse fails for nan alone, which it says. Maps are compared with their members sorted by name:
 * arrange() makes such a copy of the tree once, so that a list of maps is sorted without sorting
 * members at each step.
 */
#include "sandbox/value/value_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cloche/error.h"
#include "sandbox/value/value.h"

static int sign(bool greater, bool less)
{
    return greater - less;
}

static int order_bytes(const void *left, size_t left_length, const void *right, size_t right_length)
{
    size_t shorter = left_length < right_length ? left_length : right_length;
    int order = shorter ? memcmp(left, right, shorter) : 0;
    return order ? order : sign(left_length > right_length, left_length < right_length);
}

/* ---- numbers ---- */

struct magnitude { /* as in CLO_BIG_INTEGER, without leading zeros */
    bool negative;
    const uint8_t *data;
    size_t length;
};

static int order_magnitudes(const struct magnitude *left, const struct magnitude *right)
{
    if (left->negative != right->negative)
        return left->negative ? -1 : 1;
    int order = sign(left->length > right->length, left->length < right->length);
    if (!order)
        order = memcmp(left->data, right->data, left->length);
    return left->negative ? -order : order;
}

/* A big integer is beyond all of 64 bits; a double may be there too, and is an integer then. */
static int order_big(const struct magnitude *big, const struct clo_value_fields *other)
{
    int beyond = big->negative ? -1 : 1;
    if (other->type == CLO_INTEGER)
        return beyond;
    double number = other->number;
    if (isnan(number))
        return -1;
    if (isinf(number))
        return number < 0 ? 1 : -1;
    if (fabs(number) < 0x1p63)
        return beyond;
    uint8_t bytes[CLO_WHOLE_BYTES];
    struct magnitude whole = {.data = bytes, .length = sizeof bytes};
    clo_whole_magnitude(number, &whole.negative, bytes);
    while (whole.length && !*whole.data) {
        whole.data++;
        whole.length--;
    }
    return order_magnitudes(big, &whole);
}

static int order_doubles(double left, double right)
{
    if (isnan(left) || isnan(right))
        return sign(isnan(left), isnan(right));
    return sign(left > right, left < right);
}

int clo_value_order(const struct clo_value *left, const struct clo_value *right)
{
    const struct clo_value_fields *a = clo_value_fields(left), *b = clo_value_fields(right);
    struct magnitude big, other;
    big.data = clo_value_magnitude(left, &big.negative, &big.length);
    other.data = clo_value_magnitude(right, &other.negative, &other.length);
    if (big.data)
        return other.data ? order_magnitudes(&big, &other) : order_big(&big, b);
    if (other.data)
        return -order_big(&other, a);
    if (a->type == CLO_NUMBER)
        return b->type == CLO_NUMBER ? order_doubles(a->number, b->number)
                                     : -clo_integer_order(b->integer, a->number);
    if (b->type == CLO_NUMBER)
        return clo_integer_order(a->integer, b->number);
    return sign(a->integer > b->integer, a->integer < b->integer);
}

/* ---- all values ---- */

/* The three types of numbers are one kind. */
static int kind_of(const struct clo_value_fields *value)
{
    return value->type == CLO_BIG_INTEGER || value->type == CLO_NUMBER ? CLO_INTEGER
                                                                       : (int)value->type;
}

static bool is_container(const struct clo_value_fields *value)
{
    return value->type == CLO_LIST || value->type == CLO_MAP;
}

/* *nan becomes true where two nan meet: these have one place, but are not equal. */
static int compare(const struct clo_value *left, const struct clo_value *right, bool *nan);

static int compare_lists(const struct clo_value_fields *left, const struct clo_value_fields *right,
                         bool *nan)
{
    int order = sign(left->list.count > right->list.count, left->list.count < right->list.count);
    for (size_t i = 0; i < left->list.count && !order; i++)
        order = compare(&left->list.items[i], &right->list.items[i], nan);
    return order;
}

static int compare_names(const struct clo_member *left, const struct clo_member *right)
{
    return order_bytes(left->name, left->name_length, right->name, right->name_length);
}

static int compare_maps(const struct clo_value_fields *left, const struct clo_value_fields *right,
                        bool *nan)
{
    int order = sign(left->map.count > right->map.count, left->map.count < right->map.count);
    for (size_t i = 0; i < left->map.count && !order; i++) {
        order = compare_names(&left->map.members[i], &right->map.members[i]);
        if (!order)
            order = compare(&left->map.members[i].value, &right->map.members[i].value, nan);
    }
    return order;
}

static int compare(const struct clo_value *left, const struct clo_value *right, bool *nan)
{
    const struct clo_value_fields *a = clo_value_fields(left), *b = clo_value_fields(right);
    int kind = kind_of(a);
    if (kind != kind_of(b))
        return sign(kind > kind_of(b), kind < kind_of(b));
    switch (kind) {
    case CLO_BOOL: return sign(a->boolean > b->boolean, a->boolean < b->boolean);
    case CLO_INTEGER: {
        int order = clo_value_order(left, right);
        *nan = *nan || (!order && a->type == CLO_NUMBER && isnan(a->number));
        return order;
    }
    case CLO_TEXT:
    case CLO_BYTES: return order_bytes(a->text.data, a->text.length, b->text.data, b->text.length);
    case CLO_LIST: return compare_lists(a, b, nan);
    case CLO_MAP: return compare_maps(a, b, nan);
    default: return 0; /* null */
    }
}

static bool are_equal(const struct clo_value *left, const struct clo_value *right)
{
    bool nan = false;
    return compare(left, right, &nan) == 0 && !nan;
}

/* ---- members in order ---- */

/* A tree as `value` is, its maps' members sorted. It owns its lists and maps alone: texts and names
 * are the value's. CLO_ENOMEMORY; release() takes what there is of it. */
static int arrange(struct clo_value *copy, const struct clo_value *value);

static int arrange_list(struct clo_value_fields *copy, const struct clo_value_fields *value)
{
    copy->list.count = 0;
    copy->list.items = malloc((value->list.count + 1) * sizeof *copy->list.items);
    int status = copy->list.items ? 0 : CLO_ENOMEMORY;
    while (!status && copy->list.count < value->list.count) {
        size_t at = copy->list.count++;
        status = arrange(&copy->list.items[at], &value->list.items[at]);
    }
    return status;
}

static int by_name(const void *left, const void *right)
{
    return compare_names(left, right);
}

static int arrange_map(struct clo_value_fields *copy, const struct clo_value_fields *value)
{
    copy->map.count = 0;
    copy->map.members = malloc((value->map.count + 1) * sizeof *copy->map.members);
    int status = copy->map.members ? 0 : CLO_ENOMEMORY;
    while (!status && copy->map.count < value->map.count) {
        size_t at = copy->map.count++;
        copy->map.members[at] = value->map.members[at];
        status = arrange(&copy->map.members[at].value, &value->map.members[at].value);
    }
    if (!status)
        qsort(copy->map.members, copy->map.count, sizeof *copy->map.members, by_name);
    return status;
}

static int arrange(struct clo_value *copy, const struct clo_value *value)
{
    *copy = *value;
    switch (clo_value_type(value)) {
    case CLO_LIST: return arrange_list((struct clo_value_fields *)copy, clo_value_fields(value));
    case CLO_MAP: return arrange_map((struct clo_value_fields *)copy, clo_value_fields(value));
    default: return 0;
    }
}

static void release(struct clo_value *copy)
{
    const struct clo_value_fields *value = clo_value_fields(copy);
    if (value->type == CLO_LIST) {
        for (size_t i = 0; i < value->list.count; i++)
            release(&value->list.items[i]);
        free(value->list.items);
    } else if (value->type == CLO_MAP) {
        for (size_t i = 0; i < value->map.count; i++)
            release(&value->map.members[i].value);
        free(value->map.members);
    }
}

/* ---- equality ---- */

/* Values in a tree; counting ends beyond `most`. */
static size_t count_nodes(const struct clo_value *value, size_t most)
{
    const struct clo_value_fields *fields = clo_value_fields(value);
    size_t nodes = 1, count = clo_value_count(value);
    for (size_t i = 0; i < count && nodes <= most; i++)
        nodes += count_nodes(fields->type == CLO_LIST ? &fields->list.items[i]
                                                      : &fields->map.members[i].value,
                             most - nodes);
    return nodes;
}

/* Containers of one type that are not unlike at first sight. The list is the schema author's, the
 * value the guest's: what is done for an item is bounded by the item. */
static bool are_alike(const struct clo_value *item, const struct clo_value *value)
{
    size_t nodes = count_nodes(item, CLO_VALUE_NODES_MAX);
    return count_nodes(value, nodes) == nodes;
}

int clo_value_find(const struct clo_value *list, const struct clo_value *value, size_t *index)
{
    const struct clo_value_fields *items = clo_value_fields(list), *a = clo_value_fields(value);
    struct clo_value sorted, other;
    bool arranged = false; /* `sorted` is, which a list without containers does not need */
    int status = 0;
    size_t at = 0;
    for (bool found = false; at < items->list.count; at++) {
        const struct clo_value *item = &items->list.items[at];
        bool deep = is_container(a) && clo_value_type(item) == a->type;
        if (deep && !are_alike(item, value))
            continue;
        if (deep && !arranged) {
            status = arrange(&sorted, value);
            arranged = true;
        }
        if (deep && !status) {
            status = arrange(&other, item);
            found = !status && are_equal(&sorted, &other);
            release(&other);
        } else if (!deep) {
            found = are_equal(value, item);
        }
        if (status || found)
            break;
    }
    if (arranged)
        release(&sorted);
    *index = at;
    return status;
}

int clo_value_equal(const struct clo_value *left, const struct clo_value *right, bool *equal)
{
    struct clo_value list = {0};
    struct clo_value_fields one = {.type = CLO_LIST,
                                   .list = {.items = (struct clo_value *)right, .count = 1}};
    size_t index = 1;
    memcpy(&list, &one, sizeof list);
    int status = clo_value_find(&list, left, &index);
    *equal = !status && index == 0;
    return status;
}

struct entry {
    struct clo_value value;
    size_t index;
};

static int by_value(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    bool nan = false;
    int order = compare(&a->value, &b->value, &nan);
    return order ? order : sign(a->index > b->index, a->index < b->index);
}

int clo_value_find_repeated(const struct clo_value *list, size_t *index)
{
    size_t count = clo_value_count(list), ready = 0;
    struct entry *entries = malloc((count + 1) * sizeof *entries);
    int status = entries ? 0 : CLO_ENOMEMORY;
    *index = count;
    while (!status && ready < count) {
        entries[ready].index = ready;
        status = arrange(&entries[ready].value, clo_value_item(list, ready));
        ready++;
    }
    if (!status)
        qsort(entries, count, sizeof *entries, by_value);
    for (size_t i = 1; i < count && !status; i++)
        if (entries[i].index < *index && are_equal(&entries[i - 1].value, &entries[i].value))
            *index = entries[i].index;
    for (size_t i = 0; i < ready; i++)
        release(&entries[i].value);
    free(entries);
    return status;
}

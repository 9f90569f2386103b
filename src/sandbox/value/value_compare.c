/* value_compare.c - when two values are equal, and numbers by size (JSON Schema core, section 4.2.2). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/tool/schema_node.h"
#include "sandbox/value/value_json.h"

static bool is_number(const struct clo_value *value)
{
    return value->type == CLO_INTEGER || value->type == CLO_BIG_INTEGER ||
           value->type == CLO_NUMBER;
}

static int sign(int64_t difference)
{
    return difference < 0 ? -1 : difference > 0;
}

static int order_big(const struct clo_value *left, const struct clo_value *right)
{
    if (left->negative != right->negative)
        return left->negative ? -1 : 1;
    int order = sign((int64_t)left->text.length - (int64_t)right->text.length);
    if (!order)
        order = sign(memcmp(left->text.data, right->text.data, left->text.length));
    return left->negative ? -order : order;
}

/* An integer against a double, exactly: the double is cut to an integer first. */
static int order_mixed(int64_t integer, double number)
{
    if (isnan(number))
        return 1;
    if (number >= 0x1p63)
        return -1;
    if (number < -0x1p63)
        return 1;
    int64_t whole = (int64_t)number;
    if (integer != whole)
        return integer < whole ? -1 : 1;
    double rest = number - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

int clo_value_order(const struct clo_value *left, const struct clo_value *right)
{
    if (left->type == CLO_BIG_INTEGER && right->type == CLO_BIG_INTEGER)
        return order_big(left, right);
    if (left->type == CLO_INTEGER && right->type == CLO_INTEGER)
        return left->integer < right->integer ? -1 : left->integer > right->integer;
    if (left->type == CLO_INTEGER && right->type == CLO_NUMBER)
        return order_mixed(left->integer, right->number);
    if (left->type == CLO_NUMBER && right->type == CLO_INTEGER)
        return -order_mixed(right->integer, left->number);
    double a = 0, b = 0; /* a big integer is beyond every 64-bit one; a double is near enough */
    clo_value_number(left, &a);
    clo_value_number(right, &b);
    return a < b ? -1 : a == b ? 0 : 1;
}

static bool equal_lists(const struct clo_value *left, const struct clo_value *right)
{
    if (left->list.count != right->list.count)
        return false;
    for (size_t i = 0; i < left->list.count; i++) {
        if (!clo_value_equal(&left->list.items[i], &right->list.items[i]))
            return false;
    }
    return true;
}

static bool equal_maps(const struct clo_value *left, const struct clo_value *right)
{
    if (left->map.count != right->map.count)
        return false;
    for (size_t i = 0; i < left->map.count; i++) {
        const struct clo_member *member = &left->map.members[i];
        const struct clo_value *other = NULL;
        for (size_t j = 0; j < right->map.count && !other; j++) {
            const struct clo_member *candidate = &right->map.members[j];
            if (candidate->name_length == member->name_length &&
                memcmp(candidate->name, member->name, member->name_length) == 0)
                other = &candidate->value;
        }
        if (!other || !clo_value_equal(&member->value, other))
            return false;
    }
    return true;
}

bool clo_value_equal(const struct clo_value *left, const struct clo_value *right)
{
    if (is_number(left) && is_number(right)) {
        bool nan = (left->type == CLO_NUMBER && isnan(left->number)) ||
                   (right->type == CLO_NUMBER && isnan(right->number));
        return !nan && clo_value_order(left, right) == 0;
    }
    if (left->type != right->type)
        return false;
    switch (left->type) {
    case CLO_BOOL: return left->boolean == right->boolean;
    case CLO_TEXT:
    case CLO_BYTES:
        return left->text.length == right->text.length &&
               memcmp(left->text.data, right->text.data, left->text.length) == 0;
    case CLO_LIST: return equal_lists(left, right);
    case CLO_MAP: return equal_maps(left, right);
    default: return true; /* null */
    }
}

/* magnitude mod divisor, for divisor below 2^32 so that nothing overflows */
static uint64_t big_remainder(const struct clo_value *value, uint64_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < value->text.length; i++)
        rest = (rest << 8 | (uint8_t)value->text.data[i]) % divisor;
    return value->negative ? (rest + 1) % divisor : rest;
}

bool clo_value_is_multiple(const struct clo_value *value, const struct clo_value *of)
{
    if (value->type == CLO_INTEGER && of->type == CLO_INTEGER)
        return value->integer % of->integer == 0;
    if (value->type == CLO_BIG_INTEGER && of->type == CLO_INTEGER && of->integer <= UINT32_MAX)
        return big_remainder(value, (uint64_t)of->integer) == 0;
    double number, multiple;
    if (!clo_value_number(value, &number) || !clo_value_number(of, &multiple))
        return false;
    double quotient = number / multiple; /* 0.3 is a multiple of 0.1, whatever binary says */
    return isfinite(quotient) && fabs(quotient - round(quotient)) <= 1e-9 * fmax(1, fabs(quotient));
}

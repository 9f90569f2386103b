/* schema_check.c - apply a compiled schema to the arguments of a call.
 *
 * The value is the guest's: the number of subschemas applied and the depth of recursion (a $ref may
 * make circles) are bounded, and no check costs more than n log n.
 */
#include "sandbox/tool/schema_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/value.h"

#define RECURSION_MAX 512

static unsigned type_bits(const struct clo_value *value)
{
    switch (value->type) {
    case CLO_NULL: return CLO_SCHEMA_NULL;
    case CLO_BOOL: return CLO_SCHEMA_BOOLEAN;
    case CLO_INTEGER:
    case CLO_BIG_INTEGER: return CLO_SCHEMA_INTEGER | CLO_SCHEMA_NUMBER;
    case CLO_NUMBER: return CLO_SCHEMA_NUMBER;
    case CLO_TEXT: return CLO_SCHEMA_STRING;
    case CLO_BYTES: return 0; /* JSON has none: only a schema without a type takes them */
    case CLO_LIST: return CLO_SCHEMA_ARRAY;
    case CLO_MAP: return CLO_SCHEMA_OBJECT;
    }
    return 0;
}

/* 2.0 becomes 2, 1e30 the integer of that value. */
static int become_integer(struct clo_value *value)
{
    double number = value->number;
    bool negative = number < 0;
    int exponent;
    double fraction = frexp(negative ? -number : number, &exponent); /* number = fraction 2^exp */
    if (exponent <= 62) {
        clo_value_set_integer(value, (int64_t)number);
        return 0;
    }
    uint8_t bytes[136] = {0}; /* 1,024 bits and some room */
    uint64_t mantissa = (uint64_t)ldexp(fraction, 53);
    int shift = exponent - 53;
    unsigned __int128 chunk = (unsigned __int128)mantissa << (shift % 8);
    size_t at = sizeof bytes - (size_t)(shift / 8);
    for (; chunk; chunk >>= 8)
        bytes[--at] = (uint8_t)chunk;
    if (negative) { /* the magnitude of -n is n - 1 */
        for (size_t i = sizeof bytes; i-- > 0 && bytes[i]-- == 0;)
            ;
    }
    return clo_value_set_magnitude(value, negative, bytes, sizeof bytes);
}

static int check_type(struct clo_check *check, const struct clo_schema_node *node,
                      struct clo_value *value, const struct clo_check_place *place)
{
    if (!node->types || (node->types & type_bits(value)))
        return 0;
    bool integral = value->type == CLO_NUMBER && (node->types & CLO_SCHEMA_INTEGER) &&
                    isfinite(value->number) && value->number == rint(value->number);
    if (!integral)
        return clo_check_fail_type(check, place, node, value);
    return become_integer(value) ? clo_fail_memory(check->error) : 0;
}

static int check_choice(struct clo_check *check, const struct clo_schema_node *node,
                        const struct clo_value *value, const struct clo_check_place *place)
{
    if (node->constant && !clo_value_equal(value, node->constant)) {
        char wanted[CLO_VALUE_PREVIEW_MAX];
        clo_value_preview(wanted, node->constant);
        return clo_check_fail(check, place, value, "%s", wanted);
    }
    if (!node->allowed)
        return 0;
    for (size_t i = 0; i < node->allowed->list.count; i++) {
        if (clo_value_equal(value, &node->allowed->list.items[i]))
            return 0;
    }
    return clo_check_fail_enum(check, place, node, value);
}

static int check_bound(struct clo_check *check, const struct clo_value *value,
                       const struct clo_value *bound, const struct clo_check_place *place,
                       bool holds, const char *words)
{
    if (!bound || holds)
        return 0;
    char text[CLO_VALUE_PREVIEW_MAX];
    clo_value_preview(text, bound);
    return clo_check_fail(check, place, value, "%s %s", words, text);
}

static int check_number(struct clo_check *check, const struct clo_schema_node *node,
                        const struct clo_value *value, const struct clo_check_place *place)
{
    bool nan = value->type == CLO_NUMBER && isnan(value->number);
#define ORDER(bound) (node->bound && !nan ? clo_value_order(value, node->bound) : 0)
    int status =
        check_bound(check, value, node->minimum, place, !nan && ORDER(minimum) >= 0, "at least");
    if (!status)
        status =
            check_bound(check, value, node->maximum, place, !nan && ORDER(maximum) <= 0, "at most");
    if (!status)
        status =
            check_bound(check, value, node->above, place, !nan && ORDER(above) > 0, "greater than");
    if (!status)
        status =
            check_bound(check, value, node->below, place, !nan && ORDER(below) < 0, "less than");
#undef ORDER
    if (!status)
        status = check_bound(check, value, node->multiple, place,
                             !node->multiple || clo_value_is_multiple(value, node->multiple),
                             "a multiple of");
    return status;
}

static int check_text(struct clo_check *check, const struct clo_schema_node *node,
                      const struct clo_value *value, const struct clo_check_place *place)
{
    const char *data = value->text.data;
    size_t length = value->text.length;
    if (node->min_length || node->max_length) {
        int64_t count = (int64_t)clo_utf8_count((const uint8_t *)data, length);
        if (node->min_length && count < node->min_length->integer)
            return clo_check_fail(check, place, value, "at least %lld characters long, not %lld",
                                  (long long)node->min_length->integer, (long long)count);
        if (node->max_length && count > node->max_length->integer)
            return clo_check_fail(check, place, value, "at most %lld characters long, not %lld",
                                  (long long)node->max_length->integer, (long long)count);
    }
    if (!node->pattern)
        return 0;
    switch (clo_pattern_match(node->pattern, data, length)) {
    case CLO_PATTERN_MATCH: return 0;
    case CLO_PATTERN_NO_MATCH:
        return clo_check_fail(check, place, value, "a match for the pattern %.200s",
                              node->pattern_text);
    default:
        return clo_check_fail(check, place, value,
                              "shorter or simpler: matching it with the "
                              "pattern %.200s takes too long",
                              node->pattern_text);
    }
}

static int check_items(struct clo_check *check, const struct clo_schema_node *node,
                       struct clo_value *value, const struct clo_check_place *place)
{
    size_t count = value->list.count;
    if (node->min_items && count < (uint64_t)node->min_items->integer)
        return clo_check_fail(check, place, value, "a list of at least %lld items",
                              (long long)node->min_items->integer);
    if (node->max_items && count > (uint64_t)node->max_items->integer)
        return clo_check_fail(check, place, value, "a list of at most %lld items",
                              (long long)node->max_items->integer);
    for (size_t i = 0; i < count; i++) {
        const struct clo_schema_node *item =
            i < node->prefix.count ? node->prefix.nodes[i] : node->items;
        struct clo_check_place below = {.parent = place, .index = i};
        int status = item ? clo_check_node(check, item, &value->list.items[i], &below) : 0;
        if (status)
            return status;
    }
    if (!node->unique)
        return 0;
    size_t repeated = clo_value_first_repeated(value);
    if (repeated == (size_t)-1)
        return clo_fail(check->error, CLO_ENOMEMORY, "%s: a list is too large to be compared",
                        check->subject);
    if (repeated == count)
        return 0;
    return clo_check_fail(check, place, value,
                          "a list without repetitions, but item %zu is a "
                          "repetition",
                          repeated);
}

static const struct clo_schema_node *find_property(const struct clo_schema_node *node,
                                                   const struct clo_member *member)
{
    for (size_t i = 0; i < node->property_count; i++) {
        const struct clo_schema_property *property = &node->properties[i];
        if (property->name_length == member->name_length &&
            memcmp(property->name, member->name, member->name_length) == 0)
            return property->node;
    }
    return NULL;
}

static int check_members(struct clo_check *check, const struct clo_schema_node *node,
                         struct clo_value *value, const struct clo_check_place *place)
{
    for (size_t i = 0; node->required && i < node->required->list.count; i++) {
        if (!clo_value_get(value, node->required->list.items[i].text.data))
            return clo_check_fail_missing(check, place, node, value);
    }
    for (size_t i = 0; i < value->map.count; i++) {
        struct clo_member *member = &value->map.members[i];
        const struct clo_schema_node *below = find_property(node, member);
        if (!below)
            below = node->additional;
        if (!below)
            continue;
        if (below == node->additional && below->refuses_all)
            return clo_check_fail_unexpected(check, place, node, member);
        struct clo_check_place at = {.parent = place, .name = member->name};
        int status = clo_check_node(check, below, &member->value, &at);
        if (status)
            return status;
    }
    return 0;
}

/* How many of the group fit; the complaint of the first that does not is kept in `first`. */
static size_t count_fits(struct clo_check *check, const struct clo_schema_group *group,
                         struct clo_value *value, const struct clo_check_place *place,
                         struct clo_error *first)
{
    struct clo_error *outer = check->error;
    struct clo_error complaint = {0};
    size_t fits = 0;
    first->message[0] = '\0';
    for (size_t i = 0; i < group->count; i++) {
        check->error = first->message[0] ? &complaint : first;
        fits += clo_check_node(check, group->nodes[i], value, place) == 0;
    }
    check->error = outer;
    return fits;
}

/* All branches only name types: say the types together. */
static bool only_types(const struct clo_schema_group *group, struct clo_schema_node *joined)
{
    *joined = (struct clo_schema_node){0};
    for (size_t i = 0; i < group->count; i++) {
        const struct clo_schema_node *node = group->nodes[i];
        if (!node->types || node->allowed || node->constant || node->minimum || node->maximum ||
            node->pattern || node->properties || node->required || node->items || node->reference)
            return false;
        joined->types |= node->types;
    }
    return true;
}

static int check_alternatives(struct clo_check *check, const struct clo_schema_group *group,
                              bool exactly_one, struct clo_value *value,
                              const struct clo_check_place *place)
{
    if (!group->count)
        return 0;
    struct clo_error first;
    struct clo_schema_node joined;
    size_t fits = count_fits(check, group, value, place, &first);
    if (fits == 1 || (fits && !exactly_one))
        return 0;
    if (fits)
        return clo_check_fail(check, place, value, "one of %zu forms, but it fits %zu of them",
                              group->count, fits);
    if (only_types(group, &joined))
        return clo_check_fail_type(check, place, &joined, value);
    if (group->count == 1)
        return clo_fail(check->error, CLO_EINVALID, "%s", first.message);
    return clo_fail(check->error, CLO_EINVALID,
                    "%.600s (the first of %zu allowed forms; the "
                    "others do not fit either)",
                    first.message, group->count);
}

static int check_combined(struct clo_check *check, const struct clo_schema_node *node,
                          struct clo_value *value, const struct clo_check_place *place)
{
    int status = node->reference ? clo_check_node(check, node->reference, value, place) : 0;
    for (size_t i = 0; i < node->all.count && !status; i++)
        status = clo_check_node(check, node->all.nodes[i], value, place);
    if (!status)
        status = check_alternatives(check, &node->any, false, value, place);
    if (!status)
        status = check_alternatives(check, &node->one, true, value, place);
    if (status || !node->excluded)
        return status;
    struct clo_error ignored, *outer = check->error;
    check->error = &ignored;
    bool fits = clo_check_node(check, node->excluded, value, place) == 0;
    check->error = outer;
    return fits ? clo_check_fail(check, place, value, "of another form: this one is excluded") : 0;
}

static int check_content(struct clo_check *check, const struct clo_schema_node *node,
                         struct clo_value *value, const struct clo_check_place *place)
{
    switch (value->type) {
    case CLO_INTEGER:
    case CLO_BIG_INTEGER:
    case CLO_NUMBER: return check_number(check, node, value, place);
    case CLO_TEXT: return check_text(check, node, value, place);
    case CLO_LIST: return check_items(check, node, value, place);
    case CLO_MAP: return check_members(check, node, value, place);
    default: return 0;
    }
}

int clo_check_node(struct clo_check *check, const struct clo_schema_node *node,
                   struct clo_value *value, const struct clo_check_place *place)
{
    if (++check->steps > CLO_SCHEMA_STEPS_MAX || check->depth == RECURSION_MAX)
        return clo_fail(check->error, CLO_ELIMIT, "%s: the arguments are too large to be checked",
                        check->subject);
    if (node->refuses_all)
        return clo_check_fail(check, place, value, "absent: nothing is allowed here");
    check->depth++;
    int status = check_type(check, node, value, place);
    if (!status)
        status = check_choice(check, node, value, place);
    if (!status)
        status = check_content(check, node, value, place);
    if (!status)
        status = check_combined(check, node, value, place);
    check->depth--;
    return status;
}

int clo_schema_check(const struct clo_schema *schema, struct clo_value *arguments,
                     const char *subject, struct clo_error *error)
{
    struct clo_error own = {0};
    struct clo_check check = {.subject = subject, .error = error ? error : &own};
    return clo_check_node(&check, schema->nodes[0], arguments, &(struct clo_check_place){0});
}

/* schema_check.c - apply a compiled schema to the arguments of a call.
 *
 * The value is the guest's: the number of subschemas applied and the depth of recursion (a $ref may
 * make circles) are bounded, and no check costs more than n log n.
 *
 * null for an optional member whose schema refuses it counts as absent. Where that may save a call
 * that is refused otherwise, it is checked again with such nulls noted, these are taken out, and
 * what is left has to stand by itself.
 */
#include "sandbox/tool/schema_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/value/value_compare.h"
#include "sandbox/value/value_preview.h"

#define RECURSION_MAX 512

static unsigned type_bits(const struct clo_value *value)
{
    switch (clo_value_type(value)) {
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

/* 2.0 becomes 2, 1e30 the integer of that value. CLO_EINVALID: it has a fraction, or is no number.
 */
static int become_integer(struct clo_value *value)
{
    int64_t integer;
    double number;
    if (clo_value_integer(value, &integer)) {
        clo_value_set_integer(value, integer);
        return 0;
    }
    if (!clo_value_number(value, &number) || !isfinite(number) || number != rint(number))
        return CLO_EINVALID;
    bool negative;
    uint8_t magnitude[CLO_WHOLE_BYTES];
    clo_whole_magnitude(number, &negative, magnitude);
    return clo_value_set_magnitude(value, negative, magnitude, sizeof magnitude);
}

static int check_type(struct clo_check *check, const struct clo_schema_node *node,
                      struct clo_value *value, const struct clo_check_place *place)
{
    if (!node->types || (node->types & type_bits(value)))
        return 0;
    int status = node->types & CLO_SCHEMA_INTEGER ? become_integer(value) : CLO_EINVALID;
    if (status == CLO_ENOMEMORY)
        return clo_fail_memory(check->error);
    return status ? clo_check_fail_type(check, place, node, value) : 0;
}

static int check_choice(struct clo_check *check, const struct clo_schema_node *node,
                        const struct clo_value *value, const struct clo_check_place *place)
{
    bool equal = true;
    size_t index;
    if (node->constant && clo_value_equal(value, node->constant, &equal))
        return clo_fail_memory(check->error);
    if (!equal) {
        char wanted[CLO_VALUE_PREVIEW_MAX];
        clo_value_preview(wanted, node->constant);
        return clo_check_fail(check, place, value, "%s", wanted);
    }
    if (!node->allowed)
        return 0;
    if (clo_value_find(node->allowed, value, &index))
        return clo_fail_memory(check->error);
    if (index == clo_value_count(node->allowed))
        return clo_check_fail_enum(check, place, node, value);
    return 0;
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
    double number = 0;
    bool nan = clo_value_number(value, &number) && isnan(number);
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
    size_t length;
    const char *data = clo_value_text_n(value, &length);
    if (node->min_length || node->max_length != INT64_MAX) {
        int64_t count = (int64_t)clo_utf8_count((const uint8_t *)data, length);
        if (count < node->min_length)
            return clo_check_fail(check, place, value, "at least %lld characters long, not %lld",
                                  (long long)node->min_length, (long long)count);
        if (count > node->max_length)
            return clo_check_fail(check, place, value, "at most %lld characters long, not %lld",
                                  (long long)node->max_length, (long long)count);
    }
    if (!node->pattern)
        return 0;
    switch (clo_pattern_match(node->pattern, data, length)) {
    case CLO_PATTERN_MATCH: return 0;
    case CLO_PATTERN_NO_MATCH:
        return clo_check_fail(check, place, value, "a match for the pattern %.200s",
                              node->pattern_text);
    default:
        return clo_check_fail(
            check, place, value,
            "shorter or simpler: matching it with the pattern %.200s takes too long",
            node->pattern_text);
    }
}

static int check_items(struct clo_check *check, const struct clo_schema_node *node,
                       struct clo_value *value, const struct clo_check_place *place)
{
    struct clo_value *items = clo_value_fields(value)->list.items;
    size_t count = clo_value_count(value);
    if (count < (uint64_t)node->min_items)
        return clo_check_fail(check, place, value, "a list of at least %lld items",
                              (long long)node->min_items);
    if (count > (uint64_t)node->max_items)
        return clo_check_fail(check, place, value, "a list of at most %lld items",
                              (long long)node->max_items);
    for (size_t i = 0; i < count; i++) {
        const struct clo_schema_node *item =
            i < node->prefix.count ? node->prefix.nodes[i] : node->items;
        struct clo_check_place below = {.parent = place, .index = i};
        int status = item ? clo_check_node(check, item, &items[i], &below) : 0;
        if (status)
            return status;
    }
    if (!node->unique)
        return 0;
    size_t repeated;
    if (clo_value_find_repeated(value, &repeated))
        return clo_fail_memory(check->error);
    if (repeated == count)
        return 0;
    return clo_check_fail(check, place, value,
                          "a list without repetitions, but item %zu is a repetition", repeated);
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

static bool requires(const struct clo_schema_node *node, const struct clo_member *member)
{
    for (size_t i = 0; node->required && i < clo_value_count(node->required); i++) {
        size_t length;
        const char *name = clo_value_text_n(clo_value_item(node->required, i), &length);
        if (length == member->name_length && memcmp(name, member->name, length) == 0)
            return true;
    }
    return false;
}

static int note_absent(struct clo_check *check, struct clo_value *value)
{
    if (check->absent_count == check->absent_capacity) {
        size_t capacity = check->absent_capacity ? 2 * check->absent_capacity : 8;
        struct clo_value **absent = realloc(check->absent, capacity * sizeof *absent);
        if (!absent)
            return clo_fail_memory(check->error);
        check->absent = absent;
        check->absent_capacity = capacity;
    }
    check->absent[check->absent_count++] = value;
    return 0;
}

/* Python writes None for an argument that is not given. */
static int check_property(struct clo_check *check, const struct clo_schema_node *node,
                          const struct clo_schema_node *below, struct clo_member *member,
                          const struct clo_check_place *place)
{
    int status = clo_check_node(check, below, &member->value, place);
    if (status != CLO_EINVALID || clo_value_type(&member->value) != CLO_NULL ||
        requires(node, member))
        return status;
    check->null_refused = true;
    return check->lenient ? note_absent(check, &member->value) : status;
}

static int check_members(struct clo_check *check, const struct clo_schema_node *node,
                         struct clo_value *value, const struct clo_check_place *place)
{
    for (size_t i = 0; node->required && i < clo_value_count(node->required); i++) {
        size_t length;
        const char *name = clo_value_text_n(clo_value_item(node->required, i), &length);
        if (!clo_value_get_n(value, name, length))
            return clo_check_fail_missing(check, place, node, value);
    }
    for (size_t i = 0; i < clo_value_count(value); i++) {
        struct clo_member *member = &clo_value_fields(value)->map.members[i];
        const struct clo_schema_node *property = find_property(node, member);
        struct clo_check_place at = {.parent = place, .name = member->name};
        int status = 0;
        if (property)
            status = check_property(check, node, property, member, &at);
        else if (node->additional && node->additional->refuses_all)
            status = clo_check_fail_unexpected(check, place, node, member);
        else if (node->additional)
            status = clo_check_node(check, node->additional, &member->value, &at);
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
        size_t absent = check->absent_count;
        check->error = first->message[0] ? &complaint : first;
        if (clo_check_node(check, group->nodes[i], value, place) == 0)
            fits++;
        else
            check->absent_count = absent;
    }
    check->error = outer;
    return fits;
}

/* A branch that fits as it is goes before one that wants a null to be absent. */
static size_t count_fits_leniently(struct clo_check *check, const struct clo_schema_group *group,
                                   struct clo_value *value, const struct clo_check_place *place,
                                   struct clo_error *first)
{
    bool lenient = check->lenient;
    check->lenient = false;
    size_t fits = count_fits(check, group, value, place, first);
    check->lenient = lenient;
    return fits || !lenient ? fits : count_fits(check, group, value, place, first);
}

/* All branches only name types: say the types together. */
static bool only_types(const struct clo_schema_group *group, struct clo_schema_node *joined)
{
    *joined = (struct clo_schema_node){0};
    for (size_t i = 0; i < group->count; i++) {
        const struct clo_schema_node *node = group->nodes[i];
        if (!node->types || node->allowed || node->constant || node->minimum || node->maximum ||
            node->above || node->below || node->multiple || node->min_length ||
            node->max_length != INT64_MAX || node->min_items || node->max_items != INT64_MAX ||
            node->unique || node->pattern || node->properties || node->required ||
            node->additional || node->prefix.count || node->items || node->reference ||
            node->any.count || node->one.count || node->all.count || node->excluded)
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
    size_t fits = count_fits_leniently(check, group, value, place, &first);
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
                    "%.600s (the first of %zu allowed forms; the others do not fit either)",
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
    size_t absent = check->absent_count;
    check->error = &ignored;
    bool fits = clo_check_node(check, node->excluded, value, place) == 0;
    check->error = outer;
    check->absent_count = absent;
    return fits ? clo_check_fail(check, place, value, "of another form: this one is excluded") : 0;
}

static int check_content(struct clo_check *check, const struct clo_schema_node *node,
                         struct clo_value *value, const struct clo_check_place *place)
{
    switch (clo_value_type(value)) {
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

int clo_schema_check_as_it_is(const struct clo_schema *schema, struct clo_value *value,
                              const char *subject, struct clo_error *error)
{
    struct clo_error own = {0};
    struct clo_check check = {.subject = subject, .error = error ? error : &own};
    const struct clo_check_place root = {0};
    return clo_check_node(&check, schema->nodes[0], value, &root);
}

int clo_schema_check(const struct clo_schema *schema, struct clo_value *arguments,
                     const char *subject, struct clo_error *error)
{
    struct clo_error own = {0};
    struct clo_check check = {.subject = subject, .error = error ? error : &own};
    const struct clo_check_place root = {0};
    int status = clo_check_node(&check, schema->nodes[0], arguments, &root);
    if (status != CLO_EINVALID || !check.null_refused)
        return status;
    check.lenient = true;
    check.steps = 0;
    status = clo_check_node(&check, schema->nodes[0], arguments, &root);
    for (size_t i = 0; i < check.absent_count && !status; i++)
        clo_value_mark(check.absent[i]);
    free(check.absent);
    if (status)
        return status;
    clo_value_sweep(arguments);
    check.lenient = false;
    check.steps = 0;
    return clo_check_node(&check, schema->nodes[0], arguments, &root); /* as it is now */
}

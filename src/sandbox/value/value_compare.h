/* sandbox/value/value_compare.h - when two values are equal, and numbers by size.
 *
 * There is one equality, for enum, const and uniqueItems (JSON Schema core, section 4.2.2): numbers
 * are equal if they are the same number, whatever holds them (2, 2.0 and a big integer against a
 * double), and nothing is rounded for it. nan equals nothing, itself included; -0.0 is 0. true is
 * not 1, a text is no bytes. Lists are equal item by item, maps member by member, in whatever
 * order.
 *
 * The guest chooses the values: nothing here costs more than n log n.
 */
#ifndef CLO_SANDBOX_VALUE_VALUE_COMPARE_H
#define CLO_SANDBOX_VALUE_VALUE_COMPARE_H

#include "cloche/value.h"

/* Numbers by size: negative, 0, positive. Both must be numbers; nan stands behind all others. */
int clo_value_order(const struct clo_value *left, const struct clo_value *right);

/* CLO_ENOMEMORY: containers need some. */
int clo_value_equal(const struct clo_value *left, const struct clo_value *right, bool *equal);

/* *index of the first item of `list` that equals `value`, or the list's length. CLO_ENOMEMORY. */
int clo_value_find(const struct clo_value *list, const struct clo_value *value, size_t *index);

/* *index of the first item that equals an earlier one, or the list's length. CLO_ENOMEMORY. */
int clo_value_find_repeated(const struct clo_value *list, size_t *index);

/* Is there an integer n with value = n * of? `of` is a CLO_INTEGER or CLO_NUMBER above 0; the value
 * is a number. A number counts as what its author wrote: an integer, and a double without a
 * fraction, as exactly that integer; a double with a fraction as the shortest decimal that reads
 * back as it. So 0.07 is a multiple of 0.01 and 10000000001.0 is none of 2. nan and the infinities
 * are multiples of nothing. */
bool clo_value_is_multiple(const struct clo_value *value, const struct clo_value *of);

#endif

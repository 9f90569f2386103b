/* base/number.h - integers and doubles compared by what they are, without rounding either. */
#ifndef CLO_BASE_NUMBER_H
#define CLO_BASE_NUMBER_H

#include <stdint.h>

/* -1, 0 or 1, as `integer` is less than, equal to or greater than `number`, exactly: 2^53 + 1 is
 * greater than 0x1p53. nan stands behind all integers. */
int clo_integer_order(int64_t integer, double number);

#endif

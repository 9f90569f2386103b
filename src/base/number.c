/* number.c - an integer against a double: the double is cut to an integer first. */
#include "base/number.h"

#include <math.h>

int clo_integer_order(int64_t integer, double number)
{
    if (isnan(number) || number >= 0x1p63)
        return -1;
    if (number < -0x1p63)
        return 1;
    int64_t whole = (int64_t)number;
    if (integer != whole)
        return integer < whole ? -1 : 1;
    double rest = number - (double)whole; /* exact: what has a fraction is below 2^53 */
    return rest > 0 ? -1 : rest < 0;
}

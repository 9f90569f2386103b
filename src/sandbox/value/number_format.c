/* number_format.c - numbers as decimal text, whatever the program's locale says. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/value/value_json.h"

#define MAGNITUDE_MAX 1785 /* bytes: 10^4300 needs 14,285 bits */
#define CHUNK 1000000000u  /* nine decimal digits at a time */

static void use_point(char *text)
{
    for (char *at = text; *at; at++) {
        if (!strchr("0123456789+-e", *at)) {
            *at = '.';
            return;
        }
    }
}

static bool reads_back(const char *text, double number)
{
    return strtod(text, NULL) == number;
}

/* Below a power of two doubles are twice as dense: of 16 digits the nearest to it may belong to
 * another, and the next one, away from zero, to itself. */
static bool step_away(char *text, double number)
{
    snprintf(text, CLO_NUMBER_FORMAT_MAX, "%#.16g", number);
    size_t mantissa = strcspn(text, "e");
    char *last = text + mantissa - 1;
    if (!mantissa || *last < '0' || *last >= '9') /* with a carry, 15 digits would have done */
        return false;
    ++*last;
    return reads_back(text, number);
}

void clo_number_format(char text[CLO_NUMBER_FORMAT_MAX], double number)
{
    if (isnan(number) || isinf(number)) {
        snprintf(text, CLO_NUMBER_FORMAT_MAX, "%s",
                 isnan(number) ? "nan"
                 : number < 0  ? "-inf"
                               : "inf");
        return;
    }
    /* 15 digits always come back, and what fewer would do for ends in zeros that %g leaves out; a
     * subnormal has fewer to give */
    for (int digits = fabs(number) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, CLO_NUMBER_FORMAT_MAX, "%.*g", digits, number);
        if (reads_back(text, number) || (digits == 16 && step_away(text, number)))
            break;
    }
    use_point(text);
    if (!strpbrk(text, ".e")) /* 2 would read back as an integer */
        memcpy(text + strlen(text), ".0", sizeof ".0");
}

/* Divide the big-endian number in place; the remainder is returned, leading zeros are left. */
static uint32_t divide(uint8_t *bytes, size_t length, uint32_t by)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < length; i++) {
        rest = rest << 8 | bytes[i];
        bytes[i] = (uint8_t)(rest / by);
        rest %= by;
    }
    return (uint32_t)rest;
}

static void add_one(uint8_t *bytes, size_t length)
{
    for (size_t i = length; i-- > 0;) {
        if (++bytes[i])
            return;
    }
}

int clo_big_integer_text(struct clo_buffer *buffer, const struct clo_value *value)
{
    uint8_t bytes[MAGNITUDE_MAX + 1] = {0}; /* one more for the carry of -1 - magnitude */
    bool negative;
    size_t length;
    const uint8_t *magnitude = clo_value_magnitude(value, &negative, &length);
    if (length > MAGNITUDE_MAX)
        return CLO_ELIMIT;
    memcpy(bytes + 1, magnitude, length++);
    if (negative)
        add_one(bytes, length);

    char digits[CLO_JSON_DIGITS_MAX + 32];
    size_t at = sizeof digits;
    size_t first = 0;
    while (first < length) {
        uint32_t chunk = divide(bytes + first, length - first, CHUNK);
        while (first < length && !bytes[first])
            first++;
        for (int i = 0; i < 9 && (first < length || chunk); i++) {
            digits[--at] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
    }
    if (sizeof digits - at > CLO_JSON_DIGITS_MAX)
        return CLO_ELIMIT;
    if (negative)
        digits[--at] = '-';
    return clo_buffer_append(buffer, digits + at, sizeof digits - at);
}

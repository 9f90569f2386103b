/* value_multiple.c - multipleOf, exactly, in integers of 64 bits whatever the size of the value.
 *
 * A whole number is what it is; one with a fraction is digits * 10^-places, the shortest decimal
 * that reads back as the double. With that,
 *   whole / whole        divisor = odd * 2^twos: the value ends in so many zero bits, and odd
 *                        divides it. A double above 2^53 has at most 53 bits in `odd`.
 *   whole / fraction     digits divide value * 10^places
 *   fraction / fraction  the same, if the value has no more places (its digits do not end in 0)
 *   fraction / whole     never
 */
#include <math.h>
#include <stdlib.h>

#include "sandbox/value/value.h"
#include "sandbox/value/value_compare.h"
#include "sandbox/value/value_json.h"

struct decimal { /* digits * 10^-places; digits does not end in 0, places > 0 */
    uint64_t digits;
    unsigned places;
};

/* |number|, which has a fraction: at most 17 digits. */
static struct decimal read_decimal(double number)
{
    struct decimal decimal = {0};
    char text[CLO_NUMBER_FORMAT_MAX];
    int places = 0;
    bool fraction = false;
    clo_number_format(text, fabs(number));
    const char *at = text;
    for (; *at && *at != 'e'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        decimal.digits = decimal.digits * 10 + (uint64_t)(*at - '0');
        places += fraction;
    }
    if (*at)
        places -= atoi(at + 1);
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        places--;
    }
    decimal.places = (unsigned)places;
    return decimal;
}

static uint64_t times(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((unsigned __int128)a * b % modulus);
}

/* 10^exponent mod modulus */
static uint64_t power_of_ten(unsigned exponent, uint64_t modulus)
{
    uint64_t result = 1 % modulus, base = 10 % modulus;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = times(result, base, modulus);
        base = times(base, base, modulus);
    }
    return result;
}

/* A whole number: bytes + 1 if negative, else bytes. */
struct whole {
    bool negative;
    const uint8_t *data;
    size_t length;
};

static uint64_t remainder_of(const struct whole *value, uint64_t modulus)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < value->length; i++)
        rest = (uint64_t)(((unsigned __int128)rest << 8 | value->data[i]) % modulus);
    return value->negative ? (rest + 1) % modulus : rest;
}

/* Does it end in `count` zero bits? Of n + 1 that is: does n end in one bits? */
static bool ends_in_zeros(const struct whole *value, unsigned count)
{
    uint8_t zero = value->negative ? 0xff : 0;
    for (size_t i = value->length; i-- > 0 && count; count -= count < 8 ? count : 8) {
        uint8_t mask = (uint8_t)(count < 8 ? (1u << count) - 1 : 0xff);
        if ((value->data[i] ^ zero) & mask)
            return false;
    }
    return !count || !value->negative; /* before the first byte there are zeros */
}

static bool by_whole(const struct whole *value, double divisor_number, int64_t divisor_integer)
{
    int exponent = 0;
    uint64_t odd = (uint64_t)divisor_integer;
    if (divisor_number >= 0x1p53)
        odd = (uint64_t)ldexp(frexp(divisor_number, &exponent), 53);
    unsigned twos = (unsigned)__builtin_ctzll(odd);
    odd >>= twos;
    if (exponent)
        twos += (unsigned)(exponent - 53);
    return ends_in_zeros(value, twos) && remainder_of(value, odd) == 0;
}

static bool is_whole(const struct clo_value_fields *value)
{
    return value->type != CLO_NUMBER || value->number == rint(value->number);
}

/* `bytes` is room for what is not in the value as bytes already. */
static struct whole read_whole(const struct clo_value *value, uint8_t bytes[CLO_WHOLE_BYTES])
{
    struct whole whole = {.data = bytes, .length = CLO_WHOLE_BYTES};
    const struct clo_value_fields *fields = clo_value_fields(value);
    if (fields->type == CLO_BIG_INTEGER) {
        whole.data = clo_value_magnitude(value, &whole.negative, &whole.length);
    } else if (fields->type == CLO_NUMBER) {
        clo_whole_magnitude(fields->number, &whole.negative, bytes);
    } else {
        whole.negative = fields->integer < 0;
        uint64_t rest = (uint64_t)(whole.negative ? -1 - fields->integer : fields->integer);
        whole.length = 8;
        for (size_t i = 8; i-- > 0; rest >>= 8)
            bytes[i] = (uint8_t)rest;
    }
    return whole;
}

static bool by_fraction(const struct clo_value *value, const struct decimal *of)
{
    uint8_t bytes[CLO_WHOLE_BYTES];
    uint64_t rest;
    unsigned places = of->places;
    if (is_whole(clo_value_fields(value))) {
        struct whole whole = read_whole(value, bytes);
        rest = remainder_of(&whole, of->digits);
    } else {
        struct decimal decimal = read_decimal(clo_value_fields(value)->number);
        if (decimal.places > of->places)
            return false;
        rest = decimal.digits % of->digits;
        places -= decimal.places;
    }
    return times(rest, power_of_ten(places, of->digits), of->digits) == 0;
}

bool clo_value_is_multiple(const struct clo_value *value, const struct clo_value *of)
{
    const struct clo_value_fields *fields = clo_value_fields(value);
    const struct clo_value_fields *divisor = clo_value_fields(of);
    if (fields->type == CLO_NUMBER && !isfinite(fields->number))
        return false;
    if (!is_whole(divisor)) {
        struct decimal decimal = read_decimal(divisor->number);
        return by_fraction(value, &decimal);
    }
    if (!is_whole(fields))
        return false;
    uint8_t bytes[CLO_WHOLE_BYTES];
    struct whole whole = read_whole(value, bytes);
    int64_t integer = 0;
    clo_value_integer(of, &integer);
    return by_whole(&whole, divisor->type == CLO_NUMBER ? divisor->number : 0, integer);
}

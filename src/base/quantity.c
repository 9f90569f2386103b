/* quantity.c - sizes and durations to numbers and back, in integers only. */
#include "base/quantity.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#define FRACTION_DIGITS_MAX 9

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit sizes[] = {
    {"", 1},          {"b", 1},         {"kb", 1000},     {"mb", 1000000}, {"gb", 1000000000},
    {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"k", 1 << 10},  {"m", 1 << 20},
    {"g", 1 << 30},   {"bytes", 1},     {NULL, 0},
};

static const struct unit durations[] = {
    {"", 1000},   {"ms", 1},      {"s", 1000},    {"sec", 1000},
    {"m", 60000}, {"min", 60000}, {"h", 3600000}, {NULL, 0},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "12.5 MiB": whole 12, fraction 5 of 10, unit. False: no number, or more than 64 bits of it. */
static bool parse(const char *text, const struct unit *units, uint64_t *value)
{
    while (*text == ' ')
        text++;
    if (!is_digit(*text))
        return false;
    uint64_t whole = 0, fraction = 0, divisor = 1;
    for (; is_digit(*text); text++)
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
            return false;
    if (*text == '.') {
        if (!is_digit(*++text))
            return false;
        for (int digits = 0; is_digit(*text); text++, digits++) {
            if (digits == FRACTION_DIGITS_MAX)
                return false;
            fraction = fraction * 10 + (uint64_t)(*text - '0');
            divisor *= 10;
        }
    }
    while (*text == ' ')
        text++;
    for (; units->name; units++) {
        if (strcasecmp(units->name, text) != 0)
            continue;
        uint64_t part = fraction * units->factor / divisor; /* below 1e9 * 3.6e9: no overflow */
        return !__builtin_mul_overflow(whole, units->factor, value) &&
               !__builtin_add_overflow(*value, part, value);
    }
    return false;
}

int clo_size_parse(const char *text, uint64_t *bytes, struct clo_error *error)
{
    if (parse(text, sizes, bytes))
        return 0;
    return clo_fail(error, CLO_EINVALID, "\"%.64s\" is not a size; write e.g. 256MiB", text);
}

int clo_duration_parse(const char *text, uint64_t *milliseconds, struct clo_error *error)
{
    if (parse(text, durations, milliseconds))
        return 0;
    return clo_fail(error, CLO_EINVALID, "\"%.64s\" is not a duration; write e.g. 30s or 200ms",
                    text);
}

void clo_size_format(char text[CLO_QUANTITY_TEXT_MAX], uint64_t bytes)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB"};
    unsigned unit = 0;
    while (unit < 3 && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, CLO_QUANTITY_TEXT_MAX, "%llu %s", (unsigned long long)bytes, names[unit]);
}

void clo_duration_format(char text[CLO_QUANTITY_TEXT_MAX], uint64_t milliseconds)
{
    if (milliseconds % 1000)
        snprintf(text, CLO_QUANTITY_TEXT_MAX, "%llu ms", (unsigned long long)milliseconds);
    else
        snprintf(text, CLO_QUANTITY_TEXT_MAX, "%llu s", (unsigned long long)milliseconds / 1000);
}

/* instant.c - moments in text to nanoseconds, in integers only. */
#include "agent/instant.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

#define NS 1000000000u
#define YEAR_MAX 2261

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `digits` digits and then `end` (0: whatever follows). */
static bool take(const char **at, int digits, char end, unsigned *value)
{
    *value = 0;
    for (; digits; digits--, ++*at) {
        if (!is_digit(**at))
            return false;
        *value = *value * 10 + (unsigned)(**at - '0');
    }
    if (end && *(*at)++ != end)
        return false;
    return true;
}

static bool take_fraction(const char **at, unsigned *ns)
{
    *ns = 0;
    if (**at != '.')
        return true;
    unsigned unit = NS / 10;
    for (++*at; is_digit(**at); ++*at, unit /= 10) {
        if (!unit)
            return false;
        *ns += (unsigned)(**at - '0') * unit;
    }
    return (*at)[-1] != '.';
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970 to the first of that month. */
static unsigned days_before(unsigned year, unsigned month)
{
    static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    unsigned past = year - 1;
    unsigned leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    return (year - 1970) * 365 + leaps + before[month - 1] + (month > 2 && is_leap(year));
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* "Z" or "+02:00": seconds east of Greenwich. */
static bool take_zone(const char **at, int *offset)
{
    unsigned hours, minutes;
    char sign = *(*at)++;
    *offset = 0;
    if (sign == 'Z' || sign == 'z')
        return true;
    if ((sign != '+' && sign != '-') || !take(at, 2, ':', &hours) || !take(at, 2, 0, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset = (int)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

static bool take_date(const char *at, int64_t *seconds, unsigned *ns)
{
    unsigned year, month, day, hour, minute, second;
    int offset;
    if (!take(&at, 4, '-', &year) || !take(&at, 2, '-', &month) || !take(&at, 2, 0, &day) ||
        (*at != 'T' && *at != 't' && *at != ' '))
        return false;
    at++;
    if (!take(&at, 2, ':', &hour) || !take(&at, 2, ':', &minute) || !take(&at, 2, 0, &second) ||
        !take_fraction(&at, ns) || !take_zone(&at, &offset) || *at)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    *seconds = -1; /* out of the range */
    if (year >= 1970 && year <= YEAR_MAX + 1)
        *seconds = ((int64_t)days_before(year, month) + day - 1) * 86400 + hour * 3600 +
                   minute * 60 + second - offset;
    return true;
}

static bool take_number(const char *at, int64_t *seconds, unsigned *ns)
{
    uint64_t whole = 0;
    if (!is_digit(*at))
        return false;
    for (; is_digit(*at); at++) {
        whole = whole * 10 + (unsigned)(*at - '0');
        if (whole > INT64_MAX / 100)
            return false;
    }
    *seconds = (int64_t)whole;
    return take_fraction(&at, ns) && !*at;
}

int clo_instant_parse(const char *text, uint64_t *ns, struct clo_error *error)
{
    int64_t seconds = 0;
    unsigned part = 0;
    bool date = strlen(text) > 4 && text[4] == '-';
    bool good = date ? take_date(text, &seconds, &part) : take_number(text, &seconds, &part);
    int64_t end = (int64_t)days_before(YEAR_MAX + 1, 1) * 86400;
    if (!good)
        return clo_fail(
            error, CLO_EINVALID,
            "\"%.64s\" is not a moment; write e.g. 2026-11-30T08:00:00Z, or the seconds "
            "since 1970",
            text);
    if (seconds < 0 || seconds >= end)
        return clo_fail(error, CLO_EINVALID,
                        "\"%.64s\" is not in the years 1970 to 2261, from which a clock can start",
                        text);
    *ns = (uint64_t)seconds * NS + part;
    return 0;
}

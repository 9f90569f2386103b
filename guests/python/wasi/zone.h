/* zone.h - where the C library learns what local time is (zone.c). */
#ifndef CLO_PYTHON_ZONE_H
#define CLO_PYTHON_ZONE_H

#include <stddef.h>

struct clo_zone_time {
    int is_dst;       /* 1: daylight saving time */
    int offset;       /* seconds east of Greenwich */
    int opposite;     /* of the other kind of time, for a mktime that asks for it */
    const char *name; /* "CET"; kept for good */
};

/* `seconds` since 1970; `local`: they count what a clock on the wall shows. 0, or -1: take UTC. */
typedef int (*clo_zone_function)(long long seconds, int local, struct clo_zone_time *time);

extern clo_zone_function clo_zone; /* NULL: UTC */

#endif

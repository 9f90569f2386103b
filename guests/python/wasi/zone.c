/* zone.c - local time: localtime_r, localtime and mktime of the C library, and so those of CPython
 * and SQLite, ask here for the offset of a time. The library's own answer is UTC.
 *
 * The function takes the place of the C library's (wasm.sh, --wrap).
 */
#include "zone.h"

clo_zone_function clo_zone;

void __real___secs_to_zone(long long seconds, int local, int *is_dst, int *offset, long *opposite,
                           const char **name);

void __wrap___secs_to_zone(long long seconds, int local, int *is_dst, int *offset, long *opposite,
                           const char **name)
{
    struct clo_zone_time time;

    if (clo_zone == NULL || clo_zone(seconds, local, &time) < 0) {
        __real___secs_to_zone(seconds, local, is_dst, offset, opposite, name);
        return;
    }
    *is_dst = time.is_dst;
    *offset = time.offset;
    if (opposite != NULL) {
        *opposite = time.opposite;
    }
    *name = time.name;
}

/* base/quantity.h - sizes and durations as people write them: "256MiB", "1MB", "200ms", "2m".
 *
 * A plain number is bytes, or seconds. A fraction is allowed ("1.5GiB", "0.5s") and rounded down to
 * whole bytes or milliseconds. Units are read without regard to case: B, kB, MB, GB count in
 * thousands; KiB, MiB, GiB and the bare letters K, M, G in 1024; ms, s, m or min, h. The error
 * messages quote the value and give an example; they do not say where it came from.
 */
#ifndef CLO_BASE_QUANTITY_H
#define CLO_BASE_QUANTITY_H

#include <stdint.h>

#include "cloche/error.h"

#define CLO_QUANTITY_TEXT_MAX 32

int clo_size_parse(const char *text, uint64_t *bytes, struct clo_error *error);
int clo_duration_parse(const char *text, uint64_t *milliseconds, struct clo_error *error);

/* For people: "256 MiB", "1000 bytes"; "30 s", "200 ms". */
void clo_size_format(char text[CLO_QUANTITY_TEXT_MAX], uint64_t bytes);
void clo_duration_format(char text[CLO_QUANTITY_TEXT_MAX], uint64_t milliseconds);

#endif

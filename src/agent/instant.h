/* agent/instant.h - moments as people write them: "2026-11-30T08:00:00Z" (RFC 3339), "1796025600.5". */
#ifndef CLO_AGENT_INSTANT_H
#define CLO_AGENT_INSTANT_H

#include <stdint.h>

#include "cloche/error.h"

/* Nanoseconds since 1970; a fraction may have nine digits. CLO_EINVALID quotes the value and gives an
 * example: also what is before 1970 or after 2261. */
int clo_instant_parse(const char *text, uint64_t *ns, struct clo_error *error);

#endif

/* sandbox/run/limits.h - the limits of a run: defaults, ranges, names and words. */
#ifndef CLO_SANDBOX_RUN_LIMITS_H
#define CLO_SANDBOX_RUN_LIMITS_H

#include "abi/layout.h"
#include "cloche/sandbox.h"

#define CLO_WALL_MS_MAX (24ull * 3600 * 1000)
#define CLO_MEMORY_MIN (48ull << 20) /* the Python image takes 34 MiB of it before a run begins */
#define CLO_MEMORY_MAX (4ull << 30)
#define CLO_MEMORY_UNIT (2ull << 20)
#define CLO_OUTPUT_MAX (256ull << 20)
#define CLO_HOST_CALLS_MAX 1000000000ull
#define CLO_HOST_CALL_BYTES_MAX CLO_MESSAGE_MAX

#define CLO_TOOL_MS_APART 600000u /* of tool_ms, where it is only said that it counts apart */

#define CLO_ARTIFACT_FILE_BYTES_MAX (8ull << 30)
#define CLO_ARTIFACT_TOTAL_BYTES_MAX (256ull << 30)
#define CLO_ARTIFACT_FILES_MAX 16384u
/* Of all files, those that are open without a name too, each as long as it may be: the smallest of the
 * file systems' files end there (ext4 with blocks of 1 KiB: 4 TiB). */
#define CLO_ARTIFACT_SPAN_MAX (1ull << 42)

#define CLO_LIMIT_COUNT (CLO_LIMIT_TOTAL_MEMORY + 1)
#define CLO_LIMIT_FIELDS (CLO_LIMIT_ARTIFACT_FILES + 1) /* those of struct clo_limits */

/* Fill what `wanted` leaves 0 from `fallback` (NULL: the library's defaults) and check the ranges.
 * Memory is rounded up to 2 MiB. CLO_EINVALID names the limit and its range. */
int clo_limits_resolve(struct clo_limits *limits, const struct clo_limits *wanted,
                       const struct clo_limits *fallback, struct clo_error *error);

const char *clo_limit_type(enum clo_limit limit); /* "TimeLimitExceeded" */
uint64_t clo_limit_value(const struct clo_limits *limits, enum clo_limit limit); /* 0: no field */
int clo_limit_exit_code(enum clo_limit limit);

/* "wall time limit of 200 ms reached" */
#define CLO_LIMIT_TEXT_MAX 96
void clo_limit_text(char text[CLO_LIMIT_TEXT_MAX], enum clo_limit limit, uint64_t value);

#endif

/* agent/fixed_text.h - what is fixed of a run (struct clo_fixed) as people write it. */
#ifndef CLO_AGENT_FIXED_TEXT_H
#define CLO_AGENT_FIXED_TEXT_H

#include "cloche/sandbox.h"

#define CLO_SEED_MAX INT64_MAX /* in text, so that every JSON and YAML reader has it as it is */

/* Each takes one of them into *fixed; CLO_EINVALID quotes the value and says what would be right. */
int clo_fixed_take_seed(struct clo_fixed *fixed, const char *text, struct clo_error *error);
int clo_fixed_take_clock(struct clo_fixed *fixed, const char *text, struct clo_error *error);
/* The text is kept by the caller. Whether there is such a zone shows in a run. */
int clo_fixed_take_timezone(struct clo_fixed *fixed, const char *text, struct clo_error *error);

#endif

/* cli/artifacts.h - `cloche run --artifacts DIR`: what the code left in /output, copied to the user. */
#ifndef CLO_CLI_ARTIFACTS_H
#define CLO_CLI_ARTIFACTS_H

#include "cloche/sandbox.h"

/* Have the folder, made where it is not there. A descriptor, or -1 with *error. */
int clo_artifacts_open(const char *folder, struct clo_error *error);

/* Copy all that the run has changed below it. What is there already is not written over, no link is followed, and each
 * that cannot be kept is told on stderr. How many were not. */
size_t clo_artifacts_keep(const struct clo_run_result *result, int folder);

/* On stderr: that there are some, and nobody keeps them. */
void clo_artifacts_mention(const struct clo_run_result *result);

#endif

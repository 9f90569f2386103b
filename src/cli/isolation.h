/* cli/isolation.h - the option --isolation, and what the environment says beside it. */
#ifndef CLO_CLI_ISOLATION_H
#define CLO_CLI_ISOLATION_H

#include "sandbox/isolation.h"

/* The option's value. CLI_USAGE, and said so on stderr: it is no isolation. */
int clo_cli_isolation_option(const char *command, const char *word, enum clo_isolation *isolation);

/* The choice of a command that reads no agent.yaml. `word` is the option's value, NULL if it was not
 * given. CLI_USAGE, and said so on stderr: that or the environment's is no isolation. */
int clo_cli_isolation(const char *command, const char *word, struct clo_isolation_choice *choice);

#endif

/* cli/isolation.h - the options --isolation, with what the environment says beside it, and --jail. */
#ifndef CLO_CLI_ISOLATION_H
#define CLO_CLI_ISOLATION_H

#include "cloche/sandbox.h"
#include "sandbox/isolation.h"

/* The option's value. CLI_USAGE, and said so on stderr: it is no isolation. */
int clo_cli_isolation_option(const char *command, const char *word, enum clo_isolation *isolation);

/* The choice of a command that reads no agent.yaml. `word` is the option's value, NULL if it was not
 * given. CLI_USAGE, and said so on stderr: that or the environment's is no isolation. */
int clo_cli_isolation(const char *command, const char *word, struct clo_isolation_choice *choice);

/* The value of --jail; NULL: *jail stays. CLI_USAGE, and said so on stderr: it is no level. */
int clo_cli_jail(const char *command, const char *word, enum clo_jail *jail);

#endif

/* isolation.c - the options --isolation, with what the environment says beside it, and --jail. */
#include "cli/isolation.h"

#include <string.h>

#include "cli/cli.h"

#define OPTION "--isolation"

int clo_cli_isolation_option(const char *command, const char *word, enum clo_isolation *isolation)
{
    struct clo_error error;
    return clo_isolation_read(isolation, OPTION " ", word, &error)
               ? clo_cli_usage(command, "%s", error.message)
               : CLI_OK;
}

int clo_cli_isolation(const char *command, const char *word, struct clo_isolation_choice *choice)
{
    struct clo_error error;
    *choice = (struct clo_isolation_choice){.isolation = CLO_ISOLATION_MICROVM};
    if (clo_isolation_environment(choice, &error)) /* wrong is wrong, also where it is not asked */
        return clo_cli_usage(command, "%s", error.message);
    if (!word)
        return CLI_OK;
    choice->by = OPTION;
    return clo_cli_isolation_option(command, word, &choice->isolation);
}

int clo_cli_jail(const char *command, const char *word, enum clo_jail *jail)
{
    if (!word)
        return CLI_OK;
    if (strcmp(word, "best") != 0 && strcmp(word, "strict") != 0)
        return clo_cli_usage(command, "--jail \"%s\" is neither best nor strict", word);
    *jail = strcmp(word, "strict") == 0 ? CLO_JAIL_STRICT : CLO_JAIL_BEST;
    return CLI_OK;
}

/* cli/cli.h - the commands of the program `cloche`.
 *
 * Each command is a function in a file of its own that gets its own argc and argv (argv[0] is the
 * command's name) and returns the process's exit status. Only this folder prints to the terminal
 * or exits. Exit statuses: 0 well, 1 failed, 2 wrong usage; `run` exits as the code does.
 */
#ifndef CLO_CLI_CLI_H
#define CLO_CLI_CLI_H

#include "cloche/error.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int clo_cli_run(int argc, char **argv);
int clo_cli_serve(int argc, char **argv);
int clo_cli_init(int argc, char **argv);
int clo_cli_check(int argc, char **argv);
int clo_cli_image(int argc, char **argv);
int clo_cli_doctor(int argc, char **argv);
int clo_cli_health(int argc, char **argv);

/* If this process is root and $CLOCHE_USER names a user: open /dev/kvm, if that can be, and become
 * that user for good. Not being allowed to is said on stderr. CLI_OK or CLI_USAGE. */
int clo_cli_become_user(void);

/* Print "cloche: message" and the hint on stderr; returns CLI_FAILED. */
int clo_cli_fail(const struct clo_error *error);

/* Print "cloche COMMAND: message" and where the help is; returns CLI_USAGE. */
int clo_cli_usage(const char *command, const char *format, ...) CLO_PRINTF(2, 3);

#endif

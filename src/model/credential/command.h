/* model/credential/command.h - running a program for what it prints: without a shell, in a process
 * group of its own that is killed at the deadline, its output bounded. */
#ifndef CLO_MODEL_CREDENTIAL_COMMAND_H
#define CLO_MODEL_CREDENTIAL_COMMAND_H

#include <limits.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "cloche/cancel.h"
#include "cloche/error.h"

/* "FOLDER/NAME" of the first folder of $PATH that has an executable file of that name. Folders that
 * are no absolute paths are passed over: what the working folder holds is not ours to run. */
bool clo_command_find(char path[PATH_MAX], const char *name);

/* Run path with arguments (arguments[0] is its name, NULL ends them) in /, with this process's
 * environment and nothing to read. What it prints is appended to `out` and `err`, of which the
 * first may not overflow its ceiling and the second is cut. 0: *exit_status is its exit status, 128
 * + signal if one ended it. CLO_EMODEL: it could not be started, ran out of time, or printed too
 * much; CLO_ECANCELLED, CLO_ENOMEMORY. Any thread. */
int clo_command_run(const char *path, char *const arguments[], unsigned timeout_ms,
                    const struct clo_cancel *cancel, struct clo_buffer *out, struct clo_buffer *err,
                    int *exit_status, struct clo_error *error);

#endif

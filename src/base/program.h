/* base/program.h - where the file of this process's program lies. */
#ifndef CLO_BASE_PROGRAM_H
#define CLO_BASE_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* "FOLDER/NAME", FOLDER being the program's, as /proc says, or where that is missing by the path that
 * the kernel was given. False: it is not known, or too long. */
bool clo_program_beside(char path[PATH_MAX], const char *name);

#endif

/* program.c - finding what lies beside the program. */
#include "base/program.h"

#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/* By /proc, or where that is missing by the path that the kernel was given. */
static bool find_program(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    const char *given = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    if (length < 0 && given)
        return realpath(given, path); /* it may have been started through a link */
    path[length < 0 ? 0 : length] = '\0';
    return length > 0;
}

bool clo_program_beside(char path[PATH_MAX], const char *name)
{
    char program[PATH_MAX];
    return find_program(program) &&
           snprintf(path, PATH_MAX, "%s/%s", dirname(program), name) < PATH_MAX;
}

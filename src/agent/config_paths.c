/* config_paths.c - paths in a configuration file are seen from where the file stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/internal.h"
#include "base/program.h"

char *clo_path_beside(const char *base, const char *path)
{
    const char *slash = strrchr(base, '/');
    char *joined = NULL;
    if (*path == '/')
        return strdup(path);
    int length = slash ? asprintf(&joined, "%.*s/%s", (int)(slash - base), base, path)
                       : asprintf(&joined, "./%s", path);
    return length < 0 ? NULL : joined;
}

bool clo_library_of_program(char path[PATH_MAX], const char *name)
{
    static const char *const folders[] = {"examples", /* in a build */
                                          "../share/cloche/examples/hyperlight-codeact"};
    char place[PATH_MAX];
    if (!*name || strchr(name, '/'))
        return false;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (snprintf(place, sizeof place, "%s/%s", folders[i], name) < PATH_MAX &&
            clo_program_beside(path, place) && access(path, R_OK) == 0)
            return true;
    return false;
}

char *clo_library_beside(const char *base, const char *name)
{
    char path[PATH_MAX];
    char *beside = clo_path_beside(base, name);
    if (!beside || access(beside, F_OK) == 0 || !clo_library_of_program(path, name))
        return beside;
    free(beside);
    return strdup(path);
}

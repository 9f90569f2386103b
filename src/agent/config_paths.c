/* config_paths.c - paths in a configuration file are seen from where the file stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"

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

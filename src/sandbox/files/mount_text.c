/* mount_text.c - a mount as people write it. */
#include "sandbox/files/mount_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Cut `suffix` off; false: it does not end so. */
static bool cut(char *text, const char *suffix)
{
    size_t length = strlen(text), size = strlen(suffix);
    if (length <= size || strcmp(text + length - size, suffix) != 0)
        return false;
    text[length - size] = '\0';
    return true;
}

int clo_mount_parse(const char *given, struct clo_mount *mount, char **text,
                    struct clo_error *error)
{
    char *place = NULL;
    *mount = (struct clo_mount){0};
    *text = strdup(given);
    if (!*text)
        return clo_fail_memory(error);
    for (char *at = *text; (at = strstr(at, ":/")); at++)
        place = at;
    int status = 0;
    if (place && cut(place + 1, ":rw"))
        status = clo_fail(error, CLO_EINVALID,
                          "\"%s\": what is mounted cannot be written; leave \":rw\" out", given);
    else if (place)
        cut(place + 1, ":ro");
    if (!status && (!**text || place == *text))
        status = clo_fail(error, CLO_EINVALID,
                          "\"%s\" names no folder or file of this machine: write SOURCE or "
                          "SOURCE:/input/NAME",
                          given);
    if (status) {
        free(*text);
        *text = NULL;
        return status;
    }
    if (place)
        *place = '\0';
    *mount = (struct clo_mount){.source = *text, .target = place ? place + 1 : NULL};
    return 0;
}

/* sandbox/files/mount_text.h - a mount as one text: SOURCE or SOURCE:PLACE. */
#ifndef CLO_SANDBOX_FILES_MOUNT_TEXT_H
#define CLO_SANDBOX_FILES_MOUNT_TEXT_H

#include "cloche/sandbox.h"

/* PLACE begins with '/' after the last ":/"; ":ro" behind it says what holds anyway. What the mount
 * points to is in *text, which the caller frees. Errors: CLO_EINVALID (empty, or ":rw"), CLO_ENOMEMORY.
 * Whether it can be mounted is not looked at. */
int clo_mount_parse(const char *given, struct clo_mount *mount, char **text,
                    struct clo_error *error);

#endif

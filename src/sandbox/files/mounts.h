/* sandbox/files/mounts.h - the mounts of a configuration or a run, checked and opened. */
#ifndef CLO_SANDBOX_FILES_MOUNTS_H
#define CLO_SANDBOX_FILES_MOUNTS_H

#include <stdbool.h>

#include "cloche/sandbox.h"

struct clo_mounted {
    int root;      /* O_PATH: the folder itself; of a file that in which it is */
    char *name;    /* of a file, in `root`; NULL: a folder */
    char *place;   /* in the guest: "/input", "/input/…", without "." , ".." and a last slash */
    bool shares;   /* `root` is that of another one in the same list */
    bool borrowed; /* all of it is another's, who outlives this */
};

struct clo_mounts {
    size_t count;
    struct clo_mounted *all; /* those that lie in another one come after it */
};

/* Errors: CLO_EINVALID (a place that cannot be), CLO_ENOTFOUND, CLO_ESYSTEM (it cannot be opened),
 * CLO_ENOMEMORY. */
int clo_mounts_open(struct clo_mounts **mounts, const struct clo_mount *wanted, size_t count,
                    struct clo_error *error);
void clo_mounts_close(struct clo_mounts *mounts);

/* Those of `base`, which outlives *mounts, and the wanted ones: where a place is in both, the wanted
 * one. Errors: as above. */
int clo_mounts_add(struct clo_mounts **mounts, const struct clo_mounts *base,
                   const struct clo_mount *wanted, size_t count, struct clo_error *error);

#endif

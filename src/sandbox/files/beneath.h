/* sandbox/files/beneath.h - opening what a path names below a folder, and nothing else. */
#ifndef CLO_SANDBOX_FILES_BENEATH_H
#define CLO_SANDBOX_FILES_BENEATH_H

#include <stdbool.h>
#include <stddef.h>

/* openat(2) of `path` below the folder `root` (any descriptor of it), "" being the folder itself.
 * Links are not followed: one on the way, or at the end unless flags have O_PATH | O_NOFOLLOW, is
 * ELOOP. `path` has no empty name, "." or ".." (clo_beneath_valid). A descriptor, or -1 with errno. */
int clo_beneath_open(int root, const char *path, int flags);

/* Where the kernel has no openat2 (before Linux 5.6, and in some containers): name by name. The same
 * but for a link on the way, which is ENOTDIR. */
int clo_beneath_walk(int root, const char *path, int flags);

/* Is it a path as clo_beneath_open takes it? `length` bytes, without NUL. */
bool clo_beneath_valid(const char *path, size_t length);

#endif

/* sandbox/files/files.h - mounted folders: what is mounted, and looking there. Read this first.
 *
 *   struct clo_mount ─▶ mounts.c   checked and opened once for a configuration, or for a run
 *                          │
 *   CLO_CALL_FILE ────▶ files.c    of one run: its handles, the messages (abi/files.h)
 *                        │   └───▶ ../artifacts   /output, where the code writes
 *                     looks.c      what is mounted
 *                        │
 *                     beneath.c    from a mount's root and a path to a descriptor
 *
 * What is always true
 * - Paths are resolved here and nowhere else, below the descriptor of a mount's root. No link is
 *   followed, whatever kind it is; ".." is refused; what is renamed meanwhile makes no difference.
 * - Only folders and regular files are opened, for reading: what else has a name is told by STAT and
 *   LIST, and never opened, which for a device or a pipe would be an effect.
 * - Nothing is kept of what was seen: each call looks anew.
 * - A struct clo_mounts does not change once made, and may be used by several threads. A struct
 *   clo_files belongs to one run at a time, on the run's thread.
 * - The guest chooses paths, handles and lengths: each has a ceiling (abi/files.h).
 */
#ifndef CLO_SANDBOX_FILES_FILES_H
#define CLO_SANDBOX_FILES_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "sandbox/artifacts/artifact_tree.h"
#include "sandbox/files/mounts.h"

struct clo_files;

int clo_files_create(struct clo_files **files, struct clo_error *error); /* CLO_ENOMEMORY */
void clo_files_free(struct clo_files *files);

/* A run begins, which sees `mounts` and has `tree` as its /output (NULL: none); they stay until its
 * end. */
void clo_files_begin(struct clo_files *files, const struct clo_mounts *mounts,
                     struct clo_artifact_tree *tree);
void clo_files_end(struct clo_files *files); /* closes all handles */

/* A handle of a run that is suspended. */
struct clo_file_kept {
    uint32_t number;
    uint32_t flags; /* CLO_KEPT_* */
    uint64_t node;  /* its inode in /output */
    uint64_t after; /* of a folder that is being listed: how many names have been told */
};
#define CLO_KEPT_WRITABLE 1u
#define CLO_KEPT_FOLDER 2u

/* Those of named files and folders of /output, at most CLO_FILES_OPEN_MAX; others are stale when the
 * run goes on. *given: the last number. Returns how many. */
size_t clo_files_keep(const struct clo_files *files, struct clo_file_kept *kept, uint32_t *given);
/* When the run has begun again; what is not there any more is stale. Hostile input: CLO_EINVALID. */
int clo_files_reopen(struct clo_files *files, const struct clo_file_kept *kept, size_t count,
                     uint32_t given, struct clo_error *error);

/* Answer a message of CLO_CALL_FILE: the reply is appended to `reply`. *descriptor: of the file that
 * was opened, still owned here, where there is more of it to read; else -1. CLO_EGUEST: the message
 * is not well-formed; CLO_ENOMEMORY. */
int clo_files_answer(struct clo_files *files, const uint8_t *message, size_t length,
                     struct clo_buffer *reply, int *descriptor, struct clo_error *error);

#endif

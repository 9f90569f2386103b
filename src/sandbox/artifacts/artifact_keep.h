/* sandbox/artifacts/artifact_keep.h - /output of a session as a stream of bytes, and back: for
 * snapshots.
 *
 *   FOLDER, FILE  number, path; a folder before what is in it, siblings in their order
 *   DATA          of the file before it: offset, up to 64 KiB; what is nowhere is zero, up to its
 *   size TIMES         of each of them and the root, after all of those
 *   END           the last number that was given
 *
 * What comes in passes the checks that a run's own writes pass, and the limits that the tree has.
 */
#ifndef CLO_SANDBOX_ARTIFACTS_ARTIFACT_KEEP_H
#define CLO_SANDBOX_ARTIFACTS_ARTIFACT_KEEP_H

#include "sandbox/artifacts/artifact_tree.h"

typedef int (*clo_keep_put)(void *context, const void *bytes, size_t length,
                            struct clo_error *error);
/* Fill all of `bytes`. */
typedef int (*clo_keep_get)(void *context, void *bytes, size_t length, struct clo_error *error);

int clo_artifact_keep(struct clo_artifact_tree *tree, clo_keep_put put, void *context,
                      struct clo_error *error);
/* Into an empty tree that a run or the caller has begun. On failure a part is in it. Errors:
 * CLO_EINVALID, CLO_ELIMIT (it does not fit its limits), CLO_ENOMEMORY, CLO_ESYSTEM, what `get`
 * returned. */
int clo_artifact_bring(struct clo_artifact_tree *tree, clo_keep_get get, void *context,
                       struct clo_error *error);

#endif

/* sandbox/artifacts/artifacts.h - what code leaves in /output. Read this first.
 *
 *   CLO_CALL_FILE ─▶ files/files.c ─▶ artifact_calls.c  the requests that change something, and looks
 *                                          │            at /output (abi/files.h)
 *                                     artifact_tree.h   names, sizes, times, quotas; in memory
 *                                          │
 *                                        spool.c        contents: one unlinked file of the host
 *   end of the run ─▶ artifacts.c     the tree's files become struct clo_artifact of the result, which
 *                                     holds the spool until it is freed
 *
 * What is always true
 * - No path or name of the code's is ever one of the host's: names are bytes in a tree in memory, and
 *   all contents lie in one file that has no name.
 * - A write is in the spool before the code goes on: whatever ends the run, what was written is there.
 * - Quotas are counted before anything is written, by logical size: a hole counts as what it stands for.
 *   Names, folders and the depth of the tree have ceilings too (artifact_tree.h).
 * - A run that writes nothing has no spool. One that does has one descriptor, and so has its result.
 * - A tree belongs to one run at a time, on the run's thread. A spool is shared by a tree and results:
 *   while a result has it, nothing in it changes.
 */
#ifndef CLO_SANDBOX_ARTIFACTS_ARTIFACTS_H
#define CLO_SANDBOX_ARTIFACTS_ARTIFACTS_H

#include "cloche/sandbox.h"
#include "sandbox/artifacts/artifact_tree.h"

/* Take what is in the tree into *result, sorted by path. Its processor time is added to the usage.
 * Errors: CLO_ENOMEMORY, CLO_ESYSTEM (the spool cannot be read). */
int clo_artifacts_collect(struct clo_artifact_tree *tree, struct clo_run_result *result,
                          struct clo_error *error);

void clo_artifacts_free(struct clo_run_result *result);

#endif

/* sandbox/files/ahead.h - what a run will look at next, told before it asks.
 *
 * A run that looks at one name of a folder after the other, as the folder lists them or as they
 * sort, is told of the names that come next with the answer: what they are, and what small files
 * have in them. Then many small files cost one call for many, not one each.
 *
 * What is always true
 * - Nothing is told that the run could not have asked for: the folder is opened as every other one
 *   (beneath.h), links and what is neither a folder nor a regular file are left out.
 * - One folder at a time is remembered, from the fourth look in a row on; a folder of more than
 *   65,536 names, or 2 MiB of them, is not.
 * - A struct clo_ahead belongs to one run at a time, on the run's thread.
 */
#ifndef CLO_SANDBOX_FILES_AHEAD_H
#define CLO_SANDBOX_FILES_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cloche/error.h"

struct clo_ahead;

int clo_ahead_create(struct clo_ahead **ahead, struct clo_error *error);
void clo_ahead_free(struct clo_ahead *ahead);
void clo_ahead_reset(struct clo_ahead *ahead); /* a run has ended */

/* `path` below the descriptor `root` of mount number `mount` was looked at, and is there; `contents`:
 * it was opened. Append records of what comes next to `data` (abi/files.h) and return how many; where
 * that does not work there are none. */
uint32_t clo_ahead_append(struct clo_ahead *ahead, uint32_t mount, int root, const char *path,
                          bool contents, struct clo_buffer *data);

#endif

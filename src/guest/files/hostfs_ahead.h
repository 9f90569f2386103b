/* hostfs_ahead.h - what the host told of files before they were asked for (abi/files.h).
 *
 * It came with the answer to the last look that had such, and counts as long as other things that
 * are known of the host's files (hostfs.h).
 */
#ifndef CLO_GUEST_FILES_HOSTFS_AHEAD_H
#define CLO_GUEST_FILES_HOSTFS_AHEAD_H

#include "guest/files/ramfs.h"

/* Keep the records: behind the answer to a look at `path`. */
void clo_ahead_keep(const struct clo_path *path, const uint8_t *records, uint32_t count);

/* What was told of `path`. Its content is at *content, `stat->length` bytes, until the next call of
 * clo_ahead_keep; NULL: that was not told. False: nothing was, or it is old. */
bool clo_ahead_find(const struct clo_path *path, struct clo_file_reply *stat,
                    const uint8_t **content);

#endif

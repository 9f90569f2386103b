/* hostfs_call.h - what hostfs.c, hostfs_places.c and hostfs_change.c share: calls (abi/files.h). */
#ifndef CLO_GUEST_FILES_HOSTFS_CALL_H
#define CLO_GUEST_FILES_HOSTFS_CALL_H

#include <stdint.h>

#include "abi/files.h"

struct clo_host_file;
struct clo_path;

/* The data of the last reply, `length` bytes; until the next call. */
const uint8_t *clo_hostfs_data(void);

/* One call: with `path` of request->path_length bytes and `data` of request->data_length. */
uint16_t clo_hostfs_call(struct clo_file_request *request, const char *path, const void *data,
                         struct clo_file_reply *reply);

/* About what a path with `mounted` names: `request` has the rest. */
uint16_t clo_hostfs_call_on_path(struct clo_file_request *request, const struct clo_path *path,
                                 const void *data, struct clo_file_reply *reply);

/* A new run: handles, windows and what is known of files are the last one's. */
void clo_hostfs_forget(void);

/* A reply told how an open file of /output is now, which was changed. */
void clo_hostfs_changed(struct clo_host_file *file, const struct clo_file_reply *reply);
/* Something was changed by its path. */
void clo_hostfs_changed_names(void);

char *clo_hostfs_copy(const char *text, uint32_t length); /* NULL: empty, or no memory */

#endif

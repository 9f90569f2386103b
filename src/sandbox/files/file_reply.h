/* sandbox/files/file_reply.h - what a reply says of errors and files: WASI's numbers (witx). */
#ifndef CLO_SANDBOX_FILES_FILE_REPLY_H
#define CLO_SANDBOX_FILES_FILE_REPLY_H

#include <sys/stat.h>

#include "abi/files.h"

uint32_t clo_file_error(int number); /* of an errno; EIO for what WASI does not have */
uint32_t clo_file_type(mode_t mode);
void clo_file_tell(struct clo_file_reply *reply, const struct stat *stat);

#endif

/* run_files.h - descriptors of mounted files on the side of the run: reading without asking the host.
 *
 * The host hands a descriptor over with the reply to CLO_FILE_OPEN, where there is more to read than
 * came with it (abi/files.h). It is of a regular file and for reading; what the side that may be
 * taken over can do with it is to read that one file. Reads with it go straight to where the guest
 * wants them, within the memory that the guest has.
 */
#ifndef CLO_SANDBOX_RUN_RUN_FILES_H
#define CLO_SANDBOX_RUN_RUN_FILES_H

#include "abi/files.h"
#include "sandbox/run/run.h"
#include "vm/vm.h"

struct clo_run_files { /* of one run; in zeroed memory there are none */
    unsigned count;
    struct {
        uint32_t handle; /* 0: free */
        int fd;
    } open[CLO_FILES_OPEN_MAX];
};

/* Before a message of CLO_CALL_FILE goes to the host: close what it closes, and answer it here if it
 * reads a file that there is a descriptor of. 1: answered, *length bytes are in the reply area; 0: it
 * is for the host; CLO_EGUEST: it names memory that the guest does not have. */
int clo_run_files_take(struct clo_run_files *files, struct clo_vm *vm, const uint8_t *message,
                       size_t message_length, size_t *length, struct clo_error *error);

/* Keep the descriptor that came with a reply, which is taken; without one nothing. */
void clo_run_files_keep(struct clo_run_files *files, struct clo_call_reply *reply);

void clo_run_files_close(struct clo_run_files *files); /* all */

#endif

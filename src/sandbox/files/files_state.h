/* sandbox/files/files_state.h - what files.c, messages and handles, and looks.c, what is mounted,
 * share. */
#ifndef CLO_SANDBOX_FILES_FILES_STATE_H
#define CLO_SANDBOX_FILES_FILES_STATE_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>

#include "abi/files.h"
#include "base/buffer.h"
#include "sandbox/artifacts/artifact_calls.h"
#include "sandbox/files/files.h"

struct clo_ahead; /* ahead.h */

struct clo_handle {
    uint32_t number; /* 0: free */
    /* Of a mount: */
    int fd;              /* of a folder the listing's; -1: it is of /output */
    DIR *listing;        /* of a folder */
    struct dirent *kept; /* a name that did not fit, for the next reply */
    /* Of /output: */
    struct clo_artifact_handle artifact;
};

struct clo_files {
    const struct clo_mounts *mounts; /* of the run */
    struct clo_artifact_tree *tree;  /* its /output; NULL: it has none */
    uint32_t given; /* the last handle; counts over runs, for a session may remember some */
    size_t open;
    unsigned most; /* that all runs may have open, as this one saw it; 0: it has not looked */
    struct clo_handle *handles; /* CLO_FILES_OPEN_MAX of them */
    struct clo_ahead *ahead;
};

struct clo_look { /* a message, once it is checked */
    struct clo_file_request request;
    int root;       /* of the mount; -1: the path is below a file, where there is nothing */
    bool of_output; /* by path: in /output */
    const uint8_t *closed, *data;
    char path[CLO_FILE_PATH_MAX + NAME_MAX + 2];
};

struct clo_handle *clo_files_handle(struct clo_files *files, uint32_t number); /* NULL: none */
/* A free one, which counts as open; `descriptor`: and has one. NULL with errno: there are too many. */
struct clo_handle *clo_files_take(struct clo_files *files, bool descriptor);

/* Of what is mounted. 0 or an errno. */
int clo_look_stat(struct clo_files *files, const struct clo_look *look,
                  struct clo_file_reply *reply);
int clo_look_open(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply, int *descriptor);
int clo_look_read(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply);
int clo_look_list(struct clo_files *files, const struct clo_look *look, struct clo_buffer *data,
                  struct clo_file_reply *reply);

#endif

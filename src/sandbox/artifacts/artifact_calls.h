/* sandbox/artifacts/artifact_calls.h - requests about /output, answered by its tree (abi/files.h). */
#ifndef CLO_SANDBOX_ARTIFACTS_ARTIFACT_CALLS_H
#define CLO_SANDBOX_ARTIFACTS_ARTIFACT_CALLS_H

#include "abi/files.h"
#include "base/buffer.h"
#include "sandbox/artifacts/artifact_tree.h"

struct clo_artifact_handle { /* of a node that is open; zeroed: of none */
    struct clo_artifact_node *node;
    uint64_t after; /* the order of the last name that was listed */
    bool writable;
};

/* A request whose lengths and paths have been checked. */
struct clo_artifact_call {
    const struct clo_file_request *request;
    const char *path;    /* request->path_length bytes */
    const uint8_t *data; /* request->data_length bytes, of RENAME a path too */
};

/* By path: STAT, OPEN (*opened is filled, and its node is to be closed), MKDIR, UNLINK, RMDIR, RENAME,
 * TIMES. 0 or an errno. */
int clo_artifact_answer_path(struct clo_artifact_tree *tree, const struct clo_artifact_call *call,
                             struct clo_artifact_handle *opened, struct clo_buffer *data,
                             struct clo_file_reply *reply);

/* By handle: STAT, READ, LIST, WRITE, RESIZE, TIMES. */
int clo_artifact_answer_handle(struct clo_artifact_tree *tree, struct clo_artifact_handle *handle,
                               const struct clo_artifact_call *call, struct clo_buffer *data,
                               struct clo_file_reply *reply);

#endif

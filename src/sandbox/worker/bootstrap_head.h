/* sandbox/worker/bootstrap_head.h - the fixed part of a bootstrap; for bootstrap_write.c and
 * bootstrap_read.c, which belong to different programs of the same build. */
#ifndef CLO_SANDBOX_WORKER_BOOTSTRAP_HEAD_H
#define CLO_SANDBOX_WORKER_BOOTSTRAP_HEAD_H

#include <limits.h>

#include "abi/layout.h"
#include "sandbox/worker/bootstrap.h"

struct clo_bootstrap_head { /* then the path and the manifest, without NUL */
    uint64_t memory;
    uint32_t path_length, manifest_length;
    uint8_t pooled, image_copied, isolation, reserved[5];
};

#define CLO_BOOTSTRAP_MAX (unsigned)(sizeof(struct clo_bootstrap_head) + PATH_MAX + CLO_MESSAGE_MAX)

#endif

/* sandbox/worker/bootstrap.h - what the program that makes worker processes is told when it starts.
 *
 * It is another program, started anew, so that nothing of this process's memory or environment is
 * in a worker: no key, no conversation, no other run. All that it gets are four descriptors and the
 * words of the bootstrap, a sealed file in memory:
 *
 *   [struct clo_bootstrap_head][path of the image][the tools' manifest]
 */
#ifndef CLO_SANDBOX_WORKER_BOOTSTRAP_H
#define CLO_SANDBOX_WORKER_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/error.h"
#include "cloche/image.h"
#include "cloche/isolation.h"

/* The numbers of the descriptors that the program starts with; 0, 1 and 2 are /dev/null. */
enum {
    CLO_BOOTSTRAP_CONTROL = 3, /* a socket: it is asked for workers there (zygote.h) */
    CLO_BOOTSTRAP_KVM,         /* /dev/kvm; by process isolation /dev/null */
    CLO_BOOTSTRAP_IMAGE,       /* the image, or the sealed copy of it */
    CLO_BOOTSTRAP_WORDS,       /* the bootstrap */
    CLO_BOOTSTRAP_END
};

struct clo_runner;

struct clo_bootstrap {
    const struct clo_image *image;
    enum clo_isolation isolation;
    uint64_t memory;      /* the sandbox's limit, bytes */
    bool pooled;          /* runs share no state: restore ahead of the next */
    const char *manifest; /* of the tools, for run requests: clo_tool_set_manifest */
    size_t manifest_length;
};

/* On the host: the words, as a sealed file. The caller closes *fd. */
int clo_bootstrap_write(const struct clo_bootstrap *bootstrap, int *fd, struct clo_error *error);

/* In the zygote, once: adopt the descriptors (the words' is closed). What *bootstrap points to
 * stays for the life of the process. */
int clo_bootstrap_read(struct clo_bootstrap *bootstrap, struct clo_error *error);

/* In the zygote or a worker: make what the bootstrap says. Errors: clo_vm_create's. */
int clo_bootstrap_map(const struct clo_bootstrap *bootstrap, struct clo_runner **runner,
                      struct clo_error *error);

#endif

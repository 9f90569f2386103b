/* sandbox/worker/bootstrap.h - what the program that makes worker processes is told when it starts.
 *
 * It is another program, started anew, so that nothing of this process's memory or environment is
 * in a worker: no key, no conversation, no other run. All that it gets are four descriptors and the
 * words of the briefing, a sealed file in memory:
 *
 *   [struct clo_briefing_head][path of the image][descriptor of the tools]
 */
#ifndef CLO_SANDBOX_BRIEFING_H
#define CLO_SANDBOX_BRIEFING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloche/error.h"
#include "sandbox/config.h"

enum { /* descriptors that the program starts with; 0, 1 and 2 are /dev/null */
       CLO_BRIEFING_CONTROL = 3, /* a socket: the program speaks zygote.h's protocol on it */
       CLO_BRIEFING_KVM,
       CLO_BRIEFING_IMAGE,
       CLO_BRIEFING_WORDS,
       CLO_BRIEFING_END
};

struct clo_briefing {
    const struct clo_image *image;
    uint64_t memory;        /* the sandbox's limit, bytes */
    bool pooled;            /* runs share no state: restore ahead of the next */
    const char *descriptor; /* clo_tools_descriptor */
    size_t descriptor_length;
};

/* In the program that makes the nursery: the words, as a sealed file. The caller closes *fd. */
int clo_briefing_write(const struct clo_setup *setup, int *fd, struct clo_error *error);

/* In the nursery, once: adopt the descriptors (the words' is closed). What *briefing points to
 * stays for the life of the process. */
int clo_briefing_read(struct clo_briefing *briefing, struct clo_error *error);

#endif

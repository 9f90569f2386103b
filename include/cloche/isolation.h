/* cloche/isolation.h - the wall that stands around code: what it must break before it reaches the
 * process around it.
 *
 * Both run the very same image. Which one stands is the caller's explicit choice: nothing here
 * falls back from one to the other.
 */
#ifndef CLOCHE_ISOLATION_H
#define CLOCHE_ISOLATION_H

#include "cloche/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum clo_isolation {
    CLO_ISOLATION_MICROVM = 0, /* a micro-VM on /dev/kvm */
    CLO_ISOLATION_PROCESS = 1, /* no hypervisor: the WebAssembly checks of the image's own code
                                  keep code in its memory, and the jail around a worker process
                                  holds what gets past them (docs/security.md) */
};

/* "microvm", "process"; NULL: neither. Thread-safe. */
CLO_API const char *clo_isolation_name(enum clo_isolation isolation);

#ifdef __cplusplus
}
#endif

#endif

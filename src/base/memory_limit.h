/* base/memory_limit.h - how much memory this process may use.
 *
 * The smaller of what the machine has and of what the process's control groups allow it: its own
 * group and every group above it that can be seen, memory.max of version 2 and
 * memory.limit_in_bytes of version 1 (Linux: admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). A
 * container may show only a part of the tree; a limit above that part is not known.
 */
#ifndef CLO_BASE_MEMORY_LIMIT_H
#define CLO_BASE_MEMORY_LIMIT_H

#include <stdint.h>

/* In bytes, rounded down to whole MiB; 0: nothing could be read. `root` stands before every path
 * that is read: "" for this machine, or a folder with the sample files of a test. Reads the files
 * at each call. */
uint64_t clo_memory_limit(const char *root);

#endif

/* processes.h - what tests look up in /proc of the processes that this program made. */
#ifndef TESTS_VM_PROCESSES_H
#define TESTS_VM_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Processes whose name begins with `name` and that this program, or its zygote, made: their
 * number, at most `most`. */
size_t processes_find(const char *name, long *pids, size_t most);

/* Wait until the process has ended, its threads and files with it; fails the test after a while. */
void processes_await_end(long pid);

/* Does any readable memory of the process hold these bytes? Needs the right to trace it. */
bool processes_hold(long pid, const void *bytes, size_t length);

/* Bytes of memory that are this process's alone: pages that were written or granted. Without the
 * right to look that closely: all that is anonymous. 0: it is gone. */
uint64_t processes_resident(long pid);

#endif

/* processes.h - what tests look up in /proc of the processes that this program made. */
#ifndef TESTS_VM_PROCESSES_H
#define TESTS_VM_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>

/* Processes whose name begins with `name` and that this program, or its nursery, made: their
 * number, at most `most`. */
size_t processes_find(const char *name, long *pids, size_t most);

/* Does any readable memory of the process hold these bytes? Needs the right to trace it. */
bool processes_hold(long pid, const void *bytes, size_t length);

#endif

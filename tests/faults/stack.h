/* stack.h - who called: the stack of a call that can fail, and what the gate has found out about it.
 *
 * Unwinding costs some fifty microseconds, and a case makes up to a hundred thousand calls from a
 * few hundred stacks. Each thread therefore keeps those that it has unwound: a stack is known again
 * by the return addresses that lie where they lay.
 */
#ifndef CLO_TESTS_FAULTS_STACK_H
#define CLO_TESTS_FAULTS_STACK_H

#include <stdbool.h>
#include <stdint.h>

#define FAULTS_DEPTH 24 /* frames that are looked at */

struct faults_stack {
    const void *caller, *frame;
    int count;
    bool is_known, for_test;          /* the gate's: the rest is filled in, it serves a test */
    uint64_t site, path;              /* hashes */
    const void *frames[FAULTS_DEPTH]; /* return addresses, innermost first: caller is frames[0] */
    const uintptr_t *slots[FAULTS_DEPTH]; /* where they lie on the stack */
};

/* Of this thread; valid until its next call. `frame` is the frame address of the function that the
 * unwinding begins in. */
struct faults_stack *faults_stack_take(const void *caller, const void *frame);
/* Let the unwinder load what it needs. */
void faults_stack_warm_up(void);
/* What the thread has kept goes. */
void faults_stack_forget(void);

#endif

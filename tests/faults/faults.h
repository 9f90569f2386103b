/* faults.h - one fault in one run of one test case: what the parts of the harness tell each other.
 *
 * Linked into every unit test of a build with -Dfaults=true. The allocating functions and the C
 * library's system calls are replaced for the program and for the libraries that it uses
 * (memory.c, calls.c); each call asks the gate (gate.c) whether it is the one that fails. Calls of
 * the tests themselves never fail (places.c knows them), nor do the threads that tests start
 * (threads.c). The runner (runner.c) stands in for cmocka's: it runs each case once to count, then
 * once for each fault, every run in a process of its own (run.c). A fault is named by its path, that
 * is by who called (stack.c); those that earlier runs have seen to are passed over (visited.c).
 *
 * A program by itself takes from its environment: FAULTS_SECONDS, FAULTS_JOBS (runs at once),
 * FAULTS_VISITED (a file, see visited.h), FAULTS_CASE (no other case), and with that FAULTS_TARGET (the
 * number of one call: it fails here, for a debugger).
 */
#ifndef CLO_TESTS_FAULTS_H
#define CLO_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULTS_MAX 400000 /* calls of one case that are told apart */

/* A call that can fail: hashes of its site and of its path (gate.c), which are the same in every
 * process of one program, and where it returns to, which is the same in those of one runner. */
struct faults_call {
    uint64_t site, path;
    const void *caller;
};

/* Which call fails: none, for all are counted; the one with a number, counted from 1; the nth, from
 * 0, on a path. */
enum faults_aim { FAULTS_NONE, FAULTS_NUMBER, FAULTS_PATH };

/* Of the run in this process; lies in memory shared with the runner. */
struct faults_run {
    enum faults_aim aim;
    unsigned long number, nth;
    uint64_t path;
    const void *caller; /* of the path's calls, or NULL */
    atomic_ulong calls; /* that could have failed; with a path, those that were looked at */
    atomic_ulong met;   /* on the path */
    atomic_bool hit;    /* the target was reached */
    int left_open;      /* descriptors, after the run without a fault */
    char what[32];      /* the function that failed, */
    char where[192];    /* and who called it, innermost first */
    struct faults_call seen[FAULTS_MAX]; /* when all are counted */
};

/* The gate. `arm` before the case's setup, `disarm` after its teardown or its failed assertion. */
void faults_arm(struct faults_run *run);
void faults_disarm(void);
/* Whether this call of `what`, which returns to `caller`, is to fail. */
bool faults_hit(const char *what, const void *caller);
#define FAULTS_HIT(what) faults_hit(what, __builtin_return_address(0))

/* Nothing fails in a thread before it has entered, nor after it has left: not while the sanitizers
 * set it up, and never in one that a test starts. `leave` returns whether it had entered. */
void faults_enter_thread(void);
bool faults_leave_thread(void);

/* Whose code a return address lies in. */
enum faults_owner { FAULTS_LIBRARY, FAULTS_PRODUCT, FAULTS_TEST };
enum faults_owner faults_owner(const void *address);
void faults_learn_places(void);
/* The address as an offset into its file and the file's name: the same wherever that is loaded. */
uint64_t faults_where(const void *address);
static inline uint64_t faults_mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 32;
}
/* `function+offset`, of the program's own symbol table, or "?". */
const char *faults_name(const void *address, size_t *offset);

/* Blocks allocated since `arm` and not freed. */
long faults_live(void);

#endif

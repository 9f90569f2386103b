/* runs.h - what the runner and the processes of its runs have in common. */
#ifndef CLO_TESTS_FAULTS_RUNS_H
#define CLO_TESTS_FAULTS_RUNS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faults.h"

/* Exit statuses of a run. */
enum faults_verdict {
    FAULTS_PASSED = 0,
    FAULTS_ASSERTED = 60,
    FAULTS_LEAKED,
    FAULTS_LEFT_OPEN,
    FAULTS_FAILED_BARE, /* the run without a fault failed */
    FAULTS_SKIPPED,
    FAULTS_SANITIZED = 86, /* ASAN_OPTIONS=exitcode=86 */
};

/* A case, and its group with the group's fixtures. */
struct faults_case {
    const char *group;
    const struct CMUnitTest *test;
    CMFixtureFunction setup, teardown;
    int left_open; /* descriptors, after the run without a fault: what is kept open by design */
};

/* Run the case in this process, which ends with a verdict. */
_Noreturn void faults_run_case(struct faults_run *run, const struct faults_case *given);

#endif

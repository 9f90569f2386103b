/* run.c - within the process of one run: the case, and how it ends.
 *
 * At a failed assertion LeakSanitizer looks before anything returns: what the test holds is then
 * still on the stack.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runs.h"

int __lsan_do_recoverable_leak_check(void);

static struct faults_run *run;
static const struct CMUnitTest *real_case;
static long live_before;
static int open_before;

/* Without what the pools keep ready, which comes and goes in threads of their own. */
static int count_open(bool show)
{
    char link[40], path[200];
    int count = 0;
    for (int fd = 3; fd < 400; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
        if (length <= 0 || strstr(path, "kvm") || strstr(path, "/pagemap"))
            continue;
        count++;
        if (show)
            fprintf(stderr, "%d: %s\n", fd, path);
    }
    return count;
}

static int case_setup(void **state)
{
    live_before = faults_live();
    open_before = count_open(false);
    faults_arm(run);
    return real_case->setup_func ? real_case->setup_func(state) : 0;
}

static void case_body(void **state)
{
    real_case->test_func(state);
}

static int case_teardown(void **state)
{
    int status = real_case->teardown_func ? real_case->teardown_func(state) : 0;
    faults_disarm();
    return status;
}

/* cmocka's own, called by every failed assertion. */
__attribute__((visibility("default"))) void _fail(const char *file, int line)
{
    faults_disarm();
    fprintf(stderr, "%s:%d: assertion\n", file, line);
    fflush(NULL);
    _exit(__lsan_do_recoverable_leak_check() ? FAULTS_LEAKED : FAULTS_ASSERTED);
}

/* cmocka's own would read a text that is not there, as a test's may not be when memory lacks. */
__attribute__((visibility("default"))) void _assert_string_equal(const char *a, const char *b,
                                                                 const char *file, int line)
{
    if (!a || !b || strcmp(a, b) != 0)
        _fail(file, line);
}

__attribute__((visibility("default"))) void _skip(const char *file, int line)
{
    fprintf(stderr, "%s:%d: skipped\n", file, line);
    fflush(NULL);
    _exit(FAULTS_SKIPPED);
}

/* A test whose assertions are all wrapped here would be linked without cmocka, which is found at run
 * time below: this keeps it. */
static void (*const kept)(enum cm_message_output) __attribute__((used)) = cmocka_set_message_output;

typedef int run_group(const char *, const struct CMUnitTest *, size_t, CMFixtureFunction,
                      CMFixtureFunction);

_Noreturn void faults_run_case(struct faults_run *told, const struct faults_case *given)
{
    const struct CMUnitTest *test = given->test;
    run_group *real = (run_group *)(uintptr_t)dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
    struct CMUnitTest wrapped = {test->name, case_body, case_setup, case_teardown,
                                 test->initial_state};
    real_case = test;
    run = told;
    int failed = real(given->group, &wrapped, 1, given->setup, given->teardown);
    faults_disarm();
    fflush(NULL);
    if (failed)
        _exit(FAULTS_ASSERTED);
    if (run->aim == FAULTS_NONE) /* what the product keeps open between runs by design */
        run->left_open = count_open(false) - open_before;
    if (count_open(false) - open_before > run->left_open) {
        count_open(true);
        _exit(FAULTS_LEFT_OPEN);
    }
    if (faults_live() != live_before && __lsan_do_recoverable_leak_check())
        _exit(FAULTS_LEAKED);
    _exit(FAULTS_PASSED);
}

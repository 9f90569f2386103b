/* runner.c - in the place of cmocka's runner: each case once to count its calls, then once for each
 * call that fails.
 *
 * Every run is a process of its own. A run in which one call failed may pass, for what failed was
 * made good, or end at an assertion, for the test saw that something failed. It must not die, hang,
 * use memory that is not its own, lose memory or keep a descriptor open. At a failed assertion
 * LeakSanitizer looks before anything returns: what the test holds is then still on the stack.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "faults.h"

#define RUN_SECONDS 30 /* before a run counts as hanging */
#define SHOWN_MAX 100  /* findings of one case that are told whole */
#define OUTPUT_MAX 6000
#define LINES_MAX 9
#define REST_SECONDS 3 /* for further calls of places that have failed once */
#define TURN 20        /* faults of one case before the next has its turn */

enum verdict {
    PASSED = 0,
    ASSERTED = 60, /* exit statuses of a run */
    LEAKED,
    LEFT_OPEN,
    FAILED_BARE, /* the run without a fault failed */
    SKIPPED,
    SANITIZED = 86, /* ASAN_OPTIONS=exitcode=86 */
};

int __lsan_do_recoverable_leak_check(void);

/* -- within a run ------------------------------------------------------------------------------ */

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
    _exit(__lsan_do_recoverable_leak_check() ? LEAKED : ASSERTED);
}

__attribute__((visibility("default"))) void _skip(const char *file, int line)
{
    fprintf(stderr, "%s:%d: skipped\n", file, line);
    fflush(NULL);
    _exit(SKIPPED);
}

typedef int run_group(const char *, const struct CMUnitTest *, size_t, CMFixtureFunction,
                      CMFixtureFunction);

static _Noreturn void run_case(const char *group, const struct CMUnitTest *test,
                               CMFixtureFunction setup, CMFixtureFunction teardown)
{
    run_group *real = (run_group *)(uintptr_t)dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
    struct CMUnitTest wrapped = {test->name, case_body, case_setup, case_teardown,
                                 test->initial_state};
    real_case = test;
    int failed = real(group, &wrapped, 1, setup, teardown);
    faults_disarm();
    fflush(NULL);
    if (failed)
        _exit(ASSERTED);
    if (!run->target) /* what the product keeps open between runs by design */
        run->left_open = count_open(false) - open_before;
    if (count_open(false) - open_before > run->left_open) {
        count_open(true);
        _exit(LEFT_OPEN);
    }
    if (faults_live() != live_before && __lsan_do_recoverable_leak_check())
        _exit(LEAKED);
    _exit(PASSED);
}

/* -- the runs of a case ------------------------------------------------------------------------ */

struct job {
    pid_t pid;
    int output;
    struct faults_run *run;
};

struct totals {
    unsigned long faults, passed, told, found, unreached, left, distinct, distinct_left;
    unsigned cases, bad_cases, skipped;
};

static const char *group_name;
static struct totals totals;
static struct timespec finish_at; /* of the program: what is left then is not run */

static struct timespec now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

static bool is_past(struct timespec time)
{
    struct timespec at = now();
    return at.tv_sec > time.tv_sec || (at.tv_sec == time.tv_sec && at.tv_nsec >= time.tv_nsec);
}

static unsigned long gcd(unsigned long a, unsigned long b)
{
    while (b) {
        unsigned long rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static struct faults_run *new_run(void)
{
    void *shared = mmap(NULL, sizeof(struct faults_run), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("faults: memory for a run");
        exit(2);
    }
    return shared;
}

struct group {
    const char *name;
    const struct CMUnitTest *test;
    CMFixtureFunction setup, teardown;
};

static void start(struct job *job, const struct group *group, unsigned long target)
{
    job->run->target = target;
    atomic_store(&job->run->calls, 0);
    atomic_store(&job->run->hit, false);
    if (ftruncate(job->output, 0) || lseek(job->output, 0, SEEK_SET))
        perror("faults: the output of a run");
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0) {
        setpgid(0, 0);
        dup2(job->output, 1);
        dup2(job->output, 2);
        run = job->run;
        run_case(group->name, group->test, group->setup, group->teardown);
    }
}

/* The exit status, or 128 + the signal; 128 + SIGKILL for one that hangs. */
static int finish(struct job *job)
{
    int status;
    int ends = (int)syscall(SYS_pidfd_open, job->pid, 0);
    poll(&(struct pollfd){.fd = ends, .events = POLLIN}, 1, RUN_SECONDS * 1000);
    close(ends);
    kill(-job->pid, SIGKILL); /* also what it left running */
    waitpid(job->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *verdict_name(int verdict)
{
    switch (verdict) {
    case LEAKED: return "loses memory";
    case LEFT_OPEN: return "keeps a descriptor open";
    case FAILED_BARE: return "fails without a fault";
    case SANITIZED: return "a sanitizer's report";
    case 128 + SIGKILL: return "hangs";
    default: return "dies";
    }
}

static void print_output(const struct job *job)
{
    static char text[OUTPUT_MAX + 1];
    ssize_t length = pread(job->output, text, OUTPUT_MAX, 0);
    text[length > 0 ? length : 0] = '\0';
    int lines = 0;
    for (char *line = strtok(text, "\n"); line && lines < LINES_MAX; line = strtok(NULL, "\n"))
        if (*line != '[' && *line != '=')
            lines += printf("      %s\n", line) > 0;
}

static void judge(const struct job *job, const struct group *group, int status, unsigned *found)
{
    totals.faults++;
    if (status == PASSED || status == ASSERTED || status == SKIPPED) {
        totals.unreached += !atomic_load(&job->run->hit);
        totals.passed += status == PASSED;
        totals.told += status != PASSED;
        return;
    }
    totals.found++;
    if ((*found)++ >= SHOWN_MAX)
        return;
    printf("   FINDING %s: %s, fault %lu: %s: %s in %s\n", group_name, group->test->name,
           job->run->target, verdict_name(status), job->run->what, job->run->where);
    print_output(job);
}

/* A case's calls in the order in which they are to fail: one of each place, then all others. */
struct plan {
    struct group group;
    unsigned long *order, count, distinct, done;
    unsigned found;
};

static void *room(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block) {
        perror("faults: memory for a plan");
        exit(2);
    }
    return block;
}

/* Bring numbers into an order of which any first part covers all of them evenly. */
static void spread(unsigned long *numbers, unsigned long count)
{
    unsigned long *before = room(count, sizeof *before);
    unsigned long step = (unsigned long)((double)count * 0.618) | 1;
    memcpy(before, numbers, count * sizeof *before);
    while (count && gcd(step, count) != 1)
        step += 2;
    for (unsigned long n = 0, i = 0; n < count; n++, i = (i + step) % count)
        numbers[n] = before[i];
    free(before);
}

static void make_order(struct plan *plan, const struct faults_run *counted)
{
    enum { SEEN = 1 << 20 };
    unsigned long used = 0, rest = plan->count;
    uint32_t *seen = room(SEEN, sizeof *seen);
    plan->order = room(plan->count, sizeof *plan->order);
    for (unsigned long i = 0; i < plan->count; i++) {
        uint32_t stack = counted->stacks[i], place = stack % SEEN;
        while (seen[place] && seen[place] != stack)
            place = (place + 1) % SEEN;
        plan->order[seen[place] ? --rest : used++] = i + 1;
        seen[place] = stack;
    }
    free(seen);
    plan->distinct = used;
    spread(plan->order, used);
    spread(plan->order + used, plan->count - used);
}

/* A run without a fault: what there is to fail. */
static void count_calls(struct job *job, struct plan *plan)
{
    const struct group *group = &plan->group;
    start(job, group, 0);
    int bare = finish(job);
    if (bare == SKIPPED) {
        totals.skipped++;
        printf("   SKIPPED %s: %s\n", group_name, group->test->name);
        print_output(job);
        return;
    }
    totals.cases++;
    if (bare != PASSED) {
        totals.bad_cases++;
        printf("   FINDING %s: %s %s (%d)\n", group_name, group->test->name,
               verdict_name(bare == ASSERTED ? FAILED_BARE : bare), bare);
        print_output(job);
        return;
    }
    plan->count = atomic_load(&job->run->calls);
    if (plan->count > FAULTS_MAX)
        plan->count = FAULTS_MAX;
    make_order(plan, job->run);
}

static void run_faults(struct job *job, struct plan *plan, unsigned long until)
{
    for (; plan->done < until && !is_past(finish_at); plan->done++) {
        start(job, &plan->group, plan->order[plan->done]);
        judge(job, &plan->group, finish(job), &plan->found);
    }
}

/* All cases in turn: the places first, then whatever else there is time for. */
static void run_turns(struct job *job, struct plan *plans, size_t count, bool distinct)
{
    for (bool more = true; more && !is_past(finish_at);) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            unsigned long end = distinct ? plans[i].distinct : plans[i].count;
            unsigned long until = plans[i].done + TURN < end ? plans[i].done + TURN : end;
            run_faults(job, &plans[i], until);
            more |= plans[i].done < end;
        }
    }
}

static void close_plan(struct plan *plan)
{
    totals.distinct += plan->distinct;
    totals.left += plan->count - plan->done;
    if (plan->distinct > plan->done)
        totals.distinct_left += plan->distinct - plan->done;
    totals.bad_cases += plan->found > 0;
    if (plan->found > SHOWN_MAX)
        printf("   FINDING %s: %s: and %u more\n", group_name, plan->group.test->name,
               plan->found - SHOWN_MAX);
    free(plan->order);
}

/* Files that a run leaves behind go with the program. */
__attribute__((constructor)) static void keep_own_tmp(void)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", "/tmp", "tmpfs", 0, "size=512m"))
        fprintf(stderr, "faults: no /tmp of its own: %s\n", strerror(errno));
}

__attribute__((visibility("default"))) int _cmocka_run_group_tests(const char *name,
                                                                   const struct CMUnitTest *tests,
                                                                   size_t count,
                                                                   CMFixtureFunction setup,
                                                                   CMFixtureFunction teardown)
{
    const char *only = getenv("FAULTS_CASE"), *target = getenv("FAULTS_TARGET");
    const char *seconds = getenv("FAULTS_SECONDS");
    group_name = program_invocation_short_name;
    finish_at = now();
    finish_at.tv_sec += seconds ? atol(seconds) : 3600;
    faults_learn_places();
    struct job job = {.run = new_run(), .output = memfd_create("output", MFD_CLOEXEC)};
    struct plan *plans = room(count, sizeof *plans);
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        struct group group = {name, &tests[i], setup, teardown};
        if (only && strcmp(tests[i].name, only) != 0)
            continue;
        if (only && target) { /* one fault, here, for a debugger */
            run = job.run;
            run->target = strtoul(target, NULL, 10);
            run_case(name, &tests[i], setup, teardown);
        }
        plans[all] = (struct plan){.group = group};
        count_calls(&job, &plans[all++]);
    }
    run_turns(&job, plans, all, true);
    struct timespec rest_at = now();
    rest_at.tv_sec += REST_SECONDS;
    if (rest_at.tv_sec < finish_at.tv_sec)
        finish_at = rest_at;
    run_turns(&job, plans, all, false);
    for (size_t i = 0; i < all; i++)
        close_plan(&plans[i]);
    free(plans);
    printf(
        "%s: %u cases, %u with findings, %u skipped; %lu faults at %lu places (%lu places left): "
        "%lu passed, %lu told, %lu findings, %lu not reached; %lu faults left\n",
        group_name, totals.cases, totals.bad_cases, totals.skipped, totals.faults, totals.distinct,
        totals.distinct_left, totals.passed, totals.told, totals.found, totals.unreached,
        totals.left);
    return totals.bad_cases ? 1 : 0;
}

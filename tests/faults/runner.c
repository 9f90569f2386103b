/* runner.c - in the place of cmocka's runner: each case once to count its calls, then once for each
 * call that fails.
 *
 * Every run is a process of its own. A run in which one call failed may pass, for what failed was
 * made good, or end at an assertion, for the test saw that something failed. It must not die, hang,
 * use memory that is not its own, lose memory or keep a descriptor open.
 */
#include <errno.h>
#include <limits.h>
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

#include <curl/curl.h>
#include <openssl/evp.h>

#include "runs.h"

#define RUN_SECONDS 50    /* before a run counts as hanging (several share a processor); */
#define COUNT_SECONDS 180 /* the one that counts, too: each of its calls is looked at */
#define SHOWN_MAX 100     /* findings of one case that are told whole */
#define OUTPUT_MAX 6000
#define LINES_MAX 9
#define REST_SECONDS 3 /* for further calls on paths of which one has failed */
#define TURN 20        /* faults of one case before the next has its turn */

struct job {
    pid_t pid;
    int output;
    struct faults_run *run;
};

/* Calls fail in this order: one of each site, one of each other path that leads to one, all others.
 */
enum tier { SITES, PATHS, CALLS, TIERS };

struct totals {
    unsigned long faults, passed, told, found, unreached;
    unsigned long all[TIERS], left[TIERS];
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

static void start(struct job *job, const struct faults_case *group, unsigned long target)
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
        faults_run_case(job->run, group);
    }
}

/* The exit status, or 128 + the signal; 128 + SIGKILL for one that hangs. */
static int finish(struct job *job, int seconds)
{
    int status;
    int ends = (int)syscall(SYS_pidfd_open, job->pid, 0);
    poll(&(struct pollfd){.fd = ends, .events = POLLIN}, 1, seconds * 1000);
    close(ends);
    kill(-job->pid, SIGKILL); /* also what it left running */
    waitpid(job->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *verdict_name(int verdict)
{
    switch (verdict) {
    case FAULTS_LEAKED: return "loses memory";
    case FAULTS_LEFT_OPEN: return "keeps a descriptor open";
    case FAULTS_FAILED_BARE: return "fails without a fault";
    case FAULTS_SANITIZED: return "a sanitizer's report";
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

static void judge(const struct job *job, const struct faults_case *group, int status,
                  unsigned *found)
{
    totals.faults++;
    if (status == FAULTS_PASSED || status == FAULTS_ASSERTED || status == FAULTS_SKIPPED) {
        totals.unreached += !atomic_load(&job->run->hit);
        totals.passed += status == FAULTS_PASSED;
        totals.told += status != FAULTS_PASSED;
        return;
    }
    totals.found++;
    if ((*found)++ >= SHOWN_MAX)
        return;
    printf("   FINDING %s: %s, fault %lu: %s (%d): %s in %s\n", group_name, group->test->name,
           job->run->target, verdict_name(status), status, job->run->what, job->run->where);
    print_output(job);
}

/* A case's calls in the order in which they are to fail, and where each tier of them ends. */
struct plan {
    struct faults_case group;
    unsigned long *order, end[TIERS], done;
    unsigned found;
};

/* Hashes that were met. */
struct seen {
    uint32_t *slots;
};
enum { SEEN_SLOTS = 1 << 20 };
static struct seen sites; /* of all cases: a site fails in the first that reaches it */

/* Not of the heap, which LeakSanitizer would look through in every run. What is not released goes
 * with the process. */
static void *room(size_t count, size_t size)
{
    void *block =
        mmap(NULL, count * size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
        perror("faults: memory for a plan");
        exit(2);
    }
    return block;
}

static void release(void *block, size_t count, size_t size)
{
    munmap(block, count * size + 1);
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
    release(before, count, sizeof *before);
}

static bool is_new(struct seen *seen, uint32_t hash)
{
    uint32_t slot = hash % SEEN_SLOTS;
    while (seen->slots[slot] && seen->slots[slot] != hash)
        slot = (slot + 1) % SEEN_SLOTS;
    bool met = seen->slots[slot] == hash;
    seen->slots[slot] = hash;
    return !met;
}

/* FAULTS_SHARE=I/N: only every Nth of the calls, from the Ith. The others are for other processes.
 */
static void take_share(struct plan *plan)
{
    unsigned long first = 0, every = 1, kept = 0;
    const char *share = getenv("FAULTS_SHARE");
    if (share && (sscanf(share, "%lu/%lu", &first, &every) != 2 || first >= every)) {
        fprintf(stderr, "faults: FAULTS_SHARE is '%s'; it must be like 0/3\n", share);
        exit(2);
    }
    for (unsigned long i = 0, tier = 0; tier < TIERS; tier++) {
        for (; i < plan->end[tier]; i++)
            if (i % every == first)
                plan->order[kept++] = plan->order[i];
        plan->end[tier] = kept;
    }
}

static void make_order(struct plan *plan, const struct faults_run *counted, unsigned long count)
{
    struct seen paths = {room(SEEN_SLOTS, sizeof *paths.slots)};
    unsigned char *tiers = room(count, 1);
    for (unsigned long i = 0; i < count; i++) {
        bool new_path = is_new(&paths, counted->paths[i]);
        tiers[i] = is_new(&sites, counted->sites[i]) ? SITES : new_path ? PATHS : CALLS;
    }
    plan->order = room(count, sizeof *plan->order);
    for (unsigned long tier = 0, used = 0; tier < TIERS; tier++) {
        unsigned long start = used;
        for (unsigned long i = 0; i < count; i++)
            if (tiers[i] == tier)
                plan->order[used++] = i + 1;
        spread(plan->order + start, used - start);
        plan->end[tier] = used;
    }
    release(tiers, count, 1);
    release(paths.slots, SEEN_SLOTS, sizeof *paths.slots);
    take_share(plan);
}

/* A run without a fault: what there is to fail. */
static void count_calls(struct job *job, struct plan *plan)
{
    const struct faults_case *group = &plan->group;
    start(job, group, 0);
    int bare = finish(job, COUNT_SECONDS);
    if (bare == FAULTS_SKIPPED) {
        totals.skipped++;
        printf("   FAULTS_SKIPPED %s: %s\n", group_name, group->test->name);
        print_output(job);
        return;
    }
    totals.cases++;
    if (bare != FAULTS_PASSED) {
        totals.bad_cases++;
        printf("   FINDING %s: %s %s (%d)\n", group_name, group->test->name,
               verdict_name(bare == FAULTS_ASSERTED ? FAULTS_FAILED_BARE : bare), bare);
        print_output(job);
        return;
    }
    unsigned long count = atomic_load(&job->run->calls);
    make_order(plan, job->run, count < FAULTS_MAX ? count : FAULTS_MAX);
}

static void run_faults(struct job *job, struct plan *plan, unsigned long until)
{
    for (; plan->done < until && !is_past(finish_at); plan->done++) {
        start(job, &plan->group, plan->order[plan->done]);
        judge(job, &plan->group, finish(job, RUN_SECONDS), &plan->found);
    }
}

/* All cases in turn, so that each has its part of the time. */
static void run_turns(struct job *job, struct plan *plans, size_t count, enum tier tier)
{
    for (bool more = true; more && !is_past(finish_at);) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            unsigned long end = plans[i].end[tier];
            unsigned long until = plans[i].done + TURN < end ? plans[i].done + TURN : end;
            run_faults(job, &plans[i], until);
            more |= plans[i].done < end;
        }
    }
}

static void close_plan(struct plan *plan)
{
    for (unsigned long tier = 0, start = 0; tier < TIERS; start = plan->end[tier++]) {
        unsigned long done = plan->done > start ? plan->done : start;
        totals.all[tier] += plan->end[tier] - start;
        totals.left[tier] += plan->end[tier] > done ? plan->end[tier] - done : 0;
    }
    totals.bad_cases += plan->found > 0;
    if (plan->found > SHOWN_MAX)
        printf("   FINDING %s: %s: and %u more\n", group_name, plan->group.test->name,
               plan->found - SHOWN_MAX);
}

/* Files that a run leaves behind go with the program, unless it lies among them itself. */
__attribute__((constructor)) static void keep_own_tmp(void)
{
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) > 0 && !strncmp(self, "/tmp/", 5)) {
        fputs("faults: built below /tmp, where its runs leave their files\n", stderr);
        return;
    }
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", "/tmp", "tmpfs", 0, "size=512m"))
        fprintf(stderr, "faults: no /tmp of its own: %s\n", strerror(errno));
}

/* What curl and OpenSSL set up once in a process is theirs, and thousands of calls in each run. */
static void start_libraries(void)
{
    unsigned char sum[32];
    unsigned length;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) ||
        !EVP_Digest("", 0, sum, &length, EVP_sha256(), NULL)) {
        fputs("faults: curl or OpenSSL does not start\n", stderr);
        exit(2);
    }
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
    faults_learn_places();
    start_libraries();
    struct job job = {.run = new_run(), .output = memfd_create("output", MFD_CLOEXEC)};
    struct plan *plans = room(count, sizeof *plans);
    sites.slots = room(SEEN_SLOTS, sizeof *sites.slots);
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        struct faults_case group = {name, &tests[i], setup, teardown};
        if (only && strcmp(tests[i].name, only) != 0)
            continue;
        if (only && target) { /* one fault, here, for a debugger */
            job.run->target = strtoul(target, NULL, 10);
            faults_run_case(job.run, &group);
        }
        plans[all] = (struct plan){.group = group};
        count_calls(&job, &plans[all++]);
    }
    finish_at = now();
    finish_at.tv_sec += seconds ? atol(seconds) : 3600;
    run_turns(&job, plans, all, SITES);
    run_turns(&job, plans, all, PATHS);
    struct timespec rest_at = now();
    rest_at.tv_sec += REST_SECONDS;
    if (rest_at.tv_sec < finish_at.tv_sec)
        finish_at = rest_at;
    run_turns(&job, plans, all, CALLS);
    for (size_t i = 0; i < all; i++)
        close_plan(&plans[i]);
    printf("%s: %u cases, %u with findings, %u skipped; %lu faults: %lu passed, %lu told, "
           "%lu findings, %lu not reached; left: %lu of %lu sites, %lu of %lu paths, %lu of %lu "
           "calls\n",
           group_name, totals.cases, totals.bad_cases, totals.skipped, totals.faults, totals.passed,
           totals.told, totals.found, totals.unreached, totals.left[SITES], totals.all[SITES],
           totals.left[PATHS], totals.all[PATHS], totals.left[CALLS], totals.all[CALLS]);
    return totals.bad_cases ? 1 : 0;
}

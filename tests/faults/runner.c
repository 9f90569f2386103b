/* runner.c - in the place of cmocka's runner: each case once to count its calls, then once for each
 * call that fails.
 *
 * What earlier runs of the same program have failed is passed over (visited.h), but for findings:
 * those come first. Every run is a process of its own, and some of them run at once, for most of a
 * run is waiting. A run in which one call failed may pass, for what failed was
 * made good, or end at an assertion, for the test saw that something failed. It must not die, hang,
 * use memory that is not its own, lose memory or keep a descriptor open.
 */
#include <dlfcn.h>
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
#include "visited.h"

#define RUN_SECONDS 50    /* before a run counts as hanging (several share a processor); */
#define COUNT_SECONDS 180 /* the one that counts, too: each of its calls is looked at */
#define SHOWN_MAX 100     /* findings of one case that are told whole */
#define OUTPUT_MAX 6000
#define LINES_MAX 9
#define REST_SECONDS 3 /* for further calls on paths of which one has failed */
#define TURN 20        /* faults of one case before the next has its turn */
#define JOBS_MAX 16    /* runs at once */

/* Calls fail in this order: those that were findings in an earlier run, one of each site, one of
 * each other path that leads to one, all others. */
enum tier { AGAIN, SITES, PATHS, CALLS, TIERS };

/* A call that is to fail: the nth on a path. */
struct target {
    unsigned long number, nth; /* `number` is for people: FAULTS_TARGET */
    struct faults_call call;
    bool is_first_of_site;
};

/* A case's calls in the order in which they are to fail, and where each tier of them ends. */
struct plan {
    struct faults_case group;
    struct target *order;
    unsigned long end[TIERS], started;
    unsigned found;
};

struct job {
    pid_t pid; /* 0: none runs */
    int ends, output;
    struct timespec hangs_at;
    struct faults_run *run;
    struct plan *plan;
    struct target target;
};

struct totals {
    unsigned long faults, passed, told, found, unreached;
    unsigned long all[TIERS], before[TIERS], left[TIERS];
    unsigned cases, bad_cases, skipped;
};

static const char *group_name;
static struct totals totals;
static struct job jobs[JOBS_MAX];
static unsigned job_count;
static struct timespec finish_at; /* of the program: what is left then is not run */

static struct timespec now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

static struct timespec after(long seconds)
{
    struct timespec time = now();
    time.tv_sec += seconds;
    return time;
}

static long ms_until(struct timespec time)
{
    struct timespec at = now();
    return (time.tv_sec - at.tv_sec) * 1000 + (time.tv_nsec - at.tv_nsec) / 1000000;
}

static bool is_past(struct timespec time)
{
    return ms_until(time) <= 0;
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

static void start(struct job *job, int seconds)
{
    atomic_store(&job->run->calls, 0);
    atomic_store(&job->run->met, 0);
    atomic_store(&job->run->hit, false);
    if (ftruncate(job->output, 0) || lseek(job->output, 0, SEEK_SET))
        perror("faults: the output of a run");
    fflush(NULL);
    job->hangs_at = after(seconds);
    job->pid = fork();
    if (job->pid == 0) {
        setpgid(0, 0);
        dup2(job->output, 1);
        dup2(job->output, 2);
        faults_run_case(job->run, &job->plan->group);
    }
    job->ends = job->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, job->pid, 0);
    if (job->ends < 0) {
        perror("faults: a process for a run");
        exit(2);
    }
}

/* The exit status, or 128 + the signal; 128 + SIGKILL for one that hangs. */
static int finish(struct job *job)
{
    int status;
    close(job->ends);
    kill(-job->pid, SIGKILL); /* also what it left running */
    waitpid(job->pid, &status, 0);
    job->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Until one that runs has ended or hangs. */
static void wait_for_one(void)
{
    struct pollfd ends[JOBS_MAX];
    long ms = LONG_MAX;
    for (unsigned i = 0; i < job_count; i++) {
        ends[i] = (struct pollfd){.fd = jobs[i].pid ? jobs[i].ends : -1, .events = POLLIN};
        long rest = jobs[i].pid ? ms_until(jobs[i].hangs_at) : LONG_MAX;
        ms = rest < ms ? rest : ms;
    }
    poll(ends, job_count, ms < 0 ? 0 : (int)ms + 1);
}

static bool has_ended(const struct job *job)
{
    return poll(&(struct pollfd){.fd = job->ends, .events = POLLIN}, 1, 0) == 1 ||
           is_past(job->hangs_at);
}

/* Keep all jobs busy with what `next` gives them, each for at most `seconds`; `end` takes what came
 * of each. */
static void run_jobs(bool (*next)(struct job *), void (*end)(struct job *, int), int seconds)
{
    for (unsigned running = 0;;) {
        for (unsigned i = 0; i < job_count; i++)
            if (!jobs[i].pid && next(&jobs[i])) {
                start(&jobs[i], seconds);
                running++;
            }
        if (!running)
            return;
        wait_for_one();
        for (unsigned i = 0; i < job_count; i++)
            if (jobs[i].pid && has_ended(&jobs[i])) {
                end(&jobs[i], finish(&jobs[i]));
                running--;
            }
    }
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

/* Names of a site, and of a call in a case, that the next run finds again. */
static uint64_t key_of_site(const struct target *target)
{
    return faults_mix(faults_mix(1, 's'), target->call.site);
}

static uint64_t key_of_call(const struct plan *plan, const struct target *target)
{
    uint64_t key = faults_mix(1, 'c');
    for (const char *c = plan->group.test->name; *c; c++)
        key = faults_mix(key, (unsigned char)*c);
    return faults_mix(faults_mix(key, target->call.path), target->nth);
}

static void keep(const struct job *job, enum visited how)
{
    visited_put(key_of_call(job->plan, &job->target), how);
    if (how == VISITED_CLEAN && job->target.is_first_of_site)
        visited_put(key_of_site(&job->target), how);
}

static void judge(struct job *job, int status)
{
    totals.faults++;
    if (status == FAULTS_PASSED || status == FAULTS_ASSERTED || status == FAULTS_SKIPPED) {
        bool hit = atomic_load(&job->run->hit);
        if (hit)
            keep(job, VISITED_CLEAN);
        totals.unreached += !hit;
        totals.passed += status == FAULTS_PASSED;
        totals.told += status != FAULTS_PASSED;
        return;
    }
    totals.found++;
    keep(job, VISITED_FOUND);
    if (job->plan->found++ >= SHOWN_MAX)
        return;
    printf("   FINDING %s: %s, fault %lu: %s (%d): %s in %s\n", group_name,
           job->plan->group.test->name, job->target.number, verdict_name(status), status,
           job->run->what, job->run->where);
    print_output(job);
}

/* How often each hash was met. */
struct tally {
    struct {
        uint64_t hash;
        unsigned long times;
    } * slots;
};
enum { TALLY_SLOTS = 1 << 20 };
static struct tally sites; /* of all cases: a site fails in the first that reaches it */

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

/* Bring targets into an order of which any first part covers all of them evenly. */
static void spread(struct target *targets, unsigned long count)
{
    struct target *before = room(count, sizeof *before);
    unsigned long step = (unsigned long)((double)count * 0.618) | 1;
    memcpy(before, targets, count * sizeof *before);
    while (count && gcd(step, count) != 1)
        step += 2;
    for (unsigned long n = 0, i = 0; n < count; n++, i = (i + step) % count)
        targets[n] = before[i];
    release(before, count, sizeof *before);
}

/* How often it was met before. */
static unsigned long meet(struct tally *tally, uint64_t hash)
{
    uint64_t slot = hash % TALLY_SLOTS;
    while (tally->slots[slot].times && tally->slots[slot].hash != hash)
        slot = (slot + 1) % TALLY_SLOTS;
    tally->slots[slot].hash = hash;
    return tally->slots[slot].times++;
}

/* Where the call belongs; TIERS when an earlier run has seen to it. */
static enum tier tier_of(const struct plan *plan, const struct target *target)
{
    enum visited call = visited_get(key_of_call(plan, target));
    bool is_old_site = target->is_first_of_site && visited_get(key_of_site(target)) != VISITED_NOT;
    enum tier tier = target->is_first_of_site && !is_old_site ? SITES : target->nth ? CALLS : PATHS;
    if (is_old_site) { /* as a path, it may be new here: the site was visited in another case */
        totals.all[SITES]++;
        totals.before[SITES]++;
        if (call == VISITED_CLEAN)
            return TIERS;
    }
    if (call == VISITED_FOUND)
        tier = AGAIN;
    totals.all[tier]++;
    if (call == VISITED_CLEAN && tier != SITES) {
        totals.before[tier]++;
        tier = TIERS;
    }
    return tier;
}

/* What was mapped later need not lie in the same place in the next run. */
static const void *if_mapped(const void *caller)
{
    struct dl_find_object found;
    return _dl_find_object((void *)((uintptr_t)caller - 1), &found) ? NULL : caller;
}

static struct target *list_targets(struct plan *plan, const struct faults_run *counted,
                                   unsigned long count, unsigned char *tiers)
{
    struct tally paths = {room(TALLY_SLOTS, sizeof *paths.slots)};
    struct target *targets = room(count, sizeof *targets);
    for (unsigned long i = 0; i < count; i++) {
        const struct faults_call *call = &counted->seen[i];
        targets[i] = (struct target){.number = i + 1,
                                     .nth = meet(&paths, call->path),
                                     .call = {call->site, call->path, if_mapped(call->caller)},
                                     .is_first_of_site = !meet(&sites, call->site)};
        tiers[i] = tier_of(plan, &targets[i]);
    }
    release(paths.slots, TALLY_SLOTS, sizeof *paths.slots);
    return targets;
}

static void make_order(struct plan *plan, const struct faults_run *counted, unsigned long count)
{
    unsigned char *tiers = room(count, 1);
    struct target *targets = list_targets(plan, counted, count, tiers);
    plan->order = room(count, sizeof *plan->order);
    for (unsigned long tier = 0, used = 0; tier < TIERS; tier++) {
        unsigned long first = used;
        for (unsigned long i = 0; i < count; i++)
            if (tiers[i] == tier)
                plan->order[used++] = targets[i];
        spread(plan->order + first, used - first);
        plan->end[tier] = used;
    }
    release(targets, count, sizeof *targets);
    release(tiers, count, 1);
}

/* ---- the cases, whose turn it is ---- */

static struct plan *plans;
static size_t plan_count, next_plan;
static unsigned long in_turn; /* faults of the plan whose turn it is */
static enum tier current_tier;

static bool next_count(struct job *job)
{
    if (next_plan == plan_count)
        return false;
    job->plan = &plans[next_plan++];
    job->run->aim = FAULTS_NONE;
    return true;
}

/* A run without a fault: what there is to fail. */
static void end_count(struct job *job, int bare)
{
    const char *name = job->plan->group.test->name;
    if (bare == FAULTS_SKIPPED) {
        totals.skipped++;
        printf("   FAULTS_SKIPPED %s: %s\n", group_name, name);
        print_output(job);
        return;
    }
    totals.cases++;
    if (bare != FAULTS_PASSED) {
        totals.bad_cases++;
        printf("   FINDING %s: %s %s (%d)\n", group_name, name,
               verdict_name(bare == FAULTS_ASSERTED ? FAULTS_FAILED_BARE : bare), bare);
        print_output(job);
        return;
    }
    unsigned long count = atomic_load(&job->run->calls);
    job->plan->group.left_open = job->run->left_open;
    make_order(job->plan, job->run, count < FAULTS_MAX ? count : FAULTS_MAX);
}

static struct target *next_target(struct plan *plan)
{
    return plan->started < plan->end[current_tier] ? &plan->order[plan->started++] : NULL;
}

/* All cases in turn, so that each has its part of the time. */
static bool next_fault(struct job *job)
{
    for (size_t tried = 0; tried <= plan_count && !is_past(finish_at); tried++) {
        job->plan = &plans[next_plan];
        struct target *target = in_turn++ < TURN ? next_target(job->plan) : NULL;
        if (target) {
            job->target = *target;
            job->run->aim = FAULTS_PATH;
            job->run->path = target->call.path;
            job->run->nth = target->nth;
            job->run->caller = target->call.caller;
            job->run->left_open = job->plan->group.left_open;
            return true;
        }
        next_plan = (next_plan + 1) % plan_count;
        in_turn = 0;
    }
    return false;
}

static void run_tier(enum tier tier)
{
    current_tier = tier;
    next_plan = 0;
    in_turn = 0;
    run_jobs(next_fault, judge, RUN_SECONDS);
}

static void close_plan(struct plan *plan)
{
    for (unsigned long tier = 0, first = 0; tier < TIERS; first = plan->end[tier++]) {
        unsigned long started = plan->started > first ? plan->started : first;
        totals.left[tier] += plan->end[tier] > started ? plan->end[tier] - started : 0;
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
    visited_open(getenv("FAULTS_VISITED")); /* which may lie below the /tmp that goes */
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

/* One fault, here, for a debugger. */
static void run_here(const struct faults_case *group, const char *number)
{
    struct faults_run *run = new_run();
    run->aim = FAULTS_NUMBER;
    run->number = strtoul(number, NULL, 10);
    faults_run_case(run, group);
}

static void make_plans(const struct faults_case *group, const struct CMUnitTest *tests,
                       size_t count)
{
    const char *only = getenv("FAULTS_CASE"), *number = getenv("FAULTS_TARGET");
    plans = room(count, sizeof *plans);
    for (size_t i = 0; i < count; i++) {
        if (only && strcmp(tests[i].name, only) != 0)
            continue;
        struct plan *plan = &plans[plan_count++];
        plan->group = *group;
        plan->group.test = &tests[i];
        if (only && number)
            run_here(&plan->group, number);
    }
}

static void make_jobs(void)
{
    const char *wanted = getenv("FAULTS_JOBS");
    long count = wanted ? strtol(wanted, NULL, 10) : 1;
    job_count = count < 1 ? 1 : count > JOBS_MAX ? JOBS_MAX : (unsigned)count;
    for (unsigned i = 0; i < job_count; i++)
        jobs[i] = (struct job){.run = new_run(), .output = memfd_create("output", MFD_CLOEXEC)};
}

/* FAULTS_REST: also when sites and paths had all been visited before. */
static void run_tiers(void)
{
    const char *seconds = getenv("FAULTS_SECONDS");
    finish_at = after(seconds ? atol(seconds) : 3600);
    for (enum tier tier = AGAIN; tier <= PATHS; tier++)
        run_tier(tier);
    struct timespec rest_at = after(REST_SECONDS);
    if (rest_at.tv_sec < finish_at.tv_sec)
        finish_at = rest_at;
    if (totals.faults || getenv("FAULTS_REST"))
        run_tier(CALLS);
}

static void print_totals(void)
{
    printf("%s: %u cases, %u with findings, %u skipped; %lu faults: %lu passed, %lu told, "
           "%lu findings, %lu not reached; before: %lu sites, %lu paths, %lu calls; left: %lu of "
           "%lu findings, %lu of %lu sites, %lu of %lu paths, %lu of %lu calls\n",
           group_name, totals.cases, totals.bad_cases, totals.skipped, totals.faults, totals.passed,
           totals.told, totals.found, totals.unreached, totals.before[SITES], totals.before[PATHS],
           totals.before[CALLS], totals.left[AGAIN], totals.all[AGAIN], totals.left[SITES],
           totals.all[SITES], totals.left[PATHS], totals.all[PATHS], totals.left[CALLS],
           totals.all[CALLS]);
}

__attribute__((visibility("default"))) int _cmocka_run_group_tests(const char *name,
                                                                   const struct CMUnitTest *tests,
                                                                   size_t count,
                                                                   CMFixtureFunction setup,
                                                                   CMFixtureFunction teardown)
{
    group_name = program_invocation_short_name;
    faults_learn_places();
    start_libraries();
    sites.slots = room(TALLY_SLOTS, sizeof *sites.slots);
    make_plans(&(struct faults_case){.group = name, .setup = setup, .teardown = teardown}, tests,
               count);
    make_jobs();
    run_jobs(next_count, end_count, COUNT_SECONDS);
    run_tiers();
    for (size_t i = 0; i < plan_count; i++)
        close_plan(&plans[i]);
    print_totals();
    return totals.bad_cases ? 1 : 0;
}

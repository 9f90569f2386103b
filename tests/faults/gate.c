/* gate.c - counts the calls that can fail, and picks the one that does. */
#include <execinfo.h>
#include <stdio.h>
#include <string.h>

#include "faults.h"

void __lsan_disable(void);
void __lsan_enable(void);

#define DEPTH 24 /* frames that are looked at */

/* How finely calls are told apart: by the innermost frames, be they a library's, and of the others
 * by the innermost ones of the product and the test. */
struct grain {
    int innermost, own_max;
};
static const struct grain site = {1, 1}, path = {3, 6};

static struct faults_run *_Atomic armed;
static __thread bool busy, ours; /* `ours`: the thread runs code of the product */

void faults_arm(struct faults_run *run)
{
    void *first[1];
    __lsan_disable();
    backtrace(first, 1); /* loads what it needs now */
    __lsan_enable();
    ours = true;
    atomic_store(&armed, run);
}

void faults_disarm(void)
{
    atomic_store(&armed, NULL);
}

void faults_enter_thread(void)
{
    ours = true;
}

bool faults_leave_thread(void)
{
    bool was = ours;
    ours = false;
    return was;
}

static uint32_t hash(struct grain grain, void *const *frames, int count)
{
    uint32_t sum = 2166136261u;
    for (int i = 0, own = 0; i < count && own < grain.own_max; i++) {
        bool is_own = faults_owner(frames[i]) != FAULTS_LIBRARY;
        if (i < grain.innermost || is_own)
            sum = (sum ^ (uint32_t)(uintptr_t)frames[i]) * 16777619u;
        own += is_own;
    }
    return sum ? sum : 1;
}

static void describe(struct faults_run *run, const char *what, void *const *frames, int count)
{
    snprintf(run->what, sizeof run->what, "%s", what);
    size_t used = 0;
    int named = 0;
    for (int i = 0; i < count && named < 5 && used < sizeof run->where; i++) {
        size_t offset;
        const char *name = faults_name(frames[i], &offset);
        if (*name == '?')
            continue;
        int more = snprintf(run->where + used, sizeof run->where - used, "%s%s+0x%zx",
                            named ? " < " : "", name, offset);
        used += more > 0 ? (size_t)more : 0;
        named++;
    }
}

/* Whether a test has called the library that makes the call. */
static bool is_for_test(void *const *frames, int count)
{
    int i = 0;
    while (i < count && faults_owner(frames[i]) == FAULTS_LIBRARY)
        i++;
    return i < count && faults_owner(frames[i]) == FAULTS_TEST;
}

static bool decide(struct faults_run *run, const char *what, const void *caller)
{
    void *stack[DEPTH];
    int count = backtrace(stack, DEPTH), first = 0;
    while (first < count && stack[first] != caller)
        first++;
    if (is_for_test(stack + first, count - first))
        return false;
    unsigned long number = atomic_fetch_add(&run->calls, 1) + 1;
    if (!run->target && number <= FAULTS_MAX) {
        run->sites[number - 1] = hash(site, stack + first, count - first);
        run->paths[number - 1] = hash(path, stack + first, count - first);
    }
    if (number != run->target)
        return false;
    describe(run, what, stack + first, count - first);
    atomic_store(&run->hit, true);
    return true;
}

bool faults_hit(const char *what, const void *caller)
{
    struct faults_run *run = atomic_load_explicit(&armed, memory_order_relaxed);
    if (!run || busy || !ours || faults_owner(caller) == FAULTS_TEST)
        return false;
    busy = true;
    bool hit = decide(run, what, caller);
    busy = false;
    return hit;
}

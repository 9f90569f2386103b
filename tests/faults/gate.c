/* gate.c - looks at the calls that can fail, and picks the one that does.
 *
 * In the counting run every call is looked at. In a run with a fault only those are that come from
 * where the target comes from; the others cost a comparison.
 */
#include <stdio.h>
#include <string.h>

#include "faults.h"
#include "stack.h"

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
    faults_stack_warm_up();
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

/* The same in every process of one program, wherever it and its libraries lie. */
static uint64_t hash(struct grain grain, const struct faults_stack *stack)
{
    uint64_t sum = 1;
    for (int i = 0, own = 0; i < stack->count && own < grain.own_max; i++) {
        bool is_own = faults_owner(stack->frames[i]) != FAULTS_LIBRARY;
        if (i < grain.innermost || is_own)
            sum = faults_mix(sum, faults_where(stack->frames[i]));
        own += is_own;
    }
    return sum;
}

static void describe(struct faults_run *run, const char *what, const struct faults_stack *stack)
{
    snprintf(run->what, sizeof run->what, "%s", what);
    size_t used = 0;
    int named = 0;
    for (int i = 0; i < stack->count && named < 5 && used < sizeof run->where; i++) {
        size_t offset;
        const char *name = faults_name(stack->frames[i], &offset);
        if (*name == '?')
            continue;
        int more = snprintf(run->where + used, sizeof run->where - used, "%s%s+0x%zx",
                            named ? " < " : "", name, offset);
        used += more > 0 ? (size_t)more : 0;
        named++;
    }
}

/* Whether a test has called the library that makes the call. */
static bool is_for_test(const struct faults_stack *stack)
{
    int i = 0;
    while (i < stack->count && faults_owner(stack->frames[i]) == FAULTS_LIBRARY)
        i++;
    return i < stack->count && faults_owner(stack->frames[i]) == FAULTS_TEST;
}

/* What a stack means is found once for each. */
static const struct faults_stack *look(const void *caller, const void *frame)
{
    struct faults_stack *stack = faults_stack_take(caller, frame);
    if (!stack->is_known) {
        stack->for_test = is_for_test(stack);
        stack->site = hash(site, stack);
        stack->path = hash(path, stack);
        stack->is_known = true;
    }
    return stack;
}

static bool is_target(struct faults_run *run, const struct faults_stack *stack)
{
    unsigned long number = atomic_fetch_add(&run->calls, 1) + 1;
    switch (run->aim) {
    case FAULTS_NONE:
        if (number <= FAULTS_MAX)
            run->seen[number - 1] = (struct faults_call){stack->site, stack->path, stack->caller};
        return false;
    case FAULTS_NUMBER: return number == run->number;
    default: return stack->path == run->path && atomic_fetch_add(&run->met, 1) == run->nth;
    }
}

static bool decide(struct faults_run *run, const char *what, const void *caller, const void *frame)
{
    const struct faults_stack *stack = look(caller, frame);
    if (stack->for_test || !is_target(run, stack))
        return false;
    describe(run, what, stack);
    atomic_store(&run->hit, true);
    return true;
}

bool faults_hit(const char *what, const void *caller)
{
    struct faults_run *run = atomic_load_explicit(&armed, memory_order_relaxed);
    if (!run || busy || !ours || faults_owner(caller) == FAULTS_TEST)
        return false;
    if (run->aim != FAULTS_NONE && atomic_load_explicit(&run->hit, memory_order_relaxed))
        return false;
    if (run->aim == FAULTS_PATH && run->caller && caller != run->caller)
        return false;
    busy = true;
    bool hit = decide(run, what, caller, __builtin_frame_address(0));
    busy = false;
    return hit;
}

/* stack.c - unwinds stacks, and keeps those that were unwound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#include "stack.h"

void __lsan_disable(void);
void __lsan_enable(void);

enum { BUCKETS = 256, WAYS = 4, KEPT_FROM = 64 /* calls of a thread, before it keeps any */ };

struct kept {
    unsigned next[BUCKETS]; /* the way that is given up next */
    struct faults_stack stacks[BUCKETS][WAYS];
};

static __thread struct kept *kept;
static __thread unsigned calls;
static __thread struct faults_stack only; /* of a thread that keeps none */

struct walk {
    struct faults_stack *stack;
    bool has_begun, is_plain; /* every return address lies below its frame's end */
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *given)
{
    struct walk *walk = given;
    struct faults_stack *stack = walk->stack;
    uintptr_t address = _Unwind_GetIP(context);
    walk->has_begun |= address == (uintptr_t)stack->caller;
    if (!address) /* behind the outermost frame */
        return _URC_END_OF_STACK;
    if (!walk->has_begun)
        return _URC_NO_REASON;
    const uintptr_t *slot = (const uintptr_t *)_Unwind_GetCFA(context) - 1;
    walk->is_plain &= *slot == address;
    stack->frames[stack->count] = (const void *)address;
    stack->slots[stack->count] = slot;
    return ++stack->count < FAULTS_DEPTH ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

/* Whether it can be known again. */
static bool unwind(struct faults_stack *stack, const void *caller, const void *frame)
{
    struct walk walk = {.stack = stack, .is_plain = true};
    stack->caller = caller;
    stack->frame = frame;
    stack->count = 0;
    stack->is_known = false;
    _Unwind_Backtrace(step, &walk);
    return walk.is_plain && stack->count;
}

static bool is_same(const struct faults_stack *stack, const void *caller, const void *frame)
{
    if (stack->caller != caller || stack->frame != frame)
        return false;
    for (int i = 0; i < stack->count; i++)
        if (*stack->slots[i] != (uintptr_t)stack->frames[i])
            return false;
    return true;
}

static struct kept *room_of_thread(void)
{
    if (!kept && ++calls > KEPT_FROM) {
        kept = mmap(NULL, sizeof *kept, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (kept == MAP_FAILED) {
            kept = NULL;
            calls = 0;
        }
    }
    return kept;
}

struct faults_stack *faults_stack_take(const void *caller, const void *frame)
{
    struct kept *room = room_of_thread();
    if (!room) {
        unwind(&only, caller, frame);
        return &only;
    }
    unsigned bucket = (unsigned)(((uintptr_t)caller * 31 + ((uintptr_t)frame >> 4)) % BUCKETS);
    for (unsigned way = 0; way < WAYS; way++)
        if (is_same(&room->stacks[bucket][way], caller, frame))
            return &room->stacks[bucket][way];
    struct faults_stack *stack = &room->stacks[bucket][room->next[bucket]];
    if (!unwind(stack, caller, frame))
        stack->frame = NULL; /* no call has this one: it is not met again */
    else
        room->next[bucket] = (room->next[bucket] + 1) % WAYS;
    return stack;
}

void faults_stack_warm_up(void)
{
    __lsan_disable();
    unwind(&only, __builtin_return_address(0), __builtin_frame_address(0));
    __lsan_enable();
}

void faults_stack_forget(void)
{
    if (kept)
        munmap(kept, sizeof *kept);
    kept = NULL;
    calls = 0;
}

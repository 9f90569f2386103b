/* rounds_test.c - many hostile runs, and after each the whole state is a fresh micro-VM's.
 *
 * A round is a few random acts and an end: in order, left at a host call that nobody answers, with
 * flags that have an exception on its way, or stopped by an alarm at a random moment. Memory, page
 * tables, registers and vector state are then compared whole.
 *
 * What is broken always shows within a few rounds; what is rare is for `make test-clean`, for which
 * $CLOCHE_TEST_SHARE 1000 makes a thousand rounds each way out of a hundred.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

/* By which the pages that a run wrote are found: the kernel lists them, their entries are read (as
 * before Linux 6.7), or nothing can be known and all is dropped. */
enum way { WAY_SCAN, WAY_READ, WAY_DROP };

#define AT_ONCE 100  /* rounds with a comparison after each */
#define IN_A_ROW 100 /* rounds with a comparison now and then: restores rely on what they know */
#define DROPPING 40  /* rounds that drop all */
#define LEAST 20     /* of each image, whatever the share */

struct rounds {
    struct clo_vm *vm;
    uint64_t random;
    uint64_t dirty; /* what GUEST_DIRTY may touch here */
    struct guest_state first;
    unsigned in_order, left, stopped;
};

static uint32_t dice(struct rounds *rounds, uint32_t sides)
{
    rounds->random = rounds->random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(rounds->random >> 33) % sides;
}

/* ---- how a run ends ---- */

/* Go on until the run ends or is stopped, or has made `calls` host calls, the last unanswered. */
static enum clo_vm_exit_kind go(struct rounds *rounds, unsigned calls)
{
    struct clo_vm *vm = rounds->vm;
    struct clo_control *control = clo_vm_control(vm);
    struct clo_vm_exit exit;
    struct clo_error error;
    for (;;) {
        if (clo_vm_resume(vm, &exit, &error))
            fail_msg("resume: %s", error.message);
        if (exit.kind == CLO_VM_KICKED) {
            rounds->stopped++;
            return exit.kind;
        }
        if (exit.kind != CLO_VM_HOST_CALL)
            fail_msg("exit %d, vector %u, address %#llx, rip %#llx, %s", exit.kind, exit.vector,
                     (unsigned long long)exit.fault_address, (unsigned long long)exit.rip,
                     exit.reason);
        if (control->op == CLO_OP_DONE) {
            rounds->in_order++;
            return exit.kind;
        }
        if (!--calls) {
            rounds->left++;
            return exit.kind;
        }
        if (control->op == CLO_OP_GROW)
            control->status =
                clo_vm_grow(vm, (enum clo_region)control->args[0], control->args[1], &error) != 0;
    }
}

#define FOR_EVER 1000000u

static void run(struct rounds *rounds, uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    harness_command(rounds->vm, op, a, b, c);
    go(rounds, FOR_EVER);
}

static void leave_at_a_call(struct rounds *rounds)
{
    /* CF, ZF, SF, DF, OF, NT, AC, ID; TF: a debug exception behind the OUT */
    static const uint64_t flags[] = {0x2,      0x8d7,    0x400, 0x40000,
                                     0x200000, 0x244cd5, 0x100, 0x40500};
    uint64_t what = rounds->dirty | (dice(rounds, 4) ? 0 : DIRTY_KEYS);
    if (what & DIRTY_NO_THREAD) /* before Linux 6.12 no signal reaches a process without keys */
        what &= ~(uint64_t)DIRTY_KEYS;
    switch (dice(rounds, 4)) {
    case 0:
    case 1:
        harness_command(rounds->vm, GUEST_LEAVE, what, flags[dice(rounds, 8)], rounds->random);
        go(rounds, 1);
        break;
    case 2:
        harness_command(rounds->vm, GUEST_CALLS, 100, 0, 0);
        go(rounds, 1 + dice(rounds, 99));
        break;
    default: /* asked for, and perhaps granted, but never answered */
        harness_command(rounds->vm, GUEST_GROW, dice(rounds, 2), (4 + dice(rounds, 20)) * MIB, 0);
        go(rounds, 1);
        if (dice(rounds, 2))
            clo_vm_grow(rounds->vm, CLO_REGION_LINEAR, (4 + dice(rounds, 20)) * MIB, NULL);
    }
}

/* An alarm at a random moment of whatever the guest does. */
static void stop_somewhere(struct rounds *rounds)
{
    struct clo_vm *vm = rounds->vm;
    switch (dice(rounds, 6)) {
    case 0: harness_command(vm, GUEST_SPIN, 0, 0, 0); break;
    case 1: harness_command(vm, GUEST_SPIN_CALLS, 0, 0, 0); break;
    case 2: harness_command(vm, GUEST_SCRIBBLE, rounds->random, 3000, 0); break;
    case 3: harness_command(vm, GUEST_CALLS, 60, 0, 0); break;
    case 4: harness_command(vm, GUEST_DIRTY, rounds->dirty, 0, rounds->random); break;
    default: /* into memory that has grown just now */
        run(rounds, GUEST_GROW, 0, 24 * MIB, 0);
        harness_command(vm, GUEST_TOUCH, 4 * MIB, 20 * MIB, 4096);
    }
    assert_int_equal(clo_vm_alarm(vm, 10000 + 1000ull * dice(rounds, 700), 0, NULL), 0);
    enum clo_vm_exit_kind end = go(rounds, FOR_EVER);
    if (end == CLO_VM_KICKED && dice(rounds, 2)) { /* interrupted, it goes on, is stopped again */
        clo_vm_interrupt(vm);
        assert_int_equal(clo_vm_alarm(vm, 1000ull * (1 + dice(rounds, 200)), 0, NULL), 0);
        go(rounds, FOR_EVER);
    }
}

/* ---- a round ---- */

static void act(struct rounds *rounds)
{
    struct clo_vm *vm = rounds->vm;
    uint32_t length;
    switch (dice(rounds, 10)) {
    case 0: run(rounds, GUEST_GROW, dice(rounds, 2), (4 + dice(rounds, 30)) * MIB, 0); break;
    case 1: run(rounds, GUEST_DIRTY, rounds->dirty, 0, rounds->random); break;
    case 2: run(rounds, GUEST_DEEP, dice(rounds, 4000000), 0, 0); break;
    case 3: clo_vm_interrupt(vm); break;
    case 4: run(rounds, GUEST_ALIGNED, 0, 0, 0); break;
    case 5: run(rounds, GUEST_PRINT, 1 + dice(rounds, 2), dice(rounds, 36), 0); break;
    case 6: /* the host's messages, and the guest's, of any size */
        length = dice(rounds, dice(rounds, 2) ? 9000 : CLO_MESSAGE_MAX);
        memset(clo_vm_reply_area(vm), 0xee, length);
        clo_vm_used_reply(vm, length);
        break;
    case 7:
        length = 1 + dice(rounds, dice(rounds, 2) ? 9000 : 3 << 20);
        run(rounds, GUEST_TOUCH, CLO_WINDOW_VA + CLO_WINDOW_CALL, length, 512);
        clo_vm_used_call(vm, dice(rounds, 2) ? length : 0);
        break;
    default: /* now a few pages, now so many that they are not worth keeping */
        run(rounds, GUEST_SCRIBBLE, rounds->random, dice(rounds, 9) ? dice(rounds, 200) : 3000, 0);
    }
}

static void one_round(struct rounds *rounds)
{
    for (uint32_t acts = dice(rounds, 4); acts; acts--)
        act(rounds);
    switch (dice(rounds, 4)) {
    case 0: run(rounds, GUEST_DIRTY, rounds->dirty, 0, rounds->random); break;
    case 1: leave_at_a_call(rounds); break;
    case 2: stop_somewhere(rounds); break;
    default: act(rounds);
    }
    harness_restore(rounds->vm);
}

static void read_start(struct rounds *rounds, struct guest_state *state)
{
    harness_run(rounds->vm, GUEST_STATE, rounds->dirty, 0, 0);
    memcpy(state, clo_vm_call_area(rounds->vm), sizeof *state);
    clo_vm_used_call(rounds->vm, sizeof *state);
    harness_restore(rounds->vm);
}

/* The host's view is a fresh one's; and so is the guest's, of its registers and its data. */
static void check(struct rounds *rounds, unsigned number)
{
    struct guest_state state;
    if (clo_vm_compare(rounds->vm))
        fail_msg("round %u left something", number);
    if (number % 4)
        return;
    read_start(rounds, &state);
    assert_memory_equal(&state, &rounds->first, sizeof state);
    assert_int_equal(harness_run(rounds->vm, GUEST_DATA, 0, 0, 0), 0x1122334455667788);
    harness_restore(rounds->vm);
}

static void rounds_by(enum way way, int image, unsigned count, uint32_t most_between)
{
    struct clo_vm_config config = {.memory_limit = 64 * MIB, .scan_fallback = way == WAY_READ};
    struct rounds rounds = {.vm = harness_vm_of(harness_image[image], &config),
                            .random = 12345 + 100 * (unsigned)image + 10 * way + most_between};
    if (way == WAY_DROP)
        rounds.vm->pagemap = -1;
    if (harness_isolation == CLO_ISOLATION_PROCESS)
        rounds.dirty = DIRTY_NO_THREAD;
    else
        rounds.dirty = getauxval(AT_HWCAP2) & 2 ? DIRTY_BASES : 0;
    read_start(&rounds, &rounds.first);
    uint32_t wait = 1;
    for (unsigned i = 1; i <= count; i++) {
        one_round(&rounds);
        if (--wait == 0 || i == count) {
            check(&rounds, i);
            wait = 1 + dice(&rounds, most_between);
        }
    }
    printf(
        "%u rounds (XCR0 %#llx): of their runs %u ended in order, %u were left at a call, %u were stopped\n",
        count, (unsigned long long)rounds.first.wide, rounds.in_order, rounds.left, rounds.stopped);
    clo_vm_destroy(rounds.vm);
}

static unsigned share_of(unsigned rounds)
{
    unsigned share = harness_rounds(rounds);
    return share < LEAST ? LEAST : share;
}

static void rounds_of(enum way way)
{
    for (int image = 0; image < 2; image++) {
        rounds_by(way, image, share_of(AT_ONCE / 2), 1);
        rounds_by(way, image, share_of(IN_A_ROW / 2), 16);
    }
}

static void nothing_is_left_by_scanning(void **state)
{
    (void)state;
    rounds_of(WAY_SCAN);
}

static void nothing_is_left_by_reading_entries(void **state)
{
    (void)state;
    rounds_of(WAY_READ);
}

static void nothing_is_left_by_dropping_all(void **state)
{
    (void)state;
    rounds_by(WAY_DROP, 0, share_of(DROPPING), 2);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_by_scanning),
        cmocka_unit_test(nothing_is_left_by_reading_entries),
        cmocka_unit_test(nothing_is_left_by_dropping_all),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

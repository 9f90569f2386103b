/* restore_test.c - after a restore nothing of the run before is left: memory, registers, growth.
 * rounds_test.c does the same by the thousand. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET 0x5ec2e7a115ec2e7aull

/* The three ways to restore: the kernel lists written pages, the pages' entries are read, nothing
 * can be known and all is dropped. */
#define WAYS 3

static struct clo_vm *vm_by(size_t way, int image)
{
    struct clo_vm_config config = {.memory_limit = 64 * MIB, .scan_fallback = way == 1};
    struct clo_vm *vm = harness_vm_of(harness_image[image], &config);
    if (way == 2)
        vm->pagemap = -1;
    return vm;
}

static void grown_memory_is_gone(void **state)
{
    (void)state;
    /* One run grows and writes a secret; the next reads there and must fault, or, having grown
     * again, must find zeros. Whole chunks and tails, both regions. */
    static const uint64_t sizes[] = {4 * MIB, 10 * MIB, 10 * MIB + 64 * KIB, 40 * MIB};
    int rounds = 1 + (int)harness_rounds(2);
    for (size_t way = 0; way < WAYS; way++) {
        for (int region = 0; region < 2; region++) {
            uint64_t va = region ? CLO_HEAP_VA : CLO_LINEAR_VA;
            uint64_t initial = region ? GUEST_HEAP : GUEST_LINEAR;
            for (size_t i = 0; i < 4; i++) {
                struct clo_vm *vm = vm_by(way, 0);
                for (int round = 0; round < rounds; round++) {
                    assert_int_equal(harness_run(vm, GUEST_GROW, region, sizes[i], 0), 0);
                    assert_int_equal(
                        harness_run(vm, GUEST_SUM, va + initial, sizes[i] - initial, 0), 0);
                    harness_run(vm, GUEST_POKE, va + initial, SECRET, 0);
                    harness_run(vm, GUEST_POKE, va + sizes[i] - 8, SECRET, 0);
                    harness_run(vm, GUEST_TOUCH, va + initial, sizes[i] - initial, 4096);
                    harness_restore(vm);
                    assert_int_equal(clo_vm_region_size(vm, (enum clo_region)region), initial);
                    assert_int_equal(clo_vm_compare(vm), 0);
                }
                uint64_t where = i % 2 ? va + initial : va + sizes[i] - 8;
                struct clo_vm_exit exit = harness_fault(vm, GUEST_PEEK, where, 0);
                assert_int_equal(exit.vector, 14);
                assert_int_equal(exit.fault_address, where);
                clo_vm_destroy(vm);
            }
        }
    }
}

static void a_smaller_growth_shows_no_more(void **state)
{
    (void)state;
    /* A chunk that was one large entry in the last run is a few small ones in this. */
    for (size_t way = 0; way < WAYS; way++) {
        struct clo_vm *vm = vm_by(way, 0);
        harness_run(vm, GUEST_GROW, 0, 8 * MIB, 0);
        harness_run(vm, GUEST_TOUCH, 4 * MIB, 4 * MIB, 4096);
        harness_restore(vm);
        harness_run(vm, GUEST_GROW, 0, 4 * MIB + 128 * KIB, 0);
        harness_run(vm, GUEST_TOUCH, 4 * MIB, 128 * KIB, 4096);
        struct clo_vm_exit exit = harness_fault(vm, GUEST_PEEK, 4 * MIB + 128 * KIB, 0);
        assert_int_equal(exit.fault_address, 4 * MIB + 128 * KIB);
        clo_vm_destroy(vm);
        /* and the other way round */
        vm = vm_by(way, 0);
        harness_run(vm, GUEST_GROW, 0, 4 * MIB + 128 * KIB, 0);
        harness_run(vm, GUEST_TOUCH, 4 * MIB, 128 * KIB, 4096);
        harness_restore(vm);
        harness_run(vm, GUEST_GROW, 0, 6 * MIB, 0);
        assert_int_equal(harness_run(vm, GUEST_SUM, 4 * MIB, 2 * MIB, 0), 0);
        harness_run(vm, GUEST_TOUCH, 4 * MIB, 2 * MIB, 4096);
        exit = harness_fault(vm, GUEST_PEEK, 6 * MIB, 0);
        assert_int_equal(exit.fault_address, 6 * MIB);
        clo_vm_destroy(vm);
    }
}

static void regions_never_alias(void **state)
{
    (void)state;
    /* The pool is used from both ends. Run after run a different region takes nearly all of it, so
     * that chunks change their owner; a word at each chunk tells whose it is. */
    for (size_t way = 0; way < WAYS; way++) {
        struct clo_vm *vm = vm_by(way, 0);
        for (int round = 0; round < 8; round++) {
            int big = round % 2, small = !big;
            uint64_t va[2] = {CLO_LINEAR_VA, CLO_HEAP_VA};
            uint64_t size[2];
            size[big] = 56 * MIB;
            size[small] = 6 * MIB;
            harness_run(vm, GUEST_GROW, small, size[small], 0);
            harness_run(vm, GUEST_POKE, va[small] + size[small] - 8, 77, 0);
            harness_run(vm, GUEST_GROW, big, size[big], 0);
            for (int r = 0; r < 2; r++)
                for (uint64_t at = 4 * MIB; at < size[r]; at += 2 * MIB)
                    harness_run(vm, GUEST_POKE, va[r] + at, (uint64_t)(r + 1) << 32 | at, 0);
            for (int r = 0; r < 2; r++)
                for (uint64_t at = 4 * MIB; at < size[r]; at += 2 * MIB)
                    assert_int_equal(harness_run(vm, GUEST_PEEK, va[r] + at, 0, 0),
                                     (uint64_t)(r + 1) << 32 | at);
            assert_int_equal(harness_run(vm, GUEST_PEEK, va[small] + size[small] - 8, 0, 0), 77);
            if (round == 7) { /* what the other region's chunks were must not show through */
                struct clo_vm_exit exit = harness_fault(vm, GUEST_PEEK, va[small] + 40 * MIB, 0);
                assert_int_equal(exit.fault_address, va[small] + 40 * MIB);
                break;
            }
            harness_restore(vm);
            assert_int_equal(clo_vm_compare(vm), 0);
        }
        clo_vm_destroy(vm);
    }
}

/* What a run may dirty beside the rest: what is the host's thread's it leaves alone. */
static uint64_t bases(void)
{
    if (harness_isolation == CLO_ISOLATION_PROCESS)
        return DIRTY_NO_THREAD;
    return getauxval(AT_HWCAP2) & 2 ? DIRTY_BASES : 0;
}

static void read_start(struct clo_vm *vm, struct guest_state *state)
{
    harness_run(vm, GUEST_STATE, bases(), 0, 0);
    memcpy(state, clo_vm_call_area(vm), sizeof *state);
    clo_vm_used_call(vm, sizeof *state);
}

static void registers_are_clean(void **state)
{
    (void)state;
    for (size_t way = 0; way < WAYS; way++) {
        struct clo_vm *vm = vm_by(way, 0);
        struct guest_state fresh, after;
        read_start(vm, &fresh);
        uint32_t mxcsr;
        memcpy(&mxcsr, fresh.fx + 24, sizeof mxcsr);
        assert_int_equal(mxcsr, 0x1f80);
        harness_restore(vm);
        for (uint64_t seed = 1; seed <= 20; seed++) {
            harness_run(vm, GUEST_DIRTY, seed % 3 ? bases() : bases() & ~DIRTY_BASES, 0, seed);
            harness_restore(vm);
            if (seed % 2)
                assert_int_equal(clo_vm_compare(vm), 0);
            read_start(vm, &after);
            assert_memory_equal(&fresh, &after, sizeof fresh);
            harness_restore(vm);
        }
        clo_vm_destroy(vm);
    }
}

static void a_session_starts_with_clean_registers_too(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    struct guest_state fresh, after;
    read_start(vm, &fresh);
    for (uint64_t seed = 0; seed < 10; seed++) {
        harness_run(vm, GUEST_DIRTY, bases(), 0, seed);
        read_start(vm, &after);
        assert_memory_equal(&fresh, &after, sizeof fresh);
    }
    clo_vm_destroy(vm);
}

static void what_a_run_forbids_itself_the_next_may(void **state)
{
    (void)state;
    harness_only(CLO_ISOLATION_MICROVM); /* before Linux 6.12 no signal reaches such a process */
    /* A run whose last act denies it all access to its memory. */
    for (size_t way = 0; way < WAYS; way++) {
        struct clo_vm *vm = vm_by(way, 0);
        struct guest_state fresh, after;
        struct clo_vm_exit exit;
        struct clo_error error;
        read_start(vm, &fresh);
        harness_restore(vm);
        for (int session = 0; session < 2; session++) {
            harness_command(vm, GUEST_LEAVE, bases() | DIRTY_KEYS, 0x2, 7);
            if (clo_vm_resume(vm, &exit, &error))
                fail_msg("resume: %s", error.message);
            assert_int_equal(exit.kind, CLO_VM_HOST_CALL);
            if (!session)
                harness_restore(vm);
            assert_int_equal(harness_run(vm, GUEST_ECHO, 5, 0, 0), 5);
            read_start(vm, &after);
            assert_memory_equal(&fresh, &after, sizeof fresh);
        }
        harness_restore(vm);
        assert_int_equal(clo_vm_compare(vm), 0);
        clo_vm_destroy(vm);
        if (!way && !(fresh.wide & GUEST_KEYS))
            printf("this processor has no protection keys\n");
    }
}

/* ---- extended state, set by the host: also what this payload cannot reach, and another could ----
 */

#define XSAVE_COMPONENTS 512

static const struct kvm_cpuid_entry2 *component_of(const struct clo_vm *vm, uint32_t number)
{
    const struct kvm_cpuid2 *cpuid = vm->kvm->cpuid;
    for (uint32_t i = 0; i < cpuid->nent; i++)
        if (cpuid->entries[i].function == 0xd && cpuid->entries[i].index == number)
            return &cpuid->entries[i];
    return NULL;
}

/* Have one component, from the second on, in use, with this in its last word; false: KVM knows none
 * of that number, or not in here. */
static bool put_component(const struct clo_vm *vm, uint8_t xsave[4096], uint32_t number,
                          uint64_t word)
{
    const struct kvm_cpuid_entry2 *all = component_of(vm, 0), *one = component_of(vm, number);
    if (!all || !(all->eax >> number & 1))
        return false;
    uint32_t offset = number == 1 ? 160 : one->ebx, size = number == 1 ? 256 : one->eax;
    if (offset + size > 4096)
        return false;
    memcpy(xsave + offset + size - sizeof word, &word, sizeof word);
    xsave[XSAVE_COMPONENTS + number / 8] |= (uint8_t)(1u << number % 8);
    return true;
}

static void begin_xsave(const struct clo_vm *vm, uint8_t xsave[4096])
{
    memcpy(xsave, vm->kvm->clean, 4096);
    memset(xsave + XSAVE_COMPONENTS, 0, 8);
    xsave[XSAVE_COMPONENTS] = 3;
}

static void set_xsave(struct clo_vm *vm, const uint8_t xsave[4096])
{
    if (ioctl(vm->vcpu, KVM_SET_XSAVE, xsave))
        fail_msg("KVM_SET_XSAVE: %s", strerror(errno));
}

static void every_component_is_cleaned(void **state)
{
    (void)state;
    harness_only(CLO_ISOLATION_MICROVM);
    struct clo_vm *vm = harness_vm(NULL);
    uint8_t xsave[4096];
    unsigned known = 0;
    for (uint32_t number = 1; number < 32; number++) {
        begin_xsave(vm, xsave);
        if (!put_component(vm, xsave, number, 0x54545454))
            continue;
        known |= 1u << number;
        set_xsave(vm, xsave);
        assert_true(clo_vm_compare(vm) > 0); /* it is seen, */
        vm->used = true;
        harness_restore(vm);
        if (clo_vm_compare(vm)) /* and is gone */
            fail_msg("component %u survives a restore", number);
    }
    printf("components that KVM knows, beside the x87 unit's: %#x\n", known);
    clo_vm_destroy(vm);
}

static void what_the_processor_tracks_is_no_state(void **state)
{
    (void)state;
    harness_only(CLO_ISOLATION_MICROVM);
    /* A component that holds its initial values may be marked as in use or not: the processor
     * decides, and no run can tell. */
    struct clo_vm *vm = harness_vm(NULL), *fresh = harness_vm(NULL);
    uint8_t xsave[4096];
    begin_xsave(vm, xsave);
    for (uint32_t number = 1; number < 32; number++)
        put_component(vm, xsave, number, 0);
    set_xsave(vm, xsave);
    assert_int_equal(clo_state_compare(vm, fresh), 0);
    clo_vm_destroy(fresh);
    clo_vm_destroy(vm);
}

static void known_pages_by(size_t way)
{
    struct clo_vm *vm = vm_by(way, 0);
    if (vm->pagemap < 0) {
        printf("SKIP: /proc/self/pagemap cannot be read: restores drop everything here\n");
        clo_vm_destroy(vm);
        return;
    }
    for (int i = 0; i < 20; i++) {
        harness_run(vm, GUEST_SCRIBBLE, 99, 100, 0);
        harness_restore(vm);
    }
    long seen = -1;
    size_t pages;
    for (int i = 0; i < 20; i++) {
        harness_run(vm, GUEST_SCRIBBLE, 99, 100, 0);
        assert_int_equal(clo_vm_restore(vm, &pages, NULL), 0);
        assert_true(pages > 0 && pages < 200);
    }
    /* scribble reaches areas that are given back each time: leave those out for the real claim */
    for (int i = 0; i < 20; i++) {
        harness_run(vm, GUEST_TOUCH, GUEST_FIRST, 400 * KIB, 4096);
        harness_restore(vm);
        if (i == 10)
            seen = vm->faults_seen;
    }
    assert_int_equal(vm->faults_seen, seen);
    assert_int_equal(clo_vm_compare(vm), 0);
    seen = vm->faults_seen;
    harness_run(vm, GUEST_TOUCH, GUEST_FIRST, 400 * KIB, 4096);
    harness_restore(vm);
    assert_int_equal(vm->faults_seen, seen); /* compare did not disturb the count */
    clo_vm_destroy(vm);
}

static void the_known_pages_are_enough(void **state)
{
    (void)state;
    /* The same run again and again: no page becomes private any more, so nothing is scanned. */
    for (size_t way = 0; way < 2; way++)
        known_pages_by(way);
}

static int way_with(const char *forced)
{
    struct clo_scan scan;
    static uint8_t page[CLO_PAGE_SIZE];
    if (setenv("CLOCHE_SCAN_FALLBACK", forced, 1))
        _exit(9);
    enum clo_scan_way way = clo_scan_way();
    clo_scan_begin(&scan, clo_scan_open(), false, page, sizeof page);
    if (scan.by_reading != (way != CLO_SCAN_KERNEL) || (scan.pagemap < 0) != (way == CLO_SCAN_NONE))
        _exit(8);
    return (int)way;
}

/* The descriptor is opened once for a process: each answer is a child's. */
static int in_a_child(const char *forced)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(way_with(forced));
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void a_switch_forces_the_fallback(void **state)
{
    (void)state;
    assert_int_equal(in_a_child("1"), CLO_SCAN_READ);
    assert_int_equal(in_a_child("drop"), CLO_SCAN_NONE);
    assert_int_equal(in_a_child("0"), in_a_child(""));
}

/* Hot pages: neighbours and single ones, of the stack too, and one that does not stay resident. */
static void without_pagemap_hot_pages_stay(void **state)
{
    (void)state;
    static uint32_t hot[] = {GUEST_FIRST / CLO_PAGE_SIZE,
                             GUEST_FIRST / CLO_PAGE_SIZE + 1,
                             GUEST_FIRST / CLO_PAGE_SIZE + 5,
                             CLO_STACK_VA / CLO_PAGE_SIZE,
                             (CLO_STACK_VA + CLO_STACK_SIZE) / CLO_PAGE_SIZE - 1,
                             CLO_WINDOW_VA / CLO_PAGE_SIZE};
    struct clo_image *image = (struct clo_image *)harness_image[0];
    const uint32_t count = image->header.hot_count;
    uint32_t *own = image->hot;
    image->hot = hot;
    image->header.hot_count = sizeof hot / sizeof *hot;
    struct clo_vm *vm = vm_by(2, 0);
    for (unsigned i = 0; i < harness_rounds(20); i++) {
        size_t pages;
        harness_run(vm, GUEST_TOUCH, GUEST_FIRST, 10 * CLO_PAGE_SIZE, 8);
        harness_run(vm, GUEST_SCRIBBLE, i, 100, 0);
        assert_int_equal(clo_vm_restore(vm, &pages, NULL), 0);
        assert_int_equal(pages, 5);
        assert_int_equal(clo_vm_compare(vm), 0);
    }
    clo_vm_destroy(vm);
    image->hot = own;
    image->header.hot_count = count;
}

static void kept_memory_is_bounded(void **state)
{
    (void)state;
    /* Runs that write more than is worth keeping, and then one that does not. */
    struct clo_vm *vm = harness_vm(NULL);
    uint64_t bss = harness_run(vm, GUEST_BSS, 0, 0, 0);
    _Static_assert(GUEST_BSS_SIZE > CLO_KEEP_PAGES * CLO_PAGE_SIZE, "the run passes the bound");
    for (int i = 0; i < 3; i++) {
        harness_run(vm, GUEST_TOUCH, GUEST_FIRST, GUEST_LINEAR - GUEST_FIRST, 4096);
        harness_run(vm, GUEST_TOUCH, CLO_WINDOW_VA + CLO_WINDOW_CALL, 8 * MIB, 4096);
        harness_run(vm, GUEST_TOUCH, CLO_STACK_VA, CLO_STACK_SIZE - 8192, 4096);
        if (i != 1)
            harness_run(vm, GUEST_TOUCH, bss, GUEST_BSS_SIZE, 4096);
        harness_restore(vm);
        if (i != 1)
            assert_int_equal(vm->known_pages, 0);
        assert_true(vm->known_pages <= CLO_KEEP_PAGES);
        assert_int_equal(clo_vm_compare(vm), 0);
        assert_int_equal(harness_run(vm, GUEST_DATA, 0, 0, 0), 0x1122334455667788);
        harness_restore(vm);
    }
    clo_vm_destroy(vm);
}

/* Flags that the kernel has for the mapping of an address, as smaps writes them: " rd wr mr ". */
static void mapping_flags(const uint8_t *address, char flags[256])
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    unsigned long from, to;
    bool here = false;
    assert_non_null(file);
    flags[0] = '\0';
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, 256, "%.255s", line + 8);
    }
    fclose(file);
    assert_true(flags[0]);
}

static void what_is_tracked_by_pages_has_no_huge_ones(void **state)
{
    (void)state;
    /* Even where the kernel makes huge pages of all it can ("always"): one touch would be 2 MiB to
     * copy back. What grows by whole chunks may have them, and is given back as a whole. */
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK)) {
        printf("SKIP: this kernel has no huge pages of that kind\n");
        return;
    }
    for (int image = 0; image < 2; image++) {
        struct clo_vm *vm = vm_by(0, image);
        char flags[256];
        for (unsigned i = 0; i < vm->part_count; i++) {
            mapping_flags(clo_vm_at(vm, vm->parts[i].offset), flags);
            if (!strstr(flags, " nh ") || strstr(flags, " hg "))
                fail_msg("part %u has the flags%s", i, flags);
        }
        if (vm->layout.system_size) {
            mapping_flags(vm->memory, flags);
            assert_non_null(strstr(flags, " nh "));
        }
        harness_run(vm, GUEST_GROW, 0, 10 * MIB + 64 * KIB, 0);
        harness_restore(vm);
        harness_run(vm, GUEST_GROW, 0, GUEST_LINEAR + 64 * KIB, 0); /* within a chunk */
        mapping_flags(clo_memory_at(vm, GUEST_LINEAR), flags);
        assert_non_null(strstr(flags, " nh "));
        clo_vm_destroy(vm);
    }
}

static void many_micro_vms_side_by_side(void **state)
{
    (void)state;
    harness_only(CLO_ISOLATION_MICROVM);
    enum { COUNT = 12 };
    struct clo_vm *vms[COUNT];
    for (int i = 0; i < COUNT; i++)
        vms[i] = vm_by((size_t)i % WAYS, i % 2);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++)
            harness_run(vms[i], GUEST_POKE, 8192, SECRET + (uint64_t)i, 0);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(harness_run(vms[i], GUEST_PEEK, 8192, 0, 0), SECRET + (uint64_t)i);
        for (int i = 0; i < COUNT; i++)
            harness_restore(vms[i]);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(harness_run(vms[i], GUEST_PEEK, 8192, 0, 0), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        harness_restore(vms[i]);
        assert_int_equal(clo_vm_compare(vms[i]), 0);
        clo_vm_destroy(vms[i]);
    }
}

static void compare_sees_a_difference(void **state)
{
    (void)state;
    /* The oracle of the other tests can say no. */
    struct clo_vm *vm = harness_vm(NULL);
    assert_int_equal(clo_vm_compare(vm), 0);
    static const uint64_t places[] = {GUEST_WORD, CLO_HEAP_VA + 8192,
                                      CLO_WINDOW_VA + CLO_WINDOW_CALL + 100, CLO_STACK_VA + 4096,
                                      CLO_WINDOW_VA + 0x20000};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t *at = clo_memory_at(vm, places[i]);
        (*at)++;
        assert_int_equal(clo_vm_compare(vm), 1);
        (*at)--;
        assert_int_equal(clo_vm_compare(vm), 0);
    }
    if (vm->layout.system_size) {
        vm->memory[CLO_SYSTEM_GDT * CLO_PAGE_SIZE + 8] ^= 1;
        assert_int_equal(clo_vm_compare(vm), 1);
        vm->memory[CLO_SYSTEM_GDT * CLO_PAGE_SIZE + 8] ^= 1;
    }
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_LINEAR, 8 * MIB, NULL), 0);
    assert_true(clo_vm_compare(vm) > 0);
    clo_vm_destroy(vm);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_sees_a_difference),
        cmocka_unit_test(grown_memory_is_gone),
        cmocka_unit_test(a_smaller_growth_shows_no_more),
        cmocka_unit_test(regions_never_alias),
        cmocka_unit_test(registers_are_clean),
        cmocka_unit_test(a_session_starts_with_clean_registers_too),
        cmocka_unit_test(what_a_run_forbids_itself_the_next_may),
        cmocka_unit_test(every_component_is_cleaned),
        cmocka_unit_test(what_the_processor_tracks_is_no_state),
        cmocka_unit_test(the_known_pages_are_enough),
        cmocka_unit_test(a_switch_forces_the_fallback),
        cmocka_unit_test(without_pagemap_hot_pages_stay),
        cmocka_unit_test(kept_memory_is_bounded),
        cmocka_unit_test(what_is_tracked_by_pages_has_no_huge_ones),
        cmocka_unit_test(many_micro_vms_side_by_side),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

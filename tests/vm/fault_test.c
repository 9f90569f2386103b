/* fault_test.c - what a guest must not do, and that each such thing ends its run with a reason. */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct expectation {
    enum guest_bad what;
    uint64_t address;
    /* Possible ones; a violation is possible too if it starts with '!', an answer by the kernel if
     * it starts with '+'. NULL: not under this wall. In a micro-VM, and by process isolation: */
    const char *vectors, *by_process;
    uint64_t fault_address;
};

/* Where more than one answer is listed, KVM flavours differ: some honour the I/O bitmap (#GP), some
 * IOPL (the host then sees the access and refuses it). By process isolation the kernel under the
 * guest is Linux, and the guest is one of its threads: system calls are answered. That is why such a
 * guest is in a jailed process, where they are few. */
static const struct expectation expectations[] = {
    {BAD_DIVIDE, 0, "\x00", "\x00", 0},
    {BAD_OPCODE, 0, "\x06", "\x06", 0},
    {BAD_READ, GUEST_LINEAR, "\x0e", "\x0e", GUEST_LINEAR},
    {BAD_READ, 0xffffffffull, "\x0e", "\x0e", 0xffffffffull},
    {BAD_WRITE, 1ull << 32, "\x0e", "\x0e", 1ull << 32},
    {BAD_WRITE, 0x1ffffffffull - 7, "\x0e", "\x0e", 0x1ffffffffull - 7},
    {BAD_READ, 1ull << 33, "\x0e", "\x0e", 1ull << 33},
    {BAD_READ, CLO_IMAGE_VA - 8, "\x0e", "\x0e", CLO_IMAGE_VA - 8},
    {BAD_READ, CLO_IMAGE_VA + 0x40000000, "\x0e", "\x0e", CLO_IMAGE_VA + 0x40000000},
    {BAD_READ, CLO_STACK_VA + CLO_STACK_SIZE, "\x0e", "\x0e", CLO_STACK_VA + CLO_STACK_SIZE},
    {BAD_READ, CLO_STACK_VA - 8, "\x0e", "\x0e", CLO_STACK_VA - 8},
    {BAD_READ, CLO_WINDOW_VA - 8, "\x0e", "\x0e", CLO_WINDOW_VA - 8},
    {BAD_READ, CLO_WINDOW_VA + CLO_WINDOW_SIZE, "\x0e", "\x0e", CLO_WINDOW_VA + CLO_WINDOW_SIZE},
    {BAD_READ, CLO_HEAP_VA - 8, "\x0e", "\x0e", CLO_HEAP_VA - 8},
    {BAD_READ, CLO_HEAP_VA + GUEST_HEAP, "\x0e", "\x0e", CLO_HEAP_VA + GUEST_HEAP},
    {BAD_WRITE, CLO_PROCESS_END - 8, "\x0e", "\x0e", CLO_PROCESS_END - 8},
    {BAD_READ, 0, NULL, "\x0e", 0},
    {BAD_WRITE, GUEST_FIRST - 8, NULL, "\x0e", GUEST_FIRST - 8},
    {BAD_READ, CLO_SYSTEM_VA, "\x0e", "\x0e", CLO_SYSTEM_VA},
    {BAD_READ, CLO_SYSTEM_VA + 0x2000, "\x0e", "\x0e", CLO_SYSTEM_VA + 0x2000},
    {BAD_WRITE, CLO_SYSTEM_VA + 0x3000, "\x0e", "\x0e", CLO_SYSTEM_VA + 0x3000},
    {BAD_WRITE, CLO_SYSTEM_VA + 0x6ff8, "\x0e", "\x0e", CLO_SYSTEM_VA + 0x6ff8},
    {BAD_JUMP, CLO_SYSTEM_VA + 0x5000, "\x0e", "\x0e", CLO_SYSTEM_VA + 0x5000},
    {BAD_JUMP, GUEST_WORD, "\x0e", "\x0e", GUEST_WORD},
    {BAD_JUMP, CLO_HEAP_VA, "\x0e", "\x0e", CLO_HEAP_VA},
    {BAD_JUMP, CLO_WINDOW_VA, "\x0e", "\x0e", CLO_WINDOW_VA},
    {BAD_JUMP, CLO_STACK_VA + 8192, "\x0e", "\x0e", CLO_STACK_VA + 8192},
    {BAD_CODE_WRITE, 0, "\x0e", "\x0e", 1},
    {BAD_RODATA_WRITE, 0, "\x0e", "\x0e", 1},
    {BAD_DATA_JUMP, 0, "\x0e", "\x0e", 1},
    {BAD_CLI, 0, "\x0d\x06", "\x0d", 0},
    {BAD_HLT, 0, "\x0d", "\x0d", 0},
    {BAD_PORT, 0, "!\x0d", "\x0d", 0},
    {BAD_FAULT_PORT, 0, "!\x0d", "\x0d", 0},
    {BAD_IN, 0, "!", "\x0d", 0},
    {BAD_WIDE, 0, "!\x0d", "\x0d", 0},
    {BAD_STRING, 0, "!\x0d", "\x0d", 0},
    {BAD_SYSCALL, 0, "\x06\x0e", "+", 0},
    {BAD_INT80, 0, "\x0d\x06", "+\x0d", 0}, /* a kernel may have no 32-bit system calls */
    {BAD_INT3, 0, "\x03", "\x03", 0},
    {BAD_INT1, 0, "\x01\x06", "\x01\x06", 0}, /* QEMU's processor does not know the instruction */
    {BAD_STEP, 0, "\x01", "\x01", 0},
    {BAD_ALIGN, 0, "\x11", "\x11", 0},
    {BAD_SSE, 0, "\x13", "\x13", 0},
    {BAD_X87, 0, "\x10", "\x10", 0},
    {BAD_RECURSION, 0, "\x0e", "\x0e", CLO_STACK_VA - 8},
    {BAD_SMASH, 0x7000000000ull, "\x0e", "\x0e", 0x7000000000ull - 8},
    {BAD_NONCANONICAL, 0, "\x0d", "\x0d", 0},
    {BAD_WRMSR, 0, "\x0d", "\x0d", 0},
    {BAD_CR3, 0, "\x0d", "\x0d", 0},
    {BAD_LGDT, 0, "\x0d", "\x0d", 0},
    {BAD_IRET, 0, "\x0d\x0b\x0e", "\x0d", 0},
    {BAD_CALLGATE, 0, "\x0d", "\x0d", 0},
};

static bool contains(const char *vectors, uint8_t vector)
{
    if (*vectors == '!' || *vectors == '+')
        if (!*++vectors)
            return false;
    do
        if ((uint8_t)*vectors == vector)
            return true;
    while (*vectors && *++vectors);
    return false;
}

static const char *vectors_of(const struct expectation *want)
{
    return harness_isolation == CLO_ISOLATION_PROCESS ? want->by_process : want->vectors;
}

static void check(const struct clo_image *image, const struct expectation *want)
{
    struct clo_error error;
    struct clo_vm *vm = harness_vm_of(image, NULL);
    const char *vectors = vectors_of(want);
    harness_command(vm, GUEST_BAD, want->what, want->address, 0);
    struct clo_vm_exit exit = harness_go(vm);
    if (*vectors == '+' && exit.kind == CLO_VM_HOST_CALL) {
        assert_int_equal(clo_vm_control(vm)->args[0], 0x600d + (uint64_t)getpid());
        clo_vm_destroy(vm);
        return;
    }
    bool refused = exit.kind == CLO_VM_VIOLATION && *vectors == '!';
    bool faulted = exit.kind == CLO_VM_FAULT && contains(vectors, exit.vector);
    /* QEMU's processor checks no alignment: then the guest went on, and no harm was done. */
    bool unchecked = want->what == BAD_ALIGN && exit.kind == CLO_VM_HOST_CALL;
    if (unchecked) {
        printf("an unaligned access with AC set does not fault on this processor\n");
        clo_vm_destroy(vm);
        return;
    }
    if (!refused && !faulted)
        fail_msg(
            "bad %d at %#llx: exit %d, vector %u, error %#llx, cr2 %#llx, rip %#llx, op %u, %s",
            want->what, (unsigned long long)want->address, exit.kind, exit.vector,
            (unsigned long long)exit.error_code, (unsigned long long)exit.fault_address,
            (unsigned long long)exit.rip, clo_vm_control(vm)->op, exit.reason);
    if (refused)
        assert_true(exit.reason[0] != '\0');
    if (faulted && exit.vector == 14) {
        if (want->fault_address > 1)
            assert_int_equal(exit.fault_address, want->fault_address);
        /* from CPL3; QEMU's processor makes the accesses of an IRET those of its target's level */
        assert_true(exit.error_code & 4 || want->what == BAD_IRET);
    }
    if (faulted && want->what != BAD_SMASH && want->what != BAD_RECURSION)
        assert_in_range(exit.rsp, CLO_STACK_VA, CLO_STACK_VA + CLO_STACK_SIZE);
    /* spent: neither runs on nor is restored */
    assert_int_equal(clo_vm_resume(vm, &exit, &error), CLO_EINVALID);
    assert_int_equal(clo_vm_restore(vm, NULL, &error), CLO_EINVALID);
    clo_vm_destroy(vm);
}

/* QEMU's processor checks no alignment, and has no vector exceptions. */
static bool is_missing_here(enum guest_bad what)
{
    return (what == BAD_ALIGN || what == BAD_SSE) && harness_is_emulated();
}

static void every_bad_act_ends_the_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
        for (int image = 0;
             image < 2 && vectors_of(&expectations[i]) && !is_missing_here(expectations[i].what);
             image++)
            check(harness_image[image], &expectations[i]);
}

static void vmmcall_reaches_nothing(void **state)
{
    (void)state;
    /* Without effect or a fault, by flavour; never an exit that the host would have to serve. */
    struct clo_vm *vm = harness_vm(NULL);
    harness_command(vm, GUEST_BAD, BAD_VMMCALL, 0, 0);
    struct clo_vm_exit exit = harness_go(vm);
    assert_true(exit.kind == CLO_VM_FAULT ||
                (exit.kind == CLO_VM_HOST_CALL && clo_vm_control(vm)->op == CLO_OP_DONE));
    clo_vm_destroy(vm);
}

static void a_fault_names_its_place(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    struct clo_vm_exit exit = harness_fault(vm, GUEST_PEEK, 0x5000000, 0);
    assert_int_equal(exit.vector, 14);
    assert_int_equal(exit.fault_address, 0x5000000);
    assert_int_equal(exit.error_code, 4); /* user, read, not present */
    assert_in_range(exit.rip, CLO_IMAGE_VA, CLO_IMAGE_VA + 0x400000);
    clo_vm_destroy(vm);
}

static void the_machine_is_unharmed(void **state)
{
    (void)state;
    harness_only(CLO_ISOLATION_MICROVM);
    /* Beside a micro-VM that faults again and again another one goes on as if nothing were. */
    struct clo_vm *steady = harness_vm(NULL);
    for (int i = 0; i < 20; i++) {
        struct clo_vm *vm = harness_vm(NULL);
        harness_fault(vm, GUEST_BAD, BAD_OPCODE, 0);
        clo_vm_destroy(vm);
        assert_int_equal(harness_run(steady, GUEST_ECHO, 1000 + i, 0, 0), 1000 + i);
        harness_restore(steady);
    }
    assert_int_equal(clo_vm_compare(steady), 0);
    clo_vm_destroy(steady);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_act_ends_the_run),
        cmocka_unit_test(vmmcall_reaches_nothing),
        cmocka_unit_test(a_fault_names_its_place),
        cmocka_unit_test(the_machine_is_unharmed),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

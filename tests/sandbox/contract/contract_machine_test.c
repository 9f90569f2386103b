/* contract_machine_test.c - what machine code at CPL3 may try: every exception, privileged
 * instruction, software interrupt, port, width and string access. Each ends its run alone, with the
 * reason. contract_memory_test.c has what goes by way of memory. */
#include "contract_host.h"

#include <stdio.h>
#include <string.h>

#define FAULT "fault "
#define PRIVILEGED FAULT "GeneralProtection: a privileged instruction or a malformed address"
#define ILLEGAL FAULT "IllegalInstruction: an instruction that this processor does not have"

/* ---- exceptions ---- */

static const struct attack exceptions[] = {
    {"#DE, by zero", {ACT(DIVIDE, 0, 0)}, .want = FAULT "IntegerDivideError: integer division"},
    {"#DE, out of range", {ACT(DIVIDE_OVERFLOW, 0, 0)}, .want = FAULT "IntegerDivideError"},
    {"#DB, by a flag", {ACT(STEP_TRAP, 0, 0)}, .want = FAULT "CpuException: CPU exception 1"},
    {"#DB, by int1", {ACT(INT1, 0, 0)}, .want = FAULT "CpuException: CPU exception 1|" ILLEGAL},
    {"#BP", {ACT(INT3, 0, 0)}, .want = FAULT "Breakpoint: a breakpoint instruction"},
    {"#OF", {ACT(INT_N, 4, 0)}, .want = FAULT "CpuException: CPU exception 4"},
    {"#UD", {ACT(UD2, 0, 0)}, .want = ILLEGAL},
    {"#UD where #BR was", {ACT(UD_BOUND, 0, 0)}, .want = ILLEGAL},
    {"#NP or #GP, by a selector",
     {ACT(LOAD_DS, 0x1b, 0)},
     .want = PRIVILEGED "|fault CpuException"},
    {"#SS, by a push",
     {ACT(STACK_NONCANONICAL, 0x8000000000000000ull, 0)},
     .want = FAULT "CpuException: CPU exception 12|" PRIVILEGED},
    {"#SS, by a read",
     {ACT(STACK_READ, 0x8000000000000000ull, 0)},
     .want = FAULT "CpuException: CPU exception 12|" PRIVILEGED},
    {"#GP, not canonical", {LOAD(8, 0x8000000000000000ull)}, .want = PRIVILEGED},
    {"#GP, a jump that is not canonical",
     {ACT(JUMP, 0x8000000000000000ull, 0)},
     .want = PRIVILEGED},
    {"#PF, a read",
     {LOAD(8, 0x5000000)},
     .want = FAULT "OutOfBounds: memory access out of bounds, at linear address 0x5000000"},
    {"#PF, the upper half",
     {LOAD(8, 0xffff800000000000ull)},
     .want = FAULT "IllegalAccess: access to address 0xffff800000000000"},
    {"#PF, the fault stubs",
     {ACT(JUMP, CLO_SYSTEM_VA + CLO_SYSTEM_STUBS * CLO_PAGE_SIZE, 0)},
     .want = FAULT "IllegalExecution: execution of memory that holds no code, at 0x8000005000"},
    {"#PF, the stubs' stack",
     {STORE(8, CLO_SYSTEM_VA + CLO_SYSTEM_STACK * CLO_PAGE_SIZE, 1)},
     .want = FAULT "IllegalAccess: access to address 0x8000006000"},
    {"#PF, its own code",
     {STORE(1, CLO_IMAGE_VA, 1)},
     .want = FAULT "IllegalAccess: access to address 0x300000000"},
    {"#PF, data as code", {ACT(JUMP, CONTRACT_WORD_VA, 0)}, .want = FAULT "IllegalExecution"},
    {"#PF, the window as code", {ACT(JUMP, CLO_WINDOW_VA, 0)}, .want = FAULT "IllegalExecution"},
    {"#PF, the stack's end",
     {ACT(RECURSE, 0, 0)},
     .want = FAULT "StackOverflow: the native stack of 4 MiB is exhausted"},
    {"#PF, no stack at all",
     {ACT(STACK_NONCANONICAL, 0x7000000000ull, 0)},
     .want = FAULT "IllegalAccess: access to address 0x6ffffffff8"},
    {"#MF", {ACT(X87_DIVIDE, 0, 0)}, .want = FAULT "FloatingPointFault: an x87"},
};

/* ---- privileged instructions ---- */

#define FORBIDDEN(act, a, b)                                                                       \
    {                                                                                              \
#act " " #a " " #b, {ACT(act, a, b) }, .want = PRIVILEGED "|" ILLEGAL                      \
    }
/* QEMU's processor pops with the rights of the level that it returns to. */
#define RETURNS(act, a, b)                                                                         \
    {                                                                                              \
#act " " #a " " #b, {ACT(act, a, b) },                                                     \
                             .want = PRIVILEGED                                                    \
                             "|" ILLEGAL                                                           \
                             "|fault IllegalAccess|fault CpuException: CPU exception 11"           \
    }
/* To where no code is. Under the host's own descriptor table there is user code behind these
 * selectors, of 64 and of 32 bits, so that a processor may go there; no right comes with it. */
#define FAR(act, selector)                                                                         \
    {                                                                                              \
#act " " #selector, {ACT(act, selector, 0) },                                              \
                             .want = PRIVILEGED "|" ILLEGAL                                        \
                                                "|fault IllegalExecution|fault IllegalAccess"      \
                                                "|fault CpuException: CPU exception 11"            \
    }
/* What some flavours of KVM or processors allow, to no effect, is followed by the run's end. Others
 * have an access refused on the way: KVM writes the processor's own hypercall over that of the
 * other make, and an emulated processor returns far by reading the stack as a supervisor. */
#define WITHOUT_EFFECT(act, a)                                                                     \
    {                                                                                              \
#act " " #a, {ACT(act, a, 0) },                                                            \
                      .want = PRIVILEGED "|" ILLEGAL "|guest |ok|fault IllegalAccess",             \
                      .end = MAY_RUN_ON                                                            \
    }

static const struct attack privileged[] = {
    FORBIDDEN(CLI, 0, 0),
    FORBIDDEN(STI, 0, 0),
    FORBIDDEN(POPF_ALL, 0, 0),
    FORBIDDEN(NESTED_TASK, 0, 0),
    FORBIDDEN(HLT, 0, 0),
    FORBIDDEN(PAUSE_MWAIT, 0, 0),
    FORBIDDEN(RDMSR, 0, 0),
    FORBIDDEN(WRMSR, 0, 0),
    FORBIDDEN(RDPMC, 0, 0),
    FORBIDDEN(READ_CR0, 0, 0),
    FORBIDDEN(READ_CR2, 0, 0),
    FORBIDDEN(READ_CR3, 0, 0),
    FORBIDDEN(READ_CR4, 0, 0),
    FORBIDDEN(WRITE_CR0, 0, 0),
    FORBIDDEN(WRITE_CR3, 0, 0),
    FORBIDDEN(WRITE_CR4, 0, 0),
    FORBIDDEN(WRITE_CR8, 0, 0),
    FORBIDDEN(READ_DR7, 0, 0),
    FORBIDDEN(WRITE_DR0, 0, 0),
    FORBIDDEN(WRITE_DR7, 0, 0),
    FORBIDDEN(CLTS, 0, 0),
    FORBIDDEN(LMSW, 0, 0),
    FORBIDDEN(LGDT, 0, 0),
    FORBIDDEN(LIDT, 0, 0),
    FORBIDDEN(LLDT, 0, 0),
    FORBIDDEN(LTR, 0, 0),
    FORBIDDEN(INVLPG, 0, 0),
    FORBIDDEN(INVD, 0, 0),
    FORBIDDEN(WBINVD, 0, 0),
    FORBIDDEN(XSETBV, 0, 0),
    FORBIDDEN(SWAPGS, 0, 0),
    FORBIDDEN(SYSENTER, 0, 0),
    FORBIDDEN(SYSRET, 0, 0),
    FORBIDDEN(SYSEXIT, 0, 0),
    FORBIDDEN(RSM, 0, 0),
    FORBIDDEN(VMRUN, 0, 0),
    FORBIDDEN(LOAD_DS, 8, 0),
    FORBIDDEN(LOAD_SS, 0x10, 0),
    FORBIDDEN(LOAD_SS, 0x13, 0),
    FORBIDDEN(LOAD_FS, 0x1000, 0),
    RETURNS(IRET, 8, 0x10),
    RETURNS(IRET, 8, 0x23),
    RETURNS(IRET, 0xb, 0x23),
    RETURNS(IRET, 0x2b, 0x10),
    RETURNS(IRET, 0, 0),
    RETURNS(IRET, 0x33, 0x23),

    RETURNS(FAR_RETURN, 8, 0),
    FORBIDDEN(FAR_JUMP, 8, 0),
    FAR(FAR_JUMP, 0x30),
    FAR(FAR_JUMP, 0x33),
    FAR(FAR_JUMP, 0x23),
    FAR(FAR_RETURN, 0x23),
    {"SYSCALL",
     {ACT(SYSCALL, 0, 0)},
     .want = ILLEGAL "|fault IllegalExecution|fault IllegalAccess|guest "},
    /* a payload that runs under the host's own descriptor table finds user code there */
    WITHOUT_EFFECT(LOAD_FS, 0x30),
    WITHOUT_EFFECT(FAR_RETURN, 0x33),
    WITHOUT_EFFECT(VMMCALL, 0),
    WITHOUT_EFFECT(VMMCALL, 1),
    WITHOUT_EFFECT(VMMCALL, 5),
    WITHOUT_EFFECT(VMMCALL, 12),
    WITHOUT_EFFECT(VMCALL, 0),
    WITHOUT_EFFECT(VMCALL, 9),
    WITHOUT_EFFECT(VMCALL, 0x40000000),
};

/* ---- ports ---- */

#define PORT_WORDS(port)                                                                           \
    BROKE "the guest wrote to port " port "|" BROKE "the guest read from port " port "|" PRIVILEGED

static const struct attack call_port[] = {
    {"16 bits to the call's port", {ACT(OUT16, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (2")},
    {"32 bits to the call's port", {ACT(OUT32, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (4")},
    {"reading the call's port", {ACT(IN8, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (1")},
    {"reading 16 bits of it", {ACT(IN16, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (2")},
    {"reading 32 bits of it", {ACT(IN32, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (4")},
    {"outsw", {ACT(OUTS16, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (2")},
    {"outsl", {ACT(OUTS32, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (4")},
    {"rep outsw", {ACT(REP_OUTS16, CLO_PORT_CALL, 9)}, .want = PORT_WORDS("0x10 (2")},
    {"rep outsl", {ACT(REP_OUTS32, CLO_PORT_CALL, 9)}, .want = PORT_WORDS("0x10 (4")},
    {"insb", {ACT(INS8, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (1")},
    {"insw", {ACT(INS16, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (2")},
    {"insl", {ACT(INS32, CLO_PORT_CALL, 0)}, .want = PORT_WORDS("0x10 (4")},
    {"rep insb", {ACT(REP_INS8, CLO_PORT_CALL, 300)}, .want = PORT_WORDS("0x10 (1")},
    {"rep insl", {ACT(REP_INS32, CLO_PORT_CALL, 100)}, .want = PORT_WORDS("0x10 (4")},
    {"the stubs' port", {ACT(OUT8, CLO_PORT_FAULT, 0)}, .want = PORT_WORDS("0xf0")},
    {"16 bits to the stubs' port", {ACT(OUT16, CLO_PORT_FAULT, 0)}, .want = PORT_WORDS("0xf0 (2")},
    {"reading the stubs' port", {ACT(IN8, CLO_PORT_FAULT, 0)}, .want = PORT_WORDS("0xf0 (1")},
    {"outsb to the stubs' port", {ACT(OUTS8, CLO_PORT_FAULT, 0)}, .want = PORT_WORDS("0xf0")},
    {"rep outsb to another port", {ACT(REP_OUTS8, 0x80, 4)}, .want = PORT_WORDS("0x80")},
    {"rep insb from another port", {ACT(REP_INS8, 0x80, 4)}, .want = PORT_WORDS("0x80")},
    /* One byte by `outsb` looks to the host as one by `out`: it is a host call, and no more. Where
     * KVM gives the bytes of a `rep outsb` one by one, it is as many. */
    {"outsb for a host call",
     {SET(op, CLO_OP_FLUSH), ACT(OUTS8, CLO_PORT_CALL, 0)},
     .want = "ok|" BROKE "the guest wrote to port 0x10|" PRIVILEGED,
     .end = MAY_RUN_ON},
    {"rep outsb for host calls",
     {SET(op, CLO_OP_FLUSH), ACT(REP_OUTS8, CLO_PORT_CALL, 4)},
     .want = "ok|" BROKE "the guest wrote to port 0x10|" PRIVILEGED,
     .end = MAY_RUN_ON},
    {"an end by rep outsb, and nothing after it",
     {SET(op, CLO_OP_EXIT), SET(args[0], 0), ACT(REP_OUTS8, CLO_PORT_CALL, 4)},
     .want = "ok|" BROKE "the guest wrote to port 0x10|" PRIVILEGED},
};

/* The bitmap that refuses most ports is one wall of two: without it the host still refuses them. */
static void open_ports(struct clo_vm *vm)
{
    uint8_t *tss = vm->memory + CLO_SYSTEM_TSS * CLO_PAGE_SIZE;
    memset(tss + 0x68, 0, CLO_PAGE_SIZE - 0x68);
    tss[CLO_PAGE_SIZE - 1] = 0xff; /* the bitmap's end: AMD APM volume 2, section 12.2.5 */
    vm->sregs.tr.limit = CLO_PAGE_SIZE - 1;
}

/* ---- the driver ---- */

static void every_exception(void **state)
{
    (void)state;
    contract_check_table(exceptions, sizeof exceptions / sizeof *exceptions);
}

static void exceptions_of_real_processors(void **state)
{
    (void)state;
    static const struct attack attacks[] = {
        {"#AC", {ACT(ALIGN, 0, 0)}, .want = FAULT "UnalignedAccess: an unaligned memory access"},
        {"#XM", {ACT(SSE_DIVIDE, 0, 0)}, .want = FAULT "FloatingPointFault: a SIMD"},
    };
    if (harness_is_emulated())
        printf("SKIP: QEMU's processor has neither #AC nor #XM\n");
    else
        contract_check_table(attacks, sizeof attacks / sizeof *attacks);
}

static void every_privileged_instruction(void **state)
{
    (void)state;
    contract_check_table(privileged, sizeof privileged / sizeof *privileged);
}

static void every_use_of_the_call_port(void **state)
{
    (void)state;
    contract_check_table(call_port, sizeof call_port / sizeof *call_port);
    struct contract beside;
    contract_open(&beside);
    for (size_t i = 0; i < sizeof call_port / sizeof *call_port; i++) {
        struct attack attack = call_port[i];
        attack.prepare = open_ports;
        contract_check(NULL, &beside, &attack);
    }
    contract_close(&beside);
}

/* From one of so many cases to the next: 1, or more of an emulated processor. */
static unsigned step_of(unsigned count)
{
    unsigned share = harness_rounds(count);
    return share < count ? count / share : 1;
}

/* Out and in, at each width: as many ways there are to use a port. */
static const unsigned port_acts[] = {ACT_OUT8, ACT_OUT16, ACT_OUT32, ACT_IN8, ACT_IN16, ACT_IN32};
#define PORT_ACTS (sizeof port_acts / sizeof *port_acts)

/* `count` ways to use this port, from one that depends on it, so that ports in a row get all. */
static void check_port(struct contract *here, struct contract *beside, unsigned port, size_t count,
                       void (*prepare)(struct clo_vm *vm))
{
    for (size_t n = 0; n < count && port != CLO_PORT_CALL; n++) {
        size_t i = (port + n) % PORT_ACTS;
        char name[64], want[512];
        snprintf(name, sizeof name, "act %u at port %#x", port_acts[i], port);
        snprintf(want, sizeof want, BROKE "the guest %s port %#x (%u bytes, 1 times)%s",
                 i < 3 ? "wrote to" : "read from", port, 1u << i % 3,
                 prepare ? "" : "|" PRIVILEGED);
        struct attack attack = {
            name, {{STEP_ACT, port_acts[i], port, 0}}, .want = want, .prepare = prepare};
        contract_check(here, beside, &attack);
    }
}

/* Each port in one way, each eighth in all: all in all where $CLOCHE_TEST_SHARE is above 100. */
static void every_other_port(void **state)
{
    (void)state;
    struct contract here, beside;
    contract_open(&here);
    contract_open(&beside);
    unsigned step = step_of(256);
    bool all = harness_rounds(100) > 100;
    for (unsigned port = 0; port < 256; port += step)
        check_port(&here, &beside, port, all || port % 8 == 0 ? PORT_ACTS : 1, NULL);
    for (unsigned bit = 8; bit < 16; bit++)
        check_port(&here, &beside, (1u << bit) + CLO_PORT_CALL, PORT_ACTS, NULL);
    check_port(&here, &beside, 0xffff, PORT_ACTS, NULL);
    for (unsigned port = 0; port < 256; port += (all ? 8 : 32) * step)
        check_port(NULL, &beside, port, PORT_ACTS, open_ports);
    check_port(NULL, &beside, CLO_PORT_CALL + 1, PORT_ACTS, open_ports);
    check_port(NULL, &beside, 0x100 + CLO_PORT_CALL, PORT_ACTS, open_ports);
    contract_close(&here);
    contract_close(&beside);
}

/* The KVM of PVM kernels takes this one for CPUID, which a payload may use anyway. */
#define INT_CPUID 0x1a

static void every_software_interrupt(void **state)
{
    (void)state;
    struct contract here, beside;
    contract_open(&here);
    contract_open(&beside);
    unsigned step = step_of(256);
    for (unsigned number = 0; number < 256; number += number < 34 ? 1 : step) {
        char name[32];
        snprintf(name, sizeof name, "int %#x", number);
        struct attack attack = {name, {ACT(INT_N, number, 0)}, .want = PRIVILEGED "|" ILLEGAL};
        if (number == 3)
            attack.want = FAULT "Breakpoint";
        if (number == 4)
            attack.want = FAULT "CpuException: CPU exception 4";
        if (number == INT_CPUID) {
            attack.want = PRIVILEGED "|ok";
            attack.end = MAY_RUN_ON;
        }
        contract_check(&here, &beside, &attack);
    }
    contract_close(&here);
    contract_close(&beside);
}

static void the_same_in_a_worker(void **state)
{
    (void)state;
    contract_check_in_worker(exceptions, sizeof exceptions / sizeof *exceptions);
    contract_check_in_worker(privileged, sizeof privileged / sizeof *privileged);
    contract_check_in_worker(call_port, sizeof call_port / sizeof *call_port);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_exception),
        cmocka_unit_test(exceptions_of_real_processors),
        cmocka_unit_test(every_privileged_instruction),
        cmocka_unit_test(every_use_of_the_call_port),
        cmocka_unit_test(every_other_port),
        cmocka_unit_test(every_software_interrupt),
        cmocka_unit_test(the_same_in_a_worker),
    };
    contract_begin(argc, argv);
    return contract_end(cmocka_run_group_tests(tests, NULL, NULL));
}

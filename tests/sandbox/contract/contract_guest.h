/* contract_guest.h - what the hostile guest (contract_guest.c) and its tests agree on.
 *
 * The guest carries out a script: stores, loads and host calls that the test lists, whatever they
 * are, and the instructions of CONTRACT_ACTS. The script stands where Python's source would:
 *
 *   CONTRACT_MAGIC, then each byte as two letters ('a' + nibble), so that it is text:
 *   [struct contract_head][struct contract_step]...[blob]
 *
 * A script that comes to its end leaves CONTRACT_MARK in linear memory and ends the run in order,
 * with the result "ran on". Without the magic the run ends at once, as for the requests with which
 * an image is made.
 */
#ifndef TESTS_VM_CONTRACT_GUEST_H
#define TESTS_VM_CONTRACT_GUEST_H

#include <stdint.h>

#define CONTRACT_MAGIC "contract:"
#define CONTRACT_STEPS_MAX 48
#define CONTRACT_BLOB_MAX 8192
#define CONTRACT_LINEAR 0x20000ull /* bytes of linear memory when ready */
#define CONTRACT_HEAP 0x10000ull
#define CONTRACT_WORD_VA                                                                           \
    0x11000ull /* in linear memory, above what no process may map, as is all of it */
#define CONTRACT_WORD 0x1122334455667788ull /* what the image has there */
#define CONTRACT_MARK_VA 0x12000ull
#define CONTRACT_MARK 0x6f20646e20617221ull
#define CONTRACT_INTERRUPT_VA 0x13000ull /* the image's one interrupt store: 7, to here */
#define CONTRACT_UNEXPECTED                                                                        \
    1000 /* exit code: this plus the number of the step that did not hold                          \
          */

enum contract_step_kind {
    STEP_END = 0,
    STEP_STORE,      /* `b` to the `width` bytes at `a` */
    STEP_ADD,        /* add `b` to them */
    STEP_LOAD,       /* read them */
    STEP_EXPECT,     /* they are `b`, or the run exits with CONTRACT_UNEXPECTED + step */
    STEP_FILL,       /* `width` bytes at `a` become `b` */
    STEP_BLOB,       /* the blob goes to `a` */
    STEP_LOOP,       /* `a` times in all, with the `b` steps before this one */
    STEP_CALL,       /* a host call, by the `out` that it should be */
    STEP_ACT,        /* instructions: enum contract_act in `width`; rdi is `a`, rsi is `b` */
    STEP_SPIN,       /* for ever */
    STEP_SPIN_CALLS, /* host calls for ever */
    STEP_COUNT
};

struct contract_step {
    uint32_t kind, width;
    uint64_t a, b;
};

struct contract_head {
    uint32_t steps, blob; /* numbers of steps, of bytes */
};

/* Instructions by name. What comes back from one goes on with the next step. */
#define CONTRACT_ACTS(X)                                                                           \
    X(OUT8, "mov %edi, %edx; mov %esi, %eax; out %al, %dx")                                        \
    X(OUT16, "mov %edi, %edx; out %ax, %dx")                                                       \
    X(OUT32, "mov %edi, %edx; out %eax, %dx")                                                      \
    X(IN8, "mov %edi, %edx; in %dx, %al")                                                          \
    X(IN16, "mov %edi, %edx; in %dx, %ax")                                                         \
    X(IN32, "mov %edi, %edx; in %dx, %eax")                                                        \
    X(OUTS8, "mov %edi, %edx; mov %rsp, %rsi; outsb")                                              \
    X(OUTS16, "mov %edi, %edx; mov %rsp, %rsi; outsw")                                             \
    X(OUTS32, "mov %edi, %edx; mov %rsp, %rsi; outsl")                                             \
    X(REP_OUTS8, "mov %edi, %edx; mov %esi, %ecx; mov %rsp, %rsi; rep outsb")                      \
    X(REP_OUTS16, "mov %edi, %edx; mov %esi, %ecx; mov %rsp, %rsi; rep outsw")                     \
    X(REP_OUTS32, "mov %edi, %edx; mov %esi, %ecx; mov %rsp, %rsi; rep outsl")                     \
    X(INS8, "mov %edi, %edx; lea -512(%rsp), %rdi; insb")                                          \
    X(INS16, "mov %edi, %edx; lea -512(%rsp), %rdi; insw")                                         \
    X(INS32, "mov %edi, %edx; lea -512(%rsp), %rdi; insl")                                         \
    X(REP_INS8, "mov %edi, %edx; mov %esi, %ecx; lea -512(%rsp), %rdi; rep insb")                  \
    X(REP_INS32, "mov %edi, %edx; mov %esi, %ecx; lea -512(%rsp), %rdi; rep insl")                 \
    X(INT_N, "lea int_table(%rip), %rax; lea (%rax,%rdi,4), %rax; call *%rax")                     \
    X(INT3, "int3")                                                                                \
    X(INT1, ".byte 0xf1")                                                                          \
    X(DIVIDE, "xor %edx, %edx; xor %ecx, %ecx; mov $1, %eax; div %ecx")                            \
    X(DIVIDE_OVERFLOW, "mov $1, %edx; mov $1, %ecx; xor %eax, %eax; div %ecx")                     \
    X(UD2, "ud2")                                                                                  \
    X(UD_BOUND, ".byte 0x62, 0xf1, 0xff, 0xff, 0xff, 0xff")                                        \
    X(STEP_TRAP, "pushfq; orl $0x100, (%rsp); popfq; nop; nop")                                    \
    X(ALIGN, "pushfq; orl $0x40000, (%rsp); popfq; lea -63(%rsp), %rax; mov (%rax), %ecx")         \
    X(SSE_DIVIDE, "pushq $0; ldmxcsr (%rsp); xorps %xmm0, %xmm0; divss %xmm0, %xmm0; pop %rax")    \
    X(X87_DIVIDE, "pushq $0x340; fldcw (%rsp); fldz; fld1; fdivp; fwait; pop %rax")                \
    X(STACK_NONCANONICAL, "mov %rsp, %rdx; mov %rdi, %rsp; push %rax; mov %rdx, %rsp")             \
    X(STACK_READ, "push %rbp; mov %rdi, %rbp; mov (%rbp), %rax; pop %rbp")                         \
    X(RECURSE, "1: push %rax; jmp 1b")                                                             \
    X(JUMP, "call *%rdi")                                                                          \
    X(CLI, "cli; ud2")                                                                             \
    X(STI, "sti; ud2")                                                                             \
    X(POPF_ALL, "push $-1; popfq; ud2")                                                            \
    X(NESTED_TASK, "pushfq; orl $0x4000, (%rsp); popfq; iretq")                                    \
    X(HLT, "hlt")                                                                                  \
    X(PAUSE_MWAIT, "xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx; monitor; mwait; ud2")          \
    X(RDMSR, "mov $0xc0000080, %ecx; rdmsr")                                                       \
    X(WRMSR, "mov $0xc0000080, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr")                       \
    X(RDPMC, "xor %ecx, %ecx; rdpmc; ud2")                                                         \
    X(READ_CR0, "mov %cr0, %rax")                                                                  \
    X(READ_CR2, "mov %cr2, %rax")                                                                  \
    X(READ_CR3, "mov %cr3, %rax")                                                                  \
    X(READ_CR4, "mov %cr4, %rax")                                                                  \
    X(WRITE_CR0, "mov $0x80000001, %eax; mov %rax, %cr0")                                          \
    X(WRITE_CR3, "xor %eax, %eax; mov %rax, %cr3")                                                 \
    X(WRITE_CR4, "xor %eax, %eax; mov %rax, %cr4")                                                 \
    X(WRITE_CR8, "xor %eax, %eax; mov %rax, %cr8")                                                 \
    X(READ_DR7, "mov %dr7, %rax")                                                                  \
    X(WRITE_DR0, "mov %rsp, %dr0")                                                                 \
    X(WRITE_DR7, "mov $1, %eax; mov %rax, %dr7")                                                   \
    X(CLTS, "clts")                                                                                \
    X(LMSW, "mov $1, %eax; lmsw %ax")                                                              \
    X(LGDT, "lgdt (%rsp)")                                                                         \
    X(LIDT, "lidt (%rsp)")                                                                         \
    X(LLDT, "xor %eax, %eax; lldt %ax")                                                            \
    X(LTR, "mov $0x30, %eax; ltr %ax")                                                             \
    X(INVLPG, "invlpg (%rsp)")                                                                     \
    X(INVD, "invd")                                                                                \
    X(WBINVD, "wbinvd")                                                                            \
    X(XSETBV, "xor %ecx, %ecx; mov $7, %eax; xor %edx, %edx; xsetbv")                              \
    X(SWAPGS, "swapgs")                                                                            \
    X(SYSCALL, "syscall")                                                                          \
    X(SYSENTER, "sysenter")                                                                        \
    X(SYSRET, "sysretq")                                                                           \
    X(SYSEXIT, "sysexitq")                                                                         \
    X(RSM, ".byte 0x0f, 0xaa")                                                                     \
    X(VMRUN, "mov %rsp, %rax; vmrun")                                                              \
    X(VMMCALL, "mov %rdi, %rax; vmmcall")                                                          \
    X(VMCALL, "mov %rdi, %rax; vmcall")                                                            \
    X(LOAD_DS, "mov %edi, %eax; mov %ax, %ds")                                                     \
    X(LOAD_SS, "mov %edi, %eax; mov %ax, %ss")                                                     \
    X(LOAD_FS, "mov %edi, %eax; mov %ax, %fs")                                                     \
    X(IRET, "mov %rsp, %rax; push %rsi; push %rax; pushfq; push %rdi; lea 1f(%rip), %rax; "        \
            "push %rax; iretq; 1: nop")                                                            \
    X(FAR_JUMP, "push %rdi; push %rsi; .byte 0x48, 0xff, 0x2c, 0x24")                              \
    X(FAR_RETURN, "push %rdi; lea 1f(%rip), %rax; push %rax; lretq; 1: nop")                       \
    X(COPY_FROM, "mov %rdi, %rsi; lea -4096(%rsp), %rdi; mov $256, %ecx; rep movsb")               \
    X(COPY_TO, "lea -4096(%rsp), %rsi; mov $256, %ecx; rep movsb")                                 \
    X(VECTOR_FROM, "movups (%rdi), %xmm0")                                                         \
    X(VECTOR_TO, "movups %xmm0, (%rdi)")                                                           \
    X(LOCKED, "lock incq (%rdi)")                                                                  \
    X(EXCHANGE, "xor %eax, %eax; xor %edx, %edx; lock cmpxchg16b (%rdi)")                          \
    X(FLUSH_LINE, "clflush (%rdi)")                                                                \
    X(SAVE_STATE, "fxsave64 (%rdi)")

#define CONTRACT_ACT_NUMBER(name, code) ACT_##name,
enum contract_act { CONTRACT_ACTS(CONTRACT_ACT_NUMBER) ACT_COUNT };
#undef CONTRACT_ACT_NUMBER

#endif

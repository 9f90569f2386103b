/* context.c - a guest's registers on x86-64: loaded by rt_sigreturn, kept from signal frames.
 *
 * A frame as the kernel makes it: struct ucontext with the general registers, and the address of the
 * floating-point and vector state in the layout of XSAVE, followed by a magic number (Linux,
 * arch/x86/include/uapi/asm/sigcontext.h). The first one is taken of this thread itself; it tells
 * how long the state is on this processor.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/process/process.h"

#define FRAME_SIZE (offsetof(ucontext_t, uc_sigmask) + sizeof(uint64_t)) /* what the kernel reads */
#define LEGACY_SIZE 512u /* of FXSAVE; XSAVE's header follows */
#define XSAVE_HEADER_SIZE 64u
#define SOFTWARE_AT 464u /* in the legacy area: the kernel's own words */
#define STATE_MAX 16384u
#define STACK_SIZE (64u << 10) /* of the handlers; a guard page is below it */
#define HANDLER_DEPTH 8192u    /* bytes of it that a handler uses, beside the vector state */
#define FCW_START 0x37fu
#define MXCSR_START 0x1f80u
#define COMPONENTS_START 3u /* x87 and SSE are loaded, all others are reset */
#define RFLAGS_START 0x202u

/* AMD APM volume 2, 8.2; FETCH: 8.4.2, bit 4 of a page fault's error code */
enum {
    BREAKPOINT = 3,
    INVALID_OPCODE = 6,
    GENERAL_PROTECTION = 13,
    PAGE_FAULT = 14,
    ALIGNMENT_CHECK = 17
};
#define FETCH (1u << 4)

struct software { /* struct _fpx_sw_bytes */
    uint32_t magic, extended_size;
    uint64_t components;
    uint32_t state_size, padding[7];
};
#define SOFTWARE_MAGIC 0x46505853u

struct clo_context {
    _Alignas(64) uint8_t state[STATE_MAX];
    _Alignas(64) uint8_t fresh[STATE_MAX]; /* state of a start */
    void *host_stack;                      /* where clo_context_switch left the host */
    uint8_t *stack;                        /* of the handlers, its guard page included */
    struct clo_stop stop;
    union {
        ucontext_t context;
        uint8_t bytes[sizeof(ucontext_t)];
    } frame, fresh_frame;
    int alarm;
    uint32_t state_size;
    atomic_bool inside;
    bool capture; /* the next frame is this thread's own, to learn its layout */
};

static struct clo_context *the_context; /* the one of this process */
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

/* Save what a call preserves, and have the kernel load the frame. clo_context_back returns from the
 * call on the host's stack, as often as a frame is entered. */
void clo_context_switch(void **host_stack, const void *frame);
_Noreturn void clo_context_back(void *host_stack);
__asm__(".pushsection .text\n"
        ".type clo_context_switch, @function\n"
        "clo_context_switch:\n"
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    sub $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    mov $15, %eax\n" /* rt_sigreturn */
        "    syscall\n"
        "    ud2\n"
        ".size clo_context_switch, . - clo_context_switch\n"
        ".type clo_context_back, @function\n"
        "clo_context_back:\n"
        "    mov %rdi, %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    add $8, %rsp\n"
        "    cld\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
        "    ret\n"
        ".size clo_context_back, . - clo_context_back\n"
        ".popsection\n");

/* Copy the frame: the stack it lies on is the next signal's. The kernel wants the state aligned. */
static void keep_frame(struct clo_context *context, const ucontext_t *from)
{
    memcpy(context->frame.bytes, from, FRAME_SIZE);
    memcpy(context->state, from->uc_mcontext.fpregs, context->state_size);
    context->frame.context.uc_mcontext.fpregs = (fpregset_t)context->state;
}

static uint32_t size_of_state(const ucontext_t *from)
{
    struct software software;
    memcpy(&software, (const uint8_t *)from->uc_mcontext.fpregs + SOFTWARE_AT, sizeof software);
    return software.magic == SOFTWARE_MAGIC ? software.extended_size : LEGACY_SIZE;
}

/* Linux clears DF and TF before a handler, and leaves it AC, with which a fault of the host's own
 * would follow, NT and ID, which rt_sigreturn leaves alone: the next guest would find them. (The
 * area below the stack pointer may be in use: AMD64 ABI, section 3.2.2.) */
static inline void reset_flags(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp\n"
                     "pushq %0\n"
                     "popfq\n"
                     "lea 128(%%rsp), %%rsp"
                     :
                     : "i"(RFLAGS_START)
                     : "memory", "cc");
}

/* Linux writes the exception's vector, error code and address into the frame. gVisor leaves them
 * zero: then they are told from what POSIX says of the signal. */
static void explain(struct clo_stop *stop, const siginfo_t *info)
{
    const bool page =
        stop->signal == SIGSEGV && (info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR);
    switch (stop->signal) {
    case SIGTRAP: stop->vector = BREAKPOINT; break;
    case SIGILL: stop->vector = INVALID_OPCODE; break;
    case SIGBUS: stop->vector = ALIGNMENT_CHECK; break;
    case SIGSEGV: stop->vector = page ? PAGE_FAULT : GENERAL_PROTECTION; break;
    default: break; /* of SIGFPE 0 is right: a division */
    }
    stop->address = page ? (uint64_t)(uintptr_t)info->si_addr : 0;
    stop->error_code = page && stop->address == stop->rip ? FETCH : 0;
}

void clo_context_leave(int signal, const void *info, void *frame)
{
    struct clo_context *context = the_context;
    const uint8_t *here = __builtin_frame_address(0);
    /* another thread's signal has another stack */
    if (!context || here < context->stack || here >= context->stack + STACK_SIZE ||
        !atomic_load(&context->inside))
        return;
    reset_flags();
    const siginfo_t *signal_info = info;
    const ucontext_t *from = frame;
    const greg_t *registers = from->uc_mcontext.gregs;
    atomic_store(&context->inside, false);
    context->stop = (struct clo_stop){.signal = signal,
                                      .vector = (uint8_t)registers[REG_TRAPNO],
                                      .error_code = (uint64_t)registers[REG_ERR],
                                      .address = (uint64_t)registers[REG_CR2],
                                      .truncated = signal == SIGBUS && signal_info &&
                                                   signal_info->si_code == BUS_ADRERR,
                                      .rip = (uint64_t)registers[REG_RIP],
                                      .rsp = (uint64_t)registers[REG_RSP]};
    if (!context->stop.vector && signal_info)
        explain(&context->stop, signal_info);
    keep_frame(context, from);
    clo_context_back(context->host_stack);
}

static void on_fault(int signal, siginfo_t *info, void *frame)
{
    struct clo_context *context = the_context;
    if (context && context->capture) {
        const ucontext_t *from = frame;
        context->capture = false;
        context->state_size = size_of_state(from);
        if (context->state_size <= STATE_MAX) {
            keep_frame(context, from);
            context->fresh_frame = context->frame;
            memcpy(context->fresh, context->state, context->state_size);
        }
        return;
    }
    clo_context_leave(signal, info, frame);
    /* A fault of the host's own: as if there were no handler. It comes again at once, but for a
     * trap, which is over, and for one that somebody sent. */
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(signal, &plain, NULL);
    if (signal == SIGTRAP || info->si_code <= 0)
        raise(signal);
}

static int install(int alarm, struct clo_error *error)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, alarm);
    for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
        if (sigaction(fault_signals[i], &action, NULL))
            return clo_fail_errno(error, CLO_ESYSTEM, "installing a signal handler");
    return 0;
}

static int make_stack(struct clo_context *context, struct clo_error *error)
{
    uint8_t *at =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return clo_fail_errno(error, CLO_ENOMEMORY, "a stack for signals");
    context->stack = at;
    stack_t stack = {.ss_sp = at + CLO_PAGE_SIZE, .ss_size = STACK_SIZE - CLO_PAGE_SIZE};
    if (mprotect(at, CLO_PAGE_SIZE, PROT_NONE) || sigaltstack(&stack, NULL))
        return clo_fail_errno(error, CLO_ESYSTEM, "a stack for signals");
    return 0;
}

/* A trap of this thread's own shows how the kernel lays a frame out; of it a start is made. */
static int learn_layout(struct clo_context *context, struct clo_error *error)
{
    context->capture = true;
    __asm__ volatile("int3" ::: "memory");
    if (context->capture || context->state_size > STATE_MAX)
        return clo_fail(error, CLO_ESYSTEM,
                        "a signal's frame holds %u bytes of vector state, more than %u",
                        context->state_size, STATE_MAX);
    const uint16_t fcw = FCW_START;
    const uint32_t mxcsr = MXCSR_START;
    const uint64_t components = COMPONENTS_START;
    memset(context->fresh, 0, 24);
    memcpy(context->fresh, &fcw, sizeof fcw);
    memcpy(context->fresh + 24, &mxcsr, sizeof mxcsr); /* its mask, which follows, stays */
    memset(context->fresh + 32, 0, SOFTWARE_AT - 32);
    if (context->state_size > LEGACY_SIZE + XSAVE_HEADER_SIZE) {
        memset(context->fresh + LEGACY_SIZE, 0,
               context->state_size - LEGACY_SIZE - sizeof(uint32_t)); /* but the last magic */
        memcpy(context->fresh + LEGACY_SIZE, &components, sizeof components);
    }
    ucontext_t *frame = &context->fresh_frame.context;
    greg_t *registers = frame->uc_mcontext.gregs;
    greg_t segments = registers[REG_CSGSFS];
    memset(registers, 0, sizeof(gregset_t));
    registers[REG_CSGSFS] = segments;
    registers[REG_EFL] = RFLAGS_START;
    uint64_t blocked = 0;
    memcpy(&blocked, &frame->uc_sigmask, sizeof blocked);
    blocked &= ~(1ull << (context->alarm - 1));
    memcpy(&frame->uc_sigmask, &blocked, sizeof blocked);
    return 0;
}

int clo_context_create(struct clo_context **result, int alarm, struct clo_error *error)
{
    struct clo_context *context = aligned_alloc(64, clo_round_up(sizeof *context, 64));
    if (!context)
        return clo_fail_memory(error);
    memset(context, 0, sizeof *context);
    *result = the_context = context;
    context->alarm = alarm;
    int status = make_stack(context, error);
    if (!status)
        status = install(alarm, error);
    if (!status)
        status = learn_layout(context, error);
    return status;
}

void clo_context_destroy(struct clo_context *context)
{
    if (!context)
        return;
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
        sigaction(fault_signals[i], &plain, NULL);
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    if (context->stack)
        munmap(context->stack, STACK_SIZE);
    the_context = NULL;
    free(context);
}

void clo_context_start(struct clo_context *context, uint64_t entry, uint64_t stack_end)
{
    memcpy(context->frame.bytes, context->fresh_frame.bytes, FRAME_SIZE);
    memcpy(context->state, context->fresh, context->state_size);
    greg_t *registers = context->frame.context.uc_mcontext.gregs;
    context->frame.context.uc_mcontext.fpregs = (fpregset_t)context->state;
    registers[REG_RIP] = (greg_t)entry;
    registers[REG_RSP] = (greg_t)stack_end;
    /* no part of a frame */
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0));
}

void clo_context_forget(struct clo_context *context)
{
    const size_t deep = HANDLER_DEPTH + context->state_size;
    memset(context->stack + STACK_SIZE - deep, 0, deep);
}

void clo_context_enter(struct clo_context *context, struct clo_stop *stop)
{
    atomic_store(&context->inside, true);
    clo_context_switch(&context->host_stack, context->frame.bytes);
    *stop = context->stop;
}

void clo_context_skip(struct clo_context *context, unsigned bytes)
{
    context->frame.context.uc_mcontext.gregs[REG_RIP] += bytes;
}

void clo_context_registers(const struct clo_context *context, struct clo_vm_registers *registers)
{
    const greg_t *from = context->frame.context.uc_mcontext.gregs;
    registers->rax = (uint64_t)from[REG_RAX];
    registers->rbx = (uint64_t)from[REG_RBX];
    registers->rcx = (uint64_t)from[REG_RCX];
    registers->rdx = (uint64_t)from[REG_RDX];
    registers->rsi = (uint64_t)from[REG_RSI];
    registers->rdi = (uint64_t)from[REG_RDI];
    registers->rbp = (uint64_t)from[REG_RBP];
    registers->rsp = (uint64_t)from[REG_RSP];
    registers->r8 = (uint64_t)from[REG_R8];
    registers->r9 = (uint64_t)from[REG_R9];
    registers->r10 = (uint64_t)from[REG_R10];
    registers->r11 = (uint64_t)from[REG_R11];
    registers->r12 = (uint64_t)from[REG_R12];
    registers->r13 = (uint64_t)from[REG_R13];
    registers->r14 = (uint64_t)from[REG_R14];
    registers->r15 = (uint64_t)from[REG_R15];
    registers->rip = (uint64_t)from[REG_RIP];
    registers->rflags = (uint64_t)from[REG_EFL];
    clo_registers_take_vectors(registers, context->state,
                               context->state_size > LEGACY_SIZE + XSAVE_HEADER_SIZE);
}

/* After a start: what is not among them is as there. */
void clo_context_set(struct clo_context *context, const struct clo_vm_registers *registers)
{
    greg_t *to = context->frame.context.uc_mcontext.gregs;
    to[REG_RAX] = (greg_t)registers->rax;
    to[REG_RBX] = (greg_t)registers->rbx;
    to[REG_RCX] = (greg_t)registers->rcx;
    to[REG_RDX] = (greg_t)registers->rdx;
    to[REG_RSI] = (greg_t)registers->rsi;
    to[REG_RDI] = (greg_t)registers->rdi;
    to[REG_RBP] = (greg_t)registers->rbp;
    to[REG_RSP] = (greg_t)registers->rsp;
    to[REG_R8] = (greg_t)registers->r8;
    to[REG_R9] = (greg_t)registers->r9;
    to[REG_R10] = (greg_t)registers->r10;
    to[REG_R11] = (greg_t)registers->r11;
    to[REG_R12] = (greg_t)registers->r12;
    to[REG_R13] = (greg_t)registers->r13;
    to[REG_R14] = (greg_t)registers->r14;
    to[REG_R15] = (greg_t)registers->r15;
    to[REG_RIP] = (greg_t)registers->rip;
    to[REG_EFL] = RFLAGS_START | (greg_t)registers->rflags;
    clo_registers_give_vectors(registers, context->state);
}

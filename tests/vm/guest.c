/* guest.c - a small guest for tests of src/vm: grows, prints, faults, spins and scribbles on
 * demand. Freestanding; linked like a real guest, at CLO_IMAGE_VA. */
#include "guest.h"
#include "abi/hostcall.h"
#include "abi/layout.h"

#include <stdbool.h>

#define CONTROL ((volatile struct clo_control *)CLO_WINDOW_VA)
#define OUTPUT ((uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_OUTPUT))
#define CALL_AREA ((uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_CALL))
#define REPLY_AREA ((uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY))

void guest_boot(void);
void guest_run(void);
void *memset(void *to, int byte, unsigned long size);
void *memcpy(void *to, const void *from, unsigned long size);

extern char run_entry[];
extern struct guest_state began;

__asm__(".text\n"
        ".globl _start, run_entry\n"
        "_start: xor %ebp, %ebp\n"
        "  and $-16, %rsp\n"
        "  call guest_boot\n"
        "  ud2\n"
        "run_entry:\n"
        "  fxsave64 began(%rip)\n"
        "  pushfq\n"
        "  pop began+512(%rip)\n"
        "  mov %rax, began+520(%rip)\n"
        "  mov %rbx, began+528(%rip)\n"
        "  mov %rcx, began+536(%rip)\n"
        "  mov %rdx, began+544(%rip)\n"
        "  mov %rsi, began+552(%rip)\n"
        "  mov %rdi, began+560(%rip)\n"
        "  mov %rbp, began+568(%rip)\n"
        "  mov %r8, began+576(%rip)\n"
        "  mov %r9, began+584(%rip)\n"
        "  mov %r10, began+592(%rip)\n"
        "  mov %r11, began+600(%rip)\n"
        "  mov %r12, began+608(%rip)\n"
        "  mov %r13, began+616(%rip)\n"
        "  mov %r14, began+624(%rip)\n"
        "  mov %r15, began+632(%rip)\n"
        "  mov %ds, began+664(%rip)\n"
        "  mov %es, began+666(%rip)\n"
        "  mov %fs, began+668(%rip)\n"
        "  mov %gs, began+670(%rip)\n"
        "  mov $1, %eax\n"
        "  cpuid\n"
        "  bt $27, %ecx\n" /* OSXSAVE */
        "  jnc 1f\n"
        "  xor %ecx, %ecx\n"
        "  xgetbv\n"
        "  btr $18, %eax\n" /* GUEST_TILE_DATA */
        "  xor %edx, %edx\n"
        "  mov %rax, began+640(%rip)\n"
        "  xsave64 began+704(%rip)\n"
        "  movq $0, began+704+512(%rip)\n"
        "1:\n"
        "  and $-16, %rsp\n"
        "  call guest_run\n"
        "  ud2\n");

struct guest_state began __attribute__((aligned(64)));
_Static_assert(__builtin_offsetof(struct guest_state, general) == 520 &&
                   __builtin_offsetof(struct guest_state, wide) == 640 &&
                   __builtin_offsetof(struct guest_state, selectors) == 664 &&
                   __builtin_offsetof(struct guest_state, xsave) == 704,
               "run_entry stores there");

static uint64_t data_word = 0x1122334455667788;
static uint8_t data_block[300000] = {1, 2, 3};
static uint8_t code_in_data[] = {0xc3};
static uint64_t bss_word;
static uint8_t bss_block[GUEST_BSS_SIZE] __attribute__((aligned(4096)));
static const uint64_t rodata_word = 0x55;

void *memset(void *to, int byte, unsigned long size)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return start;
}

void *memcpy(void *to, const void *from, unsigned long size)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

static void host(uint32_t op)
{
    CONTROL->op = op;
    __asm__ volatile("out %%al, %0" : : "i"(CLO_PORT_CALL), "a"(0) : "memory");
    CONTROL->output_length = 0;
}

static void end(uint32_t op, uint64_t result)
{
    CONTROL->args[0] = result;
    for (;;)
        host(op);
}

static uint32_t grow(uint64_t region, uint64_t size)
{
    CONTROL->args[0] = region;
    CONTROL->args[1] = size;
    host(CLO_OP_GROW);
    return CONTROL->status;
}

static void print(uint32_t stream, const char *text, uint32_t length)
{
    uint32_t head = stream << 24 | length, at = CONTROL->output_length;
    memcpy(OUTPUT + at, &head, 4);
    memcpy(OUTPUT + at + 4, text, length);
    CONTROL->output_length = at + 4 + length;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

__attribute__((used)) void guest_boot(void)
{
    static const char hello[] = "booting\nruntime: " GUEST_RUNTIME "\n";
    print(1, hello, 20);
    print(1, hello + 20, sizeof hello - 1 - 20);
    host(CLO_OP_FLUSH);
    if (grow(CLO_REGION_LINEAR, 0x20000) || grow(CLO_REGION_LINEAR, GUEST_LINEAR) ||
        grow(CLO_REGION_HEAP, GUEST_HEAP))
        end(CLO_OP_EXIT, 90);
    for (uint64_t at = GUEST_WORD; at < 0x200000; at += 12288)
        *(volatile uint64_t *)at = at * 3;
    *(volatile uint32_t *)(uintptr_t)GUEST_INTERRUPT_B = 1;
    *(volatile uint64_t *)(CLO_HEAP_VA + 8) = 0xabcdef;
    data_block[200000] = 7;
    bss_block[1000] = 9;
    CONTROL->region_size[0] = GUEST_LINEAR;
    CONTROL->region_size[1] = GUEST_HEAP;
    CONTROL->interrupt_count = 2;
    CONTROL->interrupts[0].address = GUEST_INTERRUPT_A;
    CONTROL->interrupts[0].value = 7;
    CONTROL->interrupts[0].mode = 0;
    CONTROL->interrupts[1].address = GUEST_INTERRUPT_B;
    CONTROL->interrupts[1].value = 0x100;
    CONTROL->interrupts[1].mode = 1;
    end(CLO_OP_READY, (uint64_t)run_entry);
}

#define SIXTEEN(X)                                                                                 \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define XMM(number) "movdqu %0, %%xmm" #number ";"
#define YMM(number) "vmovdqu %0, %%ymm" #number ";"
#define ZMM(number) "vmovdqu64 %0, %%zmm" #number ";"
#define HIGH_SIXTEEN(X)                                                                            \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define MASKS                                                                                      \
    "kxnorw %%k0, %%k0, %%k0; kxnorw %%k1, %%k1, %%k1; kxnorw %%k2, %%k2, %%k2;"                   \
    "kxnorw %%k3, %%k3, %%k3; kxnorw %%k4, %%k4, %%k4; kxnorw %%k5, %%k5, %%k5;"                   \
    "kxnorw %%k6, %%k6, %%k6; kxnorw %%k7, %%k7, %%k7"

/* All vector state that this processor lets the payload reach, whatever KVM says of it. */
static void dirty_vectors(void)
{
    static const struct {
        uint64_t words[8];
    } pattern = {{1, 2, 3, ~0ull, 5, ~6ull, 7, 8}};
    static const uint32_t mxcsr = 0xffc0; /* all masked, all rounding bits, denormals are zeros */
    static const uint16_t fcw = 0x0f7f;
    __asm__ volatile(SIXTEEN(XMM) : : "m"(pattern));
    if (began.wide & GUEST_AVX)
        __asm__ volatile(SIXTEEN(YMM) : : "m"(pattern));
    if ((began.wide & GUEST_AVX512) == GUEST_AVX512)
        __asm__ volatile(SIXTEEN(ZMM) HIGH_SIXTEEN(ZMM) MASKS : : "m"(pattern));
    __asm__ volatile("ldmxcsr %0; fldcw %1; fldpi; fldpi; fldl2e; fld1; fldlg2; fldz"
                     :
                     : "m"(mxcsr), "m"(fcw));
}

/* What a component of the XSAVE area may hold, at random. */
static void fill_component(uint8_t *xsave, uint32_t component, uint64_t *random)
{
    uint32_t size, offset, c = component, d;
    __asm__ volatile("cpuid" : "=a"(size), "=b"(offset), "+c"(c), "=d"(d) : "a"(0xd));
    for (uint32_t i = 0; i < size; i++)
        xsave[offset + i] = (uint8_t)next_random(random);
    if (1u << component == GUEST_KEYS)
        xsave[offset] &= 0xfc; /* key 0, which is all of the guest's memory's, stays allowed */
    if (1u << component == GUEST_TILE_CONFIG) { /* a palette, then rows and columns of one tile */
        memset(xsave + offset, 0, size);
        xsave[offset] = 1;
        xsave[offset + 16] = xsave[offset + 48] = 1 + (uint8_t)(next_random(random) & 7);
    }
}

/* Each component of XCR0, whatever it is, by XRSTOR. Nothing that faults after it: no exception is
 * on its way in the x87 unit. */
static void dirty_extended(uint64_t seed)
{
    static uint8_t xsave[4096] __attribute__((aligned(64)));
    uint64_t random = seed * 2 + 1, components = began.wide;
    for (uint32_t i = 0; i < 512; i++)
        xsave[i] = (uint8_t)next_random(&random);
    *(uint16_t *)xsave |= 0x3f;                                           /* FCW: all masked */
    *(uint16_t *)(xsave + 2) &= 0x7f7f;                                   /* FSW: none pending */
    *(uint32_t *)(xsave + 24) = 0x1f80 | (next_random(&random) & 0xe07f); /* MXCSR: all masked */
    memset(xsave + 512, 0, 64);
    *(uint64_t *)(xsave + 512) = components;
    for (uint32_t i = 2; i < 32; i++)
        if (components >> i & 1)
            fill_component(xsave, i, &random);
    __asm__ volatile("xrstor64 %0" : : "m"(xsave), "a"((uint32_t)components), "d"(0));
}

static void dirty(uint64_t what, uint64_t seed)
{
    dirty_vectors();
    if (began.wide && seed)
        dirty_extended(seed);
    if (what & DIRTY_BASES)
        __asm__ volatile("wrfsbase %0; wrgsbase %0" : : "r"(0x12340000ull));
    __asm__ volatile("mov %0, %%ds; mov %1, %%es" : : "r"(0), "r"(0x23));
    if (!(what &
          (DIRTY_BASES | DIRTY_NO_THREAD))) /* a selector that is loaded takes the base with it */
        __asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    __asm__ volatile("mov $-1, %%rbx; mov $-1, %%r8; mov $-1, %%r15" : : : "rbx", "r8", "r15");
}

#define FLAG_TRAP 0x100ull

/* Nothing may come between the flags and the OUT: a trap flag would be served before it. */
#define LEAVE "out %%al, %1; 1: ud2; jmp 1b"

/* But for WRPKRU, which leaves no memory to go on with (the OUT needs none), and a load of SS,
 * which holds interrupts up for an instruction. */
static _Noreturn void leave_locked(uint64_t flags)
{
    uint64_t ss;
    __asm__ volatile("mov %%ss, %0" : "=r"(ss));
    if (began.wide & GUEST_KEYS)
        __asm__ volatile("push %0; popfq; wrpkru; mov %2, %%ss;" LEAVE
                         :
                         : "r"(flags), "i"(CLO_PORT_CALL), "S"(ss), "a"(~0u), "c"(0), "d"(0)
                         : "memory");
    __asm__ volatile("push %0; popfq; mov %2, %%ss;" LEAVE
                     :
                     : "r"(flags), "i"(CLO_PORT_CALL), "S"(ss)
                     : "memory");
    __builtin_unreachable();
}

static _Noreturn void leave(uint64_t what, uint64_t flags, uint64_t seed)
{
    dirty(what, seed);
    CONTROL->op = CLO_OP_FLUSH;
    if (what & DIRTY_KEYS)
        leave_locked(flags & ~FLAG_TRAP);
    __asm__ volatile("push %0\n"
                     "mov $0x0101010101010101, %%rax; mov %%rax, %%rbx; mov %%rax, %%rcx\n"
                     "mov %%rax, %%rdx; mov %%rax, %%rsi; mov %%rax, %%rdi; mov %%rax, %%rbp\n"
                     "mov %%rax, %%r8; mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11\n"
                     "mov %%rax, %%r12; mov %%rax, %%r13; mov %%rax, %%r14; mov %%rax, %%r15\n"
                     "popfq;" LEAVE
                     :
                     : "r"(flags), "i"(CLO_PORT_CALL)
                     : "memory");
    __builtin_unreachable();
}

static void aligned(void)
{
    __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq" : : : "memory", "cc");
    for (uint64_t at = 0; at < 65536; at += 4096)
        *(volatile uint64_t *)(bss_block + at) += 1;
    host(CLO_OP_FLUSH);
}

static void scribble(uint64_t seed, uint64_t count)
{
    struct {
        uint64_t start, size;
    } areas[] = {
        {GUEST_FIRST, GUEST_LINEAR - GUEST_FIRST}, {CLO_HEAP_VA, GUEST_HEAP},
        {(uint64_t)data_block, sizeof data_block}, {(uint64_t)bss_block, sizeof bss_block},
        {CLO_STACK_VA, CLO_STACK_SIZE - 8192},     {CLO_WINDOW_VA + 4096, CLO_WINDOW_SIZE - 4096}};
    uint64_t state = seed | 1;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t which = next_random(&state) % 6;
        uint64_t at = next_random(&state) % (areas[which].size - 8);
        *(volatile uint64_t *)(areas[which].start + at) = state;
    }
}

static void bad(uint64_t what, uint64_t address)
{
    uint64_t zero = 0, value = 0;
    switch (what) {
    case BAD_DIVIDE:
        __asm__ volatile("xor %%edx, %%edx; div %0" : : "r"(zero), "a"(1) : "rdx");
        break;
    case BAD_OPCODE: __asm__ volatile("ud2"); break;
    case BAD_READ: value = *(volatile uint64_t *)address; break;
    case BAD_WRITE: *(volatile uint64_t *)address = 1; break;
    case BAD_JUMP: ((void (*)(void))address)(); break;
    case BAD_CLI: __asm__ volatile("cli; ud2"); break;
    case BAD_HLT: __asm__ volatile("hlt"); break;
    case BAD_PORT: __asm__ volatile("out %%al, $0x80" : : "a"(0)); break;
    case BAD_FAULT_PORT: __asm__ volatile("out %%al, %0" : : "i"(CLO_PORT_FAULT), "a"(0)); break;
    case BAD_IN: __asm__ volatile("in %1, %%al" : "=a"(value) : "i"(CLO_PORT_CALL)); break;
    case BAD_WIDE: __asm__ volatile("out %%ax, %0" : : "i"(CLO_PORT_CALL), "a"(0)); break;
    case BAD_STRING: {
        const void *from = data_block;
        __asm__ volatile("rep outsw" : "+S"(from) : "d"(CLO_PORT_CALL), "c"(4) : "memory");
        break;
    }
    case BAD_SYSCALL:
        __asm__ volatile("syscall" : "=a"(value) : "a"(39) : "rcx", "r11", "memory");
        break;
    case BAD_INT80: __asm__ volatile("int $0x80" : "=a"(value) : "a"(20) : "memory"); break;
    case BAD_INT3: __asm__ volatile("int3"); break;
    case BAD_INT1: __asm__ volatile(".byte 0xf1"); break;
    case BAD_STEP:
        __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" : : : "memory");
        break;
    case BAD_ALIGN:
        __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl (%0), %%eax"
                         :
                         : "r"(data_block + 1)
                         : "rax", "memory");
        break;
    case BAD_SSE: {
        static const uint32_t unmasked = 0;
        __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; divss %%xmm0, %%xmm0"
                         :
                         : "m"(unmasked));
        break;
    }
    case BAD_X87: {
        static const uint16_t unmasked = 0x340;
        __asm__ volatile("fldcw %0; fldz; fld1; fdivp; fwait" : : "m"(unmasked));
        break;
    }
    case BAD_RECURSION: __asm__ volatile("1: push %rax; jmp 1b"); break;
    case BAD_SMASH: __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(address)); break;
    case BAD_NONCANONICAL: value = *(volatile uint64_t *)0x8000000000000000ull; break;
    case BAD_WRMSR: __asm__ volatile("wrmsr" : : "a"(0), "d"(0), "c"(0xc0000080)); break;
    case BAD_CR3: __asm__ volatile("mov %%cr3, %0" : "=r"(value)); break;
    case BAD_LGDT: __asm__ volatile("lgdt %0" : : "m"(bss_block)); break;
    case BAD_IRET:
        __asm__ volatile(
            "mov %%rsp, %%rax; push $0x10; push %%rax; pushfq; push $0x08; lea 1f(%%rip), %%rax; push %%rax; iretq; 1: nop"
            :
            :
            : "rax", "memory");
        break;
    case BAD_CALLGATE: {
        static const struct {
            uint64_t offset;
            uint16_t selector;
        } __attribute__((packed)) far = {CLO_SYSTEM_VA + 0x5000, 0x08};
        __asm__ volatile(".byte 0x48, 0xff, 0x28" : : "a"(&far)); /* rex.w ljmp *(%rax) */
        break;
    }
    case BAD_CODE_WRITE: *(volatile uint8_t *)run_entry = 0x90; break;
    case BAD_RODATA_WRITE: *(volatile uint64_t *)&rodata_word = 1; break;
    case BAD_DATA_JUMP: ((void (*)(void))(void *)code_in_data)(); break;
    case BAD_VMMCALL: __asm__ volatile("vmmcall" : "=a"(value) : "a"(1)); break;
    }
    end(CLO_OP_DONE, 0x600d + value);
}

static uint64_t act(const struct guest_command *command)
{
    uint64_t a = command->a, b = command->b, c = command->c, result = 0;
    switch (command->op) {
    case GUEST_ECHO: return a;
    case GUEST_PEEK: return *(volatile uint64_t *)a;
    case GUEST_POKE: *(volatile uint64_t *)a = b; return 0;
    case GUEST_TOUCH:
        for (uint64_t at = a; at < a + b; at += c)
            *(volatile uint8_t *)at = (uint8_t)(at >> 12 | 1);
        return 0;
    case GUEST_SUM:
        for (uint64_t at = a; at < a + b; at += 8)
            result += *(volatile uint64_t *)at;
        return result;
    case GUEST_GROW: return grow(a, b);
    case GUEST_PRINT:
        print((uint32_t)a, "0123456789abcdefghijklmnopqrstuvwxyz", (uint32_t)b);
        return 0;
    case GUEST_CALLS:
        for (uint64_t i = 0; i < a; i++)
            host(CLO_OP_FLUSH);
        return a;
    case GUEST_SPIN:
        for (;;)
            __asm__ volatile("");
    case GUEST_SPIN_CALLS:
        for (;;)
            host(CLO_OP_FLUSH);
    case GUEST_DIRTY: dirty(a, c); return 0;
    case GUEST_LEAVE: leave(a, b, c);
    case GUEST_ALIGNED: aligned(); return 0;
    case GUEST_STATE:
        if (a & DIRTY_BASES)
            __asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(began.fs_base), "=r"(began.gs_base));
        memcpy(CALL_AREA, &began, sizeof began);
        return 0;
    case GUEST_SCRIBBLE: scribble(a, b); return 0;
    case GUEST_DEEP: {
        volatile uint8_t *deep = (volatile uint8_t *)__builtin_frame_address(0) - a;
        *deep = 1;
        return 0;
    }
    case GUEST_BAD: bad(a, b); return 0;
    case GUEST_BSS: return (uint64_t)bss_block;
    case GUEST_DATA:
        result = data_word + bss_word;
        data_word = 1;
        bss_word = 2;
        return result;
    }
    return ~0ull;
}

__attribute__((used)) void guest_run(void)
{
    struct guest_command command;
    memcpy(&command, REPLY_AREA, sizeof command);
    end(CLO_OP_DONE, command.magic == GUEST_MAGIC ? act(&command) : 0);
}

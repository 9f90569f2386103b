/* contract_guest.c - a guest that does whatever its script says (contract_guest.h): every wrong
 * host call and every instruction that a payload at CPL3 may try. Freestanding; linked like a real
 * guest, at CLO_IMAGE_VA. */
#include "contract_guest.h"
#include "abi/hostcall.h"
#include "abi/layout.h"

#define CONTROL ((volatile struct clo_control *)CLO_WINDOW_VA)
#define CALL_AREA ((volatile uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_CALL))
#define REPLY_AREA ((const volatile uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY))

void guest_boot(void);
void guest_run(void);
void *memset(void *to, int byte, unsigned long size);
void *memcpy(void *to, const void *from, unsigned long size);

extern char run_entry[];
extern const uint64_t act_table[];

/* Of `int n` for every n there are four bytes: the instruction, a ret, a filler. */
__asm__(".text\n"
        ".globl _start, run_entry, act_table\n"
        "_start: xor %ebp, %ebp\n"
        "  and $-16, %rsp\n"
        "  call guest_boot\n"
        "  ud2\n"
        "run_entry:\n"
        "  and $-16, %rsp\n"
        "  call guest_run\n"
        "  ud2\n"
        "int_table:\n"
        "  .set number, 0\n"
        "  .rept 256\n"
        "  .byte 0xcd, number, 0xc3, 0x90\n"
        "  .set number, number + 1\n"
        "  .endr\n");

#define ACT_CODE(name, code) __asm__(".text\nact_" #name ":\n" code "\nret\n");
CONTRACT_ACTS(ACT_CODE)

#define ACT_ADDRESS(name, code) ".quad act_" #name "\n"
__asm__(".section .rodata\n.balign 8\nact_table:\n" CONTRACT_ACTS(ACT_ADDRESS) ".text\n");

static struct {
    struct contract_head head;
    struct contract_step steps[CONTRACT_STEPS_MAX];
    uint8_t blob[CONTRACT_BLOB_MAX];
} script;
static uint64_t loops[CONTRACT_STEPS_MAX];

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

static void host_call(void)
{
    __asm__ volatile("out %%al, %0" : : "i"(CLO_PORT_CALL), "a"(0) : "memory");
}

static _Noreturn void end(uint32_t op, uint64_t argument)
{
    CONTROL->output_length = 0;
    CONTROL->args[0] = argument;
    for (;;) {
        CONTROL->op = op;
        host_call();
    }
}

/* An orderly end: {"result": text, "exit_code": 0} */
static _Noreturn void done(const char *result, uint32_t length)
{
    static const uint8_t first[] = "\xa2\x69"
                                   "exit_code\x00\x66result";
    uint32_t at = 0;
    for (uint32_t i = 0; i < sizeof first - 1; i++)
        CALL_AREA[at++] = first[i];
    CALL_AREA[at++] = (uint8_t)(0x60 | length);
    for (uint32_t i = 0; i < length; i++)
        CALL_AREA[at++] = (uint8_t)result[i];
    CONTROL->message_offset = 0;
    CONTROL->message_length = at;
    end(CLO_OP_DONE, 0);
}

static void grow(uint64_t region, uint64_t size)
{
    CONTROL->op = CLO_OP_GROW;
    CONTROL->args[0] = region;
    CONTROL->args[1] = size;
    host_call();
    if (CONTROL->status)
        end(CLO_OP_EXIT, 90);
}

__attribute__((used)) void guest_boot(void)
{
    grow(CLO_REGION_LINEAR, CONTRACT_LINEAR);
    grow(CLO_REGION_HEAP, CONTRACT_HEAP);
    *(volatile uint64_t *)CONTRACT_WORD_VA = CONTRACT_WORD;
    *(volatile uint64_t *)CLO_HEAP_VA = 0x99aabbccddeeff00;
    CONTROL->region_size[CLO_REGION_LINEAR] = CONTRACT_LINEAR;
    CONTROL->region_size[CLO_REGION_HEAP] = CONTRACT_HEAP;
    CONTROL->interrupt_count = 1;
    CONTROL->interrupts[0].address = CONTRACT_INTERRUPT_VA;
    CONTROL->interrupts[0].value = 7;
    CONTROL->interrupts[0].mode = 0;
    end(CLO_OP_READY, (uint64_t)run_entry);
}

/* ---- steps ---- */

static uint64_t load(uint64_t at, uint32_t width)
{
    switch (width) {
    case 1: return *(volatile uint8_t *)at;
    case 2: return *(volatile uint16_t *)at;
    case 4: return *(volatile uint32_t *)at;
    default: return *(volatile uint64_t *)at;
    }
}

static void store(uint64_t at, uint32_t width, uint64_t value)
{
    switch (width) {
    case 1: *(volatile uint8_t *)at = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)at = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)at = (uint32_t)value; break;
    default: *(volatile uint64_t *)at = value; break;
    }
}

/* Whatever the instructions leave in registers, this function's caller does not see. */
static void act(uint32_t which, uint64_t a, uint64_t b)
{
    uint64_t code = act_table[which];
    __asm__ volatile("push %%rbx; push %%rbp; call *%2; pop %%rbp; pop %%rbx; cld"
                     : "+D"(a), "+S"(b), "+a"(code)
                     :
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
                       "memory", "cc");
}

static void carry_out(const struct contract_step *step, uint32_t number)
{
    switch (step->kind) {
    case STEP_STORE: store(step->a, step->width, step->b); break;
    case STEP_ADD: store(step->a, step->width, load(step->a, step->width) + step->b); break;
    case STEP_LOAD: load(step->a, step->width); break;
    case STEP_EXPECT:
        if (load(step->a, step->width) != step->b)
            end(CLO_OP_EXIT, CONTRACT_UNEXPECTED + number);
        break;
    case STEP_FILL: memset((void *)step->a, (int)step->b, step->width); break;
    case STEP_BLOB: memcpy((void *)step->a, script.blob, script.head.blob); break;
    case STEP_CALL: host_call(); break;
    case STEP_ACT: act(step->width, step->a, step->b); break;
    case STEP_SPIN:
        for (;;)
            __asm__ volatile("");
    case STEP_SPIN_CALLS:
        for (;;)
            host_call();
    default: break;
    }
}

static void play(void)
{
    for (uint32_t i = 0; i < script.head.steps; i++) {
        const struct contract_step *step = &script.steps[i];
        if (step->kind == STEP_LOOP && ++loops[i] < step->a)
            i -= (uint32_t)step->b + 1;
        else
            carry_out(step, i);
    }
}

/* ---- the script ---- */

/* Where the text after {"code": begins; 0: the request is another. */
static uint32_t code_at(void)
{
    static const char key[] = "\xa3\x64"
                              "code";
    for (uint32_t i = 0; i < sizeof key - 1; i++)
        if (REPLY_AREA[i] != (uint8_t)key[i])
            return 0;
    uint32_t head = REPLY_AREA[sizeof key - 1] & 31; /* RFC 8949, section 3: where the length is */
    return sizeof key + (head < 24 ? 0 : 1u << (head - 24));
}

static int read_script(void)
{
    static const char magic[] = CONTRACT_MAGIC;
    uint32_t at = code_at(), end_at = CONTROL->request_length;
    for (uint32_t i = 0; i < sizeof magic - 1; i++)
        if (!at || REPLY_AREA[at + i] != (uint8_t)magic[i])
            return 0;
    at += sizeof magic - 1;
    uint8_t *to = (uint8_t *)&script, *behind = to + sizeof script.head + sizeof script.steps;
    for (uint32_t n = 0; at + 1 < end_at && REPLY_AREA[at] >= 'a' && REPLY_AREA[at] <= 'p'; n++) {
        if (n == sizeof script.head + script.head.steps * sizeof script.steps[0])
            to = behind; /* the blob */
        *to++ = (uint8_t)((REPLY_AREA[at] - 'a') << 4 | (REPLY_AREA[at + 1] - 'a'));
        at += 2;
    }
    return 1;
}

__attribute__((used)) void guest_run(void)
{
    if (!read_script())
        done("", 0);
    play();
    *(volatile uint64_t *)CONTRACT_MARK_VA = CONTRACT_MARK;
    done("ran on", 6);
}

/* native_guest.c - native code in the guest's place, as if somebody had got past WebAssembly: it makes
 * any system call, and reads and writes whatever memory it can find. Freestanding; linked like a real
 * guest, at CLO_IMAGE_VA.
 *
 * The run's code is "native ACT ARGUMENT ...". An argument is a number in hex, "p" (address of a
 * path), "s" (address of zeroed room) or, for `find`, letters ('a' + nibble) that stand for bytes, so
 * that the code does not hold what it looks for. The run's result is the act's, in decimal. */
#include "abi/hostcall.h"
#include "abi/layout.h"

#define CONTROL ((volatile struct clo_control *)CLO_WINDOW_VA)
#define CALL_AREA ((volatile uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_CALL))
#define REPLY_AREA ((const uint8_t *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY))
#define GUEST_END (CLO_HEAP_VA + CLO_HEAP_MAX)
#define LINEAR 0x20000ull
#define HEAP 0x10000ull
#define INTERRUPT 0x18000u
#define CHUNK (64ull << 20)
#define MIB_SHIFT 20

void guest_boot(void);
void guest_run(void);
void *memset(void *to, int byte, unsigned long size);
void *memcpy(void *to, const void *from, unsigned long size);
extern char run_entry[];

__asm__(".text\n"
        ".globl _start, run_entry\n"
        "_start: xor %ebp, %ebp\n"
        "  and $-16, %rsp\n"
        "  call guest_boot\n"
        "  ud2\n"
        "run_entry:\n"
        "  and $-16, %rsp\n"
        "  call guest_run\n"
        "  ud2\n");

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

/* ---- host calls, as an honest guest makes them ---- */

static void host_call(uint32_t op)
{
    CONTROL->op = op;
    __asm__ volatile("out %%al, %0" : : "i"(CLO_PORT_CALL), "a"(0) : "memory");
}

static void grow(uint64_t region, uint64_t size)
{
    CONTROL->args[0] = region;
    CONTROL->args[1] = size;
    host_call(CLO_OP_GROW);
}

static _Noreturn void done(long number)
{
    static const uint8_t first[] = "\xa2\x69"
                                   "exit_code\x00\x66result";
    uint8_t digits[24];
    uint32_t at = 0, count = 0;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        digits[count++] = (uint8_t)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        digits[count++] = '-';
    for (uint32_t i = 0; i < sizeof first - 1; i++)
        CALL_AREA[at++] = first[i];
    CALL_AREA[at++] = (uint8_t)(0x60 | count);
    while (count)
        CALL_AREA[at++] = digits[--count];
    CONTROL->message_offset = 0;
    CONTROL->message_length = at;
    CONTROL->output_length = 0;
    for (;;)
        host_call(CLO_OP_DONE);
}

__attribute__((used)) void guest_boot(void)
{
    grow(CLO_REGION_LINEAR, LINEAR);
    grow(CLO_REGION_HEAP, HEAP);
    CONTROL->region_size[CLO_REGION_LINEAR] = LINEAR;
    CONTROL->region_size[CLO_REGION_HEAP] = HEAP;
    CONTROL->interrupt_count = 1;
    CONTROL->interrupts[0].address = INTERRUPT;
    CONTROL->interrupts[0].value = 7;
    CONTROL->interrupts[0].mode = 0;
    CONTROL->args[0] = (uint64_t)run_entry;
    for (;;)
        host_call(CLO_OP_READY);
}

/* ---- system calls ---- */

enum { /* of x86-64 Linux */
       READ = 0,
       MMAP = 9,
       MPROTECT = 10,
       MUNMAP = 11,
       BRK = 12,
       SIGPROCMASK = 14,
       MREMAP = 25,
       SENDTO = 44,
       GETRANDOM = 318
};
#define EFAULT 14

static long call(long number, const uint64_t *a)
{
    long result;
    register uint64_t d __asm__("r10") = a[3];
    register uint64_t e __asm__("r8") = a[4];
    register uint64_t f __asm__("r9") = a[5];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(d), "r"(e), "r"(f)
                     : "rcx", "r11", "memory");
    return result;
}

#define CALL(number, ...) call(number, (const uint64_t[6]){__VA_ARGS__})

/* ---- memory of the process ---- */

#define REGIONS_MAX 1024u
#define REGION_PAGES_MAX 16384u

static struct {
    uint64_t from, to;
} regions[REGIONS_MAX];
static uint32_t region_count;

/* The kernel reads the mask before it looks at what shall be done with it. */
static int is_readable(uint64_t page)
{
    return CALL(SIGPROCMASK, 99, page, 0, 8) != -EFAULT;
}

static int is_writable(uint64_t page)
{
    uint8_t kept = *(volatile uint8_t *)page; /* what comes of it is written back */
    if (CALL(GETRANDOM, page, 1, 0) != 1)
        return 0;
    *(volatile uint8_t *)page = kept;
    return 1;
}

static void add_region(uint64_t address)
{
    uint64_t page = address & ~(CLO_PAGE_SIZE - 1), end = page;
    if (page < GUEST_END || page >> 47)
        return;
    for (uint32_t i = 0; i < region_count; i++)
        if (page >= regions[i].from && page < regions[i].to)
            return;
    if (region_count == REGIONS_MAX || !is_readable(page))
        return;
    for (uint32_t n = 0; n < REGION_PAGES_MAX && is_readable(end); n++)
        end += CLO_PAGE_SIZE;
    for (uint32_t n = 0; n < REGION_PAGES_MAX && is_readable(page - CLO_PAGE_SIZE); n++)
        page -= CLO_PAGE_SIZE;
    regions[region_count].from = page;
    regions[region_count++].to = end;
}

/* From the thread's own block and the heap's end, whatever a pointer there leads to. */
static void find_regions(void)
{
    uint64_t self;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(self));
    add_region(self);
    uint64_t heap = (uint64_t)CALL(BRK, 0);
    for (uint64_t page = heap; page > heap - (64ull << 20); page -= CLO_PAGE_SIZE)
        add_region(page - CLO_PAGE_SIZE);
    for (uint32_t i = 0; i < region_count; i++)
        for (uint64_t at = regions[i].from; at + 8 <= regions[i].to; at += 8)
            add_region(*(volatile uint64_t *)at);
}

static long find(const uint8_t *needle, uint64_t length)
{
    long found = 0;
    find_regions();
    for (uint32_t i = 0; i < region_count; i++)
        for (uint64_t at = regions[i].from; at + length <= regions[i].to; at++) {
            const volatile uint8_t *here = (const volatile uint8_t *)at;
            uint64_t same = 0;
            while (same < length && here[same] == needle[same])
                same++;
            found += same == length;
        }
    return found;
}

static long reach(void)
{
    uint64_t bytes = 0;
    find_regions();
    for (uint32_t i = 0; i < region_count; i++)
        bytes += regions[i].to - regions[i].from;
    return (long)bytes;
}

/* All that can be written of the host's side of this process. */
static long smash(uint64_t byte)
{
    uint64_t pages = 0;
    find_regions();
    for (uint32_t i = 0; i < region_count; i++)
        for (uint64_t page = regions[i].from; page < regions[i].to; page += CLO_PAGE_SIZE)
            if (is_writable(page)) {
                memset((void *)page, (int)byte, CLO_PAGE_SIZE);
                pages++;
            }
    return (long)pages;
}

/* Mebibytes of what is reserved for the guest that can be made writable. */
static long take_reserved(void)
{
    uint64_t got = 0;
    for (uint64_t at = CHUNK; at < GUEST_END; at += CHUNK) {
        if (at >= CLO_IMAGE_VA && at < CLO_HEAP_VA + CHUNK)
            continue;
        if (!CALL(MPROTECT, at, CHUNK, 3))
            got += CHUNK;
    }
    return (long)(got >> MIB_SHIFT);
}

/* By new mappings with these flags, the space that was reserved for the heap given back first. */
static long take_mapped(uint64_t flags)
{
    uint64_t got = 0;
    CALL(MUNMAP, CLO_HEAP_VA + CHUNK, CLO_HEAP_MAX - CHUNK);
    CALL(MUNMAP, CLO_LINEAR_MAX, CLO_LINEAR_MAX);
    while (CALL(MMAP, 0, CHUNK, 3, flags, -1ull, 0) > 0)
        got += CHUNK;
    return (long)(got >> MIB_SHIFT);
}

/* Written memory, made unwritable, so that no limit on writable memory counts it any more. */
static long hide_written(uint64_t protection)
{
    for (uint64_t at = CHUNK; at < 17 * CHUNK; at += CHUNK) {
        long status = CALL(MPROTECT, at, CHUNK, 3);
        if (!status)
            status = CALL(MPROTECT, at, CHUNK, protection);
        if (status)
            return status;
    }
    return 0;
}

/* The process's own stack, which grows: no writable memory as the kernel counts it. */
static long stretch_stack(void)
{
    find_regions();
    CALL(MUNMAP, CLO_HEAP_VA + CHUNK, CLO_HEAP_MAX - CHUNK);
    for (uint32_t i = 0; i < region_count; i++)
        for (uint64_t page = regions[i].from; page < regions[i].to; page += CLO_PAGE_SIZE) {
            long at = CALL(MREMAP, page, CLO_PAGE_SIZE, 16 * CHUNK, 1);
            if (at > 0)
                return at;
        }
    return 0;
}

static long send_to_all(const uint8_t *bytes, uint64_t length)
{
    long sent = 0;
    for (uint64_t fd = 0; fd < 64; fd++)
        sent += CALL(SENDTO, fd, (uint64_t)bytes, length, 0x4000, 0, 0) > 0;
    return sent;
}

static long call_on_all(long number, const uint64_t *arguments)
{
    uint64_t with[6];
    long worked = 0;
    for (uint64_t fd = 0; fd < 64; fd++) {
        memcpy(with, arguments, sizeof with);
        with[0] = fd;
        worked += call(number, with) > 0;
    }
    return worked;
}

static _Noreturn void stay(void)
{
    static const uint64_t all = ~0ull;
    CALL(SIGPROCMASK, 2, (uint64_t)&all, 0, 8);
    for (;;)
        __asm__ volatile("");
}

/* ---- orders ---- */

static char text[4096];
static const char path[] = "/etc/passwd";
static uint8_t room[4096];

static int is_word(const char **at, const char *word)
{
    const char *from = *at;
    while (*word && *from == *word) {
        from++;
        word++;
    }
    if (*word || (*from && *from != ' '))
        return 0;
    *at = from + (*from == ' ');
    return 1;
}

static uint64_t argument(const char **at)
{
    uint64_t value = 0;
    if (is_word(at, "p"))
        return (uint64_t)path;
    if (is_word(at, "s"))
        return (uint64_t)room;
    for (; **at && **at != ' '; ++*at)
        value = value << 4 | (uint64_t)(**at <= '9' ? **at - '0' : **at - 'a' + 10);
    *at += **at == ' ';
    return value;
}

static uint64_t letters(const char *at)
{
    uint64_t length = 0;
    for (; at[0] >= 'a' && at[1] >= 'a' && length < sizeof room; at += 2)
        room[length++] = (uint8_t)((at[0] - 'a') << 4 | (at[1] - 'a'));
    return length;
}

static long obey(const char *at)
{
    uint64_t a[7];
    if (is_word(&at, "find")) {
        uint64_t length = letters(at);
        return find(room, length);
    }
    if (is_word(&at, "send"))
        return send_to_all(room, letters(at));
    const char *act = at;
    while (*at && *at != ' ')
        at++;
    at += *at == ' ';
    for (int i = 0; i < 7; i++)
        a[i] = argument(&at);
    if (is_word(&act, "call"))
        return call((long)a[0], a + 1);
    if (is_word(&act, "each")) /* descriptor */
        return call_on_all((long)a[0], a + 1);
    if (is_word(&act, "old")) { /* by the gate of 32-bit programs */
        __asm__ volatile("int $0x80" : "+a"(a[0]) : "b"(a[1]), "c"(a[2]), "d"(a[3]) : "memory");
        return (long)a[0];
    }
    if (is_word(&act, "reach"))
        return reach();
    if (is_word(&act, "smash"))
        return smash(a[0]);
    if (is_word(&act, "reserved"))
        return take_reserved();
    if (is_word(&act, "mapped"))
        return take_mapped(a[0]);
    if (is_word(&act, "hidden"))
        return hide_written(a[0]);
    if (is_word(&act, "stack"))
        return stretch_stack();
    if (is_word(&act, "hoard")) {
        take_mapped(0x22);
        stay();
    }
    if (is_word(&act, "stay"))
        stay();
    if (is_word(&act, "keep")) { /* what a run has in its vector registers when it ends */
        __asm__ volatile("vmovdqu %0, %%ymm7" : : "m"(*(const uint8_t(*)[32])act));
        return 0;
    }
    return -1;
}

/* {"code": text ...: RFC 8949, section 3 has the head of a text. */
static int read_code(void)
{
    static const char key[] = "\x64"
                              "code";
    const uint8_t *at = REPLY_AREA + 1;
    for (uint32_t i = 0; i < sizeof key - 1; i++)
        if (at[i] != (uint8_t)key[i])
            return 0;
    at += sizeof key - 1;
    uint64_t length = *at & 31u;
    uint32_t more = length < 24 ? 0 : 1u << (length - 24);
    at++;
    if (more)
        length = 0;
    for (uint32_t i = 0; i < more; i++)
        length = length << 8 | *at++;
    if (length >= sizeof text)
        return 0;
    memcpy(text, at, length);
    return 1;
}

__attribute__((used)) void guest_run(void)
{
    const char *at = text;
    if (!read_code() || !is_word(&at, "native"))
        done(0);
    done(obey(at));
}

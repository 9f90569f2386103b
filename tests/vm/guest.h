/* guest.h - what the tests' guest (guest.c) and the tests agree on: a command at the start of the
 * reply area instead of a CBOR request. Without the magic number the guest ends its run at once, as
 * it does for the requests with which an image is built. */
#ifndef TESTS_VM_GUEST_H
#define TESTS_VM_GUEST_H

#include <stdint.h>

#define GUEST_MAGIC 0x21646d63u
#define GUEST_LINEAR 0x310000ull /* granted when ready: ends within a 2 MiB chunk */
#define GUEST_HEAP 0x20000ull
#define GUEST_BSS_SIZE 0x900000ull /* more than what stays resident between runs */
#define GUEST_RUNTIME "Test guest 1.0"
#define GUEST_FIRST                                                                                \
    65536ull /* lowest address that it uses: below there is nothing without a hypervisor */
#define GUEST_INTERRUPT_A 65600u /* stores: 7 to A; 0x100 is or-ed into B, which holds 1 */
#define GUEST_INTERRUPT_B 65604u
#define GUEST_WORD 69632u /* it writes three times this to here while it boots */

enum guest_op {
    GUEST_ECHO = 1,   /* result is a */
    GUEST_PEEK,       /* result is the u64 at a */
    GUEST_POKE,       /* b to the u64 at a */
    GUEST_TOUCH,      /* write each c-th byte of b bytes from a */
    GUEST_SUM,        /* sum of the u64s of b bytes from a */
    GUEST_GROW,       /* region a to b bytes; result is the status */
    GUEST_PRINT,      /* b bytes of text on stream a */
    GUEST_CALLS,      /* a host calls (flush) in a row */
    GUEST_SPIN,       /* for ever */
    GUEST_SPIN_CALLS, /* host calls for ever */
    GUEST_DIRTY,      /* fill all extended state, selectors; a: enum guest_dirty, c: a seed */
    GUEST_LEAVE,      /* likewise all general registers, and flags b; then a host call (flush) from
                         which there is no way back. With TF a debug exception is on its way there */
    GUEST_ALIGNED,    /* set AC, make aligned accesses and a host call, end with it set */
    GUEST_STATE,      /* the state that this run began with, to the call area (struct guest_state);
                         a: DIRTY_BASES for FS's and GS's bases as well */
    GUEST_SCRIBBLE,   /* random writes (seed a, b of them) to all memory that may be written */
    GUEST_DEEP,       /* use a bytes of stack */
    GUEST_BAD,        /* what a guest must not do: enum guest_bad in a, an address in b */
    GUEST_DATA, /* result is a word of initialised data plus one of bss; each is then changed */
    GUEST_BSS,  /* result is the address of GUEST_BSS_SIZE bytes of bss */
};

enum guest_dirty {
    DIRTY_BASES = 1, /* FS's and GS's too, where GUEST_STATE reads them with this as its a */
    DIRTY_KEYS = 2,  /* GUEST_LEAVE: deny all access by protection keys, where there are any, and
                        load SS right before the host call */
    DIRTY_NO_THREAD =
        4, /* neither selectors nor bases of FS and GS: they are the host's thread's */
};

enum guest_bad {
    BAD_DIVIDE = 1,
    BAD_OPCODE,
    BAD_READ,  /* at b */
    BAD_WRITE, /* at b */
    BAD_JUMP,  /* to b */
    BAD_CLI,   /* then ud2, where cli is allowed */
    BAD_HLT,
    BAD_PORT, /* out to 0x80 */
    BAD_FAULT_PORT,
    BAD_IN,
    BAD_WIDE, /* outw to the host call's port */
    BAD_STRING,
    BAD_SYSCALL, /* getpid; the result is 0x600d plus its answer */
    BAD_INT80,   /* likewise, by the 32-bit way */
    BAD_INT3,
    BAD_INT1,
    BAD_STEP,  /* TF */
    BAD_ALIGN, /* AC */
    BAD_SSE,   /* an unmasked vector exception */
    BAD_X87,   /* likewise */
    BAD_RECURSION,
    BAD_SMASH, /* rsp into nowhere, then push */
    BAD_NONCANONICAL,
    BAD_WRMSR,
    BAD_CR3,
    BAD_LGDT,
    BAD_IRET, /* to a CPL0 selector */
    BAD_CALLGATE,
    BAD_CODE_WRITE, /* to its own code */
    BAD_RODATA_WRITE,
    BAD_DATA_JUMP, /* run bytes in .data */
    BAD_VMMCALL,
    BAD_COUNT
};

struct guest_command {
    uint32_t magic, op;
    uint64_t a, b, c;
};

struct guest_state {
    uint8_t fx[512];
    uint64_t flags;
    uint64_t general[15]; /* rax, rbx, rcx, rdx, rsi, rdi, rbp, r8 … r15 */
    uint64_t wide;        /* the components that the payload finds enabled in XCR0, see below */
    uint64_t fs_base, gs_base;
    uint16_t selectors[4]; /* DS, ES, FS, GS */
    uint64_t pad[4];
    uint8_t xsave[4096]; /* by XSAVE, of `wide`; without the word that says what is in use */
};
/* Components of XCR0: AMD APM volume 2, section 11.5. The tiles' data is left out: Linux lets no
 * thread touch it that has not asked for it, and it would not fit. */
#define GUEST_AVX 4u
#define GUEST_AVX512 0xe0u
#define GUEST_KEYS (1u << 9)
#define GUEST_TILE_CONFIG (1u << 17)
#define GUEST_TILE_DATA (1u << 18)

#endif

/* system.c - what stands at CPL0: a GDT, an IDT, a TSS and 16-byte fault stubs.
 *
 * CPL0 code runs only when the payload faults: the CPU pushes its frame on the stubs' stack, the
 * stub adds the vector and leaves by a port that the payload may not use. The host reads the frame
 * there; the payload cannot write it.
 *
 *   stubs' stack, growing down:  [vector][error code][rip][cs][rflags][rsp][ss] end
 */
#include <string.h>

#include "vm/internal.h"

#define VECTORS 32
#define STUB_SIZE 16
#define PAGE_VA(page) (CLO_SYSTEM_VA + (page)*CLO_PAGE_SIZE)
#define PAGE_AT(vm, page) ((vm)->memory + (page)*CLO_PAGE_SIZE)
#define TSS_SIZE 0x68  /* the I/O permission bitmap follows: AMD APM volume 2, section 12.2.5 */
#define BITMAP_SIZE 17 /* ports 0 to 0x87; those beyond the TSS's limit are refused as well */

_Static_assert(CLO_PORT_CALL < 8 * BITMAP_SIZE, "the bitmap must reach the host call's port");

/* Vectors for which the CPU pushes an error code: APM volume 2, section 8.2. */
static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
           vector == 29 || vector == 30;
}

static void build_gdt(struct clo_vm *vm)
{
    uint64_t *gdt = (uint64_t *)PAGE_AT(vm, CLO_SYSTEM_GDT);
    uint64_t tss = PAGE_VA(CLO_SYSTEM_TSS);
    gdt[1] = 0x00af9b000000ffffull; /* 0x08: code, CPL0, accessed */
    gdt[2] = 0x00cf93000000ffffull; /* 0x10: data, CPL0 */
    gdt[4] = 0x00cff3000000ffffull; /* 0x20: data, CPL3 */
    gdt[5] = 0x00affb000000ffffull; /* 0x28: code, CPL3 */
    gdt[6] = (TSS_SIZE + BITMAP_SIZE - 1) | (tss & 0xffffff) << 16 | 0x8bull << 40 |
             (tss >> 24 & 0xff) << 56; /* 0x30: TSS, busy */
    gdt[7] = tss >> 32;
}

static void build_stubs(struct clo_vm *vm)
{
    uint64_t *idt = (uint64_t *)PAGE_AT(vm, CLO_SYSTEM_IDT);
    uint8_t *stubs = PAGE_AT(vm, CLO_SYSTEM_STUBS);
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        uint8_t *code = stubs + vector * STUB_SIZE;
        if (!has_error_code(vector)) {
            *code++ = 0x6a; /* push 0 */
            *code++ = 0;
        }
        *code++ = 0x6a; /* push vector */
        *code++ = (uint8_t)vector;
        *code++ = 0xe6; /* out %al, $CLO_PORT_FAULT */
        *code++ = CLO_PORT_FAULT;
        *code++ = 0xf4; /* hlt: the host does not come back here */

        uint64_t handler = PAGE_VA(CLO_SYSTEM_STUBS) + vector * STUB_SIZE;
        /* int3 and into may be used at CPL3, the other gates only by the CPU itself */
        uint64_t type = vector == 3 || vector == 4 ? 0xee00 : 0x8e00;
        idt[2 * vector] =
            (handler & 0xffff) | 0x08ull << 16 | type << 32 | (handler >> 16 & 0xffff) << 48;
        idt[2 * vector + 1] = handler >> 32;
    }
}

static void build_tss(struct clo_vm *vm)
{
    uint8_t *tss = PAGE_AT(vm, CLO_SYSTEM_TSS);
    uint64_t stack_end = PAGE_VA(CLO_SYSTEM_STACK + 1);
    uint16_t bitmap = TSS_SIZE;
    memcpy(tss + 4, &stack_end, sizeof stack_end);
    memcpy(tss + 0x66, &bitmap, sizeof bitmap);
    memset(tss + TSS_SIZE, 0xff, BITMAP_SIZE);
    tss[TSS_SIZE + CLO_PORT_CALL / 8] &= (uint8_t) ~(1u << CLO_PORT_CALL % 8);
}

void clo_system_build(struct clo_vm *vm)
{
    build_gdt(vm);
    build_stubs(vm);
    build_tss(vm);

    static const struct {
        unsigned page;
        uint64_t flags;
    } pages[] = {
        {CLO_SYSTEM_GDT, CLO_PTE_NX},
        {CLO_SYSTEM_IDT, CLO_PTE_NX},
        {CLO_SYSTEM_TSS, CLO_PTE_NX},
        {CLO_SYSTEM_STUBS, 0},
        {CLO_SYSTEM_STACK, CLO_PTE_NX | CLO_PTE_WRITE},
    };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        clo_tables_map(vm, PAGE_VA(pages[i].page), pages[i].page * CLO_PAGE_SIZE, CLO_PAGE_SIZE,
                       pages[i].flags);

    vm->sregs.gdt.base = PAGE_VA(CLO_SYSTEM_GDT);
    vm->sregs.gdt.limit = 8 * 8 - 1;
    vm->sregs.idt.base = PAGE_VA(CLO_SYSTEM_IDT);
    vm->sregs.idt.limit = VECTORS * 16 - 1;
    vm->sregs.tr = (struct kvm_segment){.base = PAGE_VA(CLO_SYSTEM_TSS),
                                        .limit = TSS_SIZE + BITMAP_SIZE - 1,
                                        .selector = 0x30,
                                        .present = 1,
                                        .type = 11};
}

void clo_system_fault_frame(const struct clo_vm *vm, uint64_t frame[7])
{
    memcpy(frame, PAGE_AT(vm, CLO_SYSTEM_STACK + 1) - 7 * sizeof *frame, 7 * sizeof *frame);
}

/* registers.c - the registers of a guest that stands behind a host call: taken, checked, given back.
 *
 * They are all that a run needs beside its memory. Compiled WebAssembly for x86-64-v2 has no x87, no
 * AVX and no segment; so the general registers, the arithmetic flags and SSE are everything. What is
 * not among them is set as at a start, whatever a file says.
 */
#include <string.h>

#include "base/error.h"
#include "vm/internal.h"

#define OUT_IMMEDIATE 0xe6 /* out %al, $port: AMD APM volume 3, OUT */
#define OUT_LENGTH 2u
#define RED_ZONE 128u      /* below RSP a leaf function may have data: System V ABI, 3.2.2 */
#define FLAGS 0x8d5u       /* CF, PF, AF, ZF, SF, OF; DF is clear at calls */
#define MXCSR_BITS 0xffffu /* all others are reserved: AMD APM volume 1, 4.2.2 */
#define MXCSR_AT 24u       /* in the legacy area: AMD APM volume 2, 11.4.4 */
#define XMM_AT 160u
#define COMPONENTS_AT 512u /* XSTATE_BV, behind it */
#define COMPONENT_SSE 2u

void clo_registers_take_vectors(struct clo_vm_registers *registers, const uint8_t *area,
                                bool has_components)
{
    uint64_t components = COMPONENT_SSE;
    if (has_components)
        memcpy(&components, area + COMPONENTS_AT, sizeof components);
    memcpy(&registers->mxcsr, area + MXCSR_AT, sizeof registers->mxcsr);
    if (components & COMPONENT_SSE)
        memcpy(registers->xmm, area + XMM_AT, sizeof registers->xmm);
    else /* as at a start, and what stands there is old */
        memset(registers->xmm, 0, sizeof registers->xmm);
    registers->rflags &= FLAGS;
}

void clo_registers_give_vectors(const struct clo_vm_registers *registers, uint8_t *area)
{
    memcpy(area + MXCSR_AT, &registers->mxcsr, sizeof registers->mxcsr);
    memcpy(area + XMM_AT, registers->xmm, sizeof registers->xmm);
}

/* Is what stands before `rip` a host call of the image's? */
static bool behind_call(const struct clo_image *image, uint64_t rip)
{
    static const uint8_t call[OUT_LENGTH] = {OUT_IMMEDIATE, CLO_PORT_CALL};
    uint64_t va = rip - OUT_LENGTH;
    for (uint32_t i = 0; i < image->header.segment_count; i++) {
        const struct clo_image_segment *segment = &image->header.segments[i];
        uint64_t at = va - segment->address;
        if ((segment->flags & CLO_SEGMENT_EXECUTE) && at < segment->file_size &&
            segment->file_size - at > OUT_LENGTH)
            return !memcmp(image->bytes + segment->file_offset + at, call, sizeof call);
    }
    return false;
}

int clo_image_check_registers(const struct clo_image *image,
                              const struct clo_vm_registers *registers, struct clo_error *error)
{
    if (!behind_call(image, registers->rip))
        return clo_fail(error, CLO_EINVALID, "a guest at %#llx, which is behind no host call",
                        (unsigned long long)registers->rip);
    if (registers->rsp - CLO_STACK_VA < RED_ZONE || registers->rsp - CLO_STACK_VA > CLO_STACK_SIZE)
        return clo_fail(error, CLO_EINVALID, "a guest whose stack ends at %#llx",
                        (unsigned long long)registers->rsp);
    if ((registers->mxcsr & ~MXCSR_BITS) || (registers->rflags & ~(uint64_t)FLAGS))
        return clo_fail(error, CLO_EINVALID, "a guest with the MXCSR %#x and the flags %#llx",
                        registers->mxcsr, (unsigned long long)registers->rflags);
    return 0;
}

uint64_t clo_registers_stack(const struct clo_vm_registers *registers)
{
    return (registers->rsp - RED_ZONE) & ~(CLO_PAGE_SIZE - 1);
}

int clo_vm_registers(struct clo_vm *vm, struct clo_vm_registers *registers, struct clo_error *error)
{
    memset(registers, 0, sizeof *registers);
    if (vm->spent)
        return clo_fail(error, CLO_EINVALID, "a guest has no registers after a fault");
    int status = vm->wall->registers(vm, registers, error);
    return status ? status : clo_image_check_registers(vm->image, registers, error);
}

int clo_vm_start_at(struct clo_vm *vm, const struct clo_vm_registers *registers,
                    struct clo_error *error)
{
    int status = clo_image_check_registers(vm->image, registers, error);
    if (status)
        return status;
    clo_vm_start(vm);
    return vm->wall->start_at(vm, registers, error);
}

/* state_compare.c - for tests: is all of a vCPU's state that KVM can tell a fresh one's?
 *
 * Two things are left out of the vector state because they are no state: MXCSR's mask (a constant
 * of the processor, 0 before the state was first saved), and which components the processor
 * happens to track as being in their initial configuration. What is in the components is compared.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"

/* Offsets in the XSAVE area: AMD APM volume 2, section 11.5. Those of the components from the third
 * on come from CPUID 0xd. */
#define XSAVE_MXCSR_MASK 28
#define XSAVE_X87_REGISTERS 32
#define XSAVE_XMM_REGISTERS 160
#define XSAVE_XMM_END 416
#define XSAVE_COMPONENTS 512
#define CPUID_XSAVE 0xd
#define CPUID_XSAVE_SUPERVISOR 1u /* ECX: not in an area of the standard form */

struct vcpu_state {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    uint8_t xsave[4096];
    struct kvm_xcrs xcrs;
    struct kvm_vcpu_events events;
    struct kvm_debugregs debug;
    struct kvm_mp_state run_state; /* with the padding behind it: zero */
    uint32_t pad;
    struct { /* struct kvm_msrs with room for its entries */
        uint32_t count, pad;
        struct kvm_msr_entry entries[9];
    } msrs;
};

static bool all_zero(const uint8_t *from, const uint8_t *end)
{
    while (from < end && !*from)
        from++;
    return from == end;
}

/* The components from the third on that hold their initial values, which are zeros. */
static uint64_t initial_components(const struct clo_kvm *kvm, const uint8_t *xsave)
{
    uint64_t components = 0;
    for (uint32_t i = 0; i < kvm->cpuid->nent; i++) {
        const struct kvm_cpuid_entry2 *entry = &kvm->cpuid->entries[i];
        const uint8_t *from = xsave + entry->ebx;
        if (entry->function != CPUID_XSAVE || entry->index < 2 || entry->index > 63 ||
            entry->ecx & CPUID_XSAVE_SUPERVISOR ||
            (uint64_t)entry->ebx + entry->eax > sizeof((struct kvm_xsave *)0)->region)
            continue;
        if (all_zero(from, from + entry->eax))
            components |= 1ull << entry->index;
    }
    return components;
}

/* Clear the bit of each component that holds its initial values. */
static void forget_tracking(const struct clo_kvm *kvm, uint8_t *xsave)
{
    uint64_t components;
    uint16_t fcw;
    memcpy(&components, xsave + XSAVE_COMPONENTS, sizeof components);
    memcpy(&fcw, xsave, sizeof fcw);
    if (fcw == 0x37f && all_zero(xsave + sizeof fcw, xsave + 24) &&
        all_zero(xsave + XSAVE_X87_REGISTERS, xsave + XSAVE_XMM_REGISTERS))
        components &= ~1ull;
    if (all_zero(xsave + XSAVE_XMM_REGISTERS, xsave + XSAVE_XMM_END))
        components &= ~2ull;
    components &= ~initial_components(kvm, xsave);
    memcpy(xsave + XSAVE_COMPONENTS, &components, sizeof components);
    memset(xsave + XSAVE_MXCSR_MASK, 0, sizeof(uint32_t));
}

static int read_state(const struct clo_vm *vm, struct vcpu_state *state)
{
    static const uint32_t msrs[] = {/* STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, PAT, SYSENTER */
                                    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102,
                                    0x277,      0x174,      0x175,      0x176};
    memset(state, 0, sizeof *state);
    state->msrs.count = sizeof msrs / sizeof *msrs;
    for (size_t i = 0; i < sizeof msrs / sizeof *msrs; i++)
        state->msrs.entries[i].index = msrs[i];
    if (ioctl(vm->vcpu, KVM_GET_REGS, &state->regs) < 0 ||
        ioctl(vm->vcpu, KVM_GET_SREGS, &state->sregs) < 0 ||
        ioctl(vm->vcpu, KVM_GET_XSAVE, state->xsave) < 0 ||
        ioctl(vm->vcpu, KVM_GET_VCPU_EVENTS, &state->events) < 0 ||
        ioctl(vm->vcpu, KVM_GET_DEBUGREGS, &state->debug) < 0 ||
        ioctl(vm->vcpu, KVM_GET_MP_STATE, &state->run_state) < 0 ||
        ioctl(vm->vcpu, KVM_GET_MSRS, &state->msrs) < 0 ||
        (vm->kvm->xcr0 && ioctl(vm->vcpu, KVM_GET_XCRS, &state->xcrs) < 0)) {
        perror("vm: reading registers");
        return -1;
    }
    forget_tracking(vm->kvm, state->xsave);
    return 0;
}

static size_t differ(const char *what, const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;
    size_t words = 0;
    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t mine, theirs;
        memcpy(&mine, x + at, sizeof mine);
        memcpy(&theirs, y + at, sizeof theirs);
        if (mine == theirs)
            continue;
        fprintf(stderr, "vm: %s word %zu is %#llx, in a fresh micro-VM %#llx\n", what,
                at / sizeof mine, (unsigned long long)mine, (unsigned long long)theirs);
        words++;
    }
    return words;
}

size_t clo_state_compare(struct clo_vm *vm, struct clo_vm *fresh)
{
    struct vcpu_state a, b;
    if (read_state(vm, &a) || read_state(fresh, &b))
        return 1;
#define DIFFER(part) differ(#part, &a.part, &b.part, sizeof a.part)
    return DIFFER(regs) + DIFFER(sregs) + DIFFER(xsave) + DIFFER(xcrs) + DIFFER(events) +
           DIFFER(debug) + DIFFER(msrs) +
           differ("run state", &a.run_state, &b.run_state, sizeof(uint64_t));
#undef DIFFER
}

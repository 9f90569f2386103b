/* state.c - the vCPU's registers: what a run starts with, and how it gets there.
 *
 * The payload is put at CPL3 by KVM_SET_SREGS, so CPL0 runs only on a fault. A run's general and
 * special registers and its events travel in struct kvm_run (KVM_CAP_SYNC_REGS), which costs no
 * system call; vector state is one KVM_SET_XSAVE after a run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "vm/internal.h"

/* Control registers: AMD APM volume 2, section 3.1 */
#define CR0 0x80050033ull /* PG, AM, WP, NE, ET, MP, PE */
#define CR4_PAE (1ull << 5)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER 0xd00ull /* NXE, LMA, LME; SCE stays clear: no SYSCALL */
#define XSAVE_X87 1u
#define XSAVE_SSE 2u
#define XSAVE_AVX 4u
#define XSAVE_PKRU (1u << 9)

/* IOPL 3 besides the TSS's bitmap: some KVM flavours honour one, some the other. Either way any
 * port but one ends the run (run.c), and there are no interrupts that a `cli` could hold up. */
#define RFLAGS 0x3002ull

#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u

#define XSAVE_FCW 0x37fu
#define XSAVE_MXCSR 0x1f80u

static const struct kvm_cpuid_entry2 *cpuid_leaf(const struct clo_kvm *kvm, uint32_t leaf)
{
    for (uint32_t i = 0; i < kvm->cpuid->nent; i++) {
        const struct kvm_cpuid_entry2 *entry = &kvm->cpuid->entries[i];
        if (entry->function == leaf && entry->index == 0)
            return entry;
    }
    return NULL;
}

void clo_state_detect(struct clo_kvm *kvm)
{
    const struct kvm_cpuid_entry2 *one = cpuid_leaf(kvm, 1), *seven = cpuid_leaf(kvm, 7);
    const struct kvm_cpuid_entry2 *xsave = cpuid_leaf(kvm, 0xd);
    kvm->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (seven && seven->ebx & 1u << 0)
        kvm->cr4 |= CR4_FSGSBASE;
    if (seven && seven->ebx & 1u << 7)
        kvm->cr4 |= CR4_SMEP;
    if (seven && seven->ebx & 1u << 20)
        kvm->cr4 |= CR4_SMAP;
    if (seven && seven->ecx & 1u << 2)
        kvm->cr4 |= CR4_UMIP;
    if (one && one->ecx & 1u << 26 && xsave &&
        ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) > 0) {
        kvm->cr4 |= CR4_OSXSAVE;
        kvm->xcr0 = xsave->eax & (XSAVE_X87 | XSAVE_SSE | XSAVE_AVX);
    }
    /* The legacy area as after FNINIT and with MXCSR's reset value; XSTATE_BV names x87 and SSE, so
     * that both are loaded, and no other component, so that all others are reset: APM volume 2,
     * section 11.5. All but PKRU, which KVM leaves as it is unless it is named: so it is loaded,
     * with zero. A payload may write it where KVM runs it under the host's CR4. */
    uint16_t fcw = XSAVE_FCW;
    uint32_t mxcsr = XSAVE_MXCSR;
    uint64_t components = XSAVE_X87 | XSAVE_SSE;
    if (xsave && xsave->eax & XSAVE_PKRU)
        components |= XSAVE_PKRU;
    memcpy((uint8_t *)kvm->clean, &fcw, sizeof fcw);
    memcpy((uint8_t *)kvm->clean + 24, &mxcsr, sizeof mxcsr);
    memcpy((uint8_t *)kvm->clean + 512, &components, sizeof components);
}

static void fill_segments(struct kvm_sregs *sregs)
{
    sregs->cs = (struct kvm_segment){
        .limit = ~0u, .selector = 0x2b, .present = 1, .type = 11, .dpl = 3, .s = 1, .l = 1, .g = 1};
    sregs->ss = (struct kvm_segment){
        .limit = ~0u, .selector = 0x23, .present = 1, .type = 3, .dpl = 3, .s = 1, .db = 1, .g = 1};
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss;
    sregs->ldt = (struct kvm_segment){.unusable = 1};
}

static int set_msrs(struct clo_vm *vm, struct clo_error *error)
{
    /* A SYSCALL must not get anywhere: EFER.SCE is clear, and where a flavour of KVM jumps to LSTAR
     * all the same it meets a page that is never mapped. */
    struct { /* struct kvm_msrs with room for its entries */
        uint32_t count, pad;
        struct kvm_msr_entry entries[4];
    } msrs = {.count = 4,
              .entries = {{.index = MSR_STAR},
                          {.index = MSR_LSTAR, .data = CLO_SYSTEM_VA},
                          {.index = MSR_CSTAR, .data = CLO_SYSTEM_VA},
                          {.index = MSR_SFMASK, .data = 0x47700}}};
    int set = ioctl(vm->vcpu, KVM_SET_MSRS, &msrs);
    if (set < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_SET_MSRS");
    if (set != 4)
        return clo_fail(error, CLO_ESYSTEM, "KVM refused MSR %#x", msrs.entries[set].index);
    return 0;
}

int clo_state_init(struct clo_vm *vm, struct clo_error *error)
{
    const struct clo_kvm *kvm = vm->kvm;
    if (ioctl(vm->vcpu, KVM_SET_CPUID2, kvm->cpuid) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_SET_CPUID2");
    struct kvm_sregs *sregs = &vm->sregs;
    struct kvm_sregs reset;
    if (ioctl(vm->vcpu, KVM_GET_SREGS, &reset) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_GET_SREGS");
    sregs->apic_base = reset.apic_base;
    sregs->cr0 = CR0;
    sregs->cr3 = CLO_SYSTEM_ROOT * CLO_PAGE_SIZE;
    sregs->cr4 = kvm->cr4;
    sregs->efer = EFER;
    fill_segments(sregs);
    if (ioctl(vm->vcpu, KVM_SET_SREGS, sregs) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_SET_SREGS (CR4 %#llx)",
                              (unsigned long long)sregs->cr4);
    if (kvm->xcr0) {
        struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = kvm->xcr0}}};
        if (ioctl(vm->vcpu, KVM_SET_XCRS, &xcrs) < 0)
            return clo_fail_errno(error, CLO_ESYSTEM, "KVM_SET_XCRS %#llx",
                                  (unsigned long long)kvm->xcr0);
    }
    int status = set_msrs(vm, error);
    if (status)
        return status;
    return clo_state_clean_vectors(vm, error);
}

int clo_state_clean_vectors(struct clo_vm *vm, struct clo_error *error)
{
    if (ioctl(vm->vcpu, KVM_SET_XSAVE, vm->kvm->clean) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_SET_XSAVE");
    return 0;
}

void clo_state_start(struct clo_vm *vm)
{
    struct kvm_sync_regs *sync = &vm->run->s.regs;
    sync->regs = (struct kvm_regs){
        .rip = vm->image->header.run_entry, .rsp = CLO_STACK_VA + CLO_STACK_SIZE, .rflags = RFLAGS};
    sync->sregs = vm->sregs;
    /* No exception left over from a run that was stopped while one was on its way, and no
     * interrupt shadow of a load of SS before its last OUT. */
    sync->events = (struct kvm_vcpu_events){.flags = KVM_VCPUEVENT_VALID_SHADOW};
    vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
}

int clo_state_is_supervisor(struct clo_vm *vm, uint64_t *fault_address, struct clo_error *error)
{
    struct kvm_sregs sregs;
    if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_GET_SREGS");
    *fault_address = sregs.cr2;
    return (sregs.cs.selector & 3) == 0;
}

/* KVM completes the OUT when it is entered again, and only then RIP stands behind it on every
 * flavour: it is told to leave before it runs anything. */
static int complete(struct clo_vm *vm, struct clo_error *error)
{
    __atomic_store_n(&vm->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    int result = ioctl(vm->vcpu, KVM_RUN, 0);
    __atomic_store_n(&vm->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    if (result < 0 && errno == EINTR)
        return 0;
    return clo_fail_errno(error, CLO_ESYSTEM, "completing a host call");
}

int clo_state_registers(struct clo_vm *vm, struct clo_vm_registers *registers,
                        struct clo_error *error)
{
    struct kvm_regs regs;
    struct kvm_xsave area;
    int status = complete(vm, error);
    if (status)
        return status;
    if (ioctl(vm->vcpu, KVM_GET_REGS, &regs) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_GET_REGS");
    if (ioctl(vm->vcpu, KVM_GET_XSAVE, &area) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_GET_XSAVE");
    registers->rax = regs.rax;
    registers->rbx = regs.rbx;
    registers->rcx = regs.rcx;
    registers->rdx = regs.rdx;
    registers->rsi = regs.rsi;
    registers->rdi = regs.rdi;
    registers->rbp = regs.rbp;
    registers->rsp = regs.rsp;
    registers->r8 = regs.r8;
    registers->r9 = regs.r9;
    registers->r10 = regs.r10;
    registers->r11 = regs.r11;
    registers->r12 = regs.r12;
    registers->r13 = regs.r13;
    registers->r14 = regs.r14;
    registers->r15 = regs.r15;
    registers->rip = regs.rip;
    registers->rflags = regs.rflags;
    clo_registers_take_vectors(registers, (const uint8_t *)area.region, true);
    return 0;
}

/* After a start: what is not among them is as there. */
int clo_state_start_at(struct clo_vm *vm, const struct clo_vm_registers *registers,
                       struct clo_error *error)
{
    struct kvm_regs *to = &vm->run->s.regs.regs;
    uint32_t area[sizeof vm->kvm->clean / sizeof *vm->kvm->clean];
    memcpy(area, vm->kvm->clean, sizeof area);
    clo_registers_give_vectors(registers, (uint8_t *)area);
    to->rax = registers->rax;
    to->rbx = registers->rbx;
    to->rcx = registers->rcx;
    to->rdx = registers->rdx;
    to->rsi = registers->rsi;
    to->rdi = registers->rdi;
    to->rbp = registers->rbp;
    to->rsp = registers->rsp;
    to->r8 = registers->r8;
    to->r9 = registers->r9;
    to->r10 = registers->r10;
    to->r11 = registers->r11;
    to->r12 = registers->r12;
    to->r13 = registers->r13;
    to->r14 = registers->r14;
    to->r15 = registers->r15;
    to->rip = registers->rip;
    to->rflags = RFLAGS | registers->rflags;
    if (ioctl(vm->vcpu, KVM_SET_XSAVE, area) < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "KVM_SET_XSAVE");
    return 0;
}

/* run.c - entering the guest, and why it came out: one loop, one switch.
 *
 * A new run starts with all registers set; going on after a host call is entering again, KVM itself
 * completes the OUT. RIP is never looked at where it matters: at an I/O exit some flavours of KVM
 * have it behind the instruction and some at it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/internal.h"

static int violation(struct clo_vm *vm, struct clo_vm_exit *exit)
{
    vm->spent = true;
    exit->kind = CLO_VM_VIOLATION;
    return 0;
}

static int wrong_port(struct clo_vm *vm, struct clo_vm_exit *exit)
{
    bool out = vm->run->io.direction == KVM_EXIT_IO_OUT;
    snprintf(exit->reason, sizeof exit->reason, "the guest %s port %#x (%u bytes, %u times)",
             out ? "wrote to" : "read from", vm->run->io.port, vm->run->io.size, vm->run->io.count);
    return violation(vm, exit);
}

/* A stub's OUT: the payload faulted. Or the payload used the stubs' port itself, which the host
 * sees by the privilege level. */
static int fault(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error)
{
    vm->spent = true;
    uint64_t frame[7], address = 0;
    int supervisor = clo_state_is_supervisor(vm, &address, error);
    if (supervisor < 0)
        return supervisor;
    if (!supervisor)
        return wrong_port(vm, exit);
    clo_system_fault_frame(vm, frame);
    exit->kind = CLO_VM_FAULT;
    exit->vector = (uint8_t)frame[0];
    exit->error_code = frame[1];
    exit->rip = frame[2];
    exit->rsp = frame[5];
    exit->fault_address = exit->vector == 14 ? address : 0;
    return 0;
}

static int port_io(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error)
{
    bool out = vm->run->io.direction == KVM_EXIT_IO_OUT;
    unsigned size = vm->run->io.size, count = vm->run->io.count, port = vm->run->io.port;
    if (out && size == 1 && count == 1 && port == CLO_PORT_CALL) {
        exit->kind = CLO_VM_HOST_CALL;
        return 0;
    }
    if (out && size == 1 && count == 1 && port == CLO_PORT_FAULT)
        return fault(vm, exit, error);
    return wrong_port(vm, exit);
}

static int memory_io(struct clo_vm *vm, struct clo_vm_exit *exit)
{
    bool write = vm->run->mmio.is_write;
    snprintf(exit->reason, sizeof exit->reason,
             "the guest %s physical address %#llx, where it has no memory to %s",
             write ? "wrote to" : "read from", (unsigned long long)vm->run->mmio.phys_addr,
             write ? "write" : "read");
    return violation(vm, exit);
}

static int internal(struct clo_vm *vm, struct clo_vm_exit *exit)
{
    snprintf(exit->reason, sizeof exit->reason,
             "KVM could not carry out what the guest did (internal error %u)",
             vm->run->internal.suberror);
    return violation(vm, exit);
}

static int other(struct clo_vm *vm, struct clo_vm_exit *exit, const char *what)
{
    snprintf(exit->reason, sizeof exit->reason, "%s (exit reason %u)", what, vm->run->exit_reason);
    return violation(vm, exit);
}

static int entry_failed(struct clo_vm *vm, struct clo_error *error)
{
    int cause = errno;
    vm->spent = true;
    if (cause == ENOMEM)
        return clo_fail_errno(error, CLO_ENOMEMORY, "entering the guest");
    clo_fail_errno(error, CLO_ESYSTEM, "entering the guest");
    if (cause == EFAULT)
        return clo_hint(error, CLO_ESYSTEM,
                        "the image file %s may have been cut short while it was in use",
                        vm->image->path);
    return CLO_ESYSTEM;
}

static int resume(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error)
{
    for (;;) {
        __atomic_store_n(&vm->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        if (clo_alarm_taken(vm)) {
            exit->kind = CLO_VM_KICKED;
            return 0;
        }
        if (ioctl(vm->vcpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR)
                continue;
            return entry_failed(vm, error);
        }
        switch (vm->run->exit_reason) {
        case KVM_EXIT_IO: return port_io(vm, exit, error);
        case KVM_EXIT_MMIO: return memory_io(vm, exit);
        case KVM_EXIT_INTERNAL_ERROR: return internal(vm, exit);
        case KVM_EXIT_SHUTDOWN: return other(vm, exit, "the guest's vCPU shut down");
        case KVM_EXIT_HLT: return other(vm, exit, "the guest halted");
        case KVM_EXIT_INTR: continue;
        default: return other(vm, exit, "the guest left in a way that is not allowed");
        }
    }
}

static void stop(struct clo_vm *vm)
{
    __atomic_store_n(&vm->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static int prime(struct clo_vm *vm, struct clo_error *error)
{
    clo_state_start(vm);
    stop(vm);
    int result = ioctl(vm->vcpu, KVM_RUN, 0);
    __atomic_store_n(&vm->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    if (result < 0 && errno == EINTR)
        return 0;
    return clo_fail_errno(error, CLO_ESYSTEM, "loading registers");
}

/* ---- making and destroying ---- */

static int create_vcpu(struct clo_vm *vm, struct clo_error *error)
{
    vm->vm = ioctl(vm->kvm->fd, KVM_CREATE_VM, 0);
    if (vm->vm < 0)
        return clo_fail_errno(error, errno == ENOMEM ? CLO_ENOMEMORY : CLO_ESYSTEM,
                              "KVM_CREATE_VM");
    vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
    if (vm->vcpu < 0)
        return clo_fail_errno(error, errno == ENOMEM ? CLO_ENOMEMORY : CLO_ESYSTEM,
                              "KVM_CREATE_VCPU");
    struct kvm_run *run =
        mmap(NULL, vm->kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
    if (run == MAP_FAILED)
        return clo_fail_errno(error, CLO_ESYSTEM, "mapping the vCPU");
    vm->run = run;
    return 0;
}

static int create(struct clo_vm *vm, struct clo_error *error)
{
    vm->vm = vm->vcpu = -1;
    vm->kvm = clo_kvm_get(error);
    if (!vm->kvm)
        return CLO_ENOHYPERVISOR;
    if (!vm->config.one_shot)
        clo_kvm_keep_vcpu(vm->kvm);
    int status = create_vcpu(vm, error);
    if (!status)
        status = clo_memory_create(vm, error);
    if (!status)
        status = clo_state_init(vm, error);
    return status;
}

static void destroy(struct clo_vm *vm)
{
    if (vm->run)
        munmap(vm->run, vm->kvm->run_size);
    if (vm->vcpu >= 0)
        close(vm->vcpu);
    if (vm->vm >= 0)
        close(vm->vm);
    clo_memory_destroy(vm);
}

static int drop_all(struct clo_vm *vm, struct clo_error *error)
{
    return clo_memory_drop(vm, vm->layout.system_size, vm->layout.size - vm->layout.system_size,
                           error);
}

const struct clo_wall clo_wall_kvm = {
    .create = create,
    .destroy = destroy,
    .start = clo_state_start,
    .prime = prime,
    .resume = resume,
    .stop = stop,
    .grow = clo_kvm_grow,
    .shrink = clo_kvm_shrink,
    .drop_all = drop_all,
    .clean = clo_state_clean_vectors,
    .registers = clo_state_registers,
    .start_at = clo_state_start_at,
    .at = clo_kvm_memory_at,
};

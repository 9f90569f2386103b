/* run.c - entering a guest of this process, and why it came out. */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "vm/process/process.h"

#define OUT_IMMEDIATE 0xe6 /* out %al, $port: AMD APM volume 3, OUT */
#define OUT_LENGTH 2

static atomic_bool taken; /* there is a guest in this process */

static int create(struct clo_vm *vm, struct clo_error *error)
{
    if (atomic_exchange(&taken, true))
        return clo_fail(error, CLO_EBUSY,
                        "a process can have one guest without a hypervisor, and this one has it");
    vm->counted = true;
    int status = clo_process_map(vm, error);
    if (!status)
        status = clo_context_create(&vm->context, CLO_ALARM_SIGNAL, error);
    if (!status)
        clo_alarm_mask(SIG_BLOCK); /* while the host runs */
    return status;
}

static void destroy(struct clo_vm *vm)
{
    clo_context_destroy(vm->context);
    clo_process_unmap(vm);
    if (vm->counted) {
        clo_alarm_mask(SIG_UNBLOCK);
        atomic_store(&taken, false);
    }
}

static void start(struct clo_vm *vm)
{
    clo_context_start(vm->context, vm->image->header.run_entry, CLO_STACK_VA + CLO_STACK_SIZE);
}

static int prime(struct clo_vm *vm, struct clo_error *error)
{
    (void)vm;
    (void)error;
    return 0; /* nothing that only a first entry does */
}

static bool is_host_call(const struct clo_vm *vm, const struct clo_stop *stop)
{
    static const uint8_t call[OUT_LENGTH] = {OUT_IMMEDIATE, CLO_PORT_CALL};
    return stop->signal == SIGSEGV && clo_process_is_code(vm, stop->rip, sizeof call) &&
           !memcmp((const void *)(uintptr_t)stop->rip, call, sizeof call);
}

static int fault(struct clo_vm *vm, const struct clo_stop *stop, struct clo_vm_exit *exit,
                 struct clo_error *error)
{
    vm->spent = true;
    if (stop->truncated) {
        clo_fail(error, CLO_ESYSTEM, "the guest's memory at %#llx cannot be read",
                 (unsigned long long)stop->address);
        return clo_hint(error, CLO_ESYSTEM,
                        "the image file %s may have been cut short while it was in use",
                        vm->image->path);
    }
    exit->kind = CLO_VM_FAULT;
    exit->vector = stop->vector;
    exit->error_code = stop->error_code;
    exit->fault_address = stop->vector == 14 ? stop->address : 0;
    exit->rip = stop->rip;
    exit->rsp = stop->rsp;
    return 0;
}

static int resume(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error)
{
    for (;;) {
        struct clo_stop stop;
        if (clo_alarm_taken(vm)) {
            exit->kind = CLO_VM_KICKED;
            return 0;
        }
        clo_context_enter(vm->context, &stop);
        if (stop.signal == CLO_ALARM_SIGNAL)
            continue;
        if (!is_host_call(vm, &stop))
            return fault(vm, &stop, exit, error);
        clo_context_skip(vm->context, OUT_LENGTH);
        exit->kind = CLO_VM_HOST_CALL;
        return 0;
    }
}

static void stop(struct clo_vm *vm)
{
    (void)vm; /* the signal does it */
}

/* A start loads all registers anew; no copy of the last ones stays either. */
static int clean(struct clo_vm *vm, struct clo_error *error)
{
    (void)error;
    clo_context_forget(vm->context);
    return 0;
}

static int registers(struct clo_vm *vm, struct clo_vm_registers *registers, struct clo_error *error)
{
    (void)error;
    clo_context_registers(vm->context, registers);
    return 0;
}

static int start_at(struct clo_vm *vm, const struct clo_vm_registers *registers,
                    struct clo_error *error)
{
    (void)error;
    clo_context_set(vm->context, registers);
    return 0;
}

const struct clo_wall clo_wall_process = {
    .create = create,
    .destroy = destroy,
    .start = start,
    .prime = prime,
    .resume = resume,
    .stop = stop,
    .grow = clo_process_grow,
    .shrink = clo_process_shrink,
    .drop_all = clo_process_drop_all,
    .clean = clean,
    .registers = registers,
    .start_at = start_at,
    .at = clo_process_memory_at,
};

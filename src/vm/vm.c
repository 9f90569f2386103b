/* vm.c - making, entering and destroying a guest, whichever wall is around it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "vm/internal.h"

const char *clo_isolation_name(enum clo_isolation isolation)
{
    switch (isolation) {
    case CLO_ISOLATION_MICROVM: return "microvm";
    case CLO_ISOLATION_PROCESS: return "process";
    default: return NULL;
    }
}

int clo_vm_prepare(enum clo_isolation isolation, int *fd, struct clo_error *error)
{
    int descriptor = -1;
    if (isolation == CLO_ISOLATION_MICROVM) {
        const struct clo_kvm *kvm = clo_kvm_get(error);
        if (!kvm)
            return CLO_ENOHYPERVISOR;
        descriptor = kvm->fd;
    }
    clo_scan_open();
    if (fd)
        *fd = descriptor;
    return 0;
}

uint64_t clo_vm_reserves(enum clo_isolation isolation)
{
    return isolation == CLO_ISOLATION_PROCESS ? CLO_PROCESS_END : 0;
}

static uint64_t granted_by(const struct clo_image *image)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < image->header.segment_count; i++) {
        const struct clo_image_segment *segment = &image->header.segments[i];
        if (segment->kind == CLO_SEGMENT_LINEAR || segment->kind == CLO_SEGMENT_HEAP)
            bytes += segment->size;
    }
    return bytes;
}

static int check_config(const struct clo_image *image, const struct clo_vm_config *config,
                        struct clo_error *error)
{
    uint64_t limit = config->memory_limit;
    if (limit % CLO_HUGE_PAGE_SIZE || limit > CLO_MEMORY_LIMIT_MAX)
        return clo_fail(error, CLO_EINVALID,
                        "memory limit %llu is not a multiple of 2 MiB up to 4 GiB",
                        (unsigned long long)limit);
    if (limit < granted_by(image)) {
        char is[CLO_QUANTITY_TEXT_MAX], needs[CLO_QUANTITY_TEXT_MAX];
        clo_size_format(is, limit);
        clo_size_format(needs, clo_round_up(granted_by(image), CLO_HUGE_PAGE_SIZE));
        clo_fail(error, CLO_EINVALID, "memory limit %s is less than the %s that %s needs", is,
                 needs, image->path);
        return clo_hint(error, CLO_EINVALID,
                        "raise the memory limit (sandbox.memory, --memory) above %s", needs);
    }
    return 0;
}

static int prepare_restores(struct clo_vm *vm, struct clo_error *error)
{
    vm->pagemap = -1;
    vm->faults_seen = -1;
    if (vm->config.one_shot)
        return 0;
    vm->pagemap = clo_scan_open();
    vm->known = calloc(CLO_KEEP_PAGES, sizeof *vm->known);
    return vm->known ? 0 : clo_fail_memory(error);
}

int clo_vm_create(struct clo_vm **result, const struct clo_image *image,
                  const struct clo_vm_config *config, struct clo_error *error)
{
    *result = NULL;
    int status = check_config(image, config, error);
    if (status)
        return status;
    struct clo_vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return clo_fail_memory(error);
    vm->wall = config->isolation == CLO_ISOLATION_PROCESS ? &clo_wall_process : &clo_wall_kvm;
    vm->image = image;
    vm->config = *config;
    vm->vm = vm->vcpu = -1;

    status = prepare_restores(vm, error);
    if (!status)
        status = clo_alarm_init(vm, error);
    if (!status)
        status = vm->wall->create(vm, error);
    if (status) {
        clo_vm_destroy(vm);
        return status;
    }
    clo_parts_touch_hot(vm);
    *result = vm;
    return 0;
}

int clo_vm_inherit(struct clo_vm *vm, struct clo_error *error)
{
    if (vm->config.isolation != CLO_ISOLATION_PROCESS || vm->used)
        return clo_fail(error, CLO_EINVALID,
                        "only a guest by process isolation that has not run can be inherited");
    vm->pagemap = vm->config.one_shot ? -1 : clo_scan_open(); /* it is the address space's */
    vm->faults_seen = -1;
    int status = clo_alarm_init(vm, error);
    if (!status)
        clo_parts_touch_hot(vm);
    return status;
}

void clo_vm_destroy(struct clo_vm *vm)
{
    if (!vm)
        return;
    clo_alarm_destroy(vm);
    vm->wall->destroy(vm);
    free(vm->known);
    free(vm);
}

void clo_vm_start(struct clo_vm *vm)
{
    if (vm->pid != getpid()) /* resume says so */
        return;
    clo_alarm_forget(vm);
    vm->wall->start(vm);
    /* a session: the run before was not restored */
    if (vm->used && vm->wall->clean(vm, NULL))
        vm->spent = true;
}

int clo_vm_resume(struct clo_vm *vm, struct clo_vm_exit *exit, struct clo_error *error)
{
    if (vm->spent)
        return clo_fail(error, CLO_EINVALID, "a guest cannot go on after a fault");
    /* KVM refuses, and timers and the page shared with it are not inherited */
    if (vm->pid != getpid())
        return clo_fail(error, CLO_EINVALID, "a guest cannot be used in a child process");
    exit->reason[0] = '\0';
    vm->used = true;
    return vm->wall->resume(vm, exit, error);
}

int clo_vm_prime(struct clo_vm *vm, struct clo_error *error)
{
    clo_alarm_forget(vm);
    return vm->wall->prime(vm, error);
}

bool clo_vm_interrupt(struct clo_vm *vm)
{
    const struct clo_image_header *header = &vm->image->header;
    for (uint32_t i = 0; i < header->interrupt_count; i++) {
        const struct clo_interrupt_store *store = &header->interrupts[i];
        uint8_t *at = clo_memory_at(vm, CLO_LINEAR_VA + store->address);
        uint32_t value = store->value, old;
        memcpy(&old, at, sizeof old);
        if (store->mode == 1)
            value |= old;
        memcpy(at, &value, sizeof value);
    }
    return header->interrupt_count > 0;
}

int clo_vm_grow(struct clo_vm *vm, enum clo_region which, uint64_t size, struct clo_error *error)
{
    if (which != CLO_REGION_LINEAR && which != CLO_REGION_HEAP)
        return clo_fail(error, CLO_EGUEST,
                        "the guest asked to grow region %u, which does not exist", (unsigned)which);
    const struct clo_growth *region = &vm->regions[which];
    const struct clo_growth *other = &vm->regions[!which];
    if (size % CLO_WASM_PAGE_SIZE || size < region->size)
        return clo_fail(error, CLO_EGUEST,
                        "the guest asked for %llu bytes of memory where it has %llu",
                        (unsigned long long)size, (unsigned long long)region->size);
    if (size > region->max || size > vm->config.memory_limit ||
        size + other->size > vm->config.memory_limit)
        return clo_fail(error, CLO_ELIMIT, "the guest's memory would pass its limit of %llu bytes",
                        (unsigned long long)vm->config.memory_limit);
    return vm->wall->grow(vm, which, size, error);
}

uint64_t clo_vm_region_size(const struct clo_vm *vm, enum clo_region which)
{
    return vm->regions[which].size;
}

uint8_t *clo_vm_linear(struct clo_vm *vm, uint64_t address, uint64_t *length)
{
    uint64_t in_chunk = CLO_HUGE_PAGE_SIZE - address % CLO_HUGE_PAGE_SIZE;
    if (*length > in_chunk)
        *length = in_chunk;
    return clo_memory_at(vm, CLO_LINEAR_VA + address);
}

struct clo_control *clo_vm_control(struct clo_vm *vm)
{
    return (struct clo_control *)clo_vm_at(vm, vm->layout.window + CLO_WINDOW_CONTROL);
}

const uint8_t *clo_vm_output_area(const struct clo_vm *vm)
{
    return clo_vm_at(vm, vm->layout.window + CLO_WINDOW_OUTPUT);
}

const uint8_t *clo_vm_call_area(const struct clo_vm *vm)
{
    return clo_vm_at(vm, vm->layout.window + CLO_WINDOW_CALL);
}

uint8_t *clo_vm_reply_area(struct clo_vm *vm)
{
    return clo_vm_at(vm, vm->layout.window + CLO_WINDOW_REPLY);
}

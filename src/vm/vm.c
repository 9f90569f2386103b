/* vm.c - making and destroying a micro-VM. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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

static int prepare_restores(struct clo_vm *vm, struct clo_error *error)
{
    vm->pagemap = -1;
    vm->faults_seen = -1;
    if (vm->config.one_shot)
        return 0;
    clo_kvm_keep_vcpu(vm->kvm);
    vm->pagemap = clo_scan_open();
    if (vm->pagemap < 0)
        return 0;
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
    if (config->isolation == CLO_ISOLATION_PROCESS)
        return clo_fail(error, CLO_EINVALID, "isolation process is not built in");
    const struct clo_kvm *kvm = clo_kvm_get(error);
    if (!kvm)
        return CLO_ENOHYPERVISOR;
    struct clo_vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return clo_fail_memory(error);
    vm->kvm = kvm;
    vm->image = image;
    vm->config = *config;
    vm->vm = vm->vcpu = -1;

    status = prepare_restores(vm, error);
    if (!status)
        status = create_vcpu(vm, error);
    if (!status)
        status = clo_alarm_init(vm, error);
    if (!status)
        status = clo_memory_create(vm, error);
    if (!status)
        status = clo_state_init(vm, error);
    if (status) {
        clo_vm_destroy(vm);
        return status;
    }
    clo_memory_touch_hot(vm);
    *result = vm;
    return 0;
}

void clo_vm_destroy(struct clo_vm *vm)
{
    if (!vm)
        return;
    clo_alarm_destroy(vm);
    if (vm->run)
        munmap(vm->run, vm->kvm->run_size);
    if (vm->vcpu >= 0)
        close(vm->vcpu);
    if (vm->vm >= 0)
        close(vm->vm);
    clo_memory_destroy(vm);
    free(vm->known);
    free(vm);
}

struct clo_control *clo_vm_control(struct clo_vm *vm)
{
    return (struct clo_control *)(vm->memory + vm->layout.window + CLO_WINDOW_CONTROL);
}

const uint8_t *clo_vm_output_area(const struct clo_vm *vm)
{
    return vm->memory + vm->layout.window + CLO_WINDOW_OUTPUT;
}

const uint8_t *clo_vm_call_area(const struct clo_vm *vm)
{
    return vm->memory + vm->layout.window + CLO_WINDOW_CALL;
}

uint8_t *clo_vm_reply_area(struct clo_vm *vm)
{
    return vm->memory + vm->layout.window + CLO_WINDOW_REPLY;
}

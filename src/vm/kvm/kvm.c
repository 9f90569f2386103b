/* kvm.c - /dev/kvm: opened once for a process, checked, and an error that says what to do.
 *
 * The descriptor is kept open: it goes on working after the process has given up its rights. The
 * child of a fork may use it too, but no micro-VM of its parent's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/internal.h"

#define DEVICE "/dev/kvm"
#define API_VERSION 12
#define CPUID_ENTRIES 256
#define NO_HYPERVISOR "No Hypervisor was found for Sandbox"

/* The remedy, and the other one: to do without. `first` may be empty. */
static int hint(struct clo_error *error, const char *first)
{
    return clo_hint(
        error, CLO_ENOHYPERVISOR,
        "%s%sdo without a hypervisor, by process isolation, which protects from less: --isolation=process or sandbox.isolation: process",
        first, *first ? "; or " : "");
}

/* Owner and mode are the host's, in a container as well. */
static int forbidden(const char *path, struct clo_error *error)
{
    struct stat device;
    char first[256];
    if (stat(path, &device))
        return hint(error, "run as a user that may read and write it");
    unsigned user = geteuid(), group = device.st_gid, mode = device.st_mode & 07777;
    errno = EACCES;
    clo_fail_errno(error, CLO_ENOHYPERVISOR,
                   NO_HYPERVISOR
                   ": cannot open %s (owner: uid %u, group: gid %u, mode: %04o) as uid %u",
                   path, (unsigned)device.st_uid, group, mode, user);
    if ((mode & 0060) == 0060)
        snprintf(
            first, sizeof first,
            "let the user into group %u: on a host by usermod -aG, for a container by --group-add=%u beside --device=%s",
            group, group, path);
    else
        snprintf(
            first, sizeof first,
            "only its owner may open it: run as uid %u, or on the host give it a group (chgrp kvm %s; chmod 660 %s) and the user that group",
            (unsigned)device.st_uid, path, path);
    return hint(error, first);
}

static int fail_open(const char *path, struct clo_error *error)
{
    int cause = errno;
    clo_fail_errno(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": cannot open %s", path);
    switch (cause) {
    case ENOENT:
        return hint(
            error,
            "in a container, start it with --device=/dev/kvm; on a host, turn on virtualisation (AMD-V or VT-x) in the firmware and load the module kvm_amd or kvm_intel; in a virtual machine, turn on nested virtualisation");
    case EACCES: return forbidden(path, error);
    case EPERM:
        return hint(error, "a container may use the device only if it was started with "
                           "--device=/dev/kvm: mounting the file is not enough");
    case ENODEV:
    case ENXIO:
        return hint(
            error,
            "the device is there but its driver is not: load the module kvm_amd or kvm_intel, and turn on virtualisation in the firmware");
    default: return hint(error, "");
    }
}

static int check_device(int fd, const char *path, struct clo_error *error)
{
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version < 0) {
        clo_fail_errno(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": %s is not a KVM device", path);
        return hint(error, "pass the host's own device: --device=/dev/kvm");
    }
    if (version != API_VERSION) {
        clo_fail(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": %s has API version %d, needed is %d",
                 path, version, API_VERSION);
        return hint(error, "use Linux 4.17 or newer");
    }
    static const struct {
        int capability;
        const char *name;
    } needed[] = {{KVM_CAP_USER_MEMORY, "user memory"},
                  {KVM_CAP_READONLY_MEM, "read-only memory slots"},
                  {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
                  {KVM_CAP_SYNC_REGS, "registers in the shared page"},
                  {KVM_CAP_XSAVE, "vector state"},
                  {KVM_CAP_EXT_CPUID, "CPUID"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (ioctl(fd, KVM_CHECK_EXTENSION, needed[i].capability) > 0)
            continue;
        clo_fail(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": %s lacks a capability (%s)", path,
                 needed[i].name);
        return hint(error, "use Linux 4.17 or newer");
    }
    return 0;
}

int clo_kvm_open_device(const char *path, struct clo_error *error)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail_open(path, error);
    int status = check_device(fd, path, error);
    if (status) {
        close(fd);
        return status;
    }
    return fd;
}

/* ---- the process's KVM ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct clo_kvm the_kvm = {.fd = -1};
static bool ready; /* the_kvm is filled and will not change */
static int adopted = -1;

static int fill(struct clo_kvm *kvm, struct clo_error *error)
{
    int size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < (int)sizeof(struct kvm_run)) {
        clo_fail_errno(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": KVM_GET_VCPU_MMAP_SIZE");
        return hint(error, "");
    }
    kvm->run_size = (size_t)size;
    kvm->cpuid = calloc(1, sizeof *kvm->cpuid + CPUID_ENTRIES * sizeof kvm->cpuid->entries[0]);
    if (!kvm->cpuid)
        return clo_fail_memory(error);
    kvm->cpuid->nent = CPUID_ENTRIES;
    if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, kvm->cpuid) < 0) {
        clo_fail_errno(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": KVM_GET_SUPPORTED_CPUID");
        hint(error, "");
        free(kvm->cpuid);
        kvm->cpuid = NULL;
        return CLO_ENOHYPERVISOR;
    }
    clo_state_detect(kvm);
    return 0;
}

static int open_locked(struct clo_error *error)
{
    struct clo_kvm kvm = {.fd = adopted};
    if (adopted >= 0) {
        int status = check_device(adopted, "the descriptor that was passed in", error);
        if (status)
            return status;
    } else {
        kvm.fd = clo_kvm_open_device(DEVICE, error);
        if (kvm.fd < 0)
            return kvm.fd;
    }
    int status = fill(&kvm, error);
    if (status) {
        if (kvm.fd != adopted)
            close(kvm.fd);
        return status;
    }
    the_kvm = kvm;
    __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
    return 0;
}

const struct clo_kvm *clo_kvm_get(struct clo_error *error)
{
    if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
        return &the_kvm;
    pthread_mutex_lock(&lock);
    int status = ready ? 0 : open_locked(error);
    pthread_mutex_unlock(&lock);
    return status ? NULL : &the_kvm;
}

void clo_kvm_adopt(int fd)
{
    pthread_mutex_lock(&lock);
    adopted = fd;
    pthread_mutex_unlock(&lock);
}

int clo_kvm_probe(struct clo_error *error)
{
    const struct clo_kvm *kvm = clo_kvm_get(error);
    if (!kvm)
        return CLO_ENOHYPERVISOR;
    int vm = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    if (vm < 0) {
        clo_fail_errno(error, CLO_ENOHYPERVISOR, NO_HYPERVISOR ": KVM_CREATE_VM");
        return hint(
            error,
            "another hypervisor may hold the processor's virtualisation, or a seccomp profile may forbid it");
    }
    close(vm);
    return 0;
}

/* A vCPU without an in-kernel APIC flips a static key of the kernel when it is the first of the
 * machine, and again when it was the last: code patching, 0.2 ms each way. A process that makes
 * micro-VMs one after another is better off with an idle vCPU that stays; a process that makes one
 * would only pay for it. So: from the second one on. */
void clo_kvm_keep_vcpu(const struct clo_kvm *kvm)
{
    static atomic_int made;
    if (atomic_fetch_add(&made, 1) != 1)
        return;
    int vm = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    if (vm < 0)
        return;
    if (ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
        close(vm);
    /* else both descriptors stay open for the life of the process */
}

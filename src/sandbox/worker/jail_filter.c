/* jail_filter.c - the system calls that a worker may still make once it is sealed.
 *
 * What a run needs: enter the guest and write its pages back, read and write the one channel,
 * memory for messages, time. Memory is never executable, no descriptor is made here and none can be
 * sent (one that comes is the host's to give: a mounted file, for reading), and a virtual machine or
 * a process cannot be made. All memory that is written counts for the limit on it (RLIMIT_DATA),
 * which the kernel takes to be what is private, writable and no stack: hence nothing is shared or
 * grows downwards, nothing that was writable becomes anything else but by being given back, and no
 * mapping is stretched, which the stack's would be. Everything else kills the process: the parent
 * then ends that one run and takes a new worker.
 *
 * The filter is made once, in the zygote; each worker loads it (jail.c).
 */
#include <errno.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/layout.h"
#include "sandbox/worker/jail.h"

/* PAGEMAP_SCAN: _IOWR('f', 16, struct pm_scan_arg), whose size is 96 bytes; newer than Debian 12's
 * headers (Linux 6.7, include/uapi/linux/fs.h). */
#define PAGEMAP_SCAN_REQUEST _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

static const int free_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), /* replies may bring a descriptor of a mounted file */
    SCMP_SYS(sendto),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(close),
    SCMP_SYS(pread64),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrusage),
    SCMP_SYS(timer_settime),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Slots: memory is given to the guest as it grows. A worker can give only what it has itself. */
static const uint32_t microvm_ioctls[] = {
    KVM_SET_USER_MEMORY_REGION,
    KVM_RUN,
    KVM_SET_XSAVE,
    KVM_GET_XSAVE,
    KVM_GET_SREGS,
    KVM_SET_SREGS,
    KVM_GET_REGS,
    KVM_SET_REGS,
};

static bool allow_ioctl(scmp_filter_ctx filter, uint32_t request)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, request)) == 0;
}

/* Page tables count for no limit either. Without a hypervisor, where much address space is a
 * worker's, new mappings lie in the guest's or where the kernel puts them, which is side by side. */
static bool allow_mmap(scmp_filter_ctx filter, enum clo_isolation isolation)
{
    const scmp_datum_t uncounted = MAP_SHARED | MAP_GROWSDOWN | MAP_HUGETLB;
    const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp counted = SCMP_A3(SCMP_CMP_MASKED_EQ, uncounted, 0);
    if (isolation != CLO_ISOLATION_PROCESS)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, data, counted) == 0;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 3,
                            SCMP_A0(SCMP_CMP_LT, CLO_HEAP_VA + CLO_HEAP_MAX), data, counted) == 0;
}

static bool allow_memory(scmp_filter_ctx filter, enum clo_isolation isolation)
{
    static const int advice[] = {
        MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_POPULATE_WRITE,
#ifdef __SANITIZE_ADDRESS__
        MADV_DONTDUMP, /* of its own memory */
#endif
    };
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
                             SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)advice[i])))
            return false;
    }
    return allow_mmap(filter, isolation) &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_EQ, PROT_READ | PROT_WRITE)) == 0 &&
           /* a C library's realloc tries it first */
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOMEM), SCMP_SYS(mremap), 0) == 0;
}

static bool fill(scmp_filter_ctx filter, enum clo_isolation isolation)
{
    for (size_t i = 0; i < sizeof free_calls / sizeof *free_calls; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, free_calls[i], 0))
            return false;
    }
    for (size_t i = 0;
         isolation == CLO_ISOLATION_MICROVM && i < sizeof microvm_ioctls / sizeof *microvm_ioctls;
         i++) {
        if (!allow_ioctl(filter, microvm_ioctls[i]))
            return false;
    }
    return allow_ioctl(filter, PAGEMAP_SCAN_REQUEST) && allow_memory(filter, isolation);
}

/* libseccomp hands a program out through a descriptor only. */
static bool export(scmp_filter_ctx filter, struct sock_fprog *program)
{
    int file = memfd_create("filter", MFD_CLOEXEC);
    off_t size = 0;
    if (file >= 0 && seccomp_export_bpf(filter, file) == 0)
        size = lseek(file, 0, SEEK_END);
    struct sock_filter *code = size > 0 ? malloc((size_t)size) : NULL;
    bool whole = code && pread(file, code, (size_t)size, 0) == size;
    if (file >= 0)
        close(file);
    if (!whole) {
        free(code);
        return false;
    }
    program->filter = code;
    program->len = (unsigned short)((size_t)size / sizeof *code);
    return true;
}

void clo_jail_filter_make(struct sock_fprog *program, enum clo_isolation isolation)
{
    *program = (struct sock_fprog){0};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) /* before Linux 4.14, and in gVisor: a worker's one thread is all of it */
        filter = seccomp_init(SCMP_ACT_KILL_THREAD);
    if (!filter)
        return;
    if (fill(filter, isolation))
        (void)export(filter, program);
    seccomp_release(filter);
}

/* container_filter.h - a filter of system calls like the one that Docker puts around containers:
 * clone3 is answered as if the kernel lacked it, new namespaces and mounts are forbidden. */
#ifndef CLO_TESTS_CONTAINER_FILTER_H
#define CLO_TESTS_CONTAINER_FILTER_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW_NAMESPACES 0x7e020000u /* all CLONE_NEW flags but that of time */

/* For this process and its children, from now on. */
static inline bool container_filter_load(void)
{
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE(error) ANSWER(SECCOMP_RET_ERRNO | (error))
#define UNLESS(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1) /* skip the next */
    struct sock_filter code[] = {
        LOAD(nr),
        UNLESS(SYS_clone3),
        REFUSE(ENOSYS),
        UNLESS(SYS_unshare),
        REFUSE(EPERM),
        UNLESS(SYS_setns),
        REFUSE(EPERM),
        UNLESS(SYS_mount),
        REFUSE(EPERM),
        UNLESS(SYS_pivot_root),
        REFUSE(EPERM),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        LOAD(args[0]), /* its lower half */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1),
        REFUSE(EPERM),
        ANSWER(SECCOMP_RET_ALLOW),
    };
#undef LOAD
#undef ANSWER
#undef REFUSE
#undef UNLESS
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

#endif

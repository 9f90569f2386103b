#!/usr/bin/env python3
"""Write deploy/seccomp.json: `seccomp.py > deploy/seccomp.json`.

A filter of system calls for containers (docker run --security-opt seccomp=deploy/seccomp.json; podman and
Kubernetes take the same form). The engines' own filter forbids what the jail around worker processes is made
of: new namespaces and mounts. This one allows these, by their arguments, and of all else only what Cloche, its
libraries and the container's runtime call, and what a C library may take in their place: 185 calls where
Docker's allows 292. The list was found by tracing run, serve, doctor and health behind both walls (strace), and
then by running them under it with Docker's runc (tests/container). A tool that makes other system calls needs
them added here, or a process of its own elsewhere.
"""

import json

# sched.h, sys/mount.h
NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWNET = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 1 << 14, 1 << 18
SEALED = NOSUID | NODEV | NOEXEC
DETACH = 2
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
ENOSYS = 38

FREE = {
    "memory": "brk madvise mmap mprotect mremap msync munmap memfd_create mincore",
    "files": """access chdir close close_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate fchdir
        fchmod fchmodat fchown fchownat fcntl fdatasync flock fstat fstatfs fsync ftruncate getcwd getdents getdents64
        ioctl lseek lstat mkdir mkdirat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev
        pwritev2 read readlink readlinkat readv rename renameat renameat2 rmdir stat statfs statx umask unlink unlinkat
        utimensat write writev""",
    "waiting": """epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 pipe pipe2 poll
        ppoll pselect6 select""",
    "network": """accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg
        sendmmsg sendmsg sendto setsockopt shutdown socketpair""",
    "threads and processes": """arch_prctl execve execveat exit exit_group fork futex get_robust_list getpgrp getpid
        getppid gettid kill membarrier pidfd_open pidfd_send_signal prctl restart_syscall rseq sched_getaffinity
        sched_getparam sched_getscheduler sched_yield set_robust_list set_tid_address setsid tgkill vfork wait4 waitid""",
    "signals": """pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait
        sigaltstack""",
    "time": """clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create
        timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_settime times""",
    "who and what": """getegid geteuid getgid getgroups getrandom getresgid getresuid getrlimit getrusage getuid
        prlimit64 setrlimit sysinfo uname""",
    # Giving up root, and the container's runtime between its filter and the program.
    "giving up rights": """capget capset setgid setgroups setregid setresgid setresuid setreuid setuid""",
    "the jail": "landlock_add_rule landlock_create_ruleset landlock_restrict_self pivot_root seccomp",
}


def equal(index, value):
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


def without(index, mask):
    return {"index": index, "value": mask, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}


# What the jail's layers are made of (src/sandbox/worker/jail.c), and these alone.
BY_ARGUMENTS = {
    # threads, processes, and a worker's own user and process namespaces
    "clone": [without(0, NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWNET)],
    # what all workers share
    "unshare": [equal(0, flags) for flags in (NEWUSER, NEWNS, NEWNET, NEWIPC | NEWUTS)],
    # the empty root, read-only
    "mount": [equal(3, flags) for flags in (REC | PRIVATE, SEALED, REMOUNT | BIND | RDONLY | SEALED)],
    "umount2": [equal(1, DETACH)],
    "socket": [equal(0, family) for family in (UNIX, INET, INET6, NETLINK)],
}


def rule(names, action="SCMP_ACT_ALLOW", **more):
    return {"names": names, "action": action, **more}


def profile():
    rules = [rule(sorted(names.split())) for names in FREE.values()]
    rules += [rule([name], args=[test]) for name, tests in BY_ARGUMENTS.items() for test in tests]
    # its flags cannot be seen by a filter: the C library then takes clone
    rules.append(rule(["clone3"], "SCMP_ACT_ERRNO", errnoRet=ENOSYS))
    return {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules}


if __name__ == "__main__":
    print(json.dumps(profile(), indent=1))

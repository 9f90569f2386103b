#!/usr/bin/env python3
"""Runs a command as on a platform that forbids things: forbid.py NAME[,NAME…] COMMAND [ARG…]

Each NAME takes something away from the command and its children, by a filter of system calls or, where
root is here, by mounts and users:

  gvisor        the calls that gVisor's compatibility table says it lacks, and PAGEMAP_SCAN
  no-pidfd      pidfd_open and pidfd_send_signal, as before Linux 5.3
  no-landlock   as before Linux 5.13
  no-seccomp    no filter of the command's own
  no-namespaces neither unshare nor clone may make one
  no-close-range, no-execveat, no-memfd, no-openat2
  no-exec-gain  what was mapped to be written may not be executed later: systemd's MemoryDenyWriteExecute
  no-proc       /proc is empty             (needs root: a mount namespace)
  read-only-proc                           (likewise)
  no-kvm        /dev/kvm is hidden         (likewise)
  noexec=DIR    DIR is mounted so that nothing of it can be executed   (likewise)
  user=NUMBER   no rights, that user
  space=BYTES   limit on address space (ulimit -v)

It is the same program on the same kernel: what it stands for is the answers to system calls.
"""
import ctypes
import errno
import os
import resource
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
CLONE_NEWNS = 0x20000
NEW_NAMESPACES = 0x7E020000
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 8, 32, 4096, 1 << 14, 1 << 18

# x86-64's numbers (Linux, arch/x86/entry/syscalls/syscall_64.tbl)
CLONE, UNSHARE, PRCTL, IOCTL, SECCOMP, CLONE3, MPROTECT = 56, 272, 157, 16, 317, 435, 10
PROT_EXEC = 4
PIDFD = [434, 424, 438]  # pidfd_open, pidfd_send_signal, pidfd_getfd
LANDLOCK = [444, 445, 446]
# Of gVisor's table for amd64, what answers ENOSYS: setfsuid, setfsgid, uselib, ustat, sysfs, get_kernel_syms,
# query_module, nfsservctl, getpmsg, putpmsg, tuxcall, security, set_thread_area, get_thread_area, epoll_ctl_old,
# epoll_wait_old, remap_file_pages, vserver, mq_timedsend, mq_timedreceive, mq_notify, mq_getsetattr, vmsplice,
# fanotify_init, fanotify_mark, userfaultfd, copy_file_range, pkey_mprotect, pkey_alloc, pkey_free, io_pgetevents,
# io_uring_register, fspick; then all that its table does not list: process_madvise, and all above epoll_pwait2.
GVISOR = [122, 123, 134, 136, 139, 177, 178, 180, 181, 182, 184, 185, 205, 211, 214, 215, 216, 236, 242, 243, 244,
          245, 278, 300, 301, 323, 326, 329, 330, 331, 333, 427, 433, 440]
GVISOR_LAST = 441
PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, 96 bytes)

LOAD, EQUAL, ABOVE, SET, RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER, FIRST, SECOND, THIRD = 0, 16, 24, 32  # in struct seccomp_data: the call, lower halves of arguments


def answer(number, code=errno.ENOSYS):
    return [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | code)]


def answer_where(number, place, test, value, code):
    """For calls of that number whose argument at `place` passes the test."""
    return [(EQUAL, 0, 4, number), (LOAD, 0, 0, place), (test, 0, 1, value), (RETURN, 0, 0, ERROR | code),
            (LOAD, 0, 0, NUMBER)]


def rules(name):
    if name == "gvisor":
        found = [(ABOVE, 0, 1, GVISOR_LAST), (RETURN, 0, 0, ERROR | errno.ENOSYS)]
        for number in GVISOR:
            found += answer(number)
        return found + answer_where(IOCTL, SECOND, EQUAL, PAGEMAP_SCAN, errno.ENOTTY)
    if name == "no-seccomp":
        return answer(SECCOMP) + answer_where(PRCTL, FIRST, EQUAL, PR_SET_SECCOMP, errno.EINVAL)
    if name == "no-namespaces":
        return answer(UNSHARE, errno.EPERM) + answer(CLONE3) + answer_where(CLONE, FIRST, SET, NEW_NAMESPACES, errno.EPERM)
    if name == "no-exec-gain":
        return answer_where(MPROTECT, THIRD, SET, PROT_EXEC, errno.EPERM)
    if name == "no-openat2":  # as Docker's older filters say it
        return answer(437, errno.EPERM)
    plain = {"no-pidfd": PIDFD, "no-landlock": LANDLOCK, "no-close-range": [436], "no-execveat": [322],
             "no-memfd": [319]}
    return [line for number in plain[name] for line in answer(number)]


def load(code):
    code = [(LOAD, 0, 0, NUMBER), *code, (RETURN, 0, 0, ALLOW)]
    bytes_ = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(bytes_)))
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program):
        sys.exit(f"forbid.py: the filter cannot be loaded: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind=None, flags=0, data=None):
    encoded = [text.encode() if text else None for text in (source, target, kind)]
    if LIBC.mount(*encoded, ctypes.c_ulong(flags), data):
        sys.exit(f"forbid.py: {target} cannot be mounted: {os.strerror(ctypes.get_errno())}")


def own_mounts():
    if LIBC.unshare(CLONE_NEWNS):
        sys.exit(f"forbid.py: no mount namespace: {os.strerror(ctypes.get_errno())}")
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def change_mounts(names):
    own_mounts()
    for name, _, value in names:
        if name == "noexec":
            mount(value, value, None, MS_BIND)
            mount("none", value, None, MS_REMOUNT | MS_BIND | MS_NOEXEC)
        elif name == "no-kvm" and os.path.exists("/dev/kvm"):
            mount("/dev/null", "/dev/kvm", None, MS_BIND)
        elif name == "read-only-proc":
            mount("/proc", "/proc", None, MS_BIND | MS_REC)
            mount("none", "/proc", None, MS_REMOUNT | MS_BIND | MS_RDONLY)
        elif name == "no-proc":
            mount("none", "/proc", "tmpfs", MS_RDONLY)


MOUNTS = {"no-proc", "read-only-proc", "no-kvm", "noexec"}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    names = [name.partition("=") for name in sys.argv[1].split(",")]
    if any(name in MOUNTS for name, _, _ in names):
        change_mounts(names)
    code = []
    for name, _, value in names:
        if name == "user":
            os.setgroups([])
            os.setresgid(int(value), int(value), int(value))
            os.setresuid(int(value), int(value), int(value))
        elif name == "space":
            resource.setrlimit(resource.RLIMIT_AS, (int(value), int(value)))
        elif name not in MOUNTS:
            code += rules(name)
    if code:
        load(code)
    os.execvp(sys.argv[2], sys.argv[2:])


main()

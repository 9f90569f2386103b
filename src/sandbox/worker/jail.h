/* sandbox/worker/jail.h - what stands around a worker process, layer by layer.
 *
 * A worker is assumed to be taken over one day. Whatever it tries then must fail here: it has no
 * user, no files, no network, no other processes, no way to make a virtual machine beyond the one
 * it has, and a short list of system calls. Containers and old kernels forbid some layers; each
 * layer that could be put up is reported, so that a caller may insist on all (strict) or take what
 * there is (best).
 *
 * Some of it holds nothing of a run, and cannot be changed from inside: the network without an
 * interface, System V IPC and the host name, the empty root. These the zygote enters once, and each
 * worker that it forks stands in them. A worker has for itself its user, which has no rights over
 * what the zygote entered, its processes, its limits, and what Landlock and the filter forbid.
 *
 * The order is: drop_user and share in the zygote, fork for each worker, enter in the worker before
 * it makes its micro-VM, seal when everything it needs is open. Nothing here can be undone.
 */
#ifndef CLO_SANDBOX_WORKER_JAIL_H
#define CLO_SANDBOX_WORKER_JAIL_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/types.h>

#include "cloche/error.h"
#include "cloche/sandbox.h"

enum clo_jail_layer {
    CLO_JAIL_USER = 1 << 0,     /* a uid that owns nothing, in a user namespace of its own */
    CLO_JAIL_PID = 1 << 1,      /* sees and signals no process but itself */
    CLO_JAIL_NET = 1 << 2,      /* no interface, not even loopback (shared) */
    CLO_JAIL_IPC = 1 << 3,      /* no System V IPC or message queues; own host name (shared) */
    CLO_JAIL_FILES = 1 << 4,    /* the root is an empty read-only file system (shared) */
    CLO_JAIL_RIGHTS = 1 << 5,   /* no capabilities, and none to be had by execve */
    CLO_JAIL_LIMITS = 1 << 6,   /* memory, descriptors, processes, core dumps */
    CLO_JAIL_LANDLOCK = 1 << 7, /* no file access, even if a way to a file were found */
    CLO_JAIL_SYSCALLS = 1 << 8, /* seccomp: what a run needs, with checked arguments */
    CLO_JAIL_ALL = (1 << 9) - 1,
};

/* "user", "pid" …; NULL for what is no single layer. */
const char *clo_jail_layer_name(unsigned layer);

/* Names of a set of layers, comma-separated, into `text`. */
void clo_jail_describe(unsigned layers, char text[CLO_JAIL_TEXT_MAX]);

/* Give up root for good, if this process has it. Every later child is without rights. */
void clo_jail_drop_user(void);

/* What the workers of one zygote share, and what is made once for all of them. */
struct clo_jail_shared {
    unsigned layers;          /* in which the zygote stands, and with it every worker */
    int proc;                 /* /proc's directory, which the empty root lacks; -1: none */
    int rules;                /* Landlock's, to be put on by each worker; -1: none */
    struct sock_fprog filter; /* of system calls, likewise; len 0: none */
};

/* In the zygote, after drop_user, while it has one thread. Its root is empty afterwards. */
void clo_jail_share(struct clo_jail_shared *shared, enum clo_isolation isolation);

/* Like fork, into as many new namespaces as are allowed; *layers gets those in force, the shared
 * ones included. The caller must be single-threaded. */
pid_t clo_jail_fork(const struct clo_jail_shared *shared, unsigned *layers);

/* In the child: limits, capabilities, Landlock; closes its descriptors of what is shared. `memory`
 * is what the process may map to write beyond what it has now, `reserved` what it may map besides
 * that without access, in bytes. Adds to *layers what could be put up. */
void clo_jail_enter(const struct clo_jail_shared *shared, uint64_t memory, uint64_t reserved,
                    unsigned *layers);

/* Last, after the first KVM_RUN: no more processes, and the system-call filter. A call outside it
 * kills the process. */
void clo_jail_seal(const struct clo_jail_shared *shared, unsigned *layers);

/* jail_filter.c: the filter as the kernel takes it; len 0: it could not be made. */
void clo_jail_filter_make(struct sock_fprog *filter, enum clo_isolation isolation);

/* What this machine and user allow, tried in a child process. */
int clo_jail_probe(unsigned *layers, struct clo_error *error);

#endif

/* jail.c - a worker's namespaces, root, rights and limits. The system-call filter is in
 * jail_filter.c. */
#include "sandbox/worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/files.h"
#include "base/error.h"

#define NOBODY 65534
#define STACK_MAX (8u << 20) /* bytes */
/* A worker holds about ten, and what it reads of mounts. */
#define OPEN_FILES_MAX (32 + CLO_FILES_OPEN_MAX)
#define SIGNALS_MAX 64      /* queued, and timers; a worker has three, and few queued */
#define LANDLOCK_NET_ALL 3u /* bind and connect by TCP, Landlock ABI 4 (Linux 6.7) */

struct namespaces {
    unsigned layer;
    unsigned long flags;
};

/* Without a user namespace of one's own the others need root. */
static const struct namespaces shared_namespaces[] = {
    {CLO_JAIL_FILES, CLONE_NEWNS}, /* emptied by empty_root */
    {CLO_JAIL_NET, CLONE_NEWNET},
    {CLO_JAIL_IPC, CLONE_NEWIPC | CLONE_NEWUTS},
};
static const struct namespaces own_namespaces[] = {
    {CLO_JAIL_USER, CLONE_NEWUSER},
    {CLO_JAIL_PID, CLONE_NEWPID},
};
enum {
    SHARED = sizeof shared_namespaces / sizeof *shared_namespaces,
    OWN = sizeof own_namespaces / sizeof *own_namespaces
};

const char *clo_jail_layer_name(unsigned layer)
{
    switch (layer) {
    case CLO_JAIL_USER: return "user";
    case CLO_JAIL_PID: return "pid";
    case CLO_JAIL_NET: return "net";
    case CLO_JAIL_IPC: return "ipc";
    case CLO_JAIL_FILES: return "files";
    case CLO_JAIL_RIGHTS: return "rights";
    case CLO_JAIL_LIMITS: return "limits";
    case CLO_JAIL_LANDLOCK: return "landlock";
    case CLO_JAIL_SYSCALLS: return "syscalls";
    default: return NULL;
    }
}

void clo_jail_describe(unsigned layers, char text[CLO_JAIL_TEXT_MAX])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned layer = 1; layer <= CLO_JAIL_ALL; layer <<= 1) {
        if (layers & layer)
            used += (size_t)snprintf(text + used, CLO_JAIL_TEXT_MAX - used, "%s%s",
                                     used ? ", " : "", clo_jail_layer_name(layer));
    }
    if (!used)
        snprintf(text, CLO_JAIL_TEXT_MAX, "none");
}

void clo_jail_drop_user(void)
{
    if (geteuid() != 0)
        return;
    /* A failure shows in clo_jail_enter: the process is then still root, and says so. */
    if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
        setresuid(NOBODY, NOBODY, NOBODY) == 0)
        prctl(PR_SET_DUMPABLE, 1); /* a worker opens /proc/self/pagemap before it closes the door */
}

/* Make an empty read-only tmpfs the root and let go of everything else. */
static bool empty_root(void)
{
    const unsigned long sealed = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/proc", "tmpfs", sealed, "size=4k,nr_inodes=1,mode=0555") == 0 &&
           chdir("/proc") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
           umount2(".", MNT_DETACH) == 0 &&
           mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | sealed, NULL) == 0 &&
           chdir("/") == 0;
}

static bool limit(int resource, rlim_t value)
{
    return setrlimit(resource, &(struct rlimit){value, value}) == 0;
}

/* Address space and memory that may be written, in use now, in bytes: the first and the sixth field
 * of statm (pages). */
static bool space_in_use(int proc, rlim_t *space, rlim_t *data)
{
    char statm[128] = "";
    int file = openat(proc, "self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : read(file, statm, sizeof statm - 1);
    if (file >= 0)
        close(file);
    unsigned long all = 0, written = 0;
    if (n <= 0 || sscanf(statm, "%lu %*u %*u %*u %*u %lu", &all, &written) != 2)
        return false;
    *space = (rlim_t)all * (rlim_t)sysconf(_SC_PAGESIZE);
    *data = (rlim_t)written * (rlim_t)sysconf(_SC_PAGESIZE);
    return true;
}

/* What a stack grows by counts for no other limit on written memory. */
static bool limit_stack(void)
{
    struct rlimit now;
    return getrlimit(RLIMIT_STACK, &now) == 0 &&
           limit(RLIMIT_STACK, now.rlim_max < STACK_MAX ? now.rlim_max : STACK_MAX);
}

/* As many as can be set; true: all that the layer stands for. */
static bool set_limits(int proc, uint64_t memory, uint64_t reserved)
{
    rlim_t space, data;
    bool all = space_in_use(proc, &space, &data);
    if (all) {
        all &= limit(RLIMIT_AS, space + memory + reserved);
        all &= limit(RLIMIT_DATA, data + memory);
    }
    all &= limit(RLIMIT_CORE, 0);
    all &= limit(RLIMIT_FSIZE, 0);
    all &= limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
    all &= limit(RLIMIT_MEMLOCK, 0);
    /* gVisor refuses it; the layers ipc and syscalls forbid queues as well */
    (void)limit(RLIMIT_MSGQUEUE, 0);
    all &= limit_stack();
    return all;
}

static bool drop_rights(void)
{
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
        prctl(PR_CAPBSET_DROP, capability); /* refused where it is not held: nothing to drop */
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_capset, &header, none) == 0 &&
           prctl(PR_SET_DUMPABLE, 0) == 0;
}

/* A ruleset that handles every access and allows none; -1: there is no Landlock here. */
static int make_rules(void)
{
    struct {
        uint64_t files, net, scoped; /* as many as the kernel's Landlock knows */
    } ruleset = {0};
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return -1;
    unsigned accesses = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    ruleset.files = (1ull << accesses) - 1;
    size_t size = sizeof ruleset.files;
    if (abi >= 4) {
        ruleset.net = LANDLOCK_NET_ALL;
        size += sizeof ruleset.net;
    }
    if (abi >= 6) {
        ruleset.scoped = 3; /* no abstract UNIX sockets, no signals beyond this domain */
        size += sizeof ruleset.scoped;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
}

/* ---- in the zygote ---- */

static bool write_map(int proc, const char *name, const char *text)
{
    int file = openat(proc, name, O_WRONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : write(file, text, strlen(text));
    if (file >= 0)
        close(file);
    return n == (ssize_t)strlen(text);
}

/* A user without a name in its namespace may not make another namespace: keep the same numbers. */
static void name_user(int proc, unsigned user, unsigned group)
{
    char line[64];
    (void)write_map(proc, "self/setgroups", "deny");
    snprintf(line, sizeof line, "%u %u 1", group, group);
    (void)write_map(proc, "self/gid_map", line);
    snprintf(line, sizeof line, "%u %u 1", user, user);
    (void)write_map(proc, "self/uid_map", line); /* a failure shows in clo_jail_fork */
}

static void enter_shared(struct clo_jail_shared *shared)
{
    unsigned user = geteuid(), group = getegid();
    if (unshare(CLONE_NEWUSER) == 0)
        name_user(shared->proc, user, group);
    for (int i = 0; i < SHARED; i++) {
        if (unshare((int)shared_namespaces[i].flags) == 0)
            shared->layers |= shared_namespaces[i].layer;
    }
    if ((shared->layers & CLO_JAIL_FILES) && !empty_root())
        shared->layers &= ~(unsigned)CLO_JAIL_FILES;
}

void clo_jail_share(struct clo_jail_shared *shared, enum clo_isolation isolation)
{
    *shared = (struct clo_jail_shared){.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    enter_shared(shared);
    shared->rules = make_rules();
    clo_jail_filter_make(&shared->filter, isolation);
}

/* clone and not clone3: filters of containers allow the one by its flags, and refuse the other,
 * whose flags they cannot read. */
static pid_t clone_into(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

pid_t clo_jail_fork(const struct clo_jail_shared *shared, unsigned *layers)
{
    unsigned long flags = 0;
    *layers = shared->layers;
    for (int i = 0; i < OWN; i++) {
        flags |= own_namespaces[i].flags;
        *layers |= own_namespaces[i].layer;
    }
    pid_t pid = clone_into(flags);
    if (pid >= 0)
        return pid;
    /* Something is forbidden here: find out which by trying one at a time, then take the rest. */
    flags = 0;
    *layers = shared->layers;
    for (int i = 0; i < OWN; i++) {
        pid_t trial = clone_into(own_namespaces[i].flags | (flags & CLONE_NEWUSER));
        if (trial == 0)
            _exit(0);
        if (trial > 0) {
            waitpid(trial, NULL, 0);
            flags |= own_namespaces[i].flags;
            *layers |= own_namespaces[i].layer;
        }
    }
    return clone_into(flags);
}

/* ---- in a worker ---- */

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void clo_jail_enter(const struct clo_jail_shared *shared, uint64_t memory, uint64_t reserved,
                    unsigned *layers)
{
    if (set_limits(shared->proc, memory, reserved))
        *layers |= CLO_JAIL_LIMITS;
    /* counted for each user of each namespace: with one of its own it is the worker's alone */
    if ((*layers & CLO_JAIL_USER) && !limit(RLIMIT_SIGPENDING, SIGNALS_MAX))
        *layers &= ~(unsigned)CLO_JAIL_LIMITS;
    close_if_open(shared->proc);
    if (drop_rights())
        *layers |= CLO_JAIL_RIGHTS;
    if (shared->rules >= 0 && syscall(SYS_landlock_restrict_self, shared->rules, 0) == 0)
        *layers |= CLO_JAIL_LANDLOCK;
    close_if_open(shared->rules);
}

void clo_jail_seal(const struct clo_jail_shared *shared, unsigned *layers)
{
    /* Not sooner: KVM itself starts a kernel thread in this process's name at the first KVM_RUN. */
    if (!limit(RLIMIT_NPROC, 0))
        *layers &= ~(unsigned)CLO_JAIL_LIMITS;
    /* Without NO_NEW_PRIVS, which drop_rights sets, the kernel refuses. */
    if (shared->filter.len &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &shared->filter) == 0)
        *layers |= CLO_JAIL_SYSCALLS;
}

/* ---- what there is ---- */

int clo_jail_probe(unsigned *layers, struct clo_error *error)
{
    *layers = 0;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return clo_fail_errno(error, CLO_ESYSTEM, "cannot make a pipe");
    pid_t trial = fork(); /* so that this process keeps its user */
    if (trial == 0) {
        unsigned found;
        struct clo_jail_shared shared;
        clo_jail_drop_user();
        clo_jail_share(&shared, CLO_ISOLATION_MICROVM);
        pid_t worker = clo_jail_fork(&shared, &found);
        if (worker == 0) {
            clo_jail_enter(&shared, 64u << 20, 0, &found);
            clo_jail_seal(&shared, &found);
            ssize_t n = write(ends[1], &found, sizeof found);
            _exit(n == sizeof found ? 0 : 1);
        }
        waitpid(worker, NULL, 0);
        _exit(0);
    }
    close(ends[1]);
    int status = 0;
    if (trial < 0 || read(ends[0], layers, sizeof *layers) != sizeof *layers)
        status = clo_fail(error, CLO_ESYSTEM, "a jailed process could not be started");
    close(ends[0]);
    if (trial > 0)
        waitpid(trial, NULL, 0);
    return status;
}

/* jail.c - a worker's namespaces, root, rights and limits. The system-call filter is in
 * jail_filter.c. */
#include "sandbox/worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/sched.h>
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

#include "base/error.h"

#define NOBODY 65534
#define OPEN_FILES_MAX 32   /* a worker holds about ten */
#define LANDLOCK_NET_ALL 3u /* bind and connect by TCP, Landlock ABI 4 (Linux 6.7) */

static const struct {
    unsigned layer;
    uint64_t flags;
} namespaces[] = {
    /* without the first the others need root: it is tried with all of them, then alone */
    {CLO_JAIL_USER, CLONE_NEWUSER},
    {CLO_JAIL_FILES, CLONE_NEWNS}, /* entered here, emptied in clo_jail_enter */
    {CLO_JAIL_PID, CLONE_NEWPID},
    {CLO_JAIL_NET, CLONE_NEWNET},
    {CLO_JAIL_IPC, CLONE_NEWIPC | CLONE_NEWUTS},
};
enum { NAMESPACES = sizeof namespaces / sizeof *namespaces };

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

static pid_t clone_into(uint64_t flags)
{
    struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

pid_t clo_jail_fork(unsigned *layers)
{
    uint64_t flags = 0;
    unsigned all = 0;
    for (int i = 0; i < NAMESPACES; i++) {
        flags |= namespaces[i].flags;
        all |= namespaces[i].layer;
    }
    *layers = all;
    pid_t pid = clone_into(flags);
    if (pid >= 0)
        return pid;
    /* Something is forbidden here: find out which by trying one at a time, then take the rest. */
    flags = 0;
    *layers = 0;
    for (int i = 0; i < NAMESPACES; i++) {
        uint64_t wanted = namespaces[i].flags | (flags & CLONE_NEWUSER);
        pid_t trial = clone_into(wanted);
        if (trial == 0)
            _exit(0);
        if (trial > 0) {
            waitpid(trial, NULL, 0);
            flags |= namespaces[i].flags;
            *layers |= namespaces[i].layer;
        }
    }
    return clone_into(flags);
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

static bool set_limits(uint64_t memory)
{
    /* Address space in use now, from the first field of statm (pages). */
    char statm[64] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : read(file, statm, sizeof statm - 1);
    if (file >= 0)
        close(file);
    unsigned long pages = 0;
    if (n <= 0 || sscanf(statm, "%lu", &pages) != 1)
        return false;
    rlim_t space = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + memory;
    return limit(RLIMIT_AS, space) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
           limit(RLIMIT_NOFILE, OPEN_FILES_MAX) && limit(RLIMIT_MEMLOCK, 0) &&
           limit(RLIMIT_MSGQUEUE, 0);
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

/* A ruleset that handles every access and allows none. */
static bool landlock(void)
{
    struct {
        uint64_t files, net, scoped; /* as many as the kernel's Landlock knows */
    } ruleset = {0};
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return false;
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
    int rules = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (rules < 0)
        return false;
    bool done = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return done;
}

void clo_jail_enter(uint64_t memory, unsigned *layers)
{
    bool limited = set_limits(memory); /* reads /proc: before the root goes */
    if ((*layers & CLO_JAIL_FILES) && !empty_root())
        *layers &= ~(unsigned)CLO_JAIL_FILES;
    if (limited)
        *layers |= CLO_JAIL_LIMITS;
    if (drop_rights())
        *layers |= CLO_JAIL_RIGHTS;
    if (landlock())
        *layers |= CLO_JAIL_LANDLOCK;
}

int clo_jail_probe(unsigned *layers, struct clo_error *error)
{
    *layers = 0;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return clo_fail_errno(error, CLO_ESYSTEM, "cannot make a pipe");
    pid_t trial = fork(); /* so that this process keeps its user */
    if (trial == 0) {
        unsigned found;
        clo_jail_drop_user();
        pid_t worker = clo_jail_fork(&found);
        if (worker == 0) {
            clo_jail_enter(64u << 20, &found);
            clo_jail_seal(&found);
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

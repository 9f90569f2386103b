/* zygote_main.c - the zygote: a program of its own that forks a worker whenever it is asked to.
 *
 * Started by zygote.c with an empty environment and the descriptors of bootstrap.h. It has one
 * thread and next to nothing in memory, so a fork of it is cheap and safe. What all workers need
 * alike is made here, before the first fork: the image's mapping, the shared part of the jail, the
 * beginning of the clock's measurement.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/run/tsc.h"
#include "sandbox/worker/bootstrap.h"
#include "sandbox/worker/fd_pass.h"
#include "sandbox/worker/jail.h"
#include "sandbox/worker/keeper.h"
#include "sandbox/worker/worker.h"
#include "vm/vm.h"

#define CLASSIC_SIGNALS 31 /* above are real-time signals, one of which the vm layer handles */

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number <= CLASSIC_SIGNALS; number++)
        signal(number, SIG_DFL); /* what was ignored stays so over an exec */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* workers are reaped by the kernel */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void fork_worker(const struct clo_bootstrap *bootstrap, const struct clo_jail_shared *shared,
                        struct clo_runner *mapped, int socket, bool keeper)
{
    pid_t parent = getpid();
    unsigned layers;
    int handle = -1;
    pid_t pid = keeper ? clo_keeper_fork(shared, socket, &layers, &parent, &handle)
                       : clo_jail_fork(shared, &layers);
    if (pid == 0) {
        close(CLO_BOOTSTRAP_CONTROL);
        clo_worker_main(bootstrap, shared, mapped, socket, parent, layers);
    }
    int problem = pid < 0 ? errno : 0;
    close(socket);
    if (!problem && !keeper)
        handle = (int)syscall(SYS_pidfd_open, pid, 0);
    if (!problem && handle < 0)
        problem = errno;
    clo_fd_pass_send(CLO_BOOTSTRAP_CONTROL, problem ? problem : pid, handle);
    if (handle >= 0)
        close(handle);
}

int main(void)
{
    struct clo_bootstrap bootstrap;
    struct clo_jail_shared shared;
    clo_tsc_begin();
    prctl(PR_SET_NAME, "cloche-zygote");
    setsid(); /* a terminal's interrupt is for the program */
    reset_signals();
    int status = clo_bootstrap_read(&bootstrap, NULL);
    if (!status)
        status = clo_vm_prepare(bootstrap.isolation, NULL, NULL);
    if (status)
        return 1; /* the program finds out by its socket */
    clo_jail_drop_user();
    clo_jail_share(&shared, bootstrap.isolation);
    clo_proc_adopt(shared.proc);
    /* A micro-VM is its process's own. A guest by process isolation is not: mapped here, and never
     * run. Where that fails a worker tries for itself, and says why. */
    struct clo_runner *mapped = NULL;
    if (bootstrap.isolation == CLO_ISOLATION_PROCESS)
        (void)clo_bootstrap_map(&bootstrap, &mapped, NULL);
    bool keeper = clo_keeper_is_needed();
    for (;;) {
        int nothing, socket;
        if (clo_fd_pass_receive(CLO_BOOTSTRAP_CONTROL, &nothing, &socket) < 0)
            return 0; /* the program is gone, or has had enough */
        if (socket >= 0)
            fork_worker(&bootstrap, &shared, mapped, socket, keeper);
    }
}

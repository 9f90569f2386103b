/* keeper.c - pidfds, or a parent for each worker that takes their place. */
#include "sandbox/worker/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/worker/bootstrap.h"

struct order { /* host to keeper */
    int signal, value;
};

bool clo_keeper_is_needed(void)
{
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self < 0)
        return true;
    bool works = syscall(SYS_pidfd_send_signal, self, 0, NULL, 0) == 0;
    close(self);
    return !works;
}

/* ---- in the keeper ---- */

static void on_child(int signal)
{
    (void)signal; /* ends ppoll */
}

static bool send_number(int socket, int number)
{
    return send(socket, &number, sizeof number, MSG_NOSIGNAL) == sizeof number;
}

/* Carries out one order. False: the host has closed its end. */
static bool take_order(int socket, pid_t worker)
{
    struct order order;
    ssize_t got = recv(socket, &order, sizeof order, MSG_DONTWAIT);
    if (got == (ssize_t)sizeof order)
        (void)sigqueue(worker, order.signal, (union sigval){.sival_int = order.value});
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until the host has closed its end. `outside`: signals blocked but while this waits. */
static void keep(int socket, pid_t worker, const sigset_t *outside)
{
    struct pollfd order = {.fd = socket, .events = POLLIN};
    bool told = false;
    do {
        siginfo_t ended = {0};
        /* not waited for: its number stays its own */
        if (!told && waitid(P_PID, (id_t)worker, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            ended.si_pid == worker)
            told = send_number(socket, 0);
        (void)ppoll(&order, 1, NULL, outside);
    } while (take_order(socket, worker));
    kill(worker, SIGKILL);
    while (waitpid(worker, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* Returns 0 in the worker alone. */
static pid_t keeper_main(int socket, const struct clo_jail_shared *shared, int channel,
                         unsigned *layers)
{
    sigset_t child, outside;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signal(SIGCHLD, on_child);
    sigprocmask(SIG_BLOCK, &child, &outside);
    pid_t worker = clo_jail_fork(shared, layers);
    int problem = errno;
    if (worker == 0) {
        close(socket);
        signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_SETMASK, &outside, NULL);
        return 0;
    }
    close(channel); /* that it closes tells the host that the worker has ended */
    close(CLO_BOOTSTRAP_CONTROL);
    if (send_number(socket, worker < 0 ? -problem : worker) && worker > 0)
        keep(socket, worker, &outside);
    _exit(0);
}

/* ---- in the zygote ---- */

static pid_t fork_keeper(int pair[2], const struct clo_jail_shared *shared, int channel,
                         unsigned *layers, pid_t *parent)
{
    pid_t zygote = getpid(), keeper = fork();
    if (keeper)
        return keeper;
    prctl(PR_SET_NAME, "cloche-keeper");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != zygote) /* it ended before that took effect */
        _exit(0);
    close(pair[0]);
    *parent = getpid();
    return keeper_main(pair[1], shared, channel, layers);
}

pid_t clo_keeper_fork(const struct clo_jail_shared *shared, int channel, unsigned *layers,
                      pid_t *parent, int *handle)
{
    int pair[2], number = -EAGAIN;
    *handle = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    pid_t keeper = fork_keeper(pair, shared, channel, layers, parent);
    if (keeper == 0)
        return 0;
    int problem = keeper < 0 ? errno : 0;
    close(pair[1]);
    if (!problem && recv(pair[0], &number, sizeof number, 0) != sizeof number)
        number = -ECHILD; /* the keeper has died */
    if (!problem && number > 0) {
        *handle = pair[0];
        return number;
    }
    close(pair[0]);
    errno = problem ? problem : -number;
    return -1;
}

/* ---- on the host ---- */

void clo_keeper_signal(int handle, int signal, int value)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
    info.si_value.sival_int = value;
    if (syscall(SYS_pidfd_send_signal, handle, signal, &info, 0) == 0 ||
        (errno != EBADF && errno != ENOSYS && errno != EPERM))
        return;
    const struct order order = {signal, value};
    (void)send(handle, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT);
}

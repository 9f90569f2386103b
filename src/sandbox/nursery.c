/* nursery.c - forking the nursery from the program, and workers from the nursery.
 *
 * The child of a fork of a program with many threads may find locks taken that nobody will open
 * again: between fork and the nursery's loop only system calls, and vm functions made for it, are
 * used. (The C library's allocator is safe there; stdio is not used.)
 */
#include "sandbox/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/descriptor.h"
#include "sandbox/jail.h"
#include "sandbox/worker.h"
#include "vm/vm.h"

#define CLASSIC_SIGNALS 31 /* above are real-time signals, one of which the vm layer handles */
#define ANSWER_SECONDS 20  /* a nursery that takes longer to fork is taken for dead */

struct clo_nursery {
    const struct clo_setup *setup;
    pthread_mutex_t lock;
    int socket; /* -1: there is no nursery process */
    pid_t pid;
};

/* ---- in the nursery ---- */

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number <= CLASSIC_SIGNALS; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* workers are reaped by the kernel */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int ascending(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Close everything but `control` and what micro-VMs need; 0, 1 and 2 become /dev/null. */
static void close_others(const struct clo_setup *setup, int control)
{
    int keep[CLO_VM_DESCRIPTORS_MAX + 1];
    size_t count = clo_vm_descriptors(setup->image, keep);
    keep[count++] = control;
    qsort(keep, count, sizeof *keep, ascending);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    unsigned from = 3;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)keep[i] > from)
            syscall(SYS_close_range, from, (unsigned)keep[i] - 1, 0);
        if (keep[i] >= 3)
            from = (unsigned)keep[i] + 1;
    }
    syscall(SYS_close_range, from, ~0u, 0);
}

static void fork_worker(const struct clo_setup *setup, int control, int socket)
{
    pid_t self = getpid();
    unsigned layers;
    pid_t pid = clo_jail_fork(&layers);
    if (pid == 0) {
        close(control);
        clo_worker_main(setup, socket, self, layers);
    }
    int problem = pid < 0 ? errno : 0;
    close(socket);
    int pidfd = problem ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (!problem && pidfd < 0)
        problem = errno;
    clo_descriptor_send(control, problem, pidfd);
    if (pidfd >= 0)
        close(pidfd);
}

static _Noreturn void nursery_main(const struct clo_setup *setup, int control)
{
    prctl(PR_SET_NAME, "cloche-nursery");
    setsid(); /* a terminal's interrupt is for the program */
    reset_signals();
    clo_kvm_prepare(NULL, NULL);
    close_others(setup, control);
    clo_jail_drop_user();
    for (;;) {
        int nothing, socket;
        int got = clo_descriptor_receive(control, &nothing, &socket);
        if (got < 0)
            _exit(0); /* the program is gone, or has had enough */
        if (socket >= 0)
            fork_worker(setup, control, socket);
    }
}

/* ---- in the program ---- */

static int start(struct clo_nursery *nursery, struct clo_error *error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return clo_fail_errno(error, CLO_ESYSTEM, "socketpair");
    struct timeval time = {.tv_sec = ANSWER_SECONDS};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    nursery->pid = fork();
    if (nursery->pid == 0)
        nursery_main(nursery->setup, pair[1]);
    close(pair[1]);
    if (nursery->pid < 0) {
        clo_fail_errno(error, CLO_ESYSTEM, "fork");
        close(pair[0]);
        return CLO_ESYSTEM;
    }
    nursery->socket = pair[0];
    return 0;
}

static void stop(struct clo_nursery *nursery)
{
    if (nursery->socket < 0)
        return;
    close(nursery->socket);
    nursery->socket = -1;
    kill(nursery->pid, SIGKILL); /* its workers go with it */
    while (waitpid(nursery->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int clo_nursery_create(struct clo_nursery **result, const struct clo_setup *setup,
                       struct clo_error *error)
{
    *result = NULL;
    struct clo_nursery *nursery = calloc(1, sizeof *nursery);
    if (!nursery)
        return clo_fail_memory(error);
    nursery->setup = setup;
    nursery->socket = -1;
    pthread_mutex_init(&nursery->lock, NULL);
    int status = clo_kvm_prepare(NULL, error); /* so that the child finds all opened, and no lock */
    if (!status)
        status = start(nursery, error);
    if (status) {
        clo_nursery_destroy(nursery);
        return status;
    }
    *result = nursery;
    return 0;
}

void clo_nursery_destroy(struct clo_nursery *nursery)
{
    if (!nursery)
        return;
    stop(nursery);
    pthread_mutex_destroy(&nursery->lock);
    free(nursery);
}

static int ask(struct clo_nursery *nursery, int theirs, int *pidfd, struct clo_error *error)
{
    int problem = 0;
    if (clo_descriptor_send(nursery->socket, 0, theirs) < 0 ||
        clo_descriptor_receive(nursery->socket, &problem, pidfd) < 0)
        return clo_fail(error, CLO_ESYSTEM, "the process that makes workers does not answer");
    if (*pidfd >= 0)
        return 0;
    return clo_fail(error, CLO_ESYSTEM, "a worker process cannot be made: %s", strerror(problem));
}

int clo_nursery_spawn(struct clo_nursery *nursery, int *socket, int *pidfd, struct clo_error *error)
{
    int pair[2];
    *pidfd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return clo_fail_errno(error, CLO_ESYSTEM, "socketpair");
    pthread_mutex_lock(&nursery->lock);
    int status = nursery->socket < 0 ? CLO_ESYSTEM : ask(nursery, pair[1], pidfd, error);
    if (status) { /* killed, or out of its mind: once more with a new one */
        stop(nursery);
        status = start(nursery, error);
        if (!status)
            status = ask(nursery, pair[1], pidfd, error);
    }
    pthread_mutex_unlock(&nursery->lock);
    close(pair[1]);
    if (status) {
        close(pair[0]);
        return status;
    }
    *socket = pair[0];
    return 0;
}

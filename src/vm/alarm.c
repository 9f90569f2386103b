/* alarm.c - stopping a guest from outside: kicks and timers.
 *
 * A kick sets a flag of the micro-VM, then immediate_exit in the page shared with KVM, then sends
 * its thread a signal. The order matters: whoever clears immediate_exit looks at the flag
 * afterwards, so no kick is lost between two entries; a stale immediate_exit without a flag only
 * costs a turn of the loop in run.c. A timer does the same from its signal's handler, on the thread
 * itself.
 *
 * The signal is real-time, reserved for this and unblocked in the thread that makes a micro-VM.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "vm/internal.h"

#define KICK_SIGNAL (SIGRTMAX - 3)
enum { TIMER_WALL, TIMER_CPU };

static void stop_entry(struct clo_vm *vm)
{
    __atomic_store_n(&vm->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    /* A kick of another thread's has done its work before it sent this. The kernel alone says
     * SI_TIMER, and timers are deleted on this thread before the micro-VM goes away. */
    if (info->si_code != SI_TIMER)
        return;
    struct clo_vm *vm = info->si_value.sival_ptr;
    atomic_store(&vm->alarmed, 1);
    stop_entry(vm);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(KICK_SIGNAL, &action, NULL);
}

static void unblock(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int clo_alarm_init(struct clo_vm *vm, struct clo_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, install_handler))
        return clo_fail(error, CLO_ESYSTEM, "installing a signal handler");
    unblock();
    vm->pid = getpid();
    vm->owner = (pid_t)syscall(SYS_gettid);
    return 0;
}

void clo_alarm_destroy(struct clo_vm *vm)
{
    for (int i = 0; i < 2; i++)
        if (vm->timer_made[i])
            timer_delete(vm->timers[i]);
    /* a signal that was still queued comes now, while the micro-VM is there */
    unblock();
}

void clo_vm_kick(struct clo_vm *vm)
{
    int saved = errno;
    atomic_store(&vm->kicked, 1);
    stop_entry(vm);
    /* From a signal handler on the micro-VM's own thread the flag is enough: KVM_RUN has ended
     * already. And a jailed worker may not send signals. */
    if ((pid_t)syscall(SYS_gettid) != vm->owner)
        syscall(SYS_tgkill, vm->pid, vm->owner, KICK_SIGNAL);
    errno = saved;
}

bool clo_alarm_taken(struct clo_vm *vm)
{
    __atomic_store_n(&vm->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    bool kicked = atomic_load(&vm->kicked) && atomic_exchange(&vm->kicked, 0);
    bool alarmed = atomic_load(&vm->alarmed) && atomic_exchange(&vm->alarmed, 0);
    return kicked || alarmed;
}

void clo_alarm_forget(struct clo_vm *vm)
{
    atomic_store(&vm->kicked, 0);
}

static int set_timer(struct clo_vm *vm, int which, uint64_t ns, struct clo_error *error)
{
    if (!ns && !vm->timer_set[which])
        return 0;
    if (!vm->timer_made[which]) {
        struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                                 .sigev_signo = KICK_SIGNAL,
                                 .sigev_value.sival_ptr = vm};
        event._sigev_un._tid = vm->owner;
        clockid_t clock = which == TIMER_WALL ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
        if (timer_create(clock, &event, &vm->timers[which]))
            return clo_fail_errno(error, CLO_ESYSTEM, "creating a timer");
        vm->timer_made[which] = true;
    }
    struct itimerspec spec = {.it_value = clo_timespec(ns)};
    if (timer_settime(vm->timers[which], 0, &spec, NULL))
        return clo_fail_errno(error, CLO_ESYSTEM, "setting a timer");
    vm->timer_set[which] = ns != 0;
    return 0;
}

int clo_vm_alarm(struct clo_vm *vm, uint64_t wall_ns, uint64_t cpu_ns, struct clo_error *error)
{
    /* Stop the old ones and forget what they did before new ones start: their signals are taken by
     * this very thread, at the end of the call that stops them. */
    int status = set_timer(vm, TIMER_WALL, 0, error);
    if (!status)
        status = set_timer(vm, TIMER_CPU, 0, error);
    atomic_store(&vm->alarmed, 0);
    if (!status && wall_ns)
        status = set_timer(vm, TIMER_WALL, wall_ns, error);
    if (!status && cpu_ns)
        status = set_timer(vm, TIMER_CPU, cpu_ns, error);
    return status;
}

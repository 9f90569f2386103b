/* alarm.c - stopping a guest from outside: kicks and timers.
 *
 * A kick sets a flag, tells the wall, and sends the guest's thread a signal. A timer does the same
 * from its signal's handler, on the thread itself.
 *
 * Of a micro-VM the wall sets immediate_exit in the page shared with KVM. The order matters: whoever
 * clears immediate_exit looks at the flag afterwards, so no kick is lost between two entries; a
 * stale immediate_exit without a flag only costs a turn of the loop in kvm/run.c. A guest in this
 * process is stopped by the signal itself (process/run.c): it is blocked while the host runs, so
 * that one which comes early stops the guest at its next instruction.
 *
 * The signal is real-time and reserved for this.
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

enum { TIMER_WALL, TIMER_CPU, TIMER_KICK, TIMERS };
_Static_assert(TIMERS == CLO_TIMERS, "struct clo_vm has room for them");

static void on_signal(int signal, siginfo_t *info, void *context)
{
    /* A kick of another thread's has set its flag before it sent this. The kernel alone says
     * SI_TIMER, and timers are deleted on this thread before the guest goes away. */
    struct clo_vm *vm = info->si_code == SI_TIMER ? info->si_value.sival_ptr : NULL;
    if (vm) {
        atomic_store(&vm->alarmed, 1);
        vm->wall->stop(vm);
    }
    clo_context_leave(signal, info, context);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(CLO_ALARM_SIGNAL, &action, NULL);
}

void clo_alarm_mask(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, CLO_ALARM_SIGNAL);
    pthread_sigmask(how, &set, NULL);
}

/* Have signals that are still queued come now, while the guest's struct is there; the mask is then
 * what it was: another guest of this thread may need it. */
static void take_queued(void)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, CLO_ALARM_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void clo_alarm_destroy(struct clo_vm *vm)
{
    for (int i = 0; i < TIMERS; i++)
        if (vm->timer_made[i])
            timer_delete(vm->timers[i]);
    take_queued();
}

/* From a signal handler on the guest's own thread. KVM_RUN has ended already, the flag is enough. A
 * guest in this process goes on when the handler returns: a timer that ends at once stops it then
 * (a jailed worker may not send signals). It names no guest: when it comes late it stops none for
 * longer than a look at the flag. */
static void kick_self(struct clo_vm *vm)
{
    const struct itimerspec now = {.it_value.tv_nsec = 1};
    if (vm->config.isolation == CLO_ISOLATION_PROCESS)
        (void)timer_settime(vm->timers[TIMER_KICK], 0, &now, NULL);
}

void clo_vm_kick(struct clo_vm *vm)
{
    int saved = errno;
    atomic_store(&vm->kicked, 1);
    vm->wall->stop(vm);
    if ((pid_t)syscall(SYS_gettid) != vm->owner)
        syscall(SYS_tgkill, vm->pid, vm->owner, CLO_ALARM_SIGNAL);
    else
        kick_self(vm);
    errno = saved;
}

bool clo_alarm_taken(struct clo_vm *vm)
{
    bool kicked = atomic_load(&vm->kicked) && atomic_exchange(&vm->kicked, 0);
    bool alarmed = atomic_load(&vm->alarmed) && atomic_exchange(&vm->alarmed, 0);
    return kicked || alarmed;
}

void clo_alarm_forget(struct clo_vm *vm)
{
    atomic_store(&vm->kicked, 0);
}

/* All of them are made with the guest: a jailed worker makes no more (jail_filter.c). */
static int make_timer(struct clo_vm *vm, int which, struct clo_error *error)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = CLO_ALARM_SIGNAL,
                             .sigev_value.sival_ptr = which == TIMER_KICK ? NULL : vm};
    event._sigev_un._tid = vm->owner;
    clockid_t clock = which == TIMER_CPU ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    if (timer_create(clock, &event, &vm->timers[which]))
        return clo_fail_errno(error, CLO_ESYSTEM, "creating a timer");
    vm->timer_made[which] = true;
    return 0;
}

int clo_alarm_init(struct clo_vm *vm, struct clo_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, install_handler))
        return clo_fail(error, CLO_ESYSTEM, "installing a signal handler");
    vm->pid = getpid();
    vm->owner = (pid_t)syscall(SYS_gettid);
    for (int i = 0; i < TIMERS; i++)
        vm->timer_made[i] = vm->timer_set[i] = false;
    atomic_store(&vm->alarm_at, 0);
    int status = make_timer(vm, TIMER_WALL, error);
    if (!status)
        status = make_timer(vm, TIMER_CPU, error);
    if (vm->config.isolation == CLO_ISOLATION_PROCESS) /* signals come while the guest runs */
        return status ? status : make_timer(vm, TIMER_KICK, error);
    clo_alarm_mask(SIG_UNBLOCK);
    return status;
}

/* *expired, if not NULL, becomes true where the timer had been set and has come to its end. */
static int set_timer(struct clo_vm *vm, int which, int flags, uint64_t ns, bool *expired,
                     struct clo_error *error)
{
    if (!ns && !vm->timer_set[which])
        return 0;
    struct itimerspec spec = {.it_value = clo_timespec(ns)}, old;
    if (timer_settime(vm->timers[which], flags, &spec, &old))
        return clo_fail_errno(error, CLO_ESYSTEM, "setting a timer");
    if (expired)
        *expired |= vm->timer_set[which] && !old.it_value.tv_sec && !old.it_value.tv_nsec;
    vm->timer_set[which] = ns != 0;
    return 0;
}

int clo_vm_alarm_by(struct clo_vm *vm, uint64_t now_ns, uint64_t at_ns, struct clo_error *error)
{
    uint64_t standing = atomic_load(&vm->alarm_at);
    if (standing > now_ns && standing <= at_ns)
        return 0;
    int status = set_timer(vm, TIMER_CPU, 0, 0, NULL, error);
    if (!status)
        status = set_timer(vm, TIMER_WALL, TIMER_ABSTIME, at_ns, NULL, error);
    if (!status)
        atomic_store(&vm->alarm_at, at_ns);
    return status;
}

int clo_vm_alarm(struct clo_vm *vm, uint64_t wall_ns, uint64_t cpu_ns, struct clo_error *error)
{
    /* Stop the old ones and forget what they did before new ones start. Of a micro-VM their signals
     * are taken by this very thread, at the end of the call that stops them. Where they are blocked
     * one may be queued; before Linux 6.13 it stays so when its timer is stopped. */
    bool expired = false;
    atomic_store(&vm->alarm_at, 0);
    int status = set_timer(vm, TIMER_WALL, 0, 0, &expired, error);
    if (!status)
        status = set_timer(vm, TIMER_CPU, 0, 0, &expired, error);
    if (expired && vm->config.isolation == CLO_ISOLATION_PROCESS)
        take_queued();
    atomic_store(&vm->alarmed, 0);
    if (!status && wall_ns)
        status = set_timer(vm, TIMER_WALL, 0, wall_ns, NULL, error);
    if (!status && cpu_ns)
        status = set_timer(vm, TIMER_CPU, 0, cpu_ns, NULL, error);
    return status;
}

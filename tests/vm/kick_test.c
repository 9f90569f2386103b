/* kick_test.c - kicks and alarms at random moments, under both walls: none is lost, and none ends a
 * later run. A lost one would leave its run endless, and the test's time limit tells. */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define ROUNDS 1500

static struct clo_vm *vm;
static uint64_t random_state = 88172645463325252ull;

static uint64_t dice(uint64_t sides)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % sides;
}

/* Most of them within the time that an entry takes. */
static uint64_t moment_ns(void)
{
    return 1 + dice(dice(4) ? 30000 : 400000);
}

/* ---- who stops it ---- */

/* A thread that kicks once whenever it is asked to. */
static struct {
    pthread_t thread;
    atomic_uint_fast64_t wait_ns; /* before the kick; 0: nothing is asked for */
    atomic_bool done;
} kicker;

static void *kick_when_asked(void *context)
{
    (void)context;
    while (!atomic_load(&kicker.done)) {
        uint64_t wait = atomic_load(&kicker.wait_ns);
        if (!wait)
            continue;
        struct timespec start, now;
        clock_gettime(CLOCK_MONOTONIC, &start);
        do
            clock_gettime(CLOCK_MONOTONIC, &now);
        while ((uint64_t)(now.tv_sec - start.tv_sec) * 1000000000 + (uint64_t)now.tv_nsec <
               (uint64_t)start.tv_nsec + wait);
        clo_vm_kick(vm);
        atomic_store(&kicker.wait_ns, 0);
    }
    return NULL;
}

static void by_another_thread(void)
{
    atomic_store(&kicker.wait_ns, moment_ns());
}

/* A signal's handler on the guest's own thread, as a worker's for cancellations. */
static atomic_bool handled;

static void on_signal(int number)
{
    (void)number;
    clo_vm_kick(vm);
    atomic_store(&handled, true);
}

static void by_a_handler(void)
{
    struct itimerval soon = {.it_value.tv_usec = (suseconds_t)(1 + moment_ns() / 1000)};
    atomic_store(&handled, false);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

static void by_itself_before(void)
{
    clo_vm_kick(vm);
}

static void by_wall_time(void)
{
    assert_int_equal(clo_vm_alarm(vm, moment_ns(), 0, NULL), 0);
}

static void by_processor_time(void)
{
    assert_int_equal(clo_vm_alarm(vm, 0, moment_ns(), NULL), 0);
}

static void by_both_times(void)
{
    uint64_t moment = moment_ns();
    assert_int_equal(clo_vm_alarm(vm, moment, moment, NULL), 0);
}

/* ---- rounds ---- */

/* Whoever was asked has kicked: what comes later is not his. */
static void await_quiet(void (*stop)(void))
{
    while (stop == by_another_thread && atomic_load(&kicker.wait_ns))
        ;
    while (stop == by_a_handler && !atomic_load(&handled))
        nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
}

static void expect_kicked(void)
{
    struct clo_vm_exit exit = harness_go(vm);
    if (exit.kind != CLO_VM_KICKED)
        fail_msg("exit %d, vector %u, rip %#llx, %s", exit.kind, exit.vector,
                 (unsigned long long)exit.rip, exit.reason);
}

static void a_round(void (*stop)(void), unsigned number)
{
    static const uint32_t endless[] = {GUEST_SPIN, GUEST_SPIN_CALLS};
    if (dice(3)) {
        harness_command(vm, endless[dice(2)], 0, 0, 0);
        stop();
        expect_kicked();
    } else { /* it may come to its end first */
        harness_command(vm, GUEST_CALLS, dice(40), 0, 0);
        stop();
        struct clo_vm_exit exit = harness_go(vm);
        assert_true(exit.kind == CLO_VM_KICKED || exit.kind == CLO_VM_HOST_CALL);
    }
    await_quiet(stop);
    if (dice(4)) /* else a session: its alarms are stopped as a run's end does */
        harness_restore(vm);
    else
        assert_int_equal(clo_vm_alarm(vm, 0, 0, NULL), 0);
    assert_int_equal(harness_run(vm, GUEST_ECHO, number, 0, 0), number);
    assert_int_equal(harness_run(vm, GUEST_CALLS, 5, 0, 0), 5);
}

static void rounds_of(void (*stop)(void))
{
    vm = harness_vm(NULL);
    for (unsigned i = 0; i < harness_rounds(ROUNDS); i++)
        a_round(stop, i);
    harness_restore(vm);
    assert_int_equal(clo_vm_compare(vm), 0);
    clo_vm_destroy(vm);
}

static void kicks_from_another_thread(void **state)
{
    (void)state;
    atomic_store(&kicker.done, false);
    assert_int_equal(pthread_create(&kicker.thread, NULL, kick_when_asked, NULL), 0);
    rounds_of(by_another_thread);
    atomic_store(&kicker.done, true);
    pthread_join(kicker.thread, NULL);
}

static void kicks_from_a_handler(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    rounds_of(by_a_handler);
}

static void kicks_before_the_entry(void **state)
{
    (void)state;
    rounds_of(by_itself_before);
}

static void alarms_of_wall_time(void **state)
{
    (void)state;
    rounds_of(by_wall_time);
}

static void alarms_of_processor_time(void **state)
{
    (void)state;
    rounds_of(by_processor_time);
}

static void alarms_of_both(void **state)
{
    (void)state;
    rounds_of(by_both_times);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(kicks_from_another_thread), cmocka_unit_test(kicks_from_a_handler),
        cmocka_unit_test(kicks_before_the_entry),    cmocka_unit_test(alarms_of_wall_time),
        cmocka_unit_test(alarms_of_processor_time),  cmocka_unit_test(alarms_of_both),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

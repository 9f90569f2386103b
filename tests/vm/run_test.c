/* run_test.c - host calls, output, growth, interrupts, alarms and kicks. */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static void a_run_answers(void **state)
{
    (void)state;
    for (int image = 0; image < 2; image++) {
        struct clo_vm *vm = harness_vm_of(harness_image[image], NULL);
        assert_int_equal(harness_run(vm, GUEST_ECHO, 0x123456789abcdef, 0, 0), 0x123456789abcdef);
        assert_int_equal(harness_run(vm, GUEST_DATA, 0, 0, 0), 0x1122334455667788);
        assert_int_equal(harness_run(vm, GUEST_DATA, 0, 0, 0), 3); /* not restored: a session */
        assert_int_equal(harness_run(vm, GUEST_PEEK, GUEST_WORD, 0, 0), 3 * GUEST_WORD);
        assert_int_equal(harness_run(vm, GUEST_PEEK, CLO_HEAP_VA + 8, 0, 0), 0xabcdef);
        clo_vm_destroy(vm);
    }
}

static void output_is_in_its_area(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    harness_run(vm, GUEST_PRINT, 2, 10, 0);
    static const uint8_t want[] = "\x0a\0\0\x02"
                                  "0123456789";
    assert_int_equal(clo_vm_control(vm)->output_length, sizeof want - 1);
    assert_memory_equal(clo_vm_output_area(vm), want, sizeof want - 1);
    clo_vm_destroy(vm);
}

static void many_host_calls(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    assert_int_equal(harness_run(vm, GUEST_CALLS, 5000, 0, 0), 5000);
    clo_vm_destroy(vm);
}

static void growth_is_exact(void **state)
{
    (void)state;
    static const uint64_t steps[] = {64 * KIB, MIB, 2 * MIB, 5 * MIB + 64 * KIB, 9 * MIB};
    struct {
        enum clo_region region;
        uint64_t va, initial, first;
    } regions[] = {{CLO_REGION_LINEAR, CLO_LINEAR_VA, GUEST_LINEAR, GUEST_FIRST},
                   {CLO_REGION_HEAP, CLO_HEAP_VA, GUEST_HEAP, CLO_HEAP_VA}};
    for (int r = 0; r < 2; r++) {
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            struct clo_vm *vm = harness_vm(NULL);
            uint64_t size = regions[r].initial;
            for (int k = 0; k < 3; k++) { /* three times: tails are filled up */
                size += steps[i];
                assert_int_equal(harness_run(vm, GUEST_GROW, regions[r].region, size, 0), 0);
                assert_int_equal(clo_vm_region_size(vm, regions[r].region), size);
                assert_int_equal(
                    harness_run(vm, GUEST_SUM, regions[r].va + size - steps[i], steps[i], 0), 0);
                harness_run(vm, GUEST_TOUCH, regions[r].first,
                            regions[r].va + size - regions[r].first, 4096);
                assert_int_equal(harness_run(vm, GUEST_POKE, regions[r].va + size - 8, 5, 0), 0);
            }
            struct clo_vm_exit exit = harness_fault(vm, GUEST_PEEK, regions[r].va + size, 0);
            assert_int_equal(exit.fault_address, regions[r].va + size);
            clo_vm_destroy(vm);
        }
    }
}

static void growth_has_limits(void **state)
{
    (void)state;
    struct clo_error error;
    struct clo_vm *vm = harness_vm(NULL);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_LINEAR, GUEST_LINEAR + 1, &error), CLO_EGUEST);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_LINEAR, GUEST_LINEAR - 65536, &error), CLO_EGUEST);
    assert_int_equal(clo_vm_grow(vm, (enum clo_region)2, MIB, &error), CLO_EGUEST);
    assert_int_equal(clo_vm_grow(vm, (enum clo_region)0xffffffff, MIB, &error), CLO_EGUEST);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_LINEAR, 64 * MIB, &error), CLO_ELIMIT);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_HEAP, 1ull << 40, &error), CLO_ELIMIT);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_HEAP, ~65535ull, &error), CLO_ELIMIT);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_LINEAR, 64 * MIB - GUEST_HEAP, &error), 0);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_HEAP, GUEST_HEAP + 65536, &error), CLO_ELIMIT);
    harness_run(vm, GUEST_TOUCH, GUEST_FIRST, 64 * MIB - GUEST_HEAP - GUEST_FIRST, 65536);
    clo_vm_destroy(vm);

    struct clo_vm_config whole = {.memory_limit = 4096 * MIB};
    vm = harness_vm(&whole);
    assert_int_equal(clo_vm_grow(vm, CLO_REGION_LINEAR, 4096 * MIB - GUEST_HEAP, &error), 0);
    harness_run(vm, GUEST_TOUCH, GUEST_FIRST, 4096 * MIB - GUEST_HEAP - GUEST_FIRST, 512 * MIB);
    harness_run(vm, GUEST_POKE, 4096 * MIB - GUEST_HEAP - 8, 1, 0);
    harness_restore(vm);
    assert_int_equal(clo_vm_compare(vm), 0);
    clo_vm_destroy(vm);
}

static void wrong_configurations_are_refused(void **state)
{
    (void)state;
    static const uint64_t limits[] = {0, 2 * MIB, 64 * MIB + 4096, 8192 * MIB};
    struct clo_error error;
    struct clo_vm *vm;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct clo_vm_config config = {.isolation = harness_isolation, .memory_limit = limits[i]};
        assert_int_equal(clo_vm_create(&vm, harness_image[0], &config, &error), CLO_EINVALID);
        assert_null(vm);
    }
    struct clo_vm_config once = {.memory_limit = 4 * MIB, .one_shot = true};
    vm = harness_vm(&once);
    assert_int_equal(harness_run(vm, GUEST_ECHO, 1, 0, 0), 1);
    assert_int_equal(clo_vm_restore(vm, NULL, &error), CLO_EINVALID);
    clo_vm_destroy(vm);
}

static void interrupt_stores_reach_linear_memory(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    assert_int_equal(harness_run(vm, GUEST_PEEK, GUEST_INTERRUPT_A, 0, 0), 1ull << 32);
    assert_true(clo_vm_interrupt(vm));
    assert_int_equal(harness_run(vm, GUEST_PEEK, GUEST_INTERRUPT_A, 0, 0), 0x101ull << 32 | 7);
    harness_restore(vm);
    assert_int_equal(harness_run(vm, GUEST_PEEK, GUEST_INTERRUPT_A, 0, 0), 1ull << 32);
    clo_vm_destroy(vm);
}

/* ---- stopping ---- */

static void expect_kicked(struct clo_vm *vm)
{
    struct clo_vm_exit exit = harness_go(vm);
    assert_int_equal(exit.kind, CLO_VM_KICKED);
}

static void an_alarm_stops_an_endless_loop(void **state)
{
    (void)state;
    static const uint32_t loops[] = {GUEST_SPIN, GUEST_SPIN_CALLS};
    struct clo_vm *vm = harness_vm(NULL);
    for (int loop = 0; loop < 2; loop++) {
        uint64_t late[21];
        for (int i = 0; i < 21; i++) {
            harness_command(vm, loops[loop], 0, 0, 0);
            uint64_t start = clo_monotonic_ns();
            assert_int_equal(clo_vm_alarm(vm, 2000000, 0, NULL), 0);
            expect_kicked(vm);
            uint64_t passed = clo_monotonic_ns() - start;
            assert_true(passed >= 2000000);
            late[i] = passed - 2000000;
            if (i == 0) { /* it goes on where it was, until the next alarm */
                assert_int_equal(clo_vm_alarm(vm, 1000000, 0, NULL), 0);
                expect_kicked(vm);
            }
            harness_restore(vm);
        }
        uint64_t least = late[0];
        for (int i = 1; i < 21; i++)
            least = late[i] < least ? late[i] : least;
        assert_true(least < 1000000);
        printf("alarm: at best %.0f us late\n", least / 1e3);
    }
    assert_int_equal(clo_vm_compare(vm), 0);
    clo_vm_destroy(vm);
}

static void a_cpu_alarm_counts_the_guests_time(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    harness_command(vm, GUEST_SPIN, 0, 0, 0);
    uint64_t start = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    assert_int_equal(clo_vm_alarm(vm, 0, 20000000, NULL), 0);
    expect_kicked(vm);
    uint64_t used = clo_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    assert_in_range(used, 19000000, 200000000);
    clo_vm_destroy(vm);
}

static void a_stale_alarm_does_not_hit_the_next_run(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    for (int i = 0; i < 50; i++) {
        /* it expires after the guest's last exit, before the restore */
        harness_command(vm, GUEST_ECHO, 1, 0, 0);
        assert_int_equal(clo_vm_alarm(vm, 200000, 0, NULL), 0);
        harness_go(vm);
        struct timespec pause = {0, 400000};
        while (nanosleep(&pause, &pause))
            ;
        if (i % 2)
            harness_restore(vm);
        else
            assert_int_equal(clo_vm_alarm(vm, 0, 0, NULL), 0);
        assert_int_equal(harness_run(vm, GUEST_ECHO, 5, 0, 0), 5);
    }
    clo_vm_kick(vm); /* nor does a kick from before the start */
    assert_int_equal(harness_run(vm, GUEST_ECHO, 6, 0, 0), 6);
    clo_vm_destroy(vm);
}

static void spin_until(struct clo_vm *vm, uint64_t start, uint64_t ns)
{
    harness_command(vm, GUEST_SPIN, 0, 0, 0);
    expect_kicked(vm);
    assert_in_range(clo_monotonic_ns() - start, ns, ns + 5000000000);
    harness_restore(vm);
}

static void an_alarm_stands_until_one_must_come_sooner(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    uint64_t start = clo_monotonic_ns();
    assert_int_equal(clo_vm_alarm_by(vm, start, start + 100000000, NULL), 0);
    for (int i = 0; i < 3; i++) { /* later ones do not move it, nor do restores */
        harness_restore(vm);
        assert_int_equal(harness_run(vm, GUEST_ECHO, 7, 0, 0), 7);
        uint64_t now = clo_monotonic_ns();
        assert_int_equal(clo_vm_alarm_by(vm, now, now + 60000000000, NULL), 0);
    }
    harness_restore(vm);
    spin_until(vm, start, 100000000);
    start = clo_monotonic_ns(); /* it has come: the next is set */
    assert_int_equal(clo_vm_alarm_by(vm, start, start + 60000000000, NULL), 0);
    assert_int_equal(clo_vm_alarm_by(vm, start, start + 5000000, NULL), 0);
    spin_until(vm, start, 5000000);
    start = clo_monotonic_ns(); /* and it takes the place of one of the other kind, and back */
    assert_int_equal(clo_vm_alarm(vm, 60000000000, 60000000000, NULL), 0);
    assert_int_equal(clo_vm_alarm_by(vm, start, start + 5000000, NULL), 0);
    spin_until(vm, start, 5000000);
    start = clo_monotonic_ns();
    assert_int_equal(clo_vm_alarm_by(vm, start, start + 1000000, NULL), 0);
    assert_int_equal(clo_vm_alarm(vm, 0, 0, NULL), 0);
    struct timespec pause = {0, 3000000};
    nanosleep(&pause, NULL);
    assert_int_equal(harness_run(vm, GUEST_ECHO, 8, 0, 0), 8);
    clo_vm_destroy(vm);
}

static void a_kick_before_the_entry_is_not_lost(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    harness_command(vm, GUEST_SPIN, 0, 0, 0);
    clo_vm_kick(vm);
    expect_kicked(vm);
    assert_int_equal(clo_vm_alarm(vm, 1, 0, NULL), 0); /* expires before the entry */
    struct timespec pause = {0, 300000};
    nanosleep(&pause, NULL);
    expect_kicked(vm);
    clo_vm_destroy(vm);
}

struct kicker {
    struct clo_vm *vm;
    atomic_int rounds, done;
};

static void *kick_on(void *context)
{
    struct kicker *kicker = context;
    int seen = 0;
    while (!atomic_load(&kicker->done)) {
        if (atomic_load(&kicker->rounds) == seen) {
            struct timespec pause = {0, 20000};
            nanosleep(&pause, NULL);
            continue;
        }
        seen++;
        struct timespec pause = {0, seen * 7919 % 300000};
        nanosleep(&pause, NULL);
        clo_vm_kick(kicker->vm);
    }
    return NULL;
}

static void kicks_from_another_thread_all_arrive(void **state)
{
    (void)state;
    struct kicker kicker = {.vm = harness_vm(NULL)};
    pthread_t thread;
    pthread_create(&thread, NULL, kick_on, &kicker);
    for (int i = 0; i < 300; i++) {
        harness_command(kicker.vm, i % 2 ? GUEST_SPIN : GUEST_SPIN_CALLS, 0, 0, 0);
        atomic_fetch_add(&kicker.rounds, 1);
        expect_kicked(kicker.vm); /* a lost kick would hang here, and Meson's time limit tells */
        harness_restore(kicker.vm);
        assert_int_equal(harness_run(kicker.vm, GUEST_ECHO, i, 0, 0), i);
    }
    atomic_store(&kicker.done, 1);
    pthread_join(thread, NULL);
    harness_restore(kicker.vm);
    assert_int_equal(clo_vm_compare(kicker.vm), 0);
    clo_vm_destroy(kicker.vm);
}

static void take_signal(int number)
{
    (void)number;
}

static void other_signals_do_not_end_a_run(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    struct itimerspec often = {{0, 1000000}, {0, 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;
    struct sigaction nothing = {.sa_handler = take_signal};
    sigaction(SIGUSR1, &nothing, NULL);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    timer_settime(timer, 0, &often, NULL);
    harness_command(vm, GUEST_SPIN, 0, 0, 0);
    uint64_t start = clo_monotonic_ns();
    assert_int_equal(clo_vm_alarm(vm, 50000000, 0, NULL), 0); /* else it would spin for ever */
    expect_kicked(vm);
    assert_true(clo_monotonic_ns() - start >= 50000000);
    timer_delete(timer);
    clo_vm_destroy(vm);
}

static void a_child_process_cannot_use_it_but_makes_its_own(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    assert_int_equal(harness_run(vm, GUEST_ECHO, 1, 0, 0), 1);
    pid_t child = fork();
    if (child == 0) {
        struct clo_error error;
        struct clo_vm_exit stop;
        struct clo_vm_config config = {.isolation = harness_isolation, .memory_limit = 64 * MIB};
        struct clo_vm *own;
        clo_vm_start(vm);
        if (clo_vm_resume(vm, &stop, &error) != CLO_EINVALID)
            _exit(1);
        if (harness_isolation == CLO_ISOLATION_PROCESS) /* it lies where the own one would */
            clo_vm_destroy(vm);
        if (clo_vm_create(&own, harness_image[0], &config, &error))
            _exit(2);
        for (int i = 0; i < 3; i++) {
            if (harness_run(own, GUEST_DATA, 0, 0, 0) != 0x1122334455667788 ||
                clo_vm_restore(own, NULL, &error) || clo_vm_compare(own))
                _exit(3);
        }
        clo_vm_destroy(own);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    harness_restore(vm);
    assert_int_equal(harness_run(vm, GUEST_DATA, 0, 0, 0), 0x1122334455667788);
    clo_vm_destroy(vm);
}

static void without_rights_an_adopted_descriptor_works(void **state)
{
    (void)state;
    harness_only(CLO_ISOLATION_MICROVM);
    pid_t child = fork();
    if (child == 0) {
        struct clo_error error;
        struct clo_vm_config config = {.memory_limit = 64 * MIB};
        struct clo_vm *vm;
        int fd;
        if (clo_vm_prepare(CLO_ISOLATION_MICROVM, &fd, &error) || fd < 0)
            _exit(1);
        if (getuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(2);
        if (clo_vm_create(&vm, harness_image[0], &config, &error))
            _exit(3);
        if (harness_run(vm, GUEST_ECHO, 4, 0, 0) != 4 || clo_vm_restore(vm, NULL, &error))
            _exit(4);
        if (vm->pagemap < 0 && clo_scan_open() >= 0)
            _exit(5);
        clo_vm_destroy(vm);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* Whatever is wrong with the device, the hint ends with the way around it, whole. */
static void check_second_remedy(const struct clo_error *error)
{
    static const char end[] = "--isolation=process or sandbox.isolation: process";
    size_t length = strlen(error->hint);
    assert_true(length > strlen(end));
    assert_string_equal(error->hint + length - strlen(end), end);
}

static void without_a_device_the_error_says_what_to_do(void **state)
{
    (void)state;
    struct clo_error error;
    assert_int_equal(clo_kvm_open_device("/nonexistent/kvm", &error), CLO_ENOHYPERVISOR);
    assert_non_null(strstr(error.message, "No Hypervisor was found for Sandbox"));
    assert_non_null(strstr(error.hint, "--device=/dev/kvm"));
    check_second_remedy(&error);
    assert_int_equal(clo_kvm_open_device("/", &error), CLO_ENOHYPERVISOR); /* EISDIR */
    check_second_remedy(&error);
    assert_int_equal(clo_kvm_open_device("/dev/null", &error), CLO_ENOHYPERVISOR);
    assert_non_null(strstr(error.message, "not a KVM device"));
    check_second_remedy(&error);
    if (getuid() != 0) {
        printf("SKIP: only root can give up the right to open /dev/kvm\n");
        return;
    }
    char locked[64];
    snprintf(locked, sizeof locked, "%s/kvm", harness_folder);
    FILE *file = fopen(locked, "w");
    assert_non_null(file);
    fclose(file);
    static const struct {
        mode_t mode;
        const char *message, *hint;
    } cases[] = {
        {0660, "(owner: uid 0, group: gid 7777, mode: 0660) as uid 65534: Permission denied",
         "--group-add=7777"},
        {0600, "(owner: uid 0, group: gid 7777, mode: 0600) as uid 65534: Permission denied",
         "only its owner may open it: run as uid 0"},
    };
    assert_int_equal(chmod(harness_folder, 0755), 0); /* the file forbids, not the folder */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(chown(locked, 0, 7777), 0);
        assert_int_equal(chmod(locked, cases[i].mode), 0);
        assert_int_equal(seteuid(65534), 0);
        int status = clo_kvm_open_device(locked, &error);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(status, CLO_ENOHYPERVISOR);
        assert_non_null(strstr(error.message, cases[i].message));
        assert_non_null(strstr(error.hint, cases[i].hint));
        check_second_remedy(&error);
    }
    unlink(locked);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_answers),
        cmocka_unit_test(output_is_in_its_area),
        cmocka_unit_test(many_host_calls),
        cmocka_unit_test(growth_is_exact),
        cmocka_unit_test(growth_has_limits),
        cmocka_unit_test(wrong_configurations_are_refused),
        cmocka_unit_test(interrupt_stores_reach_linear_memory),
        cmocka_unit_test(an_alarm_stops_an_endless_loop),
        cmocka_unit_test(a_cpu_alarm_counts_the_guests_time),
        cmocka_unit_test(a_stale_alarm_does_not_hit_the_next_run),
        cmocka_unit_test(an_alarm_stands_until_one_must_come_sooner),
        cmocka_unit_test(a_kick_before_the_entry_is_not_lost),
        cmocka_unit_test(kicks_from_another_thread_all_arrive),
        cmocka_unit_test(other_signals_do_not_end_a_run),
        cmocka_unit_test(a_child_process_cannot_use_it_but_makes_its_own),
        cmocka_unit_test(without_rights_an_adopted_descriptor_works),
        cmocka_unit_test(without_a_device_the_error_says_what_to_do),
    };
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

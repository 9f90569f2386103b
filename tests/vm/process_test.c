/* process_test.c - what is true of the process wall alone: one guest, memory that is never writable
 * and executable, faults of the host's own, signals that are queued. What both walls promise is in
 * the other tests here, which run under this one with CLOCHE_TEST_ISOLATION=process. */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "vm/process/process.h"

/* ---- registers ---- */

/* Offsets in the area of FXSAVE and XSAVE: AMD APM volume 2, sections 11.4 and 11.5. */
#define MXCSR_AT 24
#define MXCSR_MASK_AT 28
#define REGISTERS_AT 32
#define REGISTERS_END 416
#define COMPONENTS_AT 512
#define LEGACY_END 576

static void read_start(struct clo_vm *vm, struct guest_state *state)
{
    harness_run(vm, GUEST_STATE, 0, 0, 0);
    memcpy(state, clo_vm_call_area(vm), sizeof *state);
    clo_vm_used_call(vm, sizeof *state);
}

static void expect_zeros(const uint8_t *bytes, size_t from, size_t to, const char *what)
{
    for (size_t at = from; at < to; at++)
        if (bytes[at])
            fail_msg("a run starts with %#x in byte %zu of its %s", bytes[at], at, what);
}

/* Control words as after a reset of the unit, all registers zero. */
static void expect_clean_vectors(const uint8_t *area, const char *what)
{
    static const uint8_t start[] = {0x7f, 0x03};
    static const uint8_t mxcsr[] = {0x80, 0x1f, 0, 0};
    assert_memory_equal(area, start, sizeof start);
    expect_zeros(area, sizeof start, MXCSR_AT, what);
    assert_memory_equal(area + MXCSR_AT, mxcsr, sizeof mxcsr);
    expect_zeros(area, REGISTERS_AT, REGISTERS_END, what);
}

static void expect_clean(const struct guest_state *state)
{
    expect_clean_vectors(state->fx, "area of FXSAVE");
    if (state->wide) {
        expect_clean_vectors(state->xsave, "area of XSAVE");
        expect_zeros(state->xsave, LEGACY_END, sizeof state->xsave, "area of XSAVE");
    }
    expect_zeros((const uint8_t *)state->general, 0, sizeof state->general, "general registers");
    expect_zeros((const uint8_t *)state->selectors, 0, sizeof state->selectors, "selectors");
    assert_int_equal(state->flags, 0x202); /* interrupts, and the bit that is always set */
}

static void a_run_starts_with_clean_registers(void **state)
{
    (void)state;
    /* DF; AC; ID; NT and all that arithmetic sets; TF, with which a trap is on its way */
    static const uint64_t flags[] = {0x2, 0x400, 0x40000, 0x200000, 0x244cd5, 0x100};
    struct clo_vm *vm = harness_vm(NULL);
    struct guest_state start;
    struct clo_vm_exit exit;
    read_start(vm, &start);
    expect_clean(&start);
    for (unsigned i = 0; i < harness_rounds(120); i++) {
        if (i % 2)
            harness_restore(vm); /* else a session */
        if (i % 3) {
            harness_command(vm, GUEST_LEAVE, DIRTY_NO_THREAD, flags[i / 3 % 6], i);
            assert_int_equal(clo_vm_resume(vm, &exit, NULL), 0);
            assert_int_equal(exit.kind, CLO_VM_HOST_CALL);
        } else {
            harness_run(vm, GUEST_DIRTY, DIRTY_NO_THREAD, 0, i);
        }
        if (i % 4 < 2)
            harness_restore(vm);
        read_start(vm, &start);
        expect_clean(&start);
    }
    clo_vm_destroy(vm);
}

/* The host's own: what a guest does to its control words and flags is not this thread's. */
static void the_hosts_registers_are_its_own(void **state)
{
    (void)state;
    uint32_t mxcsr, rounding_up = 0x5f80;
    uint16_t fcw, single = 0x07f;
    uint64_t flags;
    struct clo_vm *vm = harness_vm(NULL);
    struct clo_vm_exit exit;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(rounding_up), "m"(single));
    harness_command(vm, GUEST_LEAVE, DIRTY_NO_THREAD, 0x244cd5, 3);
    assert_int_equal(clo_vm_resume(vm, &exit, NULL), 0);
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    __asm__ volatile("ldmxcsr %0; fninit" : : "m"((const uint32_t){0x1f80}));
    assert_int_equal(mxcsr, rounding_up);
    assert_int_equal(fcw, single);
    assert_int_equal(flags & 0x244700, 0x200); /* of TF, IF, DF, NT, AC and ID: IF */
    clo_vm_destroy(vm);
}

/* ---- memory ---- */

static bool is_granted(const struct clo_vm *vm, uint64_t va)
{
    const struct clo_image_header *header = &vm->image->header;
    for (uint32_t i = 0; i < header->segment_count; i++)
        if (va - header->segments[i].address < clo_round_up(header->segments[i].size, 4096))
            return true;
    return clo_memory_at(vm, va) != NULL;
}

/* Each mapping of the guest's addresses: nothing is both writable and executable, and nothing can be
 * reached that has not been granted. Bytes that can be executed. */
static uint64_t check_mappings(const struct clo_vm *vm)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], access[5];
    unsigned long from, to;
    uint64_t code = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3 || from >= CLO_PROCESS_END)
            continue;
        if (access[1] == 'w' && access[2] == 'x')
            fail_msg("writable and executable: %s", line);
        if (access[2] == 'x')
            code += to - from;
        if (!strncmp(access, "---", 3))
            continue;
        for (uint64_t page = from; page < to; page += CLO_PAGE_SIZE)
            if (!is_granted(vm, page))
                fail_msg("page %#llx can be reached: %s", (unsigned long long)page, line);
    }
    fclose(maps);
    return code;
}

static void memory_is_never_writable_and_executable(void **state)
{
    (void)state;
    for (int image = 0; image < 2; image++) {
        struct clo_vm *vm = harness_vm_of(harness_image[image], NULL);
        uint64_t code = check_mappings(vm);
        assert_true(code > 0);
        for (int round = 0; round < 3; round++) {
            harness_run(vm, GUEST_GROW, CLO_REGION_LINEAR, (4 + 7ull * (unsigned)round) * MIB, 0);
            harness_run(vm, GUEST_GROW, CLO_REGION_HEAP, 5 * MIB + 64 * KIB, 0);
            harness_run(vm, GUEST_SCRIBBLE, 77, 500, 0);
            assert_int_equal(check_mappings(vm), code);
            harness_restore(vm);
            assert_int_equal(check_mappings(vm), code);
        }
        clo_vm_destroy(vm);
    }
}

/* As where the kernel makes huge pages of all it can, and has not been told otherwise in time: more
 * is copied back, nothing is left. */
static void restores_are_right_with_huge_pages(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) { /* by a list of pages, by their entries, by dropping all */
        struct clo_vm_config config = {.memory_limit = 64 * MIB, .scan_fallback = way == 1};
        struct clo_vm *vm = harness_vm(&config);
        if (way == 2)
            vm->pagemap = -1;
        for (unsigned i = 0; i < vm->part_count; i++)
            (void)madvise(clo_vm_at(vm, vm->parts[i].offset), vm->parts[i].length, MADV_HUGEPAGE);
        for (unsigned round = 0; round < harness_rounds(60); round++) {
            harness_run(vm, GUEST_GROW, round % 2, (4 + round % 9) * MIB, 0);
            harness_run(vm, GUEST_DEEP, 3 * MIB, 0, 0);
            harness_run(vm, GUEST_SCRIBBLE, round, 40, 0);
            harness_restore(vm);
            assert_int_equal(clo_vm_compare(vm), 0);
            assert_int_equal(harness_run(vm, GUEST_DATA, 0, 0, 0), 0x1122334455667788);
            harness_restore(vm);
        }
        clo_vm_destroy(vm);
    }
}

static void a_page_that_the_file_lost_is_told_as_such(void **state)
{
    (void)state;
    char copy[80];
    struct clo_image *image = NULL;
    struct clo_vm_exit exit;
    struct clo_error error;
    snprintf(copy, sizeof copy, "%s/short.image", harness_folder);
    if (clo_image_build(harness_elf, copy, "0123456789abcdef", CLO_ISOLATION_PROCESS, &error) ||
        clo_image_open(&image, copy, CLO_IMAGE_MAP, &error))
        fail_msg("%s", error.message);
    assert_non_null(image);
    struct clo_vm *vm = harness_vm_of(image, NULL);
    assert_int_equal(truncate(copy, 4096), 0);
    harness_command(vm, GUEST_SUM, GUEST_FIRST, GUEST_LINEAR - GUEST_FIRST, 0);
    assert_int_equal(clo_vm_resume(vm, &exit, &error), CLO_ESYSTEM);
    assert_non_null(strstr(error.hint, copy));
    clo_vm_destroy(vm);
    clo_image_close(image);
    unlink(copy);
}

/* ---- one guest a process ---- */

static bool alarms_are_blocked(void)
{
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, CLO_ALARM_SIGNAL) == 1;
}

static void a_second_guest_is_refused(void **state)
{
    (void)state;
    struct clo_vm_config config = {.isolation = CLO_ISOLATION_PROCESS, .memory_limit = 64 * MIB};
    for (int round = 0; round < 3;
         round++) { /* after the first is destroyed there may be another */
        struct clo_vm *vm = harness_vm(NULL), *second;
        struct clo_error error;
        assert_int_equal(clo_vm_create(&second, harness_image[0], &config, &error), CLO_EBUSY);
        assert_null(second);
        assert_non_null(strstr(error.message, "one guest"));
        assert_true(alarms_are_blocked()); /* the first one's still reach it only inside */
        assert_int_equal(harness_run(vm, GUEST_ECHO, 9, 0, 0), 9);
        harness_restore(vm);
        assert_int_equal(clo_vm_compare(vm), 0);
        clo_vm_destroy(vm);
        assert_false(alarms_are_blocked());
    }
}

static void addresses_that_are_taken_are_an_error(void **state)
{
    (void)state;
    struct clo_vm_config config = {.isolation = CLO_ISOLATION_PROCESS, .memory_limit = 64 * MIB};
    struct clo_vm *vm;
    struct clo_error error;
    void *there = mmap((void *)CLO_HEAP_VA, 4096, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(there, (void *)CLO_HEAP_VA);
    assert_int_equal(clo_vm_create(&vm, harness_image[0], &config, &error), CLO_ESYSTEM);
    assert_non_null(strstr(error.hint, "lies there"));
    munmap(there, 4096);
    clo_vm_destroy(harness_vm(NULL));
}

static void an_interrupt_in_the_lowest_64_kib_is_refused(void **state)
{
    (void)state;
    struct clo_vm_config config = {.isolation = CLO_ISOLATION_PROCESS, .memory_limit = 64 * MIB};
    struct clo_image_header *header = &harness_image[0]->header;
    uint32_t address = header->interrupts[1].address;
    struct clo_vm *vm;
    struct clo_error error;
    header->interrupts[1].address = CLO_PROCESS_FIRST - 4;
    int status = clo_vm_create(&vm, harness_image[0], &config, &error);
    header->interrupts[1].address = address;
    assert_int_equal(status, CLO_EIMAGE);
    assert_non_null(strstr(error.message, "0xfffc"));
    clo_vm_destroy(harness_vm(NULL));
}

/* ---- signals ---- */

/* Before Linux 6.13 a timer's signal stays queued when the timer is stopped. Here it is sent as the
 * kernel would have left it. */
static void queue_alarm(struct clo_vm *vm)
{
    siginfo_t info = {.si_signo = CLO_ALARM_SIGNAL, .si_code = SI_TIMER};
    info.si_value.sival_ptr = vm;
    assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid),
                             CLO_ALARM_SIGNAL, &info),
                     0);
}

static void an_alarm_that_is_queued_does_not_end_the_next_run(void **state)
{
    (void)state;
    struct clo_vm *vm = harness_vm(NULL);
    for (int round = 0; round < 20; round++) {
        harness_command(vm, GUEST_ECHO, 1, 0, 0);
        assert_int_equal(clo_vm_alarm(vm, 100000, 0, NULL), 0);
        harness_go(vm);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        queue_alarm(vm);
        if (round % 2)
            harness_restore(vm);
        else
            assert_int_equal(clo_vm_alarm(vm, 0, 0, NULL), 0);
        assert_int_equal(harness_run(vm, GUEST_ECHO, 5, 0, 0), 5);
    }
    /* and one that nothing takes away does: the test's signal is what it says */
    queue_alarm(vm);
    harness_command(vm, GUEST_ECHO, 1, 0, 0);
    assert_int_equal(harness_go(vm).kind, CLO_VM_KICKED);
    clo_vm_destroy(vm);
}

/* ---- faults of the host's own ---- */

static void write_to(uint64_t address)
{
    __asm__ volatile("movl $1, (%0)" : : "r"(address) : "memory");
}

static void write_nowhere(void)
{
    write_to(8);
}

static void write_guest_code(void)
{
    write_to(CLO_IMAGE_VA);
}

static void divide(void)
{
    volatile int zero = 0;
    __asm__ volatile("cltd; idivl %0" : : "r"(zero), "a"(1) : "edx");
}

static void execute_nothing(void)
{
    __asm__ volatile("ud2");
}

static void trap(void)
{
    __asm__ volatile("int3");
}

static void send_itself(void)
{
    kill(getpid(), SIGSEGV);
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
}

static void *on_a_thread(void *act)
{
    (void)act;
    write_nowhere();
    return NULL;
}

static void fault_on_another_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, on_a_thread, NULL);
    pthread_join(thread, NULL);
}

static void a_fault_of_the_hosts_own_kills_it(void **state)
{
    (void)state;
    static const struct {
        void (*act)(void);
        int signal;
    } acts[] = {{write_nowhere, SIGSEGV},
                {write_guest_code, SIGSEGV},
                {divide, SIGFPE},
                {execute_nothing, SIGILL},
                {trap, SIGTRAP},
                {send_itself, SIGSEGV},
                {fault_on_another_thread, SIGSEGV}};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        pid_t child = fork();
        if (child == 0) {
            setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
            struct clo_vm *vm = harness_vm(NULL);
            if (harness_run(vm, GUEST_ECHO, 3, 0, 0) != 3)
                _exit(2);
            acts[i].act();
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != acts[i].signal)
            fail_msg("fault %zu: wanted signal %d, status %#x", i, acts[i].signal, status);
    }
}

/* ---- frames that name no exception ---- */

static const int explained[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
static struct sigaction original;

/* As gVisor fills a frame: vector, error code and address are zero. */
static void hide_exception(int signal, siginfo_t *info, void *frame)
{
    greg_t *registers = ((ucontext_t *)frame)->uc_mcontext.gregs;
    registers[REG_TRAPNO] = registers[REG_ERR] = registers[REG_CR2] = 0;
    original.sa_sigaction(signal, info, frame);
}

static void hide_exceptions(void)
{
    struct sigaction hiding;
    for (size_t i = 0; i < sizeof explained / sizeof *explained; i++) {
        assert_int_equal(sigaction(explained[i], NULL, &original), 0);
        hiding = original; /* one handler serves them all */
        hiding.sa_sigaction = hide_exception;
        assert_int_equal(sigaction(explained[i], &hiding, NULL), 0);
    }
}

static void an_exception_is_told_from_its_signal(void **state)
{
    (void)state;
    const uint64_t nowhere = CLO_LINEAR_VA + GUEST_LINEAR + 64 * MIB;
    for (int which = 0; which < 3; which++) {
        struct clo_vm *vm = harness_vm(NULL);
        hide_exceptions();
        assert_int_equal(harness_run(vm, GUEST_CALLS, 5, 0, 0),
                         5); /* calls of the host are known */
        struct clo_vm_exit exit = which == 0   ? harness_fault(vm, GUEST_PEEK, nowhere, 0)
                                  : which == 1 ? harness_fault(vm, GUEST_BAD, BAD_JUMP, nowhere)
                                               : harness_fault(vm, GUEST_BAD, BAD_OPCODE, 0);
        assert_int_equal(exit.vector, which == 2 ? 6 : 14);
        assert_int_equal(exit.fault_address, which == 2 ? 0 : nowhere); /* of a page fault alone */
        assert_int_equal(exit.error_code & 16, which == 1 ? 16 : 0);
        clo_vm_destroy(vm);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_starts_with_clean_registers),
        cmocka_unit_test(the_hosts_registers_are_its_own),
        cmocka_unit_test(memory_is_never_writable_and_executable),
        cmocka_unit_test(restores_are_right_with_huge_pages),
        cmocka_unit_test(a_page_that_the_file_lost_is_told_as_such),
        cmocka_unit_test(a_second_guest_is_refused),
        cmocka_unit_test(addresses_that_are_taken_are_an_error),
        cmocka_unit_test(an_interrupt_in_the_lowest_64_kib_is_refused),
        cmocka_unit_test(an_alarm_that_is_queued_does_not_end_the_next_run),
        cmocka_unit_test(a_fault_of_the_hosts_own_kills_it),
        cmocka_unit_test(an_exception_is_told_from_its_signal),
    };
    setenv("CLOCHE_TEST_ISOLATION", "process", 1);
    harness_begin(argc, argv);
    return harness_end(cmocka_run_group_tests(tests, NULL, NULL));
}

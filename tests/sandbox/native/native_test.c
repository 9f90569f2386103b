/* native_test.c - code that got past WebAssembly, in a worker by process isolation with the strict jail:
 * what native code in the guest's place (native_guest.c) can do to its host, to other runs, to the
 * machine. Whatever it tries ends its run; the next run in the pool is as if it had not been. */
#include "harness.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cloche/sandbox.h"
#include "processes.h"
#include "sandbox_tools.h"

#define MEMORY (64 * MIB)
#define WORKER_MEMORY 256 /* MiB that a worker may have besides: worker.c */
#define WAIT_MS 60000
#define SECRET_MAX 64

#ifndef SYS_map_shadow_stack
#define SYS_map_shadow_stack 453
#endif

static struct clo_pool *pool;

static int make_pool(void **state)
{
    (void)state;
    struct clo_sandbox_config config = {.image = harness_image[1],
                                        .tools = test_tools,
                                        .tool_count = test_tool_count,
                                        .limits = {.memory = MEMORY, .wall_ms = 20000},
                                        .placement = CLO_PLACEMENT_WORKER,
                                        .isolation = CLO_ISOLATION_PROCESS,
                                        .jail = CLO_JAIL_STRICT};
    struct clo_error error;
    if (clo_pool_create(&pool, &config, 1, &error) == 0)
        return 0;
    print_message("SKIP: no strict jail here: %s\n", error.message);
    return -1;
}

static int drop_pool(void **state)
{
    (void)state;
    clo_pool_destroy(pool);
    return 0;
}

static struct clo_run_result *run_for(const char *code, uint64_t wall_ms)
{
    struct clo_run order = {.code = code,
                            .code_length = strlen(code),
                            .wants_result = true,
                            .limits = {.wall_ms = wall_ms}};
    struct clo_run_result *result;
    struct clo_error error;
    if (clo_pool_run(pool, &order, WAIT_MS, &result, &error))
        fail_msg("%s: %s", code, error.message);
    return result;
}

/* What the act came to; fails where its worker did not survive. */
static long long value_of(const char *code)
{
    struct clo_run_result *result = run_for(code, 0);
    if (result->error.kind != CLO_RUN_OK || !result->result)
        fail_msg("%s: %s: %s", code, clo_run_error_name(result->error.kind), result->error.message);
    long long value = result->result ? strtoll(result->result, NULL, 10) : -1;
    clo_run_result_free(result);
    return value;
}

/* The run after it has its own answer. */
static void check_next(void)
{
    char code[64];
    snprintf(code, sizeof code, "native call %x", SYS_getpid);
    assert_true(value_of(code) > 0);
    assert_int_equal(value_of("an honest run"), 0);
}

static void expect_lost(const char *code)
{
    struct clo_run_result *result = run_for(code, 0);
    if (result->error.kind != CLO_RUN_WORKER)
        fail_msg("%s: the worker goes on: %s %s, result %s", code,
                 clo_run_error_name(result->error.kind),
                 result->error.message ? result->error.message : "",
                 result->result ? result->result : "none");
    clo_run_result_free(result);
}

/* ---- system calls that no run needs ---- */

#define CALL(name, arguments)                                                                      \
    {                                                                                              \
#name, SYS_##name, arguments                                                               \
    }
static const struct {
    const char *name;
    long number;
    const char *arguments; /* native_guest.c has what they mean */
} forbidden[] = {
    /* files */
    CALL(open, "p 0"),
    CALL(open, "p 42 1b6"),
    CALL(openat, "ffffff9c p 0"),
    CALL(openat2, "ffffff9c p s 18"),
    CALL(creat, "p 1b6"),
    CALL(stat, "p s"),
    CALL(lstat, "p s"),
    CALL(newfstatat, "ffffff9c p s 0"),
    CALL(fstat, "0 s"),
    CALL(statx, "ffffff9c p 0 fff s"),
    CALL(access, "p 0"),
    CALL(readlink, "p s 40"),
    CALL(getdents64, "0 s 40"),
    CALL(unlink, "p"),
    CALL(rename, "p p"),
    CALL(link, "p p"),
    CALL(symlink, "p p"),
    CALL(mkdir, "p 1ff"),
    CALL(mknod, "p 2000 103"),
    CALL(chmod, "p 1ff"),
    CALL(chown, "p 0 0"),
    CALL(truncate, "p 0"),
    CALL(ftruncate, "3 0"),
    CALL(chdir, "p"),
    CALL(fchdir, "3"),
    CALL(chroot, "p"),
    CALL(pivot_root, "p p"),
    CALL(mount, "p p p 0 0"),
    CALL(umount2, "p 2"),
    CALL(fsopen, "p 0"),
    CALL(open_tree, "ffffff9c p 1"),
    CALL(move_mount, "3 p 4 p 0"),
    CALL(name_to_handle_at, "ffffff9c p s s 0"),
    CALL(open_by_handle_at, "3 s 0"),
    CALL(memfd_create, "p 0"),
    CALL(memfd_secret, "0"),
    CALL(pwrite64, "3 s 10 0"),
    CALL(fallocate, "3 0 0 1000"),
    CALL(copy_file_range, "3 0 4 0 10 0"),
    CALL(sendfile, "4 3 0 10"),
    CALL(splice, "3 0 4 0 10 0"),
    CALL(vmsplice, "3 s 1 0"),
    CALL(quotactl, "0 p 0 s"),
    CALL(acct, "p"),
    CALL(swapon, "p 0"),
    CALL(inotify_init1, "0"),
    CALL(fanotify_init, "0 0"),
    /* descriptors */
    CALL(dup, "0"),
    CALL(dup2, "0 5"),
    CALL(fcntl, "3 0 0"),
    CALL(pipe, "s"),
    CALL(eventfd2, "0 0"),
    CALL(epoll_create1, "0"),
    CALL(signalfd4, "ffffffff s 8 0"),
    CALL(timerfd_create, "1 0"),
    CALL(pidfd_open, "1 0"),
    CALL(pidfd_getfd, "3 0 0"),
    CALL(io_uring_setup, "8 s"),
    CALL(userfaultfd, "0"),
    CALL(userfaultfd, "1"),
    CALL(perf_event_open, "s 0 ffffffff ffffffff 0"),
    CALL(bpf, "0 s 40"),
    CALL(select, "0 0 0 0 0"),
    /* sockets */
    CALL(socket, "2 1 0"),
    CALL(socket, "1 1 0"),
    CALL(socket, "10 3 0"),
    CALL(socket, "11 3 300"),
    CALL(socketpair, "1 1 0 s"),
    CALL(connect, "3 s 10"),
    CALL(bind, "3 s 10"),
    CALL(listen, "3 5"),
    CALL(accept, "3 0 0"),
    CALL(setsockopt, "3 1 7 s 4"),
    CALL(sendmsg, "3 s 0"),
    CALL(sendmmsg, "3 s 1 0"),
    /* processes */
    CALL(fork, ""),
    CALL(vfork, ""),
    CALL(clone, "11"),
    CALL(clone, "10000000"),
    CALL(clone3, "s 58"),
    CALL(execve, "p 0 0"),
    CALL(execveat, "ffffff9c p 0 0 0"),
    CALL(kill, "1 9"),
    CALL(kill, "ffffffffffffffff 9"),
    CALL(kill, "0 9"),
    CALL(tkill, "1 9"),
    CALL(tgkill, "1 1 9"),
    CALL(rt_sigqueueinfo, "1 9 s"),
    CALL(pidfd_send_signal, "3 9 0 0"),
    CALL(ptrace, "10 1 0 0"),
    CALL(ptrace, "0 0 0 0"),
    CALL(process_vm_readv, "1 s 1 s 1 0"),
    CALL(process_vm_writev, "1 s 1 s 1 0"),
    CALL(process_madvise, "3 s 1 4 0"),
    CALL(kcmp, "1 1 0"),
    CALL(setpgid, "0 0"),
    CALL(setsid, ""),
    CALL(wait4, "ffffffff 0 0 0"),
    CALL(sched_setaffinity, "0 8 s"),
    CALL(sched_setscheduler, "0 1 s"),
    CALL(setpriority, "0 0 0"),
    CALL(prlimit64, "0 9 0 s"),
    CALL(setrlimit, "9 s"),
    CALL(rseq, "s 20 0 0"),
    CALL(set_robust_list, "s 18"),
    CALL(futex_waitv, "s 1 0 0 0"),
    /* rights and namespaces */
    CALL(setuid, "0"),
    CALL(setgid, "0"),
    CALL(setresuid, "0 0 0"),
    CALL(setgroups, "0 0"),
    CALL(capset, "s s"),
    CALL(unshare, "10000000"),
    CALL(setns, "3 0"),
    CALL(prctl, "4 1"),
    CALL(prctl, "26 0"),
    CALL(seccomp, "1 0 s"),
    CALL(seccomp, "1 8 s"),
    CALL(arch_prctl, "1002 1000"),
    CALL(arch_prctl, "1023 12"),
    CALL(personality, "400000"),
    CALL(keyctl, "0 fffffffd"),
    CALL(add_key, "p p s 1 fffffffd"),
    CALL(request_key, "p p 0 0"),
    CALL(landlock_restrict_self, "3 0"),
    /* memory */
    CALL(mmap, "0 1000 7 22 ffffffffffffffff 0"),
    CALL(mmap, "0 1000 5 22 ffffffffffffffff 0"),
    CALL(mmap, "0 1000 3 21 ffffffffffffffff 0"),
    CALL(mmap, "0 1000 3 122 ffffffffffffffff 0"),
    CALL(mmap, "0 1000 3 1 3 0"),
    CALL(mprotect, "400000000 1000 7"),
    CALL(mprotect, "400000000 1000 5"),
    CALL(mprotect, "400000000 1000 4"),
    CALL(mprotect, "400000000 1000 1"),
    CALL(mprotect, "300000000 1000 3000007"),
    CALL(pkey_mprotect, "400000000 1000 7 0"),
    CALL(pkey_alloc, "0 0"),
    CALL(remap_file_pages, "400000000 1000 7 0 0"),
    CALL(shmget, "0 1000 3b6"),
    CALL(shmat, "0 0 8000"),
    CALL(mlock, "400000000 1000"),
    CALL(mlockall, "3"),
    CALL(mbind, "400000000 1000 0 0 0 0"),
    CALL(move_pages, "0 1 s 0 s 0"),
    CALL(mmap, "10000000000 1000 3 32 ffffffffffffffff 0"),
    CALL(madvise, "400000000 1000 c"),
    CALL(map_shadow_stack, "0 1000 0"),
    CALL(modify_ldt, "1 s 10"),
    CALL(set_mempolicy, "0 0 0"),
    /* signals: its worker's handlers are its own */
    CALL(rt_sigaction, "b s 0 8"),
    CALL(rt_sigaction, "b 0 s 8"),
    CALL(sigaltstack, "s 0"),
    CALL(timer_create, "1 0 s"),
    CALL(timer_delete, "0"),
    CALL(rt_sigsuspend, "s 8"),
    CALL(rt_tgsigqueueinfo, "1 1 b s"),
    /* the machine */
    CALL(iopl, "3"),
    CALL(ioperm, "0 400 1"),
    CALL(reboot, "fee1dead 28121969 1234567 0"),
    CALL(init_module, "s 10 p"),
    CALL(finit_module, "3 p 0"),
    CALL(kexec_load, "0 0 0 0"),
    CALL(sethostname, "p 5"),
    CALL(settimeofday, "s 0"),
    CALL(clock_settime, "0 s"),
    CALL(adjtimex, "s"),
    CALL(syslog, "3 s 40"),
    CALL(semget, "0 1 3b6"),
    CALL(msgget, "0 3b6"),
    CALL(mq_open, "p 42 1b6 0"),
};

static void run_call(char code[160], long number, const char *arguments)
{
    snprintf(code, 160, "native call %lx %s", number, arguments);
}

static void no_other_system_call_is_answered(void **state)
{
    (void)state;
    char code[160];
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        run_call(code, forbidden[i].number, forbidden[i].arguments);
        struct clo_run_result *result = run_for(code, 0);
        if (result->error.kind != CLO_RUN_WORKER)
            print_error("%s(%s): the worker goes on, with %s %s\n", forbidden[i].name,
                        forbidden[i].arguments, result->result ? result->result : "no result",
                        result->error.message ? result->error.message : "");
        assert_int_equal(result->error.kind, CLO_RUN_WORKER);
        clo_run_result_free(result);
        if (i % 16 == 0)
            check_next();
    }
    check_next();
}

static void other_gates_lead_nowhere(void **state)
{
    (void)state;
    char code[160];
    expect_lost("native old 14"); /* getpid, of 32-bit programs */
    expect_lost("native old 5 p 0");
    run_call(code, 0x40000000 | SYS_getpid, ""); /* of x32 programs */
    expect_lost(code);
    run_call(code, 100000, "");
    expect_lost(code);
    run_call(code, -1, "");
    expect_lost(code);
    check_next();
}

static void no_device_is_asked(void **state)
{
    (void)state;
    static const unsigned long requests[] = {
        KVM_CREATE_VM,         KVM_RUN, KVM_SET_USER_MEMORY_REGION, 0x5412 /* TIOCSTI */,
        0x541b /* FIONREAD */, 0x5452 /* FIOASYNC */};
    char code[160];
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        snprintf(code, sizeof code, "native each %x 0 %lx s", SYS_ioctl, requests[i]);
        expect_lost(code);
    }
    check_next();
}

/* ---- descriptors ---- */

static void its_descriptors_write_nothing(void **state)
{
    (void)state;
    char code[160], path[128];
    struct stat before, after;
    snprintf(path, sizeof path, "%s/test.image", harness_folder);
    assert_int_equal(stat(path, &before), 0);
    snprintf(code, sizeof code, "native each %x 0 s 40", SYS_write);
    expect_lost(code); /* what came over its own socket was no message */
    snprintf(code, sizeof code, "native each %x 0", SYS_close);
    expect_lost(code);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(before.st_size, after.st_size);
    check_next();
}

static void what_it_sends_is_not_believed(void **state)
{
    (void)state;
    static const char *const sent[] = {
        "native send pppppppppppppppp", /* a frame of no type */
        "native send acaaaaaappppppph", /* output without end */
        "native send aaaaaaaaaaaaaaaa",
        "native send agaaaaaaaiaaaaaaaaaaaaaaaaaaaaaa", /* half a result */
    };
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        expect_lost(sent[i]);
        check_next();
    }
}

/* ---- memory ---- */

/* Letters that stand for the bytes. */
static void spell(char *to, const char *bytes)
{
    for (; *bytes; bytes++) {
        *to++ = (char)('a' + (*bytes >> 4));
        *to++ = (char)('a' + (*bytes & 15));
    }
    *to = '\0';
}

static long long times_found(const char *bytes, const char *more)
{
    char code[512] = "native find ";
    spell(code + strlen(code), bytes);
    snprintf(code + strlen(code), sizeof code - strlen(code), " %s", more);
    return value_of(code);
}

static void nothing_of_an_earlier_run_is_in_its_memory(void **state)
{
    (void)state;
    static const char secret[] = "5ecret-of-an-earlier-run-0123456";
    static const char own[] = "what-this-run-itself-brought-456";
    char code[3000];
    long long bytes = value_of("native reach");
    print_message("it reaches %lld KiB of its process beside the guest's\n", bytes >> 10);
    assert_true(bytes > 256 << 10);
    assert_true(times_found(own, own) > 0); /* it finds what is there */
    static const char *const acts[] = {"an honest run", "native keep", "native reach"};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        /* the search's own messages, which are shorter, do not come to lie over it */
        snprintf(code, sizeof code, "%s %s %*s%s", acts[i], secret, 2000, "", secret);
        struct clo_run run = {.code = code,
                              .code_length = strlen(code),
                              .argument_count = 1,
                              .arguments = (const char *const[]){secret}};
        struct clo_run_result *result;
        struct clo_error error;
        assert_int_equal(clo_pool_run(pool, &run, WAIT_MS, &result, &error), 0);
        assert_int_equal(result->error.kind, CLO_RUN_OK);
        clo_run_result_free(result);
        assert_int_equal(times_found(secret, ""), 0);
    }
}

static void nothing_of_the_host_is_in_its_memory(void **state)
{
    (void)state;
    char secret[SECRET_MAX];
    snprintf(secret, sizeof secret, "host-%ld-of-the-tester", (long)getpid() * 7919);
    setenv("CLOCHE_TEST_SECRET", secret, 1);
    drop_pool(NULL);
    assert_int_equal(make_pool(NULL), 0);
    assert_int_equal(times_found(secret, ""), 0);
    unsetenv("CLOCHE_TEST_SECRET");
}

/* What an act leaves of its worker's memory stays with it: another pool has another worker. */
static void expect_some_memory(const char *code)
{
    drop_pool(NULL);
    assert_int_equal(make_pool(NULL), 0);
    long long got = value_of(code);
    print_message("%s: %lld MiB\n", code, got);
    assert_in_range(got, 1, (long long)(MEMORY / MIB) + WORKER_MEMORY);
    expect_lost("native smash 0");
}

static void it_gets_no_more_memory_than_its_limit(void **state)
{
    (void)state;
    expect_some_memory("native reserved");
    expect_some_memory("native mapped 22");
    expect_some_memory("native mapped 4022"); /* MAP_NORESERVE */
    expect_lost("native mapped 21");          /* shared: no limit on written memory counts it */
    expect_lost("native mapped 122");         /* as stacks: likewise */
    expect_lost("native hidden 0");           /* written, then made inaccessible: likewise */
    expect_lost("native hidden 1");
    assert_int_equal(value_of("native stack"), 0);
    check_next();
}

static void it_ruins_its_worker_alone(void **state)
{
    (void)state;
    static const char *const acts[] = {
        "native smash 0",   "native smash 41",
        "native smash ff",  "native call b 0 7ffffffff000", /* munmap of all */
        "native call e7 0", "native call 3c 0"};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        expect_lost(acts[i]);
        check_next();
    }
}

/* Memory, and the processor: a worker's host has others. */
static void *hoard(void *other)
{
    static const char code[] = "native hoard";
    struct clo_run order = {
        .code = code, .code_length = sizeof code - 1, .limits = {.wall_ms = 1000}};
    struct clo_run_result *result = NULL;
    (void)!clo_pool_run(other, &order, WAIT_MS, &result, NULL);
    clo_run_result_free(result);
    return NULL;
}

static void it_takes_nothing_from_other_workers(void **state)
{
    (void)state;
    struct clo_pool *other = pool;
    pthread_t thread;
    assert_int_equal(make_pool(NULL), 0);
    check_next(); /* both are there */
    assert_int_equal(pthread_create(&thread, NULL, hoard, other), 0);
    nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    expect_lost("native call e7 0"); /* beside the other one a new one comes to be */
    check_next();
    pthread_join(thread, NULL);
    clo_pool_destroy(pool);
    pool = other;
    check_next();
}

/* ---- time ---- */

static void it_does_not_outstay_its_time(void **state)
{
    (void)state;
    char sleeping[64], waiting[64];
    snprintf(sleeping, sizeof sleeping, "native call %x ffffffff 0 ffffffff", SYS_poll);
    snprintf(waiting, sizeof waiting, "native call %x s 0 0 0 0 0", SYS_futex);
    const char *const acts[] = {"native stay", sleeping, waiting};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        long pids[4];
        check_next();
        assert_int_equal(processes_find("cloche-worker", pids, 4), 1);
        uint64_t start = clo_monotonic_ns();
        struct clo_run_result *result = run_for(acts[i], 300);
        uint64_t took = (clo_monotonic_ns() - start) / 1000000;
        /* what sleeps is woken when its time is up, and is then at its end */
        bool in_order = i > 0 && result->error.kind == CLO_RUN_LIMIT;
        if (result->error.kind != CLO_RUN_WORKER && !in_order)
            fail_msg("%s: %s", acts[i], clo_run_error_name(result->error.kind));
        assert_in_range(took, 0, 12300);
        if (!in_order)
            processes_await_end(pids[0]);
        clo_run_result_free(result);
        check_next();
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_system_call_is_answered),
        cmocka_unit_test(other_gates_lead_nowhere),
        cmocka_unit_test(no_device_is_asked),
        cmocka_unit_test(its_descriptors_write_nothing),
        cmocka_unit_test(what_it_sends_is_not_believed),
        cmocka_unit_test(nothing_of_an_earlier_run_is_in_its_memory),
        cmocka_unit_test(nothing_of_the_host_is_in_its_memory),
        cmocka_unit_test(it_gets_no_more_memory_than_its_limit),
        cmocka_unit_test(it_ruins_its_worker_alone),
        cmocka_unit_test(it_takes_nothing_from_other_workers),
        cmocka_unit_test(it_does_not_outstay_its_time),
    };
    setenv("CLOCHE_TEST_ISOLATION", "process", 1);
    harness_begin(argc, argv);
    if (make_pool(NULL))
        return harness_end(0) ? 1 : 77;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    drop_pool(NULL);
    return harness_end(failed);
}

/* jail_test.c - a worker process that has been taken over tries to get out.
 *
 * Each attack runs twice in a process that entered the jail as a worker does: once before the
 * filter of system calls, where another layer must make it fail, and once behind it, where it must
 * kill the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/worker/jail.h"
#include "worker/container_filter.h"

enum { FAILED = 0, SUCCEEDED = 1, LAYERS_MISSING = 2, NO_CHILD = 3 };

static pid_t tester; /* as seen from outside the jail */
static unsigned tester_port;

/* ---- attacks: true when they got something ---- */

static bool open_a_file(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0 || open("/proc/self/mem", O_RDWR) >= 0 ||
           open("/dev/kvm", O_RDWR) >= 0;
}

static bool create_a_file(void)
{
    return open("/x", O_CREAT | O_RDWR, 0600) >= 0 || mkdir("/y", 0700) == 0;
}

static bool climb_out_of_the_root(void)
{
    return chdir("../../..") == 0 && open("etc/passwd", O_RDONLY) >= 0;
}

static bool connect_to_a_server(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)tester_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

static bool connect_to_an_abstract_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0cloche-jail-test"};
    return fd >= 0 &&
           connect(fd, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + 17) == 0;
}

static bool signal_the_parent(void)
{
    return kill(tester, 0) == 0 || kill(getppid() ? getppid() : tester, SIGTERM) == 0;
}

static bool trace_another_process(void)
{
    return ptrace(PTRACE_ATTACH, tester, NULL, NULL) == 0;
}

static bool become_root(void)
{
    return setuid(0) == 0 || setgid(0) == 0;
}

static bool make_a_user_namespace(void)
{
    return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) == 0 &&
           open("/etc/passwd", O_RDONLY) >= 0;
}

static bool mount_something(void)
{
    return syscall(SYS_mount, "proc", "/", "proc", 0, NULL) == 0;
}

static bool share_memory_with_the_tester(void)
{
    int id = shmget(0x636c6f63, 4096, 0);
    return id >= 0 && shmat(id, NULL, 0) != (void *)-1;
}

static bool execute_a_program(void)
{
    char *arguments[] = {"sh", "-c", "exit 1", NULL};
    execv("/bin/sh", arguments);
    return false;
}

static bool fork_a_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool make_memory_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool take_much_memory(void)
{
    for (int i = 0; i < 64; i++) {
        if (mmap(NULL, 64u << 20, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
            return false;
    }
    return true;
}

static bool take_many_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    for (int i = 0; i < 1000; i++) {
        if (timer_create(CLOCK_MONOTONIC, &event, &timer))
            return false;
    }
    return true;
}

static int kvm = -1; /* as a worker inherits it */

static bool make_a_virtual_machine(void)
{
    return ioctl(kvm, KVM_CREATE_VM, 0) >= 0;
}

static const struct attack {
    const char *name;
    bool (*attempt)(void);
    unsigned layer;    /* must stop it without the filter; 0: only the filter does */
    bool allowed_call; /* the filter lets the call through; another layer stops it */
} attacks[] = {
    {"open a file", open_a_file, CLO_JAIL_FILES, false},
    {"create a file", create_a_file, CLO_JAIL_FILES, false},
    {"climb out of the root", climb_out_of_the_root, CLO_JAIL_FILES, false},
    {"connect to a server", connect_to_a_server, CLO_JAIL_NET, false},
    {"connect to an abstract socket", connect_to_an_abstract_socket, CLO_JAIL_NET, false},
    {"signal the parent", signal_the_parent, CLO_JAIL_PID, false},
    {"trace another process", trace_another_process, CLO_JAIL_PID, false},
    {"become root", become_root, CLO_JAIL_USER, false},
    {"make a user namespace", make_a_user_namespace, CLO_JAIL_FILES, false},
    {"mount something", mount_something, CLO_JAIL_RIGHTS, false},
    {"share memory", share_memory_with_the_tester, CLO_JAIL_IPC, false},
    {"execute a program", execute_a_program, CLO_JAIL_FILES, false},
    {"fork a process", fork_a_process, 0, false},
    {"make memory executable", make_memory_executable, 0, false},
    {"take 4 GiB of memory", take_much_memory, CLO_JAIL_LIMITS, true},
    {"take 1000 timers", take_many_timers, CLO_JAIL_LIMITS, false},
    {"make a virtual machine", make_a_virtual_machine, 0, false},
};

/* Run an attack as a jailed process does; what became of the process, as waitpid says. */
static int in_jail(const struct attack *attack, bool sealed, unsigned needed)
{
    int ends[2], outcome = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t outer = fork();
    if (outer == 0) {
        unsigned layers;
        int status = NO_CHILD << 8;
        struct clo_jail_shared shared;
        clo_jail_drop_user();
        clo_jail_share(&shared, CLO_ISOLATION_MICROVM);
        pid_t pid = clo_jail_fork(&shared, &layers);
        if (pid == 0) {
            clo_jail_enter(&shared, 64u << 20, 0, &layers);
            if (sealed)
                clo_jail_seal(&shared, &layers);
            if ((layers & needed) != needed)
                _exit(LAYERS_MISSING);
            _exit(attack->attempt() ? SUCCEEDED : FAILED);
        }
        if (pid > 0)
            waitpid(pid, &status, 0);
        _exit(write(ends[1], &status, sizeof status) != sizeof status);
    }
    assert_true(outer > 0);
    assert_int_equal(read(ends[0], &outcome, sizeof outcome), sizeof outcome);
    close(ends[0]);
    close(ends[1]);
    waitpid(outer, NULL, 0);
    return outcome;
}

static bool has_strict_jail(void)
{
    unsigned layers;
    if (clo_jail_probe(&layers, NULL) == 0 && layers == CLO_JAIL_ALL)
        return true;
    char text[CLO_JAIL_TEXT_MAX];
    clo_jail_describe(CLO_JAIL_ALL & ~layers, text);
    print_message("SKIP: this machine or container forbids layers of the jail: %s\n", text);
    return false;
}

static void other_layers_stop_what_the_filter_would(void **state)
{
    (void)state;
    if (!has_strict_jail())
        skip();
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        if (!attacks[i].layer)
            continue;
        int outcome = in_jail(&attacks[i], false, attacks[i].layer);
        if (!WIFEXITED(outcome) || WEXITSTATUS(outcome) != FAILED)
            fail_msg("%s: outcome 0x%x", attacks[i].name, outcome);
    }
}

static void the_filter_kills(void **state)
{
    (void)state;
    if (!has_strict_jail())
        skip();
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        int outcome = in_jail(&attacks[i], true, CLO_JAIL_ALL);
        /* a sanitizer's own allocator makes other calls when it is refused memory */
        bool stopped =
            (WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGSYS) ||
            (attacks[i].allowed_call && WIFEXITED(outcome) && WEXITSTATUS(outcome) == FAILED);
        if (!stopped)
            fail_msg("%s: outcome 0x%x", attacks[i].name, outcome);
    }
}

/* Docker's own filter: workers start there, with the layers that it allows. */
static void a_container_costs_the_namespaces_only(void **state)
{
    (void)state;
    unsigned outside = 0, inside = 0;
    int ends[2];
    assert_int_equal(clo_jail_probe(&outside, NULL), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool done = container_filter_load() && clo_jail_probe(&inside, NULL) == 0 &&
                    write(ends[1], &inside, sizeof inside) == sizeof inside;
        _exit(!done);
    }
    int outcome = 0;
    waitpid(pid, &outcome, 0);
    assert_int_equal(outcome, 0);
    assert_int_equal(read(ends[0], &inside, sizeof inside), sizeof inside);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(inside, outside & ~(unsigned)(CLO_JAIL_USER | CLO_JAIL_PID | CLO_JAIL_NET |
                                                   CLO_JAIL_IPC | CLO_JAIL_FILES));
    assert_true(inside & CLO_JAIL_SYSCALLS);
}

/* The attacks must be real: without a jail every one of them that can succeed here does. */
static void outside_the_jail_the_attacks_succeed(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    int shm = shmget(0x636c6f63, 4096, IPC_CREAT | 0600);
    assert_true(open_a_file());
    assert_true(connect_to_a_server());
    assert_true(connect_to_an_abstract_socket());
    assert_true(share_memory_with_the_tester());
    assert_true(make_memory_executable());
    assert_true(fork_a_process());
    assert_true(take_many_timers());
    if (kvm >= 0)
        assert_true(make_a_virtual_machine());
    shmctl(shm, IPC_RMID, NULL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void layers_have_names(void **state)
{
    (void)state;
    char text[CLO_JAIL_TEXT_MAX];
    clo_jail_describe(CLO_JAIL_USER | CLO_JAIL_SYSCALLS, text);
    assert_string_equal(text, "user, syscalls");
    clo_jail_describe(0, text);
    assert_string_equal(text, "none");
    clo_jail_describe(CLO_JAIL_ALL, text);
    assert_true(strlen(text) < CLO_JAIL_TEXT_MAX - 1);
    assert_null(clo_jail_layer_name(CLO_JAIL_USER | CLO_JAIL_PID));
}

int main(void)
{
    tester = getpid();
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm >= 0 && ioctl(kvm, KVM_GET_API_VERSION, 0) != 12) { /* some other node over it */
        close(kvm);
        kvm = -1;
    }
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    if (bind(server, (struct sockaddr *)&here, size) || listen(server, 8) ||
        getsockname(server, (struct sockaddr *)&here, &size))
        return 1;
    tester_port = ntohs(here.sin_port);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0cloche-jail-test"};
    int abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(abstract, (struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path) + 17) ||
        listen(abstract, 8))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_names),
        cmocka_unit_test(outside_the_jail_the_attacks_succeed),
        cmocka_unit_test(other_layers_stop_what_the_filter_would),
        cmocka_unit_test(the_filter_kills),
        cmocka_unit_test(a_container_costs_the_namespaces_only),
    };
    return cmocka_run_group_tests_name("jail", tests, NULL, NULL);
}

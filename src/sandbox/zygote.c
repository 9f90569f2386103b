/* zygote.c - starting the nursery's program, and asking it for workers.
 *
 * The child of a fork of a program with many threads may find locks taken that nobody will open
 * again: between fork and exec only system calls are made.
 */
#include "sandbox/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/worker/bootstrap.h"
#include "sandbox/worker/fd_pass.h"
#include "sandbox/zygote_program.h"
#include "vm/vm.h"

#define ANSWER_SECONDS 20 /* a nursery that takes longer to fork is taken for dead */

struct clo_nursery {
    const struct clo_setup *setup;
    pthread_mutex_t lock;
    int socket; /* -1: there is no nursery process */
    pid_t pid;
};

/* The environment of the new program: empty, but for what chooses how restores find pages, and what
 * a sanitizer's build reads. */
static char *const *passed_on(void)
{
    static const char *const names[] = {
        "CLOCHE_SCAN_FALLBACK=",
#ifdef __SANITIZE_ADDRESS__
        "ASAN_OPTIONS=",
        "UBSAN_OPTIONS=",
#endif
    };
    enum { NAMES = sizeof names / sizeof *names };
    static char *variables[NAMES + 1];
    size_t count = 0;
    for (size_t i = 0; i < NAMES; i++) {
        char **at = environ;
        while (*at && strncmp(*at, names[i], strlen(names[i])) != 0)
            at++;
        if (*at)
            variables[count++] = *at;
    }
    variables[count] = NULL;
    return variables;
}

/* What the new program starts with, before each is put in its place. */
struct parcel {
    int program, placed[CLO_BRIEFING_END]; /* by the number that it will have */
};

/* In the child of a program with many threads: system calls only. */
static _Noreturn void become_nursery(const struct parcel *parcel, char *const *environment)
{
    int moved[CLO_BRIEFING_END];
    char *const arguments[] = {"cloche-nursery", NULL};
    int null = open("/dev/null", O_RDWR);
    int program = fcntl(parcel->program, F_DUPFD_CLOEXEC, CLO_BRIEFING_END);
    for (int i = CLO_BRIEFING_CONTROL; i < CLO_BRIEFING_END; i++) /* out of each other's way */
        moved[i] = fcntl(parcel->placed[i], F_DUPFD_CLOEXEC, CLO_BRIEFING_END);
    for (int i = 0; i < CLO_BRIEFING_END; i++) {
        if (dup2(i < CLO_BRIEFING_CONTROL ? null : moved[i], i) < 0)
            _exit(1);
    }
    if (program > CLO_BRIEFING_END)
        syscall(SYS_close_range, CLO_BRIEFING_END, program - 1, 0);
    syscall(SYS_close_range, program + 1, ~0u, 0);
    syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
    _exit(1);
}

static int pack(const struct clo_setup *setup, int control, struct parcel *parcel,
                struct clo_error *error)
{
    bool copied;
    parcel->program = parcel->placed[CLO_BRIEFING_WORDS] = -1;
    parcel->placed[CLO_BRIEFING_CONTROL] = control;
    parcel->placed[CLO_BRIEFING_IMAGE] = clo_image_descriptor(setup->image, &copied);
    int status = clo_kvm_prepare(&parcel->placed[CLO_BRIEFING_KVM], error);
    if (!status)
        status = clo_program_open(&parcel->program, error);
    if (!status)
        status = clo_briefing_write(setup, &parcel->placed[CLO_BRIEFING_WORDS], error);
    return status;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

static int start(struct clo_nursery *nursery, struct clo_error *error)
{
    struct parcel parcel;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return clo_fail_errno(error, CLO_ESYSTEM, "socketpair");
    struct timeval time = {.tv_sec = ANSWER_SECONDS};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    int status = pack(nursery->setup, pair[1], &parcel, error);
    if (!status) {
        char *const *environment = passed_on();
        nursery->pid = fork();
        if (nursery->pid == 0)
            become_nursery(&parcel, environment);
        if (nursery->pid < 0)
            status = clo_fail_errno(error, CLO_ESYSTEM, "fork");
    }
    close_if_open(parcel.program);
    close_if_open(parcel.placed[CLO_BRIEFING_WORDS]);
    close(pair[1]);
    if (status)
        close(pair[0]);
    else
        nursery->socket = pair[0];
    return status;
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
    int status = start(nursery, error);
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

/* zygote.c - starting the zygote's program, and asking it for workers.
 *
 * The child of a fork of a program with many threads may find locks taken that nobody will open
 * again: between fork and exec only system calls are made.
 */
#include "sandbox/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/worker/bootstrap.h"
#include "sandbox/worker/fd_pass.h"
#include "sandbox/worker/frame_socket.h"
#include "sandbox/worker/jail.h"
#include "sandbox/zygote_program.h"
#include "vm/vm.h"

#define ANSWER_SECONDS 20 /* a zygote that takes longer to fork is taken for dead */

struct clo_zygote {
    const struct clo_config *config;
    pthread_mutex_t lock;
    int socket; /* -1: there is no zygote process */
    pid_t pid;
    unsigned layers; /* of the first worker's jail; 0: there was none */
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
    int program, placed[CLO_BOOTSTRAP_END]; /* by the number that it will have */
};

/* Of the directory of descriptors: those up from CLO_BOOTSTRAP_END. 0, or -1: it cannot be read. */
static int close_listed(int keep)
{
    struct { /* struct linux_dirent64 */
        uint64_t inode, offset;
        uint16_t length;
        uint8_t type;
        char name[];
    } * entry;
    _Alignas(8) char bytes[4096];
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n = list < 0 ? -1 : 0;
    while (list >= 0 && (n = syscall(SYS_getdents64, list, bytes, sizeof bytes)) > 0) {
        for (long at = 0; at < n; at += entry->length) {
            int number = 0;
            entry = (void *)(bytes + at);
            for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
                number = number * 10 + (*digit - '0');
            if (number >= CLO_BOOTSTRAP_END && number != keep && number != list)
                close(number);
        }
    }
    if (list >= 0)
        close(list);
    return n < 0 ? -1 : 0;
}

/* All descriptors from CLO_BOOTSTRAP_END on but `keep`. close_range is Linux 5.9's; without it and
 * without /proc there is only the limit on their numbers to go by. */
static void close_others(int keep)
{
    struct rlimit most;
    bool below =
        keep == CLO_BOOTSTRAP_END || syscall(SYS_close_range, CLO_BOOTSTRAP_END, keep - 1, 0) == 0;
    if ((below && syscall(SYS_close_range, keep + 1, ~0u, 0) == 0) || close_listed(keep) == 0)
        return;
    for (rlim_t fd = getrlimit(RLIMIT_NOFILE, &most) ? 0 : most.rlim_cur; fd > CLO_BOOTSTRAP_END;)
        if ((int)--fd != keep)
            close((int)fd);
}

/* In the child of a program with many threads: system calls only. */
static _Noreturn void become_zygote(const struct parcel *parcel, char *const *environment)
{
    int moved[CLO_BOOTSTRAP_END];
    char *const arguments[] = {"cloche-zygote", NULL};
    int null = open("/dev/null", O_RDWR);
    int program = fcntl(parcel->program, F_DUPFD_CLOEXEC, CLO_BOOTSTRAP_END);
    for (int i = CLO_BOOTSTRAP_CONTROL; i < CLO_BOOTSTRAP_END; i++) /* out of each other's way */
        moved[i] = fcntl(parcel->placed[i] < 0 ? null : parcel->placed[i], F_DUPFD_CLOEXEC,
                         CLO_BOOTSTRAP_END);
    for (int i = 0; i < CLO_BOOTSTRAP_END; i++) {
        if (dup2(i < CLO_BOOTSTRAP_CONTROL ? null : moved[i], i) < 0)
            _exit(1);
    }
    close_others(program);
    fexecve(program, arguments, environment); /* by execveat, or where that is missing by /proc */
    _exit(1);
}

static int pack(const struct clo_config *config, int control, struct parcel *parcel,
                struct clo_error *error)
{
    bool copied;
    struct clo_bootstrap words = {.image = config->image,
                                  .isolation = config->isolation,
                                  .memory = config->limits.memory,
                                  .pooled = config->pooled};
    words.manifest = clo_tool_set_manifest(config->tools, &words.manifest_length);
    parcel->program = parcel->placed[CLO_BOOTSTRAP_WORDS] = -1;
    parcel->placed[CLO_BOOTSTRAP_CONTROL] = control;
    parcel->placed[CLO_BOOTSTRAP_IMAGE] = clo_image_fd(config->image, &copied);
    int status = clo_vm_prepare(config->isolation, &parcel->placed[CLO_BOOTSTRAP_KVM], error);
    if (!status)
        status = clo_zygote_program_open(&parcel->program, error);
    if (!status)
        status = clo_bootstrap_write(&words, &parcel->placed[CLO_BOOTSTRAP_WORDS], error);
    return status;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

static int start(struct clo_zygote *zygote, struct clo_error *error)
{
    struct parcel parcel;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return clo_fail_errno(error, CLO_ESYSTEM, "socketpair");
    struct timeval time = {.tv_sec = ANSWER_SECONDS};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    int status = pack(zygote->config, pair[1], &parcel, error);
    if (!status) {
        char *const *environment = passed_on();
        zygote->pid = fork();
        if (zygote->pid == 0)
            become_zygote(&parcel, environment);
        if (zygote->pid < 0)
            status = clo_fail_errno(error, CLO_ESYSTEM, "fork");
    }
    close_if_open(parcel.program);
    close_if_open(parcel.placed[CLO_BOOTSTRAP_WORDS]);
    close(pair[1]);
    if (status)
        close(pair[0]);
    else
        zygote->socket = pair[0];
    return status;
}

static void stop(struct clo_zygote *zygote)
{
    if (zygote->socket < 0)
        return;
    close(zygote->socket);
    zygote->socket = -1;
    kill(zygote->pid, SIGKILL); /* its workers go with it */
    while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int clo_zygote_create(struct clo_zygote **result, const struct clo_config *config,
                      struct clo_error *error)
{
    *result = NULL;
    struct clo_zygote *zygote = calloc(1, sizeof *zygote);
    if (!zygote)
        return clo_fail_memory(error);
    zygote->config = config;
    zygote->socket = -1;
    pthread_mutex_init(&zygote->lock, NULL);
    int status = start(zygote, error);
    if (status) {
        clo_zygote_destroy(zygote);
        return status;
    }
    *result = zygote;
    return 0;
}

void clo_zygote_destroy(struct clo_zygote *zygote)
{
    if (!zygote)
        return;
    stop(zygote);
    pthread_mutex_destroy(&zygote->lock);
    free(zygote);
}

/* The number that comes with a handle is the process's, without one an error's. */
static int ask(struct clo_zygote *zygote, int theirs, int *handle, pid_t *pid,
               struct clo_error *error)
{
    int number = 0;
    if (clo_fd_pass_send(zygote->socket, 0, theirs) < 0 ||
        clo_fd_pass_receive(zygote->socket, &number, handle) < 0)
        return clo_fail(error, CLO_ESYSTEM, "the process that makes workers does not answer");
    *pid = number;
    if (*handle >= 0)
        return 0;
    return clo_fail(error, CLO_ESYSTEM, "a worker process cannot be made: %s", strerror(number));
}

int clo_zygote_spawn(struct clo_zygote *zygote, int *socket, int *handle, pid_t *pid,
                     struct clo_error *error)
{
    int pair[2];
    *handle = -1;
    if (clo_frame_socket_pair(pair, error))
        return CLO_ESYSTEM;
    pthread_mutex_lock(&zygote->lock);
    int status = zygote->socket < 0 ? CLO_ESYSTEM : ask(zygote, pair[1], handle, pid, error);
    if (status) { /* killed, or out of its mind: once more with a new one */
        stop(zygote);
        status = start(zygote, error);
        if (!status)
            status = ask(zygote, pair[1], handle, pid, error);
    }
    pthread_mutex_unlock(&zygote->lock);
    close(pair[1]);
    if (status) {
        close(pair[0]);
        return status;
    }
    *socket = pair[0];
    return 0;
}

int clo_zygote_expect(struct clo_zygote *zygote, unsigned layers, struct clo_error *error)
{
    char missing[CLO_JAIL_TEXT_MAX];
    pthread_mutex_lock(&zygote->lock);
    if (!zygote->layers)
        zygote->layers = layers;
    unsigned fewer = zygote->layers & ~layers;
    pthread_mutex_unlock(&zygote->lock);
    if (!fewer)
        return 0;
    clo_jail_describe(fewer, missing);
    clo_fail(error, CLO_ESYSTEM,
             "the jail around a new worker process lacks what the first one had: %s", missing);
    return clo_hint(
        error, CLO_ESYSTEM,
        "free what ran out (sysctl user.max_*_namespaces), or start the program anew to accept less");
}

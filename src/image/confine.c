/* confine.c - a guest that is not yet an image, behind the wall that was asked for.
 *
 * Without a hypervisor it gets a process of its own with the jail around it, as a run's guest does.
 * That process shares one stretch of memory with this one, for what is made of the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/poll.h"
#include "image/image.h"
#include "sandbox/worker/jail.h"
#include "vm/vm.h"

#define CHILD_MEMORY (256ull << 20) /* beyond its guest's: image, draft's bookkeeping, messages */
#define CHILD_NS (400ull * 1000000000ull) /* a guest's own time (boot.c), for each request */

struct outcome { /* shared; written by the child */
    int status;
    struct clo_error error;
};

void *clo_image_share(size_t size)
{
    /* a file in memory: it counts for what is written, not for its length */
    int fd = memfd_create("cloche-image", MFD_CLOEXEC);
    void *at = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return at == MAP_FAILED ? NULL : at;
}

struct work {
    const struct clo_image *image;
    const struct clo_vm_config *config;
    int (*work)(struct clo_vm *vm, void *context, struct clo_error *error);
    void *context;
};

static int work_here(const struct work *work, struct clo_error *error)
{
    struct clo_vm *vm;
    int status = clo_vm_create(&vm, work->image, work->config, error);
    if (status)
        return status;
    status = work->work(vm, work->context, error);
    clo_vm_destroy(vm);
    return status;
}

static void say_layers(unsigned layers)
{
    char missing[CLO_JAIL_TEXT_MAX];
    if (layers == CLO_JAIL_ALL)
        return;
    clo_jail_describe(CLO_JAIL_ALL & ~layers, missing);
    fprintf(stderr, "image: the jail around the guest that is booted lacks: %s\n", missing);
}

static _Noreturn void child(const struct work *work, const struct clo_jail_shared *shared,
                            unsigned layers, struct outcome *outcome)
{
    struct clo_vm *vm;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int status = clo_vm_prepare(work->config->isolation, NULL, &outcome->error);
    clo_jail_enter(shared, work->config->memory_limit + CHILD_MEMORY,
                   clo_vm_reserves(work->config->isolation), &layers);
    if (!status)
        status = clo_vm_create(&vm, work->image, work->config, &outcome->error);
    if (!status) {
        clo_jail_seal(shared, &layers);
        say_layers(layers);
        status = work->work(vm, work->context, &outcome->error);
    }
    outcome->status = status;
    _exit(0);
}

/* Between this process, which keeps its user, and the jailed one. */
static _Noreturn void parent_of(const struct work *work, int end, struct outcome *outcome)
{
    struct clo_jail_shared shared;
    unsigned layers;
    int result;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    clo_jail_drop_user();
    clo_jail_share(&shared, work->config->isolation);
    clo_proc_adopt(shared.proc);
    pid_t pid = clo_jail_fork(&shared, &layers);
    if (pid == 0) {
        close(end); /* what ends the wait is this process's end */
        child(work, &shared, layers, outcome);
    }
    while (pid > 0 && waitpid(pid, &result, 0) < 0 && errno == EINTR)
        ;
    _exit(pid > 0 && WIFEXITED(result) && WEXITSTATUS(result) == 0 ? 0 : 1);
}

/* `ended`: a pipe whose other end is open in that process alone. */
static int await(pid_t pid, int ended, struct clo_error *error)
{
    struct pollfd end = {.fd = ended, .events = POLLIN};
    int result = 0;
    if (clo_poll_until(&end, 1, clo_monotonic_ns() + CHILD_NS) <= 0)
        kill(pid, SIGKILL); /* the jailed one goes with it */
    while (waitpid(pid, &result, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
        return 0;
    return clo_fail(error, CLO_EGUEST,
                    "the process in which the guest was booted died, or used up its %llu s",
                    CHILD_NS / 1000000000u);
}

static int work_apart(const struct work *work, struct clo_error *error)
{
    struct outcome *outcome = clo_image_share(sizeof *outcome);
    if (!outcome)
        return clo_fail_errno(error, CLO_ENOMEMORY, "memory for a process");
    fflush(NULL); /* what is buffered is not the child's to write */
    int ends[2] = {-1, -1};
    pid_t pid = pipe2(ends, O_CLOEXEC) ? -1 : fork();
    if (pid == 0)
        parent_of(work, ends[1], outcome);
    int status = pid < 0 ? clo_fail_errno(error, CLO_ESYSTEM, "a process for the guest") : 0;
    close(ends[1]);
    if (!status)
        status = await(pid, ends[0], error);
    close(ends[0]);
    if (!status && outcome->status) { /* the child's word: copied, cut, and read as an error */
        outcome->error.message[sizeof outcome->error.message - 1] = '\0';
        outcome->error.hint[sizeof outcome->error.hint - 1] = '\0';
        status = outcome->status < 0 ? outcome->status : CLO_EGUEST;
        clo_fail(error, (enum clo_status)status, "%s", outcome->error.message);
        clo_hint(error, (enum clo_status)status, "%s", outcome->error.hint);
    }
    munmap(outcome, sizeof *outcome);
    return status;
}

int clo_image_confine(const struct clo_image *image, const struct clo_vm_config *config,
                      int (*work)(struct clo_vm *vm, void *context, struct clo_error *error),
                      void *context, struct clo_error *error)
{
    const struct work wanted = {image, config, work, context};
    return config->isolation == CLO_ISOLATION_PROCESS ? work_apart(&wanted, error)
                                                      : work_here(&wanted, error);
}

/* command.c - running a program. */
#include "model/credential/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread/cancel.h"
#include "base/thread/poll.h"

#define LOOK_MS 1000 /* between two looks at the cancellation, should its descriptor not tell */
#define REAP_MS 20   /* between two looks at a program that closed its output and does not end */

bool clo_command_find(char path[PATH_MAX], const char *name)
{
    const char *folders = getenv("PATH");
    struct stat info;
    while (folders && *folders) {
        size_t length = strcspn(folders, ":");
        int written = snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folders, name);
        if (*folders == '/' && written < PATH_MAX && access(path, X_OK) == 0 &&
            stat(path, &info) == 0 && S_ISREG(info.st_mode))
            return true;
        folders += length + (folders[length] == ':');
    }
    return false;
}

struct running {
    pid_t pid;
    int out, err; /* the ends that we read; -1: closed */
};

static void shut(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

/* The signals of a program that is started by hand: ours are blocked or ignored in part. */
static int spawn(pid_t *pid, const char *path, char *const arguments[], int out, int err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int bad = posix_spawn_file_actions_init(&files);
    if (bad)
        return bad;
    if ((bad = posix_spawnattr_init(&attributes)) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return bad;
    }
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    bad = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    bad = bad ? bad : posix_spawn_file_actions_adddup2(&files, out, 1);
    bad = bad ? bad : posix_spawn_file_actions_adddup2(&files, err, 2);
    bad = bad ? bad : posix_spawn_file_actions_addchdir_np(&files, "/");
    bad = bad ? bad : posix_spawnattr_setsigmask(&attributes, &none);
    bad = bad ? bad : posix_spawnattr_setsigdefault(&attributes, &usual);
    bad =
        bad ? bad
            : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
    bad = bad ? bad : posix_spawn(pid, path, &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return bad;
}

static int start(struct running *running, const char *path, char *const arguments[],
                 struct clo_error *error)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    *running = (struct running){-1, -1, -1};
    int bad = pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)
                  ? errno
                  : spawn(&running->pid, path, arguments, out[1], err[1]);
    shut(&out[1]);
    shut(&err[1]);
    if (!bad) {
        running->out = out[0];
        running->err = err[0];
        return 0;
    }
    shut(&out[0]);
    shut(&err[0]);
    running->pid = -1;
    return bad == ENOMEM
               ? clo_fail_memory(error)
               : clo_fail(error, CLO_EMODEL, "%.160s cannot be started: %s", path, strerror(bad));
}

/* What is there of one of the two. The bytes may be a token: they are wiped. */
static int take(int *file, struct clo_buffer *to, bool cut)
{
    char chunk[4096];
    ssize_t got = read(*file, chunk, sizeof chunk);
    if (got <= 0 && !(got < 0 && (errno == EINTR || errno == EAGAIN)))
        shut(file);
    size_t length = got > 0 ? (size_t)got : 0;
    if (cut && length > to->limit - to->length)
        length = to->limit - to->length;
    int status = length ? clo_buffer_append(to, chunk, length) : 0;
    explicit_bzero(chunk, sizeof chunk);
    return status;
}

/* Until both ends are closed. */
static int follow(struct running *running, uint64_t deadline, const struct clo_cancel *cancel,
                  struct clo_buffer *out, struct clo_buffer *err, struct clo_error *error)
{
    while (running->out >= 0 || running->err >= 0) {
        struct pollfd files[] = {{running->out, POLLIN, 0},
                                 {running->err, POLLIN, 0},
                                 {clo_cancel_fd(cancel), POLLIN, 0}};
        uint64_t look = clo_after_ms(LOOK_MS);
        int ready = clo_poll_until(files, 3, look < deadline ? look : deadline), status = 0;
        if (clo_cancel_is_set(cancel))
            return clo_fail(error, CLO_ECANCELLED, "the model's call was cancelled");
        if (ready == 0 && clo_monotonic_ns() < deadline)
            continue;
        if (ready == 0)
            return clo_fail(error, CLO_EMODEL, "ran out of time");
        if (ready < 0)
            return clo_fail_errno(error, CLO_ESYSTEM, "poll");
        if (files[0].revents)
            status = take(&running->out, out, false);
        if (status)
            return out->no_memory
                       ? clo_fail_memory(error)
                       : clo_fail(error, CLO_EMODEL, "printed more than %zu bytes", out->limit);
        if (files[1].revents && take(&running->err, err, true))
            return clo_fail_memory(error);
    }
    return 0;
}

/* Its end, which the deadline brings about. Whom it left behind in its group is killed before it is
 * reaped: until then the group's number is nobody else's. */
static int reap(const struct running *running, bool kill_now, uint64_t deadline,
                const struct clo_cancel *cancel)
{
    int status = 0;
    for (;;) {
        siginfo_t end = {0};
        bool late = kill_now || clo_cancel_is_set(cancel) || clo_monotonic_ns() >= deadline;
        if (late && kill(-running->pid, SIGKILL)) /* the group, or it alone; again until it ends */
            kill(running->pid, SIGKILL);
        int got = waitid(P_PID, (id_t)running->pid, &end, WEXITED | WNOWAIT | WNOHANG);
        if ((got == 0 && end.si_pid == running->pid) || (got < 0 && errno != EINTR))
            break;
        if (got == 0)
            clo_poll_until(NULL, 0, clo_after_ms(REAP_MS));
    }
    kill(-running->pid, SIGKILL);
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int clo_command_run(const char *path, char *const arguments[], unsigned timeout_ms,
                    const struct clo_cancel *cancel, struct clo_buffer *out, struct clo_buffer *err,
                    int *exit_status, struct clo_error *error)
{
    struct running running;
    uint64_t deadline = clo_after_ms(timeout_ms);
    int status = start(&running, path, arguments, error);
    if (status)
        return status;
    status = follow(&running, deadline, cancel, out, err, error);
    *exit_status = reap(&running, status != 0, deadline, cancel);
    shut(&running.out);
    shut(&running.err);
    return status;
}

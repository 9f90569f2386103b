/* state.c - see state.h. */
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define KEY_BYTES 32 /* of a new one */

/* ---- FILE ---- */

/* *said: that it waits was said before. */
static int lock(const char *path, int file, bool *said)
{
    if (!flock(file, LOCK_EX | LOCK_NB))
        return 0;
    if (errno != EWOULDBLOCK)
        return -1;
    if (!*said)
        fprintf(stderr, "cloche: waiting for another run that has the session %s\n", path);
    *said = true;
    int failed;
    do
        failed = flock(file, LOCK_EX);
    while (failed && errno == EINTR);
    return failed;
}

/* Does the name still stand for the file that is locked? The run that had it may have replaced it. */
static bool is_current(const char *path, const struct stat *is)
{
    struct stat now;
    return !stat(path, &now) && now.st_dev == is->st_dev && now.st_ino == is->st_ino;
}

static int open_locked(struct cli_state *state, struct stat *is, struct clo_error *error)
{
    bool said = false;
    for (;;) {
        state->file = open(state->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR);
        if (state->file < 0)
            return clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot open \"%s\"", state->path);
        if (fstat(state->file, is))
            return clo_fail_errno(error, CLO_ESYSTEM, "--state: \"%s\"", state->path);
        if (!S_ISREG(is->st_mode))
            return clo_fail(error, CLO_EINVALID, "--state: \"%s\" is no regular file", state->path);
        if (lock(state->path, state->file, &said))
            return clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot lock \"%s\"", state->path);
        if (fstat(state->file, is) == 0 && is_current(state->path, is))
            return 0;
        close(state->file);
    }
}

/* ---- the key ---- */

static int refuse_key(const struct cli_state *state, ssize_t length, struct clo_error *error)
{
    clo_fail(error, CLO_EINVALID, "--state: the key \"%s\" has %zd bytes; it has 16 to %d",
             state->key_path, length, CLI_STATE_KEY_MAX);
    return clo_hint(error, CLO_EINVALID,
                    "the key of a session is the file that was made with it; for a new one: "
                    "head -c 32 /dev/urandom > KEYFILE");
}

static int read_key(struct cli_state *state, int file, struct clo_error *error)
{
    struct stat is;
    if (fstat(file, &is))
        return clo_fail_errno(error, CLO_ESYSTEM, "--state: the key \"%s\"", state->key_path);
    if (!S_ISREG(is.st_mode) || is.st_size < 16 || is.st_size > CLI_STATE_KEY_MAX)
        return refuse_key(state, S_ISREG(is.st_mode) ? (ssize_t)is.st_size : 0, error);
    ssize_t got = pread(file, state->key, sizeof state->key, 0);
    if (got < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot read the key \"%s\"",
                              state->key_path);
    if (got != is.st_size)
        return refuse_key(state, got, error);
    state->options.key_length = (size_t)got;
    return 0;
}

static int write_key(struct cli_state *state, int file)
{
    ssize_t written = write(file, state->key, KEY_BYTES);
    if (written >= 0 && written < KEY_BYTES)
        errno = ENOSPC;
    return written == KEY_BYTES ? fsync(file) : -1;
}

static int make_key(struct cli_state *state, struct clo_error *error)
{
    if (getrandom(state->key, KEY_BYTES, 0) != KEY_BYTES)
        return clo_fail_errno(error, CLO_ESYSTEM, "getrandom");
    int file = open(state->key_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    if (file < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot make the key \"%s\"",
                              state->key_path);
    int status = 0;
    if (write_key(state, file)) {
        status = clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot write the key \"%s\"",
                                state->key_path);
        unlink(state->key_path);
    }
    close(file);
    state->options.key_length = KEY_BYTES;
    return status;
}

/* `begun`: there is a state, which needs the key that it has. `own`: FILE.key may be made. */
static int have_key(struct cli_state *state, bool begun, bool own, struct clo_error *error)
{
    state->options.key = state->key;
    int file = open(state->key_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file >= 0) {
        int status = read_key(state, file, error);
        close(file);
        return status;
    }
    if (errno == ENOENT && own && !begun)
        return make_key(state, error);
    int missing = errno == ENOENT;
    clo_fail_errno(error, missing ? CLO_ENOTFOUND : CLO_ESYSTEM,
                   "--state: cannot open the key \"%s\"", state->key_path);
    return missing ? clo_hint(error, CLO_ENOTFOUND,
                              "the session goes on with the key that it began with alone: give it "
                              "by --state-key, or begin another session in another file")
                   : CLO_ESYSTEM;
}

/* ---- FILE.new ---- */

static int make_new(struct cli_state *state, struct clo_error *error)
{
    if (!unlink(state->new_path) || errno == ENOENT)
        state->run.to = open(state->new_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                             S_IRUSR | S_IWUSR);
    return state->run.to >= 0
               ? 0
               : clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot make \"%s\"", state->new_path);
}

static char *beside(const char *path, const char *ending)
{
    char *name;
    return asprintf(&name, "%s%s", path, ending) < 0 ? NULL : name;
}

int clo_cli_state_open(struct cli_state *state, const char *path, const char *key_path,
                       struct clo_error *error)
{
    struct stat is = {0};
    *state = (struct cli_state){.path = path, .file = -1, .run = {.from = -1, .to = -1}};
    state->key_path = key_path ? strdup(key_path) : beside(path, ".key");
    state->new_path = beside(path, ".new");
    if (!state->key_path || !state->new_path)
        return clo_fail_memory(error);
    int status = open_locked(state, &is, error);
    if (!status)
        status = have_key(state, is.st_size > 0, !key_path, error);
    if (!status)
        status = make_new(state, error);
    state->run.from = is.st_size > 0 ? state->file : -1;
    state->run.from_options = state->run.to_options = &state->options;
    return status;
}

/* So that the name is on the disk, too. A file system that cannot do that is none of ours. */
static void sync_folder(const struct cli_state *state)
{
    char *copy = strdup(state->path);
    int folder = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
    free(copy);
}

int clo_cli_state_keep(struct cli_state *state, struct clo_error *error)
{
    if (fsync(state->run.to) || rename(state->new_path, state->path))
        return clo_fail_errno(error, CLO_ESYSTEM, "--state: cannot keep \"%s\"", state->path);
    close(state->run.to);
    state->run.to = -1;
    sync_folder(state);
    return 0;
}

void clo_cli_state_close(struct cli_state *state)
{
    struct stat is;
    if (!state->path)
        return;
    if (state->run.to >= 0) {
        unlink(state->new_path);
        close(state->run.to);
    }
    if (state->file >= 0) {
        if (!fstat(state->file, &is) && !is.st_size && is_current(state->path, &is))
            unlink(state->path); /* the session has not begun after all */
        close(state->file);      /* who waits for it may go on */
    }
    explicit_bzero(state->key, sizeof state->key);
    free(state->key_path);
    free(state->new_path);
    *state = (struct cli_state){0};
}

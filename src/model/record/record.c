/* record.c - the file: looked at, locked, appended to. */
#include "model/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/yaml/yaml.h"
#include "model/record/turn_text.h"
#include "model/script/script.h"

#define HEADER                                                                                     \
    "# Recorded by cloche: a script of turns that model.script plays back (docs/models.md).\n"
#define LIST "turns:\n"
#define TURN "  - match: " /* what each turn begins with, and nothing else that is written here */
#define FULL "  # The file is full: what came then is not recorded.\n"
#define SIZE_MAX_BYTES (CLO_YAML_FILE_MAX - sizeof FULL)

struct clo_recording {
    char *path, *key;
    int file;
    pthread_mutex_t lock; /* of what follows */
    size_t size, turns;
    bool full;
};

struct content {
    size_t size, turns;
};

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* Is the text a recording that can be gone on with? `text` is NUL-terminated. */
static int look_at_text(const char *path, const char *text, size_t length, struct content *content,
                        struct clo_error *error)
{
    *content = (struct content){.size = length};
    if (!length)
        return 0;
    if (strlen(text) != length || !begins(text, HEADER))
        return clo_hint(error,
                        clo_fail(error, CLO_EINVALID, "\"%s\" is no recording of cloche's", path),
                        "Name a file that is not there yet, or is empty.");
    if (text[length - 1] != '\n')
        return clo_hint(error,
                        clo_fail(error, CLO_EINVALID, "\"%s\" ends in the middle of a line", path),
                        "Take its last turn out, or name another file.");
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        content->turns += begins(line, TURN);
    return 0;
}

static int look(int file, const char *path, const char *script, struct content *content,
                struct clo_error *error)
{
    struct stat status, played;
    if (fstat(file, &status))
        return clo_fail_errno(error, CLO_ESYSTEM, "looking at \"%s\"", path);
    if (!S_ISREG(status.st_mode))
        return clo_fail(error, CLO_EINVALID, "\"%s\" is no regular file, which a recording is",
                        path);
    if (script && stat(script, &played) == 0 && played.st_dev == status.st_dev &&
        played.st_ino == status.st_ino)
        return clo_hint(error,
                        clo_fail(error, CLO_EINVALID, "\"%s\" is the script that is played", path),
                        "Record into another file.");
    if (status.st_size > CLO_YAML_FILE_MAX)
        return clo_fail(error, CLO_EINVALID, "\"%s\" is larger than the %u KiB of a script", path,
                        CLO_YAML_FILE_MAX >> 10);
    size_t length = (size_t)status.st_size, have = 0;
    char *text = malloc(length + 1);
    if (!text)
        return clo_fail_memory(error);
    while (have < length) {
        ssize_t got = pread(file, text + have, length - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    text[have] = '\0';
    int result = have < length
                     ? clo_fail(error, CLO_ESYSTEM, "reading \"%s\": not all of it came", path)
                     : look_at_text(path, text, length, content, error);
    free(text);
    return result;
}

static int cannot_open(const char *path, struct clo_error *error)
{
    enum clo_status code = errno == ENOENT || errno == ENOTDIR ? CLO_ENOTFOUND : CLO_ESYSTEM;
    return clo_fail_errno(error, code, "opening \"%s\" to record into", path);
}

/* The folder in which the file would be made. */
static int check_folder(const char *path, struct clo_error *error)
{
    char *folder = strdup(path);
    if (!folder)
        return clo_fail_memory(error);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int failed = access(slash ? folder : ".", W_OK | X_OK);
    free(folder);
    return failed ? cannot_open(path, error) : 0;
}

int clo_recording_check(const char *path, const char *script, struct clo_error *error)
{
    struct content content;
    int file = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return errno == ENOENT ? check_folder(path, error) : cannot_open(path, error);
    int status = look(file, path, script, &content, error);
    close(file);
    return status;
}

int clo_recording_open(struct clo_recording **out, const char *path, const char *script,
                       const char *key, struct clo_error *error)
{
    struct content content = {0};
    int status = 0;
    *out = NULL;
    struct clo_recording *recording = calloc(1, sizeof *recording);
    if (!recording)
        return clo_fail_memory(error);
    pthread_mutex_init(&recording->lock, NULL);
    recording->path = strdup(path);
    recording->key = strdup(key ? key : "");
    recording->file =
        open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (recording->file < 0)
        status = cannot_open(path, error);
    else if (!recording->path || !recording->key)
        status = clo_fail_memory(error);
    else
        status = look(recording->file, path, script, &content, error);
    if (!status && flock(recording->file, LOCK_EX | LOCK_NB))
        status = errno == EWOULDBLOCK
                     ? clo_fail(error, CLO_EBUSY, "another process records into \"%s\"", path)
                     : clo_fail_errno(error, CLO_ESYSTEM, "locking \"%s\"", path);
    if (!status) /* now that nobody else writes */
        status = look(recording->file, path, script, &content, error);
    if (status) {
        clo_recording_close(recording);
        return status;
    }
    recording->size = content.size;
    recording->turns = content.turns;
    *out = recording;
    return 0;
}

void clo_recording_close(struct clo_recording *recording)
{
    if (!recording)
        return;
    if (recording->file >= 0)
        close(recording->file);
    pthread_mutex_destroy(&recording->lock);
    free(recording->path);
    free(recording->key);
    free(recording);
}

const char *clo_recording_path(const struct clo_recording *recording)
{
    return recording->path;
}

/* All of it by one write, or nothing. */
static int append(struct clo_recording *recording, const char *text, size_t length,
                  struct clo_error *error)
{
    ssize_t written;
    do
        written = write(recording->file, text, length);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)length) {
        recording->size += length;
        return 0;
    }
    int why = written < 0 ? errno : ENOSPC;
    if (written > 0 && ftruncate(recording->file, (off_t)recording->size))
        recording->full = true; /* half a turn stands there: nothing may follow it */
    errno = why;
    return clo_fail_errno(error, CLO_ESYSTEM, "recording into \"%s\"", recording->path);
}

static int become_full(struct clo_recording *recording, struct clo_error *error)
{
    recording->full = true;
    bool room = recording->turns && recording->size + strlen(FULL) <= CLO_YAML_FILE_MAX;
    int status = room ? append(recording, FULL, strlen(FULL), error) : 0;
    return status ? status
                  : clo_fail(error, CLO_ELIMIT,
                             "\"%s\" is full: this turn and those that follow are not recorded",
                             recording->path);
}

/* The lock is held. */
static int add(struct clo_recording *recording, const struct clo_buffer *turn, bool plays,
               struct clo_error *error)
{
    bool room = recording->size < SIZE_MAX_BYTES;
    struct clo_buffer text = CLO_BUFFER(room ? SIZE_MAX_BYTES - recording->size : 0);
    if (recording->full)
        return 0;
    if (!recording->size)
        clo_buffer_text(&text, HEADER);
    if (plays && !recording->turns)
        clo_buffer_text(&text, LIST);
    clo_buffer_append(&text, turn->data ? turn->data : "", turn->length);
    int status;
    if (text.no_memory)
        status = clo_fail_memory(error);
    else if (text.failed || (plays && recording->turns == CLO_SCRIPT_TURNS_MAX))
        status = become_full(recording, error);
    else
        status = append(recording, text.data, text.length, error);
    if (!status && plays)
        recording->turns++;
    clo_buffer_free(&text);
    return status;
}

int clo_recording_turn(struct clo_recording *recording, const struct clo_recorded_turn *turn,
                       struct clo_error *error)
{
    struct clo_buffer text = CLO_BUFFER(CLO_YAML_FILE_MAX);
    bool plays;
    int status = clo_turn_text(&text, turn, recording->key, &plays);
    pthread_mutex_lock(&recording->lock);
    if (status == CLO_ENOMEMORY)
        status = clo_fail_memory(error);
    else if (status)
        status = recording->full ? 0 : become_full(recording, error);
    else
        status = add(recording, &text, plays, error);
    pthread_mutex_unlock(&recording->lock);
    clo_buffer_free(&text);
    return status;
}

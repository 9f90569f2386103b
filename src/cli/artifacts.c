/* artifacts.c - files of a run into a folder of the user's: name by name, following no link. */
#include "cli/artifacts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

#define PIECE (256u << 10)
#define TEXT_MAX (64u << 10)

int clo_artifacts_open(const char *folder, struct clo_error *error)
{
    if (mkdir(folder, 0777) && errno != EEXIST) {
        clo_fail_errno(error, CLO_ESYSTEM, "--artifacts: cannot make the folder \"%s\"", folder);
        return -1;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        clo_fail_errno(error, CLO_ESYSTEM, "--artifacts: cannot open the folder \"%s\"", folder);
    return fd;
}

/* The folder that the path's last name lies in, made where it is not there; *name is that name. */
static int open_above(int top, const char *path, const char **name)
{
    char part[NAME_MAX + 1];
    int at = dup(top);
    for (const char *slash; at >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        size_t length = (size_t)(slash - path);
        int next = -1;
        if (length > NAME_MAX) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(part, path, length);
            part[length] = '\0';
            if (mkdirat(at, part, 0777) == 0 || errno == EEXIST)
                next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        int why = errno;
        close(at);
        errno = why;
        at = next;
    }
    *name = path;
    return at;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t now = write(fd, data, length);
        if (now < 0 && errno != EINTR)
            return -1;
        if (now > 0) {
            data += now;
            length -= (size_t)now;
        }
    }
    return 0;
}

static int copy(const struct clo_run_result *result, size_t index, int fd, char *piece,
                struct clo_error *error)
{
    size_t got = PIECE;
    for (uint64_t at = 0; got == PIECE; at += got) {
        int status = clo_artifact_read(result, index, at, piece, PIECE, &got, error);
        if (status)
            return status;
        if (write_all(fd, piece, got))
            return clo_fail_errno(error, CLO_ESYSTEM, "writing");
    }
    return 0;
}

static int keep(const struct clo_run_result *result, size_t index, int folder, char *piece,
                struct clo_error *error)
{
    const char *name;
    int above = open_above(folder, result->artifacts[index].path, &name);
    if (above < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "its folder cannot be made there");
    int fd = openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int status = fd >= 0 ? copy(result, index, fd, piece, error)
                 : errno == EEXIST
                     ? clo_fail(error, CLO_EINVALID,
                                "the folder has a file of that name, which is not overwritten; "
                                "remove it, or give another folder")
                     : clo_fail_errno(error, CLO_ESYSTEM, "it cannot be made there");
    if (fd >= 0 && close(fd) && !status)
        status = clo_fail_errno(error, CLO_ESYSTEM, "writing");
    if (fd >= 0 && status)
        unlinkat(above, name, 0);
    close(above);
    return status;
}

/* What a hostile name may hold shall not reach a terminal. */
static void say(const char *path, const char *why)
{
    struct clo_buffer text = CLO_BUFFER(TEXT_MAX);
    clo_text_clean(&text, path, strlen(path));
    for (size_t i = 0; i < text.length; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            text.data[i] = '?';
    }
    fprintf(stderr, "cloche: /output/%s is not kept: %s\n", text.data ? text.data : "", why);
    clo_buffer_free(&text);
}

size_t clo_artifacts_keep(const struct clo_run_result *result, int folder)
{
    char *piece = malloc(PIECE);
    size_t lost = 0;
    for (size_t i = 0; i < result->artifact_count; i++) {
        struct clo_error error;
        if (!result->artifacts[i].changed) /* a run before of the session has left it */
            continue;
        int status = piece ? keep(result, i, folder, piece, &error) : clo_fail_memory(&error);
        if (status)
            say(result->artifacts[i].path, error.message);
        lost += status != 0;
    }
    free(piece);
    return lost;
}

void clo_artifacts_mention(const struct clo_run_result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < result->artifact_count; i++)
        count += result->artifacts[i].changed;
    if (count)
        fprintf(stderr, "cloche: %zu file%s in /output %s not kept; --artifacts DIR keeps %s\n",
                count, count == 1 ? "" : "s", count == 1 ? "is" : "are",
                count == 1 ? "it" : "them");
}

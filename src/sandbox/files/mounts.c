/* mounts.c - from the caller's words to open descriptors. */
#include "sandbox/files/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/files.h"
#include "base/error.h"
#include "base/utf8.h"
#include "sandbox/files/beneath.h"

#define TOP "/input"
#define PLACE_MAX 1024 /* bytes */
#define DEPTH_MAX 32   /* names in a place */

static bool within(const char *place, const char *above)
{
    size_t length = strlen(above);
    return strncmp(place, above, length) == 0 && place[length] == '/';
}

/* The last name of a path as it was given, or NULL: it has none of its own (".", "..", "/"). */
static const char *last_name(const char *path, size_t *length)
{
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start && path[start - 1] != '/')
        start--;
    *length = end - start;
    return clo_beneath_valid(path + start, *length) && *length ? path + start : NULL;
}

/* A place that follows from the source's name. */
static int place_by_name(const struct clo_mount *wanted, const char *real, char **place,
                         struct clo_error *error)
{
    size_t length;
    const char *name = last_name(wanted->source, &length);
    if (!name)
        name = last_name(real, &length);
    if (!name) {
        clo_fail(error, CLO_EINVALID, "\"%s\" has no name to mount it by", wanted->source);
        return clo_hint(error, CLO_EINVALID, "say where: %s:" TOP "/NAME", wanted->source);
    }
    *place = malloc(sizeof TOP + 1 + length);
    if (!*place)
        return clo_fail_memory(error);
    memcpy(*place, TOP "/", sizeof TOP);
    memcpy(*place + sizeof TOP, name, length);
    (*place)[sizeof TOP + length] = '\0';
    return 0;
}

static int place_as_given(const char *target, char **place, struct clo_error *error)
{
    size_t length = strlen(target), depth = 0;
    while (length > 1 && target[length - 1] == '/')
        length--;
    *place = strndup(target, length);
    if (!*place)
        return clo_fail_memory(error);
    for (size_t i = 0; i < length; i++)
        depth += target[i] == '/';
    if (strcmp(*place, TOP) != 0 && !within(*place, TOP)) {
        clo_fail(error, CLO_EINVALID, "a mount at \"%s\", which is not in " TOP, target);
        return clo_hint(error, CLO_EINVALID, "write " TOP " or " TOP "/NAME");
    }
    if (!clo_beneath_valid(*place + 1, length - 1))
        return clo_fail(error, CLO_EINVALID,
                        "a mount at \"%s\": a place has no \".\", \"..\" or empty name", target);
    if (length > PLACE_MAX || depth > DEPTH_MAX)
        return clo_fail(error, CLO_EINVALID,
                        "a mount at \"%.64s…\": a place has at most %d bytes and %d names", target,
                        PLACE_MAX, DEPTH_MAX);
    return 0;
}

/* Names of more than 255 bytes are in no tree. */
static int check_names(const char *place, struct clo_error *error)
{
    for (const char *at = place; *at;) {
        size_t length = strcspn(++at, "/");
        if (length > NAME_MAX)
            return clo_fail(
                error, CLO_EINVALID,
                "a mount at \"%.64s…\" with a name of %zu bytes; at most %d are allowed", place,
                length, NAME_MAX);
        at += length;
    }
    return 0;
}

static int open_folder(struct clo_mounted *mounted, const char *source, const char *real,
                       struct clo_error *error)
{
    mounted->root = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return mounted->root >= 0
               ? 0
               : clo_fail_errno(error, CLO_ESYSTEM, "cannot open \"%s\" to mount it", source);
}

/* The folder of the file that was mounted last. */
struct last_folder {
    int root; /* -1: none */
    char path[PATH_MAX];
};

/* Of a file its folder is held: programs replace a file by renaming another one onto it. Files of one
 * folder share it. */
static int open_file(struct clo_mounted *mounted, const char *source, char *real,
                     struct last_folder *last, struct clo_error *error)
{
    char *slash = strrchr(real, '/');
    mounted->name = strdup(slash + 1);
    if (!mounted->name)
        return clo_fail_memory(error);
    slash[slash == real] = '\0';
    if (last->root >= 0 && strcmp(last->path, real) == 0) {
        mounted->root = last->root;
        mounted->shares = true;
        return 0;
    }
    int status = open_folder(mounted, source, real, error);
    last->root = mounted->root;
    memcpy(last->path, real, strlen(real) + 1);
    return status;
}

static int open_one(struct clo_mounted *mounted, const struct clo_mount *wanted,
                    struct last_folder *last, struct clo_error *error)
{
    char real[PATH_MAX];
    struct stat stat_of;
    mounted->root = -1;
    if (!wanted->source || !*wanted->source)
        return clo_fail(error, CLO_EINVALID, "a mount without a folder or file of the host");
    if (!realpath(wanted->source, real) || stat(real, &stat_of))
        return clo_fail_errno(error, errno == ENOENT ? CLO_ENOTFOUND : CLO_ESYSTEM,
                              "cannot mount \"%s\"", wanted->source);
    bool folder = S_ISDIR(stat_of.st_mode);
    if (!folder && !S_ISREG(stat_of.st_mode))
        return clo_fail(error, CLO_EINVALID,
                        "cannot mount \"%s\": it is neither a folder nor a regular file",
                        wanted->source);
    int status = wanted->target ? place_as_given(wanted->target, &mounted->place, error)
                                : place_by_name(wanted, real, &mounted->place, error);
    if (!status)
        status = check_names(mounted->place, error);
    if (!status && !folder && strcmp(mounted->place, TOP) == 0) {
        clo_fail(error, CLO_EINVALID, "the file \"%s\" cannot be mounted as the folder " TOP,
                 wanted->source);
        return clo_hint(error, CLO_EINVALID, "say how it is called: %s:" TOP "/NAME",
                        wanted->source);
    }
    if (status)
        return status;
    return folder ? open_folder(mounted, wanted->source, real, error)
                  : open_file(mounted, wanted->source, real, last, error);
}

static int by_place(const void *a, const void *b)
{
    const struct clo_mounted *one = a, *other = b;
    return strcmp(one->place, other->place); /* what lies in it comes after it */
}

/* Of those in order of their places: the one at the first `length` bytes of `place`; NULL: none. */
static const struct clo_mounted *find(const struct clo_mounts *mounts, const char *place,
                                      size_t length)
{
    char above[PLACE_MAX + 1];
    struct clo_mounted wanted = {.place = above};
    memcpy(above, place, length);
    above[length] = '\0';
    return bsearch(&wanted, mounts->all, mounts->count, sizeof wanted, by_place);
}

static int check_place(const struct clo_mounts *mounts, const char *place, struct clo_error *error)
{
    for (size_t length = sizeof TOP - 1; place[length];
         length += strcspn(place + length + 1, "/") + 1) {
        const struct clo_mounted *above = find(mounts, place, length);
        if (above && above->name)
            return clo_fail(error, CLO_EINVALID, "a mount at %s, in the mounted file %s", place,
                            above->place);
    }
    return 0;
}

static int check_all(const struct clo_mounts *mounts, struct clo_error *error)
{
    int status = 0;
    for (size_t i = 0; i < mounts->count && !status; i++) {
        const char *place = mounts->all[i].place;
        if (i && strcmp(mounts->all[i - 1].place, place) == 0) {
            clo_fail(error, CLO_EINVALID, "two mounts at %s", place);
            return clo_hint(error, CLO_EINVALID,
                            "give one of them another place: SOURCE:" TOP "/NAME");
        }
        status = check_place(mounts, place, error);
    }
    return status;
}

static int open_all(struct clo_mounts *mounts, const struct clo_mount *wanted, size_t count,
                    struct clo_error *error)
{
    struct last_folder last = {.root = -1};
    int status = 0;
    for (size_t i = 0; i < count && !status; i++) {
        mounts->count = i + 1;
        status = open_one(&mounts->all[i], &wanted[i], &last, error);
    }
    return status;
}

static bool has_place(const struct clo_mounts *mounts, size_t count, const char *place)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(mounts->all[i].place, place) == 0)
            return true;
    }
    return false;
}

static void borrow(struct clo_mounts *mounts, const struct clo_mounts *base)
{
    size_t own = mounts->count;
    for (size_t i = 0; i < base->count; i++) {
        if (has_place(mounts, own, base->all[i].place))
            continue;
        mounts->all[mounts->count] = base->all[i];
        mounts->all[mounts->count++].borrowed = true;
    }
}

int clo_mounts_add(struct clo_mounts **result, const struct clo_mounts *base,
                   const struct clo_mount *wanted, size_t count, struct clo_error *error)
{
    *result = NULL;
    if (count > CLO_MOUNTS_MAX || count + base->count > CLO_MOUNTS_MAX)
        return clo_fail(error, CLO_EINVALID, "%zu mounts; at most %u are allowed",
                        count + base->count, CLO_MOUNTS_MAX);
    if (count && !wanted)
        return clo_fail(error, CLO_EINVALID, "mounts is NULL, but there are %zu", count);
    struct clo_mounts *mounts = calloc(1, sizeof *mounts);
    if (!mounts)
        return clo_fail_memory(error);
    mounts->all = calloc(count + base->count + 1, sizeof *mounts->all);
    int status = mounts->all ? open_all(mounts, wanted, count, error) : clo_fail_memory(error);
    if (!status) {
        borrow(mounts, base);
        qsort(mounts->all, mounts->count, sizeof *mounts->all, by_place);
        status = check_all(mounts, error);
    }
    if (status)
        clo_mounts_close(mounts);
    else
        *result = mounts;
    return status;
}

int clo_mounts_open(struct clo_mounts **mounts, const struct clo_mount *wanted, size_t count,
                    struct clo_error *error)
{
    static const struct clo_mounts none;
    *mounts = NULL;
    if (count > CLO_SANDBOX_MOUNTS_MAX)
        return clo_fail(error, CLO_EINVALID, "%zu mounts; at most %u are allowed", count,
                        CLO_SANDBOX_MOUNTS_MAX);
    return clo_mounts_add(mounts, &none, wanted, count, error);
}

void clo_mounts_close(struct clo_mounts *mounts)
{
    if (!mounts)
        return;
    for (size_t i = 0; i < mounts->count; i++) {
        if (mounts->all[i].borrowed)
            continue;
        if (mounts->all[i].root >= 0 && !mounts->all[i].shares)
            close(mounts->all[i].root);
        free(mounts->all[i].name);
        free(mounts->all[i].place);
    }
    free(mounts->all);
    free(mounts);
}

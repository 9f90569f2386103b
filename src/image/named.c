/* named.c - images by name: where they lie.
 *
 *   $XDG_DATA_HOME/cloche/images/NAME.image      (or ~/.local/share/...): `cloche image add --name`
 *   PROGRAM/../share/cloche/images/NAME.image    whoever installed the program put it there
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/program.h"
#include "image/image.h"
#include "image/named.h"

#define SUFFIX ".image"

bool clo_image_is_name(const char *word)
{
    size_t length = strlen(word), suffix = sizeof SUFFIX - 1;
    if (!isalnum((unsigned char)*word) || length > CLO_IMAGE_NAME_MAX ||
        (length >= suffix && !strcmp(word + length - suffix, SUFFIX)))
        return false;
    for (; *word; word++)
        if ((unsigned char)*word >= 0x80 ||
            (!isalnum((unsigned char)*word) && !strchr("._-", *word)))
            return false;
    return true;
}

bool clo_image_folder(int which, char path[CLO_IMAGE_PATH_MAX])
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int length = -1;
    if (which == 1)
        return clo_program_beside(path, "../share/cloche/images");
    if (which != 0)
        return false;
    if (data && *data == '/')
        length = snprintf(path, CLO_IMAGE_PATH_MAX, "%s/cloche/images", data);
    else if (home && *home == '/')
        length = snprintf(path, CLO_IMAGE_PATH_MAX, "%s/.local/share/cloche/images", home);
    return length > 0 && length < CLO_IMAGE_PATH_MAX;
}

static bool join(char path[CLO_IMAGE_PATH_MAX], const char *folder, const char *name)
{
    int length = snprintf(path, CLO_IMAGE_PATH_MAX, "%s/%s" SUFFIX, folder, name);
    return length > 0 && length < CLO_IMAGE_PATH_MAX;
}

bool clo_image_named(const char *word, char path[CLO_IMAGE_PATH_MAX])
{
    char folder[CLO_IMAGE_PATH_MAX];
    if (!clo_image_is_name(word))
        return false;
    for (int i = 0; i < CLO_IMAGE_FOLDERS; i++)
        if (clo_image_folder(i, folder) && join(path, folder, word) && access(path, F_OK) == 0)
            return true;
    return false;
}

int clo_image_missing(const char *word, struct clo_error *error)
{
    clo_fail(error, CLO_ENOTFOUND, "image %s: there is no image of this name, and no such file",
             word);
    return clo_hint(
        error, CLO_ENOTFOUND,
        "cloche image list shows the names there are; cloche image add --name %s makes one", word);
}

/* Each folder on the way. */
static int make_folders(const char *path)
{
    char part[CLO_IMAGE_PATH_MAX];
    size_t length = strlen(path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0755) && errno != EEXIST)
            return -1;
    }
    return 0;
}

static int check_name(const char *name, struct clo_error *error)
{
    if (clo_image_is_name(name))
        return 0;
    clo_fail(error, CLO_EINVALID, "\"%.80s\" is no name for an image", name);
    return clo_hint(
        error, CLO_EINVALID,
        "a name has letters, digits, '.', '_' and '-', begins with one of the first two, has "
        "%d characters at most and does not end in .image",
        CLO_IMAGE_NAME_MAX);
}

int clo_image_place(const char *name, char path[CLO_IMAGE_PATH_MAX], struct clo_error *error)
{
    char folder[CLO_IMAGE_PATH_MAX];
    int status = check_name(name, error);
    if (status)
        return status;
    if (!clo_image_folder(0, folder) || !join(path, folder, name)) {
        clo_fail(error, CLO_ENOTFOUND, "there is no folder for images that have names");
        return clo_hint(error, CLO_ENOTFOUND,
                        "set HOME or XDG_DATA_HOME, or name a file instead: -o FILE");
    }
    if (make_folders(folder))
        return clo_fail_errno(error, CLO_ESYSTEM, "making the folder %s", folder);
    return 0;
}

int clo_image_remove(const char *name, struct clo_error *error)
{
    char path[CLO_IMAGE_PATH_MAX];
    int status = check_name(name, error);
    if (status)
        return status;
    if (!clo_image_named(name, path))
        return clo_image_missing(name, error);
    if (unlink(path))
        return clo_fail_errno(error, CLO_ESYSTEM, "removing image %s", path);
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct clo_image_names *names, const char *file, struct clo_error *error)
{
    size_t length = strlen(file), suffix = sizeof SUFFIX - 1;
    if (length <= suffix || strcmp(file + length - suffix, SUFFIX) != 0)
        return 0;
    char *name = strndup(file, length - suffix);
    char **more = name ? realloc(names->all, (names->count + 1) * sizeof *more) : NULL;
    if (!more) {
        free(name);
        return clo_fail_memory(error);
    }
    names->all = more;
    bool known = !clo_image_is_name(name) || names->count >= CLO_IMAGE_NAMES_MAX;
    for (size_t i = 0; i < names->count; i++)
        known = known || !strcmp(names->all[i], name);
    if (known)
        free(name);
    else
        names->all[names->count++] = name;
    return 0;
}

int clo_image_names(struct clo_image_names *names, struct clo_error *error)
{
    char folder[CLO_IMAGE_PATH_MAX];
    int status = 0;
    *names = (struct clo_image_names){0};
    for (int i = 0; i < CLO_IMAGE_FOLDERS && !status; i++) {
        DIR *directory = clo_image_folder(i, folder) ? opendir(folder) : NULL;
        if (!directory)
            continue; /* there are none */
        for (struct dirent *entry; !status && (entry = readdir(directory)) != NULL;)
            status = add_name(names, entry->d_name, error);
        closedir(directory);
    }
    if (names->count)
        qsort(names->all, names->count, sizeof *names->all, compare);
    if (status)
        clo_image_names_free(names);
    return status;
}

void clo_image_names_free(struct clo_image_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->all[i]);
    free(names->all);
    *names = (struct clo_image_names){0};
}

/* gather.c - what is to be added, from the host's disk into one stream: a line of JSON with names
 * and sizes, then the bytes. Nothing is read of what is in the files.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "image/add/add.h"

#define DEPTH_MAX 40u
#define BLOCK (1u << 20)

struct gathering {
    const struct clo_image_addition *addition;
    struct clo_gathered *out;
    char *block;
    unsigned files;
    uint64_t bytes;
    struct clo_error *error;
};

CLO_PRINTF(2, 3)
static void say(const struct gathering *gathering, const char *format, ...)
{
    const struct clo_image_addition *addition = gathering->addition;
    char text[PATH_MAX + 200];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0 && addition->on_word)
        addition->on_word(addition->context, false, text, strlen(text));
}

/* ---- bytes ---- */

/* All of an open file; *size says how many. */
static int copy_file(struct gathering *gathering, int from, const char *path, uint64_t *size)
{
    *size = 0;
    for (;;) {
        ssize_t got = read(from, gathering->block, BLOCK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return clo_fail_errno(gathering->error, CLO_ESYSTEM, "reading %s", path);
        if (got == 0)
            return 0;
        *size += (uint64_t)got;
        gathering->bytes += (uint64_t)got;
        if (*size > CLO_ADD_FILE_MAX || gathering->bytes > CLO_ADD_BYTES_MAX)
            return clo_fail(
                gathering->error, CLO_ELIMIT,
                "%s: more than %llu MiB in one file, or %llu MiB in all, cannot be added", path,
                CLO_ADD_FILE_MAX >> 20, CLO_ADD_BYTES_MAX >> 20);
        for (ssize_t done = 0, put; done < got; done += put) {
            put = write(gathering->out->fd, gathering->block + done, (size_t)(got - done));
            if (put < 0)
                return clo_fail_errno(gathering->error, CLO_ENOMEMORY, "keeping %s in memory",
                                      path);
        }
    }
}

static int take_file(struct gathering *gathering, int folder, const char *name, const char *shown,
                     json_t *files, const char *path)
{
    uint64_t size;
    if (++gathering->files > CLO_ADD_FILES_MAX)
        return clo_fail(gathering->error, CLO_ELIMIT,
                        "%s: with it there are more than %u files, which cannot be added", shown,
                        CLO_ADD_FILES_MAX);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return clo_fail_errno(gathering->error, CLO_ESYSTEM, "opening %s", shown);
    int status = copy_file(gathering, fd, shown, &size);
    close(fd);
    if (!status && json_array_append_new(files, json_pack("[s, I]", path, (json_int_t)size)))
        status = clo_fail_memory(gathering->error);
    return status;
}

/* ---- folders ---- */

static bool is_clean(const char *name)
{
    size_t length = strlen(name);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\')
            return false;
    return clo_utf8_strict(name, length);
}

struct names {
    char **all;
    size_t count;
};

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->all[i]);
    free(names->all);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct gathering *gathering, DIR *directory, struct names *names)
{
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "__pycache__"))
            continue;
        if (names->count > CLO_ADD_FILES_MAX)
            return clo_fail(gathering->error, CLO_ELIMIT, "a folder has more than %u files",
                            CLO_ADD_FILES_MAX);
        char **more = realloc(names->all, (names->count + 1) * sizeof *more);
        if (!more)
            return clo_fail_memory(gathering->error);
        names->all = more;
        more[names->count] = strdup(entry->d_name);
        if (!more[names->count])
            return clo_fail_memory(gathering->error);
        names->count++;
    }
    if (names->count)
        qsort(names->all, names->count, sizeof *names->all, compare);
    return 0;
}

/* Joined by '/'; the caller frees it. NULL: no memory. */
static char *join(const char *folder, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s%s%s", folder, *folder ? "/" : "", name) < 0 ? NULL : path;
}

static int take_folder(struct gathering *gathering, int folder, const char *shown, json_t *files,
                       const char *path, unsigned depth);

/* `shown`: where it is on the host; `path`: where it goes. */
static int take_entry(struct gathering *gathering, int folder, const char *name, const char *shown,
                      json_t *files, const char *path, unsigned depth)
{
    struct stat status;
    if (!is_clean(name)) {
        clo_fail(gathering->error, CLO_EINVALID,
                 "%s: a name in it is not UTF-8, or has '\\' or control characters", shown);
        return clo_hint(gathering->error, CLO_EINVALID, "rename it, or leave it out");
    }
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
        return clo_fail_errno(gathering->error, CLO_ESYSTEM, "looking at %s", shown);
    if (S_ISREG(status.st_mode)) {
        size_t length = strlen(name);
        if (length > 4 && !strcmp(name + length - 4, ".pyc"))
            return 0;
        return take_file(gathering, folder, name, shown, files, path);
    }
    if (!S_ISDIR(status.st_mode)) {
        say(gathering, "%s is left out: it is %s", shown,
            S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
        return 0;
    }
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return clo_fail_errno(gathering->error, CLO_ESYSTEM, "opening the folder %s", shown);
    return take_folder(gathering, fd, shown, files, path, depth + 1);
}

/* Takes the descriptor. */
static int take_folder(struct gathering *gathering, int folder, const char *shown, json_t *files,
                       const char *path, unsigned depth)
{
    struct names names = {0};
    DIR *directory = fdopendir(folder);
    int status = 0;
    if (!directory) {
        close(folder);
        return clo_fail_errno(gathering->error, CLO_ESYSTEM, "reading the folder %s", shown);
    }
    if (depth > DEPTH_MAX)
        status = clo_fail(gathering->error, CLO_ELIMIT, "%s lies deeper than %u folders", shown,
                          DEPTH_MAX);
    if (!status)
        status = list(gathering, directory, &names);
    for (size_t i = 0; i < names.count && !status; i++) {
        char *inner = join(path, names.all[i]), *from = join(shown, names.all[i]);
        status = inner && from ? take_entry(gathering, dirfd(directory), names.all[i], from, files,
                                            inner, depth)
                               : clo_fail_memory(gathering->error);
        free(inner);
        free(from);
    }
    free_names(&names);
    closedir(directory);
    return status;
}

/* ---- what was named ---- */

static bool has(int folder, const char *name)
{
    return faccessat(folder, name, F_OK, 0) == 0;
}

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), wanted = strlen(end);
    return length > wanted && !strcasecmp(name + length - wanted, end);
}

/* The last name of a path that may end in '/' or "."; the caller frees it. */
static char *last_name(const char *path)
{
    char *real = realpath(path, NULL);
    char *name = real ? strdup(basename(real)) : NULL;
    free(real);
    return name;
}

static json_t *new_input(json_t *inputs, const char *kind, const char *name)
{
    json_t *input = json_pack("{s:s}", kind, name);
    return input && json_array_append_new(inputs, input) == 0 ? input : NULL;
}

static int take_tree(struct gathering *gathering, int folder, const char *shown, const char *name,
                     json_t *inputs)
{
    static const char *const projects[] = {"pyproject.toml", "setup.py", "setup.cfg"};
    bool package = has(folder, "__init__.py");
    for (size_t i = 0; i < sizeof projects / sizeof *projects && !package; i++) {
        if (!has(folder, projects[i]))
            continue;
        close(folder);
        clo_fail(gathering->error, CLO_EINVALID, "%s holds a project (%s), not its packages", shown,
                 projects[i]);
        return clo_hint(
            gathering->error, CLO_EINVALID,
            "make a wheel of it, pip wheel --no-deps %s, or name the folder of the package in it",
            shown);
    }
    json_t *input = new_input(inputs, "tree", name), *files = json_array();
    if (!input || json_object_set_new(input, "files", files)) {
        close(folder);
        return clo_fail_memory(gathering->error);
    }
    return take_folder(gathering, folder, shown, files, package ? name : "", 0);
}

static int take_module(struct gathering *gathering, const char *path, const char *name,
                       json_t *inputs)
{
    json_t *input = new_input(inputs, "tree", name), *files = json_array();
    if (!input || json_object_set_new(input, "files", files))
        return clo_fail_memory(gathering->error);
    char *real = realpath(path, NULL);
    int status = real ? take_file(gathering, AT_FDCWD, real, path, files, name)
                      : clo_fail_errno(gathering->error, CLO_ESYSTEM, "%s", path);
    free(real);
    return status;
}

static int take_wheel(struct gathering *gathering, int fd, const char *path, const char *name,
                      json_t *inputs)
{
    uint64_t size;
    json_t *input = new_input(inputs, "wheel", name);
    int status = input ? copy_file(gathering, fd, path, &size) : clo_fail_memory(gathering->error);
    if (!status && json_object_set_new(input, "size", json_integer((json_int_t)size)))
        status = clo_fail_memory(gathering->error);
    return status;
}

static int take_input(struct gathering *gathering, const char *path, const char *name,
                      json_t *inputs)
{
    struct stat kind;
    if (!is_clean(name))
        return clo_fail(gathering->error, CLO_EINVALID,
                        "the name of %s is not UTF-8, or has '\\' or control characters", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &kind)) {
        int status = clo_fail_errno(gathering->error, errno == ENOENT ? CLO_ENOTFOUND : CLO_ESYSTEM,
                                    "%s cannot be added", path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (S_ISDIR(kind.st_mode))
        return take_tree(gathering, fd, path, name, inputs);
    int status;
    if (!S_ISREG(kind.st_mode))
        status =
            clo_fail(gathering->error, CLO_EINVALID, "%s is neither a file nor a folder", path);
    else if (ends_in(name, ".py"))
        status = take_module(gathering, path, name, inputs);
    else
        status = take_wheel(gathering, fd, path, name, inputs);
    close(fd);
    return status;
}

static json_t *imports_of(const struct clo_image_addition *addition)
{
    json_t *imports = json_array();
    for (size_t i = 0; i < addition->import_count && imports; i++)
        if (json_array_append_new(imports, json_string(addition->imports[i]))) {
            json_decref(imports);
            imports = NULL;
        }
    return imports;
}

static int take_all(struct gathering *gathering, json_t *inputs)
{
    int status = 0;
    for (size_t i = 0; i < gathering->addition->input_count && !status; i++) {
        const char *path = gathering->addition->inputs[i];
        char *name = last_name(path);
        if (!name && errno != ENOMEM)
            status = clo_fail_errno(gathering->error, CLO_ENOTFOUND, "%s cannot be added", path);
        else
            status = name ? take_input(gathering, path, name, inputs)
                          : clo_fail_memory(gathering->error);
        free(name);
    }
    return status;
}

static int gather(struct gathering *gathering)
{
    struct clo_gathered *out = gathering->out;
    json_t *inputs = json_array(), *imports = imports_of(gathering->addition);
    int status =
        inputs && imports ? take_all(gathering, inputs) : clo_fail_memory(gathering->error);
    json_t *head = status ? NULL
                          : json_pack("{s:O, s:O, s:b}", "inputs", inputs, "imports", imports,
                                      "requirements", !gathering->addition->no_requirements);
    char *text = head ? clo_json_dump(head, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(head);
    json_decref(inputs);
    json_decref(imports);
    if (status)
        return status;
    int length = text ? asprintf(&out->head, "%s\n", text) : -1;
    free(text);
    if (length < 0) {
        out->head = NULL;
        return clo_fail_memory(gathering->error);
    }
    out->head_length = (size_t)length;
    out->length = out->head_length + gathering->bytes;
    return 0;
}

int clo_gather(struct clo_gathered *gathered, const struct clo_image_addition *addition,
               struct clo_error *error)
{
    struct gathering gathering = {.addition = addition, .out = gathered, .error = error};
    *gathered = (struct clo_gathered){.fd = memfd_create("cloche-packages", MFD_CLOEXEC)};
    if (gathered->fd < 0)
        return clo_fail_errno(error, CLO_ESYSTEM, "memfd_create");
    gathering.block = malloc(BLOCK);
    int status = gathering.block ? gather(&gathering) : clo_fail_memory(error);
    free(gathering.block);
    if (status)
        clo_gathered_free(gathered);
    return status;
}

void clo_gathered_free(struct clo_gathered *gathered)
{
    free(gathered->head);
    if (gathered->fd >= 0)
        close(gathered->fd);
    *gathered = (struct clo_gathered){.fd = -1};
}

ptrdiff_t clo_gathered_read(struct clo_gathered *gathered, char *buffer, size_t capacity)
{
    if (gathered->at < gathered->head_length) {
        size_t left = gathered->head_length - (size_t)gathered->at;
        size_t now = left < capacity ? left : capacity;
        memcpy(buffer, gathered->head + gathered->at, now);
        gathered->at += now;
        return (ptrdiff_t)now;
    }
    ssize_t got =
        pread(gathered->fd, buffer, capacity, (off_t)(gathered->at - gathered->head_length));
    if (got > 0)
        gathered->at += (uint64_t)got;
    return got < 0 ? 0 : got;
}

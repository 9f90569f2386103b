/* ahead.c - a folder's names, how a run goes along them, and looking at the next ones. */
#include "sandbox/files/ahead.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/files.h"
#include "base/error.h"
#include "sandbox/files/beneath.h"
#include "sandbox/files/file_reply.h"

#define LOOKS_MIN 4u     /* in one folder in a row, before its names are read */
#define NAMES_MAX 65536u /* of a folder */
#define NAMES_BYTES_MAX (2u << 20)
#define BATCH_MIN 8u
#define SKIPPED_MAX 8u /* names that the run may pass over and still go along */

enum order { AS_LISTED, SORTED, ORDERS };

struct name {
    const char *text;
    uint32_t place[ORDERS];
};

/* How far a run has come, with one kind of look. */
struct course {
    uint32_t last[ORDERS]; /* the place of the last name looked at */
    uint32_t batch;        /* names told with it */
    enum order order;      /* in which the run went along, when it did */
    bool begun;
};

struct clo_ahead {
    uint32_t mount;
    uint32_t looks; /* at this folder, in a row */
    bool read;      /* its names are below; none: there were too many */
    char folder[CLO_FILE_PATH_MAX + 1];
    struct clo_buffer text; /* the names, each with its NUL */
    uint32_t count;
    struct name *names;      /* sorted */
    uint32_t *listed;        /* where in `names` the first, second … of the listing stands */
    struct course course[2]; /* of looks, of openings */
};

int clo_ahead_create(struct clo_ahead **result, struct clo_error *error)
{
    struct clo_ahead *ahead = calloc(1, sizeof *ahead);
    *result = ahead;
    if (!ahead)
        return clo_fail_memory(error);
    ahead->text = CLO_BUFFER(NAMES_BYTES_MAX);
    return 0;
}

static void forget_names(struct clo_ahead *ahead)
{
    clo_buffer_free(&ahead->text);
    ahead->text = CLO_BUFFER(NAMES_BYTES_MAX);
    free(ahead->names);
    free(ahead->listed);
    ahead->names = NULL;
    ahead->listed = NULL;
    ahead->count = 0;
    ahead->read = false;
    memset(ahead->course, 0, sizeof ahead->course);
}

void clo_ahead_reset(struct clo_ahead *ahead)
{
    if (ahead->looks)
        forget_names(ahead);
    ahead->looks = 0;
}

void clo_ahead_free(struct clo_ahead *ahead)
{
    if (!ahead)
        return;
    forget_names(ahead);
    free(ahead);
}

/* ---- a folder's names ---- */

static int compare(const void *left, const void *right)
{
    return strcmp(((const struct name *)left)->text, ((const struct name *)right)->text);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Their texts one after the other. False: there are too many, or they cannot be read. */
static bool read_texts(struct clo_ahead *ahead, DIR *listing)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(listing))) {
        if (is_dots(entry->d_name))
            continue;
        if (ahead->count++ >= NAMES_MAX ||
            clo_buffer_append(&ahead->text, entry->d_name, strlen(entry->d_name) + 1))
            return false;
    }
    return !errno;
}

static bool order_names(struct clo_ahead *ahead)
{
    const char *text = ahead->text.data;
    ahead->names = calloc(ahead->count + 1, sizeof *ahead->names);
    ahead->listed = calloc(ahead->count + 1, sizeof *ahead->listed);
    if (!ahead->names || !ahead->listed)
        return false;
    for (uint32_t i = 0; i < ahead->count; i++) {
        ahead->names[i] = (struct name){.text = text, .place[AS_LISTED] = i};
        text += strlen(text) + 1;
    }
    qsort(ahead->names, ahead->count, sizeof *ahead->names, compare);
    for (uint32_t i = 0; i < ahead->count; i++) {
        ahead->names[i].place[SORTED] = i;
        ahead->listed[ahead->names[i].place[AS_LISTED]] = i;
    }
    return true;
}

static void read_names(struct clo_ahead *ahead, int root)
{
    int fd = clo_beneath_open(root, ahead->folder, O_RDONLY | O_DIRECTORY);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing && fd >= 0)
        close(fd);
    if (!listing || !read_texts(ahead, listing) || !order_names(ahead))
        forget_names(ahead);
    if (listing)
        closedir(listing);
    ahead->read = true;
}

/* ---- where the run is ---- */

/* The name in its folder. NULL: that is not known, or not yet. */
static const struct name *find(struct clo_ahead *ahead, uint32_t mount, int root, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    struct name wanted = {.text = slash ? slash + 1 : path};
    if (!*wanted.text) /* the mount itself */
        return NULL;
    if (!ahead->looks || mount != ahead->mount || strncmp(ahead->folder, path, length) != 0 ||
        ahead->folder[length]) {
        clo_ahead_reset(ahead);
        ahead->mount = mount;
        memcpy(ahead->folder, path, length);
        ahead->folder[length] = '\0';
    }
    if (ahead->looks < LOOKS_MIN && ++ahead->looks < LOOKS_MIN)
        return NULL;
    if (!ahead->read)
        read_names(ahead, root);
    return ahead->count ? bsearch(&wanted, ahead->names, ahead->count, sizeof wanted, compare)
                        : NULL;
}

/* Does the run go along in this order? Some names are passed over, and those that were told are looked
 * at without a word to us. */
static bool goes_along(const struct course *course, const struct name *name, enum order order)
{
    return course->begun && name->place[order] > course->last[order] &&
           name->place[order] - course->last[order] <= course->batch + SKIPPED_MAX;
}

/* The order in which it does: rather as before, for a listing may pass by in the other one by chance.
 * ORDERS: in none. */
static enum order follow(struct course *course, const struct name *name)
{
    enum order other = course->order == SORTED ? AS_LISTED : SORTED, found = ORDERS;
    if (goes_along(course, name, course->order))
        found = course->order;
    else if (goes_along(course, name, other))
        found = other;
    course->begun = true;
    memcpy(course->last, name->place, sizeof course->last);
    course->order = found == ORDERS ? course->order : found;
    return found;
}

static const struct name *name_at(const struct clo_ahead *ahead, enum order order, uint32_t place)
{
    return &ahead->names[order == SORTED ? place : ahead->listed[place]];
}

/* ---- looking ---- */

/* All of a small file, behind what is in `data`. False: it is none, or no longer what was looked at. */
static bool read_small(int folder, const char *name, const struct stat *seen,
                       struct clo_buffer *data, struct clo_file_reply *reply)
{
    struct stat stat;
    ssize_t got = -1;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (!fstat(fd, &stat) && S_ISREG(stat.st_mode) && stat.st_dev == seen->st_dev &&
        stat.st_ino == seen->st_ino && !clo_buffer_reserve(data, CLO_FILE_AHEAD_BYTES_MAX + 1))
        got = pread(fd, data->data + data->length, CLO_FILE_AHEAD_BYTES_MAX + 1, 0);
    close(fd);
    if (got < 0 || got > (ssize_t)CLO_FILE_AHEAD_BYTES_MAX)
        return false;
    clo_file_tell(reply, &stat);
    data->length += (size_t)got;
    reply->length = (uint32_t)got;
    reply->end = 1;
    return true;
}

/* One record. False: there is nothing to tell of it. */
static bool append(int folder, const char *name, bool contents, struct clo_buffer *data)
{
    struct clo_file_ahead record = {.name_length = (uint32_t)strlen(name)};
    size_t start = data->length;
    struct stat stat;
    if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) ||
        (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)))
        return false;
    clo_file_tell(&record.of, &stat);
    clo_buffer_append(data, &record, sizeof record);
    clo_buffer_append(data, name, record.name_length);
    /* files of the kernel's have a size of 0 and something in them all the same */
    if (contents && S_ISREG(stat.st_mode) && stat.st_size > 0 &&
        stat.st_size <= CLO_FILE_AHEAD_BYTES_MAX)
        read_small(folder, name, &stat, data, &record.of);
    if (data->failed)
        return false;
    memcpy(data->data + start, &record, sizeof record);
    return true;
}

static bool same_kind(const char *name, const char *other)
{
    const char *suffix = strrchr(name, '.'), *its = strrchr(other, '.');
    return suffix && its ? strcmp(suffix, its) == 0 : suffix == its;
}

uint32_t clo_ahead_append(struct clo_ahead *ahead, uint32_t mount, int root, const char *path,
                          bool contents, struct clo_buffer *data)
{
    const struct name *name = find(ahead, mount, root, path);
    struct course *course = &ahead->course[contents];
    enum order order = name ? follow(course, name) : ORDERS;
    if (order == ORDERS) {
        course->batch = 0;
        return 0;
    }
    uint32_t most = contents ? CLO_FILE_AHEAD_OPENED_MAX : CLO_FILE_AHEAD_MAX;
    uint32_t told = 0, place = name->place[order] + 1;
    size_t start = data->length;
    course->batch = course->batch < BATCH_MIN / 2 ? BATCH_MIN : course->batch * 2;
    if (course->batch > most)
        course->batch = most;
    int folder = clo_beneath_open(root, ahead->folder, O_PATH | O_DIRECTORY);
    if (folder < 0)
        return 0;
    for (uint32_t end = place + course->batch; place < end && place < ahead->count; place++) {
        const char *next = name_at(ahead, order, place)->text;
        size_t before = data->length;
        if (contents && !same_kind(next, name->text))
            continue;
        if (append(folder, next, contents, data)) {
            if (data->length - start > CLO_FILE_AHEAD_ALL_MAX) {
                data->length = before;
                break;
            }
            told++;
        } else if (data->failed) {
            break;
        }
    }
    close(folder);
    return told;
}

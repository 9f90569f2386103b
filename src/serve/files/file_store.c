/* file_store.c - drafts, content, and what is counted. */
#include "serve/files/file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "serve/files/file_name.h"
#include "serve/files/table_head.h"
#include "serve/log.h"
#include "serve/store/folder.h"

#define RESERVE_STEP (1u << 20) /* bytes that a draft reserves at a time */
#define LEAST 4096u             /* what a file counts for; CLO_STORE_FILE_LEAST */

struct clo_file_store {
    struct clo_store *store;
    struct clo_file_store_config config;
    struct clo_folder folder;
    pthread_mutex_t lock; /* guards: */
    uint64_t drafts, reserved;
};

int64_t clo_file_store_now(void)
{
    return time(NULL);
}

struct clo_store *clo_file_store_rows(const struct clo_file_store *files)
{
    return files->store;
}

uint64_t clo_file_store_max_bytes(const struct clo_file_store *files)
{
    return files->config.max_bytes;
}

char *clo_file_store_path(const struct clo_file_store *files, const char *id)
{
    char *path;
    return asprintf(&path, "%s/%s", files->folder.path, id) < 0 ? NULL : path;
}

int clo_problem_file_missing(struct clo_problem *problem, const char *id, const char *param)
{
    return clo_problem_set(
        problem, 404, "not_found", param,
        "No file with id '%.64s' found. It was deleted, has expired, or belongs to another server; upload it by POST /files.",
        id);
}

/* ---- ceilings ---- */

static int no_room(const struct clo_file_store *files, struct clo_problem *problem)
{
    return clo_problem_set(
        problem, 400, "file_quota_exceeded", NULL,
        "All files together may have %llu MiB (serve.files.total_bytes), and there may be %d; that is reached. Delete files by DELETE /files/{id}, or responses that own some.",
        (unsigned long long)(files->config.total_bytes >> 20), CLO_FILES_MAX);
}

/* Counted, if it fits: 1; 0: it does not. */
static int try_reserve(struct clo_file_store *files, uint64_t drafts, uint64_t bytes)
{
    uint64_t count, stored;
    pthread_mutex_lock(&files->lock);
    int status = clo_store_files_totals(files->store, &count, &stored);
    if (status == 0)
        status = count + files->drafts + drafts <= CLO_FILES_MAX &&
                 stored + files->reserved + bytes <= files->config.total_bytes;
    if (status > 0) {
        files->drafts += drafts;
        files->reserved += bytes;
    }
    pthread_mutex_unlock(&files->lock);
    return status;
}

static int make_room(struct clo_file_store *files, const char *owner)
{
    int status = clo_store_files_evict(files->store, owner);
    if (status == 0) {
        clo_log_event(
            "warning", "files",
            "there is no more room for files: those of the oldest response that has some are dropped");
        clo_file_store_sweep(files);
    }
    return status;
}

static int reserve(struct clo_file_draft *draft, struct clo_file_store *files, uint64_t drafts,
                   uint64_t bytes, struct clo_problem *problem)
{
    int status = 0, fits;
    while ((fits = try_reserve(files, drafts, bytes)) == 0) {
        status = draft->owner[0] ? make_room(files, draft->owner) : CLO_ENOTFOUND;
        if (status < 0)
            break;
    }
    if (fits > 0)
        return 0;
    return fits < 0 || status != CLO_ENOTFOUND ? clo_problem_internal(problem)
                                               : no_room(files, problem);
}

static void give_back(struct clo_file_draft *draft)
{
    pthread_mutex_lock(&draft->files->lock);
    draft->files->drafts--;
    draft->files->reserved -= draft->reserved;
    pthread_mutex_unlock(&draft->files->lock);
}

/* ---- drafts ---- */

static int disk_failed(const char *what, struct clo_problem *problem)
{
    int code = errno;
    clo_log_event("error", "files", "%s: %s", what, strerror(code));
    return code == ENOSPC || code == EDQUOT
               ? clo_problem_set(problem, 507, "disk_full", NULL,
                                 "The server's disk is full; free some of it and try again.")
               : clo_problem_internal(problem);
}

int clo_file_draft_begin(struct clo_file_store *files, const char *id, const char *owner,
                         struct clo_file_draft *draft, struct clo_problem *problem)
{
    char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX];
    *draft = (struct clo_file_draft){.descriptor = -1};
    if (files->folder.descriptor < 0)
        return clo_problem_set(
            problem, 507, "no_folder", NULL,
            "This server keeps no files: it has no --store, and no folder that it can write, $TMPDIR or /tmp.");
    if (owner)
        clo_name_copy(draft->owner, owner);
    int status = reserve(draft, files, 1, LEAST, problem);
    if (status < 0)
        return status;
    draft->files = files;
    draft->reserved = LEAST;
    clo_folder_id_make(&clo_folder_files, draft->id);
    if (id)
        snprintf(draft->id, sizeof draft->id, "%s", id);
    clo_folder_draft_name(name, draft->id);
    draft->descriptor = openat(files->folder.descriptor, name,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (draft->descriptor >= 0)
        return 0;
    status = disk_failed("a file cannot be made", problem);
    give_back(draft);
    draft->files = NULL;
    return status;
}

static int too_large(const struct clo_file_store *files, struct clo_problem *problem)
{
    return clo_problem_set(
        problem, 413, "file_too_large", "file",
        "The file is larger than %llu bytes, the most that one may have (serve.files.max_bytes).",
        (unsigned long long)files->config.max_bytes);
}

static int grow(struct clo_file_draft *draft, size_t length, struct clo_problem *problem)
{
    struct clo_file_store *files = draft->files;
    uint64_t wanted = draft->bytes + length;
    if (length > files->config.max_bytes || wanted > files->config.max_bytes)
        return too_large(files, problem);
    if (wanted <= draft->reserved)
        return 0;
    uint64_t more = wanted - draft->reserved;
    if (more < RESERVE_STEP && try_reserve(files, 0, RESERVE_STEP) > 0) {
        draft->reserved += RESERVE_STEP;
        return 0;
    }
    int status = reserve(draft, files, 0, more, problem);
    if (status == 0)
        draft->reserved += more;
    return status;
}

int clo_file_draft_write(struct clo_file_draft *draft, const void *data, size_t length,
                         struct clo_problem *problem)
{
    const char *from = data;
    int status = grow(draft, length, problem);
    if (status == 0 && draft->first_length < sizeof draft->first) {
        size_t room = sizeof draft->first - draft->first_length;
        size_t head = length < room ? length : room;
        memcpy(draft->first + draft->first_length, data, head);
        draft->first_length += head;
    }
    while (status == 0 && length > 0) {
        ssize_t written = write(draft->descriptor, from, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            status = disk_failed("a file cannot be written", problem);
            break;
        }
        from += written;
        length -= (size_t)written;
        draft->bytes += (uint64_t)written;
    }
    if (status < 0)
        clo_file_draft_drop(draft);
    return status;
}

static void fill(const struct clo_file_draft *draft, struct clo_file *file)
{
    snprintf(file->id, sizeof file->id, "%s", draft->id);
    file->bytes = draft->bytes;
    file->created = clo_file_store_now();
    uint64_t keep = draft->files->config.keep_s;
    int64_t last = file->created + (int64_t)keep;
    if (keep && !file->owner[0] && (file->expires == 0 || file->expires > last))
        file->expires = last;
    if (!file->media[0])
        snprintf(file->media, sizeof file->media, "%s", clo_file_media(file->name));
    clo_table_head(file->head, file->name, file->media, draft->first, draft->first_length);
}

/* On the disk under its name before anybody is told of it. A store in memory does not outlive the
 * process: its files need not either. */
static int publish(const struct clo_file_draft *draft)
{
    char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX];
    const struct clo_folder *folder = &draft->files->folder;
    bool fleeting = folder->private || draft->fleeting;
    clo_folder_draft_name(name, draft->id);
    if (!fleeting && fsync(draft->descriptor) < 0)
        return -1;
    if (renameat(folder->descriptor, name, folder->descriptor, draft->id) < 0)
        return -1;
    return fleeting ? 0 : fsync(folder->descriptor);
}

int clo_file_draft_keep(struct clo_file_draft *draft, struct clo_file *file,
                        struct clo_problem *problem)
{
    struct clo_file_store *files = draft->files;
    fill(draft, file);
    int status = publish(draft) < 0 ? disk_failed("a file cannot be kept", problem) : 0;
    if (status == 0 && clo_store_file_add(files->store, file) < 0)
        status = clo_problem_internal(problem);
    if (status < 0) {
        unlinkat(files->folder.descriptor, draft->id, 0);
        clo_file_draft_drop(draft);
        return status;
    }
    close(draft->descriptor);
    give_back(draft);
    draft->files = NULL;
    return 0;
}

void clo_file_draft_drop(struct clo_file_draft *draft)
{
    char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX];
    if (!draft->files)
        return;
    clo_folder_draft_name(name, draft->id);
    unlinkat(draft->files->folder.descriptor, name, 0);
    close(draft->descriptor);
    give_back(draft);
    draft->files = NULL;
}

/* ---- files ---- */

int clo_file_store_get(struct clo_file_store *files, const char *user, const char *id,
                       struct clo_file *file)
{
    return clo_folder_id_ok(&clo_folder_files, id)
               ? clo_store_file_get(files->store, user, id, clo_file_store_now(), file)
               : CLO_ENOTFOUND;
}

bool clo_file_store_has(struct clo_file_store *files, const char *user, const char *id)
{
    struct clo_file file;
    return id && clo_file_store_get(files, user, id, &file) == 0;
}

int clo_file_store_content(struct clo_file_store *files, const char *user, const char *id)
{
    struct clo_file file;
    int status = clo_file_store_get(files, user, id, &file);
    if (status < 0)
        return status;
    int descriptor = openat(files->folder.descriptor, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor >= 0)
        return descriptor;
    status = errno == ENOENT ? CLO_ENOTFOUND : CLO_ESYSTEM;
    clo_log_event("error", "files", "the content of %s cannot be opened: %s", id, strerror(errno));
    return status;
}

void clo_file_store_sweep(struct clo_file_store *files)
{
    char id[CLO_ID_MAX];
    if (files->folder.descriptor < 0)
        return;
    clo_store_files_expire(files->store, clo_file_store_now());
    while (clo_store_files_gone(files->store, id) == 0) {
        if (unlinkat(files->folder.descriptor, id, 0) < 0 && errno != ENOENT) {
            clo_log_event("error", "files", "%s cannot be removed: %s", id, strerror(errno));
            return; /* it stays in the list */
        }
        if (clo_store_files_forget(files->store, id) < 0)
            return;
    }
}

/* ---- opening ---- */

static bool has_row(void *context, const char *id)
{
    struct clo_file_store *files = context;
    return clo_store_file_has(files->store, id) != CLO_ENOTFOUND;
}

struct check {
    struct clo_file_store *files;
    char (*lost)[CLO_ID_MAX];
    size_t count, capacity;
};

static void look_for_content(void *context, const struct clo_file *file)
{
    struct check *check = context;
    if (faccessat(check->files->folder.descriptor, file->id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno == ENOENT && check->count < check->capacity)
        snprintf(check->lost[check->count++], CLO_ID_MAX, "%s", file->id);
}

/* Rows whose content is not there: their disk lost it, or somebody removed it. */
static int forget_lost(struct clo_file_store *files)
{
    struct check check = {files, calloc(CLO_FILES_MAX, CLO_ID_MAX), 0, CLO_FILES_MAX};
    const struct clo_store_files_page page = {
        .limit = CLO_FILES_MAX, .every = true, .each = look_for_content, .context = &check};
    int status = check.lost ? clo_store_files(files->store, 0, &page) : CLO_ENOMEMORY;
    for (size_t i = 0; i < check.count && status == 0; i++) {
        clo_log_event("warning", "files", "the content of %s is gone; so the file is",
                      check.lost[i]);
        status = clo_store_file_delete(files->store, check.lost[i]);
    }
    free(check.lost);
    return status;
}

static int put_in_order(struct clo_file_store *files)
{
    int status = clo_store_files_orphans(files->store);
    clo_file_store_sweep(files);
    if (status == 0)
        status = clo_folder_sweep(&files->folder, has_row, files);
    return status < 0 || files->folder.private ? status : forget_lost(files);
}

/* A server without a store needs no file of the host, as in a container that is read-only. */
static int go_without(const struct clo_error *error)
{
    clo_log_event("warning", "files", "%s: no files are taken; %s", error->message, error->hint);
    return 0;
}

int clo_file_store_open(struct clo_file_store **made, struct clo_store *store,
                        const struct clo_file_store_config *config, struct clo_error *error)
{
    struct clo_file_store *files = calloc(1, sizeof *files);
    *made = NULL;
    if (!files)
        return clo_fail_memory(error);
    files->store = store;
    files->config = *config;
    pthread_mutex_init(&files->lock, NULL);
    int status = clo_folder_open(&files->folder, &clo_folder_files, config->store, error);
    if (status == CLO_ESYSTEM && !config->store)
        status = go_without(error);
    else if (status == 0 && put_in_order(files) < 0)
        status = clo_fail(error, CLO_ESYSTEM, "the folder '%s' for files cannot be put in order",
                          files->folder.path);
    if (status < 0) {
        clo_file_store_close(files);
        return status;
    }
    clo_file_store_sweep(files);
    *made = files;
    return 0;
}

void clo_file_store_close(struct clo_file_store *files)
{
    if (!files)
        return;
    clo_folder_close(&files->folder);
    pthread_mutex_destroy(&files->lock);
    free(files);
}

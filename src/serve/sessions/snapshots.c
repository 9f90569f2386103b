/* snapshots.c - files of snapshots, what is held, and ceilings. */
#include "serve/sessions/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "serve/log.h"
#include "serve/sessions/key.h"
#include "serve/store/folder.h"

#define LEAST 4096u                            /* what one counts for; CLO_STORE_FILE_LEAST */
#define TELL_NS (60 * 1000000000ull)           /* between two lines in the log about room */
#define NO_READING_LIMIT ((uint64_t)INT64_MAX) /* it was let in when it was made */

struct clo_snapshots {
    struct clo_store *store;
    struct clo_snapshots_config config;
    struct clo_folder folder;
    uint8_t key[CLO_SNAPSHOT_KEY_BYTES];
    pthread_mutex_t lock; /* guards: */
    LIST_HEAD(, clo_snapshot_hold) holds;
    uint64_t told_ns; /* when the log was told that room was made; 0: never */
};

static uint64_t counted(uint64_t bytes)
{
    return bytes > LEAST ? bytes : LEAST;
}

static bool is_too_old(const struct clo_snapshots *snapshots, const struct clo_snapshot_row *row)
{
    uint64_t keep = snapshots->config.keep_s;
    return keep && (int64_t)time(NULL) - row->created >= (int64_t)keep;
}

/* ---- what is held; with the lock held ---- */

static bool is_held(const struct clo_snapshots *snapshots, const char *id,
                    const struct clo_snapshot_hold *but)
{
    const struct clo_snapshot_hold *hold;
    LIST_FOREACH(hold, &snapshots->holds, entry) {
        if (hold != but && strcmp(hold->row.id, id) == 0)
            return true;
    }
    return false;
}

int clo_snapshots_hold(struct clo_snapshots *snapshots, const char *session, const char *id,
                       struct clo_snapshot_hold *hold)
{
    *hold = (struct clo_snapshot_hold){0};
    clo_name_copy(hold->session, session);
    pthread_mutex_lock(&snapshots->lock);
    int status = *id ? clo_store_snapshot_get(snapshots->store, id, &hold->row) : 0;
    if (status == 0 && *id && is_too_old(snapshots, &hold->row))
        status = CLO_ENOTFOUND;
    if (status < 0)
        hold->row = (struct clo_snapshot_row){0};
    else if (*id) /* branches count where what they come from does */
        clo_name_copy(hold->session, hold->row.session);
    LIST_INSERT_HEAD(&snapshots->holds, hold, entry);
    pthread_mutex_unlock(&snapshots->lock);
    return status;
}

/* ---- ceilings; with the lock held ---- */

struct room {
    const char *session; /* NULL: of all */
    uint64_t most_count, most_bytes;
    const char *count_name, *bytes_name;
};

/* What there would be with a draft of so many bytes in the place of the hold's. What the session goes
 * on from is not counted, if nobody else holds it: it goes when the draft takes its place. */
static int would_be(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold,
                    const struct room *room, uint64_t draft, uint64_t *count, uint64_t *bytes)
{
    const struct clo_snapshot_hold *other;
    const struct clo_snapshot_row *own = &hold->row;
    bool own_goes = own->id[0] && !is_held(snapshots, own->id, hold) &&
                    (!room->session || strcmp(own->session, room->session) == 0);
    int status = clo_store_snapshots_totals(snapshots->store, room->session, count, bytes);
    if (status < 0)
        return status;
    LIST_FOREACH(other, &snapshots->holds, entry) {
        if (other == hold || !other->draft ||
            (room->session && strcmp(other->session, room->session) != 0))
            continue;
        ++*count;
        *bytes += other->draft;
    }
    if (own_goes && *count) {
        --*count;
        *bytes -= counted(own->bytes);
    }
    ++*count;
    *bytes += draft;
    return 0;
}

/* CLO_ENOTFOUND: all that there are, are held. */
static int remove_oldest(struct clo_snapshots *snapshots, const char *session)
{
    struct clo_snapshot_row row;
    int64_t after = 0;
    int status;
    while ((status = clo_store_snapshot_next(snapshots->store, session, &after, &row)) == 0) {
        if (!is_held(snapshots, row.id, NULL))
            return clo_store_snapshot_delete(snapshots->store, row.id);
    }
    return status;
}

/* Of the ceilings of one session nothing is told: that is how they are meant. */
static void tell(struct clo_snapshots *snapshots, const struct room *room)
{
    uint64_t now = clo_monotonic_ns();
    if (room->session || (snapshots->told_ns && now - snapshots->told_ns < TELL_NS))
        return;
    snapshots->told_ns = now;
    clo_log_event("warning", "sessions",
                  "there is no more room for snapshots (serve.snapshots): the oldest are removed");
}

static int make_room(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold,
                     const struct room *room, uint64_t draft, const char **what)
{
    uint64_t count, bytes;
    for (;;) {
        int status = would_be(snapshots, hold, room, draft, &count, &bytes);
        if (status < 0 || (count <= room->most_count && bytes <= room->most_bytes))
            return status;
        *what = count > room->most_count ? room->count_name : room->bytes_name;
        status = remove_oldest(snapshots, room->session);
        if (status < 0)
            return status == CLO_ENOTFOUND ? CLO_ELIMIT : status;
        tell(snapshots, room);
    }
}

static void rooms_of(const struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold,
                     struct room rooms[2])
{
    const struct clo_snapshots_config *config = &snapshots->config;
    rooms[0] = (struct room){hold->session, config->session_count, config->session_bytes,
                             "serve.snapshots.conversation.count",
                             "serve.snapshots.conversation.total_bytes"};
    rooms[1] = (struct room){NULL, config->count, config->total_bytes, "serve.snapshots.count",
                             "serve.snapshots.total_bytes"};
}

static int make_all_room(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold,
                         uint64_t draft, const char **what)
{
    struct room rooms[2];
    rooms_of(snapshots, hold, rooms);
    int status = make_room(snapshots, hold, &rooms[0], draft, what);
    return status < 0 ? status : make_room(snapshots, hold, &rooms[1], draft, what);
}

/* ---- content ---- */

static void remove_content(struct clo_snapshots *snapshots)
{
    char id[CLO_ID_MAX];
    while (clo_store_snapshots_gone(snapshots->store, id) == 0) {
        if (snapshots->folder.descriptor >= 0 &&
            unlinkat(snapshots->folder.descriptor, id, 0) < 0 && errno != ENOENT) {
            clo_log_event("error", "sessions", "%s cannot be removed: %s", id, strerror(errno));
            return; /* it stays in the list */
        }
        if (clo_store_snapshots_forget(snapshots->store, id) < 0)
            return;
    }
}

int clo_snapshots_content(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold)
{
    int descriptor =
        openat(snapshots->folder.descriptor, hold->row.id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor >= 0)
        return descriptor;
    int status = errno == ENOENT ? CLO_ENOTFOUND : CLO_ESYSTEM;
    clo_log_event("error", "sessions", "%s cannot be opened: %s", hold->row.id, strerror(errno));
    return status;
}

int clo_snapshots_draft(struct clo_snapshots *snapshots, char id[CLO_ID_MAX])
{
    char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX];
    if (snapshots->folder.descriptor < 0)
        return CLO_ESYSTEM;
    clo_folder_id_make(&clo_folder_snapshots, id);
    clo_folder_draft_name(name, id);
    int descriptor = openat(snapshots->folder.descriptor, name,
                            O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor >= 0)
        return descriptor;
    clo_log_event("error", "sessions", "a snapshot cannot be made: %s", strerror(errno));
    return CLO_ESYSTEM;
}

void clo_snapshots_draft_drop(struct clo_snapshots *snapshots, const char *id)
{
    char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX];
    clo_folder_draft_name(name, id);
    unlinkat(snapshots->folder.descriptor, name, 0);
}

static uint64_t least_of(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

struct clo_snapshot_options clo_snapshots_seal(const struct clo_snapshots *snapshots,
                                               const char *id, bool old)
{
    const struct clo_snapshots_config *config = &snapshots->config;
    uint64_t most =
        least_of(config->max_bytes, least_of(config->session_bytes, config->total_bytes));
    return (struct clo_snapshot_options){.key = snapshots->key,
                                         .key_length = CLO_SNAPSHOT_KEY_BYTES,
                                         .about = id,
                                         .about_length = strlen(id),
                                         .max_bytes = old ? NO_READING_LIMIT : most};
}

int clo_snapshots_count(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold,
                        uint64_t bytes, const char **what)
{
    *what = NULL;
    if (bytes > snapshots->config.max_bytes) {
        *what = "serve.snapshots.max_bytes";
        return CLO_ELIMIT;
    }
    pthread_mutex_lock(&snapshots->lock);
    int status = make_all_room(snapshots, hold, counted(bytes), what);
    if (status == 0)
        hold->draft = counted(bytes);
    pthread_mutex_unlock(&snapshots->lock);
    remove_content(snapshots);
    return status;
}

/* ---- a draft becomes a snapshot ---- */

static int make_durable(const struct clo_snapshots *snapshots, const char *id, int descriptor)
{
    char name[CLO_ID_MAX + sizeof CLO_FOLDER_DRAFT_PREFIX];
    const struct clo_folder *folder = &snapshots->folder;
    clo_folder_draft_name(name, id);
    if (!folder->private && fsync(descriptor) < 0)
        return -1;
    if (renameat(folder->descriptor, name, folder->descriptor, id) < 0)
        return -1;
    return folder->private ? 0 : fsync(folder->descriptor);
}

/* With the lock held. Now that what the session went on from is one like others, the oldest go until all
 * that there are fit. */
static void settle(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold)
{
    struct room rooms[2];
    uint64_t count, bytes;
    rooms_of(snapshots, hold, rooms);
    for (size_t i = 0; i < 2; i++) {
        const char *session = rooms[i].session;
        while (clo_store_snapshots_totals(snapshots->store, session, &count, &bytes) == 0 &&
               (count > rooms[i].most_count || bytes > rooms[i].most_bytes) &&
               remove_oldest(snapshots, session) == 0)
            tell(snapshots, &rooms[i]);
    }
}

static int add_row(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold, const char *id,
                   uint64_t bytes)
{
    struct clo_snapshot_row row = {.created = time(NULL), .bytes = bytes};
    snprintf(row.id, sizeof row.id, "%s", id);
    clo_name_copy(row.session, hold->session);
    pthread_mutex_lock(&snapshots->lock);
    int status = clo_store_snapshot_add(snapshots->store, &row);
    if (status == 0) {
        hold->row = row;
        hold->draft = 0;
        settle(snapshots, hold);
    }
    pthread_mutex_unlock(&snapshots->lock);
    remove_content(snapshots);
    return status;
}

int clo_snapshots_publish(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold,
                          const char *id, int descriptor, uint64_t bytes)
{
    int status = 0;
    if (make_durable(snapshots, id, descriptor) < 0) {
        clo_log_event("error", "sessions", "the snapshot %s cannot be kept: %s", id,
                      strerror(errno));
        status = CLO_ESYSTEM;
    }
    if (status == 0)
        status = add_row(snapshots, hold, id, bytes);
    if (status == 0)
        return 0;
    unlinkat(snapshots->folder.descriptor, id, 0);
    clo_snapshots_draft_drop(snapshots, id);
    pthread_mutex_lock(&snapshots->lock);
    hold->draft = 0;
    pthread_mutex_unlock(&snapshots->lock);
    return status;
}

int clo_snapshots_publish_beginning(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold)
{
    char id[CLO_ID_MAX];
    clo_folder_id_make(&clo_folder_snapshots, id);
    return add_row(snapshots, hold, id, 0);
}

int clo_snapshots_name_run(struct clo_snapshots *snapshots, const struct clo_snapshot_hold *hold,
                           const char *user, const char *run)
{
    return clo_store_session_run_add(snapshots->store, user, run, hold->session, hold->row.id,
                                     (unsigned)snapshots->config.session_count);
}

/* ---- what goes ---- */

/* With the lock held. Rows are in the order of their age. */
static void remove_old(struct clo_snapshots *snapshots)
{
    struct clo_snapshot_row row;
    int64_t after = 0;
    while (clo_store_snapshot_next(snapshots->store, NULL, &after, &row) == 0 &&
           is_too_old(snapshots, &row)) {
        if (!is_held(snapshots, row.id, NULL) &&
            clo_store_snapshot_delete(snapshots->store, row.id) < 0)
            return;
    }
}

static void remove_unused(struct clo_snapshots *snapshots)
{
    char id[CLO_ID_MAX] = "";
    while (clo_store_snapshot_unused(snapshots->store, id, id) == 0) {
        if (!is_held(snapshots, id, NULL) && clo_store_snapshot_drop(snapshots->store, id) < 0)
            return;
    }
}

void clo_snapshots_sweep(struct clo_snapshots *snapshots)
{
    pthread_mutex_lock(&snapshots->lock);
    remove_old(snapshots);
    remove_unused(snapshots);
    pthread_mutex_unlock(&snapshots->lock);
    remove_content(snapshots);
}

void clo_snapshots_release(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold,
                           bool kept)
{
    pthread_mutex_lock(&snapshots->lock);
    LIST_REMOVE(hold, entry);
    if (kept && !is_held(snapshots, hold->row.id, NULL) &&
        clo_store_snapshot_drop(snapshots->store, hold->row.id) < 0)
        clo_log_event("error", "sessions", "%s is left until the next start", hold->row.id);
    pthread_mutex_unlock(&snapshots->lock);
    if (kept)
        remove_content(snapshots);
}

/* ---- opening ---- */

static bool has_row(void *context, const char *id)
{
    struct clo_snapshots *snapshots = context;
    struct clo_snapshot_row row;
    return clo_store_snapshot_get(snapshots->store, id, &row) != CLO_ENOTFOUND;
}

/* Rows whose content is not there: their disk lost it, or somebody removed it. */
static int forget_lost(struct clo_snapshots *snapshots)
{
    struct clo_snapshot_row row;
    int64_t after = 0;
    uint64_t lost = 0;
    int status;
    while ((status = clo_store_snapshot_next(snapshots->store, NULL, &after, &row)) == 0) {
        if (!row.bytes ||
            faccessat(snapshots->folder.descriptor, row.id, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
            errno != ENOENT)
            continue;
        lost++;
        status = clo_store_snapshot_delete(snapshots->store, row.id);
        if (status < 0)
            return status;
    }
    if (lost)
        clo_log_event("warning", "sessions",
                      "the content of %llu snapshots is gone; their sessions begin anew",
                      (unsigned long long)lost);
    return status == CLO_ENOTFOUND ? 0 : status;
}

static int put_in_order(struct clo_snapshots *snapshots)
{
    int status = clo_store_snapshots_orphans(snapshots->store);
    clo_snapshots_sweep(snapshots);
    if (status == 0)
        status = clo_folder_sweep(&snapshots->folder, has_row, snapshots);
    return status < 0 || snapshots->folder.private ? status : forget_lost(snapshots);
}

static int open_folder(struct clo_snapshots *snapshots, struct clo_error *error)
{
    const char *store = snapshots->config.store;
    int status = clo_folder_open(&snapshots->folder, &clo_folder_snapshots, store, error);
    if (status == CLO_ESYSTEM && !store) {
        clo_log_event("warning", "sessions", "%s: no session lasts; %s", error->message,
                      error->hint);
        return 0;
    }
    if (status == 0)
        status = clo_snapshot_key(snapshots->key, &snapshots->folder, error);
    if (status == 0 && put_in_order(snapshots) < 0)
        status =
            clo_fail(error, CLO_ESYSTEM, "the folder '%s' for snapshots cannot be put in order",
                     snapshots->folder.path);
    return status;
}

int clo_snapshots_open(struct clo_snapshots **made, struct clo_store *store,
                       const struct clo_snapshots_config *config, struct clo_error *error)
{
    struct clo_snapshots *snapshots = calloc(1, sizeof *snapshots);
    *made = NULL;
    if (!snapshots)
        return clo_fail_memory(error);
    snapshots->store = store;
    snapshots->config = *config;
    LIST_INIT(&snapshots->holds);
    pthread_mutex_init(&snapshots->lock, NULL);
    int status = open_folder(snapshots, error);
    if (status < 0) {
        clo_snapshots_close(snapshots);
        return status;
    }
    *made = snapshots;
    return 0;
}

void clo_snapshots_close(struct clo_snapshots *snapshots)
{
    if (!snapshots)
        return;
    explicit_bzero(snapshots->key, sizeof snapshots->key);
    clo_folder_close(&snapshots->folder);
    pthread_mutex_destroy(&snapshots->lock);
    free(snapshots);
}

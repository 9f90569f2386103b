/* store_snapshots.c - the rows of snapshots, and what refers to them. */
#include "serve/store/store_snapshots.h"

#include <stdio.h>
#include <string.h>

#include "serve/store/store_sql.h"

static void read_row(sqlite3_stmt *from, struct clo_snapshot_row *row)
{
    clo_sql_copy(row->id, sizeof row->id, from, 0);
    row->created = sqlite3_column_int64(from, 1);
    row->bytes = (uint64_t)sqlite3_column_int64(from, 2);
    clo_sql_copy(row->session, sizeof row->session, from, 3);
}

static int add(struct clo_store *store, void *context)
{
    const struct clo_snapshot_row *row = context;
    sqlite3_stmt *insert = clo_sql(store, SQL_SNAPSHOT_ADD);
    clo_sql_text(store, insert, 1, row->id);
    sqlite3_bind_int64(insert, 2, row->created);
    sqlite3_bind_int64(insert, 3, (sqlite3_int64)row->bytes);
    clo_sql_text(store, insert, 4, row->session);
    return clo_sql_run(store, SQL_SNAPSHOT_ADD);
}

int clo_store_snapshot_add(struct clo_store *store, const struct clo_snapshot_row *row)
{
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, add, (void *)row);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_snapshot_get(struct clo_store *store, const char *id, struct clo_snapshot_row *row)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *found = clo_sql(store, SQL_SNAPSHOT);
    clo_sql_text(store, found, 1, id);
    int step = clo_sql_step(store, found);
    if (step == SQLITE_ROW)
        read_row(found, row);
    int status = clo_sql_finish(store, found, step);
    pthread_mutex_unlock(&store->lock);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

int clo_store_snapshot_next(struct clo_store *store, const char *session, int64_t *after,
                            struct clo_snapshot_row *row)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *found =
        clo_sql(store, session ? SQL_SNAPSHOT_NEXT_OF_SESSION : SQL_SNAPSHOT_NEXT);
    sqlite3_bind_int64(found, 1, *after);
    if (session)
        clo_sql_text(store, found, 2, session);
    int step = clo_sql_step(store, found);
    if (step == SQLITE_ROW) {
        read_row(found, row);
        *after = sqlite3_column_int64(found, 4);
    }
    int status = clo_sql_finish(store, found, step);
    pthread_mutex_unlock(&store->lock);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

int clo_store_snapshots_totals(struct clo_store *store, const char *session, uint64_t *count,
                               uint64_t *bytes)
{
    *count = *bytes = 0;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row =
        clo_sql(store, session ? SQL_SNAPSHOTS_TOTALS_OF_SESSION : SQL_SNAPSHOTS_TOTALS);
    if (session)
        clo_sql_text(store, row, 1, session);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW) {
        *count = (uint64_t)sqlite3_column_int64(row, 0);
        *bytes = (uint64_t)sqlite3_column_int64(row, 1);
    }
    int status = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return status;
}

/* ---- what refers to them ---- */

/* With the lock held. */
static int find(struct clo_store *store, enum clo_sql which, const char *user, const char *name,
                char id[CLO_ID_MAX])
{
    id[0] = '\0';
    sqlite3_stmt *row = clo_sql(store, which);
    if (name)
        clo_sql_text(store, row, 1, name);
    clo_sql_text(store, row, 2, user); /* NULL, "": nothing */
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW)
        clo_sql_copy(id, CLO_ID_MAX, row, 0);
    int status = clo_sql_finish(store, row, step);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

static int look_up(struct clo_store *store, enum clo_sql which, const char *user, const char *name,
                   char id[CLO_ID_MAX])
{
    pthread_mutex_lock(&store->lock);
    int status = find(store, which, user, name, id);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_snapshot_of_response(struct clo_store *store, const char *response,
                                   char id[CLO_ID_MAX])
{
    return look_up(store, SQL_SNAPSHOT_OF_RESPONSE, NULL, response, id);
}

int clo_store_snapshot_of_conversation(struct clo_store *store, const char *user,
                                       const char *conversation, char id[CLO_ID_MAX])
{
    return look_up(store, SQL_SNAPSHOT_OF_CONVERSATION, user, conversation, id);
}

int clo_store_snapshot_of_item(struct clo_store *store, const char *user, const char *item,
                               char id[CLO_ID_MAX])
{
    return look_up(store, SQL_SNAPSHOT_OF_ITEM, user, item, id);
}

int clo_store_snapshot_of_run(struct clo_store *store, const char *user, const char *run,
                              char id[CLO_ID_MAX])
{
    return look_up(store, SQL_SNAPSHOT_OF_RUN, user, run, id);
}

struct session_run {
    const char *user, *run, *session, *snapshot;
    unsigned most;
};

static int add_run(struct clo_store *store, void *context)
{
    const struct session_run *what = context;
    sqlite3_stmt *insert = clo_sql(store, SQL_SESSION_RUN_ADD);
    clo_sql_text(store, insert, 1, what->run);
    clo_sql_text(store, insert, 2, what->session);
    clo_sql_text(store, insert, 3, what->snapshot);
    clo_sql_text(store, insert, 4, what->user);
    int status = clo_sql_run(store, SQL_SESSION_RUN_ADD);
    if (status < 0)
        return status;
    sqlite3_stmt *cut = clo_sql(store, SQL_SESSION_RUNS_CUT);
    clo_sql_text(store, cut, 1, what->session);
    sqlite3_bind_int64(cut, 2, what->most);
    return clo_sql_run(store, SQL_SESSION_RUNS_CUT);
}

int clo_store_session_run_add(struct clo_store *store, const char *user, const char *run,
                              const char *session, const char *snapshot, unsigned most)
{
    struct session_run what = {user, run, session, snapshot, most};
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, add_run, &what);
    pthread_mutex_unlock(&store->lock);
    return status;
}

/* ---- going ---- */

/* Statements with the id as their one parameter, if they have one. */
struct change {
    enum clo_sql which[2];
    size_t count;
    const char *id;
};

static int change(struct clo_store *store, void *context)
{
    const struct change *what = context;
    int status = 0;
    for (size_t i = 0; i < what->count && status == 0; i++) {
        sqlite3_stmt *statement = clo_sql(store, what->which[i]);
        if (what->id)
            clo_sql_text(store, statement, 1, what->id);
        status = clo_sql_run(store, what->which[i]);
    }
    return status;
}

static int run_change(struct clo_store *store, struct change what)
{
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, change, &what);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_snapshot_delete(struct clo_store *store, const char *id)
{
    return run_change(store, (struct change){{SQL_SNAPSHOT_DELETE}, 1, id});
}

int clo_store_session_run_delete(struct clo_store *store, const char *user, const char *run)
{
    struct change what = {{SQL_SESSION_RUN_DELETE}, 1, run};
    char id[CLO_ID_MAX];
    pthread_mutex_lock(&store->lock);
    int status = find(store, SQL_SNAPSHOT_OF_RUN, user, run, id);
    if (status == 0)
        status = clo_sql_transaction(store, change, &what);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_snapshot_unused(struct clo_store *store, const char *after, char id[CLO_ID_MAX])
{
    char behind[CLO_ID_MAX];
    snprintf(behind, sizeof behind, "%s", after); /* which may be `id` */
    return look_up(store, *behind ? SQL_SNAPSHOTS_UNUSED : SQL_SNAPSHOTS_UNUSED_FIRST, NULL,
                   *behind ? behind : NULL, id);
}

int clo_store_snapshot_drop(struct clo_store *store, const char *id)
{
    return run_change(store, (struct change){{SQL_SNAPSHOT_DROP, SQL_SNAPSHOT_LOOKED_AT}, 2, id});
}

int clo_store_snapshots_orphans(struct clo_store *store)
{
    return run_change(store, (struct change){{SQL_SNAPSHOTS_ORPHANS}, 1, NULL});
}

int clo_store_snapshots_gone(struct clo_store *store, char id[CLO_ID_MAX])
{
    return look_up(store, SQL_SNAPSHOTS_GONE, NULL, NULL, id);
}

int clo_store_snapshots_forget(struct clo_store *store, const char *id)
{
    return run_change(store, (struct change){{SQL_SNAPSHOTS_FORGET}, 1, id});
}

/* store_files.c - the rows of files. */
#include "serve/store/store_files.h"

#include <stdio.h>
#include <string.h>

#include "serve/store/store_sql.h"

static void read_row(sqlite3_stmt *row, struct clo_file *file)
{
    clo_sql_copy(file->id, sizeof file->id, row, 0);
    file->created = sqlite3_column_int64(row, 1);
    file->expires = sqlite3_column_int64(row, 2);
    file->bytes = (uint64_t)sqlite3_column_int64(row, 3);
    clo_sql_copy(file->name, sizeof file->name, row, 4);
    clo_sql_copy(file->purpose, sizeof file->purpose, row, 5);
    clo_sql_copy(file->media, sizeof file->media, row, 6);
    clo_sql_copy(file->head, sizeof file->head, row, 7);
    clo_sql_copy(file->owner, sizeof file->owner, row, 8);
    clo_sql_copy(file->user, sizeof file->user, row, 9);
}

static int add(struct clo_store *store, void *context)
{
    const struct clo_file *file = context;
    sqlite3_stmt *row = clo_sql(store, SQL_FILE_ADD);
    clo_sql_text(store, row, 1, file->id);
    sqlite3_bind_int64(row, 2, file->created);
    if (file->expires)
        sqlite3_bind_int64(row, 3, file->expires);
    sqlite3_bind_int64(row, 4, (sqlite3_int64)file->bytes);
    clo_sql_text(store, row, 5, file->name);
    clo_sql_text(store, row, 6, file->purpose);
    clo_sql_text(store, row, 7, file->media);
    clo_sql_text(store, row, 8, file->head);
    clo_sql_text(store, row, 9, file->owner);
    clo_sql_text(store, row, 10, file->user);
    return clo_sql_run(store, SQL_FILE_ADD);
}

int clo_store_file_add(struct clo_store *store, const struct clo_file *file)
{
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, add, (void *)file);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_file_get(struct clo_store *store, const char *user, const char *id, int64_t now,
                       struct clo_file *file)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_FILE);
    clo_sql_text(store, row, 1, id);
    sqlite3_bind_int64(row, 2, now);
    clo_sql_text(store, row, 3, user);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW)
        read_row(row, file);
    int status = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

static int position(struct clo_store *store, const char *user, const char *id,
                    sqlite3_int64 *number)
{
    sqlite3_stmt *row = clo_sql(store, SQL_FILE_NUMBER);
    clo_sql_text(store, row, 1, id);
    clo_sql_text(store, row, 2, user);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW)
        *number = sqlite3_column_int64(row, 0);
    int status = clo_sql_finish(store, row, step);
    return status < 0 || step == SQLITE_ROW ? status : CLO_EINVALID;
}

static int list(struct clo_store *store, int64_t now, const struct clo_store_files_page *page)
{
    sqlite3_int64 from = page->ascending ? 0 : INT64_MAX;
    int status = page->after ? position(store, page->user, page->after, &from) : 0, step;
    if (status < 0)
        return status;
    struct clo_file file;
    sqlite3_stmt *rows = clo_sql(store, page->ascending ? SQL_FILES_UP : SQL_FILES_DOWN);
    sqlite3_bind_int64(rows, 1, now);
    sqlite3_bind_int64(rows, 2, from);
    clo_sql_text(store, rows, 3, page->purpose);
    sqlite3_bind_int64(rows, 4, page->limit);
    clo_sql_text(store, rows, 5, page->user);
    sqlite3_bind_int(rows, 6, page->every);
    while ((step = clo_sql_step(store, rows)) == SQLITE_ROW) {
        read_row(rows, &file);
        page->each(page->context, &file);
    }
    return clo_sql_finish(store, rows, step);
}

int clo_store_files(struct clo_store *store, int64_t now, const struct clo_store_files_page *page)
{
    pthread_mutex_lock(&store->lock);
    int status = list(store, now, page);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_file_has(struct clo_store *store, const char *id)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_FILE_EXISTS);
    clo_sql_text(store, row, 1, id);
    int step = clo_sql_step(store, row);
    int status = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

/* One statement with one parameter. */
struct change {
    enum clo_sql which;
    const char *text; /* NULL: `number` */
    int64_t number;
};

static int change(struct clo_store *store, void *context)
{
    const struct change *what = context;
    sqlite3_stmt *statement = clo_sql(store, what->which);
    if (what->text)
        clo_sql_text(store, statement, 1, what->text);
    else if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_int64(statement, 1, what->number);
    return clo_sql_run(store, what->which);
}

static int run_change(struct clo_store *store, struct change what, int *changed)
{
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, change, &what);
    if (changed) /* by the statement itself: triggers are not counted */
        *changed = sqlite3_changes(store->db);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_file_delete(struct clo_store *store, const char *id)
{
    int changed;
    int status = run_change(store, (struct change){.which = SQL_FILE_DELETE, .text = id}, &changed);
    return status == 0 && changed == 0 ? CLO_ENOTFOUND : status;
}

int clo_store_files_expire(struct clo_store *store, int64_t now)
{
    return run_change(store, (struct change){.which = SQL_FILES_EXPIRE, .number = now}, NULL);
}

int clo_store_files_drop(struct clo_store *store, const char *owner)
{
    return run_change(store, (struct change){.which = SQL_FILES_DROP, .text = owner}, NULL);
}

int clo_store_files_evict(struct clo_store *store, const char *owner)
{
    int changed;
    int status =
        run_change(store, (struct change){.which = SQL_FILES_EVICT, .text = owner}, &changed);
    return status == 0 && changed == 0 ? CLO_ENOTFOUND : status;
}

int clo_store_files_orphans(struct clo_store *store)
{
    return run_change(store, (struct change){.which = SQL_FILES_ORPHANS}, NULL);
}

int clo_store_files_totals(struct clo_store *store, uint64_t *files, uint64_t *bytes)
{
    *files = *bytes = 0;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_FILES_TOTALS);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW) {
        *files = (uint64_t)sqlite3_column_int64(row, 0);
        *bytes = (uint64_t)sqlite3_column_int64(row, 1);
    }
    int status = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_files_gone(struct clo_store *store, char id[CLO_ID_MAX])
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_FILES_GONE);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW)
        clo_sql_copy(id, CLO_ID_MAX, row, 0);
    int status = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

int clo_store_files_forget(struct clo_store *store, const char *id)
{
    return run_change(store, (struct change){.which = SQL_FILES_FORGET, .text = id}, NULL);
}

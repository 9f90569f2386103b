/* store_sql.c - opening the database, its schema, its statements, and transactions that make room.
 *
 * locking_mode=EXCLUSIVE keeps a second server off the file: the register of what is in flight
 * lives in this process.
 */
#include "serve/store/store_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "serve/log.h"

#define FORGET_AT_ONCE 16 /* oldest responses deleted when the store is full */
#define FULL_RETRIES 64

/* What each version of the schema adds to the one before: opening a store takes the steps that it
 * lacks, each in a transaction with its number. A step that was released never changes. */
static const char *const steps[CLO_STORE_SCHEMA] = {
    "CREATE TABLE responses (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL, status TEXT NOT NULL, background INTEGER NOT NULL,"
    " previous TEXT, conversation TEXT, session TEXT NOT NULL, response TEXT NOT NULL);"
    "CREATE INDEX responses_conversation ON responses (conversation, number)"
    " WHERE conversation IS NOT NULL;"
    "CREATE TABLE items (response TEXT NOT NULL, source INTEGER NOT NULL,"
    " position INTEGER NOT NULL, id TEXT, json TEXT NOT NULL,"
    " PRIMARY KEY (response, source, position)) WITHOUT ROWID;"
    "CREATE INDEX items_id ON items (id);"
    "CREATE TABLE events (response TEXT NOT NULL, sequence INTEGER NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (response, sequence)) WITHOUT ROWID;",

    /* A row that goes away leaves its id behind, until its content is removed from the folder. */
    "CREATE TABLE files (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL, expires INTEGER, bytes INTEGER NOT NULL, name TEXT NOT NULL,"
    " purpose TEXT NOT NULL, media TEXT NOT NULL, head TEXT, owner TEXT);"
    "CREATE INDEX files_owner ON files (owner) WHERE owner IS NOT NULL;"
    "CREATE INDEX files_expires ON files (expires) WHERE expires IS NOT NULL;"
    "CREATE TABLE file_totals (files INTEGER NOT NULL, bytes INTEGER NOT NULL);"
    "INSERT INTO file_totals VALUES (0, 0);"
    "CREATE TABLE files_gone (id TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TRIGGER file_added AFTER INSERT ON files BEGIN UPDATE file_totals SET"
    " files = files + 1, bytes = bytes + max(new.bytes, " CLO_STORE_FILE_LEAST "); END;"
    "CREATE TRIGGER file_deleted AFTER DELETE ON files BEGIN UPDATE file_totals SET"
    " files = files - 1, bytes = bytes - max(old.bytes, " CLO_STORE_FILE_LEAST ");"
    " INSERT INTO files_gone (id) VALUES (old.id); END;",

    /* Snapshots of sessions. What stops to refer to one puts it into snapshots_unused, where it is looked
     * at; a row that goes away leaves its id in snapshots_gone, as files do. */
    "ALTER TABLE responses ADD COLUMN snapshot TEXT;"
    "CREATE INDEX responses_snapshot ON responses (snapshot) WHERE snapshot IS NOT NULL;"
    "CREATE TABLE snapshots (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL, bytes INTEGER NOT NULL, session TEXT NOT NULL);"
    "CREATE INDEX snapshots_session ON snapshots (session, number);"
    "CREATE TABLE session_runs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " session TEXT NOT NULL, snapshot TEXT NOT NULL);"
    "CREATE INDEX session_runs_session ON session_runs (session, number);"
    "CREATE INDEX session_runs_snapshot ON session_runs (snapshot);"
    "CREATE TABLE snapshot_totals (snapshots INTEGER NOT NULL, bytes INTEGER NOT NULL);"
    "INSERT INTO snapshot_totals VALUES (0, 0);"
    "CREATE TABLE snapshots_unused (id TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE snapshots_gone (id TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TRIGGER snapshot_added AFTER INSERT ON snapshots BEGIN UPDATE snapshot_totals SET"
    " snapshots = snapshots + 1, bytes = bytes + max(new.bytes, " CLO_STORE_FILE_LEAST "); END;"
    "CREATE TRIGGER snapshot_deleted AFTER DELETE ON snapshots BEGIN UPDATE snapshot_totals SET"
    " snapshots = snapshots - 1, bytes = bytes - max(old.bytes, " CLO_STORE_FILE_LEAST ");"
    " INSERT INTO snapshots_gone (id) VALUES (old.id);"
    " DELETE FROM session_runs WHERE snapshot = old.id; END;"
    "CREATE TRIGGER response_deleted AFTER DELETE ON responses WHEN old.snapshot IS NOT NULL"
    " BEGIN INSERT OR IGNORE INTO snapshots_unused (id) VALUES (old.snapshot); END;"
    "CREATE TRIGGER response_moved AFTER UPDATE OF snapshot ON responses"
    " WHEN old.snapshot IS NOT NULL AND old.snapshot IS NOT new.snapshot"
    " BEGIN INSERT OR IGNORE INTO snapshots_unused (id) VALUES (old.snapshot); END;"
    "CREATE TRIGGER session_run_deleted AFTER DELETE ON session_runs"
    " BEGIN INSERT OR IGNORE INTO snapshots_unused (id) VALUES (old.snapshot); END;",

    /* Whose it is; NULL: of the one user of a server that keeps none apart. */
    "ALTER TABLE responses ADD COLUMN user TEXT;"
    "ALTER TABLE files ADD COLUMN user TEXT;"
    "ALTER TABLE session_runs ADD COLUMN user TEXT;",
};

#define FILE_COLUMNS "id, created, expires, bytes, name, purpose, media, head, owner, user"
#define SNAPSHOT_COLUMNS "id, created, bytes, session, number"
#define UNREFERRED                                                                                 \
    " AND NOT EXISTS (SELECT 1 FROM responses WHERE responses.snapshot = snapshots.id)"            \
    " AND NOT EXISTS (SELECT 1 FROM session_runs WHERE session_runs.snapshot = snapshots.id)"
#define ALIVE(now) " AND (expires IS NULL OR expires > " now ")"

static const char *const texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_PUT] = "INSERT INTO responses (id, created, status, background, previous, conversation,"
                " session, response, snapshot, user)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [SQL_UPDATE] = "UPDATE responses SET status = ?2, response = ?3,"
                   " snapshot = ifnull(?4, snapshot) WHERE id = ?1",
    [SQL_GET] = "SELECT status, background, previous, conversation, session, response, snapshot"
                " FROM responses WHERE id = ?1 AND user IS ?2",
    [SQL_DELETE] = "DELETE FROM responses WHERE id = ?1",
    [SQL_DELETE_ITEMS] = "DELETE FROM items WHERE response = ?1",
    [SQL_DELETE_OUTPUT] = "DELETE FROM items WHERE response = ?1 AND source = 1",
    [SQL_DELETE_EVENTS] = "DELETE FROM events WHERE response = ?1",
    [SQL_ITEM_ADD] = "INSERT INTO items (response, source, position, id, json)"
                     " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_ITEMS] = "SELECT json, NULL FROM items WHERE response = ?1 ORDER BY source, position",
    [SQL_OUTPUT] = "SELECT json, NULL FROM items WHERE response = ?1 AND source = 1"
                   " ORDER BY position",
    [SQL_PREVIOUS] = "SELECT previous FROM responses WHERE id = ?1",
    [SQL_CONVERSATION] = "SELECT items.json, NULL FROM responses CROSS JOIN items"
                         " ON items.response = responses.id WHERE conversation = ?1"
                         " AND user IS ?2 AND status IN"
                         " ('completed', 'incomplete', 'failed', 'cancelled')"
                         " ORDER BY responses.number, source, position",
    [SQL_ITEM] = "SELECT items.json FROM items CROSS JOIN responses"
                 " ON responses.id = items.response WHERE items.id = ?1"
                 " AND user IS ?2 AND json_extract(items.json, '$.type') IS NOT 'item_reference'"
                 " ORDER BY source DESC, responses.number DESC LIMIT 1",
    [SQL_CALL_OUTPUT] =
        "SELECT output.json FROM items AS call CROSS JOIN items AS output"
        " ON output.response = call.response AND output.source = 1"
        " AND output.position > call.position WHERE call.id = ?1 AND call.source = 1"
        " AND EXISTS (SELECT 1 FROM responses WHERE responses.id = call.response AND user IS ?2)"
        " AND json_extract(output.json, '$.type') = 'function_call_output'"
        " AND json_extract(output.json, '$.call_id') = json_extract(call.json, '$.call_id')"
        " ORDER BY output.position LIMIT 1",
    [SQL_POSITION] = "SELECT position FROM items WHERE response = ?1 AND source = 0 AND id = ?2",
    [SQL_INPUT_UP] = "SELECT json, id FROM items WHERE response = ?1 AND source = 0"
                     " AND position > ?2 AND position < ?3 ORDER BY position LIMIT ?4",
    [SQL_INPUT_DOWN] = "SELECT json, id FROM items WHERE response = ?1 AND source = 0"
                       " AND position > ?2 AND position < ?3 ORDER BY position DESC LIMIT ?4",
    [SQL_EVENT_ADD] = "INSERT INTO events (response, sequence, text) SELECT ?1, ?2, ?3"
                      " WHERE EXISTS (SELECT 1 FROM responses WHERE id = ?1)",
    [SQL_EVENT] = "SELECT sequence, text FROM events WHERE response = ?1 AND sequence >= ?2"
                  " ORDER BY sequence LIMIT 1",
    [SQL_OLDEST] = "SELECT id FROM responses WHERE status IN"
                   " ('completed', 'incomplete', 'failed', 'cancelled') ORDER BY number LIMIT 1",
    [SQL_FILE_ADD] = "INSERT INTO files (id, created, expires, bytes, name, purpose, media, head,"
                     " owner, user) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [SQL_FILE] = "SELECT " FILE_COLUMNS " FROM files WHERE id = ?1 AND user IS ?3" ALIVE("?2"),
    [SQL_FILE_NUMBER] = "SELECT number FROM files WHERE id = ?1 AND user IS ?2",
    [SQL_FILE_EXISTS] = "SELECT 1 FROM files WHERE id = ?1",
    [SQL_FILES_UP] = "SELECT " FILE_COLUMNS " FROM files WHERE (?6 OR user IS ?5) AND number > ?2"
                     " AND purpose = ifnull(?3, purpose)" ALIVE("?1") " ORDER BY number LIMIT ?4",
    [SQL_FILES_DOWN] =
        "SELECT " FILE_COLUMNS " FROM files WHERE (?6 OR user IS ?5) AND number < ?2"
        " AND purpose = ifnull(?3, purpose)" ALIVE("?1") " ORDER BY number DESC LIMIT ?4",
    [SQL_FILE_DELETE] = "DELETE FROM files WHERE id = ?1",
    [SQL_FILES_EXPIRE] = "DELETE FROM files WHERE expires <= ?1",
    [SQL_FILES_DROP] = "DELETE FROM files WHERE owner = ?1",
    [SQL_FILES_EVICT] = "DELETE FROM files WHERE owner = (SELECT owner FROM files WHERE owner"
                        " IS NOT NULL AND owner <> ?1 ORDER BY number LIMIT 1)",
    [SQL_FILES_ORPHANS] = "DELETE FROM files WHERE owner IS NOT NULL"
                          " AND owner NOT IN (SELECT id FROM responses)",
    [SQL_FILES_TOTALS] = "SELECT files, bytes FROM file_totals",
    [SQL_FILES_GONE] = "SELECT id FROM files_gone LIMIT 1",
    [SQL_FILES_FORGET] = "DELETE FROM files_gone WHERE id = ?1",
    [SQL_SNAPSHOT_ADD] =
        "INSERT INTO snapshots (id, created, bytes, session) VALUES (?1, ?2, ?3, ?4)",
    [SQL_SNAPSHOT] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE id = ?1",
    [SQL_SNAPSHOT_DELETE] = "DELETE FROM snapshots WHERE id = ?1",
    [SQL_SNAPSHOT_NEXT] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE number > ?1"
                          " ORDER BY number LIMIT 1",
    [SQL_SNAPSHOT_NEXT_OF_SESSION] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots"
                                     " WHERE number > ?1 AND session = ?2 ORDER BY number LIMIT 1",
    [SQL_SNAPSHOTS_TOTALS] = "SELECT snapshots, bytes FROM snapshot_totals",
    [SQL_SNAPSHOTS_TOTALS_OF_SESSION] =
        "SELECT count(*), ifnull(sum(max(bytes, " CLO_STORE_FILE_LEAST ")), 0) FROM snapshots"
        " WHERE session = ?1",
    [SQL_SNAPSHOT_OF_RESPONSE] = "SELECT snapshot FROM responses WHERE id = ?1",
    [SQL_SNAPSHOT_OF_CONVERSATION] =
        "SELECT snapshot FROM responses WHERE conversation = ?1"
        " AND user IS ?2 AND status IN ('completed', 'incomplete', 'failed')"
        " ORDER BY number DESC LIMIT 1",
    [SQL_SNAPSHOT_OF_ITEM] =
        "SELECT responses.snapshot FROM items CROSS JOIN responses"
        " ON responses.id = items.response WHERE items.id = ?1"
        " AND user IS ?2 AND items.source = 1 ORDER BY responses.number DESC LIMIT 1",
    [SQL_SNAPSHOT_OF_RUN] = "SELECT snapshot FROM session_runs WHERE id = ?1 AND user IS ?2",
    [SQL_SESSION_RUN_ADD] = "INSERT INTO session_runs (id, session, snapshot, user)"
                            " VALUES (?1, ?2, ?3, ?4)",
    [SQL_SESSION_RUN_DELETE] = "DELETE FROM session_runs WHERE id = ?1",
    [SQL_SESSION_RUNS_CUT] = "DELETE FROM session_runs WHERE number IN (SELECT number FROM"
                             " session_runs WHERE session = ?1 ORDER BY number DESC"
                             " LIMIT -1 OFFSET ?2)",
    [SQL_SNAPSHOTS_UNUSED] = "SELECT id FROM snapshots_unused WHERE id > ?1 ORDER BY id LIMIT 1",
    [SQL_SNAPSHOTS_UNUSED_FIRST] = "SELECT id FROM snapshots_unused ORDER BY id LIMIT 1",
    [SQL_SNAPSHOT_DROP] = "DELETE FROM snapshots WHERE id = ?1" UNREFERRED,
    [SQL_SNAPSHOT_LOOKED_AT] = "DELETE FROM snapshots_unused WHERE id = ?1",
    [SQL_SNAPSHOTS_ORPHANS] = "INSERT OR IGNORE INTO snapshots_unused (id)"
                              " SELECT id FROM snapshots WHERE 1" UNREFERRED,
    [SQL_SNAPSHOTS_GONE] = "SELECT id FROM snapshots_gone LIMIT 1",
    [SQL_SNAPSHOTS_FORGET] = "DELETE FROM snapshots_gone WHERE id = ?1",
};

int clo_sql_status(struct clo_store *store, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW: return 0;
    case SQLITE_FULL: return CLO_ELIMIT;
    case SQLITE_NOMEM: return CLO_ENOMEMORY;
    default:
        clo_log_event("error", "store", "%s (SQLite code %d)", sqlite3_errmsg(store->db), code);
        return CLO_ESYSTEM;
    }
}

sqlite3_stmt *clo_sql(struct clo_store *store, enum clo_sql which)
{
    store->unbound = 0;
    sqlite3_reset(store->statements[which]);
    sqlite3_clear_bindings(store->statements[which]);
    return store->statements[which];
}

void clo_sql_bound(struct clo_store *store, int code)
{
    if (code != SQLITE_OK)
        store->unbound = code;
}

void clo_sql_text(struct clo_store *store, sqlite3_stmt *statement, int index, const char *text)
{
    if (text && *text)
        clo_sql_bound(store, sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT));
}

void clo_sql_copy(char *text, size_t size, sqlite3_stmt *row, int column)
{
    const char *value = (const char *)sqlite3_column_text(row, column);
    snprintf(text, size, "%s", value ? value : "");
}

int clo_sql_step(struct clo_store *store, sqlite3_stmt *statement)
{
    return store->unbound ? store->unbound : sqlite3_step(statement);
}

int clo_sql_finish(struct clo_store *store, sqlite3_stmt *statement, int step)
{
    int status = clo_sql_status(store, step);
    sqlite3_reset(statement);
    return status;
}

int clo_sql_run(struct clo_store *store, enum clo_sql which)
{
    sqlite3_stmt *statement = store->statements[which];
    int step = clo_sql_step(store, statement);
    return clo_sql_finish(store, statement, step);
}

static int forget_oldest(struct clo_store *store)
{
    int forgotten = 0, status = 0;
    for (; forgotten < FORGET_AT_ONCE && status == 0; forgotten++) {
        char id[CLO_NAME_BYTES_MAX + 1];
        sqlite3_stmt *oldest = clo_sql(store, SQL_OLDEST);
        int step = clo_sql_step(store, oldest);
        if (step != SQLITE_ROW) {
            clo_sql_finish(store, oldest, step);
            break;
        }
        snprintf(id, sizeof id, "%s", (const char *)sqlite3_column_text(oldest, 0));
        sqlite3_reset(oldest);
        status = clo_sql_drop(store, id);
    }
    if (status == 0 && forgotten > 0)
        clo_log_event("warning", "store", "the store is full; its %d oldest responses were dropped",
                      forgotten);
    return forgotten > 0 ? status : CLO_ELIMIT;
}

int clo_sql_forget(struct clo_store *store, const char *id)
{
    static const enum clo_sql deletions[] = {SQL_DELETE_EVENTS, SQL_DELETE_ITEMS, SQL_DELETE};
    int status = 0;
    for (size_t i = 0; i < 3 && status == 0; i++) {
        clo_sql_text(store, clo_sql(store, deletions[i]), 1, id);
        status = clo_sql_run(store, deletions[i]);
    }
    return status;
}

int clo_sql_drop(struct clo_store *store, const char *id)
{
    clo_sql_text(store, clo_sql(store, SQL_FILES_DROP), 1, id);
    int status = clo_sql_run(store, SQL_FILES_DROP);
    return status < 0 ? status : clo_sql_forget(store, id);
}

static int attempt(struct clo_store *store, int (*work)(struct clo_store *, void *), void *context)
{
    int status = clo_sql_run(store, SQL_BEGIN);
    if (status == 0)
        status = work(store, context);
    if (status == 0)
        status = clo_sql_run(store, SQL_COMMIT);
    if (status < 0 && !sqlite3_get_autocommit(store->db))
        clo_sql_run(store, SQL_ROLLBACK);
    return status;
}

static int make_room(struct clo_store *store, void *context)
{
    (void)context;
    return forget_oldest(store);
}

int clo_sql_transaction(struct clo_store *store, int (*work)(struct clo_store *, void *),
                        void *context)
{
    int status = attempt(store, work, context);
    for (int i = 0; i < FULL_RETRIES && status == CLO_ELIMIT; i++) {
        status = attempt(store, make_room, NULL);
        if (status < 0)
            break;
        status = attempt(store, work, context);
    }
    if (status != CLO_ELIMIT)
        return status;
    clo_log_event("error", "store", "the store is full and nothing in it can be dropped");
    return CLO_ESYSTEM;
}

int clo_sql_json(sqlite3_stmt *row, int column, json_t **value)
{
    json_error_t why;
    const char *text = (const char *)sqlite3_column_text(row, column);
    *value = NULL;
    if (!text)
        return CLO_ENOMEMORY;
    *value = clo_json_parse(text, (size_t)sqlite3_column_bytes(row, column), 0, &why);
    return *value ? 0 : clo_json_no_memory(&why) ? CLO_ENOMEMORY : CLO_ESYSTEM;
}

/* The item of the row in hand, with its id put back, at the end of the list. */
static int take_item(sqlite3_stmt *row, json_t *items)
{
    json_t *item;
    int status = clo_sql_json(row, 0, &item);
    if (status < 0)
        return status;
    if (sqlite3_column_type(row, 1) == SQLITE_TEXT)
        clo_json_put(&item, "id", json_string((const char *)sqlite3_column_text(row, 1)));
    return json_array_append_new(items, item) < 0 ? CLO_ENOMEMORY : 0;
}

int clo_sql_items(struct clo_store *store, sqlite3_stmt *statement, json_t *items, size_t max)
{
    int step;
    while ((step = clo_sql_step(store, statement)) == SQLITE_ROW && json_array_size(items) < max) {
        int status = take_item(statement, items);
        if (status < 0) {
            sqlite3_reset(statement);
            clo_log_event("error", "store", "an item in the store cannot be read: %s",
                          clo_status_name(status));
            return status;
        }
    }
    return clo_sql_finish(store, statement, step);
}

static int pragma_number(sqlite3 *db, const char *sql, sqlite3_int64 *value)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* What an earlier server left unfinished will never finish. */
static const char recover[] =
    "UPDATE responses SET status = 'failed', response = json_set(response, '$.status', 'failed',"
    " '$.error', json('{\"code\":\"server_error\",\"message\":\"The server ended before the"
    " response was complete.\"}')) WHERE status IN ('queued', 'in_progress')";

static int take_step(sqlite3 *db, sqlite3_int64 from)
{
    char end[64];
    snprintf(end, sizeof end, "PRAGMA user_version = %d; COMMIT", (int)from + 1);
    int code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, steps[from], NULL, NULL, NULL);
    return code == SQLITE_OK ? sqlite3_exec(db, end, NULL, NULL, NULL) : code;
}

static int prepare(struct clo_store *store, const char *path, struct clo_error *error)
{
    char limit[64];
    sqlite3_int64 version = 0, page = 4096;
    unsigned long long bytes = path ? CLO_STORE_FILE_MAX : CLO_STORE_MEMORY_MAX;
    sqlite3 *db = store->db;
    int code = sqlite3_exec(db,
                            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                            " PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;"
                            " BEGIN IMMEDIATE; COMMIT",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = pragma_number(db, "PRAGMA user_version", &version);
    if (code == SQLITE_OK)
        code = pragma_number(db, "PRAGMA page_size", &page);
    if (code == SQLITE_OK && (version < 0 || version > CLO_STORE_SCHEMA)) {
        clo_fail(error, CLO_EINVALID, "the store '%s' has schema %lld; this program knows %d", path,
                 version, CLO_STORE_SCHEMA);
        return clo_hint(error, CLO_EINVALID,
                        "a newer cloche has written it: use that one, or another file");
    }
    while (code == SQLITE_OK && version < CLO_STORE_SCHEMA)
        code = take_step(db, version++);
    snprintf(limit, sizeof limit, "PRAGMA max_page_count = %llu", bytes / (unsigned)page);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, limit, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, recover, NULL, NULL, NULL);
    for (int i = 0; i < SQL_COUNT && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &store->statements[i], NULL);
    if (code == SQLITE_OK)
        return 0;
    clo_fail(error, CLO_ESYSTEM, "the store '%s' cannot be used: %s", path ? path : "(in memory)",
             sqlite3_errmsg(db));
    return clo_hint(error, CLO_ESYSTEM,
                    (code & 0xff) == SQLITE_BUSY
                        ? "another program has it open; give each server its own file"
                        : "give a new file in a folder that can be written");
}

int clo_store_open(struct clo_store **store, const char *path, struct clo_error *error)
{
    struct clo_store *made = calloc(1, sizeof *made);
    *store = NULL;
    if (!made)
        return clo_fail_memory(error);
    pthread_mutex_init(&made->lock, NULL);
    int code =
        sqlite3_open_v2(path ? path : ":memory:", &made->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    int status = code == SQLITE_OK
                     ? prepare(made, path, error)
                     : clo_fail(error, CLO_ESYSTEM, "the store '%s' cannot be opened: %s", path,
                                made->db ? sqlite3_errmsg(made->db) : "no memory");
    if (status < 0) {
        clo_store_close(made);
        return status;
    }
    *store = made;
    return 0;
}

void clo_store_close(struct clo_store *store)
{
    if (!store)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

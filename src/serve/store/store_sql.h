/* serve/store/store_sql.h - inside of the store: the connection and its prepared statements. */
#ifndef CLO_SERVE_STORE_STORE_SQL_H
#define CLO_SERVE_STORE_STORE_SQL_H

#include <pthread.h>
#include <sqlite3.h>

#include "serve/store/store.h"

/* What a file, and a snapshot, counts for at least, in bytes, as SQL. */
#define CLO_STORE_FILE_LEAST "4096"

enum clo_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_PUT,
    SQL_UPDATE,
    SQL_GET,
    SQL_DELETE,
    SQL_DELETE_ITEMS,
    SQL_DELETE_OUTPUT,
    SQL_DELETE_EVENTS,
    SQL_ITEM_ADD,
    SQL_ITEMS,
    SQL_OUTPUT,
    SQL_PREVIOUS,
    SQL_CONVERSATION,
    SQL_ITEM,
    SQL_CALL_OUTPUT,
    SQL_POSITION,
    SQL_INPUT_UP,
    SQL_INPUT_DOWN,
    SQL_EVENT_ADD,
    SQL_EVENT,
    SQL_OLDEST,
    SQL_FILE_ADD,
    SQL_FILE,
    SQL_FILE_NUMBER,
    SQL_FILE_EXISTS,
    SQL_FILES_UP,
    SQL_FILES_DOWN,
    SQL_FILE_DELETE,
    SQL_FILES_EXPIRE,
    SQL_FILES_DROP,
    SQL_FILES_EVICT,
    SQL_FILES_ORPHANS,
    SQL_FILES_TOTALS,
    SQL_FILES_GONE,
    SQL_FILES_FORGET,
    SQL_SNAPSHOT_ADD,
    SQL_SNAPSHOT,
    SQL_SNAPSHOT_DELETE,
    SQL_SNAPSHOT_NEXT,
    SQL_SNAPSHOT_NEXT_OF_SESSION,
    SQL_SNAPSHOTS_TOTALS,
    SQL_SNAPSHOTS_TOTALS_OF_SESSION,
    SQL_SNAPSHOT_OF_RESPONSE,
    SQL_SNAPSHOT_OF_CONVERSATION,
    SQL_SNAPSHOT_OF_ITEM,
    SQL_SNAPSHOT_OF_RUN,
    SQL_SESSION_RUN_ADD,
    SQL_SESSION_RUN_DELETE,
    SQL_SESSION_RUNS_CUT,
    SQL_SNAPSHOTS_UNUSED,
    SQL_SNAPSHOTS_UNUSED_FIRST,
    SQL_SNAPSHOT_DROP,
    SQL_SNAPSHOT_LOOKED_AT,
    SQL_SNAPSHOTS_ORPHANS,
    SQL_SNAPSHOTS_GONE,
    SQL_SNAPSHOTS_FORGET,
    SQL_COUNT,
};

struct clo_store {
    sqlite3 *db;
    pthread_mutex_t lock;
    sqlite3_stmt *statements[SQL_COUNT];
    int unbound; /* SQLite's code, where a parameter of the statement in hand was not bound */
};

/* All with the lock held. A statement is fresh (reset, unbound) when it is taken. */
sqlite3_stmt *clo_sql(struct clo_store *store, enum clo_sql which);
int clo_sql_run(struct clo_store *store, enum clo_sql which); /* to its end, no rows wanted */
int clo_sql_finish(struct clo_store *store, sqlite3_stmt *statement, int step);
void clo_sql_text(struct clo_store *store, sqlite3_stmt *statement, int index,
                  const char *text);                                       /* copied; "" is NULL */
void clo_sql_copy(char *text, size_t size, sqlite3_stmt *row, int column); /* NULL is "" */
void clo_sql_bound(struct clo_store *store, int code); /* what another sqlite3_bind_… returned */
int clo_sql_step(struct clo_store *store, sqlite3_stmt *statement); /* no step if one is unbound */

/* The JSON in a column of the row in hand. CLO_ENOMEMORY; CLO_ESYSTEM: it is none. */
int clo_sql_json(sqlite3_stmt *row, int column, json_t **value);

/* SQLite's result as a status; what is not CLO_OK goes to the log, except CLO_ELIMIT: full. */
int clo_sql_status(struct clo_store *store, int code);

/* Run `work` as one transaction. If the store is full, forget the oldest and try again. */
int clo_sql_transaction(struct clo_store *store, int (*work)(struct clo_store *, void *),
                        void *context);

/* Delete a response's row, items and events, as before it is written again. */
int clo_sql_forget(struct clo_store *store, const char *id);
/* The same and its files: it is gone for good. */
int clo_sql_drop(struct clo_store *store, const char *id);

/* Append the JSON texts of column 0 (with column 1 as their id) of a statement's rows. */
int clo_sql_items(struct clo_store *store, sqlite3_stmt *statement, json_t *items, size_t max);

#endif

/* store.c - reading and writing responses, their items and their events. */
#include "serve/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "base/id.h"
#include "base/json.h"
#include "serve/log.h"
#include "serve/protocol/response.h"
#include "serve/store/store_sql.h"

enum { SOURCE_INPUT, SOURCE_OUTPUT };

void clo_record_clear(struct clo_record *record)
{
    json_decref(record->response);
    record->response = NULL;
}

bool clo_status_final(const char *status)
{
    return strcmp(status, "queued") != 0 && strcmp(status, "in_progress") != 0;
}

static const char *id_prefix(const json_t *item)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    if (type && strcmp(type, "function_call") == 0)
        return "fc";
    if (type && strcmp(type, "function_call_output") == 0)
        return "fco";
    if (type && strcmp(type, "mcp_call") == 0)
        return "mcp";
    return type && strcmp(type, "reasoning") == 0 ? "rs" : "msg";
}

/* The made id is a column only: the item itself is kept, and given to models, as it was sent. */
static int add_item(struct clo_store *store, const char *id, int source, size_t position,
                    const json_t *item)
{
    char made[CLO_ID_MAX];
    const char *item_id = json_string_value(json_object_get(item, "id"));
    char *text = clo_response_text(item);
    if (!text)
        return CLO_ENOMEMORY;
    if (!item_id) {
        clo_id_make(made, id_prefix(item));
        item_id = made;
    }
    sqlite3_stmt *add = clo_sql(store, SQL_ITEM_ADD);
    clo_sql_text(store, add, 1, id);
    sqlite3_bind_int(add, 2, source);
    sqlite3_bind_int64(add, 3, (sqlite3_int64)position);
    clo_sql_text(store, add, 4, item_id);
    clo_sql_bound(store, sqlite3_bind_text(add, 5, text, -1, free));
    return clo_sql_run(store, SQL_ITEM_ADD);
}

static int add_items(struct clo_store *store, const char *id, int source, const json_t *items)
{
    json_t *item;
    size_t position;
    json_array_foreach(items, position, item) {
        int status = add_item(store, id, source, position, item);
        if (status < 0)
            return status;
    }
    return 0;
}

/* The object as it is stored: its output is in the items. */
static char *bare_text(const json_t *response)
{
    json_t *bare = clo_json_copy(response);
    clo_json_put(&bare, "output", json_array());
    char *text = clo_response_text(bare);
    json_decref(bare);
    return text;
}

struct put {
    const struct clo_record *record;
    const json_t *input, *output;
};

static int put(struct clo_store *store, void *context)
{
    const struct put *what = context;
    const struct clo_record *record = what->record;
    char *text = bare_text(record->response);
    if (!text)
        return CLO_ENOMEMORY;
    int status = clo_sql_forget(store, record->id);
    if (status < 0) {
        free(text);
        return status;
    }
    sqlite3_stmt *insert = clo_sql(store, SQL_PUT);
    clo_sql_text(store, insert, 1, record->id);
    sqlite3_bind_int64(insert, 2,
                       json_integer_value(json_object_get(record->response, "created_at")));
    clo_sql_text(store, insert, 3, record->status);
    sqlite3_bind_int(insert, 4, record->background);
    clo_sql_text(store, insert, 5, record->previous);
    clo_sql_text(store, insert, 6, record->conversation);
    clo_sql_text(store, insert, 7, record->session);
    clo_sql_bound(store, sqlite3_bind_text(insert, 8, text, -1, free));
    clo_sql_text(store, insert, 9, record->snapshot);
    clo_sql_text(store, insert, 10, record->user);
    status = clo_sql_run(store, SQL_PUT);
    if (status == 0)
        status = add_items(store, record->id, SOURCE_INPUT, what->input);
    return status < 0 ? status : add_items(store, record->id, SOURCE_OUTPUT, what->output);
}

int clo_store_put(struct clo_store *store, const struct clo_record *record, const json_t *input,
                  const json_t *output)
{
    struct put what = {record, input, output};
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, put, &what);
    pthread_mutex_unlock(&store->lock);
    return status;
}

struct update {
    const char *id, *snapshot;
    const json_t *response, *output;
};

static int update(struct clo_store *store, void *context)
{
    const struct update *what = context;
    char *text = bare_text(what->response);
    if (!text)
        return CLO_ENOMEMORY;
    sqlite3_stmt *change = clo_sql(store, SQL_UPDATE);
    clo_sql_text(store, change, 1, what->id);
    clo_sql_text(store, change, 2, json_string_value(json_object_get(what->response, "status")));
    clo_sql_bound(store, sqlite3_bind_text(change, 3, text, -1, free));
    clo_sql_text(store, change, 4, what->snapshot);
    int status = clo_sql_run(store, SQL_UPDATE);
    if (status == 0 && sqlite3_changes(store->db) == 0)
        status = CLO_ENOTFOUND;
    if (status < 0)
        return status;
    clo_sql_text(store, clo_sql(store, SQL_DELETE_OUTPUT), 1, what->id);
    status = clo_sql_run(store, SQL_DELETE_OUTPUT);
    return status < 0 ? status : add_items(store, what->id, SOURCE_OUTPUT, what->output);
}

int clo_store_update(struct clo_store *store, const char *id, const json_t *response,
                     const json_t *output, const char *snapshot)
{
    struct update what = {id, snapshot, response, output};
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, update, &what);
    pthread_mutex_unlock(&store->lock);
    return status;
}

static int get(struct clo_store *store, const char *user, const char *id, struct clo_record *record)
{
    sqlite3_stmt *row = clo_sql(store, SQL_GET);
    clo_sql_text(store, row, 1, id);
    clo_sql_text(store, row, 2, user);
    int step = clo_sql_step(store, row);
    if (step != SQLITE_ROW) {
        int status = clo_sql_finish(store, row, step);
        return status < 0 ? status : CLO_ENOTFOUND;
    }
    snprintf(record->id, sizeof record->id, "%s", id);
    snprintf(record->user, sizeof record->user, "%s", user);
    clo_sql_copy(record->status, sizeof record->status, row, 0);
    record->background = sqlite3_column_int(row, 1);
    clo_sql_copy(record->previous, sizeof record->previous, row, 2);
    clo_sql_copy(record->conversation, sizeof record->conversation, row, 3);
    clo_sql_copy(record->session, sizeof record->session, row, 4);
    clo_sql_copy(record->snapshot, sizeof record->snapshot, row, 6);
    int status = clo_sql_json(row, 5, &record->response);
    sqlite3_reset(row);
    if (status < 0) {
        clo_log_event("error", "store", "response %s in the store cannot be read: %s", record->id,
                      clo_status_name(status));
        return status;
    }
    sqlite3_stmt *output = clo_sql(store, SQL_OUTPUT);
    clo_sql_text(store, output, 1, id);
    return clo_sql_items(store, output, json_object_get(record->response, "output"), SIZE_MAX);
}

int clo_store_get(struct clo_store *store, const char *user, const char *id,
                  struct clo_record *record)
{
    memset(record, 0, sizeof *record);
    pthread_mutex_lock(&store->lock);
    int status = get(store, user, id, record);
    pthread_mutex_unlock(&store->lock);
    if (status < 0)
        clo_record_clear(record);
    return status;
}

int clo_store_has(struct clo_store *store, const char *id)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_PREVIOUS);
    clo_sql_text(store, row, 1, id);
    int step = clo_sql_step(store, row);
    int status = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return status == 0 && step != SQLITE_ROW ? CLO_ENOTFOUND : status;
}

int clo_store_flush(struct clo_store *store)
{
    pthread_mutex_lock(&store->lock);
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    int status = clo_sql_status(store, code);
    pthread_mutex_unlock(&store->lock);
    return status;
}

static int forget(struct clo_store *store, void *context)
{
    return clo_sql_drop(store, context);
}

int clo_store_delete(struct clo_store *store, const char *id)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_PREVIOUS);
    clo_sql_text(store, row, 1, id);
    int step = clo_sql_step(store, row);
    int status = clo_sql_finish(store, row, step);
    if (status == 0 && step != SQLITE_ROW)
        status = CLO_ENOTFOUND;
    if (status == 0)
        status = clo_sql_transaction(store, forget, (void *)id);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_history(struct clo_store *store, const char *id, json_t *items,
                      char previous[CLO_NAME_BYTES_MAX + 1])
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_PREVIOUS);
    clo_sql_text(store, row, 1, id);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW)
        clo_sql_copy(previous, CLO_NAME_BYTES_MAX + 1, row, 0);
    int status = clo_sql_finish(store, row, step);
    if (status == 0 && step != SQLITE_ROW)
        status = CLO_ENOTFOUND;
    if (status == 0) {
        sqlite3_stmt *list = clo_sql(store, SQL_ITEMS);
        clo_sql_text(store, list, 1, id);
        status = clo_sql_items(store, list, items, SIZE_MAX);
    }
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_conversation(struct clo_store *store, const char *user, const char *conversation,
                           json_t *items, size_t max)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *list = clo_sql(store, SQL_CONVERSATION);
    clo_sql_text(store, list, 1, conversation);
    clo_sql_text(store, list, 2, user);
    int status = clo_sql_items(store, list, items, max);
    pthread_mutex_unlock(&store->lock);
    return status;
}

static int find_item(struct clo_store *store, enum clo_sql which, const char *user, const char *id,
                     json_t **item)
{
    json_t *found = json_array();
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, which);
    clo_sql_text(store, row, 1, id);
    clo_sql_text(store, row, 2, user);
    int status = clo_sql_items(store, row, found, 1);
    pthread_mutex_unlock(&store->lock);
    *item = json_incref(json_array_get(found, 0));
    json_decref(found);
    return status < 0 || *item ? status : CLO_ENOTFOUND;
}

int clo_store_item(struct clo_store *store, const char *user, const char *id, json_t **item)
{
    return find_item(store, SQL_ITEM, user, id, item);
}

int clo_store_call_output(struct clo_store *store, const char *user, const char *id, json_t **item)
{
    return find_item(store, SQL_CALL_OUTPUT, user, id, item);
}

/* The position of a cursor; `otherwise` without one. */
static int cursor(struct clo_store *store, const char *id, const char *item, int64_t otherwise,
                  int64_t *position)
{
    *position = otherwise;
    if (!item)
        return 0;
    sqlite3_stmt *row = clo_sql(store, SQL_POSITION);
    clo_sql_text(store, row, 1, id);
    clo_sql_text(store, row, 2, item);
    int step = clo_sql_step(store, row);
    if (step == SQLITE_ROW)
        *position = sqlite3_column_int64(row, 0);
    int status = clo_sql_finish(store, row, step);
    return status < 0 || step == SQLITE_ROW ? status : CLO_EINVALID;
}

int clo_store_input(struct clo_store *store, const char *id, const struct clo_store_page *page,
                    json_t *items)
{
    int64_t low, high;
    /* "after" is later in the order of the list, which is backwards in a descending one */
    const char *above = page->ascending ? page->after : page->before;
    const char *below = page->ascending ? page->before : page->after;
    pthread_mutex_lock(&store->lock);
    int status = cursor(store, id, above, -1, &low);
    if (status == 0)
        status = cursor(store, id, below, INT64_MAX, &high);
    if (status == 0) {
        sqlite3_stmt *list = clo_sql(store, page->ascending ? SQL_INPUT_UP : SQL_INPUT_DOWN);
        clo_sql_text(store, list, 1, id);
        sqlite3_bind_int64(list, 2, low);
        sqlite3_bind_int64(list, 3, high);
        sqlite3_bind_int64(list, 4, (sqlite3_int64)page->limit + 1);
        status = clo_sql_items(store, list, items, SIZE_MAX);
    }
    pthread_mutex_unlock(&store->lock);
    return status;
}

struct event {
    const char *id, *text;
    uint64_t sequence;
    size_t length;
};

static int add_event(struct clo_store *store, void *context)
{
    const struct event *event = context;
    sqlite3_stmt *add = clo_sql(store, SQL_EVENT_ADD);
    clo_sql_text(store, add, 1, event->id);
    sqlite3_bind_int64(add, 2, (sqlite3_int64)event->sequence);
    clo_sql_bound(
        store, sqlite3_bind_text64(add, 3, event->text, event->length, SQLITE_STATIC, SQLITE_UTF8));
    return clo_sql_run(store, SQL_EVENT_ADD);
}

int clo_store_event_add(struct clo_store *store, const char *id, uint64_t sequence,
                        const char *text, size_t length)
{
    struct event event = {id, text, sequence, length};
    pthread_mutex_lock(&store->lock);
    int status = clo_sql_transaction(store, add_event, &event);
    pthread_mutex_unlock(&store->lock);
    return status;
}

int clo_store_event(struct clo_store *store, const char *id, uint64_t *sequence, char **text,
                    size_t *length)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = clo_sql(store, SQL_EVENT);
    clo_sql_text(store, row, 1, id);
    sqlite3_bind_int64(row, 2, *sequence > INT64_MAX ? INT64_MAX : (sqlite3_int64)*sequence);
    int step = clo_sql_step(store, row), status = 0;
    *text = NULL;
    if (step == SQLITE_ROW) {
        *sequence = (uint64_t)sqlite3_column_int64(row, 0);
        *length = (size_t)sqlite3_column_bytes(row, 1);
        *text = strndup((const char *)sqlite3_column_text(row, 1), *length);
        status = *text ? 0 : CLO_ENOMEMORY;
    }
    int ended = clo_sql_finish(store, row, step);
    pthread_mutex_unlock(&store->lock);
    return ended < 0 ? ended : step == SQLITE_ROW ? status : CLO_ENOTFOUND;
}

/* store_test.c - responses, items and events in SQLite: kept, replaced, recovered, forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "serve/store/store_files.h"
#include "serve/store/store_snapshots.h"
#include "serve/store/store_sql.h"

static struct clo_store *open_store(const char *path)
{
    struct clo_store *store;
    struct clo_error error = {0};
    if (clo_store_open(&store, path, &error) < 0)
        fail_msg("%s", error.message);
    return store;
}

/* A response with one input message `text` and, if it is not NULL, one output message. */
static void put(struct clo_store *store, const char *id, const char *previous, const char *status,
                const char *input, const char *output)
{
    struct clo_record record = {.background = true};
    json_t *in =
        json_pack("[{s:s, s:s, s:s}]", "type", "message", "role", "user", "content", input);
    json_t *out =
        output ? json_pack("[{s:s, s:s, s:s}]", "type", "message", "id", id, "content", output)
               : NULL;
    strcpy(record.id, id);
    strcpy(record.previous, previous);
    strcpy(record.status, status);
    strcpy(record.session, "sess_1");
    record.response = json_pack("{s:s, s:i, s:s, s:[], s:n}", "id", id, "created_at", 5, "status",
                                status, "output", "error");
    assert_int_equal(clo_store_put(store, &record, in, out), 0);
    json_decref(in);
    json_decref(out);
    clo_record_clear(&record);
}

static void assert_output(struct clo_store *store, const char *id, const char *want)
{
    struct clo_record record;
    assert_int_equal(clo_store_get(store, "", id, &record), 0);
    json_t *output = json_object_get(record.response, "output");
    assert_int_equal(json_array_size(output), want ? 1 : 0);
    if (want)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(output, 0), "content")), want);
    clo_record_clear(&record);
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    struct clo_store *store = open_store(NULL);
    struct clo_record record;
    put(store, "resp_1", "", "completed", "question", "answer");
    put(store, "resp_2", "resp_1", "completed", "question 2", NULL);
    assert_int_equal(clo_store_get(store, "", "resp_2", &record), 0);
    assert_string_equal(record.previous, "resp_1");
    assert_string_equal(record.conversation, "");
    assert_string_equal(record.session, "sess_1");
    assert_string_equal(record.status, "completed");
    assert_true(record.background);
    clo_record_clear(&record);
    assert_output(store, "resp_1", "answer");
    assert_output(store, "resp_2", NULL);
    assert_int_equal(clo_store_get(store, "", "resp_3", &record), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void an_update_replaces_state_and_output(void **state)
{
    (void)state;
    struct clo_store *store = open_store(NULL);
    struct clo_record record;
    put(store, "resp_1", "", "in_progress", "question", "early");
    json_t *response = json_pack("{s:s, s:s}", "id", "resp_1", "status", "completed");
    json_t *output = json_pack("[{s:s}]", "content", "late");
    assert_int_equal(clo_store_update(store, "resp_1", response, output, NULL), 0);
    assert_output(store, "resp_1", "late");
    assert_int_equal(clo_store_get(store, "", "resp_1", &record), 0);
    assert_string_equal(record.status, "completed");
    assert_string_equal(record.session, "sess_1");
    clo_record_clear(&record);
    assert_int_equal(clo_store_update(store, "resp_x", response, output, NULL), CLO_ENOTFOUND);
    json_decref(response);
    json_decref(output);
    clo_store_close(store);
}

static void a_deleted_response_leaves_nothing(void **state)
{
    (void)state;
    struct clo_store *store = open_store(NULL);
    struct clo_record record;
    json_t *item = NULL;
    char *text;
    size_t length;
    uint64_t sequence = 0;
    put(store, "resp_1", "", "completed", "question", "answer");
    assert_int_equal(clo_store_event_add(store, "resp_1", 0, "x", 1), 0);
    assert_int_equal(clo_store_item(store, "", "resp_1", &item), 0);
    json_decref(item);
    assert_int_equal(clo_store_delete(store, "resp_1"), 0);
    assert_int_equal(clo_store_delete(store, "resp_1"), CLO_ENOTFOUND);
    assert_int_equal(clo_store_get(store, "", "resp_1", &record), CLO_ENOTFOUND);
    assert_int_equal(clo_store_item(store, "", "resp_1", &item), CLO_ENOTFOUND);
    assert_int_equal(clo_store_event(store, "resp_1", &sequence, &text, &length), CLO_ENOTFOUND);
    /* a run that still writes does not bring it back */
    assert_int_equal(clo_store_event_add(store, "resp_1", 1, "y", 1), 0);
    assert_int_equal(clo_store_event(store, "resp_1", &sequence, &text, &length), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void events_are_read_from_any_number_on(void **state)
{
    (void)state;
    struct clo_store *store = open_store(NULL);
    char *text;
    size_t length;
    uint64_t sequence = 0;
    put(store, "resp_1", "", "in_progress", "question", NULL);
    assert_int_equal(clo_store_event_add(store, "resp_1", 3, "three", 5), 0);
    assert_int_equal(clo_store_event_add(store, "resp_1", 4, "four", 4), 0);
    assert_int_equal(clo_store_event(store, "resp_1", &sequence, &text, &length), 0);
    assert_int_equal(sequence, 3);
    assert_string_equal(text, "three");
    assert_int_equal(length, 5);
    free(text);
    sequence = 4;
    assert_int_equal(clo_store_event(store, "resp_1", &sequence, &text, &length), 0);
    assert_string_equal(text, "four");
    free(text);
    sequence = UINT64_MAX;
    assert_int_equal(clo_store_event(store, "resp_1", &sequence, &text, &length), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void a_conversation_is_in_order_and_finished(void **state)
{
    (void)state;
    struct clo_store *store = open_store(NULL);
    static const char *const ids[] = {"resp_b", "resp_a", "resp_c"};
    static const char *const statuses[] = {"completed", "failed", "in_progress"};
    for (int i = 0; i < 3; i++) {
        struct clo_record record = {.conversation = "conv"};
        json_t *in = json_pack("[{s:i}]", "n", i);
        strcpy(record.id, ids[i]);
        strcpy(record.status, statuses[i]);
        strcpy(record.session, "s");
        record.response = json_pack("{s:s}", "id", ids[i]);
        assert_int_equal(clo_store_put(store, &record, in, NULL), 0);
        clo_record_clear(&record);
        json_decref(in);
    }
    json_t *items = json_array();
    assert_int_equal(clo_store_conversation(store, "", "conv", items, 100), 0);
    json_t *want = json_pack("[{s:i}, {s:i}]", "n", 0, "n", 1);
    assert_true(json_equal(items, want));
    json_decref(want);
    json_array_clear(items);
    assert_int_equal(clo_store_conversation(store, "", "other", items, 100), 0);
    assert_int_equal(json_array_size(items), 0);
    json_decref(items);
    clo_store_close(store);
}

static char path[] = "/tmp/cloche-store-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    strcpy(path + sizeof path - 7, "XXXXXX");
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **state)
{
    char wal[64];
    (void)state;
    snprintf(wal, sizeof wal, "%s-wal", path);
    unlink(wal);
    return unlink(path);
}

static void a_file_keeps_responses_and_ends_what_was_unfinished(void **state)
{
    (void)state;
    struct clo_record record;
    struct clo_store *store = open_store(path);
    put(store, "resp_1", "", "completed", "question", "answer");
    put(store, "resp_2", "", "in_progress", "question", NULL);
    clo_store_close(store);
    store = open_store(path);
    assert_output(store, "resp_1", "answer");
    assert_int_equal(clo_store_get(store, "", "resp_2", &record), 0);
    assert_string_equal(record.status, "failed");
    json_t *error = json_object_get(record.response, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "server_error");
    assert_string_equal(json_string_value(json_object_get(record.response, "status")), "failed");
    clo_record_clear(&record);
    clo_store_close(store);
}

static void a_file_has_one_user(void **state)
{
    (void)state;
    struct clo_store *store = open_store(path), *second;
    struct clo_error error = {0};
    assert_int_equal(clo_store_open(&second, path, &error), CLO_ESYSTEM);
    assert_non_null(strstr(error.hint, "another program"));
    clo_store_close(store);
}

static void a_foreign_file_is_refused(void **state)
{
    (void)state;
    struct clo_store *store;
    struct clo_error error = {0};
    sqlite3 *db;
    FILE *file = fopen(path, "w");
    fputs("this is not a database, and it is long enough to be looked at", file);
    fclose(file);
    assert_int_equal(clo_store_open(&store, path, &error), CLO_ESYSTEM);
    assert_non_null(strstr(error.message, path));
    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA user_version = 99; CREATE TABLE t (a)", NULL, NULL, NULL);
    sqlite3_close(db);
    assert_int_equal(clo_store_open(&store, path, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "schema 99"));
}

static void a_full_store_forgets_its_oldest(void **state)
{
    (void)state;
    struct clo_store *store = open_store(NULL);
    struct clo_record record;
    size_t size = 256u << 10;
    char id[32], *text = malloc(size + 1);
    memset(text, 'x', size);
    text[size] = '\0';
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA max_page_count = 2048", NULL, NULL, NULL),
                     SQLITE_OK);
    put(store, "resp_open", "", "in_progress", "still needed", NULL);
    for (int i = 0; i < 80; i++) { /* 20 MiB into 8 */
        snprintf(id, sizeof id, "resp_%d", i);
        put(store, id, "", "completed", text, NULL);
    }
    assert_int_equal(clo_store_get(store, "", "resp_0", &record), CLO_ENOTFOUND);
    assert_int_equal(clo_store_get(store, "", "resp_79", &record), 0);
    clo_record_clear(&record);
    assert_int_equal(clo_store_get(store, "", "resp_open", &record), 0);
    clo_record_clear(&record);
    free(text);
    clo_store_close(store);
}

static void put_of(struct clo_store *store, const char *user, const char *id)
{
    struct clo_record record = {.background = true};
    struct clo_file file = {.created = 1, .bytes = 1};
    json_t *out = json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s}]", "type", "function_call",
                            "id", id, "call_id", id, "name", "f", "type", "function_call_output",
                            "call_id", id, "output", user);
    strcpy(record.id, id);
    strcpy(record.user, user);
    strcpy(record.status, "completed");
    strcpy(record.session, "sess_1");
    strcpy(record.conversation, "talk");
    strcpy(record.snapshot, id);
    record.response = json_pack("{s:s, s:i, s:s, s:[]}", "id", id, "created_at", 5, "status",
                                "completed", "output");
    assert_int_equal(clo_store_put(store, &record, NULL, out), 0);
    json_decref(out);
    clo_record_clear(&record);
    snprintf(file.id, sizeof file.id, "file_%s", id);
    strcpy(file.name, "a");
    strcpy(file.purpose, "user_data");
    strcpy(file.media, "text/plain");
    strcpy(file.user, user);
    assert_int_equal(clo_store_file_add(store, &file), 0);
    assert_int_equal(clo_store_session_run_add(store, user, id, "s", id, 9), 0);
}

static void count_file(void *context, const struct clo_file *file)
{
    (void)file;
    ++*(unsigned *)context;
}

/* Of that user `own` is found, by whatever it is looked for, and `other` is not. */
static void assert_apart(struct clo_store *store, const char *user, const char *own,
                         const char *other)
{
    struct clo_record record;
    struct clo_file file;
    char id[CLO_NAME_BYTES_MAX + 1], snapshot[CLO_ID_MAX];
    unsigned files = 0;
    struct clo_store_files_page page = {
        .limit = 9, .user = user, .each = count_file, .context = &files};
    json_t *item, *items = json_array();
    assert_int_equal(clo_store_get(store, user, own, &record), 0);
    assert_string_equal(record.user, user);
    clo_record_clear(&record);
    assert_int_equal(clo_store_get(store, user, other, &record), CLO_ENOTFOUND);
    assert_int_equal(clo_store_has(store, other), 0); /* its id is taken all the same */
    assert_int_equal(clo_store_item(store, user, own, &item), 0);
    json_decref(item);
    assert_int_equal(clo_store_item(store, user, other, &item), CLO_ENOTFOUND);
    assert_int_equal(clo_store_call_output(store, user, own, &item), 0);
    assert_string_equal(json_string_value(json_object_get(item, "output")), user);
    json_decref(item);
    assert_int_equal(clo_store_call_output(store, user, other, &item), CLO_ENOTFOUND);
    assert_int_equal(clo_store_conversation(store, user, "talk", items, 9), 0);
    assert_int_equal(json_array_size(items), 2);
    json_decref(items);
    assert_int_equal(clo_store_snapshot_of_conversation(store, user, "talk", snapshot), 0);
    assert_string_equal(snapshot, own);
    assert_int_equal(clo_store_snapshot_of_item(store, user, own, snapshot), 0);
    assert_int_equal(clo_store_snapshot_of_item(store, user, other, snapshot), CLO_ENOTFOUND);
    assert_int_equal(clo_store_snapshot_of_run(store, user, own, snapshot), 0);
    assert_int_equal(clo_store_snapshot_of_run(store, user, other, snapshot), CLO_ENOTFOUND);
    snprintf(id, sizeof id, "file_%s", own);
    assert_int_equal(clo_store_file_get(store, user, id, 0, &file), 0);
    snprintf(id, sizeof id, "file_%s", other);
    assert_int_equal(clo_store_file_get(store, user, id, 0, &file), CLO_ENOTFOUND);
    assert_int_equal(clo_store_file_has(store, id), 0);
    assert_int_equal(clo_store_files(store, 0, &page), 0);
    assert_int_equal(files, 1);
    page.after = id;
    assert_int_equal(clo_store_files(store, 0, &page), CLO_EINVALID);
    files = 0;
    page = (struct clo_store_files_page){
        .limit = 9, .every = true, .each = count_file, .context = &files};
    assert_int_equal(clo_store_files(store, 0, &page), 0);
    assert_int_equal(files, 2);
}

static void what_is_one_users_is_not_there_for_another(void **state)
{
    static const char *const users[][2] = {{"alice", "bob"}, {"", "bob"}, {"alice", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        struct clo_store *store = open_store(NULL);
        put_of(store, users[i][0], "r1");
        put_of(store, users[i][1], "r2");
        assert_apart(store, users[i][0], "r1", "r2");
        assert_apart(store, users[i][1], "r2", "r1");
        clo_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_got),
        cmocka_unit_test(what_is_one_users_is_not_there_for_another),
        cmocka_unit_test(an_update_replaces_state_and_output),
        cmocka_unit_test(a_deleted_response_leaves_nothing),
        cmocka_unit_test(events_are_read_from_any_number_on),
        cmocka_unit_test(a_conversation_is_in_order_and_finished),
        cmocka_unit_test_setup_teardown(a_file_keeps_responses_and_ends_what_was_unfinished,
                                        make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_file_has_one_user, make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_foreign_file_is_refused, make_path, remove_path),
        cmocka_unit_test(a_full_store_forgets_its_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

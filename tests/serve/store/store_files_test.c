/* store_files_test.c - rows of files: pages, expiry, owners, and a store of an older schema. */
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
#include "serve/store/store_sql.h"

static struct clo_store *open_store(const char *path)
{
    struct clo_store *store;
    struct clo_error error = {0};
    if (clo_store_open(&store, path, &error) < 0)
        fail_msg("%s", error.message);
    return store;
}

static void add(struct clo_store *store, const char *id, const char *purpose, int64_t expires,
                const char *owner)
{
    struct clo_file file = {.created = 5, .expires = expires, .bytes = 5000};
    snprintf(file.id, sizeof file.id, "%s", id);
    snprintf(file.name, sizeof file.name, "%s.csv", id);
    snprintf(file.purpose, sizeof file.purpose, "%s", purpose);
    snprintf(file.owner, sizeof file.owner, "%s", owner);
    strcpy(file.media, "text/csv");
    assert_int_equal(clo_store_file_add(store, &file), 0);
}

static void append(void *context, const struct clo_file *file)
{
    strcat(strcat(context, file->id), " ");
}

static void assert_page(struct clo_store *store, struct clo_store_files_page page, const char *want)
{
    char got[256] = "";
    page.each = append;
    page.context = got;
    assert_int_equal(clo_store_files(store, 10, &page), 0);
    assert_string_equal(got, want);
}

static void pages_have_their_order(void **state)
{
    struct clo_store *store = open_store(NULL);
    (void)state;
    add(store, "a", "vision", 0, "");
    add(store, "b", "user_data", 0, "resp");
    add(store, "c", "vision", 10, ""); /* expired at 10 */
    add(store, "d", "vision", 11, "");
    assert_page(store, (struct clo_store_files_page){.limit = 9}, "d b a ");
    assert_page(store, (struct clo_store_files_page){.limit = 2}, "d b ");
    assert_page(store, (struct clo_store_files_page){.limit = 2, .ascending = true}, "a b ");
    assert_page(store, (struct clo_store_files_page){.limit = 9, .after = "d"}, "b a ");
    assert_page(store, (struct clo_store_files_page){.limit = 9, .after = "a", .ascending = true},
                "b d ");
    assert_page(store, (struct clo_store_files_page){.limit = 9, .purpose = "vision"}, "d a ");
    assert_page(store, (struct clo_store_files_page){.limit = 9, .purpose = "none"}, "");
    const struct clo_store_files_page beyond = {.limit = 9, .after = "x", .each = append};
    assert_int_equal(clo_store_files(store, 10, &beyond), CLO_EINVALID);
    clo_store_close(store);
}

static void assert_totals(struct clo_store *store, uint64_t files, uint64_t bytes)
{
    uint64_t count, sum;
    assert_int_equal(clo_store_files_totals(store, &count, &sum), 0);
    assert_int_equal(count, files);
    assert_int_equal(sum, bytes);
}

static void what_goes_away_is_listed_until_it_is_forgotten(void **state)
{
    struct clo_store *store = open_store(NULL);
    char id[CLO_ID_MAX];
    (void)state;
    add(store, "a", "vision", 7, "");
    add(store, "b", "vision", 0, "resp_1");
    add(store, "c", "vision", 0, "");
    assert_totals(store, 3, 15000);
    assert_int_equal(clo_store_files_expire(store, 7), 0);
    assert_totals(store, 2, 10000);
    assert_int_equal(clo_store_files_gone(store, id), 0);
    assert_string_equal(id, "a");
    assert_int_equal(clo_store_files_forget(store, "a"), 0);
    assert_int_equal(clo_store_files_gone(store, id), CLO_ENOTFOUND);
    assert_int_equal(clo_store_files_drop(store, "resp_1"), 0);
    assert_int_equal(clo_store_files_gone(store, id), 0);
    assert_string_equal(id, "b");
    assert_int_equal(clo_store_file_delete(store, "b"), CLO_ENOTFOUND);
    assert_totals(store, 1, 5000);
    clo_store_close(store);
}

/* A store as version 0.1.0 made it, whose responses stay. */
static void an_older_store_is_brought_up_to_date(void **state)
{
    char folder[] = "/tmp/clo-older-XXXXXX", path[64], command[128];
    struct clo_record record = {.background = false};
    struct clo_error error = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/db", folder);
    struct clo_store *store = open_store(path);
    strcpy(record.id, "resp_1");
    strcpy(record.status, "completed");
    strcpy(record.session, "s");
    record.response = json_pack("{s:s, s:[]}", "id", "resp_1", "output");
    assert_int_equal(clo_store_put(store, &record, NULL, NULL), 0);
    clo_record_clear(&record);
    assert_int_equal(sqlite3_exec(store->db,
                                  "DROP TABLE session_runs; DROP TABLE snapshots;"
                                  " DROP TABLE snapshot_totals; DROP TABLE snapshots_unused;"
                                  " DROP TABLE snapshots_gone; DROP TRIGGER response_deleted;"
                                  " DROP TRIGGER response_moved; DROP INDEX responses_snapshot;"
                                  " ALTER TABLE responses DROP COLUMN snapshot;"
                                  " ALTER TABLE responses DROP COLUMN user;"
                                  "DROP TABLE files; DROP TABLE file_totals; DROP TABLE files_gone;"
                                  " PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    clo_store_close(store);
    store = open_store(path);
    assert_int_equal(clo_store_get(store, "", "resp_1", &record), 0);
    clo_record_clear(&record);
    add(store, "a", "vision", 0, "");
    assert_totals(store, 1, 5000);
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA user_version = 99", NULL, NULL, NULL),
                     SQLITE_OK);
    clo_store_close(store);
    assert_int_equal(clo_store_open(&store, path, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "schema 99"));
    assert_non_null(strstr(error.hint, "newer"));
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Its files make no room in the database; its responses do, and take their files with them. */
static void a_full_store_forgets_files_with_their_responses(void **state)
{
    struct clo_store *store = open_store(NULL);
    struct clo_file file;
    char id[CLO_ID_MAX];
    (void)state;
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA max_page_count = 200", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < 60; i++) {
        struct clo_record record = {.background = false};
        char text[20000];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        snprintf(record.id, sizeof record.id, "resp_%d", i);
        strcpy(record.status, "completed");
        strcpy(record.session, "s");
        record.response = json_pack("{s:s, s:s}", "id", record.id, "text", text);
        snprintf(id, sizeof id, "file_%d", i);
        add(store, id, "vision", 0, record.id);
        assert_int_equal(clo_store_put(store, &record, NULL, NULL), 0);
        clo_record_clear(&record);
    }
    assert_int_equal(clo_store_file_get(store, "", "file_0", 0, &file), CLO_ENOTFOUND);
    assert_int_equal(clo_store_file_get(store, "", "file_59", 0, &file), 0);
    assert_int_equal(clo_store_files_gone(store, id), 0);
    clo_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_have_their_order),
        cmocka_unit_test(what_goes_away_is_listed_until_it_is_forgotten),
        cmocka_unit_test(an_older_store_is_brought_up_to_date),
        cmocka_unit_test(a_full_store_forgets_files_with_their_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

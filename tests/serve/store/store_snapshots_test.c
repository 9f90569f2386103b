/* store_snapshots_test.c - rows of snapshots: order, totals, and what refers to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/store/store_snapshots.h"

static struct clo_store *open_store(void)
{
    struct clo_store *store;
    struct clo_error error = {0};
    if (clo_store_open(&store, NULL, &error) < 0)
        fail_msg("%s", error.message);
    return store;
}

static void add(struct clo_store *store, const char *id, const char *session, uint64_t bytes)
{
    struct clo_snapshot_row row = {.created = 5, .bytes = bytes};
    snprintf(row.id, sizeof row.id, "%s", id);
    snprintf(row.session, sizeof row.session, "%s", session);
    assert_int_equal(clo_store_snapshot_add(store, &row), 0);
}

static int put(struct clo_store *store, const char *id, const char *conversation,
               const char *status, const char *snapshot)
{
    struct clo_record record = {.background = false};
    snprintf(record.id, sizeof record.id, "%s", id);
    snprintf(record.conversation, sizeof record.conversation, "%s", conversation);
    snprintf(record.status, sizeof record.status, "%s", status);
    snprintf(record.snapshot, sizeof record.snapshot, "%s", snapshot);
    strcpy(record.session, "sess_1");
    record.response = json_pack("{s:s, s:[]}", "id", id, "output");
    char item[64];
    snprintf(item, sizeof item, "fc_%s", id);
    json_t *output = json_pack("[{s:s, s:s}]", "type", "function_call", "id", item);
    int stored = clo_store_put(store, &record, NULL, output);
    json_decref(output);
    clo_record_clear(&record);
    return stored;
}

static void assert_totals(struct clo_store *store, const char *session, uint64_t count,
                          uint64_t bytes)
{
    uint64_t is_count, is_bytes;
    assert_int_equal(clo_store_snapshots_totals(store, session, &is_count, &is_bytes), 0);
    assert_int_equal(is_count, count);
    assert_int_equal(is_bytes, bytes);
}

/* What is looked at now, as "a b ". */
static void assert_unused(struct clo_store *store, const char *want)
{
    char got[256] = "", id[CLO_ID_MAX] = "";
    while (clo_store_snapshot_unused(store, id, id) == 0)
        strcat(strcat(got, id), " ");
    assert_string_equal(got, want);
}

static void assert_of_response(struct clo_store *store, const char *response, const char *want)
{
    char id[CLO_ID_MAX];
    assert_int_equal(clo_store_snapshot_of_response(store, response, id), 0);
    assert_string_equal(id, want);
}

static void rows_have_an_order_and_totals(void **state)
{
    struct clo_store *store = open_store();
    struct clo_snapshot_row row;
    int64_t after = 0;
    char got[64] = "";
    (void)state;
    add(store, "c", "one", 10);
    add(store, "a", "two", 5000);
    add(store, "b", "one", 6000);
    while (clo_store_snapshot_next(store, NULL, &after, &row) == 0)
        strcat(got, row.id);
    assert_string_equal(got, "cab");
    after = 0;
    got[0] = '\0';
    while (clo_store_snapshot_next(store, "one", &after, &row) == 0)
        strcat(got, row.id);
    assert_string_equal(got, "cb");
    assert_int_equal(row.bytes, 6000);
    assert_totals(store, NULL, 3, 4096 + 5000 + 6000);
    assert_totals(store, "one", 2, 4096 + 6000);
    assert_totals(store, "none", 0, 0);
    assert_int_equal(clo_store_snapshot_delete(store, "b"), 0);
    assert_totals(store, NULL, 2, 4096 + 5000);
    assert_int_equal(clo_store_snapshot_get(store, "b", &row), CLO_ENOTFOUND);
    assert_int_equal(clo_store_snapshots_gone(store, got), 0);
    assert_string_equal(got, "b");
    assert_int_equal(clo_store_snapshots_forget(store, "b"), 0);
    assert_int_equal(clo_store_snapshots_gone(store, got), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void a_response_names_its_snapshot(void **state)
{
    struct clo_store *store = open_store();
    struct clo_record record;
    char id[CLO_ID_MAX];
    (void)state;
    add(store, "a", "s", 10);
    add(store, "b", "s", 10);
    assert_int_equal(put(store, "r1", "talk", "completed", "a"), 0);
    assert_int_equal(put(store, "r2", "talk", "in_progress", "b"), 0);
    assert_of_response(store, "r1", "a");
    assert_int_equal(clo_store_snapshot_of_response(store, "none", id), CLO_ENOTFOUND);
    /* what is not finished is no part of the conversation yet */
    assert_int_equal(clo_store_snapshot_of_conversation(store, "", "talk", id), 0);
    assert_string_equal(id, "a");
    json_t *response = json_pack("{s:s, s:s}", "id", "r2", "status", "completed");
    assert_int_equal(clo_store_update(store, "r2", response, NULL, NULL), 0);
    assert_of_response(store, "r2", "b");
    assert_int_equal(clo_store_snapshot_of_conversation(store, "", "talk", id), 0);
    assert_string_equal(id, "b");
    assert_int_equal(put(store, "r3", "talk", "cancelled", "a"), 0);
    assert_int_equal(clo_store_snapshot_of_conversation(store, "", "talk", id), 0);
    assert_string_equal(id, "b");
    assert_unused(store, "");
    assert_int_equal(clo_store_update(store, "r2", response, NULL, "a"), 0);
    json_decref(response);
    assert_of_response(store, "r2", "a");
    assert_unused(store, "b ");
    assert_int_equal(clo_store_get(store, "", "r1", &record), 0);
    assert_string_equal(record.snapshot, "a");
    clo_record_clear(&record);
    assert_int_equal(clo_store_snapshot_of_item(store, "", "fc_r1", id), 0);
    assert_string_equal(id, "a");
    assert_int_equal(clo_store_snapshot_of_item(store, "", "fc_none", id), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void what_is_referred_to_stays(void **state)
{
    struct clo_store *store = open_store();
    struct clo_snapshot_row row;
    (void)state;
    add(store, "a", "s", 10);
    assert_int_equal(put(store, "r1", "", "completed", "a"), 0);
    assert_int_equal(put(store, "r2", "", "completed", "a"), 0);
    assert_int_equal(clo_store_delete(store, "r1"), 0);
    assert_unused(store, "a ");
    assert_int_equal(clo_store_snapshot_drop(store, "a"), 0); /* looked at, and used */
    assert_unused(store, "");
    assert_int_equal(clo_store_snapshot_get(store, "a", &row), 0);
    assert_int_equal(put(store, "r2", "", "completed", "a"), 0); /* written anew */
    assert_int_equal(clo_store_snapshot_drop(store, "a"), 0);
    assert_int_equal(clo_store_snapshot_get(store, "a", &row), 0);
    assert_int_equal(clo_store_delete(store, "r2"), 0);
    assert_int_equal(clo_store_snapshot_drop(store, "a"), 0);
    assert_int_equal(clo_store_snapshot_get(store, "a", &row), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void runs_refer_too_and_are_few(void **state)
{
    struct clo_store *store = open_store();
    struct clo_snapshot_row row;
    char id[CLO_ID_MAX];
    (void)state;
    add(store, "a", "s", 10);
    add(store, "b", "s", 10);
    assert_int_equal(clo_store_session_run_add(store, "", "run_1", "s", "a", 2), 0);
    assert_int_equal(clo_store_session_run_add(store, "", "run_2", "s", "b", 2), 0);
    assert_int_equal(clo_store_session_run_add(store, "", "other", "t", "b", 2), 0);
    assert_int_equal(clo_store_snapshot_of_run(store, "", "run_1", id), 0);
    assert_string_equal(id, "a");
    assert_int_equal(clo_store_session_run_add(store, "", "run_3", "s", "b", 2), 0);
    assert_int_equal(clo_store_snapshot_of_run(store, "", "run_1", id), CLO_ENOTFOUND);
    assert_unused(store, "a ");
    assert_int_equal(clo_store_snapshot_drop(store, "a"), 0);
    assert_int_equal(clo_store_snapshot_get(store, "a", &row), CLO_ENOTFOUND);
    assert_int_equal(clo_store_snapshot_drop(store, "b"), 0);
    assert_int_equal(clo_store_snapshot_get(store, "b", &row), 0);
    assert_int_equal(clo_store_snapshot_delete(store, "b"), 0); /* for its age, say */
    assert_int_equal(clo_store_snapshot_of_run(store, "", "run_3", id), CLO_ENOTFOUND);
    assert_int_equal(clo_store_snapshot_of_run(store, "", "other", id), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void a_run_gives_its_state_up(void **state)
{
    struct clo_store *store = open_store();
    struct clo_snapshot_row row;
    char id[CLO_ID_MAX];
    (void)state;
    add(store, "a", "s", 10);
    assert_int_equal(clo_store_session_run_add(store, "", "run_1", "s", "a", 2), 0);
    assert_int_equal(clo_store_session_run_add(store, "", "run_2", "s", "a", 2), 0);
    assert_int_equal(clo_store_session_run_delete(store, "", "run_3"), CLO_ENOTFOUND);
    assert_int_equal(clo_store_session_run_delete(store, "another", "run_1"), CLO_ENOTFOUND);
    assert_int_equal(clo_store_session_run_delete(store, "", "run_1"), 0);
    assert_int_equal(clo_store_session_run_delete(store, "", "run_1"), CLO_ENOTFOUND);
    assert_int_equal(clo_store_snapshot_of_run(store, "", "run_1", id), CLO_ENOTFOUND);
    assert_int_equal(clo_store_snapshot_of_run(store, "", "run_2", id), 0);
    assert_unused(store, "a ");
    assert_int_equal(clo_store_snapshot_drop(store, "a"), 0); /* looked at, and used */
    assert_int_equal(clo_store_snapshot_get(store, "a", &row), 0);
    assert_int_equal(clo_store_session_run_delete(store, "", "run_2"), 0);
    assert_int_equal(clo_store_snapshot_drop(store, "a"), 0);
    assert_int_equal(clo_store_snapshot_get(store, "a", &row), CLO_ENOTFOUND);
    clo_store_close(store);
}

static void orphans_are_found(void **state)
{
    struct clo_store *store = open_store();
    (void)state;
    add(store, "a", "s", 10);
    add(store, "b", "s", 10);
    add(store, "c", "s", 10);
    assert_int_equal(put(store, "r1", "", "completed", "a"), 0);
    assert_int_equal(clo_store_session_run_add(store, "", "run_1", "s", "b", 2), 0);
    assert_int_equal(clo_store_snapshots_orphans(store), 0);
    assert_unused(store, "c ");
    clo_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_an_order_and_totals),
        cmocka_unit_test(a_response_names_its_snapshot),
        cmocka_unit_test(what_is_referred_to_stays),
        cmocka_unit_test(runs_refer_too_and_are_few),
        cmocka_unit_test(a_run_gives_its_state_up),
        cmocka_unit_test(orphans_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

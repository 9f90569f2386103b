/* snapshots_test.c - snapshots in their folder: the key, ceilings, ages, what is held, and what a crash
 * leaves. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/sessions/key.h"
#include "serve/sessions/snapshots.h"
#include "serve/store/store_sql.h"

struct place {
    char folder[64], store[96], snapshots[128];
    struct clo_store *open_store;
    struct clo_snapshots *open;
};

static const struct clo_snapshots_config usual = {.max_bytes = 1 << 20,
                                                  .count = 100,
                                                  .total_bytes = 4 << 20,
                                                  .session_count = 100,
                                                  .session_bytes = 4 << 20};

static int try_to_open(struct place *place, struct clo_snapshots_config config,
                       struct clo_error *error)
{
    config.store = place->store;
    int status = clo_store_open(&place->open_store, place->store, error);
    if (status == 0)
        status = clo_snapshots_open(&place->open, place->open_store, &config, error);
    return status;
}

static void open_place(struct place *place, struct clo_snapshots_config config)
{
    struct clo_error error = {0};
    if (try_to_open(place, config, &error) < 0)
        fail_msg("%s", error.message);
}

static void close_place(struct place *place)
{
    clo_snapshots_close(place->open);
    clo_store_close(place->open_store);
    place->open = NULL;
    place->open_store = NULL;
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place)
        return -1;
    strcpy(place->folder, "/tmp/clo-snapshots-test-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->store, sizeof place->store, "%s/db", place->folder);
    snprintf(place->snapshots, sizeof place->snapshots, "%s-snapshots", place->store);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];
    close_place(place);
    snprintf(command, sizeof command, "rm -rf %s", place->folder);
    free(place);
    return system(command);
}

/* Files of snapshots and drafts. */
static unsigned files(const struct place *place)
{
    unsigned count = 0;
    DIR *stream = opendir(place->snapshots);
    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream));)
        count += strncmp(entry->d_name, "snap-", 5) == 0 || strncmp(entry->d_name, "part-", 5) == 0;
    closedir(stream);
    return count;
}

static bool is_there(struct place *place, const char *id)
{
    struct clo_snapshot_row row;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", place->snapshots, id);
    bool row_is = clo_store_snapshot_get(place->open_store, id, &row) == 0;
    assert_int_equal(row_is, access(path, F_OK) == 0);
    return row_is;
}

/* A draft of so many bytes, counted and kept: what a run and the end of its response do. */
static int keep(struct clo_snapshots *snapshots, struct clo_snapshot_hold *hold, uint64_t bytes,
                const char **what)
{
    char id[CLO_ID_MAX];
    int descriptor = clo_snapshots_draft(snapshots, id);
    assert_true(descriptor >= 0);
    assert_int_equal(ftruncate(descriptor, (off_t)bytes), 0);
    int status = clo_snapshots_count(snapshots, hold, bytes, what);
    if (status == 0)
        status = clo_snapshots_publish(snapshots, hold, id, descriptor, bytes);
    else
        clo_snapshots_draft_drop(snapshots, id);
    close(descriptor);
    return status;
}

static void put_response(struct place *place, const char *response, const char *snapshot)
{
    struct clo_record record = {.background = false};
    snprintf(record.id, sizeof record.id, "%s", response);
    snprintf(record.snapshot, sizeof record.snapshot, "%s", snapshot);
    strcpy(record.status, "completed");
    strcpy(record.session, "s");
    record.response = json_pack("{s:s, s:[]}", "id", response, "output");
    assert_int_equal(clo_store_put(place->open_store, &record, NULL, NULL), 0);
    clo_record_clear(&record);
}

/* A response of `session` that went on from `before` and left a new snapshot: its id in `id`. */
static void respond(struct place *place, const char *session, const char *before, uint64_t bytes,
                    const char *response, char id[CLO_ID_MAX])
{
    struct clo_snapshot_hold hold;
    const char *what;
    assert_int_equal(clo_snapshots_hold(place->open, session, before, &hold), 0);
    assert_int_equal(keep(place->open, &hold, bytes, &what), 0);
    snprintf(id, CLO_ID_MAX, "%s", hold.row.id);
    put_response(place, response, id);
    clo_snapshots_release(place->open, &hold, false);
}

static void what_is_kept_is_there_after_a_restart(void **state)
{
    struct place *place = *state;
    struct clo_snapshot_hold hold;
    struct stat status;
    char id[CLO_ID_MAX], path[256];
    open_place(place, usual);
    respond(place, "s", "", 10, "r1", id);
    close_place(place);
    open_place(place, usual);
    assert_int_equal(clo_snapshots_hold(place->open, "", id, &hold), 0);
    assert_string_equal(hold.session, "s");
    int descriptor = clo_snapshots_content(place->open, &hold);
    assert_int_equal(fstat(descriptor, &status), 0);
    assert_int_equal(status.st_size, 10);
    assert_int_equal(status.st_mode & 0777, 0600);
    close(descriptor);
    clo_snapshots_release(place->open, &hold, false);
    assert_int_equal(stat(place->snapshots, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/key", place->snapshots);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_size, CLO_SNAPSHOT_KEY_BYTES);
}

static void the_key_stays_and_is_bound_to_ids(void **state)
{
    struct place *place = *state;
    uint8_t before[CLO_SNAPSHOT_KEY_BYTES];
    static const uint8_t none[CLO_SNAPSHOT_KEY_BYTES];
    open_place(place, usual);
    struct clo_snapshot_options seal = clo_snapshots_seal(place->open, "snap-x", false);
    assert_int_equal(seal.key_length, sizeof before);
    assert_int_equal(seal.max_bytes, 1 << 20);
    assert_memory_equal(seal.about, "snap-x", seal.about_length);
    memcpy(before, seal.key, sizeof before);
    assert_memory_not_equal(before, none, sizeof none);
    close_place(place);
    open_place(place, usual);
    assert_memory_equal(clo_snapshots_seal(place->open, "snap-x", true).key, before, sizeof before);
}

static void assert_refused(struct place *place, const char *words, const char *hint)
{
    struct clo_error error = {0};
    assert_int_equal(try_to_open(place, usual, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, words));
    assert_non_null(strstr(error.hint, hint));
    close_place(place);
}

static void a_key_that_is_none_is_refused(void **state)
{
    struct place *place = *state;
    char path[256], elsewhere[256];
    struct clo_error error = {0};
    open_place(place, usual);
    close_place(place);
    snprintf(path, sizeof path, "%s/key", place->snapshots);
    assert_int_equal(chmod(path, 0640), 0);
    assert_refused(place, "mode 0640", "0600");
    assert_int_equal(chmod(path, 0600), 0);
    open_place(place, usual);
    close_place(place);
    assert_int_equal(truncate(path, 31), 0);
    assert_refused(place, "31 bytes, not 32", "begin anew");
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", place->folder);
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_int_equal(try_to_open(place, usual, &error), CLO_ESYSTEM);
    close_place(place);
    assert_int_equal(unlink(path), 0);
    open_place(place, usual); /* a new one */
}

static void the_oldest_of_a_conversation_goes_first(void **state)
{
    struct place *place = *state;
    struct clo_snapshots_config config = usual;
    char ids[5][CLO_ID_MAX], other[CLO_ID_MAX], name[8];
    config.session_count = 3;
    open_place(place, config);
    respond(place, "other", "", 10, "other", other);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "r%d", i);
        respond(place, "s", i ? ids[i - 1] : "", 10, name, ids[i]);
    }
    assert_false(is_there(place, ids[0]));
    assert_false(is_there(place, ids[1]));
    assert_true(is_there(place, ids[2]) && is_there(place, ids[4]));
    assert_true(is_there(place, other));
    assert_int_equal(files(place), 4);
}

static void bytes_of_all_have_a_ceiling(void **state)
{
    struct place *place = *state;
    struct clo_snapshots_config config = usual;
    struct clo_snapshot_hold hold;
    const char *what;
    char a[CLO_ID_MAX], b[CLO_ID_MAX], c[CLO_ID_MAX];
    config.total_bytes = config.session_bytes = config.max_bytes = 10000;
    open_place(place, config);
    respond(place, "a", "", 6000, "ra", a);
    respond(place, "b", "", 1, "rb", b); /* counts for 4,096: 10,096 are too many */
    assert_false(is_there(place, a));
    respond(place, "c", "", 5904, "rc", c);
    assert_true(is_there(place, b) && is_there(place, c));
    assert_int_equal(clo_snapshots_hold(place->open, "d", "", &hold), 0);
    assert_int_equal(keep(place->open, &hold, 10001, &what), CLO_ELIMIT);
    assert_string_equal(what, "serve.snapshots.max_bytes");
    assert_true(is_there(place, b) && is_there(place, c)); /* for nothing none goes */
    clo_snapshots_release(place->open, &hold, false);
}

static void what_is_held_does_not_go(void **state)
{
    struct place *place = *state;
    struct clo_snapshots_config config = usual;
    struct clo_snapshot_hold one, other;
    const char *what;
    char a[CLO_ID_MAX];
    config.count = 1;
    open_place(place, config);
    respond(place, "a", "", 10, "ra", a);
    assert_int_equal(clo_snapshots_hold(place->open, "", a, &one), 0);
    assert_int_equal(clo_snapshots_hold(place->open, "b", "", &other), 0);
    assert_int_equal(keep(place->open, &other, 10, &what), CLO_ELIMIT);
    assert_string_equal(what, "serve.snapshots.count");
    assert_int_equal(clo_store_delete(place->open_store, "ra"), 0);
    clo_snapshots_sweep(place->open);
    assert_true(is_there(place, a)); /* though nothing refers to it */
    /* who holds it alone takes its place */
    assert_int_equal(keep(place->open, &one, 10, &what), 0);
    assert_false(is_there(place, a));
    assert_true(is_there(place, one.row.id));
    clo_snapshots_release(place->open, &one, false);
    assert_int_equal(keep(place->open, &other, 10, &what), 0);
    clo_snapshots_release(place->open, &other, false);
    assert_int_equal(files(place), 1);
}

/* Counted as long as it is in the making: two that have each room do not have it together. */
static void drafts_count(void **state)
{
    struct place *place = *state;
    struct clo_snapshots_config config = usual;
    struct clo_snapshot_hold one, other;
    const char *what;
    config.total_bytes = config.session_bytes = config.max_bytes = 10000;
    open_place(place, config);
    assert_int_equal(clo_snapshots_hold(place->open, "a", "", &one), 0);
    assert_int_equal(clo_snapshots_hold(place->open, "b", "", &other), 0);
    assert_int_equal(clo_snapshots_count(place->open, &one, 6000, &what), 0);
    assert_int_equal(clo_snapshots_count(place->open, &other, 6000, &what), CLO_ELIMIT);
    assert_int_equal(clo_snapshots_count(place->open, &one, 4000, &what), 0); /* in its place */
    assert_int_equal(clo_snapshots_count(place->open, &other, 5000, &what), 0);
    clo_snapshots_release(place->open, &one, false);
    assert_int_equal(clo_snapshots_count(place->open, &other, 10000, &what), 0);
    clo_snapshots_release(place->open, &other, false);
}

static void what_is_too_old_is_not_there(void **state)
{
    struct place *place = *state;
    struct clo_snapshots_config config = usual;
    struct clo_snapshot_hold hold, held;
    char a[CLO_ID_MAX], b[CLO_ID_MAX], c[CLO_ID_MAX];
    config.keep_s = 3600;
    open_place(place, config);
    respond(place, "a", "", 10, "ra", a);
    respond(place, "b", "", 10, "rb", b);
    assert_int_equal(clo_snapshots_hold(place->open, "", b, &held), 0);
    assert_int_equal(sqlite3_exec(place->open_store->db,
                                  "UPDATE snapshots SET created = created - 3600", NULL, NULL,
                                  NULL),
                     SQLITE_OK);
    respond(place, "c", "", 10, "rc", c);
    assert_int_equal(clo_snapshots_hold(place->open, "", a, &hold), CLO_ENOTFOUND);
    clo_snapshots_release(place->open, &hold, false);
    clo_snapshots_sweep(place->open);
    assert_false(is_there(place, a));
    assert_true(is_there(place, b)); /* in use */
    assert_true(is_there(place, c));
    clo_snapshots_release(place->open, &held, false);
    clo_snapshots_sweep(place->open);
    assert_false(is_there(place, b));
    assert_true(is_there(place, c));
}

static void what_nothing_refers_to_goes(void **state)
{
    struct place *place = *state;
    char a[CLO_ID_MAX];
    open_place(place, usual);
    respond(place, "s", "", 10, "r1", a);
    put_response(place, "r2", a); /* of which no run took place */
    assert_int_equal(clo_store_delete(place->open_store, "r1"), 0);
    clo_snapshots_sweep(place->open);
    assert_true(is_there(place, a));
    assert_int_equal(clo_store_delete(place->open_store, "r2"), 0);
    clo_snapshots_sweep(place->open);
    assert_false(is_there(place, a));
    assert_int_equal(files(place), 0);
}

/* Of a session whose response was not stored. */
static void what_was_kept_for_nobody_goes(void **state)
{
    struct place *place = *state;
    struct clo_snapshot_hold hold, other;
    const char *what;
    open_place(place, usual);
    assert_int_equal(clo_snapshots_hold(place->open, "s", "", &hold), 0);
    assert_int_equal(keep(place->open, &hold, 10, &what), 0);
    assert_int_equal(clo_snapshots_hold(place->open, "", hold.row.id, &other), 0);
    clo_snapshots_release(place->open, &hold, true);
    assert_true(is_there(place, hold.row.id)); /* another one goes on from it */
    clo_snapshots_release(place->open, &other, true);
    assert_false(is_there(place, hold.row.id));
    char id[CLO_ID_MAX];
    respond(place, "s", "", 10, "r1", id);
    assert_int_equal(clo_snapshots_hold(place->open, "", id, &hold), 0);
    clo_snapshots_release(place->open, &hold, true);
    assert_true(is_there(place, id));
}

static void write_file(const struct place *place, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", place->snapshots, name);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "x", 1), 1);
    close(descriptor);
}

static void a_crash_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct clo_snapshot_hold hold;
    const char *what;
    char kept[CLO_ID_MAX], lost[CLO_ID_MAX], path[256];
    open_place(place, usual);
    respond(place, "s", "", 10, "r1", kept);
    respond(place, "s", "", 10, "r2", lost);
    /* published, and the response that was to name it never stored */
    assert_int_equal(clo_snapshots_hold(place->open, "s", "", &hold), 0);
    assert_int_equal(keep(place->open, &hold, 10, &what), 0);
    clo_snapshots_release(place->open, &hold, false);
    close_place(place);
    write_file(place, "part-snap-00000000000000000000000000000001");
    write_file(place, "snap-00000000000000000000000000000002");
    write_file(place, "somebody-elses");
    snprintf(path, sizeof path, "%s/%s", place->snapshots, lost);
    assert_int_equal(unlink(path), 0);
    open_place(place, usual);
    assert_true(is_there(place, kept));
    assert_false(is_there(place, lost));
    assert_false(is_there(place, hold.row.id));
    assert_int_equal(files(place), 1);
    snprintf(path, sizeof path, "%s/somebody-elses", place->snapshots);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_store_in_memory_has_a_folder_of_its_own(void **state)
{
    struct place *place = *state;
    struct clo_snapshots *snapshots;
    struct clo_snapshot_hold hold;
    struct clo_error error = {0};
    const char *what;
    char name[512] = "";
    assert_int_equal(setenv("TMPDIR", place->folder, 1), 0);
    assert_int_equal(clo_store_open(&place->open_store, NULL, &error), 0);
    assert_int_equal(clo_snapshots_open(&snapshots, place->open_store, &usual, &error), 0);
    assert_int_equal(clo_snapshots_hold(snapshots, "s", "", &hold), 0);
    assert_int_equal(keep(snapshots, &hold, 10, &what), 0);
    DIR *stream = opendir(place->folder);
    for (const struct dirent *entry; (entry = readdir(stream));) {
        if (strncmp(entry->d_name, "cloche-snapshots-", 17) == 0)
            snprintf(name, sizeof name, "%s/%s", place->folder, entry->d_name);
    }
    closedir(stream);
    assert_true(*name);
    int descriptor = clo_snapshots_content(snapshots, &hold);
    assert_true(descriptor >= 0);
    close(descriptor);
    clo_snapshots_release(snapshots, &hold, false);
    clo_snapshots_close(snapshots);
    assert_int_not_equal(access(name, F_OK), 0);
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_is_there_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_stays_and_is_bound_to_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_is_none_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_of_a_conversation_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_of_all_have_a_ceiling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_held_does_not_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drafts_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_old_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nothing_refers_to_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_kept_for_nobody_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_in_memory_has_a_folder_of_its_own, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

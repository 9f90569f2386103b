/* file_store_test.c - files in their folder: kept, counted, refused, swept after a crash, gone. */
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

#include "serve/files/file_store.h"

struct place {
    char folder[64], store[96], files[128];
    struct clo_store *open_store;
    struct clo_file_store *open_files;
};

static void open_place(struct place *place, struct clo_file_store_config config)
{
    struct clo_error error = {0};
    config.store = place->store;
    if (!config.max_bytes)
        config.max_bytes = 1 << 20;
    if (!config.total_bytes)
        config.total_bytes = 4 << 20;
    if (clo_store_open(&place->open_store, place->store, &error) < 0 ||
        clo_file_store_open(&place->open_files, place->open_store, &config, &error) < 0)
        fail_msg("%s", error.message);
}

static void close_place(struct place *place)
{
    clo_file_store_close(place->open_files);
    clo_store_close(place->open_store);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    strcpy(place->folder, "/tmp/clo-files-test-XXXXXX");
    if (!place || !mkdtemp(place->folder))
        return -1;
    snprintf(place->store, sizeof place->store, "%s/db", place->folder);
    snprintf(place->files, sizeof place->files, "%s-files", place->store);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", place->folder);
    free(place);
    return system(command);
}

static unsigned entries(const char *path)
{
    unsigned count = 0;
    DIR *stream = opendir(path);
    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream));)
        count += entry->d_name[0] != '.';
    closedir(stream);
    return count;
}

static unsigned descriptors(void)
{
    return entries("/proc/self/fd");
}

/* *problem is filled where this is negative. */
static int keep(struct clo_file_store *files, const char *content, const char *owner,
                struct clo_file *file, struct clo_problem *problem)
{
    struct clo_file_draft draft;
    memset(file, 0, sizeof *file);
    strcpy(file->name, "table.csv");
    strcpy(file->purpose, "user_data");
    strcpy(file->owner, owner);
    int status = clo_file_draft_begin(files, NULL, *owner ? owner : NULL, &draft, problem);
    if (status == 0)
        status = clo_file_draft_write(&draft, content, strlen(content), problem);
    return status == 0 ? clo_file_draft_keep(&draft, file, problem) : status;
}

static void must_keep(struct clo_file_store *files, const char *content, const char *owner,
                      struct clo_file *file)
{
    struct clo_problem problem;
    if (keep(files, content, owner, file, &problem) < 0)
        fail_msg("%s", problem.message);
}

static void assert_content(struct clo_file_store *files, const char *id, const char *want)
{
    char got[256];
    int descriptor = clo_file_store_content(files, "", id);
    assert_true(descriptor >= 0);
    ssize_t length = read(descriptor, got, sizeof got - 1);
    assert_true(length >= 0);
    got[length] = '\0';
    close(descriptor);
    assert_string_equal(got, want);
}

static void what_is_kept_is_there_after_a_restart(void **state)
{
    struct place *place = *state;
    struct clo_file file, found;
    struct stat status;
    char path[256];
    open_place(place, (struct clo_file_store_config){0}); /* which may open what is kept for good */
    close_place(place);
    unsigned before = descriptors();
    open_place(place, (struct clo_file_store_config){0});
    must_keep(place->open_files, "id,name\n1,Ada\n", "", &file);
    assert_int_equal(file.bytes, 14);
    assert_string_equal(file.media, "text/csv");
    assert_string_equal(file.head, "id,name");
    assert_int_equal(file.expires, 0);
    close_place(place);
    open_place(place, (struct clo_file_store_config){0});
    assert_int_equal(clo_file_store_get(place->open_files, "", file.id, &found), 0);
    assert_string_equal(found.id, file.id);
    assert_string_equal(found.name, "table.csv");
    assert_string_equal(found.head, "id,name");
    assert_content(place->open_files, file.id, "id,name\n1,Ada\n");
    snprintf(path, sizeof path, "%s/%s", place->files, file.id);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(place->files, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    close_place(place);
    assert_int_equal(descriptors(), before);
}

static void a_dropped_draft_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct clo_problem problem;
    struct clo_file_draft draft;
    uint64_t files, bytes;
    unsigned before;
    open_place(place, (struct clo_file_store_config){.total_bytes = 1 << 20});
    before = descriptors();
    for (int i = 0; i < 3; i++) { /* which would not fit twice */
        static char block[900000];
        assert_int_equal(clo_file_draft_begin(place->open_files, NULL, NULL, &draft, &problem), 0);
        assert_int_equal(clo_file_draft_write(&draft, block, sizeof block, &problem), 0);
        assert_int_equal(entries(place->files), 1);
        clo_file_draft_drop(&draft);
        clo_file_draft_drop(&draft); /* of none */
        assert_int_equal(entries(place->files), 0);
    }
    assert_int_equal(clo_store_files_totals(place->open_store, &files, &bytes), 0);
    assert_int_equal(files + bytes, 0);
    assert_int_equal(descriptors(), before);
    close_place(place);
}

static void ceilings_are_kept(void **state)
{
    struct place *place = *state;
    static char block[600000];
    struct clo_problem problem;
    struct clo_file file, more;
    struct clo_file_draft draft;
    open_place(place, (struct clo_file_store_config){.max_bytes = 1000000, .total_bytes = 1 << 20});
    assert_int_equal(clo_file_draft_begin(place->open_files, NULL, NULL, &draft, &problem), 0);
    assert_int_equal(clo_file_draft_write(&draft, block, sizeof block, &problem), 0);
    assert_true(clo_file_draft_write(&draft, block, sizeof block, &problem) < 0);
    assert_int_equal(problem.status, 413);
    assert_non_null(strstr(problem.message, "1000000"));
    assert_int_equal(entries(place->files), 0);
    /* 4 KiB each, however small */
    unsigned kept = 1;
    must_keep(place->open_files, "", "", &file);
    while (keep(place->open_files, "", "", &more, &problem) == 0)
        kept++;
    assert_int_equal(kept, (1 << 20) / 4096);
    assert_int_equal(problem.status, 400);
    assert_string_equal(problem.code, "file_quota_exceeded");
    assert_int_equal(entries(place->files), kept);
    assert_int_equal(clo_store_file_delete(place->open_store, file.id), 0);
    must_keep(place->open_files, "", "", &file);
    close_place(place);
}

static void a_deleted_file_is_read_to_its_end(void **state)
{
    struct place *place = *state;
    struct clo_file file;
    char got[8] = "";
    open_place(place, (struct clo_file_store_config){0});
    must_keep(place->open_files, "content", "", &file);
    int descriptor = clo_file_store_content(place->open_files, "", file.id);
    assert_int_equal(clo_store_file_delete(place->open_store, file.id), 0);
    assert_int_equal(clo_store_file_delete(place->open_store, file.id), CLO_ENOTFOUND);
    assert_int_equal(clo_file_store_get(place->open_files, "", file.id, &file), CLO_ENOTFOUND);
    assert_int_equal(entries(place->files), 1);
    clo_file_store_sweep(place->open_files);
    assert_int_equal(entries(place->files), 0);
    assert_int_equal(read(descriptor, got, 7), 7);
    assert_string_equal(got, "content");
    close(descriptor);
    assert_int_equal(clo_file_store_content(place->open_files, "", file.id), CLO_ENOTFOUND);
    assert_int_equal(clo_file_store_content(place->open_files, "", "../db"), CLO_ENOTFOUND);
    assert_int_equal(clo_file_store_content(place->open_files, "", ""), CLO_ENOTFOUND);
    close_place(place);
}

static void put_response(struct clo_store *store, const char *id)
{
    struct clo_record record = {0};
    strcpy(record.id, id);
    strcpy(record.status, "completed");
    strcpy(record.session, "sess_1");
    record.response = json_pack("{s:s, s:[]}", "id", id, "output");
    assert_int_equal(clo_store_put(store, &record, NULL, NULL), 0);
    clo_record_clear(&record);
}

static void a_file_goes_with_its_response(void **state)
{
    struct place *place = *state;
    struct clo_file of_one, of_two, of_none, found;
    open_place(place, (struct clo_file_store_config){.keep_s = 3600});
    must_keep(place->open_files, "1", "resp_1", &of_one);
    must_keep(place->open_files, "2", "resp_2", &of_two);
    must_keep(place->open_files, "3", "", &of_none);
    assert_int_equal(of_one.expires, 0); /* kept as long as its response */
    assert_int_equal(of_none.expires, of_none.created + 3600);
    put_response(place->open_store, "resp_1"); /* writing a response does not touch them */
    put_response(place->open_store, "resp_1");
    assert_int_equal(clo_file_store_get(place->open_files, "", of_one.id, &found), 0);
    assert_int_equal(clo_store_delete(place->open_store, "resp_1"), 0);
    assert_int_equal(clo_file_store_get(place->open_files, "", of_one.id, &found), CLO_ENOTFOUND);
    clo_file_store_sweep(place->open_files);
    assert_int_equal(entries(place->files), 2);
    close_place(place);
    /* resp_2 was never stored: its turn ended with the server */
    open_place(place, (struct clo_file_store_config){0});
    assert_int_equal(clo_file_store_get(place->open_files, "", of_two.id, &found), CLO_ENOTFOUND);
    assert_int_equal(clo_file_store_get(place->open_files, "", of_none.id, &found), 0);
    assert_int_equal(entries(place->files), 1);
    close_place(place);
}

static void a_response_makes_room_for_its_files_an_upload_does_not(void **state)
{
    struct place *place = *state;
    struct clo_problem problem;
    struct clo_file first, second, own, upload, more;
    open_place(place, (struct clo_file_store_config){.total_bytes = 4 * 4096});
    must_keep(place->open_files, "u", "", &upload);
    must_keep(place->open_files, "1", "resp_1", &first);
    must_keep(place->open_files, "2", "resp_2", &second);
    must_keep(place->open_files, "3", "resp_3", &own);
    assert_true(keep(place->open_files, "x", "", &more, &problem) < 0);
    assert_string_equal(problem.code, "file_quota_exceeded");
    must_keep(place->open_files, "4", "resp_3", &more);
    assert_false(
        clo_file_store_has(place->open_files, "", first.id)); /* the oldest that has an owner */
    assert_true(clo_file_store_has(place->open_files, "", second.id));
    assert_int_equal(entries(place->files), 4);
    must_keep(place->open_files, "5", "resp_3", &more);
    assert_true(keep(place->open_files, "6", "resp_3", &more, &problem) < 0); /* never its own */
    assert_string_equal(problem.code, "file_quota_exceeded");
    assert_true(clo_file_store_has(place->open_files, "", upload.id));
    assert_true(clo_file_store_has(place->open_files, "", own.id));
    close_place(place);
}

static void an_expired_file_is_not_found(void **state)
{
    struct place *place = *state;
    struct clo_problem problem;
    struct clo_file_draft draft;
    struct clo_file file = {.name = "a", .purpose = "vision", .expires = clo_file_store_now() - 1};
    open_place(place, (struct clo_file_store_config){0});
    assert_int_equal(clo_file_draft_begin(place->open_files, NULL, NULL, &draft, &problem), 0);
    assert_int_equal(clo_file_draft_keep(&draft, &file, &problem), 0);
    assert_int_equal(clo_file_store_get(place->open_files, "", file.id, &file), CLO_ENOTFOUND);
    assert_int_equal(entries(place->files), 1);
    clo_file_store_sweep(place->open_files);
    assert_int_equal(entries(place->files), 0);
    close_place(place);
}

static void touch(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(descriptor >= 0);
    close(descriptor);
}

static void what_a_crash_left_is_swept(void **state)
{
    struct place *place = *state;
    struct clo_file kept, lost, deleted;
    char path[256];
    open_place(place, (struct clo_file_store_config){0});
    must_keep(place->open_files, "a", "", &kept);
    must_keep(place->open_files, "b", "", &lost);
    must_keep(place->open_files, "c", "", &deleted);
    assert_int_equal(clo_store_file_delete(place->open_store, deleted.id), 0); /* and no sweep */
    close_place(place);
    touch(place->files, "part-file-00000000000000000000000000000000");
    touch(place->files, "file-00000000000000000000000000000000");
    touch(place->files, "the user's own");
    snprintf(path, sizeof path, "%s/%s", place->files, lost.id);
    assert_int_equal(unlink(path), 0);
    open_place(place, (struct clo_file_store_config){0});
    assert_int_equal(entries(place->files), 2); /* the one that is kept, and the user's */
    assert_content(place->open_files, kept.id, "a");
    assert_int_equal(clo_file_store_get(place->open_files, "", lost.id, &lost), CLO_ENOTFOUND);
    close_place(place);
}

static void a_private_folder_goes_and_others_leavings_too(void **state)
{
    struct place *place = *state;
    struct clo_store *store;
    struct clo_file_store *files;
    struct clo_error error = {0};
    struct clo_file file;
    const struct clo_file_store_config config = {.max_bytes = 1000, .total_bytes = 1 << 20};
    char left[128], foreign[128];
    setenv("TMPDIR", place->folder, 1);
    snprintf(left, sizeof left, "%s/cloche-files-abc123", place->folder);
    snprintf(foreign, sizeof foreign, "%s/cloche-other", place->folder);
    assert_int_equal(mkdir(left, 0700), 0);
    touch(left, "file-00000000000000000000000000000000");
    assert_int_equal(mkdir(foreign, 0700), 0);
    assert_int_equal(clo_store_open(&store, NULL, &error), 0);
    assert_int_equal(clo_file_store_open(&files, store, &config, &error), 0);
    assert_int_equal(entries(place->folder), 2); /* the foreign one, and the new one */
    must_keep(files, "x", "", &file);
    struct clo_store *second_store;
    struct clo_file_store *second; /* finds the first one's locked */
    assert_int_equal(clo_store_open(&second_store, NULL, &error), 0);
    assert_int_equal(clo_file_store_open(&second, second_store, &config, &error), 0);
    assert_content(files, file.id, "x");
    clo_file_store_close(second);
    clo_store_close(second_store);
    clo_file_store_close(files);
    clo_store_close(store);
    assert_int_equal(entries(place->folder), 1);
    /* where that cannot be written, there is another */
    setenv("TMPDIR", "/nowhere/at all", 1);
    assert_int_equal(clo_store_open(&store, NULL, &error), 0);
    assert_int_equal(clo_file_store_open(&files, store, &config, &error), 0);
    must_keep(files, "x", "", &file);
    assert_content(files, file.id, "x");
    clo_file_store_close(files);
    clo_store_close(store);
    unsetenv("TMPDIR");
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    struct place *place = *state;
    struct clo_store *store;
    struct clo_file_store *files;
    struct clo_error error = {0};
    char path[160];
    const struct clo_file_store_config config = {.store = path, .max_bytes = 1, .total_bytes = 1};
    snprintf(path, sizeof path, "%s/none/db", place->folder);
    assert_int_equal(clo_store_open(&store, NULL, &error), 0);
    assert_int_equal(clo_file_store_open(&files, store, &config, &error), CLO_ESYSTEM);
    assert_non_null(strstr(error.message, "/none/db-files"));
    assert_non_null(strstr(error.hint, "folder of the store"));
    clo_store_close(store);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(what_is_kept_is_there_after_a_restart),
        WITH_PLACE(a_dropped_draft_leaves_nothing),
        WITH_PLACE(ceilings_are_kept),
        WITH_PLACE(a_deleted_file_is_read_to_its_end),
        WITH_PLACE(a_file_goes_with_its_response),
        WITH_PLACE(a_response_makes_room_for_its_files_an_upload_does_not),
        WITH_PLACE(an_expired_file_is_not_found),
        WITH_PLACE(what_a_crash_left_is_swept),
        WITH_PLACE(a_private_folder_goes_and_others_leavings_too),
        WITH_PLACE(a_folder_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* upload_form_test.c - what a multipart body has to hold, part by part as a parser gives them. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/files/upload_form.h"

static struct clo_store *store;
static struct clo_file_store *files;

static int open_files(void **state)
{
    struct clo_error error = {0};
    const struct clo_file_store_config config = {.max_bytes = 100, .total_bytes = 1 << 20};
    (void)state;
    return clo_store_open(&store, NULL, &error) < 0 ||
           clo_file_store_open(&files, store, &config, &error) < 0;
}

static int close_files(void **state)
{
    (void)state;
    clo_file_store_close(files);
    clo_store_close(store);
    return 0;
}

/* In pieces of two bytes; an empty part is told once. */
static enum MHD_Result part(struct clo_upload_form *form, const char *key, const char *filename,
                            const char *type, const char *encoding, const char *data)
{
    uint64_t offset = 0;
    size_t length = strlen(data);
    do {
        size_t size = length - offset < 2 ? length - offset : 2;
        if (clo_upload_form_part(form, MHD_POSTDATA_KIND, key, filename, type, encoding,
                                 data + offset, offset, size) != MHD_YES)
            return MHD_NO;
        offset += size;
    } while (offset < length);
    return MHD_YES;
}

static void fields_make_a_file(void **state)
{
    struct clo_upload_form form;
    struct clo_file file;
    struct clo_problem problem;
    (void)state;
    clo_upload_form_init(&form, files);
    assert_int_equal(part(&form, "expires_after[anchor]", NULL, NULL, NULL, "created_at"), MHD_YES);
    assert_int_equal(
        part(&form, "file", "a%22b%0d.csv", "application/octet-stream", "binary", "x,y\n1,2\n"),
        MHD_YES);
    assert_int_equal(part(&form, "expires_after[seconds]", NULL, NULL, NULL, "7200"), MHD_YES);
    assert_int_equal(part(&form, "unknown", "b.bin", NULL, "base64", "data"), MHD_YES);
    assert_int_equal(part(&form, NULL, NULL, NULL, NULL, "data"), MHD_YES);
    assert_int_equal(part(&form, "purpose", NULL, NULL, NULL, "user_data"), MHD_YES);
    if (clo_upload_form_keep(&form, &file, &problem) < 0)
        fail_msg("%s", problem.message);
    clo_upload_form_clear(&form);
    assert_string_equal(file.name, "a\"b.csv");
    assert_string_equal(file.purpose, "user_data");
    assert_string_equal(file.media, "text/csv");
    assert_string_equal(file.head, "x,y");
    assert_int_equal(file.bytes, 8);
    assert_in_range(file.expires - file.created, 7199, 7200);
}

static const struct {
    const char *what, *filename, *type, *encoding, *data, *purpose, *anchor, *seconds;
    unsigned status;
    const char *param, *says;
} refused[] = {
    {"no filename", NULL, NULL, NULL, "x", "vision", NULL, NULL, 400, "file", "has no filename;"},
    {"an empty filename", "", NULL, NULL, "x", "vision", NULL, NULL, 400, "file", "no filename"},
    {"a filename that shows nothing", "a/..", NULL, NULL, "x", "vision", NULL, NULL, 400, "file",
     "no filename that can be shown"},
    {"encoded content", "a", NULL, "base64", "x", "vision", NULL, NULL, 400, "file", "'base64'"},
    {"too large", "a", NULL, NULL,
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "0123456789",
     "vision", NULL, NULL, 413, "file", "100 bytes"},
    {"no purpose", "a", NULL, NULL, "x", NULL, NULL, NULL, 400, "purpose", "is missing"},
    {"an empty purpose", "a", NULL, NULL, "x", "", NULL, NULL, 400, "purpose", "is ''"},
    {"a purpose of ours", "a", NULL, NULL, "x", "assistants_output", NULL, NULL, 400, "purpose",
     "'assistants_output'"},
    {"a long purpose", "a", NULL, NULL, "x",
     "user_dataaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL,
     400, "purpose", "'user_dataaa"},
    {"another anchor", "a", NULL, NULL, "x", "vision", "now", "3600", 400, "expires_after[anchor]",
     "'now'"},
    {"no anchor", "a", NULL, NULL, "x", "vision", NULL, "3600", 400, "expires_after[anchor]", "''"},
    {"no seconds", "a", NULL, NULL, "x", "vision", "created_at", NULL, 400,
     "expires_after[seconds]", "from 3600 to 2592000"},
    {"too few seconds", "a", NULL, NULL, "x", "vision", "created_at", "3599", 400,
     "expires_after[seconds]", "'3599'"},
    {"seconds and more", "a", NULL, NULL, "x", "vision", "created_at", "3600s", 400,
     "expires_after[seconds]", "'3600s'"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct clo_upload_form form;
        struct clo_file file;
        struct clo_problem problem = {0};
        clo_upload_form_init(&form, files);
        part(&form, "file", refused[i].filename, refused[i].type, refused[i].encoding,
             refused[i].data);
        if (refused[i].purpose)
            part(&form, "purpose", NULL, NULL, NULL, refused[i].purpose);
        if (refused[i].anchor)
            part(&form, "expires_after[anchor]", NULL, NULL, NULL, refused[i].anchor);
        if (refused[i].seconds)
            part(&form, "expires_after[seconds]", NULL, NULL, NULL, refused[i].seconds);
        if (clo_upload_form_keep(&form, &file, &problem) == 0 ||
            problem.status != refused[i].status || strcmp(problem.param, refused[i].param) != 0 ||
            !strstr(problem.message, refused[i].says))
            fail_msg("%s: %u %s %s", refused[i].what, problem.status, problem.param,
                     problem.message);
        clo_upload_form_clear(&form);
    }
    uint64_t count, bytes;
    assert_int_equal(clo_store_files_totals(store, &count, &bytes), 0);
    assert_int_equal(count, 0);
}

static void a_second_file_and_none_are_refused(void **state)
{
    struct clo_upload_form form;
    struct clo_file file;
    struct clo_problem problem;
    (void)state;
    clo_upload_form_init(&form, files);
    part(&form, "purpose", NULL, NULL, NULL, "vision");
    assert_true(clo_upload_form_keep(&form, &file, &problem) < 0);
    assert_non_null(strstr(problem.message, "'file' is missing"));
    assert_int_equal(part(&form, "file", "a", NULL, NULL, ""), MHD_YES);
    assert_int_equal(part(&form, "file", "b", NULL, NULL, ""), MHD_NO);
    assert_true(clo_upload_form_keep(&form, &file, &problem) < 0);
    assert_non_null(strstr(problem.message, "twice"));
    clo_upload_form_clear(&form);
}

static void an_empty_file_is_a_file(void **state)
{
    struct clo_upload_form form;
    struct clo_file file;
    struct clo_problem problem;
    (void)state;
    clo_upload_form_init(&form, files);
    assert_int_equal(part(&form, "file", "empty.txt", "text/html; x=y", NULL, ""), MHD_YES);
    part(&form, "purpose", NULL, NULL, NULL, "assistants");
    assert_int_equal(clo_upload_form_keep(&form, &file, &problem), 0);
    assert_int_equal(file.bytes, 0);
    assert_string_equal(file.media, "text/html");
    clo_upload_form_clear(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_make_a_file, open_files, close_files),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, open_files, close_files),
        cmocka_unit_test_setup_teardown(a_second_file_and_none_are_refused, open_files,
                                        close_files),
        cmocka_unit_test_setup_teardown(an_empty_file_is_a_file, open_files, close_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

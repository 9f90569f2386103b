/* file_name_test.c - names that clients choose, made fit for people; and the first line of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "serve/files/file_name.h"
#include "serve/files/table_head.h"

static const struct {
    const char *given, *clean;
} names[] = {
    {"data.csv", "data.csv"},
    {"/etc/passwd", "passwd"},
    {"..\\..\\boot.ini", "boot.ini"},
    {"C:\\Users\\me\\r\xc3\xa9sum\xc3\xa9.pdf", "r\xc3\xa9sum\xc3\xa9.pdf"},
    {"a/", ""},
    {"..", ""},
    {".", ""},
    {"", ""},
    {"   ", ""},
    {" two words .txt ", "two words .txt"},
    {".hidden", ".hidden"},
    {"a\r\nContent-Type: text/html\r\n\r\n<b>", "html<b>"},
    {"a\nb\x7f\x01.txt", "ab.txt"},
    {"invoice\xe2\x80\xaexcod.exe", "invoicexcod.exe"}, /* turns the direction of writing */
    {"a\xe2\x80\x8b\xef\xbb\xbf.csv", "a.csv"},         /* no width */
    {"bad\xff\xfe.csv", "bad\xef\xbf\xbd\xef\xbf\xbd.csv"},
    {"cut\xc3", "cut\xef\xbf\xbd"},
    {"a\"b;c.csv", "a\"b;c.csv"},
};

static void names_are_made_safe(void **state)
{
    (void)state;
    char clean[CLO_FILE_PART_MAX + 1];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        clo_file_name_clean(clean, names[i].given, strlen(names[i].given));
        assert_string_equal(clean, names[i].clean);
    }
    clo_file_name_clean(clean, "a\0/b.csv", 8);
    assert_string_equal(clean, "b.csv");
    clo_file_name_clean(clean, "x\0y.csv", 7);
    assert_string_equal(clean, "xy.csv");
}

static void a_long_name_keeps_its_extension(void **state)
{
    (void)state;
    char clean[CLO_FILE_PART_MAX + 1], given[3001], numbered[256];
    for (size_t i = 0; i + 2 <= 300; i += 2)
        memcpy(given + i, "\xc3\xa4", 2);
    strcpy(given + 300, ".parquet");
    clo_file_name_clean(clean, given, strlen(given));
    assert_in_range(strlen(clean), 8, CLO_FILE_PART_MAX);
    assert_true(clo_utf8_strict(clean, strlen(clean)));
    assert_string_equal(clean + strlen(clean) - 8, ".parquet");
    assert_true(clo_file_name_number(numbered, sizeof numbered, clean, 4000000));
    memset(given, 'x', 3000);
    given[3000] = '\0';
    clo_file_name_clean(clean, given, 3000);
    assert_int_equal(strlen(clean), CLO_FILE_PART_MAX);
}

static void paths_keep_their_folders(void **state)
{
    (void)state;
    char clean[64];
    assert_true(clo_file_path_clean(clean, sizeof clean, "a/b/c.csv"));
    assert_string_equal(clean, "a/b/c.csv");
    assert_true(clo_file_path_clean(clean, sizeof clean, "/../a//./\x01/b"));
    assert_string_equal(clean, "a/b");
    assert_false(clo_file_path_clean(clean, sizeof clean, "../.."));
    assert_false(clo_file_path_clean(clean, 4, "abcd"));
    assert_true(clo_file_path_clean(clean, 5, "abcd"));
}

static void numbers_come_before_the_extension(void **state)
{
    (void)state;
    char to[32];
    assert_true(clo_file_name_number(to, sizeof to, "a.csv", 2));
    assert_string_equal(to, "a (2).csv");
    assert_true(clo_file_name_number(to, sizeof to, "v1.0/README", 3));
    assert_string_equal(to, "v1.0/README (3)");
    assert_true(clo_file_name_number(to, sizeof to, ".env", 2));
    assert_string_equal(to, ".env (2)");
    assert_false(clo_file_name_number(to, 9, "a.csv", 2));
}

static void types_are_known_by_extension_and_checked(void **state)
{
    (void)state;
    char clean[32];
    assert_string_equal(clo_file_media("x/A.CSV"), "text/csv");
    assert_string_equal(clo_file_media("a.b/c"), "application/octet-stream");
    assert_string_equal(clo_file_extension("image/png"), ".png");
    assert_string_equal(clo_file_extension("what/ever"), "");
    assert_true(clo_file_media_clean(clean, sizeof clean, "Text/CSV; charset=utf-8"));
    assert_string_equal(clean, "text/csv");
    assert_false(clo_file_media_clean(clean, sizeof clean, "text"));
    assert_false(clo_file_media_clean(clean, sizeof clean, "text/a/b"));
    assert_false(clo_file_media_clean(clean, sizeof clean, "text/"));
    assert_false(clo_file_media_clean(clean, sizeof clean, ""));
    assert_false(clo_file_media_clean(clean, sizeof clean, "text/\x7f"));
    assert_false(clo_file_media_clean(clean, 8, "text/csv"));
}

static void a_disposition_has_both_names(void **state)
{
    (void)state;
    char *text = clo_file_disposition("folder/r\xc3\xa9sum\xc3\xa9 \"1\"%.csv");
    assert_string_equal(text, "attachment; filename=\"r_sum_ _1__.csv\"; "
                              "filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22%25.csv");
    free(text);
}

static const struct {
    const char *name, *media, *content, *head;
} tables[] = {
    {"a.csv", "text/csv", "id,name\n1,Ada\n", "id,name"},
    {"a.csv", "x/y", "\xef\xbb\xbfid;name\r\n1", "id;name"},
    {"a.TSV", "x/y", "id\tname", "id\tname"},
    {"a", "text/csv", "one\rtwo", "one"},
    {"a.jsonl", "x/y", "{\"a\":1}\n{", "{\"a\":1}"},
    {"a.txt", "text/plain", "id,name\n", ""},
    {"a.csv", "text/csv", "", ""},
    {"a.csv", "text/csv", "\n1,2\n", ""},
    {"a.csv", "text/csv", "id\x01,name\n", ""},
    {"a.csv", "text/csv", "\xff\xfei\n", ""},
    {"a.csv", "text/csv", "id,\xc3\xa4\n", "id,\xc3\xa4"},
    {"a.csv", "text/csv", "id,\xc3", "id,"}, /* the beginning ends within a character */
};

static void a_table_has_its_first_line(void **state)
{
    (void)state;
    char head[CLO_FILE_HEAD_MAX + 1], wide[1200];
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        clo_table_head(head, tables[i].name, tables[i].media, tables[i].content,
                       strlen(tables[i].content));
        assert_string_equal(head, tables[i].head);
    }
    for (size_t i = 0; i < 1200; i += 4)
        memcpy(wide + i, "\xf0\x9f\x98\x80", 4);
    clo_table_head(head, "a.csv", "", wide, sizeof wide);
    assert_int_equal(strlen(head), 4 * CLO_TABLE_HEAD_CHARACTERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_made_safe),
        cmocka_unit_test(a_long_name_keeps_its_extension),
        cmocka_unit_test(paths_keep_their_folders),
        cmocka_unit_test(numbers_come_before_the_extension),
        cmocka_unit_test(types_are_known_by_extension_and_checked),
        cmocka_unit_test(a_disposition_has_both_names),
        cmocka_unit_test(a_table_has_its_first_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

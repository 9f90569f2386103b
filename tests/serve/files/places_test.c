/* places_test.c - where files stand below /input, and what the model reads of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "serve/files/places.h"

static struct clo_store *store;
static struct clo_file_store *files;

static int open_files(void **state)
{
    struct clo_error error = {0};
    const struct clo_file_store_config config = {.max_bytes = 1000, .total_bytes = 16 << 20};
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

static struct clo_file make(const char *name, const char *content, const char *purpose)
{
    struct clo_problem problem;
    struct clo_file_draft draft;
    struct clo_file file = {.bytes = 0};
    snprintf(file.name, sizeof file.name, "%s", name);
    snprintf(file.purpose, sizeof file.purpose, "%s", purpose);
    assert_int_equal(clo_file_draft_begin(files, NULL, NULL, &draft, &problem), 0);
    assert_int_equal(clo_file_draft_write(&draft, content, strlen(content), &problem), 0);
    assert_int_equal(clo_file_draft_keep(&draft, &file, &problem), 0);
    return file;
}

static struct clo_file sent(const char *name)
{
    return make(name, "x", "user_data");
}

static struct clo_file left(const char *name)
{
    return make(name, "x", CLO_FILE_PURPOSE_ARTIFACT);
}

static void assert_stands(struct clo_places *places, struct clo_file file, bool artifact,
                          const char *want)
{
    char target[CLO_PLACE_MAX];
    assert_true(clo_places_add(places, &file, artifact, target));
    assert_string_equal(target, want);
}

static void names_that_are_taken_get_a_number(void **state)
{
    static const char *const taken[] = {"/input/docs", "/input/tables/prices.csv", "/input"};
    struct clo_places places;
    struct clo_file file = sent("a.csv");
    (void)state;
    clo_places_init(&places, files, "", taken, 3);
    assert_stands(&places, file, false, "/input/a.csv");
    assert_stands(&places, file, false, "/input/a.csv"); /* the same one */
    assert_stands(&places, sent("a.csv"), false, "/input/a (2).csv");
    assert_stands(&places, sent("a (2).csv"), false, "/input/a (2) (2).csv");
    assert_stands(&places, sent("docs"), false, "/input/docs (2)");     /* the agent's own */
    assert_stands(&places, sent("tables"), false, "/input/tables (2)"); /* a folder of it */
    assert_stands(&places, left("docs/new.csv"), true, "/input/docs/new.csv");
    assert_stands(&places, left("a.csv/b"), true, "/input/a.csv_b"); /* below a file */
    assert_stands(&places, left("tables/prices.csv"), true, "/input/tables/prices (2).csv");
    assert_stands(&places, left("out/b.csv"), true, "/input/out/b.csv");
    assert_stands(&places, sent("out"), false, "/input/out (2)"); /* its folder */
    clo_places_clear(&places);
}

static const char *source_of(struct clo_places *places, const char *target)
{
    size_t count;
    const struct clo_mount *mounts = clo_places_mounts(places, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(mounts[i].target, target) == 0)
            return mounts[i].source;
    }
    return NULL;
}

static void assert_source(struct clo_places *places, const char *target, const char *id)
{
    const char *source = source_of(places, target);
    assert_non_null(source);
    assert_non_null(strstr(source, id));
}

static void what_is_written_anew_takes_the_place_of_the_old(void **state)
{
    struct clo_places places;
    struct clo_file upload = sent("b.csv"), first = left("a.csv"), second = left("a.csv");
    (void)state;
    clo_places_init(&places, files, "", NULL, 0);
    assert_stands(&places, upload, false, "/input/b.csv");
    assert_stands(&places, first, true, "/input/a.csv");
    assert_source(&places, "/input/a.csv", first.id);
    assert_stands(&places, second, true, "/input/a.csv");
    assert_source(&places, "/input/a.csv", second.id);
    assert_stands(&places, left("b.csv"), true, "/input/b (2).csv"); /* not that of the upload */
    assert_source(&places, "/input/b.csv", upload.id);
    assert_int_equal(clo_store_file_delete(store, upload.id), 0);
    assert_null(source_of(&places, "/input/b.csv")); /* it is gone; the others stand */
    assert_non_null(source_of(&places, "/input/b (2).csv"));
    clo_places_clear(&places);
}

static void there_is_room_for_so_many(void **state)
{
    static const char *const taken[] = {"/input/docs"};
    struct clo_places places;
    char target[CLO_PLACE_MAX];
    size_t count;
    (void)state;
    clo_places_init(&places, files, "", taken, 1);
    for (int i = 0; i < CLO_PLACES_MAX - 1; i++) {
        struct clo_file file = sent("a");
        assert_true(clo_places_add(&places, &file, false, target));
    }
    struct clo_file more = sent("b");
    assert_false(clo_places_add(&places, &more, false, target));
    clo_places_mounts(&places, &count);
    assert_int_equal(count, CLO_PLACES_MAX - 1);
    clo_places_clear(&places);
}

/* The items with ' for ", and %1 to %3 for ids. */
static json_t *items_of(const char *text, const char *const ids[3])
{
    char whole[4096];
    size_t used = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '%')
            used += (size_t)sprintf(whole + used, "%s", ids[*++at - '1']);
        else
            whole[used++] = *at == '\'' ? '"' : *at;
    }
    whole[used] = '\0';
    json_error_t why;
    json_t *items = json_loads(whole, 0, &why);
    if (!items)
        fail_msg("%s: %s", why.text, whole);
    return items;
}

static void assert_shown(struct clo_places *places, const char *before, const char *after,
                         const char *const ids[3])
{
    struct clo_problem problem;
    json_t *items = items_of(before, ids), *want = items_of(after, ids);
    assert_int_equal(clo_places_show(places, items, &problem), 0);
    char *got = json_equal(items, want) ? NULL : json_dumps(items, JSON_COMPACT), text[4096] = "";
    bool same = json_equal(items, want);
    snprintf(text, sizeof text, "%s", got ? got : "");
    free(got);
    json_decref(items);
    json_decref(want);
    if (!same)
        fail_msg("%s", text);
}

#define MESSAGE(role, content) "{'type':'message','role':'" role "','content':[" content "]}"
#define TEXT(t) "{'type':'input_text','text':'" t "'}"
#define FILE_ID(n) "{'type':'input_file','file_id':'%" n "','filename':'old'}"
#define GONE ": not available (deleted, expired or never uploaded here)"
#define IMAGE_URL "{'type':'input_image','image_url':'u'}"
#define OUTPUT(more) "{'type':'function_call_output','call_id':'c'," more "}"
#define SAID(annotations)                                                                          \
    "{'type':'message','role':'assistant','content':[{'type':'output_text','text':'t',"            \
    "'annotations':[" annotations "]}]}"
#define PATH(n) "{'type':'file_path','file_id':'%" n "','index':0}"

/* Items in the order of a history. */
static const struct {
    const char *before, *after;
} shown[] = {
    {MESSAGE("user", TEXT("a") "," FILE_ID("1")),
     MESSAGE("user",
             TEXT("a") "," TEXT("[file] /input/t.csv: 9 bytes, text/csv; its first line: id,n"))},
    {MESSAGE("user", FILE_ID("3")),
     MESSAGE("user", TEXT("[file] /input/t (2).csv (sent as t.csv): 0 bytes, text/csv"))},
    {MESSAGE("developer", FILE_ID("1")),
     MESSAGE("developer", TEXT("[file] /input/t.csv: 9 bytes, text/csv; its first line: id,n"))},
    {MESSAGE("user", "{'type':'input_file','file_id':'file-0','filename':'n'}"),
     MESSAGE("user", TEXT("[file] n" GONE))},
    {MESSAGE("user", "{'type':'input_file','file_url':'u'}"),
     MESSAGE("user", TEXT("[file] u" GONE))},
    {MESSAGE("user", "{'type':'input_file'}"),
     MESSAGE("user", TEXT("[file] (without a name)" GONE))},
    {MESSAGE("user", "{'type':'input_image','file_id':'%2','detail':'low'}," IMAGE_URL),
     MESSAGE(
         "user",
         TEXT(
             "[image] /input/i.png: 4 bytes, image/png") ","
                                                         "{'type':'input_image','image_url':'data:image/png;base64,iVBORw==','detail':'low'}," IMAGE_URL)},
    {OUTPUT("'output':[" FILE_ID("3") "," TEXT("b") "]"),
     OUTPUT("'output':'[file] /input/t (2).csv (sent as t.csv): 0 bytes, text/csv\\nb'")},
    {OUTPUT("'output':'plain'"), OUTPUT("'output':'plain'")},
};

static void the_model_reads_what_stands_where(void **state)
{
    struct clo_places places;
    struct clo_file table = make("t.csv", "id,n\n1,2\n", "user_data");
    struct clo_file image = make("i.png", "\x89PNG", "user_data"), other = make("t.csv", "", "x");
    const char *ids[] = {table.id, image.id, other.id};
    (void)state;
    clo_places_init(&places, files, "", NULL, 0);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        char before[512], after[512];
        snprintf(before, sizeof before, "[%s]", shown[i].before);
        snprintf(after, sizeof after, "[%s]", shown[i].after);
        assert_shown(&places, before, after, ids);
    }
    clo_places_clear(&places);
}

#define RUN(artifacts) OUTPUT("'output':'o','artifacts':[" artifacts "]")
#define LEFT                                                                                       \
    "[files that your code left, now in /input]"                                                   \
    "\\n/input/out/a.csv: 1 byte, text/csv; its first line: x\\n/input/b.png: 1 byte, image/png"

static void what_runs_left_is_told_before_the_next_words(void **state)
{
    struct clo_places places;
    struct clo_file one = left("out/a.csv"), two = left("b.png");
    const char *ids[] = {one.id, two.id, "file-0"};
    (void)state;
    clo_places_init(&places, files, "", NULL, 0);
    assert_shown(&places, "[" RUN("{'file_id':'%1','path':'out/a.csv'}") "]",
                 "[" OUTPUT("'output':'o'") "]", ids);
    assert_int_equal(json_array_size(places.unnamed), 1);
    assert_shown(&places,
                 "[" SAID(PATH("1") "," PATH("2") ",{'type':'url_citation'}," PATH("3")) "]",
                 "[" SAID("{'type':'url_citation'}") "]", ids);
    assert_int_equal(json_array_size(places.unnamed), 0);
    assert_shown(&places, "[" MESSAGE("user", TEXT("b")) "," MESSAGE("user", TEXT("c")) "]",
                 "[" MESSAGE("user", TEXT(LEFT) "," TEXT("b")) "," MESSAGE("user", TEXT("c")) "]",
                 ids);
    clo_places_clear(&places);
    /* a turn that ended with calls for the client: no message has named what was left */
    clo_places_init(&places, files, "", NULL, 0);
    assert_shown(&places,
                 "[" RUN("{'file_id':'%1','path':'out/a.csv'},{'file_id':'%3','path':'gone'}") "]",
                 "[" OUTPUT("'output':'o'") "]", ids);
    assert_int_equal(json_array_size(places.unnamed), 1);
    assert_true(clo_json_is(json_array_get(places.unnamed, 0), "path", "out/a.csv"));
    clo_places_clear(&places);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, open_files, close_files)
    const struct CMUnitTest tests[] = {
        WITH_FILES(names_that_are_taken_get_a_number),
        WITH_FILES(what_is_written_anew_takes_the_place_of_the_old),
        WITH_FILES(there_is_room_for_so_many),
        WITH_FILES(the_model_reads_what_stands_where),
        WITH_FILES(what_runs_left_is_told_before_the_next_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

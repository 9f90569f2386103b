/* intake_test.c - the files of a request: what is refused, what is stored in their place, what is
 * written; and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/json.h"
#include "serve/files/base64.h"
#include "serve/files/intake.h"

static struct clo_store *store;
static struct clo_file_store *files;

static int open_files(void **state)
{
    struct clo_error error = {0};
    const struct clo_file_store_config config = {.max_bytes = 1000, .total_bytes = 1 << 20};
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

static void upload(const char *name, const char *content, struct clo_file *file)
{
    struct clo_problem problem;
    struct clo_file_draft draft;
    memset(file, 0, sizeof *file);
    snprintf(file->name, sizeof file->name, "%s", name);
    strcpy(file->purpose, "user_data");
    assert_int_equal(clo_file_draft_begin(files, NULL, NULL, &draft, &problem), 0);
    assert_int_equal(clo_file_draft_write(&draft, content, strlen(content), &problem), 0);
    assert_int_equal(clo_file_draft_keep(&draft, file, &problem), 0);
}

/* A request whose input are these items, with ' for ". */
static int check(struct clo_request *request, const char *items, struct clo_problem *problem)
{
    char *body = NULL;
    assert_true(asprintf(&body, "{\"input\":[%s]}", items) > 0);
    for (char *at = body; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    memset(request, 0, sizeof *request);
    if (clo_request_parse(request, body, strlen(body), problem) < 0)
        fail_msg("%s", problem->message);
    free(body);
    return clo_intake_check(files, request, problem);
}

#define USER(part) "{'role':'user','content':[" part "]}"
#define SAID "{'role':'assistant','content':'seen'}"

static const struct {
    const char *part, *param, *says;
    unsigned status;
} refused[] = {
    {"{'type':'input_file'}", "file_id", "is missing", 400},
    {"{'type':'input_file','file_id':null,'file_data':null}", "file_id", "is missing", 400},
    {"{'type':'input_file','file_id':'file-x'}", "file_id", "'file-x'", 404},
    {"{'type':'input_file','file_url':'http://x/y'}", "file_url", "'http://x/y'", 400},
    {"{'type':'input_file','file_data':'a'}", "file_data", "no base64", 400},
    {"{'type':'input_file','file_data':'YQ==YQ=='}", "file_data", "no base64", 400},
    {"{'type':'input_file','file_data':'YQ-_'}", "file_data", "no base64", 400},
    {"{'type':'input_file','file_data':'data:text/csv,a'}", "file_data", "data:TYPE;base64", 400},
    {"{'type':'input_file','file_data':'data:'}", "file_data", "data:TYPE;base64", 400},
    {"{'type':'input_image','image_url':'data:image/png;base64,a'}", "image_url", "no base64", 400},
    {"{'type':'input_image','file_id':'file-x'}", "file_id", "'file-x'", 404},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct clo_request request;
        struct clo_problem problem = {0};
        char items[512], param[64];
        snprintf(items, sizeof items, USER("{'type':'input_text','text':'a'},%s"), refused[i].part);
        snprintf(param, sizeof param, "input[0].content[1].%s", refused[i].param);
        if (check(&request, items, &problem) == 0 || problem.status != refused[i].status ||
            strcmp(problem.param, param) != 0 || !strstr(problem.message, refused[i].says))
            fail_msg("%s: %u %s %s", refused[i].part, problem.status, problem.param,
                     problem.message);
        clo_request_clear(&request);
        /* and where it is history that was sent back, ids and addresses are not looked at */
        snprintf(items, sizeof items,
                 USER("%s") "," SAID "," USER("{'type':'input_text','text':'b'}"), refused[i].part);
        bool data = strstr(refused[i].param, "file_data") || strstr(refused[i].param, "image_url");
        assert_int_equal(check(&request, items, &problem) < 0, data);
        clo_request_clear(&request);
    }
}

static void data_becomes_a_file_and_the_part_its_id(void **state)
{
    struct clo_request request;
    struct clo_problem problem;
    struct clo_file file;
    char got[64] = "";
    (void)state;
    assert_int_equal(
        check(
            &request,
            USER(
                "{'type':'input_file','filename':'../t.csv','file_data':'YSxi\\nCjEsMgo='},"
                "{'type':'input_image','image_url':'DATA:image/PNG;x=y;base64,eA==','detail':'low'},"
                "{'type':'input_image','image_url':'http://x/y'},"
                "{'type':'input_file','filename':'empty','file_data':''}"),
            &problem),
        0);
    const json_t *content = json_object_get(json_array_get(request.input, 0), "content");
    const json_t *table = json_array_get(content, 0), *image = json_array_get(content, 1);
    assert_null(json_object_get(table, "file_data"));
    assert_string_equal(clo_json_text(table, "filename"), "t.csv");
    assert_string_equal(clo_json_text(image, "filename"), "image.png");
    assert_string_equal(clo_json_text(image, "detail"), "low");
    assert_null(json_object_get(image, "image_url"));
    assert_string_equal(clo_json_text(json_array_get(content, 2), "image_url"), "http://x/y");
    assert_null(json_object_get(request.body, "input")); /* the data is not kept twice */
    char *id = strdup(clo_json_text(table, "file_id"));
    assert_int_equal(clo_file_store_get(files, "", id, &file), CLO_ENOTFOUND);
    if (clo_intake_write(files, &request, "resp_1", true, &problem) < 0)
        fail_msg("%s", problem.message);
    assert_null(request.inline_files);
    assert_int_equal(clo_file_store_get(files, "", id, &file), 0);
    assert_string_equal(file.owner, "resp_1");
    assert_string_equal(file.head, "a,b");
    assert_string_equal(file.media, "text/csv");
    int descriptor = clo_file_store_content(files, "", id);
    assert_int_equal(read(descriptor, got, sizeof got), 8);
    assert_string_equal(got, "a,b\n1,2\n");
    close(descriptor);
    assert_int_equal(clo_file_store_get(files, "", clo_json_text(image, "file_id"), &file), 0);
    assert_string_equal(file.media, "image/png");
    assert_int_equal(file.bytes, 1);
    free(id);
    clo_request_clear(&request);
}

static void what_is_named_by_id_is_checked(void **state)
{
    struct clo_request request;
    struct clo_problem problem;
    struct clo_file text, image;
    char items[512];
    (void)state;
    upload("a.txt", "x", &text);
    upload("a.png", "x", &image);
    snprintf(items, sizeof items,
             USER("{'type':'input_file','file_id':'%s'},{'type':'input_image','file_id':'%s'}"),
             text.id, image.id);
    assert_int_equal(check(&request, items, &problem), 0);
    assert_null(request.inline_files);
    assert_non_null(json_object_get(request.body, "input"));
    clo_request_clear(&request);
    snprintf(items, sizeof items, USER("{'type':'input_image','file_id':'%s'}"), text.id);
    assert_true(check(&request, items, &problem) < 0);
    assert_non_null(strstr(problem.message, "text/plain, which is no image"));
    clo_request_clear(&request);
    snprintf(
        items, sizeof items,
        "{'type':'function_call','call_id':'c','name':'f','arguments':'{}'},"
        "{'type':'function_call_output','call_id':'c','output':[{'type':'input_file','file_id':'file-0'}]}");
    assert_true(check(&request, items, &problem) < 0);
    assert_string_equal(problem.param, "input[1].output[0].file_id");
    clo_request_clear(&request);
}

static void what_is_too_large_or_too_much_is_refused(void **state)
{
    struct clo_request request;
    struct clo_problem problem;
    static char items[8192], data[1400];
    uint64_t count, bytes;
    (void)state;
    memset(data, 'A', sizeof data - 1);
    data[1396] = '\0';
    snprintf(items, sizeof items,
             USER("{'type':'input_file','filename':'a','file_data':'eA=='},"
                  "{'type':'input_file','filename':'b','file_data':'%s'}"),
             data);
    assert_int_equal(check(&request, items, &problem), 0);
    assert_true(clo_intake_write(files, &request, "resp_1", false, &problem) < 0);
    assert_int_equal(problem.status, 413);
    clo_request_clear(&request);
    assert_int_equal(clo_store_files_drop(store, "resp_1"), 0); /* as the job does */
    assert_int_equal(clo_store_files_totals(store, &count, &bytes), 0);
    assert_int_equal(count, 0);
    strcpy(items, "{'role':'user','content':[");
    for (int i = 0; i <= CLO_INTAKE_FILES_MAX; i++)
        sprintf(items + strlen(items), "%s{'type':'input_file','file_data':'eA=='}", i ? "," : "");
    strcat(items, "]}");
    assert_true(check(&request, items, &problem) < 0);
    assert_non_null(strstr(problem.message, "more than 64 files"));
    clo_request_clear(&request);
}

struct taken {
    char bytes[70000];
    size_t length;
};

static int take(void *context, const void *data, size_t length)
{
    struct taken *taken = context;
    memcpy(taken->bytes + taken->length, data, length);
    taken->length += length;
    return 0;
}

static int refuse(void *context, const void *data, size_t length)
{
    (void)context, (void)data, (void)length;
    return 7;
}

static void base64_goes_there_and_back(void **state)
{
    static char bytes[50001];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    for (size_t length = 0; length <= sizeof bytes; length = length < 9 ? length + 1 : length * 7) {
        struct taken taken = {.length = 0};
        char *text = clo_base64_encode("x:", bytes, length);
        assert_non_null(text);
        assert_true(clo_base64_ok(text + 2, strlen(text + 2)));
        assert_int_equal(clo_base64_decode(text + 2, strlen(text + 2), take, &taken), 0);
        assert_int_equal(taken.length, length);
        assert_memory_equal(taken.bytes, bytes, length);
        free(text);
    }
    assert_int_equal(clo_base64_decode("eHh4", 4, refuse, NULL), 7);
    assert_int_equal(clo_base64_decode("eHh", 3, take, NULL), CLO_EINVALID);
    assert_false(clo_base64_ok("e\0Hh4", 5));
    assert_false(clo_base64_ok("====", 4));
    assert_false(clo_base64_ok("e===", 4));
    assert_true(clo_base64_ok(" e H\r\nh4\t", 9));
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, open_files, close_files)
    const struct CMUnitTest tests[] = {
        WITH_FILES(what_is_wrong_is_named),
        WITH_FILES(data_becomes_a_file_and_the_part_its_id),
        WITH_FILES(what_is_named_by_id_is_checked),
        WITH_FILES(what_is_too_large_or_too_much_is_refused),
        cmocka_unit_test(base64_goes_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

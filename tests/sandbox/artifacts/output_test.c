/* output_test.c - the host's side of /output: names, contents, quotas, messages that a hostile guest may
 * send, and what a result lists. Real Python writes there in tests/sandbox/artifacts_test.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/files.h"
#include "sandbox/artifacts/artifacts.h"
#include "sandbox/artifacts/media_type.h"
#include "sandbox/files/files.h"
#include "sandbox/run/limits.h"

#define FILE_BYTES 100000u
#define TOTAL_BYTES 250000u
#define FILES 5u

enum {
    BADF = 8,
    DQUOT = 19,
    EXIST = 20,
    FBIG = 22,
    INVAL = 28,
    ISDIR = 31,
    MFILE = 33,
    TOOLONG = 37,
    NOENT = 44,
    NOTDIR = 54,
    NOTEMPTY = 55,
    BUSY = 10,
    STALE = 72
}; /* WASI's */

struct output {
    struct clo_artifact_tree *tree;
    struct clo_files *files;
    struct clo_limits limits;
    struct clo_buffer message, reply;
    struct clo_run_result *result;
    struct clo_error error;
};

static const struct clo_mounts no_mounts;

static void begin(struct output *output, bool keep)
{
    if (clo_artifact_tree_begin(output->tree, &output->limits, keep, &output->error))
        fail_msg("%s", output->error.message);
    clo_files_begin(output->files, &no_mounts, output->tree);
}

static void end(struct output *output)
{
    clo_files_end(output->files);
    clo_run_result_free(output->result);
    output->result = calloc(1, sizeof *output->result);
    if (!output->result || clo_artifacts_collect(output->tree, output->result, &output->error))
        fail_msg("%s", output->error.message);
}

static int tear_down(void **state)
{
    struct output *output = *state;
    clo_files_free(output->files);
    clo_artifact_tree_free(output->tree);
    clo_run_result_free(output->result);
    clo_buffer_free(&output->message);
    clo_buffer_free(&output->reply);
    return 0;
}

static int set_up(void **state)
{
    static struct output output;
    struct clo_limits wanted = {.artifact_file_bytes = FILE_BYTES,
                                .artifact_total_bytes = TOTAL_BYTES,
                                .artifact_files = FILES};
    output = (struct output){.message = CLO_BUFFER(4 * CLO_FILE_DATA_MAX),
                             .reply = CLO_BUFFER(4 * CLO_FILE_DATA_MAX)};
    *state = &output;
    if (clo_limits_resolve(&output.limits, &wanted, NULL, &output.error) ||
        clo_artifact_tree_create(&output.tree, &output.error) ||
        clo_files_create(&output.files, &output.error) ||
        clo_artifact_tree_begin(output.tree, &output.limits, false, &output.error)) {
        print_error("%s\n", output.error.message);
        tear_down(state); /* cmocka does not where this fails */
        return -1;
    }
    clo_files_begin(output.files, &no_mounts, output.tree);
    return 0;
}

/* A message: the status of its answer, which is in output->reply. */
static int send(struct output *output, struct clo_file_request request, const char *path,
                const void *data)
{
    int descriptor;
    request.path_length = (uint32_t)strlen(path);
    clo_buffer_reset(&output->message);
    clo_buffer_append(&output->message, &request, sizeof request);
    clo_buffer_append(&output->message, path, request.path_length);
    if (request.data_length)
        clo_buffer_append(&output->message, data, request.data_length);
    clo_buffer_reset(&output->reply);
    if (output->message.failed)
        fail_msg("no memory for a message");
    int status =
        clo_files_answer(output->files, (const uint8_t *)output->message.data,
                         output->message.length, &output->reply, &descriptor, &output->error);
    assert_int_equal(descriptor, -1); /* nobody is ever given one of what is in /output */
    return status;
}

static struct clo_file_reply ask(struct output *output, struct clo_file_request request,
                                 const char *path, const void *data)
{
    struct clo_file_reply reply;
    if (send(output, request, path, data))
        fail_msg("%s", output->error.message);
    memcpy(&reply, output->reply.data, sizeof reply);
    return reply;
}

static const char *data_of(const struct output *output)
{
    return output->reply.data + sizeof(struct clo_file_reply);
}

static uint32_t by_path(struct output *output, enum clo_file_op op, const char *path)
{
    return ask(output, (struct clo_file_request){.op = op, .time_ns = 7}, path, NULL).error;
}

static uint32_t rename_to(struct output *output, const char *from, const char *to)
{
    struct clo_file_request request = {.op = CLO_FILE_RENAME, .data_length = (uint32_t)strlen(to)};
    return ask(output, request, from, to).error;
}

/* A handle of a file that is made, or made empty; 0 with the error in *error. */
static uint32_t create(struct output *output, const char *path, uint32_t *error)
{
    struct clo_file_request request = {.op = CLO_FILE_OPEN,
                                       .flags =
                                           CLO_FILE_WRITABLE | CLO_FILE_CREATE | CLO_FILE_TRUNCATE,
                                       .time_ns = 5};
    struct clo_file_reply reply = ask(output, request, path, NULL);
    if (error)
        *error = reply.error;
    else
        assert_int_equal(reply.error, 0);
    return reply.handle;
}

static struct clo_file_reply write_at(struct output *output, uint32_t handle, uint64_t offset,
                                      const void *data, size_t length)
{
    return ask(output,
               (struct clo_file_request){.op = CLO_FILE_WRITE,
                                         .handle = handle,
                                         .offset = offset,
                                         .time_ns = 9,
                                         .data_length = (uint32_t)length},
               "", data);
}

static void put(struct output *output, const char *path, const char *text)
{
    uint32_t handle = create(output, path, NULL);
    struct clo_file_reply reply = write_at(output, handle, 0, text, strlen(text));
    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.length, strlen(text));
}

static void is_there(struct output *output, const char *path, const char *text)
{
    struct clo_file_reply reply =
        ask(output, (struct clo_file_request){.op = CLO_FILE_OPEN, .length = 1000}, path, NULL);
    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.length, strlen(text));
    assert_memory_equal(data_of(output), text, reply.length);
}

/* ---- names ---- */

static void files_and_folders_are_made_and_taken_away(void **state)
{
    struct output *output = *state;
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "a"), 0);
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "a"), EXIST);
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, ""), EXIST);
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "b/c"), NOENT);
    put(output, "a/f", "text");
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "a/f/x"), NOTDIR);
    assert_int_equal(by_path(output, CLO_FILE_RMDIR, "a"), NOTEMPTY);
    assert_int_equal(by_path(output, CLO_FILE_RMDIR, "a/f"), NOTDIR);
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, "a"), ISDIR);
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, ""), ISDIR);
    assert_int_equal(by_path(output, CLO_FILE_RMDIR, ""), BUSY);
    is_there(output, "a/f", "text");
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, "a/f"), 0);
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, "a/f"), NOENT);
    assert_int_equal(by_path(output, CLO_FILE_RMDIR, "a"), 0);
    assert_int_equal(by_path(output, CLO_FILE_STAT, "a"), NOENT);
    assert_int_equal(by_path(output, CLO_FILE_STAT, ""), 0);
}

static void opening_is_as_of_linux(void **state)
{
    struct output *output = *state;
    put(output, "f", "content");
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "d"), 0);
    const struct {
        uint32_t flags, error;
        const char *path;
    } cases[] = {
        {CLO_FILE_CREATE | CLO_FILE_EXCLUSIVE | CLO_FILE_WRITABLE, EXIST, "f"},
        {CLO_FILE_CREATE | CLO_FILE_EXCLUSIVE | CLO_FILE_WRITABLE, EXIST, "d"},
        {CLO_FILE_WRITABLE, NOENT, "g"},
        {CLO_FILE_FOLDER, NOTDIR, "f"},
        {CLO_FILE_FOLDER | CLO_FILE_CREATE, ISDIR, "new"},
        {CLO_FILE_WRITABLE, ISDIR, "d"},
        {CLO_FILE_TRUNCATE, ISDIR, ""},
        {CLO_FILE_CREATE, NOENT, "no/file"},
        {CLO_FILE_CREATE, NOTDIR, "f/file"},
        {0, 0, "d"},
        {0, 0, ""},
        {CLO_FILE_CREATE, 0, "f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clo_file_request request = {.op = CLO_FILE_OPEN, .flags = cases[i].flags};
        uint32_t error = ask(output, request, cases[i].path, NULL).error;
        if (error != cases[i].error)
            fail_msg("case %zu: %u, not %u", i, error, cases[i].error);
    }
    is_there(output, "f", "content");
}

static void renaming_is_as_of_linux(void **state)
{
    struct output *output = *state;
    static const char *const folders[] = {"a", "a/b", "c", "c/d", "empty"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(by_path(output, CLO_FILE_MKDIR, folders[i]), 0);
    put(output, "f", "first");
    put(output, "g", "second");
    const struct {
        const char *from, *to;
        uint32_t error;
    } cases[] = {
        {"none", "x", NOENT},    {"f", "none/x", NOENT}, {"f", "g/x", NOTDIR},
        {"f", "a", ISDIR},       {"a", "f", NOTDIR},     {"a", "a/b/x", INVAL},
        {"a", "a", 0},           {"a/b", "a", NOTEMPTY}, {"a", "c", NOTEMPTY},
        {"", "x", BUSY},         {"f", "", BUSY},        {"f", "f", 0},
        {"f", "g", 0},           {"g", "a/b/f", 0},      {"a", "empty", 0},
        {"empty/b/f", "c/f", 0}, {"empty", "c/d/a", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t error = rename_to(output, cases[i].from, cases[i].to);
        if (error != cases[i].error)
            fail_msg("%s -> %s: %u, not %u", cases[i].from, cases[i].to, error, cases[i].error);
    }
    is_there(output, "c/f", "first");
    assert_int_equal(by_path(output, CLO_FILE_STAT, "c/d/a/b"), 0);
    assert_int_equal(by_path(output, CLO_FILE_STAT, "f"), NOENT);
    assert_int_equal(by_path(output, CLO_FILE_STAT, "g"), NOENT);
}

static void no_path_gets_longer_than_can_be_said(void **state)
{
    struct output *output = *state;
    char path[CLO_FILE_PATH_MAX + 1] = "";
    size_t length = 0;
    while (length + 201 <= 3000) { /* a chain of folders */
        length +=
            (size_t)snprintf(path + length, sizeof path - length, "%s%0200d", length ? "/" : "", 1);
        assert_int_equal(by_path(output, CLO_FILE_MKDIR, path), 0);
    }
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "other"), 0);
    char first[201];
    memcpy(first, path, 200);
    first[200] = '\0';
    char deep[CLO_FILE_PATH_MAX + 1] = "other";
    for (int i = 0; i < 8; i++) {
        size_t used = strlen(deep);
        snprintf(deep + used, sizeof deep - used, "/%0200d", 2);
        assert_int_equal(by_path(output, CLO_FILE_MKDIR, deep), 0);
    }
    strcat(deep, "/x");
    assert_int_equal(rename_to(output, first, deep), TOOLONG);
    assert_int_equal(by_path(output, CLO_FILE_STAT, path), 0);
    snprintf(deep, sizeof deep, "%0256d", 3);
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, deep), TOOLONG);
    deep[255] = '\0';
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, deep), 0);
}

static void a_listing_is_whole_though_names_come_and_go(void **state)
{
    struct output *output = *state;
    char name[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "folder %d", i);
        assert_int_equal(by_path(output, CLO_FILE_MKDIR, name), 0);
    }
    struct clo_file_request open = {.op = CLO_FILE_OPEN};
    struct clo_file_request list = {.op = CLO_FILE_LIST, .length = 1000};
    list.handle = ask(output, open, "", NULL).handle;
    size_t seen = 0;
    for (;;) {
        struct clo_file_reply reply = ask(output, list, "", NULL);
        assert_int_equal(reply.error, 0);
        for (uint32_t at = 0; at < reply.length; seen++) {
            struct clo_file_name record;
            memcpy(&record, data_of(output) + at, sizeof record);
            assert_int_equal(record.type, 3);
            at += (uint32_t)sizeof record + record.length;
        }
        if (reply.end)
            break;
        snprintf(name, sizeof name, "folder %zu", seen - 1); /* one that was seen */
        assert_int_equal(by_path(output, CLO_FILE_RMDIR, name), 0);
    }
    assert_int_equal(seen, 2000);
    list.flags = CLO_FILE_RESTART;
    list.length = sizeof(struct clo_file_name);
    assert_int_equal(ask(output, list, "", NULL).error, INVAL);
}

/* ---- contents ---- */

static void contents_are_what_was_written(void **state)
{
    struct output *output = *state;
    uint32_t handle = create(output, "f", NULL);
    assert_int_equal(write_at(output, handle, 5, "hello", 5).size, 10);
    struct clo_file_request request = {.op = CLO_FILE_OPEN, .length = 100};
    struct clo_file_reply reply = ask(output, request, "f", NULL);
    assert_int_equal(reply.length, 10);
    assert_memory_equal(data_of(output), "\0\0\0\0\0hello", 10);
    uint32_t reader = reply.handle;
    /* by another handle, at once; what was cut off is zeros when the file grows again */
    request = (struct clo_file_request){.op = CLO_FILE_RESIZE, .handle = handle, .offset = 7};
    assert_int_equal(ask(output, request, "", NULL).size, 7);
    request.offset = 9;
    assert_int_equal(ask(output, request, "", NULL).size, 9);
    request = (struct clo_file_request){
        .op = CLO_FILE_READ, .handle = reader, .offset = 4, .length = 100};
    reply = ask(output, request, "", NULL);
    assert_int_equal(reply.length, 5);
    assert_int_equal(reply.end, 1);
    assert_memory_equal(data_of(output), "\0he\0\0", 5);
    request.offset = UINT64_MAX;
    assert_int_equal(ask(output, request, "", NULL).length, 0);
    struct clo_file_request append = {.op = CLO_FILE_WRITE,
                                      .handle = handle,
                                      .flags = CLO_FILE_APPEND,
                                      .offset = UINT64_MAX,
                                      .data_length = 3};
    assert_int_equal(ask(output, append, "", "end").size, 12);
    append.handle = reader;
    assert_int_equal(ask(output, append, "", "end").error, BADF);
    request = (struct clo_file_request){
        .op = CLO_FILE_RESIZE, .handle = handle, .flags = CLO_FILE_GROW, .offset = 3};
    assert_int_equal(ask(output, request, "", NULL).size, 12);
}

static void a_file_without_a_name_stays_until_it_is_closed(void **state)
{
    struct output *output = *state;
    uint32_t handle = create(output, "f", NULL);
    write_at(output, handle, 0, "old", 3);
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, "f"), 0);
    put(output, "f", "a new one");
    struct clo_file_request request = {.op = CLO_FILE_READ, .handle = handle, .length = 10};
    assert_int_equal(ask(output, request, "", NULL).length, 3);
    assert_memory_equal(data_of(output), "old", 3);
    request.op = CLO_FILE_STAT;
    assert_int_equal(ask(output, request, "", NULL).links, 0);
    uint32_t other = create(output, "g", NULL);
    write_at(output, other, 0, "replaced", 8);
    assert_int_equal(rename_to(output, "f", "g"), 0);
    assert_int_equal(write_at(output, other, 8, " and more", 9).size, 17);
    is_there(output, "g", "a new one");
    end(output);
    assert_int_equal(output->result->artifact_count, 1);
}

static void times_are_the_guests(void **state)
{
    struct output *output = *state;
    uint32_t handle = create(output, "f", NULL);
    struct clo_file_reply reply = write_at(output, handle, 0, "x", 1);
    assert_int_equal(reply.modified_ns, 9);
    assert_int_equal(reply.accessed_ns, 5);
    struct clo_file_times times = {100, 200};
    struct clo_file_request request = {.op = CLO_FILE_TIMES,
                                       .flags = CLO_FILE_MODIFIED,
                                       .time_ns = 11,
                                       .data_length = sizeof times};
    reply = ask(output, request, "f", &times);
    assert_int_equal(reply.modified_ns, 200);
    assert_int_equal(reply.accessed_ns, 5);
    assert_int_equal(reply.changed_ns, 11);
    request.flags = CLO_FILE_ACCESSED;
    request.handle = handle;
    assert_int_equal(ask(output, request, "", &times).accessed_ns, 100);
    request.data_length = 3;
    assert_int_equal(ask(output, request, "", &times).error, INVAL);
}

/* ---- quotas ---- */

static void each_quota_has_its_error(void **state)
{
    struct output *output = *state;
    static char data[FILE_BYTES];
    uint32_t one = create(output, "1", NULL), two = create(output, "2", NULL),
             three = create(output, "3", NULL), error;
    struct clo_file_reply reply = write_at(output, one, FILE_BYTES - 10, data, 20);
    assert_int_equal(reply.length, 10); /* as far as there was room */
    assert_int_equal(write_at(output, one, FILE_BYTES, data, 1).error, FBIG);
    assert_int_equal(write_at(output, one, UINT64_MAX, data, 1).error, FBIG);
    assert_int_equal(write_at(output, one, 0, data, FILE_BYTES).length, FILE_BYTES);
    struct clo_file_request request = {
        .op = CLO_FILE_RESIZE, .handle = two, .offset = FILE_BYTES + 1};
    assert_int_equal(ask(output, request, "", NULL).error, FBIG);
    request.offset = FILE_BYTES; /* a hole counts */
    assert_int_equal(ask(output, request, "", NULL).error, 0);
    request.handle = three;
    assert_int_equal(ask(output, request, "", NULL).error, DQUOT);
    assert_int_equal(write_at(output, three, TOTAL_BYTES - 2 * FILE_BYTES, data, 1).error, DQUOT);
    reply = write_at(output, three, 0, data, FILE_BYTES);
    assert_int_equal(reply.length, TOTAL_BYTES - 2 * FILE_BYTES);
    assert_int_equal(write_at(output, two, 0, data, FILE_BYTES).length, FILE_BYTES);
    /* what goes away makes room, but not while somebody has it open */
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, "1"), 0);
    assert_int_equal(write_at(output, three, 60000, data, 1).error, DQUOT);
    request = (struct clo_file_request){.op = CLO_FILE_RESIZE, .handle = two, .offset = 1};
    assert_int_equal(ask(output, request, "", NULL).error, 0);
    assert_int_equal(write_at(output, three, 60000, data, 1).length, 1);
    for (char name[] = "4"; name[0] <= '6'; name[0]++)
        create(output, name, NULL);
    create(output, "7", &error);
    assert_int_equal(error, DQUOT);
    assert_int_equal(by_path(output, CLO_FILE_UNLINK, "6"), 0);
    create(output, "7", NULL);
    end(output);
    assert_int_equal(output->result->artifact_count, FILES);
    assert_int_equal(output->result->artifacts_refused, CLO_LIMIT_ARTIFACT_FILE_BYTES);
    assert_int_equal(output->result->artifacts_refused_value, FILE_BYTES);
}

static void folders_have_a_ceiling_too(void **state)
{
    struct output *output = *state;
    char name[16];
    for (unsigned i = 0; i < CLO_ARTIFACT_FOLDERS_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        if (by_path(output, CLO_FILE_MKDIR, name))
            fail_msg("folder %u", i);
    }
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "one more"), DQUOT);
    assert_int_equal(by_path(output, CLO_FILE_RMDIR, "5"), 0);
    assert_int_equal(by_path(output, CLO_FILE_MKDIR, "one more"), 0);
}

static void handles_have_a_ceiling(void **state)
{
    struct output *output = *state;
    uint32_t error, handle = create(output, "f", NULL);
    for (unsigned i = 1; i < CLO_FILES_OPEN_MAX; i++)
        create(output, "f", NULL);
    create(output, "g", &error);
    assert_int_equal(error, MFILE);
    assert_int_equal(by_path(output, CLO_FILE_STAT, "g"), NOENT); /* it was not made either */
    write_at(output, handle, 0, "text", 4);
    create(output, "f", &error);
    assert_int_equal(error, MFILE);
    struct clo_file_request request = {.op = CLO_FILE_READ, .handle = handle, .length = 10};
    assert_int_equal(ask(output, request, "", NULL).length, 4); /* nor made empty */
}

static void quotas_that_no_file_can_hold_are_refused(void **state)
{
    struct clo_limits limits, wanted = {.artifact_file_bytes = 8ull << 30, .artifact_files = 257};
    struct clo_error error;
    (void)state;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), CLO_EINVALID);
    assert_string_equal(
        error.message,
        "limits artifact_files 257 and artifact_file_bytes 8 GiB do not go together");
    wanted.artifact_files = 256;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), 0);
    assert_int_equal(limits.artifact_total_bytes, 256u << 20);
    wanted.artifact_file_bytes = 9ull << 30;
    assert_int_equal(clo_limits_resolve(&limits, &wanted, NULL, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "artifact_file_bytes"));
}

/* ---- messages ---- */

static void a_message_that_is_not_well_formed_ends_the_run(void **state)
{
    struct output *output = *state;
    uint32_t handle = create(output, "f", NULL);
    const struct {
        struct clo_file_request request;
        const char *path;
        const char *data;
    } cases[] = {
        {{.op = CLO_FILE_MKDIR, .mount = 1}, "x", ""},
        {{.op = CLO_FILE_MKDIR}, "..", ""},
        {{.op = CLO_FILE_MKDIR}, "a/../b", ""},
        {{.op = CLO_FILE_MKDIR}, "/a", ""},
        {{.op = CLO_FILE_MKDIR}, "a/", ""},
        {{.op = CLO_FILE_RENAME, .data_length = 2}, "f", ".."},
        {{.op = CLO_FILE_RENAME, .data_length = 2}, "f", "a\0"},
        {{.op = CLO_FILE_RENAME, .data_length = 2}, "f", "/a"},
        {{.op = 14}, "f", ""},
        {{.op = 0}, "f", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (send(output, cases[i].request, cases[i].path, cases[i].data) != CLO_EGUEST)
            fail_msg("case %zu", i);
    }
    /* a message whose data are said to be more than there is room for, or than there are */
    struct clo_file_request request = {
        .op = CLO_FILE_WRITE, .handle = handle, .data_length = CLO_FILE_DATA_MAX + 1};
    struct clo_file_request most = {
        .op = CLO_FILE_WRITE, .handle = handle, .data_length = CLO_FILE_DATA_MAX};
    char *data = calloc(1, CLO_FILE_DATA_MAX + 1);
    assert_non_null(data);
    assert_int_equal(send(output, request, "", data), CLO_EGUEST);
    assert_int_equal(send(output, most, "", data), 0);
    int descriptor;
    assert_int_equal(clo_files_answer(output->files, (const uint8_t *)output->message.data,
                                      output->message.length - 1, &output->reply, &descriptor,
                                      &output->error),
                     CLO_EGUEST);
    free(data);
    request = (struct clo_file_request){.op = CLO_FILE_READ, .handle = handle + 1};
    assert_int_equal(ask(output, request, "", NULL).error, STALE);
    request = (struct clo_file_request){.op = CLO_FILE_LIST, .handle = handle};
    assert_int_equal(ask(output, request, "", NULL).error, NOTDIR);
}

static void without_an_output_there_is_no_such_mount(void **state)
{
    struct output *output = *state;
    clo_files_end(output->files);
    clo_files_begin(output->files, &no_mounts, NULL);
    assert_int_equal(send(output, (struct clo_file_request){.op = CLO_FILE_STAT}, "", NULL),
                     CLO_EGUEST);
    clo_files_end(output->files);
    assert_int_equal(send(output, (struct clo_file_request){.op = CLO_FILE_STAT}, "", NULL),
                     CLO_EGUEST);
}

/* ---- what a result lists ---- */

static void a_result_lists_and_reads_the_files(void **state)
{
    struct output *output = *state;
    by_path(output, CLO_FILE_MKDIR, "sub");
    put(output, "sub/b.txt", "hello");
    put(output, "b", "\xc3\xa4 text");
    put(output, "data", "bytes \xff");
    create(output, "empty.csv", NULL);
    struct clo_file_request request = {
        .op = CLO_FILE_RESIZE, .handle = create(output, "a\n\xff.bin", NULL), .offset = FILE_BYTES};
    assert_int_equal(ask(output, request, "", NULL).error, 0);
    end(output);
    const struct clo_artifact expected[] = {
        {"a\n\\xff.bin", true, true, FILE_BYTES, "application/octet-stream", ""},
        {"b", false, true, 7, "text/plain", ""},
        {"data", false, true, 7, "application/octet-stream", ""},
        {"empty.csv", false, true, 0, "text/csv",
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"sub/b.txt", false, true, 5, "text/plain",
         "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
    };
    assert_int_equal(output->result->artifact_count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct clo_artifact *artifact = &output->result->artifacts[i];
        assert_string_equal(artifact->path, expected[i].path);
        assert_int_equal(artifact->renamed, expected[i].renamed);
        assert_int_equal(artifact->changed, expected[i].changed);
        assert_int_equal(artifact->size, expected[i].size);
        assert_string_equal(artifact->media_type, expected[i].media_type);
        assert_int_equal(strlen(artifact->sha256), 64);
        if (expected[i].sha256[0])
            assert_string_equal(artifact->sha256, expected[i].sha256);
    }
    /* the contents are the result's, whatever the next run does */
    begin(output, false);
    put(output, "b", "something else");
    char data[16];
    size_t got;
    struct clo_error error;
    assert_int_equal(clo_artifact_read(output->result, 4, 1, data, sizeof data, &got, &error), 0);
    assert_int_equal(got, 4);
    assert_memory_equal(data, "ello", 4);
    assert_int_equal(clo_artifact_read(output->result, 0, FILE_BYTES - 3, data, 16, &got, &error),
                     0);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "\0\0\0", 3);
    assert_int_equal(clo_artifact_read(output->result, 4, 5, data, 16, &got, &error), 0);
    assert_int_equal(got, 0);
    assert_int_equal(clo_artifact_read(output->result, 5, 0, data, 16, &got, &error), CLO_EINVALID);
    assert_string_equal(error.message, "artifact 5 of 5");
}

static void a_session_keeps_its_files_and_results_keep_theirs(void **state)
{
    struct output *output = *state;
    char data[16] = "";
    size_t got;
    put(output, "f", "first");
    put(output, "g", "stays");
    end(output);
    struct clo_run_result *first = output->result;
    output->result = NULL;
    output->limits.artifact_files = 50; /* and more room than there was */
    output->limits.artifact_file_bytes = 2 * FILE_BYTES;
    begin(output, true);
    is_there(output, "f", "first");
    put(output, "f", "second run");
    end(output);
    assert_int_equal(output->result->artifact_count, 2);
    assert_int_equal(clo_artifact_read(first, 0, 0, data, 15, &got, NULL), 0);
    assert_string_equal(data, "first");
    assert_int_equal(clo_artifact_read(output->result, 0, 0, data, 15, &got, NULL), 0);
    assert_string_equal(data, "second run");
    clo_run_result_free(first);
    clo_run_result_free(output->result); /* nobody has the spool but the tree: it is not copied */
    output->result = NULL;
    begin(output, true);
    is_there(output, "g", "stays");
    begin(output, false);
    assert_int_equal(by_path(output, CLO_FILE_STAT, "g"), NOENT);
}

static void a_name_promises_a_media_type(void **state)
{
    (void)state;
    assert_string_equal(clo_media_type_by_name("a.CSV"), "text/csv");
    assert_string_equal(clo_media_type_by_name("x.y/report.tar.gz"), "application/gzip");
    assert_string_equal(clo_media_type_by_name("chart.png"), "image/png");
    static const char *const endings[] = {"7z", "zst", "xlsx", "json", "html", "zip"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[16];
        snprintf(name, sizeof name, "f.%s", endings[i]);
        assert_non_null(clo_media_type_by_name(name));
    }
    assert_null(clo_media_type_by_name(".csv"));
    assert_null(clo_media_type_by_name("x.csv/y"));
    assert_null(clo_media_type_by_name("none"));
    assert_null(clo_media_type_by_name("x."));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_and_folders_are_made_and_taken_away),
        CASE(opening_is_as_of_linux),
        CASE(renaming_is_as_of_linux),
        CASE(no_path_gets_longer_than_can_be_said),
        CASE(a_listing_is_whole_though_names_come_and_go),
        CASE(contents_are_what_was_written),
        CASE(a_file_without_a_name_stays_until_it_is_closed),
        CASE(times_are_the_guests),
        CASE(each_quota_has_its_error),
        CASE(folders_have_a_ceiling_too),
        CASE(handles_have_a_ceiling),
        CASE(quotas_that_no_file_can_hold_are_refused),
        CASE(a_message_that_is_not_well_formed_ends_the_run),
        CASE(without_an_output_there_is_no_such_mount),
        CASE(a_result_lists_and_reads_the_files),
        CASE(a_session_keeps_its_files_and_results_keep_theirs),
        CASE(a_name_promises_a_media_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

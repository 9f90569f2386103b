/* ahead_test.c - what the host tells of a folder's next names, and when. Real Python goes through it in
 * tests/sandbox/files_ahead_test.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/files.h"
#include "sandbox/files/files.h"

#define FILES 200

struct tree {
    char top[64];
    struct clo_mounts *mounts;
    struct clo_files *files;
    struct clo_buffer reply;
    struct clo_error error;
};

static void put(const struct tree *tree, const char *name, const char *data, size_t length)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", tree->top, name);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(data, 1, length, file) != length || fclose(file))
        fail_msg("%s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat, (void)flag, (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct tree *tree = *state;
    clo_files_free(tree->files);
    clo_mounts_close(tree->mounts);
    clo_buffer_free(&tree->reply);
    nftw(tree->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static int mount(struct tree *tree, const char *source)
{
    struct clo_mount mount = {.source = source, .target = "/input/it"};
    clo_files_free(tree->files);
    clo_mounts_close(tree->mounts);
    tree->files = NULL;
    tree->mounts = NULL;
    if (clo_mounts_open(&tree->mounts, &mount, 1, &tree->error) ||
        clo_files_create(&tree->files, &tree->error)) {
        print_error("%s\n", tree->error.message);
        return -1;
    }
    clo_files_begin(tree->files, tree->mounts, NULL);
    return 0;
}

/* 000.txt, 001.txt … with their own names in them, and among them, each at its place: a link, a
 * folder, an empty file, one that is too large, and one with another suffix. */
static int set_up(void **state)
{
    static struct tree tree;
    static char large[CLO_FILE_AHEAD_BYTES_MAX + 1];
    char name[80], path[200];
    tree = (struct tree){.top = "/tmp/cloche-ahead-XXXXXX",
                         .reply = CLO_BUFFER(2 * CLO_FILE_DATA_MAX)};
    *state = &tree;
    if (!mkdtemp(tree.top))
        return -1;
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%03d.txt", i);
        put(&tree, name, name, strlen(name));
    }
    snprintf(path, sizeof path, "%s/100-link.txt", tree.top);
    if (symlink("/etc/passwd", path))
        return -1;
    snprintf(path, sizeof path, "%s/100-folder.txt", tree.top);
    if (mkdir(path, 0755))
        return -1;
    put(&tree, "100-empty.txt", "", 0);
    put(&tree, "100-large.txt", large, sizeof large);
    put(&tree, "100-other.csv", "a,b", 3);
    if (mount(&tree, tree.top)) {
        tear_down(state);
        return -1;
    }
    return 0;
}

/* The reply to a look at `path`; what comes next is in tree->reply behind its data. */
static struct clo_file_reply look(struct tree *tree, enum clo_file_op op, const char *path)
{
    struct clo_file_request request = {
        .op = op, .flags = CLO_FILE_AHEAD, .length = 65536, .path_length = (uint32_t)strlen(path)};
    struct clo_file_reply reply;
    uint8_t message[5000];
    int descriptor;
    memcpy(message, &request, sizeof request);
    memcpy(message + sizeof request, path, request.path_length);
    clo_buffer_reset(&tree->reply);
    if (clo_files_answer(tree->files, message, sizeof request + request.path_length, &tree->reply,
                         &descriptor, &tree->error))
        fail_msg("%s: %s", path, tree->error.message);
    memcpy(&reply, tree->reply.data, sizeof reply);
    if (reply.handle) { /* opened: done with at once */
        struct clo_file_request close = {.op = CLO_FILE_CLOSE, .closed_count = 1};
        struct clo_buffer closed = CLO_BUFFER(4096);
        memcpy(message, &close, sizeof close);
        memcpy(message + sizeof close, &reply.handle, sizeof reply.handle);
        assert_int_equal(clo_files_answer(tree->files, message, sizeof close + 4, &closed,
                                          &descriptor, &tree->error),
                         0);
        clo_buffer_free(&closed);
    }
    return reply;
}

static struct clo_file_reply look_at(struct tree *tree, enum clo_file_op op, int number)
{
    char name[80];
    snprintf(name, sizeof name, "%03d.txt", number);
    return look(tree, op, name);
}

/* The record of a name in the last reply; its content at *content. NULL: there is none. */
static const struct clo_file_ahead *told(struct tree *tree, const struct clo_file_reply *reply,
                                         const char *name, const char **content)
{
    static struct clo_file_ahead record;
    const char *at = tree->reply.data + sizeof *reply + reply->length;
    for (uint32_t i = 0; i < reply->ahead; i++) {
        memcpy(&record, at, sizeof record);
        at += sizeof record;
        *content = at + record.name_length;
        if (record.name_length == strlen(name) && memcmp(at, name, record.name_length) == 0)
            return &record;
        at += record.name_length + record.of.length;
    }
    if (at > tree->reply.data + tree->reply.length)
        fail_msg("records go on behind the reply");
    return NULL;
}

static void from_the_fifth_look_on_the_next_ones_are_told(void **state)
{
    struct tree *tree = *state;
    const char *content;
    for (int i = 0; i < 4; i++)
        assert_int_equal(look_at(tree, CLO_FILE_OPEN, i).ahead, 0);
    struct clo_file_reply reply = look_at(tree, CLO_FILE_OPEN, 4);
    assert_int_equal(reply.ahead, 8);
    const struct clo_file_ahead *record = told(tree, &reply, "005.txt", &content);
    assert_non_null(record);
    assert_true(record->of.type == 4 && record->of.size == 7 && record->of.length == 7 &&
                record->of.end && record->of.inode && !record->of.handle);
    assert_memory_equal(content, "005.txt", 7);
    assert_non_null(told(tree, &reply, "012.txt", &content));
    assert_null(told(tree, &reply, "013.txt", &content));
    reply = look_at(tree, CLO_FILE_OPEN, 13); /* those were told: it goes along */
    assert_int_equal(reply.ahead, 16);
    for (int next = 30; next < 64; next += 33) {
        reply = look_at(tree, CLO_FILE_OPEN, next);
        assert_int_equal(reply.ahead, CLO_FILE_AHEAD_OPENED_MAX); /* and there it stays */
    }
}

static void looks_tell_what_there_is_without_content(void **state)
{
    struct tree *tree = *state;
    const char *content;
    struct clo_file_reply reply;
    for (int i = 0; i < 5; i++)
        reply = look_at(tree, CLO_FILE_STAT, i);
    const struct clo_file_ahead *record = told(tree, &reply, "005.txt", &content);
    assert_true(record && record->of.size == 7 && !record->of.length && !record->of.end);
}

/* Where the names stand in the folder's listing, by their numbers. */
static void read_places(const struct tree *tree, int place[FILES])
{
    DIR *listing = opendir(tree->top);
    int at = 0, number;
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)); at++) {
        if (strlen(entry->d_name) == 7 && sscanf(entry->d_name, "%d", &number) == 1)
            place[number] = at;
    }
    closedir(listing);
}

static void who_goes_elsewhere_is_told_nothing(void **state)
{
    struct tree *tree = *state;
    int place[FILES], looks = 0;
    bool done[FILES] = {false};
    read_places(tree, place);
    for (int last = 0, next = 0; next < FILES; next++) { /* never a few names on in either order */
        int sorted = next - last, listed = place[next] - place[last];
        if (done[next] || (sorted > 0 && sorted < 20) || (listed > 0 && listed < 20))
            continue;
        assert_int_equal(look_at(tree, CLO_FILE_OPEN, next).ahead, 0);
        done[next] = true;
        last = next;
        next = -1;
        looks++;
    }
    assert_true(looks > 20);
    for (int i = 0; i < 90; i++) /* two folders in turn */
        assert_int_equal(look(tree, CLO_FILE_STAT, i % 2 ? "100-folder.txt/x" : "007.txt").ahead,
                         0);
}

static void only_files_of_the_kind_come_with_content(void **state)
{
    struct tree *tree = *state;
    const char *content;
    struct clo_file_reply reply;
    for (int i = 94; i < 100; i++)
        reply = look_at(tree, CLO_FILE_OPEN, i);
    assert_non_null(told(tree, &reply, "100.txt", &content));
    assert_null(told(tree, &reply, "100-link.txt", &content));
    assert_null(told(tree, &reply, "100-other.csv", &content));
    const char *const without[] = {"100-folder.txt", "100-empty.txt", "100-large.txt"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        const struct clo_file_ahead *record = told(tree, &reply, without[i], &content);
        if (!record || record->of.length || record->of.end)
            fail_msg("%s: %s", without[i], record ? "with content" : "not told");
    }
}

static void a_reply_has_a_ceiling(void **state)
{
    struct tree *tree = *state;
    static char data[CLO_FILE_AHEAD_BYTES_MAX];
    char name[80];
    struct clo_file_reply reply;
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%03d.txt", i);
        put(tree, name, data, sizeof data);
    }
    for (int i = 0; i < 60; i++) {
        reply = look_at(tree, CLO_FILE_OPEN, i);
        assert_true(tree->reply.length - sizeof reply - reply.length <= CLO_FILE_AHEAD_ALL_MAX);
    }
    assert_true(reply.ahead == CLO_FILE_AHEAD_ALL_MAX / CLO_FILE_AHEAD_BYTES_MAX - 1);
}

static void beside_a_file_mounted_alone_nothing_is_told(void **state)
{
    struct tree *tree = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/007.txt", tree->top);
    assert_int_equal(mount(tree, path), 0);
    for (int i = 0; i < 9; i++)
        assert_int_equal(look(tree, CLO_FILE_OPEN, "").ahead, 0);
}

static void names_that_are_gone_are_not_told(void **state)
{
    struct tree *tree = *state;
    const char *content;
    char path[200];
    struct clo_file_reply reply;
    for (int i = 0; i < 4; i++)
        look_at(tree, CLO_FILE_OPEN, i);
    snprintf(path, sizeof path, "%s/005.txt", tree->top);
    assert_int_equal(unlink(path), 0);
    put(tree, "006.txt", "new", 3);
    reply = look_at(tree, CLO_FILE_OPEN, 4);
    assert_null(told(tree, &reply, "005.txt", &content));
    assert_non_null(told(tree, &reply, "006.txt", &content));
    assert_memory_equal(content, "new", 3);
}

static void another_run_begins_anew(void **state)
{
    struct tree *tree = *state;
    for (int i = 0; i < 5; i++)
        look_at(tree, CLO_FILE_OPEN, i);
    clo_files_end(tree->files);
    clo_files_begin(tree->files, tree->mounts, NULL);
    for (int i = 5; i < 9; i++)
        assert_int_equal(look_at(tree, CLO_FILE_OPEN, i).ahead, 0);
    assert_true(look_at(tree, CLO_FILE_OPEN, 9).ahead > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(from_the_fifth_look_on_the_next_ones_are_told),
        TEST(looks_tell_what_there_is_without_content),
        TEST(who_goes_elsewhere_is_told_nothing),
        TEST(only_files_of_the_kind_come_with_content),
        TEST(a_reply_has_a_ceiling),
        TEST(beside_a_file_mounted_alone_nothing_is_told),
        TEST(names_that_are_gone_are_not_told),
        TEST(another_run_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

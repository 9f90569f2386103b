/* look_test.c - the host's side of mounted files: paths, messages that a hostile guest may send, how
 * mounts are written. Real Python looks at them in tests/sandbox/files_test.c. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/files.h"
#include "sandbox/files/beneath.h"
#include "sandbox/files/files.h"
#include "sandbox/files/mount_text.h"

#define NOTDIR 54u /* WASI's numbers */
#define STALE 72u

struct tree {
    char top[64], data[80];
    int root; /* of data */
    struct clo_mounts *mounts;
    struct clo_files *files;
    struct clo_buffer reply;
    struct clo_error error;
};

static void put(const char *folder, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file))
        fail_msg("%s: %s", path, strerror(errno));
}

static void link_to(const char *folder, const char *name, const char *target)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (symlink(target, path))
        fail_msg("%s: %s", path, strerror(errno));
}

static void make_folder(const char *folder, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (mkdir(path, 0755))
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
    if (tree->root >= 0)
        close(tree->root);
    nftw(tree->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static int set_up(void **state)
{
    static struct tree tree;
    tree = (struct tree){
        .top = "/tmp/cloche-look-XXXXXX", .root = -1, .reply = CLO_BUFFER(2 * CLO_FILE_DATA_MAX)};
    *state = &tree;
    if (!mkdtemp(tree.top))
        return -1;
    snprintf(tree.data, sizeof tree.data, "%s/data", tree.top);
    put(tree.top, "outside", "secret");
    make_folder(tree.top, "data");
    make_folder(tree.data, "sub");
    put(tree.data, "a", "content of a");
    put(tree.data, "sub/b", "b");
    link_to(tree.data, "out", "../outside");
    link_to(tree.data, "in", "a");
    link_to(tree.data, "up", "..");
    tree.root = open(tree.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct clo_mount mount = {.source = tree.data};
    if (clo_mounts_open(&tree.mounts, &mount, 1, &tree.error) ||
        clo_files_create(&tree.files, &tree.error)) {
        print_error("%s\n", tree.error.message);
        tear_down(state); /* cmocka does not where this fails */
        return -1;
    }
    clo_files_begin(tree.files, tree.mounts, NULL);
    return 0;
}

/* ---- paths ---- */

static void a_path_has_names_only(void **state)
{
    static const char *const good[] = {"", "a", "a/b", "...", "..a/.b", "a\n\\:*"};
    static const char *const bad[] = {"/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!clo_beneath_valid(good[i], strlen(good[i])))
            fail_msg("\"%s\" is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (clo_beneath_valid(bad[i], strlen(bad[i])))
            fail_msg("\"%s\" is taken", bad[i]);
    assert_false(clo_beneath_valid("a\0b", 3));
}

static int try_open(int (*open_beneath)(int, const char *, int), int root, const char *path,
                    int flags)
{
    int fd = open_beneath(root, path, flags);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* By openat2 and, as on older kernels, name by name. */
static void both_ways_end_at_links(void **state)
{
    static const struct {
        const char *path;
        int flags, either, or ;
    } cases[] = {
        {"a", O_RDONLY, 0, 0},
        {"", O_RDONLY | O_DIRECTORY, 0, 0},
        {"sub/b", O_RDONLY, 0, 0},
        {"out", O_RDONLY, ELOOP, ELOOP},
        {"in", O_RDONLY, ELOOP, ELOOP},
        {"in", O_PATH | O_NOFOLLOW, 0, 0},
        {"up/outside", O_RDONLY, ELOOP, ENOTDIR},
        {"none/a", O_RDONLY, ENOENT, ENOENT},
        {"a/b", O_RDONLY, ENOTDIR, ENOTDIR},
    };
    const struct tree *tree = *state;
    char longest[300];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 290, "/a", 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int way = try_open(clo_beneath_open, tree->root, cases[i].path, cases[i].flags);
        int walk = try_open(clo_beneath_walk, tree->root, cases[i].path, cases[i].flags);
        if ((way != cases[i].either && way != cases[i].or) || walk != cases[i].or)
            fail_msg("\"%s\": %s, name by name %s", cases[i].path, strerror(way), strerror(walk));
    }
    assert_int_equal(try_open(clo_beneath_open, tree->root, longest, O_RDONLY), ENAMETOOLONG);
    assert_int_equal(try_open(clo_beneath_walk, tree->root, longest, O_RDONLY), ENAMETOOLONG);
}

/* ---- messages ---- */

static int answer_bytes(struct tree *tree, const void *message, size_t length,
                        struct clo_file_reply *reply)
{
    int descriptor;
    clo_buffer_reset(&tree->reply);
    int status =
        clo_files_answer(tree->files, message, length, &tree->reply, &descriptor, &tree->error);
    if (!status)
        memcpy(reply, tree->reply.data, sizeof *reply);
    return status;
}

static int answer(struct tree *tree, struct clo_file_request request, const uint32_t *closed,
                  const char *path, struct clo_file_reply *reply)
{
    uint8_t message[5000];
    size_t used = sizeof request;
    request.path_length = (uint32_t)strlen(path);
    memcpy(message, &request, sizeof request);
    if (closed)
        memcpy(message + used, closed, request.closed_count * sizeof *closed);
    used += request.closed_count * sizeof *closed;
    memcpy(message + used, path, request.path_length);
    return answer_bytes(tree, message, used + request.path_length, reply);
}

static uint32_t open_handle(struct tree *tree, const char *path, uint32_t length)
{
    struct clo_file_request request = {.op = CLO_FILE_OPEN, .length = length};
    struct clo_file_reply reply;
    if (answer(tree, request, NULL, path, &reply))
        fail_msg("%s: %s", path, tree->error.message);
    assert_int_equal(reply.error, 0);
    return reply.handle;
}

static void what_is_not_well_formed_ends_the_run(void **state)
{
    struct tree *tree = *state;
    struct clo_file_reply reply;
    uint8_t message[sizeof(struct clo_file_request) + 8] = {0};
    struct clo_file_request request = {.op = CLO_FILE_STAT};
    for (size_t length = 0; length < sizeof request; length++)
        assert_int_equal(answer_bytes(tree, message, length, &reply), CLO_EGUEST);
    const struct clo_file_request bad[] = {
        {.op = 0},
        {.op = 99},
        {.op = CLO_FILE_STAT, .mount = 1},
        {.op = CLO_FILE_OPEN, .mount = UINT32_MAX},
        {.op = CLO_FILE_STAT, .path_length = 9},
        {.op = CLO_FILE_STAT, .path_length = UINT32_MAX},
        {.op = CLO_FILE_CLOSE, .closed_count = 3},
        {.op = CLO_FILE_CLOSE, .closed_count = UINT32_MAX},
        {.op = CLO_FILE_CLOSE, .closed_count = 0x40000000, .path_length = 8},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memcpy(message, &bad[i], sizeof bad[i]);
        size_t length = bad[i].path_length || bad[i].closed_count ? sizeof message : sizeof request;
        if (answer_bytes(tree, message, length, &reply) != CLO_EGUEST)
            fail_msg("message %zu is taken", i);
    }
    static const char *const paths[] = {"..", "../outside",  "/etc/passwd",
                                        "a/", "sub/../../x", "."};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(answer(tree, request, NULL, paths[i], &reply), CLO_EGUEST);
    assert_int_equal(answer(tree, request, NULL, "a", &reply), 0); /* and it goes on */
    assert_int_equal(reply.size, 12);
}

static void a_file_is_opened_read_and_closed(void **state)
{
    struct tree *tree = *state;
    struct clo_file_reply reply;
    struct clo_file_request request = {.op = CLO_FILE_OPEN, .length = 7};
    assert_int_equal(answer(tree, request, NULL, "a", &reply), 0);
    assert_true(!reply.error && reply.type == 4 && reply.size == 12 && reply.length == 7 &&
                !reply.end && reply.handle);
    assert_memory_equal(tree->reply.data + sizeof reply, "content", 7);
    uint32_t handle = reply.handle;
    request = (struct clo_file_request){
        .op = CLO_FILE_READ, .handle = handle, .offset = 8, .length = UINT32_MAX};
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_true(!reply.error && reply.length == 4 && reply.end);
    assert_memory_equal(tree->reply.data + sizeof reply, "of a", 4);
    request.offset = UINT64_MAX;
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_true(reply.error);
    request = (struct clo_file_request){.op = CLO_FILE_CLOSE, .closed_count = 2};
    uint32_t closed[] = {handle, 12345};
    assert_int_equal(answer(tree, request, closed, "", &reply), 0);
    request = (struct clo_file_request){.op = CLO_FILE_READ, .handle = handle, .length = 1};
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_int_equal(reply.error, STALE);
    request.op = CLO_FILE_LIST;
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_int_equal(reply.error, STALE);
}

static void the_whole_file_comes_without_a_descriptor(void **state)
{
    struct tree *tree = *state;
    struct clo_file_request request = {.op = CLO_FILE_OPEN, .length = 100, .path_length = 1};
    uint8_t message[sizeof request + 1];
    int descriptor;
    memcpy(message, &request, sizeof request);
    message[sizeof request] = 'a';
    assert_int_equal(clo_files_answer(tree->files, message, sizeof message, &tree->reply,
                                      &descriptor, &tree->error),
                     0);
    assert_int_equal(descriptor, -1);
    request.length = 11;
    memcpy(message, &request, sizeof request);
    assert_int_equal(clo_files_answer(tree->files, message, sizeof message, &tree->reply,
                                      &descriptor, &tree->error),
                     0);
    assert_true(descriptor >= 0);
    assert_int_equal(fcntl(descriptor, F_GETFL) & O_ACCMODE, O_RDONLY);
}

static void a_folder_is_listed_in_pieces(void **state)
{
    struct tree *tree = *state;
    struct clo_file_reply reply;
    struct clo_file_request request = {
        .op = CLO_FILE_LIST, .handle = open_handle(tree, "", 0), .length = 300};
    char name[200];
    size_t count = 0;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "a name of some length that is not short %d", i);
        put(tree->data, name, "");
    }
    for (int restart = 0; restart < 2; restart++) {
        count = 0;
        request.flags = CLO_FILE_RESTART;
        do {
            assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
            assert_true(!reply.error && reply.length <= 300);
            for (uint32_t at = 0; at < reply.length;) {
                struct clo_file_name record;
                memcpy(&record, tree->reply.data + sizeof reply + at, sizeof record);
                at += (uint32_t)sizeof record + record.length;
                count++;
            }
            request.flags = 0;
        } while (!reply.end);
        assert_int_equal(count, 45);
    }
    request.length = 100; /* less than a name may need */
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_true(reply.error);
}

static void handles_have_a_ceiling(void **state)
{
    struct tree *tree = *state;
    struct clo_file_request request = {.op = CLO_FILE_OPEN};
    struct clo_file_reply reply;
    uint32_t first = open_handle(tree, "a", 0);
    for (uint32_t i = 1; i < CLO_FILES_OPEN_MAX; i++)
        open_handle(tree, i % 2 ? "a" : "sub", 0);
    assert_int_equal(answer(tree, request, NULL, "a", &reply), 0);
    assert_int_equal(reply.error, 33); /* EMFILE */
    request.closed_count = 1;
    assert_int_equal(answer(tree, request, &first, "a", &reply), 0);
    assert_int_equal(reply.error, 0);
    assert_int_not_equal(reply.handle, first); /* never twice in a run */
    clo_files_end(tree->files);
    request = (struct clo_file_request){.op = CLO_FILE_STAT, .handle = reply.handle};
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_int_equal(reply.error, STALE);
}

static void all_runs_together_leave_descriptors_to_the_process(void **state)
{
    struct tree *tree = *state;
    struct clo_file_request request = {.op = CLO_FILE_OPEN};
    struct clo_file_reply reply;
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 80;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    unsigned opened = 0;
    do {
        if (answer(tree, request, NULL, "a", &reply))
            break;
        opened += !reply.error;
    } while (!reply.error && opened < 100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(opened, 20);
    assert_int_equal(reply.error, 41); /* ENFILE */
}

static void below_a_mounted_file_there_is_nothing(void **state)
{
    struct tree *tree = *state;
    struct clo_file_reply reply;
    char path[200];
    snprintf(path, sizeof path, "%s/a", tree->data);
    struct clo_mount mount = {.source = path};
    clo_files_free(tree->files);
    clo_mounts_close(tree->mounts);
    tree->files = NULL;
    tree->mounts = NULL;
    if (clo_mounts_open(&tree->mounts, &mount, 1, &tree->error) ||
        clo_files_create(&tree->files, &tree->error))
        fail_msg("%s", tree->error.message);
    clo_files_begin(tree->files, tree->mounts, NULL);
    struct clo_file_request request = {.op = CLO_FILE_STAT};
    assert_int_equal(answer(tree, request, NULL, "", &reply), 0);
    assert_int_equal(reply.size, 12);
    assert_int_equal(answer(tree, request, NULL, "b", &reply), 0);
    assert_int_equal(reply.error, NOTDIR);
    assert_string_equal(tree->mounts->all[0].place, "/input/a");
}

/* ---- as people write it ---- */

static void a_mount_is_one_text(void **state)
{
    static const struct {
        const char *given, *source, *target;
    } cases[] = {
        {"data", "data", NULL},
        {"data/", "data/", NULL},
        {"/a/b:/input", "/a/b", "/input"},
        {"a:b:/input/x", "a:b", "/input/x"},
        {"a:b", "a:b", NULL},
        {"a:/x:/input/y", "a:/x", "/input/y"},
        {"d:/input/x:ro", "d", "/input/x"},
    };
    struct clo_mount mount;
    struct clo_error error;
    char *text;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (clo_mount_parse(cases[i].given, &mount, &text, &error))
            fail_msg("%s: %s", cases[i].given, error.message);
        assert_string_equal(mount.source, cases[i].source);
        if (cases[i].target)
            assert_string_equal(mount.target, cases[i].target);
        else
            assert_null(mount.target);
        free(text);
    }
    assert_int_equal(clo_mount_parse("", &mount, &text, &error), CLO_EINVALID);
    assert_int_equal(clo_mount_parse(":/input/x", &mount, &text, &error), CLO_EINVALID);
    assert_int_equal(clo_mount_parse("d:/input/x:rw", &mount, &text, &error), CLO_EINVALID);
    assert_non_null(strstr(error.message, "cannot be written"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_has_names_only),
        TEST(both_ways_end_at_links),
        TEST(what_is_not_well_formed_ends_the_run),
        TEST(a_file_is_opened_read_and_closed),
        TEST(the_whole_file_comes_without_a_descriptor),
        TEST(a_folder_is_listed_in_pieces),
        TEST(handles_have_a_ceiling),
        TEST(all_runs_together_leave_descriptors_to_the_process),
        TEST(below_a_mounted_file_there_is_nothing),
        TEST(a_mount_is_one_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

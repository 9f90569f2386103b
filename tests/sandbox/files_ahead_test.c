/* files_ahead_test.c - many small files of the host, which come before they are asked for: real Python
 * sees what it would see if each were opened by itself. In both placements. */
#include <errno.h>
#include <ftw.h>
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

#include "runs.h"

#define FILES 400

static char top[64];

static void put(int number, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%03d.txt", top, number);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The tool: to the file with this number, what is to happen to it. */
static int poke(void *context, const struct clo_value *arguments, struct clo_value *result,
                struct clo_error *error)
{
    const char *what = clo_value_text(clo_value_get(arguments, "what"));
    char path[200], other[200];
    (void)context, (void)error;
    snprintf(path, sizeof path, "%s/%s", top, what + 2);
    snprintf(other, sizeof other, "%s/other", top);
    FILE *file = fopen(*what == 'r' ? other : path, *what == 'a' ? "a" : "w");
    assert_non_null(file);
    fputs(*what == 'a' ? "+more" : "changed", file);
    fclose(file);
    if (*what == 'r')
        assert_int_equal(rename(other, path), 0);
    return clo_value_set_text(result, what);
}

static const struct clo_tool tools[] = {{
    .name = "poke",
    .description = "Append to a file (\"a NAME\"), write it anew (w), replace it by another (r).",
    .parameters = "{\"type\": \"object\", \"properties\": {\"what\": {\"type\": \"string\"}}}",
    .call = poke,
}};

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat, (void)flag, (void)walk;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(top, sizeof top, "/tmp/cloche-ahead-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void prints(void **state, const char *expected, const char *code)
{
    static char whole[8192];
    struct clo_mount mount = {.source = top, .target = "/input"};
    struct clo_sandbox_config config =
        runs_config((struct clo_sandbox_config){.tools = tools,
                                                .tool_count = 1,
                                                .placement = *(enum clo_placement *)*state,
                                                .mounts = &mount,
                                                .mount_count = 1,
                                                .limits = {.wall_ms = 120000, .cpu_ms = 60000}});
    struct clo_sandbox *sandbox = NULL;
    struct clo_run_result *result = NULL;
    struct clo_error error;
    snprintf(whole, sizeof whole,
             "import os, pathlib, time\n"
             "top = pathlib.Path('/input')\n"
             "def name(n): return f'/input/{n:03}.txt'\n"
             "def read(n):\n"
             "    with open(name(n)) as file: return file.read()\n"
             "def along(first, last):\n" /* until what comes next is told ahead */
             "    for n in range(first, last): read(n)\n"
             "%s",
             code);
    struct clo_run run = {.code = whole, .code_length = strlen(whole)};
    if (clo_sandbox_create(&sandbox, &config, &error) ||
        clo_sandbox_run(sandbox, &run, &result, &error))
        fail_msg("%s", error.message);
    if (result->error.kind || strcmp(result->out, expected) != 0)
        fail_msg("%s\n-> %s\nnot %s\n%s", code, result->out, expected, result->err);
    clo_run_result_free(result);
    clo_sandbox_destroy(sandbox);
}

/* Empty ones and ones above every ceiling are among them. */
static void put_sizes(void)
{
    static char text[40000];
    for (int i = 0; i < FILES; i++) {
        size_t length = (size_t)i * 911 % 20011;
        memset(text, 'a' + i % 26, length);
        text[i % 7 ? length : 0] = '\0';
        put(i, text);
    }
}

static void every_file_has_its_own_content(void **state)
{
    put_sizes();
    prints(
        state, "400 400 400 400\n",
        "def right(path):\n"
        "    n = int(path.stem)\n"
        "    size = n * 911 % 20011 if n % 7 else 0\n"
        "    return path.stat().st_size == size and path.read_text() == chr(97 + n % 26) * size\n"
        "print(sum(map(right, top.glob('*.txt'))), sum(map(right, sorted(top.iterdir()))),\n"
        "      sum(map(right, sorted(top.iterdir(), reverse=True))),\n"
        "      sum(right(top / f'{n * 37 % 400:03}.txt') for n in range(400)))\n");
}

static void files_stay_open_side_by_side(void **state)
{
    put_sizes();
    prints(state, "200 True\n",
           "files = [open(name(n)) for n in range(200)]\n"
           "time.sleep(0.3)\n" /* what came ahead is old by now */
           "texts = [file.read() for file in files]\n"
           "print(len(texts), texts == [read(n) for n in range(200)])\n");
}

static void it_is_read_in_pieces_and_out_of_order(void **state)
{
    put_sizes();
    prints(
        state, "True\nTrue\nTrue\n",
        "along(11, 16)\n"
        "for n in 17, 18, 19:\n"
        "    with open(name(n), 'rb', buffering=0) as file:\n"
        "        size, letter = n * 911 % 20011, bytes([97 + n % 26])\n"
        "        parts = [file.read(1000) for _ in range(16)]\n"
        "        file.seek(4000)\n"
        "        print(b''.join(parts) == letter * min(size, 16000) and\n"
        "              file.read(200) == letter * 200 and file.seek(0, 2) == size and file.read(1) == b'')\n");
}

static void what_a_tool_changed_is_seen(void **state)
{
    for (int i = 0; i < FILES; i++)
        put(i, "as it was");
    prints(state, "as it was changed\nas it was\n7 as it was changed\n",
           "along(0, 6)\n"
           "call_tool('poke', what='w 007.txt')\n"
           "print(read(6), read(7))\n"
           "along(8, 14)\n"
           "file = open(name(15))\n"
           "call_tool('poke', what='w 016.txt')\n"
           "print(file.read())\n"
           "along(17, 24)\n"
           "call_tool('poke', what='r 025.txt')\n"
           "print(os.stat(name(25)).st_size, read(24), read(25))\n");
}

static void an_open_file_goes_on_as_it_grows(void **state)
{
    for (int i = 0; i < FILES; i++)
        put(i, "line");
    prints(state, "line|+more|9\nline||4\nline||4\n",
           "along(0, 6)\n"
           "for n, what in (6, 'a'), (7, 'r'), (8, 'none'):\n"
           "    along(n - 5, n)\n"
           "    with open(name(n)) as file:\n"
           "        first = file.read()\n"
           "        if what != 'none': call_tool('poke', what=f'{what} {n:03}.txt')\n"
           "        time.sleep(0.2)\n"
           "        print(first, file.read(), os.fstat(file.fileno()).st_size, sep='|')\n");
}

static void what_is_old_is_looked_at_again(void **state)
{
    for (int i = 0; i < FILES; i++)
        put(i, "text");
    prints(state, "True\n",
           "along(0, 6)\n"
           "before = os.stat(name(7)).st_atime_ns\n"
           "time.sleep(0.2)\n"
           "with open(name(7)) as file:\n"
           "    print(os.fstat(file.fileno()).st_size == 4 and file.read() == 'text')\n");
}

#define BOTH(test) RUNS_BOTH(test, set_up, tear_down, &runs_thread, &runs_worker)

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    const struct CMUnitTest tests[] = {
        BOTH(every_file_has_its_own_content),        BOTH(files_stay_open_side_by_side),
        BOTH(it_is_read_in_pieces_and_out_of_order), BOTH(what_a_tool_changed_is_seen),
        BOTH(an_open_file_goes_on_as_it_grows),      BOTH(what_is_old_is_looked_at_again),
    };
    return status ? status : runs_end(runs_all(tests));
}
